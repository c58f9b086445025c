"""How sure is a score, by what became of the customers who scored so?

A band about each score, frozen with the model on its test rows: bins of equal count, and in each an interval. Of a
classifier it is that of the rate of label 1 among those who score so, not of one customer's outcome, which is yes or
no; of a regression it is where one customer's label lies. Each bin speaks for itself: within it the ends rise with the
score, and from one bin to the next they may fall, since a smoothed band would no longer hold what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from churn.errors import DataError
from churn.training.encoding import Floats
from churn.training.model import Task

LEVEL = 0.95
_MOST_BINS, _LEAST_ROWS = 20, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """By bin of scores how far its 95 % interval reaches below and above a score; a bin begins at each of `edges`.

    `low` and `high` have one more than `edges`, in the score's unit. `task` says what a score may be.
    """

    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    task: Task

    @classmethod
    def fit(cls, scores: Floats, labels: Floats, *, task: Task) -> Bands:
        """Returns the bands of test rows, one score and one label each: up to 20 bins of 100 rows or more.

        Binary: Wilson's interval of the rate, from the bin's mean score, which takes the rows as independent.
        Regression: the 2.5 % and 97.5 % ranks of label less score, as split conformal prediction takes them; the
        extremes where there are under 39 rows. Equal scores share a bin, so that fewer than 20 may come of many rows.

        Raises:
            DataError: no row.

        Source: Wilson 1927, JASA 22; Lei et al. 2018, Distribution-free predictive inference for regression, JASA 113.

        >>> bands = Bands.fit(np.full(100, 0.1), np.arange(100.0) % 10 == 0, task="binary")
        >>> [one.round(3).tolist() for one in bands.around(np.array([0.1]))]
        [[0.055], [0.174]]
        """
        if not len(scores):
            raise DataError(where="uncertainty", found="no test row", action="give the test part some rows")
        edges = _edges(np.sort(scores))
        at, reach = np.searchsorted(edges, scores, side="right"), _wilson if task == "binary" else _ranks
        reached = [reach(scores[at == place], labels[at == place]) for place in range(len(edges) + 1)]
        low, high = zip(*reached, strict=True)
        return cls(edges=edges, low=low, high=high, task=task)

    def around(self, scores: Floats) -> tuple[Floats, Floats]:
        """Returns the lower and the upper end about each score; the score itself is never outside."""
        at = np.searchsorted(self.edges, scores, side="right")
        least, most = (0.0, 1.0) if self.task == "binary" else (-np.inf, np.inf)
        low = np.clip(scores + np.take(self.low, at), least, scores)
        return low, np.clip(scores + np.take(self.high, at), scores, most)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Bands:
        """Returns the bands whose fields these are."""
        ends = {name: tuple(fields[name]) for name in ("edges", "low", "high")}
        return cls(task=fields["task"], **ends)


def _edges(ordered: Floats) -> tuple[float, ...]:
    """Returns where each bin but the first begins, none with too few rows between two heaps of equal scores."""
    n, begun = len(ordered), 0
    bins, edges = min(_MOST_BINS, n // _LEAST_ROWS), list[float]()
    for place in range(1, bins):
        edge = float(ordered[n * place // bins])
        below = int(np.searchsorted(ordered, edge))
        if min(below - begun, n - below) >= _LEAST_ROWS:
            edges.append(edge)
            begun = below
    return tuple(edges)


def _wilson(scores: Floats, labels: Floats) -> tuple[float, float]:
    from scipy.special import ndtri  # which a night that only reads bands does not wait for

    n, rate, z = len(labels), float(labels.mean()), float(ndtri((1 + LEVEL) / 2))
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    mean = float(scores.mean())
    return float(middle - half) - mean, float(middle + half) - mean


def _ranks(scores: Floats, labels: Floats) -> tuple[float, float]:
    off, n = np.sort(labels - scores), len(labels)
    last = int(np.ceil((n + 1) * (1 + LEVEL) / 2)) - 1
    return float(off[max(n - 1 - last, 0)]), float(off[min(last, n - 1)])
