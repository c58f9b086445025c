from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import get_args

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.metrics import roc_auc_score

from churn.simulation.business import Business
from churn.simulation.days import Day, simulate
from tests.simulation.simulated import CHANGE, CUSTOMERS, FIRST, Scenario, simulated, stacked

TABLES = {"customers", "payments", "usage", "support_contacts", "cancellations"}
SMALL = Business(customers=200, seed=3, scenario="steady", change_date=None, fault=None)
WINDOWS = range(0, 150, 30)


def small(days: int, *, seed: int = 3, customers: int = 200) -> list[Day]:
    business = Business(customers=customers, seed=seed, scenario="steady", change_date=None, fault=None)
    return list(simulate(business, first=FIRST, last=FIRST + timedelta(days=days - 1)))


def assert_same(one: list[Day], other: list[Day]) -> None:
    for left, right in zip(one, other, strict=True):
        assert left.day == right.day
        assert_frame_equal(left.truth, right.truth)
        for name in TABLES:
            assert_frame_equal(left.tables[name], right.tables[name])


def outcomes(days: tuple[Day, ...], start: int) -> pl.DataFrame:
    """Returns the truth at one day, beside whether each customer left within the 30 days from it."""
    left = pl.concat([day.tables["cancellations"] for day in days[start : start + 30]])["customer_id"]
    return days[start].truth.with_columns(left=pl.col("customer_id").is_in(left.implode()))


def test_a_longer_simulation_begins_with_the_shorter_one() -> None:
    assert_same(small(12)[:7], small(7))


def test_the_same_seed_gives_the_same_days_and_another_does_not() -> None:
    one, other = small(3), small(3, seed=4)
    assert_same(one, small(3))
    assert not one[0].tables["usage"].equals(other[0].tables["usage"])


def test_no_day_repeats_the_random_numbers_of_another() -> None:
    seen = [day.tables["usage"]["minutes"].to_list() for day in small(14)]
    assert len({tuple(minutes) for minutes in seen}) == 14


@pytest.mark.parametrize("customers", [1, 40])
def test_every_table_of_every_day_has_the_same_schema_even_without_rows(customers: int) -> None:
    days = small(40, customers=customers)
    assert any(table.height == 0 for day in days for table in day.tables.values())
    for day in days:
        assert day.tables.keys() == TABLES
        assert {name: table.schema for name, table in day.tables.items()} == {
            name: table.schema for name, table in days[0].tables.items()
        }


def test_every_table_stands_in_the_order_of_customers_and_has_no_null() -> None:
    for day in simulated("steady"):
        for table in (*day.tables.values(), day.truth):
            assert table["customer_id"].dtype == pl.Int64
            assert table["customer_id"].is_sorted()
            assert sum(table.null_count().row(0)) == 0


def test_each_customer_signs_up_once_and_only_the_first_day_knows_earlier_ones() -> None:
    days = simulated("steady")
    customers = stacked(days, "customers")
    assert customers["customer_id"].to_list() == list(range(1, customers.height + 1))
    before = customers.filter(pl.col("signup_date") != pl.col("date"))
    assert set(before["date"]) == {FIRST}
    assert before.height == CUSTOMERS
    assert (before["signup_date"] < FIRST).all()


def test_the_truth_names_exactly_the_customers_at_the_start_of_its_day() -> None:
    days = simulated("steady")
    customers, cancellations = stacked(days, "customers"), stacked(days, "cancellations")
    for day in days[1::20]:
        here = customers.filter(pl.col("date") < day.day).join(
            cancellations.filter(pl.col("date") < day.day), on="customer_id", how="anti"
        )
        assert day.truth["customer_id"].to_list() == here["customer_id"].sort().to_list()
        assert day.truth.height == CUSTOMERS


def test_nobody_leaves_twice_or_does_anything_from_the_day_of_leaving_on() -> None:
    days = simulated("steady")
    left = stacked(days, "cancellations").select("customer_id", gone="date")
    assert left["customer_id"].is_unique().all()
    for name in ("usage", "payments", "support_contacts"):
        late = stacked(days, name).join(left, on="customer_id").filter(pl.col("date") >= pl.col("gone"))
        assert late.height == 0


def test_nobody_leaves_within_the_notice_after_signing_up_and_some_do_right_after_it() -> None:
    days = simulated("steady")
    stays = stacked(days, "cancellations").join(stacked(days, "customers"), on="customer_id", suffix="_signup")
    tenure = (stays["date"] - stays["signup_date"]).dt.total_days()
    assert tenure.min() == 30


