"""How high is a score among the reference's, and what is such a score called?

A percentile is read off a frozen grid of reference quantiles, so that a customer's segment depends on that customer and
the model alone, never on who else was scored tonight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
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
    values, first = np.unique(quantiles, return_index=True)
    after = np.append(first[1:], last + 1)
    # By how many values a score reaches: the rank of the last of them, its width up to the next, its own middle rank
    start = np.concatenate([[0], after - 1])
    lower = np.concatenate([values[:1], values])
    width = np.concatenate([[1.0], np.diff(values), [1.0]])
    middle = np.concatenate([[0.0], (first + after - 1) / 2])
    reached = _reached(values, scores)
    below = lower[reached]
    rank = np.clip(start[reached] + (scores - below) / width[reached], 0, last)
    return np.where(scores == below, middle[reached], rank) / last


def _reached(values: Floats, scores: Floats) -> npt.NDArray[np.intp]:
    """Returns `np.searchsorted(values, scores, side="right")` in half its time: without a branch that is guessed."""
    steps = len(values).bit_length()
    padded = np.append(values, np.full((1 << steps) - 1 - len(values), np.inf))
    found, reached = np.empty(len(scores)), np.zeros(len(scores), dtype=np.intp)
    for step in reversed(range(steps)):
        half = 1 << step
        padded[half - 1 :].take(reached, out=found, mode="clip")
        reached += half * (found <= scores)
    return reached


def name_segments(shares: Floats, *, segments: Sequence[tuple[str, float]]) -> pl.Series:
    """Returns for each percentile (0 to 1) the name, an Enum, of the first segment whose lowest percentile it reaches.

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
    position = np.zeros(len(shares), dtype=np.uint8)
    for share in lowest[:-1]:
        position += ~(shares >= share)
    return pl.Series(position).cat.to(pl.Enum(names))
