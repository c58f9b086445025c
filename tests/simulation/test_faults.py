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
    "customers": pl.DataFrame({"customer_id": [4, 5, 6, 7]}),
}
YESTERDAY = TODAY | {
    "usage": pl.DataFrame({"customer_id": [8], "minutes": [80]}),
    "customers": pl.DataFrame({"customer_id": [1, 2, 3]}),
}
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
        ("sign", "payments", {"customer_id": [1, 2], "amount_cents": [-999, -1499]}),
        ("shifted", "customers", {"customer_id": [4, 5, 6]}),
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


def test_the_late_rows_of_a_shifted_feed_are_filed_on_the_next_day() -> None:
    found = broken(TODAY, fault="shifted", last_whole=YESTERDAY, yesterday=YESTERDAY)
    assert found["customers"]["customer_id"].to_list() == [3, 4, 5, 6]


def test_no_newcomer_of_a_shifted_feed_is_lost_but_the_late_ones_of_the_last_day() -> None:
    whole, delivered = (pl.concat([day.tables["customers"] for day in feed(fault)]) for fault in (None, "shifted"))
    assert_frame_equal(delivered, whole.head(delivered.height))
    assert whole.height - delivered.height == feed(None)[-1].tables["customers"].height // 3


@pytest.mark.parametrize("fault", get_args(Fault))
def test_a_broken_feed_leaves_business_and_truth_as_they_were(fault: Fault) -> None:
    for whole, delivered in zip(feed(None), feed(fault), strict=True):
        assert_frame_equal(whole.truth, delivered.truth)
        differs = [name for name in whole.tables if not whole.tables[name].equals(delivered.tables[name])]
        # a day may bring too few newcomers for any to be late
        assert len(differs) <= (whole.day >= CHANGE) if fault == "shifted" else len(differs) == (whole.day >= CHANGE)


def test_a_frozen_feed_repeats_the_last_day_before_the_change() -> None:
    days = {day.day: day.tables["usage"] for day in feed("frozen")}
    for ahead in range(3):
        assert_frame_equal(days[CHANGE + timedelta(days=ahead)], days[CHANGE - timedelta(days=1)])


def test_a_feed_that_is_frozen_from_the_start_repeats_its_first_day() -> None:
    business = Business(customers=200, seed=3, scenario="broken_feed", change_date="2024-12-01", fault="frozen")
    one, two = simulate(business, first=FIRST, last=FIRST + timedelta(days=1))
    assert one.tables["usage"].height > 0
    assert_frame_equal(one.tables["usage"], two.tables["usage"])
