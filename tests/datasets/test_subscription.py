"""Does the subscription dataset know what happened before its date, and nothing else?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn.datasets.subscription import DATASET
from churn.errors import DataError
from churn.features import contract, table
from churn.simulation.business import Business
from churn.simulation.days import simulate

SQL = Path(__file__).parents[2] / "sql" / "subscription"
FIRST = date(2025, 1, 1)
CHANGE = date(2025, 4, 5)
AS_OF = date(2025, 4, 20)
Scenario = Literal["steady", "drift", "concept", "broken_feed"]
Fault = Literal["null_column", "scaled", "frozen", "truncated", "duplicated"]
Frames = Mapping[str, pl.DataFrame]


def raw(scenario: Scenario = "steady", fault: Fault | None = None) -> tuple[Frames, pl.DataFrame]:
    return _simulated(scenario, fault)


@cache
def _simulated(scenario: Scenario, fault: Fault | None) -> tuple[Frames, pl.DataFrame]:
    changed = None if scenario == "steady" else CHANGE.isoformat()
    business = Business(customers=400, seed=3, scenario=scenario, change_date=changed, fault=fault)
    days = list(simulate(business, first=FIRST, last=AS_OF + timedelta(days=35)))
    tables = {
        name: pl.concat([day.tables[name].with_columns(date=pl.lit(day.day)) for day in days])
        for name in days[0].tables
    }
    return tables, days[(AS_OF - FIRST).days].truth


def ask(view: str, frames: Frames, *, as_of: date = AS_OF, horizon_days: int = 30) -> pl.DataFrame:
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, frame in frames.items():
            connection.register(name, frame.to_arrow())
        connection.execute("set variable as_of = ?::date", [as_of])
        connection.execute("set variable horizon_days = ?::integer", [horizon_days])
        for path in sorted(SQL.glob("*.sql"), key=lambda path: path.stem != "population"):
            connection.execute(f"create view {path.stem} as {path.read_text()}")
        order = " order by customer_id" if view in {"snapshot", "labels", "protected"} else ""
        found: pl.DataFrame = connection.sql(f"from {view}{order}").pl()
        return found


def features(frames: Frames, *, as_of: date = AS_OF) -> pl.DataFrame:
    rows = ask("snapshot", frames, as_of=as_of)
    return table.build(rows, key=DATASET.key, features=DATASET.features, where="test")


def checked(frames: Frames) -> pl.DataFrame:
    found = features(frames)
    contract.check(found, key=DATASET.key, features=DATASET.features, where="test")
    return found


def test_forgetting_the_future_changes_no_feature() -> None:
    frames, _ = raw()
    past = {name: frame.filter(pl.col("date") < AS_OF) for name, frame in frames.items()}
    assert any(past[name].height < frame.height for name, frame in frames.items())
    for view in ("snapshot", "protected", "audit", "coverage"):
        assert_frame_equal(ask(view, frames), ask(view, past), check_exact=True)
    assert_frame_equal(features(frames), features(past), check_exact=True)


def test_the_day_before_is_read() -> None:
    frames, _ = raw()
    one_less = {name: frame.filter(pl.col("date") < AS_OF - timedelta(days=1)) for name, frame in frames.items()}
    assert not features(frames).equals(features(one_less))


@pytest.mark.parametrize("scenario", ["steady", "drift", "concept"])
def test_every_feature_keeps_its_contract_in_a_sound_feed(scenario: Scenario) -> None:
    found = checked(raw(scenario)[0])
    assert found.columns == [DATASET.key, *(feature.name for feature in DATASET.features)]
    assert found.height == 400


def test_no_feature_is_constant_or_mostly_unknown() -> None:
    found = checked(raw()[0])
    for feature in DATASET.features:
        assert found[feature.name].n_unique() > 1, feature.name


def test_the_population_is_that_of_the_truth_in_every_file() -> None:
    frames, truth = raw()
    for view in ("snapshot", "labels", "protected"):
        assert ask(view, frames)["customer_id"].to_list() == truth["customer_id"].to_list()


def test_a_label_is_a_cancellation_within_the_horizon_from_the_date_on() -> None:
    frames, truth = raw()
    for horizon_days in (1, 30):
        end = AS_OF + timedelta(days=horizon_days)
        leavers = set(
            frames["cancellations"].filter(pl.col("date").is_between(AS_OF, end, closed="left"))["customer_id"]
        )
        labels = ask("labels", frames, horizon_days=horizon_days)
        assert labels["label"].to_list() == [int(customer in leavers) for customer in truth["customer_id"]]
        assert labels.schema["label"] == pl.Int32


def test_the_edges_of_population_and_label_are_those_of_a_case_worked_by_hand() -> None:
    frames = dict(raw()[0])
    someone = frames["customers"].head(1)
    joined = {1: -5, 2: -5, 3: -5, 4: -5, 5: -1, 6: 0}  # customer: days from as_of
    left = {1: -1, 2: 0, 3: 29, 4: 30}
    frames["customers"] = pl.concat(
        someone.with_columns(customer_id=pl.lit(customer), date=pl.lit(AS_OF + timedelta(days=days)))
        for customer, days in joined.items()
    ).with_columns(pl.col("customer_id").cast(pl.Int64), signup_date="date")
    frames["cancellations"] = pl.DataFrame(
        {"customer_id": list(left), "reason": "price", "date": [AS_OF + timedelta(days=days) for days in left.values()]}
    )
    assert dict(ask("labels", frames).iter_rows()) == {2: 1, 3: 1, 4: 0, 5: 0}
    assert dict(ask("snapshot", frames).select("customer_id", "tenure_days").iter_rows()) == {2: 5, 3: 5, 4: 5, 5: 1}


def window(frame: pl.DataFrame, days: int) -> pl.DataFrame:
    return frame.filter(pl.col("date").is_between(AS_OF - timedelta(days=days), AS_OF, closed="left"))


def expected_counts(frames: Frames, customers: pl.Series) -> dict[str, list[Any]]:
    def total(rows: pl.DataFrame, value: pl.Expr) -> list[Any]:
        found = dict(rows.group_by("customer_id").agg(value.alias("value")).iter_rows())
        return [found.get(customer, 0) for customer in customers]

    usage, contacts, payments = frames["usage"], frames["support_contacts"], frames["payments"]
    failed = payments.filter(pl.col("status") == "failed")
    return {
        "sessions_7d": total(window(usage, 7), pl.col("sessions").sum()),
        "sessions_30d": total(window(usage, 30), pl.col("sessions").sum()),
        "sessions_90d": total(window(usage, 90), pl.col("sessions").sum()),
        "active_days_30d": total(window(usage, 30), pl.len()),
        "support_contacts_30d": total(window(contacts, 30), pl.len().clip(upper_bound=10)),
        "failed_payments_90d": total(window(failed, 90), pl.len()),
    }


def test_windows_count_exactly_their_days() -> None:
    frames, truth = raw()
    found = features(frames)
    for name, values in expected_counts(frames, truth["customer_id"]).items():
        assert found[name].to_list() == values, name


def test_more_than_ten_support_contacts_count_as_ten() -> None:
    frames, truth = raw()
    caller = truth["customer_id"][0]
    calls = pl.DataFrame(
        {"customer_id": [caller] * 14, "topic": ["technical"] * 14, "date": [AS_OF - timedelta(days=2)] * 14}
    )
    noisy = dict(frames) | {"support_contacts": pl.concat([frames["support_contacts"], calls])}
    assert features(noisy).row(0, named=True)["support_contacts_30d"] == 10


def test_tenure_and_spend_are_those_of_the_reference_design() -> None:
    frames, truth = raw()
    found = features(frames)
    signup = dict(frames["customers"].select("customer_id", "signup_date").iter_rows())
    assert found["tenure_days"].to_list() == [(AS_OF - signup[customer]).days for customer in truth["customer_id"]]
    assert found["avg_monthly_spend"].min() is not None


@pytest.mark.parametrize("fault", ["null_column", "scaled", "frozen", "truncated", "duplicated"])
def test_a_broken_feed_crashes_no_query(fault: Fault) -> None:
    frames, truth = raw("broken_feed", fault)
    assert features(frames).height == truth.height
    assert ask("audit", frames).height == 1


@pytest.mark.parametrize("fault", ["scaled"])
def test_amounts_scaled_by_a_hundred_break_the_contract(fault: Fault) -> None:
    with pytest.raises(DataError, match="last_amount"):
        checked(raw("broken_feed", fault)[0])


def test_the_audit_counts_what_a_broken_feed_does() -> None:
    sound = ask("audit", raw()[0]).row(0, named=True)
    assert all(isinstance(count, int) for count in sound.values())
    assert sound["customers"] == 400
    assert sound["duplicate_payments"] == sound["usage_without_minutes"] == 0
    assert ask("audit", raw("broken_feed", "duplicated")[0])["duplicate_payments"][0] > 0
    assert ask("audit", raw("broken_feed", "null_column")[0])["usage_without_minutes"][0] > 0
    frozen = ask("audit", raw("broken_feed", "frozen")[0]).row(0, named=True)
    assert frozen["usage_repeated_last_day"] == frozen["usage_rows_last_day"]
    assert sound["usage_repeated_last_day"] < 0.2 * sound["usage_rows_last_day"]


def test_coverage_spans_the_days_that_both_daily_feeds_have_before_the_date() -> None:
    frames, _ = raw()
    assert ask("coverage", frames).row(0) == (FIRST, AS_OF - timedelta(days=1))
    assert ask("coverage", frames, as_of=FIRST).row(0) == (None, None)
    late = AS_OF - timedelta(days=4)
    for feed in ("usage", "payments"):
        gap = dict(frames) | {feed: frames[feed].filter(pl.col("date") < late)}
        assert ask("coverage", gap).row(0) == (FIRST, late - timedelta(days=1))


@pytest.mark.parametrize("feed", ["usage", "payments"])
def test_a_feed_without_any_row_leaves_nothing_covered(feed: str) -> None:
    frames, _ = raw()
    assert ask("coverage", dict(frames) | {feed: frames[feed].clear()}).row(0) == (None, None)


def test_no_protected_column_is_a_feature() -> None:
    names = {feature.name for feature in DATASET.features}
    roots = {root for feature in DATASET.features for root in feature.expr.meta.root_names()}
    assert not (names | roots) & set(DATASET.protected)
    assert set(ask("protected", raw()[0]).columns) == {DATASET.key, *DATASET.protected}


def test_every_file_states_its_grain_first_and_binds_the_date() -> None:
    for path in SQL.glob("*.sql"):
        text = path.read_text()
        assert text.startswith("-- grain: "), path.name
        assert "getvariable('as_of')" in text or "from population" in text, path.name


def test_rows_do_not_depend_on_the_order_of_the_raw_rows() -> None:
    frames, _ = raw()
    order = np.random.default_rng(0)
    shuffled = {name: frame[order.permutation(frame.height).tolist()] for name, frame in frames.items()}
    assert_frame_equal(features(frames), features(shuffled), check_exact=True)
