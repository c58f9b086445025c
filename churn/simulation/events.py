"""What do customers do on one day?

Each function draws one raw table's rows for all customers at once and leaves its trace in the population, since the
hazard may read nothing that the raw tables do not show (but for frailty). Rows stand in the order of customer_id.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from churn.simulation.market import (
    AGE_BANDS,
    CHANNELS,
    DOWNGRADE_RATES,
    FAILURE_RATES,
    METHODS,
    MONTH_DAYS,
    PLANS,
    REASONS,
    REGIONS,
    RETRY_DAYS,
    RETRY_FAILURE_RATE,
    TOPICS,
    UPGRADE_RATES,
    WEEKDAY_SUPPORT,
    WEEKDAY_USAGE,
    Market,
)
from churn.simulation.population import ENGAGEMENT_MEMORY, ENGAGEMENT_SPREAD, MEAN_LOG_USAGE, Array, Population

_EPOCH = 719_163  # date(1970, 1, 1).toordinal()
_SLOW, _FAST = (np.float32(1 - 0.5 ** (1 / half_life)) for half_life in (30, 10))
_FADING = np.float32(0.5 ** (1 / 20))
_CONTACT_RATE = 0.008
_TOPIC_MIX = (0.45, 0.35, 0.20)
_MINUTES_A_SESSION = 14.0


def customers(base: Population, slots: Array) -> pl.DataFrame:
    """Returns who the customers at `slots` are, with the plan that they hold on this day."""
    return pl.DataFrame(
        {
            "customer_id": base.customer_id[slots],
            "signup_date": pl.Series(base.signup_day[slots] - _EPOCH, dtype=pl.Int32).cast(pl.Date),
            "plan": _named(PLANS, base.plan[slots]),
            "channel": _named(CHANNELS, base.channel[slots]),
            "region": _named(REGIONS, base.region[slots]),
            "payment_method": _named(METHODS, base.method[slots]),
            "age_band": _named(AGE_BANDS, base.age_band[slots]),
        }
    )


def cancellations(base: Population, slots: Array, rng: np.random.Generator) -> pl.DataFrame:
    """Returns the cancellations that take effect, with the reason given."""
    told = [base.complaints[slots] > 0.5, base.slow[slots] < 0.15]
    other = np.where(rng.random(len(slots)) < 0.5, REASONS.index("price"), REASONS.index("other"))
    reason = np.select(told, [REASONS.index("service"), REASONS.index("not_used")], other)
    return pl.DataFrame({"customer_id": base.customer_id[slots], "reason": _named(REASONS, reason)})


def usage(base: Population, order: Array, rng: np.random.Generator, *, day: int, market: Market) -> pl.DataFrame:
    """Returns sessions and minutes of those who were active, and moves engagement and the averages of use."""
    count = len(order)
    base.engagement *= np.float32(ENGAGEMENT_MEMORY)
    shock = np.float32(ENGAGEMENT_SPREAD * (1 - ENGAGEMENT_MEMORY**2) ** 0.5)
    base.engagement += rng.standard_normal(count, dtype=np.float32) * shock
    level = MEAN_LOG_USAGE + np.log(market.usage_factor * WEEKDAY_USAGE[_weekday(day)])
    rate = np.exp(base.engagement + np.float32(level))
    active = rng.random(count, dtype=np.float32) < -np.expm1(-rate)
    slots = order[active[order]]
    sessions = 1 + rng.poisson(rate[slots]).astype(np.int32)
    minutes = np.minimum(1 + _MINUTES_A_SESSION * rng.standard_gamma(1.5 * sessions), 1440).astype(np.int32)
    _remember_use(base, slots, sessions=sessions, day=day)
    return pl.DataFrame({"customer_id": base.customer_id[slots], "sessions": sessions, "minutes": minutes})


def payments(base: Population, order: Array, rng: np.random.Generator, *, day: int, market: Market) -> pl.DataFrame:
    """Returns the day's renewals and second attempts, after changes of plan; a failed one is tried again once."""
    base.failures *= _FADING
    base.downgrades *= _FADING
    renewing = (day - base.signup_day) % MONTH_DAYS == 0
    _change_plans(base, order[(renewing & (base.signup_day < day))[order]], rng)
    slots = order[(renewing | (base.retry_day == day))[order]]
    again = base.retry_day[slots] == day
    rates = np.where(again, RETRY_FAILURE_RATE, np.array(FAILURE_RATES)[base.method[slots]])
    failed = rng.random(len(slots)) < rates
    base.failures[slots[failed]] += 1
    base.retry_day[slots[failed & ~again]] = day + RETRY_DAYS
    return pl.DataFrame(
        {
            "customer_id": base.customer_id[slots],
            "plan": _named(PLANS, base.plan[slots]),
            "amount_cents": base.take(slots).monthly_cents(market),
            "status": _named(("paid", "failed"), failed),
            "attempt": (1 + again).astype(np.int32),
        }
    )


def support_contacts(base: Population, order: Array, rng: np.random.Generator, *, day: int) -> pl.DataFrame:
    """Returns the day's contacts, at most one a customer; who just saw a payment fail writes more often."""
    base.complaints *= _FADING
    rate = _CONTACT_RATE * WEEKDAY_SUPPORT[_weekday(day)] * (1 + 4 * (base.failures > 0.8))
    slots = order[(rng.random(len(order)) < rate)[order]]
    topic = np.searchsorted(np.cumsum(_TOPIC_MIX[:-1]), rng.random(len(slots)))
    base.complaints[slots[topic > 0]] += 1
    return pl.DataFrame({"customer_id": base.customer_id[slots], "topic": _named(TOPICS, topic)})


def _remember_use(base: Population, slots: Array, *, sessions: Array, day: int) -> None:
    base.slow *= 1 - _SLOW
    base.slow[slots] += _SLOW * sessions
    base.fast *= 1 - _FAST
    base.fast[slots] += _FAST * sessions
    base.last_session_day[slots] = day


def _change_plans(base: Population, slots: Array, rng: np.random.Generator) -> None:
    plan, draw = base.plan[slots], rng.random(len(slots))
    up = draw < np.array(UPGRADE_RATES)[plan]
    down = draw > 1 - np.array(DOWNGRADE_RATES)[plan]
    base.plan[slots] += up.astype(np.int8) - down.astype(np.int8)
    base.downgrades[slots[down]] += 1


def _weekday(day: int) -> int:
    return (day - 1) % 7  # as date.weekday: ordinal 1 was a Monday


def _named(levels: tuple[str, ...], codes: Array) -> pl.Series:
    return pl.Series(levels).gather(pl.Series(codes.astype(np.uint32)))
