"""What remains of a column once its rows are gone?

Integer counts, the two extremes and the exact sum: all of them merge without rounding, so that a week is the sum of its
nights to the last bit, in whatever chunks they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCounts:
    """One column's rows by cell of its frozen bins; the first cell is null. `+` merges two nights.

    `minimum` and `maximum` are None without values and for a category; infinities count. `total` is the exact sum
    of the finite values, None for a category.
    """

    cells: tuple[int, ...]
    minimum: float | None
    maximum: float | None
    total: Fraction | None

    @property
    def rows(self) -> int:
        """All rows, nulls too."""
        return sum(self.cells)

    @property
    def nulls(self) -> int:
        """Rows without a value; NaN is none."""
        return self.cells[0]

    def __add__(self, other: ColumnCounts) -> ColumnCounts:
        return ColumnCounts(
            cells=tuple(mine + theirs for mine, theirs in zip(self.cells, other.cells, strict=True)),
            minimum=min(_known(self.minimum, other.minimum), default=None),
            maximum=max(_known(self.maximum, other.maximum), default=None),
            total=None if self.total is None or other.total is None else self.total + other.total,
        )


def exact_sum(values: npt.NDArray[np.float64]) -> Fraction:
    """Returns the sum of finite values without any rounding, whatever their order.

    Each value is a whole number of 53 bits times a power of two: halves of these are added by power, and a block is
    short enough for such sums to be exact in a Float64.

    >>> exact_sum(np.array([1e16, 1.0, -1e16]))
    Fraction(1, 1)
    """
    return sum((_block_sum(values[at : at + _BLOCK]) for at in range(0, values.size, _BLOCK)), Fraction(0))


def _block_sum(values: npt.NDArray[np.float64]) -> Fraction:
    mantissa, power = np.frexp(values)
    whole = mantissa * 2.0**53
    high = np.floor(whole * 2.0**-26)
    low = whole - high * 2.0**26
    lowest = int(power.min())
    highs, lows = (np.bincount(power - lowest, weights=half) for half in (high, low))
    parts = zip(highs.tolist(), lows.tolist(), strict=True)
    scaled = sum(((int(top) << 26) + int(bottom)) << at for at, (top, bottom) in enumerate(parts))
    return Fraction(scaled) * Fraction(2) ** (lowest - 53)


def _known(*values: float | None) -> Iterable[float]:
    return [value for value in values if value is not None]
