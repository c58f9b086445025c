"""Declarations, no logic: one module a prediction problem, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from churn.datasets.dataset import Dataset
from churn.errors import SettingsError, did_you_mean


def load(name: str) -> Dataset:
    """Returns the dataset that `churn/datasets/<name>.py` declares.

    Raises:
        SettingsError: there is no such module.
    """
    names = {module.name for module in pkgutil.iter_modules(__path__)} - {"dataset"}
    if name not in names:
        raise SettingsError(where=f"dataset={name}", found="no such dataset", action=did_you_mean(name, names))
    found: Dataset = importlib.import_module(f"{__name__}.{name}").DATASET
    return found


def source(name: str) -> Path:
    """Returns the file that declares a dataset."""
    return Path(str(importlib.import_module(f"{__name__}.{name}").__file__))
