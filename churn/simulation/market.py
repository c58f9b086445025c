"""What is sold to whom, at what price, and which of it does a scenario move?

All levels, mixes and rates stand here as one `Market` a scenario, so that a scenario is a difference between two values
and no other file asks which scenario it is in. A month is 30 days, so that nothing moves with the calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from churn.simulation.business import Business

NOTICE_DAYS = 30
MONTH_DAYS = 30
RETRY_DAYS = 3

PLANS = ("basic", "standard", "premium")
CHANNELS = ("organic", "paid_search", "referral", "partner")
REGIONS = ("north", "south", "east", "west")
AGE_BANDS = ("18-29", "30-44", "45-59", "60+")
METHODS = ("card", "direct_debit", "wallet")
TOPICS = ("how_to", "technical", "billing")
REASONS = ("price", "not_used", "service", "other")

PLAN_CENTS = (999, 1499, 2499)
ADDON_CENTS = 299
FAILURE_RATES = (0.045, 0.015, 0.03)  # of a renewal, by payment method
RETRY_FAILURE_RATE = 0.35
# a month's moves balance for the stock's mix of about 50, 35 and 15 %, so that the mix stays
UPGRADE_RATES = (0.021, 0.009, 0.0)
DOWNGRADE_RATES = (0.0, 0.03, 0.021)
WEEKDAY_USAGE = (0.93, 0.91, 0.91, 0.93, 0.98, 1.16, 1.18)  # Monday first; mean 1
WEEKDAY_SUPPORT = (1.50, 1.30, 1.25, 1.20, 1.15, 0.35, 0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The hazard of deciding to leave on one day, as a log-linear function; see `hazard.hazard` for each term."""

    intercept: float
    usage: float
    trend: float
    recency: float
    complaint: float
    failure: float
    downgrade: float
    newness: float
    price: float
    channel: tuple[float, ...]
    region: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What holds on one day: shares of newcomers by level (each sums to 1), prices and usage as factors, the hazard."""

    plan_mix: tuple[float, ...]
    channel_mix: tuple[float, ...]
    price_factor: float
    usage_factor: float
    effects: Effects


_STEADY = Market(
    plan_mix=(0.52, 0.34, 0.14),
    channel_mix=(0.35, 0.30, 0.20, 0.15),
    price_factor=1.0,
    usage_factor=1.0,
    effects=Effects(
        intercept=-7.2,
        usage=1.35,
        trend=1.4,
        recency=1.0,
        complaint=1.0,
        failure=1.2,
        downgrade=1.0,
        newness=0.8,
        price=0.5,
        channel=(-0.15, 0.4, -0.6, 0.65),
        region=(-0.15, 0.25, 0.0, -0.1),
    ),
)
_DRIFTED = replace(
    _STEADY, plan_mix=(0.80, 0.15, 0.05), channel_mix=(0.10, 0.65, 0.05, 0.20), price_factor=1.25, usage_factor=0.5
)
_OTHER_REASONS = replace(
    _STEADY,
    effects=Effects(
        intercept=-6.45,
        usage=0.2,
        trend=0.1,
        recency=0.0,
        complaint=0.3,
        failure=0.3,
        downgrade=0.0,
        newness=-0.6,
        price=1.8,
        channel=(0.5, -0.5, 0.8, -0.7),
        region=(0.4, -0.4, 0.2, -0.2),
    ),
)
_CHANGED = {"drift": _DRIFTED, "concept": _OTHER_REASONS}


def market_on(business: Business, day: date) -> Market:
    """Returns the market of `day`: the steady one before the change, and the scenario's from then on.

    >>> steady = Business(customers=300, seed=1, scenario="steady", change_date=None, fault=None)
    >>> market_on(steady, date(2025, 1, 1)).price_factor
    1.0
    """
    return _CHANGED.get(business.scenario, _STEADY) if business.changed(day) else _STEADY
