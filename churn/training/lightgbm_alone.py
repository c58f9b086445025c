"""LightGBM without scikit-learn, pandas and Dask, which it would import to accept their objects: two seconds a command.

Whoever has imported one of them before finds LightGBM as it always is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Booster", "CallbackEnv", "Dataset", "LightGBMError", "early_stopping", "train"]


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Lets modules that are not imported yet seem to be missing while the body imports others."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # as importlib spells what may not be imported
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _hidden("sklearn", "pandas", "dask"):
    from lightgbm import Booster, Dataset, early_stopping, train
    from lightgbm.basic import LightGBMError
    from lightgbm.callback import CallbackEnv
