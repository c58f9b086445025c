"""What remains of a column once its rows are gone?

Integer counts, the two extremes and the exact sum: all of them merge without rounding, so that a week is the sum of its
nights to the last bit, in whatever chunks they came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

_BLOCK_BITS = 14
_BLOCK = 1 << _BLOCK_BITS
_LARGE, _SHIFT = 2.0**1000, 100  # where a sum of a block leaves the range of a Float64


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

    def averaged(self, nights: int) -> ColumnCounts:
        """Returns the mean of so many added nights in whole rows, which are as many in every column of a profile.

        >>> whole = ColumnCounts(cells=(1, 8, 5), minimum=0.0, maximum=9.0, total=Fraction(28))
        >>> whole.averaged(7).cells, whole.averaged(7).total
        ((0, 1, 1), Fraction(4, 1))
        """
        upto = [0, *(held // nights for held in accumulate(self.cells))]
        cells = tuple(upper - lower for lower, upper in pairwise(upto))
        return replace(self, cells=cells, total=None if self.total is None else self.total / nights)


def exact_sum(values: npt.NDArray[np.float64]) -> Fraction:
    """Returns the sum of finite values without any rounding, whatever their order.

    The leading bits of a block are split off, as many as add up in a Float64 without rounding; then those of the rest,
    until nothing is left.

    Source: Rump, Ogita, Oishi 2008, Accurate floating-point summation, SIAM J. Sci. Comput. 31(1).

    >>> exact_sum(np.array([1e16, 1.0, -1e16]))
    Fraction(1, 1)
    """
    return sum((_block_sum(values[at : at + _BLOCK]) for at in range(0, values.size, _BLOCK)), Fraction(0))


def _block_sum(values: npt.NDArray[np.float64]) -> Fraction:
    largest = float(np.abs(values).max(initial=0.0))
    if largest > _LARGE:
        half = values * 2.0**-_SHIFT  # loses the last bits of small values, which are summed apart
        scaled = _block_sum(half) * Fraction(2) ** _SHIFT
        return scaled + _block_sum(values - half * 2.0**_SHIFT)
    total, rest = Fraction(0), values
    while largest > 0:
        unit = 2.0 ** (math.frexp(largest)[1] + _BLOCK_BITS)
        leading = (rest + unit) - unit
        total += Fraction(float(leading.sum()))
        rest = rest - leading
        largest = float(np.abs(rest).max())
    return total


def _known(*values: float | None) -> Iterable[float]:
    return [value for value in values if value is not None]
