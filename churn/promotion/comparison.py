"""Does the challenger rank better than the champion?

Both scored the same rows, so the rows' luck is shared: DeLong's paired test asks for the difference alone. `>=` on two
single figures promotes an equally good model half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy.typing as npt

from churn.promotion.delong import Owners, Placements, placements, standard_error
from churn.promotion.metrics import Z95, check_rows

_POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """How much better the challenger is than the champion on the same `n` rows, with standard error and 95 % interval.

    In the metric's unit, over 0 where the challenger is better, whichever way the metric points. `p_value` is
    one-sided: how likely a difference this large is where there is none. A difference without any spread (the same
    ranking twice) has a p-value of 1.
    """

    difference: float
    se: float
    interval: tuple[float, float]
    p_value: float
    n: int

    @classmethod
    def of(cls, difference: float, se: float, *, n: int) -> PairedDifference:
        """Returns the difference that is about normal around `difference`.

        >>> round(PairedDifference.of(0.02, 0.01, n=500).p_value, 4)
        0.0228
        """
        return cls(
            difference=difference,
            se=se,
            interval=(difference - Z95 * se, difference + Z95 * se),
            p_value=1.0 - NormalDist().cdf(difference / se) if se > 0 else 1.0,
            n=n,
        )

    def lower_bound(self, alpha: float) -> float:
        """The one-sided lower confidence bound at level 1 - alpha."""
        return self.difference - NormalDist().inv_cdf(1 - alpha) * self.se

    def smallest_effect(self, alpha: float) -> float:
        """The smallest true difference that these rows show with 80 % power at one-sided `alpha`."""
        normal = NormalDist()
        return (normal.inv_cdf(1 - alpha) + normal.inv_cdf(_POWER)) * self.se


def compare_auc(
    labels: npt.NDArray[Any],
    *,
    challenger: npt.NDArray[Any],
    champion: npt.NDArray[Any],
    customers: npt.NDArray[Any] | None = None,
) -> PairedDifference:
    """Returns the paired difference of two AUCs; one label and one score of each model a row.

    `customers` says whose each row is, None where each is a customer of its own: several rows of one customer are no
    independent witnesses.

    Raises:
        DataError: see `churn.promotion.metrics.check_rows`; all rows of a class are of one customer.

    Source: DeLong et al. 1988; Sun & Xu 2014; Obuchowski 1997.

    >>> import numpy as np
    >>> y, s = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> compare_auc(y, challenger=s, champion=s).p_value
    1.0
    """
    positive, ours = check_rows(labels, challenger)
    _, theirs = check_rows(labels, champion)
    one, other = placements(positive, ours), placements(positive, theirs)
    apart = Placements(positives=one.positives - other.positives, negatives=one.negatives - other.negatives)
    difference = float(apart.positives.mean())
    se = standard_error(apart, Owners.of(positive, customers))
    return PairedDifference.of(difference, se, n=positive.size)
