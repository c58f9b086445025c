"""How does a score behave along its whole range: who is found at which price, and does it mean what it says?

A curve is a value of at most about 200 points that a report draws. Millions of rows are thinned to it by distance from
the line, not by every k-th point, so that corners stay where they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import numpy as np
import numpy.typing as npt

from churn.errors import DataError
from churn.promotion.metrics import Floats, Vector, check_rows

_AT_MOST = 200
_STRAIGHT = 1e-9  # a point this near to the line through its neighbours says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Roc:
    """Shares of the negatives and of the positives that score at or over each threshold, from (0, 0) to (1, 1)."""

    false_positive_rates: tuple[float, ...]
    true_positive_rates: tuple[float, ...]
    n: int
    n_positive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecall:
    """Precision at each recall, from the highest score down; the area under it is the average precision."""

    recalls: tuple[float, ...]
    precisions: tuple[float, ...]
    n: int
    n_positive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Rows of neighbouring scores: their mean score, and the mean of what was observed with its 95 % interval.

    `interval` is None where one row allows none.
    """

    mean_score: float
    observed: float
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Bins of about equally many rows, by ascending score; rows of one score are never parted."""

    bins: tuple[Bin, ...]

    @property
    def gap(self) -> float:
        """Mean absolute gap between score and observation, each bin by its rows: the expected calibration error.

        Against outcomes it is biased upward, most for good models: chance alone makes gaps.

        >>> low = Bin(mean_score=0.1, observed=0.2, interval=None, n=30)
        >>> high = Bin(mean_score=0.6, observed=0.6, interval=None, n=10)
        >>> round(Reliability(bins=(low, high)).gap, 4)
        0.075
        """
        return sum(each.n * abs(each.mean_score - each.observed) for each in self.bins) / self.n

    @property
    def n(self) -> int:
        """Rows in all bins."""
        return sum(group.n for group in self.bins)


def roc(labels: Vector, scores: Vector) -> Roc:
    """Returns the ROC curve in at most 200 points.

    `labels` and `scores` hold one value a row; scores need not be probabilities. Both rates are shares, 0 to 1.

    Raises:
        DataError: see `metrics.check_rows`.

    >>> roc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).true_positive_rates
    (0.0, 0.5, 0.5, 1.0, 1.0)
    """
    from sklearn.metrics import roc_curve

    positive, values = check_rows(labels, scores)
    across, up, _ = roc_curve(positive, values)
    kept = thinned(across, up)
    return Roc(
        false_positive_rates=_numbers(across[kept]),
        true_positive_rates=_numbers(up[kept]),
        n=positive.size,
        n_positive=int(positive.sum()),
    )


def precision_recall(labels: Vector, scores: Vector) -> PrecisionRecall:
    """Returns the precision-recall curve in at most 200 points, recall ascending from 0 to 1.

    `labels` and `scores` hold one value a row. The curve is drawn in steps: between two recalls the precision is that
    of the higher one, since a straight line between them would promise what no threshold gives.

    Raises:
        DataError: see `metrics.check_rows`.

    >>> curve = precision_recall(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> curve.recalls[:3], curve.precisions[:3]
    ((0.0, 0.5, 0.5), (1.0, 1.0, 0.5))
    """
    from sklearn.metrics import precision_recall_curve

    positive, values = check_rows(labels, scores)
    precisions, recalls, _ = precision_recall_curve(positive, values, drop_intermediate=True)
    # the last point of scikit-learn is precision 1 at recall 0, which no threshold has
    reached, precise = recalls[-2::-1], precisions[-2::-1]
    across = np.concatenate([[0.0], np.repeat(reached, 2)[:-1]])
    up = np.repeat(precise, 2)
    kept = thinned(across, up)
    return PrecisionRecall(
        recalls=_numbers(across[kept]),
        precisions=_numbers(up[kept]),
        n=positive.size,
        n_positive=int(positive.sum()),
    )


def reliability(labels: Vector, scores: Vector, *, bins: int = 10) -> Reliability:
    """Returns the observed rate of the label by bin of the score, each with Wilson's 95 % interval (by SciPy).

    `labels` (0 or 1) and `scores` (probabilities) hold one value a row. There are fewer bins where many rows share a
    score. The rows' order does not matter.

    Raises:
        DataError: see `metrics.check_rows`; a score outside [0, 1].

    >>> found = reliability(np.array([0, 0, 0, 1, 0, 1, 1, 1]), np.repeat([0.25, 0.75], 4), bins=2)
    >>> [(group.mean_score, group.observed, group.n) for group in found.bins]
    [(0.25, 0.25, 4), (0.75, 0.75, 4)]
    """
    positive, values = check_rows(labels, scores)
    if values.min() < 0 or values.max() > 1:
        found = f"scores from {values.min():g} to {values.max():g}"
        raise DataError(where="reliability", found=found, action="pass probabilities, 0 to 1")
    return Reliability(
        bins=tuple(
            Bin(mean_score=mean, observed=float(rows.mean()), interval=_wilson(rows), n=rows.size)
            for mean, rows in _binned(positive.astype(np.float64), values, bins=bins)
        )
    )


def predicted_against_observed(observed: Vector, predicted: Vector, *, bins: int = 10) -> Reliability:
    """Returns the mean of what was observed by bin of the prediction, each with Student's 95 % interval.

    One value a row, in the target's own unit: the reliability of a regression. The rows' order does not matter.

    Raises:
        DataError: columns of other shapes, no row at all, or a value that is not finite.

    >>> predicted_against_observed(np.array([1.0, 3.0]), np.array([2.0, 2.0]), bins=1).bins[0].observed
    2.0
    """
    truth, values = np.asarray(observed, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape or not truth.size:
        found = f"shapes {truth.shape} and {values.shape}"
        raise DataError(where="predictions", found=found, action="pass one number a row, for the same rows")
    if not (np.isfinite(truth).all() and np.isfinite(values).all()):
        raise DataError(where="predictions", found="a value is not finite", action="mend the rows; nothing was judged")
    return Reliability(
        bins=tuple(
            Bin(mean_score=mean, observed=float(rows.mean()), interval=_student(rows), n=rows.size)
            for mean, rows in _binned(truth, values, bins=bins)
        )
    )


def score_bins(scores: Floats, *, bins: int) -> npt.NDArray[np.int64]:
    """Returns the number of each row's bin, from 0 for the lowest scores.

    Bins hold about equally many rows; a score goes where the middle of its rows lies, so that no score is parted.

    Raises:
        DataError: fewer than one bin.

    >>> score_bins(np.array([0.1, 0.9, 0.1, 0.5]), bins=2).tolist()
    [0, 1, 0, 1]
    """
    if bins < 1:
        raise DataError(where="bins", found=str(bins), action="ask for at least 1")
    _, level_of, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    own: npt.NDArray[np.int64] = np.floor(middle * bins / scores.size).astype(np.int64)[level_of]
    return own


def _binned(observed: Floats, scores: Floats, *, bins: int) -> Iterator[tuple[float, Floats]]:
    """Yields each bin's mean score and its sorted observations."""
    order = np.lexsort((observed, scores))
    own = score_bins(scores, bins=bins)[order]
    for chosen in np.unique(own):
        rows = order[own == chosen]
        yield float(scores[rows].mean()), observed[rows]


def _wilson(rows: Floats) -> tuple[float, float]:
    from scipy.stats import binomtest

    found = binomtest(int(rows.sum()), rows.size).proportion_ci(confidence_level=0.95, method="wilson")
    return float(found.low), float(found.high)


def _student(rows: Floats) -> tuple[float, float] | None:
    from scipy.stats import t

    if rows.size < 2:
        return None
    reach = float(t.ppf(0.975, rows.size - 1)) * float(rows.std(ddof=1)) / math.sqrt(rows.size)
    return float(rows.mean()) - reach, float(rows.mean()) + reach


def thinned(across: Floats, up: Floats) -> npt.NDArray[np.intp]:
    """Returns the places of the points to keep: again and again the one farthest from the line drawn so far.

    That is Ramer, Douglas and Peucker's way, stopped at a number of points instead of at a tolerance.
    """
    points = np.column_stack([across, up])
    kept = {0, len(points) - 1}
    waiting = _farthest(points, 0, len(points) - 1)
    while waiting and len(kept) < _AT_MOST:
        _, place, start, end = heappop(waiting)
        kept.add(place)
        for piece in (*_farthest(points, start, place), *_farthest(points, place, end)):
            heappush(waiting, piece)
    return np.array(sorted(kept), dtype=np.intp)


def _farthest(points: Floats, start: int, end: int) -> list[tuple[float, int, int, int]]:
    """Returns (minus its distance, its place, start, end) of the point farthest from the chord; none on a straight."""
    inner = points[start + 1 : end]
    if not len(inner):
        return []
    dx, dy = points[end] - points[start]
    off = np.abs(dx * (inner[:, 1] - points[start, 1]) - dy * (inner[:, 0] - points[start, 0])) / math.hypot(dx, dy)
    place = int(off.argmax())
    return [(-float(off[place]), start + 1 + place, start, end)] if off[place] > _STRAIGHT else []


def _numbers(values: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple(values.tolist())
