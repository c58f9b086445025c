"""How fast and in how much memory are raw days simulated? `python -m benchmarks.simulation [customers] [days]`."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from churn.simulation.business import Business
from churn.simulation.days import simulate
from churn.stores.parquet import write_table

FIRST = date(2025, 1, 1)


def main(customers: int = 1_000_000, days: int = 30) -> None:
    """Simulates and writes `days` days of `customers` customers, and prints seconds, rows a second and peak memory."""
    business = Business(customers=customers, seed=1, scenario="steady", change_date=None, fault=None)
    last = FIRST + timedelta(days=days - 1)
    rows = size = 0
    wall, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for day in simulate(business, first=FIRST, last=last):
            for name, table in {**day.tables, "truth": day.truth}.items():
                path = Path(folder) / f"{name}.parquet"
                write_table(path, table)
                rows, size = rows + table.height, size + path.stat().st_size
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{customers:,} customers, {days} days, {rows:,} rows, {size / 1e6:,.0f} MB of parquet")
    print(f"  {wall:.1f} s wall, {cpu:.1f} s CPU, {wall / days:.2f} s a day, {rows / wall:,.0f} rows/s")
    print(f"  {peak:,.0f} MB peak memory of the process")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
