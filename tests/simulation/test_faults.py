from __future__ import annotations

from datetime import date, timedelta
from typing import get_args

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn.simulation.business import Business
from churn.simulation.days import Day, simulate
from churn.simulation.faults import Fault, broken

TODAY = {
    "payments": pl.DataFrame({"customer_id": [1, 2], "amount_cents": [999, 1499]}),
    "usage": pl.DataFrame({"customer_id": [1, 2, 3, 4, 5], "minutes": [5, 6, 7, 8, 9]}),
    "cancellations": pl.DataFrame({"customer_id": [3]}),
}
YESTERDAY = TODAY | {"usage": pl.DataFrame({"customer_id": [8], "minutes": [80]})}
FIRST, CHANGE = date(2025, 1, 1), date(2025, 1, 4)


def feed(fault: Fault | None) -> list[Day]:
    scenario, change = ("broken_feed", CHANGE.isoformat()) if fault else ("steady", None)
    business = Business(customers=200, seed=3, scenario=scenario, change_date=change, fault=fault)  # type: ignore[arg-type]
    return list(simulate(business, first=FIRST, last=CHANGE + timedelta(days=2)))


@pytest.mark.parametrize(
    ("fault", "table", "delivered"),
    [
        ("null_column", "usage", {"customer_id": [1, 2, 3, 4, 5], "minutes": [None] * 5}),
        ("scaled", "payments", {"customer_id": [1, 2], "amount_cents": [99900, 149900]}),
        ("frozen", "usage", {"customer_id": [8], "minutes": [80]}),
        ("truncated", "usage", {"customer_id": [1, 2], "minutes": [5, 6]}),
        ("duplicated", "payments", {"customer_id": [1, 1, 2, 2], "amount_cents": [999, 999, 1499, 1499]}),
    ],
)
def test_a_fault_breaks_one_table_in_its_own_way(fault: Fault, table: str, delivered: dict[str, list[int]]) -> None:
    found = broken(TODAY, fault=fault, last_whole=YESTERDAY)
    assert_frame_equal(found[table], pl.DataFrame(delivered, schema=TODAY[table].schema))
    for other in TODAY.keys() - {table}:
        assert_frame_equal(found[other], TODAY[other])


@pytest.mark.parametrize("fault", get_args(Fault))
def test_a_broken_feed_leaves_business_and_truth_as_they_were(fault: Fault) -> None:
    for whole, delivered in zip(feed(None), feed(fault), strict=True):
        assert_frame_equal(whole.truth, delivered.truth)
        differs = [name for name in whole.tables if not whole.tables[name].equals(delivered.tables[name])]
        assert len(differs) == (whole.day >= CHANGE)


def test_a_frozen_feed_repeats_the_last_day_before_the_change() -> None:
    days = {day.day: day.tables["usage"] for day in feed("frozen")}
    for ahead in range(3):
        assert_frame_equal(days[CHANGE + timedelta(days=ahead)], days[CHANGE - timedelta(days=1)])


def test_a_feed_that_is_frozen_from_the_start_repeats_its_first_day() -> None:
    business = Business(customers=200, seed=3, scenario="broken_feed", change_date="2024-12-01", fault="frozen")
    one, two = simulate(business, first=FIRST, last=FIRST + timedelta(days=1))
    assert one.tables["usage"].height > 0
    assert_frame_equal(one.tables["usage"], two.tables["usage"])
