"""How far would a figure move, had other customers been drawn?

A bootstrap of customers, not of rows: all rows of a customer come and go together. A replicate is a weight a row, so
that a metric sorts its rows once and each replicate costs one pass over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from churn.errors import DataError
from churn.promotion.delong import Floats, Ints

Figure: TypeAlias = Callable[[Floats], float]
"""A figure as a function of how often each row counts; NaN or infinite where these rows allow none."""

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """A cluster bootstrap: 200 replicates know a standard error to 5 % of itself (1 / √(2 · 200)).

    The same seed draws the same customers, so that two models are compared on the same replicates.
    """

    replicates: int = 200
    seed: int = 1

    def weights(self, customers: Ints) -> Iterator[Floats]:
        """Yields for each replicate how often each row counts: as many customers as there are, drawn with replacement.

        `customers` is as `churn.promotion.delong.customer_numbers` returns it.

        >>> [w.tolist() for w in Resampling(replicates=2, seed=3).weights(np.array([0, 0, 1]))]
        [[1.0, 1.0, 1.0], [2.0, 2.0, 0.0]]
        """
        rng, count = np.random.default_rng(self.seed), 1 + int(customers.max())
        for _ in range(self.replicates):
            times = np.bincount(rng.integers(0, count, count), minlength=count)
            yield times[customers].astype(np.float64)

    def errors(self, figures: Sequence[Figure], customers: Ints) -> list[float]:
        """Returns the standard error of each figure, all of them over the same replicates.

        A replicate that allows no figure (it drew one class alone) is left out.

        Raises:
            DataError: half of the replicates, or more, allow no figure.

        >>> rows = np.arange(100.0)
        >>> [error] = Resampling(replicates=2000).errors([mean_of(rows)], np.arange(100))
        >>> round(float(error / (rows.std() / 10)), 1)
        1.0
        """
        if not figures:
            return []
        found = np.array([[figure(weights) for figure in figures] for weights in self.weights(customers)])
        return [_spread(replicates) for replicates in found.T]


def weighted(weights: Floats, values: Floats) -> float:
    """Returns Σ weight · value; not by BLAS, whose last digits depend on its number of threads.

    >>> weighted(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    11.0
    """
    return float(np.einsum("i,i->", weights, values))


def mean_of(values: Floats) -> Figure:
    """Returns the weighted mean of one value a row as a figure.

    >>> mean_of(np.array([1.0, 3.0]))(np.array([1.0, 3.0]))
    2.5
    """
    return lambda weights: weighted(weights, values) / float(weights.sum())


def _spread(replicates: Floats) -> float:
    known = replicates[np.isfinite(replicates)]
    if known.size <= replicates.size / 2:
        found = f"{known.size} of {replicates.size} resamples allow a figure"
        raise DataError(where="bootstrap", found=found, action="use more rows of both classes")
    if np.ptp(known) <= _ROUNDING * np.abs(known).max():  # exactly 0, not a rounding error near it
        return 0.0
    return math.sqrt(float(known.var(ddof=1)))
