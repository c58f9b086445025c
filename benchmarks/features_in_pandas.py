"""What do the same features cost in pandas? `python -m benchmarks.features_in_pandas RAW DAY OUT`.

Written by the meaning of each feature, not by the SQL: whole columns and group-bys, few columns read, categories for
texts, newest days first so that the first row of a customer is the last one in time. No contract is checked, nothing
is spilled, and only what 90 days need is read where 90 days are asked. What does not fit into the memory that the
machine has left ends it with a MemoryError.
"""

from __future__ import annotations

import os
import resource
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

PLANS = ["basic", "standard", "premium"]
KEY = "customer_id"


def _read(raw: Path, table: str, day: date, *, columns: list[str], days: int = 100_000) -> pd.DataFrame:
    """Returns the rows of `days` days before `day`, newest first, with `age` in days and `is_weekend`."""
    frames = []
    for folder in sorted(raw.glob("date=*"), reverse=True):
        then = date.fromisoformat(folder.name.removeprefix("date="))
        if timedelta(0) < day - then <= timedelta(days=days):
            frame = pq.read_table(folder / f"{table}.parquet", columns=columns, partitioning=None).to_pandas()
            for name in frame.select_dtypes(["object", "str"]).columns:
                frame[name] = frame[name].astype("category")
            frames.append(frame.assign(age=np.int16((day - then).days), is_weekend=then.weekday() >= 5))
    return _together(frames)


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    for name in frames[0].select_dtypes("category").columns:
        levels = pd.CategoricalDtype(sorted({level for frame in frames for level in frame[name].cat.categories}))
        for frame in frames:
            frame[name] = frame[name].astype(levels)
    return pd.concat(frames, ignore_index=True)


def _population(raw: Path, day: date) -> pd.DataFrame:
    columns = [KEY, "signup_date", "plan", "channel", "region", "payment_method"]
    customers = _read(raw, "customers", day, columns=columns)
    left = _read(raw, "cancellations", day, columns=[KEY])
    there = customers[~customers[KEY].isin(left[KEY])].sort_values(KEY).set_index(KEY)
    there["tenure_days"] = (pd.Timestamp(day) - pd.to_datetime(there["signup_date"])).dt.days
    return there


def _usage(raw: Path, day: date) -> pd.DataFrame:
    usage = _read(raw, "usage", day, columns=[KEY, "sessions", "minutes"], days=90)
    newest = usage.drop_duplicates(KEY).set_index(KEY)
    age, sessions = usage["age"], usage["sessions"].astype(np.int32)
    parts = pd.DataFrame(
        {
            KEY: usage[KEY],
            "sessions_7d": sessions.where(age <= 7, 0),
            "sessions_14d": sessions.where(age <= 14, 0),
            "sessions_28d": sessions.where(age <= 28, 0),
            "weekend_28d": sessions.where((age <= 28) & usage["is_weekend"], 0),
            "sessions_30d": sessions.where(age <= 30, 0),
            "sessions_31_60d": sessions.where((age > 30) & (age <= 60), 0),
            "sessions_90d": sessions,
            "minutes_30d": usage["minutes"].astype(np.int32).where(age <= 30, 0),
            "active_days_30d": (age <= 30).astype(np.int32),
            "active_days_90d": np.int32(1),
        },
        copy=False,
    )
    del usage, sessions, age
    totals = parts.groupby(KEY).sum()
    return totals.assign(days_since_session=newest["age"], last_active_day_minutes=newest["minutes"])


def _payments(raw: Path, day: date) -> pd.DataFrame:
    payments = _read(raw, "payments", day, columns=[KEY, "plan", "amount_cents", "status"])
    failed = payments["status"] == "failed"
    ever = payments[~failed].groupby(KEY)["amount_cents"].agg(total_cents="sum", months="count")
    is_recent = payments["age"] <= 90
    recent, failed = payments[is_recent], failed[is_recent]
    parts = pd.DataFrame(
        {
            KEY: recent[KEY],
            "payment_attempts_30d": (recent["age"] <= 30).astype(np.int32),
            "failed_payments_30d": (failed & (recent["age"] <= 30)).astype(np.int32),
            "failed_payments_90d": failed.astype(np.int32),
            "spend_cents": recent["amount_cents"].where(~failed, 0),
            "paid": (~failed).astype(np.int32),
        }
    )
    totals = parts.groupby(KEY).sum()
    last = recent.drop_duplicates(KEY).set_index(KEY)
    first = recent.drop_duplicates(KEY, keep="last").set_index(KEY)
    last_failure = recent[failed].drop_duplicates(KEY).set_index(KEY)
    return totals.assign(
        last_plan=last["plan"],
        earliest_plan=first["plan"],
        last_cents=last["amount_cents"],
        is_unpaid=(last["status"] == "failed").astype(np.int32),
        days_since_failed_payment=last_failure["age"],
    ).join(ever, how="outer")


