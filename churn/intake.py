"""How does a raw table stream through its contract into one file a day?

Rows come in the order of their day, a chunk at a time, so that one file is open at a time and memory is set by the
chunk. What the contract keeps and what it breaks go to files of the same shape, side by side.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from churn.doors import Doors
from churn.features.day import Tally, row_hashes
from churn.features.intake import Sorted, broken_schema, sort_rows
from churn.features.raw import RAW_DAY, RawTable
from churn.progress import Progress
from churn.stores.duck import duck_errors, keys_twice
from churn.stores.erased_keys import ErasedKeys, place_of
from churn.stores.parquet import ParquetWriter
from churn.stores.partition import file_sha256

_GROUP_ROWS = 100_000


def take_in(doors: Doors, table: RawTable, *, days: Sequence[date], scratch: Path) -> dict[date, Tally]:
    """Writes the rows of some raw days to `day_file`s and returns what came, a tally a day, in the order of `days`.

    A day without rows gets a file without rows, so that every table has one every day. Rows of customers who were
    erased are left out, as if they had not come.
    """
    source = doors.settings.dataset.tables[table.name]
    erased = ErasedKeys.read(place_of(doors.lake.root, doors.dataset.name))
    tallies = {day: Tally() for day in days}
    kept = _DayFiles(scratch, "tables", table.name, schema=table.schema)
    broken = _DayFiles(scratch, "quarantine", table.name, schema=_quarantine_schema(table))
    with kept, broken, Progress(f"intake {table.name} to {days[-1]}") as progress:
        for came in source.read(table, first=days[0], last=days[-1], bench=doors.bench):
            chunk = erased.without(came, key=doors.dataset.key)
            rows = sort_rows(chunk, table, as_text=source.as_text, where=f"raw table {table.name}")
            _count(chunk, rows, table, tallies=tallies)
            kept.write(rows.kept, tallies)
            broken.write(rows.broken.with_columns(run=pl.lit(doors.settings.run)), tallies)
            _tell(progress, chunk, days)
        for day in days:
            if not tallies[day].kept:
                kept.write_empty(day)
    _find_twice(doors, table, scratch, tallies=tallies)
    for day, tally in tallies.items():
        tally.sha256 = file_sha256(day_file(scratch, day, table.name))
    return tallies


def _tell(progress: Progress, chunk: pl.DataFrame, days: Sequence[date]) -> None:
    """Says how many rows are in, and how many the days that are still to come will have, if they are like these."""
    last = chunk[RAW_DAY].max()
    come = sum(day <= last for day in days) if isinstance(last, date) else 0
    so_far = progress.done + chunk.height
    progress.add(chunk.height, left=so_far * (len(days) - come) // come if come else None)


def _quarantine_schema(table: RawTable) -> pl.Schema:
    types = {name: dtype for name, dtype in broken_schema(table).items() if name != RAW_DAY}
    return pl.Schema({"rule": types.pop("rule"), "run": pl.String(), **types})


def day_file(scratch: Path, day: date, name: str, *, kind: str = "tables") -> Path:
    """Returns where the rows of a day and raw table are put until they are published."""
    return scratch / kind / f"date={day}" / f"{name}.parquet"


class _DayFiles:
    """The files of one raw table and kind, one a day; rows arrive in the order of days.

    Row groups are cut within the day, so that a day's bytes do not depend on which days were brought with it.
    """

    def __init__(self, scratch: Path, kind: str, name: str, *, schema: pl.Schema) -> None:
        self._scratch, self._kind, self._name, self._schema = scratch, kind, name, schema
        self._stack = ExitStack()
        self._day: date | None = None
        self._writer: ParquetWriter | None = None
        self._held: pl.DataFrame | None = None

    def write(self, rows: pl.DataFrame, days: Container[date]) -> None:
        """Appends rows, each to its RAW_DAY's file; those of a day that is not among `days` are left out."""
        for day, part in _by_day(rows, days):
            self._append(day, part.select(self._schema.names()))

    def write_empty(self, day: date) -> None:
        """Gives a day a file without rows."""
        self._start(day)
        self.end()

    def _append(self, day: date, part: pl.DataFrame) -> None:
        if day != self._day:
            self._start(day)
        held = part if self._held is None else pl.concat([self._held, part])
        while held.height >= _GROUP_ROWS:
            self._put(held.head(_GROUP_ROWS))
            held = held.slice(_GROUP_ROWS)
        self._held = held

    def _start(self, day: date) -> None:
        self.end()
        path = day_file(self._scratch, day, self._name, kind=self._kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = self._stack.enter_context(ParquetWriter(path, self._schema))
        self._day = day

    def _put(self, group: pl.DataFrame) -> None:
        if self._writer is not None and group.height:
            self._writer.write(group)

    def end(self) -> None:
        """Ends the file of the last day."""
        if self._held is not None:
            self._put(self._held)
        self._held, self._day = None, None
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self._stack.__exit__(kind, error, trace)
        else:
            self.end()


def _count(chunk: pl.DataFrame, rows: Sorted, table: RawTable, *, tallies: dict[date, Tally]) -> None:
    for day, came in _by_day(chunk, tallies):
        tallies[day].read += came.height
    for day, good in _by_day(rows.kept, tallies):
        tallies[day].kept += good.height
        tallies[day].rows_hash = (tallies[day].rows_hash + rows_hash(good, table)) % 2**64
    for day, bad in _by_day(rows.broken, tallies):
        _count_broken(bad, tallies[day])


def rows_hash(rows: pl.DataFrame, table: RawTable) -> int:
    """Returns a sum of hashes over rows, of all their values but the day; a moment counts by its time of day.

    Rows that were delivered again under the next day have the same; 0 where there is no other column.
    """
    return int(row_hashes(rows, table).to_numpy().sum(dtype=np.uint64))


def _count_broken(bad: pl.DataFrame, tally: Tally) -> None:
    for rule, count in bad["rule"].str.split("; ").explode().value_counts().sort("rule").iter_rows():
        tally.broken[rule] = tally.broken.get(rule, 0) + count


def _by_day(rows: pl.DataFrame, days: Container[date]) -> Iterator[tuple[date, pl.DataFrame]]:
    for (day,), part in rows.partition_by(RAW_DAY, as_dict=True, include_key=False).items():
        if day in days:
            yield day, part


def _find_twice(doors: Doors, table: RawTable, scratch: Path, *, tallies: dict[date, Tally]) -> None:
    if not table.key:
        return
    days = {day_file(scratch, day, table.name): day for day in tallies}
    key = [name for name in table.key if name in table.schema]  # `date` is the file's own
    with duck_errors(f"raw table {table.name}", action="look for the key in its source"):
        for file, count in keys_twice(doors.bench, list(days), key=key).items():
            tallies[days[file]].twice = count
