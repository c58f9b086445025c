"""What does a raw table promise?

Declared once, as columns, a key and rules. A fault of the table (a missing column, a wrong type, a key that stands
twice) stops the night; a fault of a row (a value out of range, a broken rule) takes out that row (`intake`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from churn.errors import SettingsError

RAW_DAY = "__day"
"""The first column of every chunk that a source brings: the raw day (Date, never null) that files the row."""

_RESERVED = {RAW_DAY, "rule", "run"}

Kind: TypeAlias = Literal["integer", "number", "text", "boolean", "date", "timestamp"]

TYPES: dict[Kind, pl.DataType] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "text": pl.String(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}
"""The type that a column of each kind is kept in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a raw table: its name as the source spells it, and what its values may be.

    `minimum` and `maximum` are inclusive; `levels` are all the values that a text may take. NaN counts as null, and no
    number may be infinite.
    """

    name: str
    dtype: Kind
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A promise about the columns of one row, named by what holds; a row for which it is null keeps it.

    >>> Rule(name="ends after it starts", holds=pl.col("end") >= pl.col("start")).name
    'ends after it starts'
    """

    name: str
    holds: pl.Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """The contract of one raw table.

    `day` names the column (date or timestamp) that files a row under a raw day; a table in hive partitions `date=D`
    may leave `date` out of `columns`, since the folder says it. Where the day is a declared column, a row
    that says another day (at UTC) than the one that files it is broken. `key` is unique within a day. A `daily` table
    brings rows every day: an empty day, far fewer rows than before or the same rows as the day before stop the night.
    """

    name: str
    day: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    daily: bool = False
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        """Raises SettingsError where two columns or rules share a name, or one cannot be told apart in quarantine."""
        names = [column.name.lower() for column in self.columns] + [rule.name for rule in self.rules]
        texts = [*names, *(level for column in self.columns for level in column.levels)]
        wrong = [name for name in names if names.count(name) > 1 or name in _RESERVED]
        wrong += [text for text in texts if "; " in text]  # what joins the names of broken rules
        strange = [name for name in self.key if name not in {column.name for column in self.columns}]
        if wrong or strange:
            found = f"the name {(wrong or strange)[0]!r} is reserved, stands there twice, holds '; ' or is no column"
            raise SettingsError(where=f"raw table {self.name}", found=found, action="give each column and rule its own")

    @property
    def schema(self) -> pl.Schema:
        """The columns as they are kept, in declared order; a day column called `date` is said by the folder alone."""
        return pl.Schema({column.name: TYPES[column.dtype] for column in self.columns if column.name != "date"})
