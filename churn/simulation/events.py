"""What do the customers do on a day, and what is remembered of it?

Each function draws one table of the day and updates the fading memory that the hazard reads, from the same rows: the
hazard knows nothing that the tables (and the hidden frailty) do not show.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from churn.simulation.conditions import BILLING_DAYS, PLANS, TOPICS, Conditions
from churn.simulation.population import Floats, Ints, Population

_USE_BY_WEEKDAY = (0.95, 0.9, 0.9, 0.95, 1.05, 1.2, 1.1)
_SUPPORT_BY_WEEKDAY = (1.4, 1.2, 1.1, 1.1, 1.0, 0.7, 0.5)
_MOOD_KEPT = np.float32(0.985)
_MOOD_STEP = np.float32(0.5 * np.sqrt(1 - 0.985**2))
_MORE_SESSIONS = np.float32(0.8)

_RECENT_FADES = np.float32(0.5 ** (1 / 10))
_USUAL_FADES = np.float32(0.5 ** (1 / 45))
_COUNTS_FADE = np.float32(0.5 ** (1 / 25))

_CONTACT_RATE = 0.005
_TROUBLE_STARTS, _TROUBLE_ENDS, _TROUBLED_CONTACTS = 0.0025, 0.1, 0.3
_TOPIC_MIX = (0.5, 0.3, 0.2)

# Flows between two plans balance at the plan mix of signups, so that plans stay as they are over the months.
_UPGRADES = np.array([0.014, 0.012, 0.0])
_DOWNGRADES = np.array([0.0, 0.020, 0.028])
_FAILS, _WEAK_CARD_FAILS, _CARD_MENDED = 0.025, 0.35, 0.6
_EXTRA_CENTS, _EXTRAS = 99, 0.7


def use(
    population: Population, order: Ints, day: date, *, conditions: Conditions, rng: np.random.Generator
) -> pl.DataFrame:
    """Returns the day's use: one row a customer who was active, by id, with sessions (1 or more) and minutes."""
    p = population
    p.mood *= _MOOD_KEPT
    p.mood += _MOOD_STEP * rng.standard_normal(len(p), dtype=np.float32)
    rate = np.exp(p.taste + p.mood) * np.float32(conditions.use * _USE_BY_WEEKDAY[day.weekday()])
    slots = _in_order(order, rng.random(len(p), dtype=np.float32) < -np.expm1(-rate))
    sessions = 1 + rng.poisson(np.minimum(_MORE_SESSIONS * rate[slots], 30))
    minutes = sessions + rng.poisson(sessions * p.minutes[slots])
    _remember_use(p, slots, sessions.astype(np.float32))
    return pl.DataFrame(
        {"customer_id": p.ids[slots], "sessions": sessions.astype(np.int32), "minutes": minutes.astype(np.int32)}
    )


def _remember_use(p: Population, slots: Ints, sessions: Floats) -> None:
    for memory, fades in ((p.recent_use, _RECENT_FADES), (p.usual_use, _USUAL_FADES)):
        memory *= fades
        memory[slots] += (1 - fades) * sessions


def contact_support(population: Population, order: Ints, day: date, *, rng: np.random.Generator) -> pl.DataFrame:
    """Returns the day's support contacts: one row a contact, by id, with its topic.

    Most contacts come from customers in trouble, who call for days on end; the others call now and then.
    """
    p = population
    factor = _SUPPORT_BY_WEEKDAY[day.weekday()]
    p.troubled[rng.integers(len(p), size=rng.poisson(_TROUBLE_STARTS * len(p)))] = True
    troubled = _in_order(order, p.troubled)
    casual = rng.integers(len(p), size=rng.poisson(_CONTACT_RATE * factor * len(p)))
    slots = np.concatenate([troubled[rng.random(len(troubled)) < _TROUBLED_CONTACTS * factor], casual])
    slots = slots[np.argsort(p.ids[slots], kind="stable")]
    p.troubled[troubled[rng.random(len(troubled)) < _TROUBLE_ENDS]] = False
    p.support *= _COUNTS_FADE
    np.add.at(p.support, slots, np.float32(1))
    topics = np.searchsorted(np.cumsum(_TOPIC_MIX)[:-1], rng.random(len(slots)), side="right")
    return pl.DataFrame({"customer_id": p.ids[slots], "topic": named(TOPICS, topics)})


def pay(
    population: Population, order: Ints, day: date, *, conditions: Conditions, rng: np.random.Generator
) -> pl.DataFrame:
    """Returns the day's charges: one row a customer who is due, by id, with plan, cents and status (paid, failed)."""
    p = population
    tenure = np.int32(day.toordinal()) - p.signup
    slots = _in_order(order, tenure % BILLING_DAYS == 0)
    _change_plans(p, slots[tenure[slots] > 0], rng)
    price = np.array(conditions.prices_cents, dtype=np.int64)[p.plan[slots]]
    cents = price * (100 - p.discount[slots].astype(np.int64)) // 100 + _EXTRA_CENTS * rng.poisson(_EXTRAS, len(slots))
    failed = _try_cards(p, slots, rng)
    status = pl.Series(["paid", "failed"]).gather(failed.astype(np.uint32))
    return pl.DataFrame(
        {"customer_id": p.ids[slots], "plan": named(PLANS, p.plan[slots]), "amount_cents": cents, "status": status}
    )


def _change_plans(p: Population, slots: Ints, rng: np.random.Generator) -> None:
    draw, plan = rng.random(len(slots)), p.plan[slots]
    up = draw < _UPGRADES[plan]
    down = ~up & (draw < _UPGRADES[plan] + _DOWNGRADES[plan])
    p.plan[slots] = plan + up.astype(np.int8) - down.astype(np.int8)
    p.downgraded *= _COUNTS_FADE
    p.downgraded[slots[down]] += 1


def _try_cards(p: Population, slots: Ints, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    weak = p.weak_card[slots]
    failed: npt.NDArray[np.bool_] = rng.random(len(slots)) < np.where(weak, _WEAK_CARD_FAILS, _FAILS)
    p.weak_card[slots] = failed | (weak & (rng.random(len(slots)) > _CARD_MENDED))
    p.failed *= _COUNTS_FADE
    p.failed[slots[failed]] += 1
    return failed


def named(names: tuple[str, ...], codes: npt.NDArray[np.integer]) -> pl.Series:
    """Returns the names of codes as text.

    >>> named(("basic", "premium"), np.array([1, 0])).to_list()
    ['premium', 'basic']
    """
    return pl.Series(list(names), dtype=pl.String).gather(codes.astype(np.uint32))


def _in_order(order: Ints, chosen: npt.NDArray[np.bool_]) -> Ints:
    return order[chosen[order]]
