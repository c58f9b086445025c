"""Who are the customers before the first simulated day?

A business in balance: a customer who leaves at a rate r stays NOTICE_DAYS + 1/r days on average, so the base holds each
kind of customer in that proportion to the signups, with tenures of that length. What this leaves out (the mix of trends
and troubles) is lived in before the first day is told.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churn.simulation.conditions import NOTICE_DAYS, STEADY
from churn.simulation.hazard import daily_hazard
from churn.simulation.population import Population, newcomers

_CANDIDATES = 3
_AGED_DAYS = 400
_LONGEST_DAYS = 3650

# Troubles and downward trends come on top of what traits alone say; with this factor a steady year's churn stays level.
_TROUBLE = 1.8


def opening_base(customers: int, *, day: int, rng: np.random.Generator) -> Population:
    """Returns the base at the start of a day (its ordinal): ids from 1 in the order of signup, all before that day.

    >>> base = opening_base(5, day=10_000, rng=np.random.default_rng(0))
    >>> base.ids.tolist(), bool((base.signup < 10_000).all())
    ([1, 2, 3, 4, 5], True)
    """
    pool = newcomers(_CANDIDATES * customers, first_id=1, day=day - _AGED_DAYS, conditions=STEADY, rng=rng)
    rate = _usual_hazard(pool, day=day)
    chosen = rng.choice(len(pool), customers, p=_shares(NOTICE_DAYS + 1 / rate))
    tenure = _tenures(rate[chosen], rng)
    eldest_first = np.argsort(-tenure, kind="stable")
    base = pool.take(chosen[eldest_first])
    base.ids[:] = np.arange(1, customers + 1)
    base.signup[:] = day - tenure[eldest_first]
    return base


def _usual_hazard(pool: Population, *, day: int) -> npt.NDArray[np.float64]:
    rate = np.exp(pool.taste)
    # Sessions a day: active with 1 - exp(-rate), then one session and Poisson(0.8 rate) more.
    sessions = -np.expm1(-rate) * (1 + np.float32(0.8) * rate)
    pool.usual_use[:] = pool.recent_use[:] = sessions
    return _TROUBLE * daily_hazard(pool, day=day, weights=STEADY.weights).astype(np.float64)


def _tenures(rate: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    in_notice = rng.random(len(rate)) < NOTICE_DAYS / (NOTICE_DAYS + 1 / rate)
    days = np.where(in_notice, rng.random(len(rate)) * NOTICE_DAYS, NOTICE_DAYS + rng.exponential(1 / rate))
    return 1 + np.minimum(days, _LONGEST_DAYS).astype(np.int64)


def _shares(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = weights / weights.sum()
    return shares
