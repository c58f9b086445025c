"""What are the rules of the business on a day?

Mixes, prices, habits and the weights of the hazard, as values: a scenario is another value of the same type, so no
other file knows scenarios. Every level of a category is named here, once, in the order of its code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from churn.simulation.business import Business, Scenario

PLANS = ("basic", "standard", "premium")
CHANNELS = ("web", "app", "partner", "phone")
REGIONS = ("north", "south", "east", "west", "islands")
AGE_BANDS = ("18-29", "30-44", "45-59", "60+")
TOPICS = ("technical", "billing", "account")
REASONS = ("price", "little use", "service", "competitor", "other")

NOTICE_DAYS = 30
"""From the decision to leave to the cancellation; the label's horizon is the same, so truth is known."""

BILLING_DAYS = 30
"""One charge every 30 days from signup: no month is longer than another, so a calendar moves no feature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What moves the logarithm of the daily hazard: one number a cause, or one a level of a category.

    `newcomer` fades with tenure; `trend` and `level` weigh the logarithms of recent use over long-term use, and of
    long-term use; `support`, `failed` and `downgraded` weigh fading counts; `hidden` weighs what no table shows.
    """

    intercept: float
    newcomer: float
    trend: float
    level: float
    support: float
    failed: float
    downgraded: float
    discount: float
    hidden: float
    plan: tuple[float, ...]
    channel: tuple[float, ...]
    region: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The rules of one day; mixes are shares of the day's signups in the order of the levels, prices are cents."""

    plan_mix: tuple[float, ...]
    channel_mix: tuple[float, ...]
    region_mix: tuple[float, ...]
    prices_cents: tuple[int, ...]
    use: float
    weights: Weights


STEADY = Conditions(
    plan_mix=(0.50, 0.35, 0.15),
    channel_mix=(0.45, 0.30, 0.15, 0.10),
    region_mix=(0.30, 0.25, 0.20, 0.15, 0.10),
    prices_cents=(999, 1499, 2499),
    use=1.0,
    weights=Weights(
        intercept=-6.8,
        newcomer=1.1,
        trend=-1.2,
        level=-0.9,
        support=0.6,
        failed=1.2,
        downgraded=0.8,
        discount=-0.02,
        hidden=0.3,
        plan=(0.5, 0.0, -0.6),
        channel=(0.0, -0.4, 0.9, 0.4),
        region=(0.0, 0.2, -0.4, 0.1, 0.7),
    ),
)

_DRIFTED = replace(
    STEADY,
    plan_mix=(0.20, 0.35, 0.45),
    channel_mix=(0.15, 0.25, 0.45, 0.15),
    region_mix=(0.10, 0.15, 0.20, 0.25, 0.30),
    prices_cents=(1399, 2099, 3499),
    use=0.5,
)

# Mended service and cards, a rival that courts loyal heavy users: who leaves changes, how many less so.
_NEW_CONCEPT = replace(
    STEADY,
    weights=replace(
        STEADY.weights,
        intercept=-6.3,
        newcomer=-0.8,
        level=0.3,
        support=0.1,
        failed=0.1,
        plan=(-0.5, 0.0, 0.6),
        channel=(0.3, 0.4, -0.4, 0.0),
    ),
)

_BY_SCENARIO: dict[Scenario, Conditions] = {
    "steady": STEADY,
    "drift": _DRIFTED,
    "concept": _NEW_CONCEPT,
    "broken_feed": STEADY,
}


def conditions_on(business: Business, day: date) -> Conditions:
    """Returns the rules of a day: those of `steady` before the change date and under a broken feed.

    >>> b = Business(customers=1, seed=0, scenario="drift", change_date=date(2026, 3, 1), fault=None)
    >>> [conditions_on(b, date(2026, 2, 28)).use, conditions_on(b, date(2026, 3, 1)).use]
    [1.0, 0.5]
    """
    return _BY_SCENARIO[business.in_force(day)]
