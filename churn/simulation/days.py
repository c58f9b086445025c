"""What happened on each day of the simulated business, and what was the truth behind it?

One day at a time, with one random generator a day: the same seed and first day give the same days, however far one
goes. Days before the first are lived through unseen, so that the base has settled when the first raw row is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from churn.simulation import events
from churn.simulation.business import Business
from churn.simulation.faults import Tables, broken
from churn.simulation.hazard import NoticeWindow, hazard
from churn.simulation.market import NOTICE_DAYS, Market, market_on
from churn.simulation.population import Array, Population, newcomers, settled_base

_UNSEEN_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day: the raw `tables` that it adds, and `truth`, what was true at its start.

    `tables` holds `customers`, `payments`, `usage`, `support_contacts` and `cancellations`, each in the order of
    customer_id, without the date, and always with its schema. `truth` has one row per customer at the start of the day
    (signed up before it, no cancellation before it): customer_id and churn_probability, that of a cancellation within
    the next 30 days, this one included.
    """

    day: date
    tables: Tables
    truth: pl.DataFrame


def simulate(business: Business, *, first: date, last: date) -> Iterator[Day]:
    """Yields the days from `first` to `last`, in order. The first day's customers are the whole base of then.

    >>> tiny = Business(customers=300, seed=1, scenario="steady", change_date=None, fault=None)
    >>> [(day.tables["customers"].height >= 300, day.truth.height) for day in
    ...  simulate(tiny, first=date(2025, 1, 1), last=date(2025, 1, 2))]
    [(True, 300), (False, 300)]
    """
    base = _Base(business, first.toordinal() - _UNSEEN_DAYS)
    for ordinal in range(first.toordinal() - _UNSEEN_DAYS, first.toordinal()):
        base.live(date.fromordinal(ordinal))
    base.number_from_one()
    known = base.customers()
    last_whole: Tables = {}
    yesterday: Tables | None = None
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = base.live(date.fromordinal(ordinal), known=known)
        known = known.clear()
        if not last_whole or not business.changed(day.day):
            last_whole = day.tables
        yield _delivered(day, business, last_whole, yesterday=yesterday)
        yesterday = day.tables if business.changed(day.day) else None


def _delivered(day: Day, business: Business, last_whole: Tables, *, yesterday: Tables | None) -> Day:
    if business.fault is None or not business.changed(day.day):
        return day
    tables = broken(day.tables, fault=business.fault, last_whole=last_whole, yesterday=yesterday)
    return Day(day=day.day, tables=tables, truth=day.truth)


class _Base:
    """The customers of now; `_order` lists their slots by customer_id."""

    def __init__(self, business: Business, start: int) -> None:
        self._business = business
        market = market_on(business, date.fromordinal(start))
        self._people = settled_base(_generator(business, start - 1), business.customers, day=start, market=market)
        self._window = NoticeWindow(business.customers)
        self.number_from_one()

    def number_from_one(self) -> None:
        """Numbers the customers by signup, from 1."""
        self._order: Array = np.argsort(self._people.signup_day, kind="stable")
        self._next_id = 1
        self._number(self._order)

    def customers(self) -> pl.DataFrame:
        """Returns who all the customers of now are."""
        return events.customers(self._people, self._order)

    def live(self, day: date, *, known: pl.DataFrame | None = None) -> Day:
        """Lives through one day and returns it; its `customers` are the newcomers, after those of `known`."""
        rng, market = _generator(self._business, day.toordinal()), market_on(self._business, day)
        truth = self._truth()
        gone = self._gone(day)
        cancellations = events.cancellations(self._people, gone, rng)
        self._let_in(gone, newcomers(rng, len(gone), day=day.toordinal(), market=market))
        joined = events.customers(self._people, gone)
        tables = {"customers": joined if known is None else pl.concat([known, joined]), "cancellations": cancellations}
        tables |= self._events(day, rng, market)
        self._decide(day, rng, market)
        return Day(day=day, tables=tables, truth=truth)

    def _truth(self) -> pl.DataFrame:
        found = self._window.churn_probability()[self._order]
        return pl.DataFrame({"customer_id": self._people.customer_id[self._order], "churn_probability": found})

    def _gone(self, day: date) -> Array:
        gone = self._people.decided_day == day.toordinal() - NOTICE_DAYS
        found: Array = self._order[gone[self._order]]
        return found

    def _let_in(self, slots: Array, joined: Population) -> None:
        free = np.zeros(len(self._order), dtype=bool)
        free[slots] = True
        self._people.replace(slots, joined)
        self._window.clear(slots)
        self._order = np.concatenate([self._order[~free[self._order]], slots])
        self._number(slots)

    def _number(self, slots: Array) -> None:
        self._people.customer_id[slots] = np.arange(self._next_id, self._next_id + len(slots))
        self._next_id += len(slots)

    def _events(self, day: date, rng: np.random.Generator, market: Market) -> Tables:
        people, order, ordinal = self._people, self._order, day.toordinal()
        return {
            "usage": events.usage(people, order, rng, day=ordinal, market=market),
            "payments": events.payments(people, order, rng, day=ordinal, market=market),
            "support_contacts": events.support_contacts(people, order, rng, day=ordinal),
        }

    def _decide(self, day: date, rng: np.random.Generator, market: Market) -> None:
        people = self._people
        hazards = hazard(people, day=day.toordinal(), market=market)
        self._window.push(hazards)
        decided = (rng.random(len(hazards)) < hazards) & (people.decided_day == 0)
        people.decided_day[decided] = day.toordinal()


def _generator(business: Business, ordinal: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([business.seed, ordinal]))
