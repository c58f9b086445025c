"""What does one raw day look like, in figures that fit on a page?

Counts and sums of hashes alone, so that chunks add up without rounding and a day of any size is kept in kilobytes.
Sizes are counted in bins of equal ratio, 100 to a power of ten: what was multiplied by 100 lies exactly 200 bins on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import numpy as np
import polars as pl

from churn.features.day import row_hashes
from churn.features.raw import TYPES, RawTable

BINS_A_POWER = 100
"""Bins of size to a power of ten: each is 2.3 % wide."""

Counts: TypeAlias = Mapping[int, int]

_EDGE = 1e-9  # a logarithm's last digit must not move a value that stands on an edge
_FARTHEST_DAYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFigures:
    """One column's rows on one day.

    `nulls` and `negatives` count rows. `sizes` counts finite values other than 0 by the bin of |x| (numbers alone), bin
    b being [10^(b/100), 10^((b+1)/100)); `hours` by the hour of the day, 0 to 23 (timestamps alone); `lags` by the days
    from the value to the raw day that files it, from -8 to 8, farther ones as those (dates and timestamps).
    """

    nulls: int = 0
    negatives: int = 0
    sizes: Counts = field(default_factory=dict)
    hours: Counts = field(default_factory=dict)
    lags: Counts = field(default_factory=dict)

    def __add__(self, other: ColumnFigures) -> ColumnFigures:
        return ColumnFigures(
            nulls=self.nulls + other.nulls,
            negatives=self.negatives + other.negatives,
            sizes=_sum(self.sizes, other.sizes),
            hours=_sum(self.hours, other.hours),
            lags=_sum(self.lags, other.lags),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFigures:
    """One raw table's rows on one day.

    `rows_hash` is the sum of the rows' hashes, modulo 2^64, whatever their order; a day column counts by its time of
    day alone. `unpaired` is their exclusive or: 0 where each row stands there an even number of times.
    """

    rows: int = 0
    rows_hash: int = 0
    unpaired: int = 0
    columns: Mapping[str, ColumnFigures] = field(default_factory=dict)

    def __add__(self, other: TableFigures) -> TableFigures:
        names = [*self.columns, *(name for name in other.columns if name not in self.columns)]
        none = ColumnFigures()
        return TableFigures(
            rows=self.rows + other.rows,
            rows_hash=(self.rows_hash + other.rows_hash) % 2**64,
            unpaired=self.unpaired ^ other.unpaired,
            columns={name: self.columns.get(name, none) + other.columns.get(name, none) for name in names},
        )


def figures(chunks: Iterable[pl.DataFrame], table: RawTable, *, day: date) -> TableFigures:
    """Returns the figures of a raw day, its rows in chunks of any size.

    A chunk holds `table.schema`'s columns, in its types or as text; those that it lacks count as null.

    >>> from churn.features.raw import Column
    >>> table = RawTable(name="t", day="date", columns=(Column(name="cents", dtype="integer"),))
    >>> found = figures([pl.DataFrame({"cents": [100, -100, 0, None]})], table, day=date(2026, 1, 5))
    >>> found.rows, found.columns["cents"]
    (4, ColumnFigures(nulls=1, negatives=1, sizes={200: 2}, hours={}, lags={}))
    """
    return sum((_of_chunk(_typed(chunk, table), table, day) for chunk in chunks), TableFigures())


def _of_chunk(rows: pl.DataFrame, table: RawTable, day: date) -> TableFigures:
    hashes = row_hashes(rows, table).to_numpy()
    return TableFigures(
        rows=rows.height,
        rows_hash=int(hashes.sum(dtype=np.uint64)),
        unpaired=int(np.bitwise_xor.reduce(hashes)) if hashes.size else 0,
        columns={column.name: _of_column(column, day) for column in rows.iter_columns()},
    )


def _of_column(values: pl.Series, day: date) -> ColumnFigures:
    if values.dtype.is_numeric():
        return _of_numbers(values)
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        hours = values.dt.hour() if isinstance(values.dtype, pl.Datetime) else values.clear()
        lags = (pl.lit(day) - pl.col(values.name).cast(pl.Date)).dt.total_days().clip(-_FARTHEST_DAYS, _FARTHEST_DAYS)
        return ColumnFigures(nulls=values.null_count(), hours=_counts(hours), lags=_counts(_computed(values, lags)))
    return ColumnFigures(nulls=values.null_count())


def _of_numbers(values: pl.Series) -> ColumnFigures:
    numbers = values.cast(pl.Float64).drop_nulls().to_numpy()
    numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    bins = np.floor(BINS_A_POWER * np.log10(np.abs(numbers)) + _EDGE).astype(np.int64)
    return ColumnFigures(
        nulls=values.null_count(), negatives=int((numbers < 0).sum()), sizes=_counts(pl.Series("size", bins))
    )


def _computed(values: pl.Series, expression: pl.Expr) -> pl.Series:
    return values.to_frame().select(expression).to_series()


def _counts(values: pl.Series) -> dict[int, int]:
    found = values.drop_nulls().alias("value").value_counts(name="rows").sort("value")
    return dict(zip(found["value"].to_list(), found["rows"].to_list(), strict=True))


def _typed(chunk: pl.DataFrame, table: RawTable) -> pl.DataFrame:
    """Returns the declared columns in their types; quarantined rows come as text, and what cannot be read is null.

    So is a column that was declared only after the day was brought.
    """
    texts = {name for name, dtype in chunk.schema.items() if isinstance(dtype, pl.String)}
    kinds = {column.name: column.dtype for column in table.columns}
    return chunk.select(
        pl.lit(None, dtype).alias(name)
        if name not in chunk.columns
        else _read(pl.col(name), kinds[name])
        if name in texts
        else pl.col(name).cast(dtype, strict=False)
        for name, dtype in table.schema.items()
    )


def _read(text: pl.Expr, kind: str) -> pl.Expr:
    if kind == "text":
        return text
    if kind == "boolean":
        return text == "true"
    if kind == "date":
        return text.str.to_date("%Y-%m-%d", strict=False)
    if kind == "timestamp":
        return text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    return text.cast(pl.Float64, strict=False).cast(TYPES["integer" if kind == "integer" else "number"], strict=False)


def _sum(one: Counts, other: Counts) -> dict[int, int]:
    return dict(sorted((Counter(one) + Counter(other)).items()))
