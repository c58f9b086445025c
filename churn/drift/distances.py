"""By how much did a column move: in the shares of its bins (Cramér's V, Jensen–Shannon) and in its own unit?

The formulas read the counts of `churn.drift.statistics` and keep to its rule: an effect size and what chance does to it
are two answers. What chance does to the first two follows from the sizes of the samples alone; Wasserstein's null
depends on the column, so that it is drawn, by a seed, from the column's own counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import special

from churn.drift.statistics import Counts, refuse_empty
from churn.errors import DataError

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

_DRAWS = 999
_AT_ONCE = 2_000_000
"""Numbers drawn at once, so that memory stays under 20 MB whatever the grid."""


def chi_square(reference_counts: Counts, current_counts: Counts) -> float:
    """Returns Pearson's statistic Σ (observed − expected)² / expected of the two samples over their bins, 0 or more.

    Expected is what one common distribution would put into each bin; no correction for continuity. A bin that is empty
    in both is left out.

    Raises:
        DataError: a sample holds no rows.

    Source: Pearson 1900, as in scipy.stats.chi2_contingency(correction=False).

    >>> round(chi_square(np.array([50, 50]), np.array([70, 30])), 4)
    8.3333
    """
    refuse_empty("chi-square", reference_counts, current_counts)
    held = reference_counts + current_counts > 0
    then, now = reference_counts[held] / reference_counts.sum(), current_counts[held] / current_counts.sum()
    n, m = int(reference_counts.sum()), int(current_counts.sum())
    # Both rows of the table at once: (n·then + m·now) / (n + m) is the share that is expected in each.
    return float(n * m * np.sum((now - then) ** 2 / (n * then + m * now)))


def cramers_v(reference_counts: Counts, current_counts: Counts) -> float:
    """Returns Cramér's V of the two samples over their bins, √(χ² / (N + M)): 0 where alike, 1 where no bin is shared.

    Of the same two distributions it is largest where the samples are of one size, and about √(M / N) smaller where the
    reference is many times larger: a limit for it holds for one ratio of sizes.

    Raises:
        DataError: a sample holds no rows.

    Source: Cramér 1946, Mathematical Methods of Statistics; two rows, so that the divisor min(r, c) − 1 is 1.

    >>> cramers_v(np.array([5, 0, 0]), np.array([0, 3, 0])), round(cramers_v(np.array([50, 50]), np.array([70, 30])), 4)
    (1.0, 0.2041)
    """
    rows = int(reference_counts.sum() + current_counts.sum())
    return math.sqrt(chi_square(reference_counts, current_counts) / max(rows, 1))


def jensen_shannon(reference_counts: Counts, current_counts: Counts) -> float:
    """Returns the Jensen–Shannon distance in base 2, from 0 (alike) to 1 (no bin is shared).

    The distance, a metric, is the root of the divergence ½ Σ r·log₂(r / m) + ½ Σ c·log₂(c / m) over the shares r and c
    and their mean m = (r + c) / 2. It is finite for empty bins, so nothing is smoothed.

    Raises:
        DataError: a sample holds no rows.

    Source: Lin 1991, IEEE Trans. Inf. Theory 37(1); the root is a metric: Endres & Schindelin 2003, same journal 49(7).

    >>> jensen_shannon(np.array([5, 0]), np.array([0, 3])), round(jensen_shannon(np.array([5, 5]), np.array([7, 3])), 4)
    (1.0, 0.1741)
    """
    refuse_empty("Jensen–Shannon", reference_counts, current_counts)
    then, now = reference_counts / reference_counts.sum(), current_counts / current_counts.sum()
    middle = (then + now) / 2
    divergence = float(np.sum(special.rel_entr(then, middle) + special.rel_entr(now, middle))) / 2
    return math.sqrt(min(max(divergence, 0.0) / math.log(2), 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChiSquareNull:
    """What χ² and Cramér's V do without any change: a chi-square variable with `bins` − 1 degrees of freedom.

    `bins` counts the occupied bins; one bin alone is treated as two. Good where a bin expects about five rows or more.

    Source: Cochran 1952, Annals of Mathematical Statistics 23(3).

    >>> null = ChiSquareNull(reference_n=1_000, current_n=1_000, bins=10)
    >>> round(null.critical(0.05), 4), round(null.p_value(null.critical(0.05)), 4)
    (0.092, 0.05)
    """

    reference_n: int
    current_n: int
    bins: int

    def critical(self, alpha: float) -> float:
        """Returns the Cramér's V that chance exceeds with probability `alpha`."""
        return math.sqrt(special.chdtri(_freedom(self.bins), alpha) / (self.reference_n + self.current_n))

    def p_value(self, v: float) -> float:
        """Returns the probability of a Cramér's V of `v` or more without any change."""
        return float(special.chdtrc(_freedom(self.bins), v**2 * (self.reference_n + self.current_n)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JensenShannonNull:
    """What the distance does without any change: its square is (1/N + 1/M) / (8 ln 2) times χ² with `bins` − 1 degrees.

    Shares that differ little have a divergence of ⅛ Σ (c − r)² / p nats (its second-order term), and Σ (c − r)² / p is
    (1/N + 1/M) times χ². `bins` counts the occupied bins; one bin alone is treated as two. Good where a bin expects
    about five rows or more.

    Source: Grosse et al. 2002, Physical Review E 65, 041905, who weigh the samples by their sizes; here each is ½.

    >>> null = JensenShannonNull(reference_n=100_000, current_n=5_000, bins=10)
    >>> round(null.critical(0.05), 4), round(null.p_value(null.critical(0.05)), 4)
    (0.0253, 0.05)
    """

    reference_n: int
    current_n: int
    bins: int

    def critical(self, alpha: float) -> float:
        """Returns the distance that chance exceeds with probability `alpha`."""
        return math.sqrt(special.chdtri(_freedom(self.bins), alpha) * self._scale)

    def p_value(self, distance: float) -> float:
        """Returns the probability of `distance` or more without any change."""
        return float(special.chdtrc(_freedom(self.bins), distance**2 / self._scale))

    @property
    def _scale(self) -> float:
        return (1 / self.reference_n + 1 / self.current_n) / (8 * math.log(2))


@dataclass(frozen=True, slots=True, kw_only=True)
class WassersteinDistance:
    """The Wasserstein-1 distance as far as counts know it, in the column's unit: the true one lies in [low, high].

    `distance` is that of rows spread evenly between two grid points.
    """

    distance: float
    low: float
    high: float


def wasserstein(
    reference_counts: Counts, current_counts: Counts, *, points: Floats, mean_shift: float | None
) -> WassersteinDistance:
    """Returns the area between the two distribution functions: how far the average row was moved, in the column's unit.

    The counts are of the cells that `statistics.ks` takes: below the grid, at its first point, between it and the
    second, …, above the last. `points` is that grid with the smallest and the greatest value of both samples before and
    behind it, ascending. [low, high] has no width where every value is a point. `mean_shift`, current less reference,
    is a bound from below; None where it is not known. `high` is infinite where a value is.

    Raises:
        DataError: a sample holds no values, or the points are not as many as the cells want.

    Source: Vallender 1974, Theory of Probability and its Applications 18(4): in one dimension W₁ = ∫ |F − G| dx.

    >>> then, now, points = np.array([0, 2, 0, 0, 0]), np.array([0, 1, 0, 1, 0]), np.array([1.0, 1, 4, 4])
    >>> wasserstein(then, now, points=points, mean_shift=1.5)
    WassersteinDistance(distance=1.5, low=1.5, high=1.5)
    """
    refuse_empty("Wasserstein", reference_counts, current_counts)
    widths = _widths(points, cells=len(reference_counts))
    then, now = reference_counts / reference_counts.sum(), current_counts / current_counts.sum()
    at_end = np.cumsum(now - then)
    inner = slice(0, None, 2)  # the cells that are no point
    end, more, less = at_end[inner], now[inner], then[inner]
    start = end - more + less
    low = float(np.sum(_area(np.maximum.reduce([start - less, -(start + more), np.zeros_like(start)]), widths)))
    high = float(np.sum(_area(np.maximum(start + more, less - start), widths)))
    low = min(max(low, abs(mean_shift or 0.0)), high)
    even = float(np.sum(_area(_mean_height(start, end), widths)))
    return WassersteinDistance(distance=min(max(even, low), high), low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class WassersteinNull:
    """What the distance does without any change: √(1/N + 1/M) times ∫ |B(F(x))| dx, B a Brownian bridge.

    F is what the two samples hold together, so that the law is the column's own; it is drawn 999 times over the
    counts. The limit is good from about 100 rows of the smaller sample, later where few rows hold most of the sum.

    Source: del Barrio, Giné, Matrán 1999, Annals of Probability 27(2).

    >>> even, points = np.array([0, *[50, 0] * 10]), np.array([0.0, *range(10), 9.0])
    >>> null = WassersteinNull.draw(even, even, points=points, seed=1)
    >>> bool(0.3 < null.critical(0.05) < 0.4), null.p_value(5.0)
    (True, 0.001)
    """

    draws: Floats = field(repr=False)
    """Ascending, in the column's unit."""

    @classmethod
    def draw(cls, reference_counts: Counts, current_counts: Counts, *, points: Floats, seed: int) -> WassersteinNull:
        """Returns the null of `wasserstein` with the same counts and points.

        Raises:
            DataError: as `wasserstein`.
        """
        refuse_empty("Wasserstein", reference_counts, current_counts)
        widths = _widths(points, cells=len(reference_counts))
        n, m = int(reference_counts.sum()), int(current_counts.sum())
        together = (reference_counts + current_counts) / (n + m)
        random, size = np.random.default_rng(seed), max(1, _AT_ONCE // len(together))
        parts = [
            _areas_of_bridges(random.standard_normal((rows, len(together)), dtype=np.float32), together, widths)
            for rows in (min(size, _DRAWS - at) for at in range(0, _DRAWS, size))
        ]
        return cls(draws=np.sort(np.concatenate(parts)) * math.sqrt(1 / n + 1 / m))

    def critical(self, alpha: float) -> float:
        """Returns the distance that chance exceeds with probability `alpha`, 0.001 or more."""
        return float(np.quantile(self.draws, 1 - alpha, method="higher"))

    def p_value(self, distance: float) -> float:
        """Returns the probability of `distance` or more without any change; never under 0.001.

        Source: Davison & Hinkley 1997, Bootstrap Methods and their Application, 4.2: the value is one draw among them.
        """
        as_far = self.draws.size - int(np.searchsorted(self.draws, distance))
        return (1 + as_far) / (1 + self.draws.size)


def _freedom(bins: int) -> int:
    return max(bins, 2) - 1


def _widths(points: Floats, *, cells: int) -> Floats:
    if 2 * (len(points) - 2) + 1 != cells:
        found = f"{len(points)} points for {cells} cells"
        raise DataError(where="Wasserstein", found=found, action="pass the grid with an extreme on either side")
    return np.maximum(np.diff(points), 0.0)


def _area(heights: Floats, widths: Floats) -> Floats:
    # Nobody beyond a grid point, however far its extreme is, is no area.
    return np.multiply(heights, widths, out=np.zeros_like(heights), where=heights > 0)


def _mean_height(start: Floats, end: Floats) -> Floats:
    """Returns the mean of |y| along a line from `start` to `end`; where it crosses 0, of the two triangles."""
    one, other = np.abs(start), np.abs(end)
    both = one + other
    crossing = np.divide(one**2 + other**2, both, out=np.zeros_like(both), where=both > 0)
    return np.where(start * end < 0, crossing, both) / 2


def _areas_of_bridges(steps: Singles, shares: Floats, widths: Floats) -> Floats:
    """Returns ∫ |B(F)| dx of each row of normal numbers `steps`, one a cell, which are written over.

    Between two grid points |B| is taken as a line: a little much where B crosses 0 there.
    """
    halves = np.where(np.isfinite(widths), widths, 0.0) / 2
    weights = np.zeros(len(shares))
    weights[::2] = halves
    weights[1::2] = halves[1:]
    steps *= np.sqrt(shares).astype(np.float32)
    walk = np.cumsum(steps, axis=1, out=steps)
    walk -= walk[:, -1:] * np.cumsum(shares).astype(np.float32)
    return np.asarray(np.abs(walk, out=walk) @ weights.astype(np.float32), dtype=np.float64)
