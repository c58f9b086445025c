"""What is asked of a table in a database, whichever database it is?

DuckDB and PostgreSQL are asked in the same words, in a session at UTC: only the names of types and the hash of a row
differ. Every value arrives in a type that holds it whole; what none can hold (an infinite date, an integer that floats
cannot tell from its neighbour) is counted by `days`, and stops.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

import polars as pl

from churn.errors import DataError, SettingsError, did_you_mean
from churn.features.raw import RAW_DAY, Column, Kind, RawTable
from churn.stores.duck import quoted
from churn.stores.partition import fingerprint

Family: TypeAlias = Literal["whole", "wide", "real", "text", "boolean", "date", "timestamp"]
"""What a type of a database holds; `wide`: decimals and integers that may need more than 64 bits."""

_NUMBERS: frozenset[Family] = frozenset({"whole", "wide", "real"})
_MOMENTS: frozenset[Family] = frozenset({"date", "timestamp", "text"})
_CAN_HOLD: dict[Kind, frozenset[Family]] = {
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "text": frozenset({"text"}),
    "boolean": frozenset({"boolean"}),
    "date": _MOMENTS,
    "timestamp": _MOMENTS,
}
_CARRIED: dict[Family, str] = {
    "wide": "cast({} as float8)",
    "text": 'cast({} as text) collate "C"',  # the same order everywhere: by code point
    "timestamp": "cast({} as timestamp)",
}
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTable:
    """A table that was found, with what its columns hold, and the questions that it can be asked.

    `where` names it in errors and `name` in SQL; `families` has every declared column and the day's.
    """

    where: str
    name: str
    contract: RawTable
    families: Mapping[str, Family]

    def days_query(self, *, row_hash: str) -> str:
        """Returns the query whose rows `fingerprints` reads; `row_hash` has `{}` where a row's values go."""
        values = ", ".join(self._value(column.name) for column in self.contract.columns)
        lost = (f"count(*) filter (where {self._lost(column)})" for column in self.contract.columns)
        measures = ["count(*)", f"cast(sum({row_hash.format(values)}) as text)", *lost]
        return f"select {self._day()}, {', '.join(measures)} from {self.name} as t group by 1"  # noqa: S608 - quoted

    def rows_query(self, *, first: date, last: date) -> str:
        """Returns the query for RAW_DAY and the declared columns of the days first..last, in the order of them all."""
        values = [f"{self._value(column.name)} as {quoted(column.name)}" for column in self.contract.columns]
        selected = ", ".join([f"{self._day()} as {quoted(RAW_DAY)}", *values])
        order = ", ".join(str(place + 1) for place in range(len(values) + 1))
        within = self._within(first, last)
        return f"select {selected} from {self.name} as t where {within} order by {order}"  # noqa: S608 - quoted

    def fingerprints(self, rows: Iterable[tuple[Any, ...]]) -> dict[date, str]:
        """Returns a fingerprint a day, in order of days, from the rows of `days_query`.

        Raises:
            DataError: rows have no day, or hold what cannot be carried; with their number.
        """
        found = [(_as_day(day), count, total, lost) for day, count, total, *lost in rows]
        undated = sum(count for day, count, _, _ in found if day is None)
        if undated:
            text = f"{undated:,} rows whose {self.contract.day} is no day"
            raise DataError(where=self.where, found=text, action="give them a day, or leave them out in a view")
        for place, column in enumerate(self.contract.columns):
            self._require_carried(column, sum(lost[place] for *_, lost in found))
        return {day: fingerprint([count, total]) for day, count, total, _ in sorted(found) if day}

    def _require_carried(self, column: Column, lost: int) -> None:
        if lost:
            what = "of 2^53 and more in a decimal type" if column.dtype == "integer" else "that are infinite"
            action = "bring them as null, or in another type (a far day, a 64-bit integer), by a view"
            raise DataError(where=self.where, found=f"{lost:,} values of {column.name} {what}", action=action)

    def _value(self, name: str) -> str:
        return _CARRIED.get(self.families[name], "{}").format(_cell(name))

    def _lost(self, column: Column) -> str:
        family = self.families[column.name]
        if family == "wide" and column.dtype == "integer":
            return f"abs({self._value(column.name)}) between 9007199254740992 and 1e308"  # NaN and infinity are above
        return f"not isfinite({self._value(column.name)})" if family in {"date", "timestamp"} else "false"

    def _day(self) -> str:
        cell = _cell(self.contract.day)
        if self.families[self.contract.day] == "text":
            return f"case when {cell} like '____-__-__%' then left({cell}, 10) end"
        day = f"cast({cell} as date)"
        return f"case when {day} between date '0001-01-01' and date '9999-12-31' then {day} end"

    def _within(self, first: date, last: date) -> str:
        cell = _cell(self.contract.day)
        if self.families[self.contract.day] == "text":
            return f"{self._day()} between '{first}' and '{last}'"
        # the bare column, so that an index or a zone map can be used
        return f"{cell} >= date '{first}' and {cell} < date '{last}' + 1"


def require_table(found: str, known: Iterable[str], *, where: str) -> None:
    """Returns nothing where the table is known.

    Raises:
        SettingsError: it is not; with the tables whose names come nearest.
    """
    names = list(known)
    if found not in names:
        nearest = difflib.get_close_matches(found, names, n=_SHOWN, cutoff=0)
        action = f"correct `table`; {did_you_mean(found, nearest)}" if nearest else "create it, or correct `table`"
        raise SettingsError(where=where, found=f"no table {found!r}", action=action)


def require_families(
    types: Mapping[str, str], contract: RawTable, *, families: Mapping[str, Family], where: str
) -> dict[str, Family]:
    """Returns what each declared column, and the day's, holds; `types` are the table's, `families` the database's.

    Raises:
        DataError: a column is missing, or of a type that cannot hold what is declared.
    """
    declared: dict[str, Kind] = {contract.day: "date"}
    declared |= {column.name: column.dtype for column in contract.columns}
    missing = [name for name in declared if name not in types]
    if missing:
        action = f"give the table that column, or correct its declaration; {did_you_mean(missing[0], types)}"
        raise DataError(where=where, found=f"no column {', '.join(map(repr, missing))}", action=action)
    wrong = [
        f"{name} is {types[name]}, expected {kind}"
        for name, kind in declared.items()
        if families.get(types[name]) not in _CAN_HOLD[kind]
    ]
    if wrong:
        action = "deliver it in the declared type (a view may cast it), or change the declaration"
        raise DataError(where=where, found="; ".join(wrong), action=action)
    return {name: families[types[name]] for name in declared}


def with_dates(chunks: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yields the chunks with RAW_DAY as a Date, where a text said the day; rows whose text is no day are left out."""
    for chunk in chunks:
        text = chunk.schema[RAW_DAY] == pl.String
        day = pl.col(RAW_DAY).str.to_date("%Y-%m-%d", strict=False)
        yield chunk.with_columns(day).drop_nulls(RAW_DAY) if text else chunk


def _cell(name: str) -> str:
    return f"t.{quoted(name)}"


def _as_day(found: date | str | None) -> date | None:
    try:
        return date.fromisoformat(found) if isinstance(found, str) else found
    except ValueError:
        return None
