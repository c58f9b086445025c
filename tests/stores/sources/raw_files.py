"""Raw files that tests write, and what they read of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from churn.features.raw import RAW_DAY, Column, RawTable
from churn.stores.duck import Bench
from churn.stores.sources import Source

FIRST, SECOND, THIRD = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
ORDERS = RawTable(
    name="orders",
    day="date",
    columns=(
        Column(name="customer", dtype="text", nullable=True),
        Column(name="cents", dtype="integer"),
    ),
)
"""A table whose folders say the day."""

VISITS = RawTable(
    name="visits",
    day="at",
    columns=(
        Column(name="customer", dtype="text", nullable=True),
        Column(name="at", dtype="timestamp"),
    ),
)
"""A table whose column says the day."""


def bench(folder: Path, *, rows: int = 1000, threads: int = 1, memory: str = "500MB") -> Bench:
    return Bench(threads=threads, memory=memory, spill=folder / "spill", chunk_rows=rows, cache=folder / "cache")


def rows(
    source: Source, table: RawTable, on: Bench, *, first: date = FIRST, last: date = THIRD
) -> list[tuple[object, ...]]:
    """All rows as tuples, the raw day in front."""
    chunks = list(source.read(table, first=first, last=last, bench=on))
    names = [RAW_DAY, *(column.name for column in table.columns)]
    assert all(chunk.columns == names and chunk.schema[RAW_DAY] == pl.Date for chunk in chunks)
    return [row for chunk in chunks for row in chunk.rows()]


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Makes a path unreadable for this process, root or not."""
    mode = path.stat().st_mode
    path.chmod(0)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)
        yield
    finally:
        if is_root:
            os.seteuid(0)
        path.chmod(mode)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that any user may pass through, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
