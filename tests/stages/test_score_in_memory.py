"""A night of any size passes through memory that is set beforehand: the kernel refuses the process any more."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from benchmarks.drawn_features import main as draw

NIGHT = "2025-08-20"
ROWS, MEMORY = 2_000_000, 700 * 2**20
WHOLE = """
import sys
from pathlib import Path
from churn.stores.parquet import read_table
from churn.training.bundle import Bundle

night, bundle = map(Path, sys.argv[1:])
files = {path.name: path.read_bytes() for path in bundle.iterdir() if path.name[0] != "_"}
Bundle.from_files(files).encoding.matrix(read_table(night))
"""


def limited(*command: object) -> subprocess.CompletedProcess[str]:
    """Runs Python with 700 MiB for all that it asks for, on two threads."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
        env=os.environ | {"POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_night_that_does_not_fit_into_memory_is_scored_all_the_same(lake: Path) -> None:
    draw(lake, date.fromisoformat(NIGHT), ROWS)
    features = lake / f"features/subscription/date={NIGHT}/features.parquet"
    (bundle,) = {path.parent for path in (lake / "champion").rglob("model.txt")}
    assert limited("-c", WHOLE, features, bundle).returncode != 0
    night = ("stage=score", f"date={NIGHT}", f"root={lake}", "resources.threads=2", "stage.reasons.rows=0")
    ran = limited("-m", "churn", *night)
    assert ran.returncode == 0, ran.stderr
    scores = pl.scan_parquet(lake / f"predictions/subscription/date={NIGHT}/scores.parquet")
    assert scores.select(pl.len(), pl.col("churn_score").is_between(0, 1).all()).collect().row(0) == (ROWS, True)
