"""Simulated businesses that several tests look at, each simulated once a test process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import polars as pl

from churn.datasets.subscription import DATASET
from churn.features import contract, table
from churn.simulation.business import Business
from churn.simulation.days import Day, simulate
from churn.stores.duck import Bench
from churn.stores.sql import Sql

Scenario: TypeAlias = Literal["steady", "drift", "concept"]
Raw: TypeAlias = Mapping[str, pl.DataFrame]
SQL = Path(__file__).resolve().parents[2] / "sql" / "subscription"
TABLES = ("customers", "payments", "usage", "support_contacts", "cancellations")
FIRST = date(2025, 1, 1)
CHANGE = date(2025, 5, 1)
LAST = CHANGE + timedelta(days=35)
NIGHT = CHANGE + timedelta(days=31)
CUSTOMERS = 1500


@cache
def simulated(scenario: Scenario) -> tuple[Day, ...]:
    """Returns the days from FIRST to LAST; what the scenario changes, it changes from CHANGE on."""
    business = Business(customers=CUSTOMERS, seed=11, scenario=scenario, change_date=CHANGE.isoformat(), fault=None)
    return tuple(simulate(business, first=FIRST, last=LAST))


def stacked(days: tuple[Day, ...] | list[Day], table: str) -> pl.DataFrame:
    """Returns one raw table of all days, with the date that the lake's folders add."""
    return pl.concat([day.tables[table].with_columns(date=pl.lit(day.day)) for day in days])


@cache
def raw(scenario: Scenario) -> dict[str, pl.DataFrame]:
    return {name: stacked(simulated(scenario), name) for name in TABLES}


def source(tables: Raw, folder: Path) -> Sql:
    """Returns the business's SQL over one file a table, so that the SQL alone can keep the future out."""
    folder.mkdir(exist_ok=True)
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    paths = {name: str(folder / f"{name}.parquet") for name in tables}
    return sql_over(paths, spill=folder)


def sql_over(paths: Mapping[str, str], *, spill: Path) -> Sql:
    """Returns the business's SQL over a parquet glob a table."""
    bench = Bench(threads=1, memory="1GB", spill=spill, chunk_rows=100_000, cache=spill)
    return Sql(tables=paths, sql=SQL, bench=bench)


def snapshot(tables: Raw, day: date, folder: Path) -> pl.DataFrame:
    return pl.concat(source(tables, folder).snapshot(day, key="customer_id", rows=100_000))


def features(tables: Raw, day: date, folder: Path) -> pl.DataFrame:
    """Returns the features at `day`, having kept their contract."""
    built = table.build(
        snapshot(tables, day, folder), key="customer_id", features=DATASET.features, where="features/subscription"
    )
    contract.check(built, key="customer_id", features=DATASET.features, where="features/subscription")
    return built
