"""How high is a score among the reference's, and what is such a score called?

A percentile is read off a frozen grid of reference quantiles, so that a customer's segment depends on that customer and
the model alone, never on who else was scored tonight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from churn.errors import SettingsError
from churn.training.encoding import Floats


def percentiles(scores: Floats, *, grid: Sequence[float]) -> Floats:
    """Returns for each score the share (0 to 1) of the reference below it, counting half of those that equal it.

    `grid` holds the reference's quantiles at equal steps from 0 to 1; between two of them the share is interpolated,
    outside of them it is 0 or 1. A higher score never gets a lower percentile, equal scores get the same one; NaN
    stays NaN.

    >>> percentiles(np.array([0.05, 0.2, 0.3, 0.9]), grid=[0.1, 0.2, 0.2, 0.2, 0.6]).tolist()
    [0.0, 0.5, 0.8125, 1.0]
    """
    quantiles = np.asarray(grid, dtype=np.float64)
    last = len(quantiles) - 1
    first = np.searchsorted(quantiles, scores, side="left")
    at = np.minimum(first, last)
    lower, upper = quantiles[np.maximum(first - 1, 0)], quantiles[at]
    after = np.where(upper == scores, np.searchsorted(quantiles, quantiles, side="right")[at], first)
    way = np.divide(scores - lower, upper - lower, out=np.zeros(len(scores)), where=upper > lower)
    between = np.clip(first - 1 + way, 0, last)
    rank = np.where(after > first, (first + after - 1) / 2, between)
    return np.where(np.isnan(scores), np.nan, rank / last)


def name_segments(shares: Floats, *, segments: Sequence[tuple[str, float]]) -> pl.Series:
    """Returns for each percentile (0 to 1) the name of the first segment whose lowest percentile it reaches.

    Raises:
        SettingsError: for segments that do not fall strictly from the highest to a last one at 0.

    >>> name_segments(np.array([0.95, 0.9, 0.0]), segments=[("high", 0.9), ("rest", 0.0)]).to_list()
    ['high', 'high', 'rest']
    """
    names, lowest = [name for name, _ in segments], np.array([share for _, share in segments])
    if not len(lowest) or lowest[-1] != 0 or np.any(np.diff(lowest) >= 0):
        raise SettingsError(
            where="segments",
            found=", ".join(f"{name} from {share}" for name, share in segments) or "none",
            action="order them from the highest lowest percentile down to 0",
        )
    position = len(names) - np.searchsorted(lowest[::-1], shares, side="right")
    return pl.Series(names, dtype=pl.String).gather(position)
