"""How is a night profiled while its chunks stream by in many threads?

Each thread counts its own chunk without a lock and adds what it found under one: sums of integers, so that the order
of the chunks makes no difference. From a million rows on a compiled kernel counts the numbers; fewer are
counted before Numba would be loaded. Both give the same profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from threading import Lock

import numpy as np
import polars as pl

from churn.drift.bins import Bins, CategoryBins, ColumnBins, Index, NumberBins, Values, numbers_of, series_of
from churn.drift.counts import ColumnCounts
from churn.drift.profile import Profile

KERNEL_ROWS = 1_000_000
"""Up to so many rows Numba takes longer to load than these take to be counted."""
_UNIT = 1_075  # 2^-1075 times 2^exponent is what the last bit of a mantissa is worth
_HALF = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTally:
    """What the kernel found of a column of numbers: see `kernel.count`. `+` adds another chunk's."""

    cells: Index = field(repr=False)
    halves: Index = field(repr=False)
    ends: Values

    @classmethod
    def empty(cls, grid_points: int) -> NumberTally:
        """Returns what is found of no rows."""
        cells = np.zeros(2 * grid_points + 2, dtype=np.int64)
        return cls(cells=cells, halves=np.zeros((2, 2_048), dtype=np.int64), ends=np.array([np.inf, -np.inf]))

    def __add__(self, other: NumberTally) -> NumberTally:
        ends = np.array([min(self.ends[0], other.ends[0]), max(self.ends[1], other.ends[1])])
        return NumberTally(cells=self.cells + other.cells, halves=self.halves + other.halves, ends=ends)

    @property
    def counts(self) -> ColumnCounts:
        """The same as plain counts."""
        has_values = bool(self.cells[1:].any())
        return ColumnCounts(
            cells=tuple(self.cells.tolist()),
            minimum=float(self.ends[0]) if has_values else None,
            maximum=float(self.ends[1]) if has_values else None,
            total=self._total(),
        )

    def _total(self) -> Fraction:
        exponents = np.flatnonzero(self.halves[:, :-1].any(axis=0)).tolist()
        upper, lower = self.halves.tolist()
        # A subnormal number has the exponent 0 and is worth as much a bit as one of exponent 1.
        units = sum(((upper[at] << _HALF) + lower[at]) << max(at, 1) for at in exponents)
        return Fraction(units, 1 << _UNIT)


class ProfileTally:
    """Counts chunks over frozen bins; any thread may add one.

    `folder` is where the compiled kernel's code is kept; None counts without it, which few rows are better off with.
    `is_new` where the kernel had to be compiled.

    >>> from churn.drift.profile import Column, freeze_bins
    >>> frame = pl.DataFrame({"spend": [1.0, 2.0, None]})
    >>> tally = ProfileTally(freeze_bins(frame, [Column(name="spend", dtype="number")]))
    >>> tally.add(frame), tally.add(frame), tally.profile.rows, float(tally.profile.counts[0].total)
    (None, None, 6, 6.0)
    """

    def __init__(self, bins: Bins, *, folder: Path | None = None) -> None:
        self._bins, self._lock, self.is_new = bins, Lock(), False
        self._grids: dict[str, Values] = {}
        if folder is not None:
            from churn.drift import kernel

            self.is_new = kernel.prepare(folder=folder)
            self._count = kernel.ready()
            numbers = [column for column in bins.columns if isinstance(column, NumberBins)]
            self._grids = {column.name: _padded(column.grid) for column in numbers}
        self._found = [self._of(column, pl.Series(dtype=pl.Null)) for column in bins.columns]

    def add(self, chunk: pl.DataFrame) -> None:
        """Counts the columns that the bins name, of all rows of a chunk, and leaves others alone.

        Raises:
            DataError: the chunk lacks a column, or holds one of another type.
        """
        more = [self._of(column, series_of(chunk, column.name)) for column in self._bins.columns]
        with self._lock:
            self._found = [mine + theirs for mine, theirs in zip(self._found, more, strict=True)]  # type: ignore[operator]

    @property
    def profile(self) -> Profile:
        """The profile of all that was added."""
        with self._lock:
            found = [one.counts if isinstance(one, NumberTally) else one for one in self._found]
        return Profile(bins=self._bins, counts=tuple(found))

    def _of(self, column: ColumnBins, series: pl.Series) -> ColumnCounts | NumberTally:
        if isinstance(column, CategoryBins) or not self._grids:
            return column.count(series)
        grid, found = self._grids[column.name], NumberTally.empty(len(column.grid))
        self._count(numbers_of(series), grid, len(grid).bit_length() - 1, found.cells, found.halves, found.ends)
        return found


def _padded(grid: tuple[float, ...]) -> Values:
    padded = np.full(1 << len(grid).bit_length(), np.nan)
    padded[: len(grid)] = grid
    return padded
