"""Simulated businesses that several tests look at, each simulated once a test process."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Literal, TypeAlias

import polars as pl

from churn.simulation.business import Business
from churn.simulation.days import Day, simulate

Scenario: TypeAlias = Literal["steady", "drift", "concept"]
FIRST = date(2025, 1, 1)
CHANGE = date(2025, 5, 1)
LAST = CHANGE + timedelta(days=35)
CUSTOMERS = 1500


@cache
def simulated(scenario: Scenario) -> tuple[Day, ...]:
    """Returns the days from FIRST to LAST; what the scenario changes, it changes from CHANGE on."""
    business = Business(customers=CUSTOMERS, seed=11, scenario=scenario, change_date=CHANGE.isoformat(), fault=None)
    return tuple(simulate(business, first=FIRST, last=LAST))


def stacked(days: tuple[Day, ...] | list[Day], table: str) -> pl.DataFrame:
    """Returns one raw table of all days, with the date that the lake's folders add."""
    return pl.concat([day.tables[table].with_columns(date=pl.lit(day.day)) for day in days])
