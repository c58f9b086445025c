"""What does a whole night cost, here and otherwise? `python -m benchmarks.night [ROWS ...]`, 1 M and 10 M by default.

A small simulated business trains 400 trees of 31 leaves; its features are drawn anew up to so many customers, and each
way of scoring them is a process of its own, from start to published file: `stage=score`; the reference design (pandas,
scikit-learn's GradientBoosting through `mlflow.pyfunc`, its probabilities in place of its class labels); pandas with
`Booster.predict`; and the same scan and features without any model, the limit. Over 20 M rows only ours and the limit.
`TMPDIR` wants 250 bytes a row.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.cost import Cost, line, machine, measure

RAW_DAYS, TRAINED, NIGHT = "2025-01-01..2025-08-20", "2025-08-10", "2025-08-20"
MODEL = (
    "model.num_iterations=400",
    "model.num_leaves=31",
    "split.validation_dates=0",
)  # as many trees as are asked for
IN_PANDAS = 20_000_000
"""Rows up to which pandas fits into memory."""


def main(*asked: int) -> None:
    """Prints a table for each number of rows, and how much faster ours is than each of the others."""
    print(machine("lightgbm", "numba", "polars", "pyarrow", "pandas", "scikit-learn"))
    with tempfile.TemporaryDirectory(prefix="churn-night-") as folder:
        root = Path(folder) / "lake"
        _prepare(root)
        measure("benchmarks.night_otherwise", "learn", root, NIGHT)
        for rows in asked or (1_000_000, 10_000_000):
            if shutil.disk_usage(folder).free < 250 * rows:
                print(f"{rows:,} rows: skipped, the disk has no {250 * rows:,} bytes to spare")
                continue
            measure("benchmarks.drawn_features", root, NIGHT, rows)
            _compare(root, rows)


def _prepare(root: Path) -> None:
    ours = ("churn", f"root={root}")
    business = ("stage.business.customers=20000", "stage.business.seed=7")
    measure(*ours, "stage=simulate", f"date={RAW_DAYS}", *business)
    measure(*ours, "stage=train", f"date={TRAINED}", *MODEL)
    measure(*ours, "stage=promote", f"date={TRAINED}")
    measure(*ours, "stage=features", f"date={NIGHT}")
    measure("benchmarks.drawn_features", root, NIGHT, 50_000)
    measure(*ours, "stage=score", f"date={NIGHT}")  # compiles the engine, once a machine


def _compare(root: Path, rows: int) -> None:
    print(f"\n{rows:,} customers\n{'way':<38} {'wall s':>9} {'CPU s':>9} {'rows/s':>12} {'peak MB':>9}")
    print(line("stage=score, 1,000 explained, profiled", _scored(root), rows=rows), flush=True)
    print(line("stage=score, profiled", _scored(root, "stage.reasons.rows=0"), rows=rows), flush=True)
    ours = _scored(root, "stage.reasons.rows=0", "stage.profile=false")
    print(line("stage=score, scores alone", ours, rows=rows), flush=True)
    others = {"the limit: scan and features": "scan"}
    if rows <= IN_PANDAS:
        others |= {"reference design": "reference", "pandas and Booster.predict": "booster"}
    for name, way in others.items():
        cost = measure("benchmarks.night_otherwise", way, root, NIGHT)
        print(f"{line(name, cost, rows=rows)}   ours is {cost.wall / ours.wall:.2f} times as fast", flush=True)


def _scored(root: Path, *overrides: str) -> Cost:
    shutil.rmtree(root / "predictions")
    shutil.rmtree(root / "profiles", ignore_errors=True)
    return measure("churn", "stage=score", f"date={NIGHT}", f"root={root}", *overrides)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
