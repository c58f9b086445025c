"""What comes with LightGBM, and what does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

NOT_NEEDED = "{'sklearn', 'pandas', 'dask'} & set(sys.modules)"


@pytest.mark.parametrize(
    ("first", "comes"), [("pass", False), ("import sklearn, pandas", True)], ids=["alone", "after others"]
)
def test_it_brings_no_library_that_nobody_asked_for_and_hides_none_that_somebody_did(first: str, comes: bool) -> None:
    code = f"""
import sys
{first}
import churn.training.fit
found = {NOT_NEEDED}
from lightgbm.compat import PANDAS_INSTALLED, SKLEARN_INSTALLED
assert bool(found) == SKLEARN_INSTALLED == PANDAS_INSTALLED == {comes}, found
import pandas, sklearn
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
