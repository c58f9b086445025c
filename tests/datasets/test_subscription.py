"""A few customers worked by hand, then the simulated business against a second way to count it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn.datasets.subscription import DATASET
from tests.simulation.simulated import (
    CHANGE,
    FIRST,
    NIGHT,
    TABLES,
    Scenario,
    features,
    raw,
    simulated,
    snapshot,
    source,
    sql_over,
    stacked,
)

D = date(2025, 4, 20)
DAY = timedelta(days=1)


def rows(ages: list[int], **columns: Any) -> pl.DataFrame:
    """Returns rows of customer 7, dated by their age at D; a column holds one value or one a row."""
    return pl.DataFrame({"customer_id": pl.Series([7] * len(ages), dtype=pl.Int64)}).with_columns(
        **{name: pl.Series(value) if isinstance(value, list) else pl.lit(value) for name, value in columns.items()},
        date=pl.Series([D - age * DAY for age in ages], dtype=pl.Date),
    )


def one_customer(**tables: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Returns raw tables of customer 7, who signed up 200 days before D and did nothing but what is given."""
    signup = rows([200], plan="basic", channel="organic", region="north", payment_method="card", age_band="60+")
    return {
        "customers": signup.with_columns(signup_date="date"),
        "payments": rows([], plan="basic", amount_cents=999, status="paid", attempt=1),
        "usage": rows([], sessions=1, minutes=10),
        "support_contacts": rows([], topic="how_to"),
        "cancellations": rows([], reason="price"),
    } | tables


def test_a_customer_who_does_nothing_is_all_zeros_and_unknowns(tmp_path: Path) -> None:
    found = features(one_customer(), D, tmp_path).row(0, named=True)
    assert found.pop("customer_id") == 7
    assert found == {
        "tenure_days": 200,
        "avg_monthly_spend": 0.0,
        "plan": "basic",
        "channel": "organic",
        "region": "north",
        "payment_method": "card",
        "sessions_trend_14d": 1.0,
        "sessions_trend_30d": 1.0,
    } | dict.fromkeys(
        (
            "support_contacts_30d",
            "support_contacts_90d",
            "complaints_30d",
            "plan_steps_90d",
            "payment_attempts_30d",
            "failed_payments_30d",
            "failed_payments_90d",
            "is_unpaid",
            "sessions_7d",
            "sessions_30d",
            "sessions_90d",
            "active_days_30d",
            "active_days_90d",
        ),
        0,
    ) | dict.fromkeys(
        (
            "days_since_complaint",
            "last_amount",
            "spend_90d",
            "days_since_failed_payment",
            "days_since_session",
            "weekend_share_28d",
            "minutes_per_session_30d",
            "last_active_day_minutes",
        )
    )


def test_a_window_of_n_days_ends_yesterday_and_begins_n_days_ago(tmp_path: Path) -> None:
    edges = [0, 1, 7, 8, 14, 15, 28, 29, 30, 31, 60, 61, 90, 91]
    use = rows(edges, sessions=[2**n for n in range(len(edges))], minutes=10)
    found = snapshot(one_customer(usage=use), D, tmp_path).row(0, named=True)

    def within(first: int, last: int) -> int:
        return sum(2**n for n, age in enumerate(edges) if first <= age <= last)

    assert found["sessions_7d"] == within(1, 7)
    assert found["sessions_14d"] == within(1, 14)
    assert found["sessions_28d"] == within(1, 28)
    assert found["sessions_30d"] == within(1, 30)
    assert found["sessions_31_60d"] == within(31, 60)
    assert found["sessions_90d"] == within(1, 90)
    assert (found["active_days_30d"], found["active_days_90d"]) == (8, 12)


