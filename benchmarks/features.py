"""What do features cost from raw events on, here and in pandas? `python -m benchmarks.features [CUSTOMERS] [EVENTS]`.

Each engine is a process of its own, measured by the kernel when it ends; this one imports nothing large, because a
child's peak memory counts from its parent's. The second run of `stage=features` finds the raw days in the lake, so
that intake is what the first one took longer. pandas reads the same raw files and checks no contract. Set `TMPDIR` to a
disk with 150 bytes a raw event to spare, most of it for what DuckDB spills.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from benchmarks.cost import line, machine, measure
from benchmarks.raw_events import FIRST

DAYS = 100
MEMORY = "2GB"
LIMIT_MB = 4096
TOLERANCE = 1e-9
CHUNK = 200_000


def main(customers: int = 1_000_000, events: int = 10_000_000) -> None:
    """Prints one line an engine: seconds, raw events a second, peak memory; and whether their values are equal."""
    with tempfile.TemporaryDirectory(prefix="churn-features-") as folder:
        root, made = Path(folder), Path(folder) / "pandas.parquet"
        raw, day = root / "raw" / "subscription", FIRST + timedelta(days=DAYS)
        measure("benchmarks.raw_events", raw, customers, events, DAYS)
        churn = ("churn", "stage=features", f"date={day}", f"root={root}", f"resources.memory={MEMORY}")
        both = measure(*churn)
        shutil.rmtree(root / "features")
        alone = measure(*churn)
        print(f"\n{customers:,} customers, {events:,} raw events of {DAYS} days, features at {day}")
        print(machine("duckdb", "polars", "pyarrow", "pandas"))
        print(f"{'engine':<34} {'wall s':>9} {'CPU s':>9} {'events/s':>12} {'peak MB':>9}")
        for engine, cost in {"churn, intake": both - alone, "churn, features": alone, "churn, both": both}.items():
            print(line(engine, cost, rows=events))
        peak = max(both.peak_mb, alone.peak_mb)
        print(f"peak of churn {'within' if peak <= LIMIT_MB else 'OVER'} {LIMIT_MB:,} MB", flush=True)
        print(line("pandas", measure("benchmarks.features_in_pandas", raw, day, made), rows=events))
        published = root / "features" / "subscription" / f"date={day}" / "features.parquet"
        print(f"{_same(published, made):,} rows, the same in pandas within {TOLERANCE}")


def _same(published: Path, made: Path) -> int:
    """Returns the rows of two tables of features; an AssertionError tells where they differ."""
    from polars.testing import assert_frame_equal

    from churn.stores.parquet import read_chunks

    rows = 0
    for ours, theirs in zip(read_chunks(published, rows=CHUNK), read_chunks(made, rows=CHUNK), strict=True):
        alike = theirs.select(ours.columns).cast(ours.schema)
        assert_frame_equal(ours, alike, abs_tol=TOLERANCE, rel_tol=0)
        rows += ours.height
    return rows


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
