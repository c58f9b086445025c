"""How likely is a customer to decide to leave today, and so to be gone within the horizon?

A decision takes effect after a notice as long as the horizon, and changes no behaviour before it does. Whoever
is a customer at D and leaves within the horizon has therefore decided in the notice before D, under hazards that are known
at D: the true probability is exact, not estimated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churn.simulation.conditions import NOTICE_DAYS, Weights
from churn.simulation.population import Floats, Ints, Population

_HIGHEST = np.float32(0.25)
_SMOOTHING = np.float32(0.15)
_NEWCOMER_DAYS = np.float32(150)
_MOST_COUNTED = np.float32(4)


def daily_hazard(population: Population, *, day: int, weights: Weights) -> Floats:
    """Returns each customer's probability of deciding to leave on a day (its ordinal), in (0, 0.25].

    A log-linear function of what the tables have shown up to the end of that day, and of the hidden frailty.
    """
    p, w = population, weights
    usual = np.log(p.usual_use + _SMOOTHING)
    recent = np.log(p.recent_use + _SMOOTHING)
    newcomer = np.exp((p.signup - np.int32(day)).astype(np.float32) / _NEWCOMER_DAYS)
    score = _by_level(w.plan, p.plan) + _by_level(w.channel, p.channel) + _by_level(w.region, p.region)
    score += _f(w.trend) * (recent - usual) + _f(w.level) * usual + _f(w.newcomer) * newcomer
    score += _f(w.support) * np.minimum(p.support, _MOST_COUNTED) + _f(w.failed) * p.failed
    score += _f(w.downgraded) * p.downgraded + _f(w.discount) * p.discount.astype(np.float32)
    score += _f(w.hidden) * p.frailty + _f(w.intercept)
    return np.minimum(np.exp(score), _HIGHEST)


class Notice:
    """The hazards of the last `NOTICE_DAYS` days of every customer, and what they add up to.

    >>> notice = Notice(1)
    >>> for day in (1, 2):
    ...     notice.record(day, np.array([0.5], dtype=np.float32))
    >>> notice.churn_probability().tolist()
    [0.75]
    """

    def __init__(self, customers: int) -> None:
        self._log_stay = np.zeros((NOTICE_DAYS, customers), dtype=np.float32)
        self._total = np.zeros(customers, dtype=np.float64)

    def record(self, day: int, hazard: Floats) -> None:
        """Takes in the hazards of a day (its ordinal) in place of those that have left the notice."""
        oldest = self._log_stay[day % NOTICE_DAYS]
        self._total -= oldest
        np.log1p(-hazard, out=oldest)
        self._total += oldest

    def forget(self, slots: Ints) -> None:
        """Empties the notice of slots that were given to newcomers."""
        self._log_stay[:, slots] = 0
        self._total[slots] = 0

    def churn_probability(self) -> npt.NDArray[np.float64]:
        """Returns 1 - prod(1 - h) over the recorded days of the notice, one a slot, in [0, 1)."""
        return np.maximum(-np.expm1(self._total), 0.0)


def _by_level(weights: tuple[float, ...], codes: npt.NDArray[np.int8]) -> Floats:
    return np.array(weights, dtype=np.float32)[codes]


def _f(weight: float) -> np.float32:
    return np.float32(weight)
