"""Declarations, no logic: one module a prediction problem, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from pathlib import Path

from churn.datasets.dataset import Dataset
from churn.errors import ChurnError, SettingsError, did_you_mean

_OURS = tuple(__path__)


def load(name: str, *, own: Path | None = None) -> Dataset:
    """Returns the dataset that `<name>.py` declares, in the user's `own` folder of such modules or else among ours.

    Raises:
        SettingsError: there is no such module, or one of the user's does not run to its end.
    """
    __path__[:] = [*([str(own)] if own else []), *_OURS]
    names = {module.name for module in pkgutil.iter_modules(__path__)} - {"dataset"}
    if name not in names:
        raise SettingsError(where=f"dataset={name}", found="no such dataset", action=did_you_mean(name, names))
    if own and (own / f"{name}.py").is_file():
        return _own(name, own / f"{name}.py")
    return _declared(name)


def source(name: str) -> Path:
    """Returns the file that declares a dataset."""
    return Path(str(importlib.import_module(f"{__name__}.{name}").__file__))


def _declared(name: str) -> Dataset:
    found: object = importlib.import_module(f"{__name__}.{name}").DATASET
    if not isinstance(found, Dataset):
        raise TypeError(f"DATASET is a {type(found).__name__}")
    return found


def _own(name: str, path: Path) -> Dataset:
    try:
        return _declared(name)
    except ChurnError:
        raise
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = getattr(error, "lineno", None) or next(reversed(lines), None)
        found = f"{type(error).__name__}: {error}" + (f" (line {line})" if line else "")
        action = "mend the module; it declares DATASET = Dataset(...), as those that come with churn do"
        raise SettingsError(where=str(path), found=found, action=action) from error
