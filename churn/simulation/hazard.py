"""How likely is it that a customer decides to leave today, and how likely that they will be gone within the horizon?

A decision takes effect `NOTICE_DAYS` later, and behaviour does not change in between. So whoever is a customer at the
start of day D leaves within [D, D + 30) exactly where they decided on one of the 30 days before D: the true churn
probability at D is known at D, without error.
"""

from __future__ import annotations

import numpy as np

from churn.simulation.market import NOTICE_DAYS, PLAN_CENTS, Market
from churn.simulation.population import Array, Population

_HIGHEST = 0.25


def hazard(population: Population, *, day: int, market: Market) -> Array:
    """Returns the probability that each customer decides on `day` to leave, given what was seen up to `day`.

    Little use, falling use (the fast below the slow average), a long pause, complaints, failed payments, a downgrade,
    a high price, channel and region each add to the log of it; newness fades over 90 days; `frailty` is never seen.
    """
    effects = market.effects
    log_hazard = np.float32(effects.intercept) + population.frailty
    log_hazard -= effects.usage * np.log(population.slow * 2 + np.float32(0.1))
    log_hazard -= effects.trend * np.log((population.fast + np.float32(0.1)) / (population.slow + np.float32(0.1)))
    log_hazard += _pause(population, day) * np.float32(effects.recency)
    log_hazard += np.minimum(population.complaints, 3) * np.float32(effects.complaint)
    log_hazard += np.minimum(population.failures, 2) * np.float32(effects.failure)
    log_hazard += np.minimum(population.downgrades, 1) * np.float32(effects.downgrade)
    log_hazard += np.exp((population.signup_day - day) / np.float32(90)) * np.float32(effects.newness)
    log_hazard += _fixed(population, market)
    found: Array = np.minimum(np.exp(log_hazard), np.float32(_HIGHEST))
    return found


def _pause(population: Population, day: int) -> Array:
    found: Array = np.minimum(day - population.last_session_day, 30).astype(np.float32) / np.float32(30)
    return found


def _fixed(population: Population, market: Market) -> Array:
    price = np.array(market.effects.price) * (population.monthly_cents(market) / PLAN_CENTS[1] - 1)
    channel = np.array(market.effects.channel)[population.channel]
    found: Array = (price + channel + np.array(market.effects.region)[population.region]).astype(np.float32)
    return found


class NoticeWindow:
    """The hazards of the last `NOTICE_DAYS` days: how likely it is that each customer of today has already decided.

    >>> window = NoticeWindow(1)
    >>> window.push(np.array([0.5])), window.push(np.array([0.5]))
    (None, None)
    >>> window.churn_probability().round(6).tolist()
    [0.75]
    """

    def __init__(self, customers: int) -> None:
        self._log_staying = np.zeros((NOTICE_DAYS, customers), dtype=np.float32)
        self._next = 0

    def push(self, hazards: Array) -> None:
        """Adds one day's hazards and forgets the day that lies `NOTICE_DAYS` back."""
        self._log_staying[self._next] = np.log1p(-hazards)
        self._next = (self._next + 1) % NOTICE_DAYS

    def clear(self, slots: Array) -> None:
        """Forgets the hazards at `slots`, whose new customers have had no day to decide."""
        self._log_staying[:, slots] = 0

    def churn_probability(self) -> Array:
        """Returns 1 - Π (1 - hazard) over the window, float64 from 0 to 1, one place a customer."""
        found: Array = -np.expm1(self._log_staying.sum(axis=0, dtype=np.float64))
        return found
