"""What does a process cost? Measured by the kernel when it ends, so that nothing of the measuring counts."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process took: seconds by the clock and of CPU, MB of memory at its peak."""

    wall: float
    cpu: float
    peak_mb: float

    def __sub__(self, other: Cost) -> Cost:
        """Returns the cost without that of another process; the peak of a part is not known."""
        return Cost(wall=self.wall - other.wall, cpu=self.cpu - other.cpu, peak_mb=math.nan)


def measure(*command: object) -> Cost:
    """Runs `python -m command` to its end, what it prints on standard error."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *map(str, command)], stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return Cost(wall=wall, cpu=used.ru_utime + used.ru_stime, peak_mb=used.ru_maxrss / 1024)


def machine(*libraries: str) -> str:
    """Returns cores, memory and versions as a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Python {platform.python_version()}, {versions}"


def line(name: str, cost: Cost, *, rows: int) -> str:
    """Returns name, seconds by the clock and of CPU, rows a second, peak MB."""
    peak = "-" if math.isnan(cost.peak_mb) else f"{cost.peak_mb:,.0f}"
    return f"{name:<38} {cost.wall:>9.1f} {cost.cpu:>9.1f} {rows / cost.wall:>12,.0f} {peak:>9}"
