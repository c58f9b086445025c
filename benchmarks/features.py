"""What do features cost from raw events on, here and in pandas? `python -m benchmarks.features [CUSTOMERS] [EVENTS]`.

Each engine is a process of its own, measured by the kernel when it ends; this one imports nothing large, because a
child's peak memory counts from its parent's. The second run of `stage=features` finds the raw days in the lake, so
that intake is what the first one took longer. pandas reads the same raw files and checks no contract. Set `TMPDIR` to a
disk with 150 bytes a raw event to spare, most of it for what DuckDB spills.
"""

from __future__ import annotations

import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from benchmarks.raw_events import FIRST

DAYS = 100
MEMORY = "2GB"
LIMIT_MB = 4096
TOLERANCE = 1e-9
CHUNK = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process took: seconds by the clock and of CPU, MB of memory at its peak."""

    wall: float
    cpu: float
    peak_mb: float

    def __sub__(self, other: Cost) -> Cost:
        """Returns the cost without that of another process; the peak of a part is not known."""
        return Cost(wall=self.wall - other.wall, cpu=self.cpu - other.cpu, peak_mb=math.nan)


def main(customers: int = 1_000_000, events: int = 10_000_000) -> None:
    """Prints one line an engine: seconds, raw events a second, peak memory; and whether their values are equal."""
    with tempfile.TemporaryDirectory(prefix="churn-features-") as folder:
        root, made = Path(folder), Path(folder) / "pandas.parquet"
        raw, day = root / "raw" / "subscription", FIRST + timedelta(days=DAYS)
        _measure("benchmarks.raw_events", raw, customers, events, DAYS)
        churn = ("churn", "stage=features", f"date={day}", f"root={root}", f"resources.memory={MEMORY}")
        both = _measure(*churn)
        shutil.rmtree(root / "features")
        alone = _measure(*churn)
        print(f"\n{customers:,} customers, {events:,} raw events of {DAYS} days, features at {day}\n{_machine()}")
        print(f"{'engine':<16} {'wall s':>9} {'CPU s':>9} {'events/s':>12} {'peak MB':>9}")
        for engine, cost in {"churn, intake": both - alone, "churn, features": alone, "churn, both": both}.items():
            print(_line(engine, cost, events=events))
        peak = max(both.peak_mb, alone.peak_mb)
        print(f"peak of churn {'within' if peak <= LIMIT_MB else 'OVER'} {LIMIT_MB:,} MB", flush=True)
        print(_line("pandas", _measure("benchmarks.features_in_pandas", raw, day, made), events=events))
        published = root / "features" / "subscription" / f"date={day}" / "features.parquet"
        print(f"{_same(published, made):,} rows, the same in pandas within {TOLERANCE}")


def _measure(*command: object) -> Cost:
    """Runs `python -m command` to its end, what it prints on standard error."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *map(str, command)], stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return Cost(wall=wall, cpu=used.ru_utime + used.ru_stime, peak_mb=used.ru_maxrss / 1024)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "polars", "pyarrow", "pandas"))
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Python {platform.python_version()}, {versions}"


def _line(engine: str, cost: Cost, *, events: int) -> str:
    peak = "-" if math.isnan(cost.peak_mb) else f"{cost.peak_mb:,.0f}"
    return f"{engine:<16} {cost.wall:>9.1f} {cost.cpu:>9.1f} {events / cost.wall:>12,.0f} {peak:>9}"


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
