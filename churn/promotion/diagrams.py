"""Which curves show two models side by side: what recalibration would make of a score, and who is reached by a list?

Values that a report draws, each of at most about 200 points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn.promotion.curves import thinned
from churn.promotion.metrics import Vector, check_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibrated:
    """Isotonic regression of the label on the score: `rates` is the recalibrated probability at each of the `scores`.

    `shares` are the shares of all rows in ten equal steps of the score from 0 to 1.
    """

    scores: tuple[float, ...]
    rates: tuple[float, ...]
    shares: tuple[float, ...]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The share of all positives among the share of rows that score highest, from (0, 0) to (1, 1)."""

    listed: tuple[float, ...]
    captured: tuple[float, ...]
    n: int
    n_positive: int


def recalibrated(labels: Vector, scores: Vector) -> Recalibrated:
    """Returns the CORP reliability curve; one label (0 or 1) and one probability a row.

    Raises:
        DataError: see `churn.promotion.metrics.check_rows`.

    Source: Dimitriadis, Gneiting & Jordan 2021 (PNAS 118(8)).

    >>> recalibrated(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4])).rates
    (0.0, 0.5, 0.5, 1.0)
    """
    from sklearn.isotonic import IsotonicRegression

    positive, values = check_rows(labels, scores)
    rates = IsotonicRegression(y_min=0, y_max=1).fit(values, positive).predict(values)
    levels, first = np.unique(values, return_index=True)
    kept = thinned(levels, rates[first])
    counts = np.histogram(values, bins=np.linspace(0, 1, 11))[0]
    return Recalibrated(
        scores=tuple(map(float, levels[kept])),
        rates=tuple(map(float, rates[first][kept])),
        shares=tuple(map(float, counts / values.size)),
        n=values.size,
    )


def captured(labels: Vector, scores: Vector) -> Captured:
    """Returns how many of the positives a list of each size reaches; rows of equal score come in all at once.

    Raises:
        DataError: see `churn.promotion.metrics.check_rows`.

    >>> captured(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4])).captured
    (0.0, 0.5, 0.5, 1.0, 1.0)
    """
    positive, values = check_rows(labels, scores)
    _, level_of = np.unique(-values, return_inverse=True)
    rows, hits = np.bincount(level_of), np.bincount(level_of, positive)
    across = np.concatenate([[0.0], np.cumsum(rows) / values.size])
    up = np.concatenate([[0.0], np.cumsum(hits) / positive.sum()])
    kept = thinned(across, up)
    return Captured(
        listed=tuple(map(float, across[kept])),
        captured=tuple(map(float, up[kept])),
        n=values.size,
        n_positive=int(positive.sum()),
    )
