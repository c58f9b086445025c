"""What does the business look like, day by day?

Each day has a random generator of its own, seeded by the seed and the day's ordinal: a later last day changes no earlier
one. Within a day: leavers go, newcomers take their slots, everybody lives the day, and decisions are taken
at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from churn.errors import SettingsError
from churn.simulation.base import opening_base
from churn.simulation.business import Business
from churn.simulation.conditions import AGE_BANDS, CHANNELS, NOTICE_DAYS, PLANS, REASONS, REGIONS, conditions_on
from churn.simulation.events import contact_support, named, pay, use
from churn.simulation.faults import Tables, broken
from churn.simulation.hazard import Notice, daily_hazard
from churn.simulation.population import NEVER, Ints, Population, newcomers

_SETTLING_DAYS = 120
_REASON_MIX = (0.3, 0.25, 0.2, 0.15, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day: its raw tables by name, each in the order of `customer_id`, and the truth at its start.

    `truth` has one row a customer who had signed up before the day and had not left before it: `customer_id` and
    `churn_probability`, the exact probability that the cancellation takes effect within 30 days from `day`.
    """

    day: date
    tables: Tables
    truth: pl.DataFrame


def simulate(business: Business, *, first: date, last: date) -> Iterator[Day]:
    """Yields the days from `first` to `last` in order; memory is set by the number of customers, not of days.

    The first day's `customers` holds the whole base with signup dates in the past; later days hold their signups.

    Raises:
        SettingsError: `last` is before `first`.

    >>> b = Business(customers=50, seed=1, scenario="steady", change_date=None, fault=None)
    >>> day = next(simulate(b, first=date(2026, 1, 1), last=date(2026, 1, 2)))
    >>> sorted(day.tables), day.truth.height
    (['cancellations', 'customers', 'payments', 'support_contacts', 'usage'], 50)
    """
    if last < first:
        raise SettingsError(where="simulation", found=f"{last} is before {first}", action="swap the two dates")
    before: Tables = {}
    for day in _business_days(business, first, last):
        tables = day.tables
        if business.fault and business.in_force(day.day) == "broken_feed":
            tables = broken(tables, before=before or tables, fault=business.fault)
        yield Day(day=day.day, tables=tables, truth=day.truth)
        before = tables


def _business_days(business: Business, first: date, last: date) -> Iterator[Day]:
    run = _Run(business, first - timedelta(days=_SETTLING_DAYS))
    for back in range(_SETTLING_DAYS, 0, -1):
        run.live(first - timedelta(days=back))
    base = _signups(run.population, run.order)
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        truth = run.truth()
        tables = run.live(day)
        if day == first:
            tables["customers"] = pl.concat([base, tables["customers"]])
        yield Day(day=day, tables=tables, truth=truth)


class _Run:
    def __init__(self, business: Business, start: date) -> None:
        self._business = business
        rng = np.random.default_rng([business.seed, start.toordinal() - 1])
        self.population = opening_base(business.customers, day=start.toordinal(), rng=rng)
        self.order: Ints = np.arange(business.customers)
        self._notice = Notice(business.customers)
        self._next_id = business.customers + 1

    def truth(self) -> pl.DataFrame:
        probability = self._notice.churn_probability()[self.order]
        return pl.DataFrame({"customer_id": self.population.ids[self.order], "churn_probability": probability})

    def live(self, day: date) -> Tables:
        conditions, rng = (
            conditions_on(self._business, day),
            np.random.default_rng([self._business.seed, day.toordinal()]),
        )
        leavers = self.order[self.population.leaves[self.order] == day.toordinal()]
        cancellations = _cancellations(self.population.ids[leavers], rng)
        self._replace(
            leavers,
            newcomers(len(leavers), first_id=self._next_id, day=day.toordinal(), conditions=conditions, rng=rng),
        )
        people, order = self.population, self.order
        tables = {
            "customers": _signups(people, leavers),
            "payments": pay(people, order, day, conditions=conditions, rng=rng),
            "usage": use(people, order, day, conditions=conditions, rng=rng),
            "support_contacts": contact_support(people, order, day, rng=rng),
            "cancellations": cancellations,
        }
        hazard = daily_hazard(people, day=day.toordinal(), weights=conditions.weights)
        self._notice.record(day.toordinal(), hazard)
        decided = (rng.random(len(people), dtype=np.float32) < hazard) & (people.leaves == NEVER)
        people.leaves[decided] = day.toordinal() + NOTICE_DAYS
        return tables

    def _replace(self, slots: Ints, arrivals: Population) -> None:
        gone = np.zeros(len(self.population), dtype=np.bool_)
        gone[slots] = True
        self.population.settle(slots, arrivals)
        self._notice.forget(slots)
        self.order = np.concatenate([self.order[~gone[self.order]], slots])
        self._next_id += len(slots)


def _signups(people: Population, slots: Ints) -> pl.DataFrame:
    epoch = date(1970, 1, 1).toordinal()
    return pl.DataFrame(
        {
            "customer_id": people.ids[slots],
            "signup_date": pl.Series(people.signup[slots] - np.int32(epoch)).cast(pl.Date),
            "plan": named(PLANS, people.signup_plan[slots]),
            "channel": named(CHANNELS, people.channel[slots]),
            "region": named(REGIONS, people.region[slots]),
            "age_band": named(AGE_BANDS, people.age_band[slots]),
        }
    )


def _cancellations(ids: Ints, rng: np.random.Generator) -> pl.DataFrame:
    reasons = np.searchsorted(np.cumsum(_REASON_MIX)[:-1], rng.random(len(ids)), side="right")
    return pl.DataFrame({"customer_id": ids, "reason": named(REASONS, reasons)})