def test_money_is_what_was_paid_a_month_that_was_paid(tmp_path: Path) -> None:
    paid = rows(
        [160, 130, 100, 70, 40, 37, 10],
        plan=["premium", "premium", "premium", "standard", "standard", "standard", "basic"],
        amount_cents=[2499, 2499, 2499, 1499, 1499, 1499, 999],
        status=["paid", "paid", "paid", "paid", "failed", "paid", "failed"],
        attempt=[1, 1, 1, 1, 1, 2, 1],
    )
    found = features(one_customer(payments=paid), D, tmp_path).row(0, named=True)
    assert found["avg_monthly_spend"] == pytest.approx((3 * 24.99 + 2 * 14.99) / 5)
    assert found["spend_90d"] == pytest.approx(2 * 14.99)
    assert (found["last_amount"], found["plan"], found["plan_steps_90d"]) == (9.99, "basic", -1)
    assert (found["payment_attempts_30d"], found["failed_payments_30d"], found["failed_payments_90d"]) == (1, 1, 2)
    assert (found["days_since_failed_payment"], found["is_unpaid"]) == (10, 1)


def test_contacts_are_counted_up_to_ten_and_complaints_are_told_apart(tmp_path: Path) -> None:
    contacts = rows([*range(1, 13), 80], topic=["how_to"] * 10 + ["billing", "technical", "technical"])
    found = features(one_customer(support_contacts=contacts), D, tmp_path).row(0, named=True)
    assert (found["support_contacts_30d"], found["support_contacts_90d"]) == (10, 13)
    assert (found["complaints_30d"], found["days_since_complaint"]) == (2, 11)


def test_minutes_are_a_share_of_the_sessions_whose_minutes_are_known(tmp_path: Path) -> None:
    use = rows([2, 5, 9], sessions=[4, 1, 3], minutes=pl.Series([None, 20, 40], dtype=pl.Int32).to_list())
    found = features(one_customer(usage=use), D, tmp_path).row(0, named=True)
    assert found["minutes_per_session_30d"] == pytest.approx(15)
    assert (found["days_since_session"], found["last_active_day_minutes"]) == (2, None)


@pytest.mark.parametrize(
    ("age", "label"),
    [(1, None), (0, 1), (-29, 1), (-30, 0)],
    ids=["gone yesterday", "leaves today", "leaves on the last day", "leaves a day later"],
)
def test_a_label_looks_at_the_horizon_from_today_on(age: int, label: int | None, tmp_path: Path) -> None:
    tables = one_customer(cancellations=rows([age], reason="price"))
    found = source(tables, tmp_path).labels(D, key="customer_id", horizon_days=30)
    assert found.schema == {"customer_id": pl.Int64, "label": pl.Int32}
    assert found["label"].to_list() == ([] if label is None else [label])


@pytest.mark.parametrize(("age", "known"), [(1, 1), (0, 0)])
def test_who_signs_up_today_is_known_tomorrow(age: int, known: int, tmp_path: Path) -> None:
    tables = one_customer()
    tables["customers"] = tables["customers"].with_columns(date=D - age * DAY, signup_date=D - age * DAY)
    assert sum(part.height for part in source(tables, tmp_path).snapshot(D, key="customer_id", rows=10)) == known
    assert source(tables, tmp_path).labels(D, key="customer_id", horizon_days=30).height == known


def test_the_snapshot_is_what_a_loop_over_the_rows_counts(tmp_path: Path) -> None:
    tables = raw("steady")
    found = {row["customer_id"]: row for row in snapshot(tables, D, tmp_path).iter_rows(named=True)}
    assert found.keys() == set(simulated("steady")[(D - FIRST).days].truth["customer_id"])
    use, paid, contacts = (_by_customer(tables[name]) for name in ("usage", "payments", "support_contacts"))
    for key in list(found)[::3]:
        expected = _use(use.get(key, [])) | _paid(paid.get(key, [])) | _contacts(contacts.get(key, []))
        assert expected.items() <= found[key].items(), key


