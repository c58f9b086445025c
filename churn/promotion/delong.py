"""How sure is an AUC, or the difference of two, where one customer may have several rows?

DeLong's structural components, each row's standing against the other class, are summed by customer before they are
squared, since the rows of one customer share their luck. With one row a customer this is DeLong's formula itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from churn.errors import DataError

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Booleans: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """How each row stands against the other class, 0 to 1, a tie counting one half.

    `positives[i]` is the share of negatives that score under positive i, `negatives[j]` the share of positives that
    score over negative j. The mean of either is the AUC.
    """

    positives: Floats
    negatives: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Whose row each one is: customers numbered from 0, for the rows of each class in their order."""

    positives: Ints
    negatives: Ints

    @classmethod
    def of(cls, positive: Booleans, customers: npt.NDArray[Any] | None) -> Owners:
        """Returns the owners of rows; None: each row is a customer of its own.

        Raises:
            DataError: not one customer a row.

        >>> Owners.of(np.array([True, False, False, True]), np.array([7, 7, 9, 9])).negatives.tolist()
        [0, 1]
        """
        numbers = customer_numbers(positive.size, customers)
        return cls(positives=numbers[positive], negatives=numbers[~positive])

    @property
    def fewest(self) -> int:
        """Customers with a row of the class that fewer customers have a row of."""
        return min(np.unique(self.positives).size, np.unique(self.negatives).size)


def customer_numbers(n_rows: int, customers: npt.NDArray[Any] | None) -> Ints:
    """Returns each row's customer as a number from 0 on without a gap; None: each row is a customer of its own.

    Raises:
        DataError: not one customer a row.

    >>> customer_numbers(3, np.array([30, 10, 30])).tolist()
    [1, 0, 1]
    """
    if customers is None:
        return np.arange(n_rows)
    if customers.shape != (n_rows,):
        found = f"shape {customers.shape} for {n_rows} rows"
        raise DataError(where="customers", found=found, action="pass one customer a row")
    numbers: Ints = np.unique(customers, return_inverse=True)[1]
    return numbers


def placements(positive: Booleans, scores: Floats) -> Placements:
    """Returns each row's placement among the other class, from three rankings: O(n log n).

    Source: Sun & Xu 2014 (the fast form of DeLong et al. 1988).

    >>> placements(np.array([True, False, False]), np.array([0.5, 0.5, 0.1])).positives.tolist()
    [0.75]
    """
    from scipy.stats import rankdata

    ranks, m, n = rankdata(scores), int(positive.sum()), int((~positive).sum())
    below = ranks[positive] - rankdata(scores[positive])
    above = m - (ranks[~positive] - rankdata(scores[~positive]))
    return Placements(positives=below / n, negatives=above / m)


def standard_error(standing: Placements, owners: Owners) -> float:
    """Returns the standard error of the mean placement: of one AUC, or of a paired difference of two.

    Customers are independent of each other, rows of the same customer need not be. Exactly 0 where no placement
    differs from another, not a rounding error near it.

    Raises:
        DataError: all rows of a class are of one customer.

    Source: DeLong et al. 1988; for clustered rows Obuchowski 1997 (Biometrics 53).

    >>> owners = Owners(positives=np.array([0, 1]), negatives=np.array([0, 1]))
    >>> standard_error(Placements(positives=np.array([0.1, 0.1]), negatives=np.array([0.1, 0.1])), owners)
    0.0
    """
    n_customers = 1 + int(max(owners.positives.max(), owners.negatives.max()))
    of_positives = _pulls(standing.positives, owners.positives, n_customers=n_customers)
    of_negatives = _pulls(standing.negatives, owners.negatives, n_customers=n_customers)
    together = _small_sample(np.r_[owners.positives, owners.negatives])
    # Obuchowski's three terms, sorted so that none is negative and nothing cancels
    variance = together * ((of_positives + of_negatives) ** 2).sum()
    variance += (_small_sample(owners.positives) - together) * (of_positives**2).sum()
    variance += (_small_sample(owners.negatives) - together) * (of_negatives**2).sum()
    return math.sqrt(variance)


def error_of_mean(values: Floats, customers: Ints) -> float:
    """Returns the standard error of a mean of rows, of which one customer may have several.

    Exactly 0 where no value differs from another. `customers` is as `customer_numbers` returns it.

    Raises:
        DataError: all rows are of one customer.

    >>> round(error_of_mean(np.array([0.0, 1.0, 0.0, 1.0]), np.arange(4)), 6)
    0.288675
    """
    pulls = _pulls(values, customers, n_customers=1 + int(customers.max()))
    return math.sqrt(_small_sample(customers) * (pulls**2).sum())


def _pulls(values: Floats, customers: Ints, *, n_customers: int) -> Floats:
    """How far each customer's rows move the mean of `values` from what it is without what sets them apart."""
    apart = values - values.mean() if np.ptp(values) else np.zeros_like(values)
    return np.bincount(customers, weights=apart, minlength=n_customers) / values.size


def _small_sample(customers: Ints) -> float:
    count = np.unique(customers).size
    if count < 2:
        found = "all rows, or all of one class, are of one customer"
        raise DataError(where="customers", found=found, action="use more rows: each class needs two customers")
    return count / (count - 1)
