"""Each way in which a feed breaks is called by its name, and a feed that is whole is not called at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import get_args

import polars as pl
import pytest

from churn.datasets.subscription import DATASET
from churn.drift.feeds import Fault, FaultName, recognise
from churn.drift.raw_figures import TableFigures, figures
from churn.features.raw import Column, RawTable
from churn.simulation.business import Business
from churn.simulation.days import Day, simulate
from churn.simulation.faults import Fault as FeedFault
from churn.simulation.faults import broken
from tests.simulation.simulated import simulated

FIRST = date(2025, 1, 1)
CHANGE = FIRST + timedelta(days=35)
NAMES: dict[FeedFault, tuple[FaultName, str, str | None]] = {
    "null_column": ("null-filled", "usage", "minutes"),
    "scaled": ("scaled", "payments", "amount_cents"),
    "sign": ("sign flipped", "payments", "amount_cents"),
    "frozen": ("frozen", "usage", None),
    "truncated": ("truncated", "usage", None),
    "duplicated": ("loaded twice", "payments", None),
    "shifted": ("time zone shifted", "customers", "signup_date"),
}
VISITS = RawTable(
    name="visits",
    day="at",
    columns=(Column(name="at", dtype="timestamp"), Column(name="pounds", dtype="number", nullable=True)),
)
Figures = dict[date, Mapping[str, TableFigures]]


def of_day(day: Day) -> dict[str, TableFigures]:
    return {
        table.name: figures([day.tables[table.name].drop("date", strict=False)], table, day=day.day)
        for table in DATASET.tables
    }


@cache
def whole_days() -> tuple[Day, ...]:
    business = Business(customers=8000, seed=5, scenario="steady", change_date=None, fault=None)
    return tuple(simulate(business, first=FIRST, last=CHANGE + timedelta(days=1)))


@cache
def before_the_change() -> Figures:
    return {day.day: of_day(day) for day in whole_days() if day.day < CHANGE}


def visits(day: date, *, rows: int = 40) -> pl.DataFrame:
    """Returns visits from 9 to 16 o'clock of other prices every day, a fifth of them without one."""
    seed = day.toordinal()
    start = datetime.fromisoformat(f"{day} 09:00")
    return pl.DataFrame(
        {
            "at": [start + timedelta(minutes=480 * n / rows) for n in range(rows)],
            "pounds": [None if n % 5 == 0 else 5 + (n * 7 + seed * 13) % 90 / 10 for n in range(rows)],
        },
        schema_overrides={"at": pl.Datetime("us")},
    )


def five_weeks(**changed: pl.DataFrame) -> tuple[Figures, date]:
    days = [FIRST + timedelta(days=n) for n in range(35)]
    tables = {day: visits(day, rows=40 + day.toordinal() % 5) for day in days} | {days[-1]: changed["visits"]}
    return {day: {"visits": figures([table], VISITS, day=day)} for day, table in tables.items()}, days[-1]


def faults(change: pl.DataFrame) -> list[tuple[str, str | None]]:
    days, last = five_weeks(visits=change)
    return [(fault.name, fault.column) for fault in recognise(days, judged=[last])]


@pytest.mark.parametrize("fault", get_args(FeedFault))
def test_each_fault_of_the_simulator_is_called_by_its_name_by_the_second_broken_day(fault: FeedFault) -> None:
    *_, last, first_day, second_day = whole_days()
    one = broken(first_day.tables, fault=fault, last_whole=last.tables)
    two = broken(second_day.tables, fault=fault, last_whole=last.tables, yesterday=first_day.tables)
    delivered = [replace(first_day, tables=one), replace(second_day, tables=two)]
    days = before_the_change() | {day.day: of_day(day) for day in delivered}
    (found,) = recognise(days, judged=[day.day for day in delivered])
    assert (found.name, found.table, found.column) == NAMES[fault]
    assert found.since == (second_day.day if fault == "shifted" else CHANGE)
    assert found.until == second_day.day
    assert found.n == two[found.table].height
    assert str(found).startswith(f"{found.name}: {found.table}")


def test_no_fault_is_found_in_a_steady_business() -> None:
    days = {day.day: of_day(day) for day in simulated("steady")[:70]}
    assert recognise(days, judged=days) == ()


@pytest.mark.parametrize("power", [-3, -2, -1, 1, 2, 3])
def test_a_power_of_ten_is_told_exactly(power: int) -> None:
    whole = visits(FIRST + timedelta(days=34))
    days, last = five_weeks(visits=whole.with_columns(pl.col("pounds") * 10.0**power))
    (found,) = recognise(days, judged=[last])
    assert (found.name, found.column) == ("scaled", "pounds")
    assert (f"(×{10**power:,})" if power > 0 else f"(÷{10**-power:,})") in found.found


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 3.0, 30.0])
def test_another_factor_is_no_change_of_unit(factor: float) -> None:
    assert faults(visits(FIRST + timedelta(days=34)).with_columns(pl.col("pounds") * factor)) == []


