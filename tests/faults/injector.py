"""How does a disk come to fail at a chosen call, for all libraries of a process at once?

`injector.c` is compiled and preloaded: what Python, Arrow, Polars, DuckDB and SQLite ask of the system passes through
it. Patching Python would miss all but the first.
"""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

SOURCE = Path(__file__).parent / "injector.c"


class Calls(IntFlag):
    """Which calls count, as in injector.c: a full disk refuses no removal, a closed one does."""

    CHANGES = 1
    REMOVALS = 2
    READS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong at the n-th of the calls: `at` 0 is nothing; `stays` makes all later ones fail, too.

    The clock is late by `late_seconds` at every call.
    """

    at: int = 0
    calls: Calls = Calls.CHANGES
    error: int = errno.EIO
    stays: bool = False
    halves: bool = False
    late_seconds: int = 0


def missing() -> str:
    """Returns why nothing can be injected here; nothing where it can."""
    if not sys.platform.startswith("linux"):
        return "preloading is Linux's"
    return "" if shutil.which("cc") else "there is no C compiler (cc) to build tests/faults/injector.c with"


def built(folder: Path) -> Path:
    """Compiles the library into a folder and returns its path."""
    library = folder / "injector.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SOURCE, "-ldl"], check=True)
    return library
