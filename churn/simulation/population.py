"""Who is a customer today, and what does the business remember of them?

One array a trait, one slot a customer. A leaver's slot goes to a newcomer, so the arrays never grow and the base keeps
its size; `order` lists the slots by customer id, so no day has to sort.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from churn.simulation.conditions import Conditions

Ints = npt.NDArray[np.int64]
Days = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]

NEVER = np.iinfo(np.int32).max
"""The leaving day of a customer who has not decided to leave."""

_AGE_MIX = (0.25, 0.35, 0.25, 0.15)
_USE_BY_AGE = np.array([0.25, 0.10, -0.10, -0.35], dtype=np.float32)
_DISCOUNTS_PERCENT = np.array([0, 0, 0, 10, 25], dtype=np.int8)
_TYPICAL_SESSIONS = 0.5


@dataclass(slots=True, kw_only=True)
class Population:
    """The customers of a day; every array has one element a customer.

    Known at signup: ids, signup (day ordinal), plans, channel, region, age band, discount in percent. Habits: `taste`, the
    log of the usual activity; `mood`, its slow wander; `minutes`, a session's length; `frailty`, which no table
    shows. Memory, all of it of observed events: use a day, fading over a short and a long while, and fading counts of
    support contacts, failed payments and downgrades. `leaves` is the ordinal of the day a decided customer is gone.
    """

    ids: Ints
    signup: Days
    signup_plan: Codes
    plan: Codes
    channel: Codes
    region: Codes
    age_band: Codes
    discount: Codes
    taste: Floats
    mood: Floats
    minutes: Floats
    frailty: Floats
    recent_use: Floats
    usual_use: Floats
    support: Floats
    failed: Floats
    downgraded: Floats
    troubled: npt.NDArray[np.bool_]
    weak_card: npt.NDArray[np.bool_]
    leaves: Days

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, slots: npt.NDArray[Any]) -> Population:
        """Returns the customers of these slots, in that order, as a population of their own."""
        return Population(**{field.name: getattr(self, field.name)[slots] for field in fields(self)})

    def settle(self, slots: Ints, newcomers: Population) -> None:
        """Gives the slots to newcomers, one each."""
        for field in fields(self):
            getattr(self, field.name)[slots] = getattr(newcomers, field.name)


def newcomers(count: int, *, first_id: int, day: int, conditions: Conditions, rng: np.random.Generator) -> Population:
    """Returns `count` customers who sign up on a day (its ordinal), with consecutive ids and no memory.

    >>> from churn.simulation.conditions import STEADY
    >>> newcomers(3, first_id=7, day=1, conditions=STEADY, rng=np.random.default_rng(0)).ids.tolist()
    [7, 8, 9]
    """
    plan, age_band = _codes(rng, count, conditions.plan_mix), _codes(rng, count, _AGE_MIX)
    return Population(
        ids=np.arange(first_id, first_id + count, dtype=np.int64),
        signup=np.full(count, day, dtype=np.int32),
        signup_plan=plan,
        plan=plan.copy(),
        channel=_codes(rng, count, conditions.channel_mix),
        region=_codes(rng, count, conditions.region_mix),
        age_band=age_band,
        discount=rng.choice(_DISCOUNTS_PERCENT, count),
        taste=np.float32(-0.8) + np.float32(0.9) * _normal(rng, count) + _USE_BY_AGE[age_band],
        mood=np.float32(0.5) * _normal(rng, count),
        minutes=np.exp(np.float32(2.3) + np.float32(0.3) * _normal(rng, count)),
        frailty=_normal(rng, count),
        recent_use=np.full(count, _TYPICAL_SESSIONS, dtype=np.float32),
        usual_use=np.full(count, _TYPICAL_SESSIONS, dtype=np.float32),
        **_no_memory(count),
    )


def _no_memory(count: int) -> dict[str, Any]:
    return {
        "support": np.zeros(count, dtype=np.float32),
        "failed": np.zeros(count, dtype=np.float32),
        "downgraded": np.zeros(count, dtype=np.float32),
        "troubled": np.zeros(count, dtype=np.bool_),
        "weak_card": np.zeros(count, dtype=np.bool_),
        "leaves": np.full(count, NEVER, dtype=np.int32),
    }


def _codes(rng: np.random.Generator, count: int, mix: tuple[float, ...]) -> Codes:
    return np.searchsorted(np.cumsum(mix)[:-1], rng.random(count), side="right").astype(np.int8)


def _normal(rng: np.random.Generator, count: int) -> Floats:
    return rng.standard_normal(count, dtype=np.float32)