def surprise(told: pl.DataFrame) -> float:
    """Returns how many standard deviations more left than the truth said."""
    truth = told["churn_probability"].to_numpy()
    return float((told["left"].to_numpy() - truth).sum() / np.sqrt((truth * (1 - truth)).sum() + 1e-9))


@pytest.mark.parametrize("scenario", get_args(Scenario))
def test_as_many_leave_as_the_truth_says(scenario: Scenario) -> None:
    told = pl.concat([outcomes(simulated(scenario), start) for start in WINDOWS])
    assert abs(surprise(told)) < 3.5


def test_the_truth_is_right_for_the_safe_and_for_the_doomed() -> None:
    told = pl.concat([outcomes(simulated("steady"), start) for start in WINDOWS]).sort("churn_probability")
    assert max(abs(surprise(told[part])) for part in np.array_split(np.arange(told.height), 8)) < 4


def test_base_rate_and_best_achievable_auc_are_those_of_a_real_business() -> None:
    told = pl.concat([outcomes(simulated("steady"), start) for start in WINDOWS])
    assert 0.05 < told["left"].to_numpy().mean() < 0.09
    assert 0.78 < roc_auc_score(told["left"], told["churn_probability"]) < 0.87


def test_a_steady_base_has_settled_on_its_first_day() -> None:
    months = [simulated("steady")[start : start + 28] for start in (0, 126)]
    for name, column in (("usage", "sessions"), ("usage", "minutes"), ("payments", "amount_cents")):
        early, late = (float(stacked(month, name)[column].sum()) for month in months)
        assert late == pytest.approx(early, rel=0.15)
    early, late = (stacked(month, "cancellations").height for month in months)
    assert late == pytest.approx(early, abs=4 * early**0.5)


def test_weekends_see_more_use_and_fewer_contacts() -> None:
    days = simulated("steady")[:112]
    for name, busier in (("usage", True), ("support_contacts", False)):
        weekend = sum(day.tables[name].height for day in days if day.day.weekday() >= 5) / 2
        weekdays = sum(day.tables[name].height for day in days if day.day.weekday() < 5) / 5
        assert (weekend > 1.1 * weekdays) is busier


def test_a_renewal_comes_every_thirty_days_and_a_failed_one_is_tried_once_more() -> None:
    days = simulated("steady")
    paid = stacked(days, "payments").join(
        stacked(days, "customers").select("customer_id", "signup_date"), on="customer_id"
    )
    age = (paid["date"] - paid["signup_date"]).dt.total_days()
    assert set(age.filter(paid["attempt"] == 1) % 30) == {0}
    assert set(age.filter(paid["attempt"] == 2) % 30) == {3}
    failed = paid.filter((pl.col("attempt") == 1) & (pl.col("status") == "failed"), pl.col("date") < days[-4].day)
    again = paid.filter(pl.col("attempt") == 2).select("customer_id", pl.col("date") - timedelta(days=3))
    missing = failed.join(again, on=["customer_id", "date"], how="anti")
    left = stacked(days, "cancellations").select("customer_id", gone="date")
    gone = missing.join(left, on="customer_id").filter(pl.col("gone") <= pl.col("date") + timedelta(days=3))
    assert missing.height == gone.height


def test_a_renewal_costs_the_plan_and_its_addons_and_plans_move_a_step_at_a_time() -> None:
    payments = stacked(simulated("steady"), "payments").sort("customer_id", "date")
    listed = pl.col("plan").replace_strict({"basic": 999, "standard": 1499, "premium": 2499}, return_dtype=pl.Int64)
    addons = payments.select("customer_id", extra=pl.col("amount_cents") - listed)
    assert set(addons["extra"]) == {0, 299, 598, 897}
    assert addons.group_by("customer_id").agg(pl.col("extra").n_unique())["extra"].max() == 1
    plans = payments.group_by("customer_id", maintain_order=True).agg("plan")["plan"].to_list()
    moves = {pair for row in plans for pair in pairwise(row)}
    assert ("basic", "standard") in moves
    assert not moves & {("basic", "premium"), ("premium", "basic")}


def test_days_before_a_change_are_those_of_the_steady_business() -> None:
    before = (CHANGE - FIRST).days
    for scenario in get_args(Scenario):
        assert_same(list(simulated(scenario)[:before]), list(simulated("steady")[:before]))


def test_a_day_is_dated_and_days_come_without_a_gap() -> None:
    assert [day.day for day in small(3)] == [date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 3)]
