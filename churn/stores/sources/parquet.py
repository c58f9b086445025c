"""What do parquet files hold?

Their footers are looked at before their rows: a column that is gone or of another type stops with the name of its
file, and files whose types differ within a family are read as the widest of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from churn.errors import DataError, did_you_mean
from churn.features.raw import Kind, RawTable

if TYPE_CHECKING:
    import polars as pl

    from churn.stores.duck import Bench
    from churn.stores.globs import Found
    from churn.stores.objects import Session
    from churn.stores.sources.files import Asked, Rows

_Family: TypeAlias = Literal["null", "whole", "decimal", "real", "text", "boolean", "date", "timestamp"]

_FAMILIES: dict[str, _Family] = {
    "NULL": "null",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), "whole"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), "whole"),
    "DECIMAL": "decimal",
    **dict.fromkeys(("FLOAT", "DOUBLE"), "real"),
    **dict.fromkeys(("VARCHAR", "ENUM"), "text"),
    "BOOLEAN": "boolean",
    "DATE": "date",
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "timestamp"),
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
_NUMBERS: frozenset[_Family] = frozenset({"whole", "decimal", "real"})
_MOMENTS: frozenset[_Family] = frozenset({"date", "timestamp", "text"})
_CAN_HOLD: dict[Kind, frozenset[_Family]] = {
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "text": frozenset({"text"}),
    "boolean": frozenset({"boolean"}),
    "date": _MOMENTS,
    "timestamp": _MOMENTS,
}
_PLAIN: dict[Kind, str] = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_PRUNED = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_SCHEMA = "select file_name, name, duckdb_type, num_children from parquet_schema([{}]) order by file_name, column_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parquet:
    """Parquet files, in folders `date=2026-01-05` or not, in a local folder or in S3 (`s3://bucket/...`)."""

    as_text: ClassVar[bool] = False

    kind: Literal["parquet"]
    path: str

    @property
    def where(self) -> str:
        """What lineage calls it."""
        return self.path

    def days(self, table: RawTable, bench: Bench) -> dict[date, str]:
        """Returns a fingerprint of its rows for every raw day, in order of days.

        Raises:
            DataError: no file, a damaged one, a missing column, a wrong type, rows without a day.
            SettingsError: files may not be read; no such bucket; the memory does not suffice.
            TryAgainError: files went or changed meanwhile; the disk or the server refused.
        """
        from churn.stores.sources.files import file_days

        return file_days(self, table, bench)

    def read(self, table: RawTable, *, first: date, last: date, bench: Bench) -> Iterator[pl.DataFrame]:
        """Yields RAW_DAY and the declared columns of raw days first..last (inclusive), in the order of them all.

        Chunks are of exactly `bench.chunk_rows` rows but the last.

        Raises:
            DataError: as `days`, but for rows without a day, which are not read.
            SettingsError: as `days`.
            TryAgainError: as `days`.
        """
        from churn.stores.sources.files import read_files

        return read_files(self, table, first=first, last=last, bench=bench)

    def rows(self, asked: Asked, files: Sequence[Found], *, within: Session) -> Rows:
        """Returns how rows are selected from files whose footers hold what is declared.

        Raises:
            DataError: a file is damaged, or holds a column not, twice or in a wrong type.
        """
        from churn.stores.objects import literal
        from churn.stores.sources.files import blamed

        with blamed(self, files, within=within):
            listed = ", ".join(literal(file.path) for file in files)
            found = within.connection.execute(_SCHEMA.format(listed)).fetchall()
        types = {
            path: _checked(list(_top(rows)), asked, where=path) for path, rows in groupby(found, key=lambda r: r[0])
        }
        kinds = {column.name: column.dtype for column in asked.columns}
        carried = {name: _carried(kind, {types[path][name] for path in types}) for name, kind in kinds.items()}

        def select(part: Sequence[Found]) -> str:
            alike: dict[tuple[tuple[str, str], ...], list[Found]] = {}
            for file in part:
                alike.setdefault(tuple(types[file.path].items()), []).append(file)
            return " union all ".join(
                _select(asked, group, types=dict(held), carried=carried) for held, group in alike.items()
            )

        return select

    def fault(self, files: Sequence[Found], *, within: Session) -> DataError | None:
        """Returns the error for the first file that cannot be read to its end; None where all can."""
        from churn.stores.duck import duck_errors
        from churn.stores.objects import literal

        for file in files:
            scan = f"read_parquet({literal(file.path)}, hive_partitioning=false) as t"
            try:
                with duck_errors(file.path, action="restore the file"):
                    within.connection.execute(f"select max(hash(t)) from {scan}").fetchall()  # noqa: S608 - quoted
            except DataError as error:
                return _damage(error)
        return None


def _damage(error: DataError) -> DataError:
    """Returns the error without DuckDB's text, which may quote a value."""
    from churn.stores.sources.files import failure_kind

    if "is not valid UTF8" in error.found:
        return DataError(where=error.where, found="a text that is not utf-8", action="write its texts in utf-8")
    if re.search("No magic bytes|too small to be a Parquet", error.found):
        return DataError(where=error.where, found="not a whole parquet file", action=error.action)
    found = f"a damaged parquet file ({failure_kind(error)})"
    return DataError(where=error.where, found=found, action=error.action)


