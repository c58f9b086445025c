"""Where does one value end and the next bin begin?

Bins are frozen once, on the reference, and never move with the night that is being judged. A number falls into a cell
of a grid of about a thousand reference quantiles (a point, or the gap between two); PSI bins are unions of such
cells, so that one look-up a value serves PSI, KS and the median.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from churn.drift.counts import ColumnCounts, exact_sum
from churn.errors import DataError, did_you_mean

MAX_BINS = 10
MAX_GRID = 1_000
RARE_SHARE = 0.01
NULL_LABEL = "null"

Values = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

_NULL = 0
_BELOW, _ABOVE, _FIRST_RANGE = 1, 2, 3
_UNSEEN, _RARE, _FIRST_LEVEL = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column to profile: a feature, or the published score (a number)."""

    name: str
    dtype: Literal["integer", "number", "category"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberBins:
    """Cells and bins of a number; integers beyond 2^53 are told apart as well as a Float64 can.

    The cells are, in order: null (NaN too), below the first point of `grid`, at it, between it and the second, …,
    above the last. `bin_of_cell` says which bin of `labels` a cell belongs to.
    """

    name: str
    grid: tuple[float, ...]
    bin_of_cell: tuple[int, ...]
    labels: tuple[str, ...]

    def count(self, series: pl.Series) -> ColumnCounts:
        """Returns the series' counts over the cells.

        Raises:
            DataError: the series holds texts or dates.
        """
        # Sorting, then placing the grid in the values, costs a fifth of placing each value in the grid.
        values = np.sort(numbers_of(series))
        ascending = values[: values.size - int(np.isnan(values).sum())]
        grid = np.asarray(self.grid, dtype=np.float64)
        ends = np.column_stack([np.searchsorted(ascending, grid, side) for side in ("left", "right")]).ravel()
        cells = np.diff(ends, prepend=0, append=ascending.size)
        return ColumnCounts(
            cells=(values.size - ascending.size, *cells.tolist()),
            minimum=float(ascending[0]) if ascending.size else None,
            maximum=float(ascending[-1]) if ascending.size else None,
            total=exact_sum(ascending[np.isfinite(ascending)]),
        )

    def median(self, counts: ColumnCounts) -> float | None:
        """Returns the grid point at or next above the median of the values.

        None without values, and where the median lies outside of the reference range.
        """
        values = np.cumsum(counts.cells[1:])
        cell = int(np.searchsorted(values, (values[-1] + 1) // 2))
        outside = values[-1] == 0 or cell in (0, len(values) - 1)
        return None if outside else self.grid[cell // 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryBins:
    """Bins of a category, each one cell: null, levels unseen in the reference, its rare levels, then each level."""

    name: str
    levels: tuple[str, ...]
    rare: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What to call each bin."""
        return (NULL_LABEL, "unseen levels", "rare levels", *(f'"{level}"' for level in self.levels))

    @property
    def bin_of_cell(self) -> tuple[int, ...]:
        """The bin of each cell: its own."""
        return tuple(range(_FIRST_LEVEL + len(self.levels)))

    def count(self, series: pl.Series) -> ColumnCounts:
        """Returns the series' counts over the bins.

        Raises:
            DataError: the series holds fractions, dates or nested values.
        """
        levels, rows = _level_counts(series)
        place = {level: _FIRST_LEVEL + at for at, level in enumerate(self.levels)} | dict.fromkeys(self.rare, _RARE)
        cells = np.zeros(len(self.bin_of_cell), dtype=np.int64)
        np.add.at(cells, [place.get(level, _UNSEEN) for level in levels], rows)
        cells[_NULL] = series.null_count()
        return ColumnCounts(cells=tuple(cells.tolist()), minimum=None, maximum=None, total=None)


ColumnBins = NumberBins | CategoryBins


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """The frozen bins of all profiled columns, in the order that they were named in."""

    columns: tuple[ColumnBins, ...]

    @property
    def fingerprint(self) -> str:
        """The sha256 of everything that decides where a value falls."""
        text = json.dumps([asdict(column) for column in self.columns], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def freeze_bins(frame: pl.DataFrame, columns: Iterable[Column]) -> Bins:
    """Returns the bins of each column, frozen on the reference rows.

    A number gets at most 10 bins of about equal share, with bins of their own for null, for a value that holds more
    than a tenth of the rows, and for what lies below and above the (finite) range. A category gets a bin a level;
    levels with under 1 % of the rows share one.

    Raises:
        DataError: a column is missing, named twice, or not of its declared type.

    >>> bins = freeze_bins(pl.DataFrame({"plan": ["a", "b", None]}), [Column(name="plan", dtype="category")])
    >>> bins.columns[0].labels
    ('null', 'unseen levels', 'rare levels', '"a"', '"b"')
    """
    frozen = tuple(_freeze(column, series_of(frame, column.name)) for column in columns)
    twice = sorted({one.name for at, one in enumerate(frozen) if one.name in {other.name for other in frozen[:at]}})
    if twice:
        raise DataError(where="drift", found=f"named twice: {', '.join(twice)}", action="name each column once")
    return Bins(columns=frozen)


def segment_column(score: str) -> str:
    """Returns what the segments of a score are called among the profiled columns: no feature can be called so.

    >>> segment_column("churn_score")
    'churn_score segment'
    """
    return f"{score} segment"


def series_of(frame: pl.DataFrame, name: str) -> pl.Series:
    """Returns the named column.

    Raises:
        DataError: the frame has no such column.
    """
    if name not in frame.columns:
        raise DataError(where="drift", found=f"no column {name!r}", action=did_you_mean(name, frame.columns))
    return frame.get_column(name)


def numbers_of(series: pl.Series) -> Values:
    """Returns the values as a new array in their order, -0 as 0, null and NaN as NaN.

    Raises:
        DataError: the series holds texts or dates.
    """
    if not (series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null)):
        raise _wrong_type(series, "a number")
    return series.cast(pl.Float64).to_numpy() + 0.0


def plain(value: float) -> str:
    """Returns a number as people write it, with three digits or, from a thousand on, none behind the point.

    >>> plain(41.0), plain(0.12345), plain(12345.6)
    ('41', '0.123', '12,346')
    """
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _freeze(column: Column, series: pl.Series) -> ColumnBins:
    if column.dtype == "category":
        return _freeze_category(column.name, series)
    return _freeze_number(column.name, numbers_of(series))


def _freeze_category(name: str, series: pl.Series) -> CategoryBins:
    levels, rows = _level_counts(series)
    rare = rows < RARE_SHARE * len(series)
    return CategoryBins(
        name=name,
        levels=tuple(sorted(levels.filter(pl.Series(~rare)))),
        rare=tuple(sorted(levels.filter(pl.Series(rare)))),
    )


def _freeze_number(name: str, values: Values) -> NumberBins:
    distinct, rows = np.unique(values[np.isfinite(values)], return_counts=True)
    if not distinct.size:
        return NumberBins(name=name, grid=(), bin_of_cell=(_NULL, 1), labels=(NULL_LABEL, "any value"))
    spiked = rows * MAX_BINS > rows.sum()
    spikes, share = distinct[spiked], int(-(-MAX_BINS * rows[~spiked].sum() // rows.sum()))
    edges = _quantiles(distinct[~spiked], rows[~spiked], parts=share)
    fine = distinct if distinct.size <= MAX_GRID else _quantiles(distinct, rows, parts=MAX_GRID - 1)
    grid = np.unique(np.concatenate([distinct[:1], fine, edges, spikes]))
    return NumberBins(
        name=name,
        grid=tuple(grid.tolist()),
        bin_of_cell=_bin_of_cell(grid, edges, spikes),
        labels=_labels(grid, edges, spikes),
    )


def _quantiles(distinct: Values, rows: Index, *, parts: int) -> Values:
    """Returns the values at which 1/parts, 2/parts, … of the rows are reached, without repeats, up to the maximum."""
    reached = np.cumsum(rows)
    ranks = -(-np.arange(1, parts + 1) * rows.sum() // max(parts, 1))
    return np.unique(distinct[np.searchsorted(reached, ranks)])


def _bin_of_cell(grid: Values, edges: Values, spikes: Values) -> tuple[int, ...]:
    ranges = max(edges.size, 1)
    at_point = _FIRST_RANGE + np.minimum(np.searchsorted(edges, grid), ranges - 1)
    before_point = at_point.copy()
    before_point[0] = _BELOW
    at_point[np.searchsorted(grid, spikes)] = _FIRST_RANGE + ranges + np.arange(spikes.size)
    return (_NULL, *np.column_stack([before_point, at_point]).ravel().tolist(), _ABOVE)


def _labels(grid: Values, edges: Values, spikes: Values) -> tuple[str, ...]:
    outside = (f"below {plain(grid[0])}", f"above {plain(grid[-1])}")
    starts = (plain(grid[0]), *(f"over {plain(edge)}" for edge in edges[:-1]))
    ends = (*edges[:-1], grid[-1])
    ranges = (f"{start} to {plain(end)}" for start, end in zip(starts, ends, strict=True))
    return (NULL_LABEL, *outside, *ranges, *(f"exactly {plain(spike)}" for spike in spikes))


def _level_counts(series: pl.Series) -> tuple[pl.Series, Index]:
    """Returns the distinct levels, without null, and the rows of each."""
    kind = series.dtype
    if not (kind.is_integer() or isinstance(kind, pl.Enum) or kind in (pl.String, pl.Categorical, pl.Boolean, pl.Null)):
        raise _wrong_type(series, "a category")
    table = series.alias("level").drop_nulls().value_counts(name="rows")
    return table["level"].cast(pl.String), table["rows"].cast(pl.Int64).to_numpy()


def _wrong_type(series: pl.Series, expected: str) -> DataError:
    return DataError(
        where=f"drift, {series.name}",
        found=f"type {series.dtype}, not {expected}",
        action="correct the feature's dtype, or rebuild the partition",
    )