@pytest.mark.parametrize(("hours", "named"), [(-8, True), (-5, True), (3, True), (8, True), (0, False)])
def test_hours_of_the_day_that_moved_as_a_whole_are_another_time_zone(hours: int, named: bool) -> None:
    turned = visits(FIRST + timedelta(days=34)).with_columns(pl.col("at").dt.offset_by(f"{hours}h"))
    # a feed that files by the moment brings what crossed midnight on the next day; here it stands at its hour
    found = [fault for fault in faults(turned) if fault[0] == "time zone shifted"]
    assert found == ([("time zone shifted", "at")] if named else [])


def test_a_column_that_is_often_null_is_null_filled_only_where_it_is_null_throughout() -> None:
    whole = visits(FIRST + timedelta(days=34))
    half = whole.with_columns(pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("pounds")))
    assert faults(half) == []
    assert faults(whole.with_columns(pounds=pl.lit(None, dtype=pl.Float64))) == [("null-filled", "pounds")]


def test_every_row_twice_is_told_from_many_rows() -> None:
    whole = visits(FIRST + timedelta(days=34))
    assert faults(pl.concat([whole, whole])) == [("loaded twice", None)]
    assert faults(visits(FIRST + timedelta(days=34), rows=80)) == []
    assert faults(pl.concat([whole, whole.head(39)])) == []


def test_a_table_that_never_changes_is_not_frozen() -> None:
    same = TableFigures(rows=50, rows_hash=7, unpaired=7)
    days = {FIRST + timedelta(days=n): {"plans": same} for n in range(20)}
    assert recognise(days, judged=days) == ()


def counts(*rows: int) -> Figures:
    return {
        FIRST + timedelta(days=n): {"t": TableFigures(rows=count, rows_hash=n + 1, unpaired=n + 1)}
        for n, count in enumerate(rows)
    }


def test_a_quiet_weekday_is_not_truncated_and_a_busy_one_with_as_few_rows_is() -> None:
    week = [1000, 1010, 990, 1005, 995, 300, 290]
    days = counts(*week * 5)
    assert recognise(days, judged=days) == ()
    for few in (9, 1):  # the worse the feed, the surer
        (found,) = recognise(counts(*week * 5, few), judged=[FIRST + timedelta(days=35)])
        assert (found.name, found.n) == ("truncated", few)
    (found,) = recognise(counts(*week * 5, 300), judged=[FIRST + timedelta(days=35)])
    assert (found.name, found.found) == ("truncated", "rows 1,000 → 300 (30% of the usual)")


def test_a_feed_of_wild_volume_is_judged_by_its_own_wildness() -> None:
    wild = counts(*[(1000, 400, 1500, 700, 1100)[n % 5] for n in range(35)], 400)
    assert recognise(wild, judged=wild) == ()


def run_of_three() -> Figures:
    days = counts(*[1000 + n for n in range(40)])
    broken = list(days)[30:33]
    return days | {day: {"t": replace(days[day]["t"], rows=200)} for day in broken}


def test_broken_days_in_a_row_are_one_fault_and_are_not_what_the_next_day_is_held_against() -> None:
    days = run_of_three()
    (found,) = recognise(days, judged=list(days)[28:])
    assert (found.since, found.until) == (FIRST + timedelta(days=30), FIRST + timedelta(days=32))


def test_a_fault_before_the_judged_days_is_not_told() -> None:
    days = run_of_three()
    assert recognise(days, judged=list(days)[33:]) == ()


def test_a_day_that_a_person_took_as_it_is_is_not_judged() -> None:
    days = run_of_three()
    assert recognise(days, judged=days, excused=list(days)[30:33]) == ()
    found: tuple[Fault, ...] = recognise(days, judged=days, excused=list(days)[30:32])
    assert [fault.since for fault in found] == [FIRST + timedelta(days=32)]


def test_too_few_days_before_or_too_few_rows_tell_nothing() -> None:
    nulls = TableFigures(rows=20, rows_hash=9, unpaired=0)
    assert recognise(counts(*[20] * 6) | {date(2025, 2, 1): {"t": nulls}}, judged=[date(2025, 2, 1)]) == ()
    few = replace(nulls, rows=8)
    assert recognise(counts(*[8] * 20) | {date(2025, 2, 1): {"t": few}}, judged=[date(2025, 2, 1)]) == ()