def _contacts(raw: Path, day: date) -> pd.DataFrame:
    contacts = _read(raw, "support_contacts", day, columns=[KEY, "topic"], days=90)
    is_complaint, is_new = contacts["topic"].isin(["technical", "billing"]), contacts["age"] <= 30
    parts = contacts[[KEY]].assign(
        support_contacts_30d=is_new, support_contacts_90d=True, complaints_30d=is_complaint & is_new
    )
    totals = parts.groupby(KEY).sum()
    newest = contacts[is_complaint].drop_duplicates(KEY).set_index(KEY)
    return totals.assign(days_since_complaint=newest["age"])


def _counts(table: pd.DataFrame, names: list[str], customers: pd.Index) -> pd.DataFrame:
    return table[names].reindex(customers, fill_value=0).fillna(0).astype(np.int64)


def _rank(plans: pd.Series) -> pd.Series:
    return plans.cat.set_categories(PLANS).cat.codes.astype(np.int64)


def _usage_features(raw: Path, day: date, customers: pd.Index) -> pd.DataFrame:
    usage = _usage(raw, day).reindex(customers)
    names = [name for name in usage if name.startswith(("sessions", "active", "weekend", "minutes"))]
    counts = _counts(usage, names, customers)
    windows = ["sessions_7d", "sessions_30d", "sessions_90d", "active_days_30d", "active_days_90d"]
    return counts[windows].assign(
        days_since_session=usage["days_since_session"],
        sessions_trend_14d=(counts["sessions_14d"] / 14 + 0.1) / (counts["sessions_30d"] / 30 + 0.1),
        sessions_trend_30d=(counts["sessions_30d"] + 1) / (counts["sessions_31_60d"] + 1),
        weekend_share_28d=counts["weekend_28d"] / counts["sessions_28d"].replace(0, np.nan),
        minutes_per_session_30d=counts["minutes_30d"] / counts["sessions_30d"].replace(0, np.nan),
        last_active_day_minutes=usage["last_active_day_minutes"],
    )


def _payment_features(raw: Path, day: date, signup_plan: pd.Series) -> pd.DataFrame:
    payments = _payments(raw, day).reindex(signup_plan.index)
    names = ["payment_attempts_30d", "failed_payments_30d", "failed_payments_90d", "is_unpaid"]
    plan = payments["last_plan"].astype(signup_plan.dtype).fillna(signup_plan)
    earliest = payments["earliest_plan"].astype(signup_plan.dtype).fillna(signup_plan)
    return _counts(payments, names, signup_plan.index).assign(
        avg_monthly_spend=payments["total_cents"].fillna(0) / 100 / payments["months"].fillna(0).clip(lower=1),
        plan=plan,
        plan_steps_90d=_rank(plan) - _rank(earliest),
        last_amount=payments["last_cents"] / 100,
        spend_90d=(payments["spend_cents"] / 100).where(payments["paid"] > 0),
        days_since_failed_payment=payments["days_since_failed_payment"],
    )


def _contact_features(raw: Path, day: date, customers: pd.Index) -> pd.DataFrame:
    contacts = _contacts(raw, day).reindex(customers)
    limits = {"support_contacts_30d": 10, "support_contacts_90d": 20, "complaints_30d": 10}
    counts = _counts(contacts, list(limits), customers).clip(upper=pd.Series(limits), axis=1)
    return counts.assign(days_since_complaint=contacts["days_since_complaint"])


def build(raw: Path, day: date) -> pd.DataFrame:
    """Returns one row a customer of `day`, in the order of the key: the key and the features, by name."""
    people = _population(raw, day)
    parts = [
        people[["tenure_days", "channel", "region", "payment_method"]],
        _payment_features(raw, day, people["plan"]),
        _usage_features(raw, day, people.index),
        _contact_features(raw, day, people.index),
    ]
    return pd.concat(parts, axis=1).reset_index()


def main(raw: Path, day: date, out: Path) -> None:
    """Writes the features of `day` to one parquet file."""
    left = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    resource.setrlimit(resource.RLIMIT_AS, (left, left))
    build(raw, day).to_parquet(out, index=False, compression="zstd", row_group_size=200_000)


if __name__ == "__main__":
    main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), Path(sys.argv[3]))