def _by_customer(frame: pl.DataFrame) -> dict[int, list[dict[str, Any]]]:
    aged = frame.with_columns(age=(pl.lit(D) - pl.col("date")).dt.total_days()).filter(pl.col("age") > 0)
    return {key[0]: part.to_dicts() for key, part in aged.sort("age").partition_by("customer_id", as_dict=True).items()}


def _use(days: list[dict[str, Any]]) -> dict[str, Any]:
    month = [day for day in days if day["age"] <= 30]
    recent = [day for day in days if day["age"] <= 90]
    weekends = [day for day in days if day["age"] <= 28 and day["date"].weekday() >= 5]
    return {
        "last_session_age_days": recent[0]["age"] if recent else None,
        "last_active_day_minutes": recent[0]["minutes"] if recent else None,
        "active_days_30d": len(month),
        "active_days_90d": len(recent),
        "sessions_30d": sum(day["sessions"] for day in month),
        "sessions_31_60d": sum(day["sessions"] for day in days if 30 < day["age"] <= 60),
        "sessions_90d": sum(day["sessions"] for day in recent),
        "weekend_sessions_28d": sum(day["sessions"] for day in weekends),
        "minutes_30d": sum(day["minutes"] for day in month) if month else None,
    }


def _paid(payments: list[dict[str, Any]]) -> dict[str, Any]:
    recent = [payment for payment in payments if payment["age"] <= 90]
    failures = [payment["age"] for payment in recent if payment["status"] == "failed"]
    cents = [payment["amount_cents"] for payment in payments if payment["status"] == "paid"]
    return {
        "plan": recent[0]["plan"],
        "earliest_plan_90d": recent[-1]["plan"],
        "total_spend_cents": sum(cents) if cents else None,
        "months_active": len(cents),
        "last_amount_cents": recent[0]["amount_cents"],
        "is_last_failed": recent[0]["status"] == "failed",
        "payment_attempts_30d": sum(payment["age"] <= 30 for payment in recent),
        "failed_payments_30d": sum(age <= 30 for age in failures),
        "failed_payments_90d": len(failures),
        "last_failure_age_days": min(failures, default=None),
    }


def _contacts(contacts: list[dict[str, Any]]) -> dict[str, Any]:
    complaints = [contact["age"] for contact in contacts if contact["topic"] != "how_to" and contact["age"] <= 90]
    return {
        "support_contacts_30d": sum(contact["age"] <= 30 for contact in contacts),
        "support_contacts_90d": sum(contact["age"] <= 90 for contact in contacts),
        "complaints_30d": sum(age <= 30 for age in complaints),
        "last_complaint_age_days": min(complaints, default=None),
    }


@pytest.mark.parametrize("scenario", get_args(Scenario))
def test_features_keep_their_contract_in_every_scenario(scenario: Scenario, tmp_path: Path) -> None:
    for day in (FIRST + 90 * DAY, CHANGE, NIGHT):
        assert features(raw(scenario), day, tmp_path).height == simulated(scenario)[0].truth.height


def test_the_future_may_be_deleted_or_go_mad_and_no_feature_moves(tmp_path: Path) -> None:
    tables = raw("steady")
    past = {name: frame.filter(pl.col("date") < D) for name, frame in tables.items()}
    mad = {
        name: pl.concat([past[name], frame.filter(pl.col("date") >= D).with_columns(customer_id=pl.lit(5, pl.Int64))])
        for name, frame in tables.items()
    }
    told = features(tables, D, tmp_path / "all")
    assert_frame_equal(features(past, D, tmp_path / "past"), told)
    assert_frame_equal(features(mad, D, tmp_path / "mad"), told)
    assert source(past, tmp_path / "past").audit(D) == source(mad, tmp_path / "mad").audit(D)


