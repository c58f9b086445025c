"""How do files become the raw days of a table?

A folder `date=2026-01-05` files all rows of the files below it under that day; where the path has none, the contract's
day column does. Days in folders are fingerprinted by what their files are and read a few at a time, so that sorting
stays small; days in a column take one query over all files, whose answer is remembered for as long as the files stay
the same. A format (parquet, CSV) only says how its files are selected from, and which of them is at fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol, TypeAlias

from churn.errors import ChurnError, DataError
from churn.features.raw import RAW_DAY, Column, RawTable
from churn.stores.duck import Bench, batches, duck_errors, quoted, recut
from churn.stores.globs import Found, fixed_folder
from churn.stores.objects import Session, find, session, versions
from churn.stores.partition import fingerprint
from churn.stores.remembered import recall, remember

if TYPE_CHECKING:
    import polars as pl

PATH = "__path"
"""The column in which a format has to give the file that a row is from."""

Rows: TypeAlias = Callable[[Sequence[Found]], str]
"""Gives the SQL of RAW_DAY and the declared columns of some of the files."""

_GROUP_BYTES = 4 << 20
_FOLDER_DAY = re.compile(r"(?:.*/)?date=(\d{4}-\d{2}-\d{2})/")
_DAY_OF_PATH = f"cast(regexp_extract(t.{PATH}, '^{_FOLDER_DAY.pattern}', 1) as date)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of files: a table, whose day their folder says or a column; of a column, which days (inclusive)."""

    table: RawTable
    by_folder: bool
    span: tuple[date, date] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that every file has to hold."""
        declared = self.table.columns
        if self.by_folder:
            return tuple(column for column in declared if column.name != "date")
        known = {column.name for column in declared}
        return declared if self.table.day in known else (*declared, Column(name=self.table.day, dtype="date"))

    def select(self, source: str, *, values: Mapping[str, str], day: str) -> str:
        """Returns the SQL of RAW_DAY and the declared columns of `source` (aliased t), from each column's `values`.

        `day` is the day as the column says it; a declared `date` that the folder says is the day itself.
        """
        day = (
            _DAY_OF_PATH if self.by_folder else f"case when {day} between '0001-01-01' and '9999-12-31' then {day} end"
        )
        names = [column.name for column in self.table.columns]
        selected = [f"{values.get(name, day)} as {quoted(name)}" for name in names]
        return f"select {day} as {quoted(RAW_DAY)}, {', '.join(selected)} from {source}"  # noqa: S608 - quoted


class FileSource(Protocol):
    """A format: where its files stand, how they are selected from, which one a failed query failed on."""

    @property
    def path(self) -> str:
        """The pattern of the files."""

    def rows(self, asked: Asked, files: Sequence[Found], *, within: Session) -> Rows:
        """Returns how rows are selected, after a look at what each file holds."""

    def fault(self, files: Sequence[Found], *, within: Session) -> ChurnError | None:
        """Returns what is wrong with the first file that is at fault; None where none is."""


def text_day(text: str) -> str:
    """Returns the SQL of the day that a text begins with; null where it begins with none."""
    return f"case when {text} like '____-__-__%' then try_cast(left({text}, 10) as date) end"


def file_days(source: FileSource, table: RawTable, bench: Bench) -> dict[date, str]:
    """Returns a fingerprint of its rows for every raw day, in order of days.

    Raises:
        DataError: no file, one that cannot be read, a missing column, a wrong type, rows without a day.
        SettingsError: files may not be read; no such bucket; the memory does not suffice.
        TryAgainError: files went or changed meanwhile; the disk or the server refused.
    """
    files = find(source.path)
    filed = _by_day(source.path, files, table)
    contents = versions(files, bench)
    if filed is not None:
        return {day: fingerprint(sorted((file.name, contents[file.path]) for file in filed[day])) for day in filed}
    key = fingerprint([repr(source), repr(table.columns), table.day, sorted(contents.values())])
    book = bench.cache / f"days-{fingerprint([source.path, table.name])[:16]}.json"
    known = recall(book)
    if known.get("key") != key:
        known = {"key": key, "days": _counted(source, Asked(table=table, by_folder=False), files, bench=bench)}
        remember(book, known)
    return {date.fromisoformat(day): text for day, text in known["days"].items()}


def read_files(source: FileSource, table: RawTable, *, first: date, last: date, bench: Bench) -> Iterator[pl.DataFrame]:
    """Yields RAW_DAY and the declared columns of raw days first..last (inclusive), in the order of them all.

    Chunks are of exactly `bench.chunk_rows` rows but the last; types are the files' own, or the widest of them.

    Raises:
        DataError, SettingsError, TryAgainError: as `file_days`, but for rows without a day, which are not read.
    """
    files = find(source.path)
    filed = _by_day(source.path, files, table)
    span = (first, last) if filed is None else None
    asked = Asked(table=table, by_folder=filed is not None, span=span)
    groups = [list(files)] if filed is None else list(_groups(filed, first, last))
    chosen = [file for group in groups for file in group]
    if chosen:
        with session(chosen, bench) as within:
            rows = source.rows(asked, chosen, within=within)
            frames = (_frames(source, asked, group, within=within, rows=rows(group), bench=bench) for group in groups)
            yield from recut((frame for group in frames for frame in group), bench.chunk_rows)


def failure_kind(error: DataError) -> str:
    """Returns what kind of failure it was for DuckDB, without any of the words that may be a row's.

    >>> failure_kind(DataError(where="x.csv", found="Invalid Input Error: CSV Error ... Jane", action="restore it"))
    'Invalid Input Error'
    """
    kind = re.match(r"[A-Za-z ]{1,40}(?=:)", error.found)
    return kind[0] if kind else "unknown error"


@contextmanager
def blamed(source: FileSource, files: Sequence[Found], *, within: Session) -> Iterator[None]:
    """Turns what DuckDB raises into an error that names the one file that is at fault, where one is.

    DuckDB's own text stays out, since it may quote a row.
    """
    try:
        with duck_errors(source.path, action="restore the file"):
            yield
    except DataError as error:
        found = f"DuckDB cannot read its rows ({failure_kind(error)})"
        unknown = DataError(where=source.path, found=found, action="restore the files")
        raise (source.fault(files, within=within) or unknown) from None


def _by_day(pattern: str, files: Sequence[Found], table: RawTable) -> dict[date, list[Found]] | None:
    """Returns the files of each day in order of days; None where a column says the day.

    A folder that the path spells out says nothing of the rows, unless nothing else can: all raw tables may stand in a
    backup of one date.
    """
    fixed = len(fixed_folder(pattern))
    must = table.day == "date" and "date" not in {column.name for column in table.columns}
    days = [_folder_day(file.path if must else file.path[fixed:], file.path) for file in files]
    if not any(days):
        return None
    filed: dict[date, list[Found]] = {day: [] for day in sorted(day for day in days if day)}
    for file, day in zip(files, days, strict=True):
        if day is None:
            action = "move it into one, or narrow `path` so that it is not found"
            raise DataError(where=file.path, found="no folder date=YYYY-MM-DD, and other files have one", action=action)
        filed[day].append(file)
    return filed


def _folder_day(path: str, whole: str) -> date | None:
    # the innermost one: a folder above may be named after a date, too
    found = _FOLDER_DAY.match(path)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError as error:
        raise DataError(
            where=whole, found=f"date={found and found[1]} is no day", action="rename the folder"
        ) from error


def _groups(filed: Mapping[date, Sequence[Found]], first: date, last: date) -> Iterator[list[Found]]:
    """Yields the files of consecutive days, together a few MB, or one day's where that alone is more."""
    group: list[Found] = []
    for day in filed:
        if first <= day <= last:
            if group and sum(file.size for file in (*group, *filed[day])) > _GROUP_BYTES:
                yield group
                group = []
            group = [*group, *filed[day]]
    if group:
        yield group


