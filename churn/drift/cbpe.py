"""How good are scores whose outcomes nobody knows yet, if each of them is the probability that it says it is?

Confidence-based estimates: what the realised figure is expected to be over all outcomes that calibrated scores allow,
and by how much those outcomes alone make it differ. All of it follows from how often each score occurs, without a
draw. It sees customers who are harder to tell apart, and is blind to a changed concept: the scores are what it trusts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churn.drift.bins import NumberBins
from churn.drift.counts import ColumnCounts
from churn.errors import DataError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """An expected figure, and the standard deviation of the realised one around it, in the same unit."""

    figure: float
    se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Scores by level: each distinct probability, rising, and how many rows have it."""

    scores: Floats
    rows: Floats

    @classmethod
    def of(cls, scores: npt.ArrayLike) -> Levels:
        """Returns the levels of one probability a row.

        Raises:
            DataError: no row, or a score that is no probability.

        >>> Levels.of([0.5, 0.1, 0.5]).rows.tolist()
        [1.0, 2.0]
        """
        values, rows = np.unique(np.asarray(scores, dtype=np.float64), return_counts=True)
        if not values.size or not (np.isfinite(values).all() and values[0] >= 0 and values[-1] <= 1):
            found = "no score" if not values.size else "a score that is no probability (0 to 1)"
            raise DataError(where="label-free estimate", found=found, action="pass calibrated probabilities")
        return cls(scores=values, rows=rows.astype(np.float64))

    @property
    def spread(self) -> Floats:
        """The variance of one row's outcome at each level."""
        return self.scores * (1 - self.scores)


def levels_of(bins: NumberBins, counts: ColumnCounts) -> Levels | None:
    """Returns the levels of a night's scores by their counts; None without any.

    A score between two points of the grid stands in their middle, one outside of the grid at its end: the more points,
    the nearer (1,000 for a reference of that many scores).
    """
    grid = np.asarray(bins.grid)
    places = np.clip(np.column_stack([(grid + np.append(grid[:1], grid[:-1])) / 2, grid]).ravel(), 0.0, 1.0)
    rows = np.asarray(counts.cells[1:], dtype=np.float64)
    scores, at = np.unique(np.append(places, grid[-1:]), return_inverse=True)
    held: Floats = np.bincount(at, weights=rows, minlength=len(scores)).astype(np.float64)
    return Levels(scores=scores[held > 0], rows=held[held > 0]) if held.any() else None


def expected(levels: Levels, *, share: float) -> dict[str, Estimated]:
    """Returns what is to be expected of AUC, Brier score, log loss, base rate and lift, by those names.

    Outcomes are independent given the scores. Brier score, log loss (nats) and base rate are exact, with their standard
    deviation. AUC, and lift of the `share` of rows that score highest, are ratios of exact expectations (of ordered
    pairs over all pairs; of the list's positives over all), which miss the expected ratio by the order of 1/n; their
    standard deviation is the delta method's. A row counts by the share of its level that fits on the list. AUC and lift
    are left out where the scores allow no pair of both outcomes, or no positive.

    Source: the idea is NannyML's CBPE; the closed forms are ours.

    >>> found = expected(Levels.of([0.2, 0.8]), share=0.5)
    >>> {name: round(one.figure, 4) for name, one in found.items()}
    {'base_rate': 0.5, 'brier': 0.16, 'log_loss': 0.5004, 'auc': 0.9412, 'lift': 1.6}
    """
    inside = np.clip(levels.scores, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    log_odds = np.log(inside) - np.log1p(-inside)
    entropy = -(levels.scores * np.log(inside) + (1 - levels.scores) * np.log1p(-inside))
    found = {
        "base_rate": _mean(levels, levels.scores, moved=np.ones_like(inside)),
        "brier": _mean(levels, levels.spread, moved=1 - 2 * levels.scores),
        "log_loss": _mean(levels, entropy, moved=log_odds),
    }
    ranked = {"auc": _auc(levels), "lift": _lift(levels, share)}
    return found | {name: one for name, one in ranked.items() if one is not None}


def _mean(levels: Levels, each: Floats, *, moved: Floats) -> Estimated:
    """Returns a mean over rows: `each` is expected of a row of a level, `moved` what an outcome of 1 makes of it."""
    n = float(levels.rows.sum())
    return Estimated(figure=float((levels.rows * each).sum()) / n, se=_reach(levels, moved / n))


def _auc(levels: Levels) -> Estimated | None:
    """Returns expected ordered pairs of two rows, a tie one half, over expected pairs of a positive and a negative."""
    hits, misses = levels.rows * levels.scores, levels.rows * (1 - levels.scores)
    misses_below, hits_above = np.cumsum(misses) - misses, hits.sum() - np.cumsum(hits)
    others = (levels.rows - 1) / 2
    ordered = float((hits * (misses_below + others * (1 - levels.scores))).sum())
    pairs = float((hits * (misses.sum() - (1 - levels.scores))).sum())
    if pairs <= 0:
        return None
    figure = ordered / pairs
    more_ordered = misses_below + others * (1 - levels.scores) - hits_above - others * levels.scores
    more_pairs = (misses.sum() - (1 - levels.scores)) - (hits.sum() - levels.scores)
    return Estimated(figure=figure, se=_reach(levels, (more_ordered - figure * more_pairs) / pairs))


def _lift(levels: Levels, share: float) -> Estimated | None:
    total = float((levels.rows * levels.scores).sum())
    if total <= 0:
        return None
    above = levels.rows.sum() - np.cumsum(levels.rows)
    listed = np.clip((share * levels.rows.sum() - above) / levels.rows, 0, 1)
    captured = float((levels.rows * listed * levels.scores).sum()) / total
    return Estimated(figure=captured / share, se=_reach(levels, (listed - captured) / (share * total)))


def _reach(levels: Levels, pull: Floats) -> float:
    """Returns the standard deviation of a figure that an outcome of 1 in a row of a level moves by `pull`."""
    return math.sqrt(float((levels.rows * levels.spread * pull**2).sum()))