def test_labels_are_who_left_of_those_in_the_snapshot(tmp_path: Path) -> None:
    tables = raw("steady")
    labels = source(tables, tmp_path).labels(D, key="customer_id", horizon_days=30)
    left = tables["cancellations"].filter(pl.col("date").is_between(D, D + 29 * DAY))["customer_id"]
    assert labels["customer_id"].to_list() == simulated("steady")[(D - FIRST).days].truth["customer_id"].to_list()
    assert set(labels.filter(pl.col("label") == 1)["customer_id"]) == set(left) & set(labels["customer_id"])
    assert labels["label"].sum() > 50


def test_daily_folders_are_read_as_one_table_with_their_dates(tmp_path: Path) -> None:
    days, day = simulated("steady")[:35], FIRST + 35 * DAY
    for one in days:
        folder = tmp_path / "raw" / f"date={one.day}"
        folder.mkdir(parents=True)
        for name, frame in one.tables.items():
            frame.write_parquet(folder / f"{name}.parquet")
    paths = {name: str(tmp_path / "raw" / "date=*" / f"{name}.parquet") for name in TABLES}
    daily = sql_over(paths, spill=tmp_path)
    flat = source({name: stacked(days, name) for name in TABLES}, tmp_path / "flat")
    assert_frame_equal(
        pl.concat(daily.snapshot(day, key="customer_id", rows=500)),
        pl.concat(flat.snapshot(day, key="customer_id", rows=500)),
    )
    assert daily.audit(day) == flat.audit(day)


def test_a_snapshot_holds_whole_numbers_text_and_flags_and_nothing_protected(tmp_path: Path) -> None:
    schema = snapshot(one_customer(), D, tmp_path).schema
    assert set(schema.values()) <= {pl.Int64, pl.String, pl.Boolean}
    assert not set(DATASET.protected) & schema.keys()
    assert not set(DATASET.protected) & {feature.name for feature in DATASET.features}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        (name, column)
        for name, frame in one_customer().items()
        for column in frame.columns
        if column not in ("customer_id", "date")
    ],
)
def test_a_column_gone_null_crashes_no_sql(name: str, column: str, tmp_path: Path) -> None:
    tables = one_customer(
        payments=rows([40, 10], plan="basic", amount_cents=999, status="paid", attempt=1),
        usage=rows([40, 10], sessions=1, minutes=10),
        support_contacts=rows([40, 10], topic="billing"),
        cancellations=rows([-10], reason="price"),
    )
    tables[name] = tables[name].with_columns(pl.lit(None).alias(column))
    found = source(tables, tmp_path)
    assert sum(part.height for part in found.snapshot(D, key="customer_id", rows=10)) == 1
    assert found.labels(D, key="customer_id", horizon_days=30)["label"].to_list() == [1]
    assert found.audit(D)["customers"] == 1


def test_the_audit_adds_up(tmp_path: Path) -> None:
    tables = raw("steady")
    found = source(tables, tmp_path).audit(D)
    assert found["customers"] == found["customers_signed_up"] - found["cancellations"]
    recent = {name: frame.filter(pl.col("date").is_between(D - 90 * DAY, D - DAY)) for name, frame in tables.items()}
    assert found["usage_rows_90d"] == recent["usage"].height
    assert found["usage_rows_last_day"] == recent["usage"].filter(pl.col("date") == D - DAY).height
    assert found["usage_rows_a_week_before_last_day"] == recent["usage"].filter(pl.col("date") == D - 8 * DAY).height
    assert found["payment_rows_90d"] == recent["payments"].height
    assert found["failed_payments_90d"] == recent["payments"].filter(pl.col("status") == "failed").height
    assert found["support_contacts_90d"] == recent["support_contacts"].height


def test_the_audit_finds_who_never_signed_up_and_who_did_so_twice(tmp_path: Path) -> None:
    tables = one_customer(usage=rows([3], sessions=1, minutes=10).with_columns(customer_id=pl.lit(8, pl.Int64)))
    tables["customers"] = pl.concat([tables["customers"]] * 2)
    found = source(tables, tmp_path).audit(D)
    assert (found["unknown_customers_90d"], found["customers_signed_up_twice"]) == (1, 1)
