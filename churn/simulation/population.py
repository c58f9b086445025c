"""Who is a customer, and in what state?

One array a trait and one slot a customer: a leaver's slot goes to a newcomer, so memory is set by the size of the base
and not by the number of days. What the hazard reads is kept as decaying sums, whose windows a feature can follow.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from churn.simulation.market import (
    ADDON_CENTS,
    NOTICE_DAYS,
    PLAN_CENTS,
    Market,
)

Array: TypeAlias = npt.NDArray[Any]

ENGAGEMENT_MEMORY = 0.985  # a day; half of a deviation is left after 46 days
ENGAGEMENT_SPREAD = 0.9
MEAN_LOG_USAGE = -1.3
MEAN_SESSIONS = 0.48  # a day over all customers: where the averages of a newcomer start
_ADDON_MIX = (0.55, 0.28, 0.12, 0.05)
_REGION_MIX = (0.3, 0.3, 0.2, 0.2)
_AGE_MIX = (0.24, 0.31, 0.27, 0.18)
_METHOD_MIX = (0.55, 0.30, 0.15)
_FRAILTY_SPREAD = 0.25
_LONGEST_TENURE_DAYS = 3650
_MEAN_MOVING_PART = 1.7  # of the hazard, over the base, beside what a customer brings along


@dataclass(slots=True, kw_only=True)
class Population:
    """Arrays of equal length, one place a customer. Days are ordinals (`date.toordinal`); 0 means never.

    `engagement` (log usage, a deviation) and `frailty` (log hazard) are hidden; `slow` and `fast` are moving averages
    of sessions a day; `complaints`, `failures` and `downgrades` are counts that fade.
    """

    customer_id: Array
    signup_day: Array
    plan: Array
    addons: Array
    channel: Array
    region: Array
    age_band: Array
    method: Array
    frailty: Array
    engagement: Array
    slow: Array
    fast: Array
    last_session_day: Array
    complaints: Array
    failures: Array
    downgrades: Array
    retry_day: Array
    decided_day: Array

    def take(self, index: Array) -> Population:
        """Returns the customers at `index` (places or a mask), copied."""
        return Population(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def replace(self, slots: Array, newcomers: Population) -> None:
        """Puts `newcomers` in the places `slots`."""
        for field in fields(self):
            getattr(self, field.name)[slots] = getattr(newcomers, field.name)

    def monthly_cents(self, market: Market) -> Array:
        """Returns what a renewal costs each customer, in whole cents."""
        listed = np.array(PLAN_CENTS)[self.plan] + ADDON_CENTS * self.addons.astype(np.int64)
        cents: Array = np.rint(listed * market.price_factor).astype(np.int64)
        return cents


def newcomers(rng: np.random.Generator, count: int, *, day: int, market: Market) -> Population:
    """Returns `count` customers who sign up on `day`, without a customer_id yet (0)."""

    def level(mix: tuple[float, ...]) -> Array:
        return np.searchsorted(np.cumsum(mix[:-1]), rng.random(count)).astype(np.int8)

    def full(value: float, kind: type[np.generic]) -> Array:
        return np.full(count, value, dtype=kind)

    return Population(
        customer_id=full(0, np.int64),
        signup_day=full(day, np.int32),
        plan=level(market.plan_mix),
        addons=level(_ADDON_MIX),
        channel=level(market.channel_mix),
        region=level(_REGION_MIX),
        age_band=level(_AGE_MIX),
        method=level(_METHOD_MIX),
        frailty=rng.standard_normal(count, dtype=np.float32) * np.float32(_FRAILTY_SPREAD),
        engagement=rng.standard_normal(count, dtype=np.float32) * np.float32(ENGAGEMENT_SPREAD),
        slow=full(MEAN_SESSIONS, np.float32),
        fast=full(MEAN_SESSIONS, np.float32),
        last_session_day=full(day, np.int32),
        complaints=full(0, np.float32),
        failures=full(0, np.float32),
        downgrades=full(0, np.float32),
        retry_day=full(0, np.int32),
        decided_day=full(0, np.int32),
    )


def settled_base(rng: np.random.Generator, count: int, *, day: int, market: Market) -> Population:
    """Returns `count` customers of an old business at the start of `day`, the longest-standing first.

    Candidates sign up evenly over ten years; each is still there with the probability that a constant hazard of
    their own leaves, so tenure, plan, channel and frailty hang together as they do in a base that has settled.
    """
    found: list[Population] = []
    while sum(len(part.plan) for part in found) < count:
        candidates = newcomers(rng, 2 * count, day=day, market=market)
        tenure = rng.integers(1, _LONGEST_TENURE_DAYS, 2 * count)
        candidates.signup_day -= tenure.astype(np.int32)
        found.append(candidates.take(rng.random(2 * count) < _still_there(candidates, tenure, market)))
    base = Population(
        **{f.name: np.concatenate([getattr(p, f.name) for p in found])[:count] for f in fields(Population)}
    )
    base.last_session_day[:] = day
    return base.take(np.argsort(base.signup_day, kind="stable"))


def _still_there(population: Population, tenure: Array, market: Market) -> Array:
    effects = market.effects
    age = np.arange(_LONGEST_TENURE_DAYS)
    by_age = np.cumsum(np.exp(effects.newness * np.exp(-age / 90)))
    fixed = (
        effects.intercept
        + effects.price * (population.monthly_cents(market) / PLAN_CENTS[1] - 1)
        + np.array(effects.channel)[population.channel]
        + np.array(effects.region)[population.region]
        + population.frailty
    )
    found: Array = np.exp(-np.exp(fixed) * _MEAN_MOVING_PART * by_age[np.maximum(tenure - NOTICE_DAYS, 0)])
    return found
