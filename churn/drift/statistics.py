"""How far apart are two distributions, and how far would chance alone have put them?

Every statistic reads integer counts over bins that were frozen on the reference, so the same numbers come from one
night, a week merged by addition, or raw rows. An effect size (PSI, KS) and its significance are two answers: alarm on
both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from churn.errors import DataError

Counts = npt.NDArray[np.int64]

KS_EXACT_ROWS = 1_000
"""Values of both samples together, up to which the p-value of KS is exact; beyond, the limit is near."""


def occupied_bins(reference_counts: Counts, current_counts: Counts) -> int:
    """Returns how many bins hold a row in either sample.

    >>> occupied_bins(np.array([5, 0, 0]), np.array([4, 1, 0]))
    2
    """
    return int(np.count_nonzero(reference_counts + current_counts))


def psi(reference_counts: Counts, current_counts: Counts) -> float:
    """Returns the population stability index, Σ (c − r)·ln(c / r) over the shares r and c of each bin, 0 or more.

    Each count is raised by ½, so that a bin which only one sample fills has a finite share. A bin that is empty in
    both says nothing and is left out: smoothing it would report a drift that grows with the ratio of the two sample
    sizes.

    Raises:
        DataError: a sample holds no rows.

    Source: Yurdakul 2018; Yurdakul & Naranjo 2020, Journal of Risk Model Validation.

    >>> round(psi(np.array([50, 50]), np.array([70, 30])), 4)
    0.1659
    """
    refuse_empty("psi", reference_counts, current_counts)
    held = reference_counts + current_counts > 0
    then, now = reference_counts[held] + 0.5, current_counts[held] + 0.5
    then, now = then / then.sum(), now / now.sum()
    return float(np.sum((now - then) * np.log(now / then)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PsiNull:
    """What PSI does without any change: (1/N + 1/M) times a chi-square variable with `bins` − 1 degrees of freedom.

    `bins` counts the occupied bins; one bin alone is treated as two, the fewest in which a change can show.
    Every result is in the unit of PSI, or a probability. It needs a row in each sample.

    Source: Yurdakul 2018; Yurdakul & Naranjo 2020, Journal of Risk Model Validation.

    >>> null = PsiNull(reference_n=1_000_000, current_n=1_000_000, bins=10)
    >>> round(null.critical(0.05), 6)
    3.4e-05
    """

    reference_n: int
    current_n: int
    bins: int

    def critical(self, alpha: float) -> float:
        """Returns the PSI that chance exceeds with probability `alpha`."""
        return float(special.chdtri(self._freedom, alpha)) * self._scale

    def p_value(self, value: float) -> float:
        """Returns the probability of a PSI of `value` or more without any change."""
        return float(special.chdtrc(self._freedom, value / self._scale))

    def smallest_effect(self, alpha: float, *, power: float) -> float:
        """Returns the true PSI that a test at `alpha` finds with probability `power`; best below about 0.3."""
        cut = special.chdtri(self._freedom, alpha)
        return float(special.chndtrinc(cut, self._freedom, 1 - power)) * self._scale

    def interval(self, value: float, *, level: float) -> tuple[float, float]:
        """Returns the true PSIs that a measured `value` does not rule out at `level`; best below about 0.3.

        Turns the non-central chi-square around: its lower end is 0 exactly where chance alone explains the value.
        """
        tail = (1 - level) / 2
        return self._shift(value, 1 - tail), self._shift(value, tail)

    @property
    def _freedom(self) -> int:
        return max(self.bins, 2) - 1

    @property
    def _scale(self) -> float:
        return 1 / self.reference_n + 1 / self.current_n

    def _shift(self, value: float, probability: float) -> float:
        measured = value / self._scale
        if special.chdtr(self._freedom, measured) <= probability:
            return 0.0
        return float(special.chndtrinc(measured, self._freedom, probability)) * self._scale


def psi_smallest_n(floor: float, bins: int, *, alpha: float) -> int:
    """Returns the fewest current rows that tell a PSI of `floor` from chance at `alpha`, beside an endless reference.

    >>> psi_smallest_n(0.1, 10, alpha=0.05)
    170
    """
    return math.ceil(float(special.chdtri(max(bins, 2) - 1, alpha)) / floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class KsDistance:
    """The Kolmogorov–Smirnov distance as far as counts know it: the true one lies in [distance, distance + error]."""

    distance: float
    error: float


def ks(reference_counts: Counts, current_counts: Counts) -> KsDistance:
    """Returns sup |F_reference − F_current|, from 0 to 1, with what the grid leaves open.

    Both take the cells of one grid of values g₁ < g₂ < …, in order: below g₁, at g₁, between g₁ and g₂, at g₂, …,
    above the last. `error` is the most that the distance can rise inside of a cell: 0 where every distinct reference
    value is a grid point, and never more than the largest share of the reference between two of them. Nulls belong to
    no cell.

    Raises:
        DataError: a sample holds no values.

    >>> ks(np.array([0, 5, 0, 5, 0]), np.array([0, 2, 1, 2, 5]))
    KsDistance(distance=0.5, error=0.0)
    """
    refuse_empty("ks", reference_counts, current_counts)
    then, now = _ends(reference_counts), _ends(current_counts)
    distance = float(np.abs(then - now).max())
    lo, hi = slice(0, -1, 2), slice(1, None, 2)
    inside = np.maximum(then[hi] - now[lo], now[hi] - then[lo]).max()
    return KsDistance(distance=distance, error=max(float(inside) - distance, 0.0))


def ks_critical(*, reference_n: int, current_n: int, alpha: float) -> float:
    """Returns the KS distance that chance exceeds with probability `alpha`; asymptotic, too large where values tie.

    >>> round(ks_critical(reference_n=100_000, current_n=100_000, alpha=0.05), 4)
    0.0061
    """
    return float(special.kolmogi(alpha)) * math.sqrt(1 / reference_n + 1 / current_n)


def ks_p_value(distance: float, *, reference_n: int, current_n: int) -> float:
    """Returns the two-sample probability of `distance` or more without any change; large where values tie.

    >>> round(ks_p_value(0.0061, reference_n=100_000, current_n=100_000), 2)
    0.05
    """
    return float(special.kolmogorov(distance / math.sqrt(1 / reference_n + 1 / current_n)))


def ks_exact_p_value(reference_counts: Counts, current_counts: Counts) -> float:
    """Returns the exact two-sample probability of a KS distance as large as these counts show, without any change.

    Every way to deal the rows to two samples of these sizes is as likely; rows of one cell tie, so that it is exact for
    the distance that `ks` returns, on any grid and with any ties. The cost grows with (N + M)·min(N, M): for samples of
    up to `KS_EXACT_ROWS` together it is about 20 ms at most.

    Raises:
        DataError: a sample holds no values.

    Source: Hodges 1958, Arkiv för Matematik 3(43) (paths in a band); Schröer & Trenkler 1995, Computational Statistics
    & Data Analysis 20(2) (ties).

    >>> round(ks_exact_p_value(np.array([0, 3, 0, 0, 0]), np.array([0, 0, 0, 3, 0])), 9)  # 2 of the 20 ways
    0.1
    """
    refuse_empty("ks", reference_counts, current_counts)
    few, many = sorted((reference_counts, current_counts), key=lambda counts: int(counts.sum()))
    n, m = int(few.sum()), int(many.sum())
    ends = set(np.cumsum(few + many).tolist())
    reach = int(np.abs(np.cumsum(few) * m - np.cumsum(many) * n).max())
    dealt = np.arange(n + 1)  # rows that the smaller sample holds of those dealt so far
    inside, outside = np.where(dealt == 0, 1.0, 0.0), 0.0
    for row in range(1, n + m + 1):
        taken = inside * (n - dealt) / (n + m - row + 1)
        inside = inside - taken
        inside[1:] += taken[:-1]
        if row in ends:
            far = np.abs(dealt * m - (row - dealt) * n) >= reach
            outside, inside = outside + float(inside[far].sum()), np.where(far, 0.0, inside)
    return min(outside, 1.0)


def benjamini_hochberg(p_values: Sequence[float], *, alpha: float) -> tuple[bool, ...]:
    """Returns, for each p-value in its place, whether it is rejected with a false discovery rate of at most `alpha`.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.9], alpha=0.06)
    (True, True, True, False)
    """
    if not p_values:
        return ()
    ascending = np.sort(np.asarray(p_values, dtype=np.float64))
    passing = ascending <= alpha * np.arange(1, len(ascending) + 1) / len(ascending)
    limit = ascending[passing].max(initial=-1.0)
    return tuple(bool(p <= limit) for p in p_values)


def _ends(counts: Counts) -> npt.NDArray[np.float64]:
    """Returns the cumulative share before the first cell and at the end of each."""
    running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return np.asarray(running / running[-1], dtype=np.float64)


def refuse_empty(where: str, *samples: Counts) -> None:
    """Checks that there is something to compare.

    Raises:
        DataError: a sample holds no rows.
    """
    if any(int(counts.sum()) == 0 for counts in samples):
        raise DataError(where=where, found="a sample without rows", action="check that both partitions hold rows")
