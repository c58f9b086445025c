"""What do features cost from raw events on, here and in pandas? `python -m benchmarks.features [CUSTOMERS] [EVENTS]`.

Each engine is a process of its own, measured by the kernel when it ends; this one imports nothing large, because a
child's peak memory counts from its parent's. The second run of `stage=features` finds the raw days in the lake, so
that intake is what the first one took longer. Set `TMPDIR` to a disk with 20 bytes a raw event to spare.
"""

from __future__ import annotations

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

DAYS = 100
MEMORY = "2GB"
LIMIT_MB = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process took: seconds by the clock and of CPU, MB of memory at its peak; nothing where it failed."""

    wall: float
    cpu: float
    peak_mb: float

    def __sub__(self, other: Cost) -> Cost:
        """Returns the cost without that of another process; the peak stays."""
        return Cost(wall=self.wall - other.wall, cpu=self.cpu - other.cpu, peak_mb=self.peak_mb)


def main(customers: int = 1_000_000, events: int = 10_000_000) -> None:
    """Prints one line an engine: seconds, raw events a second, peak memory; and whether their values are equal."""
    with tempfile.TemporaryDirectory(prefix="churn-features-") as folder:
        root, made = Path(folder), Path(folder) / "pandas.parquet"
        raw, day = root / "raw" / "subscription", _day()
        _measure("benchmarks.raw_events", raw, customers, events, DAYS)
        churn = ["churn", "stage=features", f"date={day}", f"root={root}", f"resources.memory={MEMORY}"]
        both = _measure(*churn)
        shutil.rmtree(root / "features")
        alone = _measure(*churn)
        pandas = _measure("benchmarks.features_in_pandas", raw, day, made)
        _print_machine(customers, events)
        costs = {"churn: intake": both - alone, "churn: features": alone, "churn: both": both, "pandas": pandas}
        for engine, cost in costs.items():
            _print_cost(engine, cost, customers=customers, events=events)
        print(f"  peak of churn {'within' if both.peak_mb <= LIMIT_MB else 'OVER'} {LIMIT_MB:,} MB")
        _measure("benchmarks.same_features", root / "features/subscription" / f"date={day}" / "features.parquet", made)


def _day() -> str:
    from benchmarks.raw_events import FIRST

    return (FIRST + timedelta(days=DAYS)).isoformat()


def _measure(*command: object) -> Cost:
    """Runs `python -m command` to its end, its output on standard error."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *map(str, command)], stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    wall = time.perf_counter() - began
    return Cost(wall=wall, cpu=used.ru_utime + used.ru_stime, peak_mb=used.ru_maxrss / 1024)