def _top(rows: Iterable[tuple[str, str, str, int | None]]) -> Iterator[tuple[str, str]]:
    """Yields name and type of the columns of one file, without the fields of nested ones; the root comes first."""
    _, *nodes = rows
    below = 0
    for _, name, found, children in nodes:
        if below:
            below -= 1
        else:
            yield name, found
        below += children or 0


def _checked(held: Sequence[tuple[str, str]], asked: Asked, *, where: str) -> dict[str, str]:
    names, types = [name for name, _ in held], dict(held)
    missing = [column.name for column in asked.columns if column.name not in types]
    if missing:
        action = f"deliver the file with that column, or correct its declaration; {did_you_mean(missing[0], names)}"
        raise DataError(where=where, found=f"no column {', '.join(map(repr, missing))}", action=action)
    _require_one_each(names, asked, where=where)
    wrong = [
        f"{column.name} is {types[column.name]}, expected {column.dtype}"
        for column in asked.columns
        if _family(types[column.name]) not in {"null", *_CAN_HOLD[column.dtype]}
    ]
    if wrong:
        action = "deliver the file with the declared type, or change the declaration"
        raise DataError(where=where, found="; ".join(wrong), action=action)
    return {column.name: types[column.name].strip('"') for column in asked.columns}


def _require_one_each(names: Sequence[str], asked: Asked, *, where: str) -> None:
    lower = [name.lower() for name in names]
    twice = [column.name for column in asked.columns if lower.count(column.name.lower()) > 1]
    if twice:
        found = f"column {twice[0]!r} is there twice, letter case aside"
        raise DataError(where=where, found=found, action="deliver the file with one of them under another name")


def _family(found: str) -> _Family | None:
    return _FAMILIES.get(found.strip('"').partition("(")[0])


def _carried(kind: Kind, types: Iterable[str]) -> str:
    """Returns the type that holds a column's values of all files."""
    seen = set(types) - {"NULL"}
    families = {_family(found) for found in seen}
    if len(seen) < 2:
        only = next(iter(seen), _PLAIN[kind])
        # exact, where a float would round what is over 2^53
        return "BIGINT" if kind == "integer" and only.endswith(",0)") and int(only[8:-3]) <= 18 else only
    if families == {"whole"}:
        return "HUGEINT" if "UBIGINT" in seen else "BIGINT"
    if families <= _NUMBERS:
        return "DOUBLE"
    return "VARCHAR" if "text" in families else "TIMESTAMP"


def _select(asked: Asked, files: Sequence[Found], *, types: Mapping[str, str], carried: Mapping[str, str]) -> str:
    from churn.stores.objects import literal
    from churn.stores.sources.files import PATH

    listed = ", ".join(literal(file.path) for file in files)
    source = f"read_parquet([{listed}], filename='{PATH}', hive_partitioning=false) as t"
    values = {name: _value(name, types[name], carried[name]) for name in types}
    if asked.by_folder:
        return asked.select(source, values=values, day="")
    found = types[asked.table.day]
    return asked.select(f"{source} {_within(asked, found)}", values=values, day=_day(asked.table.day, found))


def _value(name: str, found: str, carried: str) -> str:
    from churn.stores.duck import quoted

    cell = f"t.{quoted(name)}"
    if carried == "VARCHAR" and found == "TIMESTAMP WITH TIME ZONE":  # its text would end in an offset
        cell = f"cast({cell} as timestamp)"
    return f"cast({cell} as {carried})"


def _day(name: str, found: str) -> str:
    from churn.stores.duck import quoted
    from churn.stores.sources.files import text_day

    cell = f"t.{quoted(name)}"
    return text_day(cell) if _family(found) == "text" else f"cast({cell} as date)"


def _within(asked: Asked, found: str) -> str:
    """Returns a condition on the bare column, so that DuckDB does not even fetch the row groups of other days."""
    from churn.stores.duck import quoted

    if asked.span is None or found not in _PRUNED:
        return ""
    cell, (first, last) = f"t.{quoted(asked.table.day)}", asked.span
    return f"where {cell} >= cast('{first}' as {found}) and {cell} < cast('{last + timedelta(days=1)}' as {found})"