def _frames(
    source: FileSource, asked: Asked, files: Sequence[Found], *, within: Session, rows: str, bench: Bench
) -> Iterator[pl.DataFrame]:
    wanted = f"where {quoted(RAW_DAY)} between '{asked.span[0]}' and '{asked.span[1]}'" if asked.span else ""
    with blamed(source, files, within=within):
        found = within.connection.sql(f"from ({rows}) {wanted} order by all")
        yield from batches(found, bench.chunk_rows)


def _counted(source: FileSource, asked: Asked, files: Sequence[Found], *, bench: Bench) -> dict[str, str]:
    names = ", ".join(quoted(column.name) for column in asked.table.columns)
    measures = f"{quoted(RAW_DAY)}, count(*), sum(hash({names}))"
    with session(files, bench) as within:
        rows = source.rows(asked, files, within=within)
        with blamed(source, files, within=within):
            query = f"select {measures} from ({rows(files)}) group by 1 order by 1"  # noqa: S608 - quoted
            found = within.connection.execute(query).fetchall()
        if any(day is None for day, *_ in found):
            raise _undated(asked, files, within=within, rows=rows)
    return {day.isoformat(): fingerprint([count, total]) for day, count, total in found}


def _undated(asked: Asked, files: Sequence[Found], *, within: Session, rows: Rows) -> DataError:
    counts = {}
    for file in files:
        query = f"select count(*) from ({rows([file])}) where {quoted(RAW_DAY)} is null"  # noqa: S608 - quoted
        counts[file.path], *_ = within.connection.execute(query).fetchall()[0]
    where, count = max(counts.items(), key=lambda pair: pair[1])
    found = f"rows whose {asked.table.day} is no day: {count:,}"
    return DataError(where=where, found=found, action="give them a day (2026-01-05), or take them out of the file")
