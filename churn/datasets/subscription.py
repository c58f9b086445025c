"""Who cancels the subscription within 30 days?

A customer of the simulated business at `date`. Windows count back from the day before `date`; what stands since the
first raw day (tenure, total spend) is not watched, because it moves as the history grows.
"""

from __future__ import annotations

import polars as pl

from churn.datasets.dataset import Dataset
from churn.features.feature import Feature
from churn.features.raw import Column, RawTable, Rule

_PLANS = ("basic", "standard", "premium")

_CUSTOMER = Column(name="customer_id", dtype="integer", minimum=1)
_TABLES = (
    RawTable(
        name="customers",
        day="date",
        key=("customer_id",),
        columns=(
            _CUSTOMER,
            Column(name="date", dtype="date"),
            Column(name="signup_date", dtype="date"),
            Column(name="plan", dtype="text", levels=_PLANS),
            Column(name="channel", dtype="text", levels=("organic", "paid_search", "partner", "referral")),
            Column(name="region", dtype="text", levels=("east", "north", "south", "west")),
            Column(name="payment_method", dtype="text", levels=("card", "direct_debit", "wallet")),
            Column(name="age_band", dtype="text", levels=("18-29", "30-44", "45-59", "60+")),
        ),
        rules=(Rule(name="signed up by the day of the row", holds=pl.col("signup_date") <= pl.col("date")),),
    ),
    RawTable(
        name="payments",
        day="date",
        key=("customer_id",),
        daily=True,
        columns=(
            _CUSTOMER,
            Column(name="plan", dtype="text", levels=_PLANS),
            Column(name="amount_cents", dtype="integer", minimum=0, maximum=20_000),
            Column(name="status", dtype="text", levels=("failed", "paid")),
            Column(name="attempt", dtype="integer", minimum=1, maximum=10),
        ),
        rules=(
            Rule(name="a paid amount is above 0", holds=(pl.col("status") != "paid") | (pl.col("amount_cents") > 0)),
        ),
    ),
    RawTable(
        name="usage",
        day="date",
        key=("customer_id",),
        daily=True,
        columns=(
            _CUSTOMER,
            Column(name="sessions", dtype="integer", minimum=1, maximum=200),
            Column(name="minutes", dtype="integer", minimum=0, maximum=1440),
        ),
    ),
    RawTable(
        name="support_contacts",
        day="date",
        columns=(_CUSTOMER, Column(name="topic", dtype="text", levels=("billing", "how_to", "technical"))),
    ),
    RawTable(
        name="cancellations",
        day="date",
        key=("customer_id",),
        columns=(
            _CUSTOMER,
            Column(name="reason", dtype="text", levels=("not_used", "other", "price", "service")),
        ),
    ),
)


def _euros(cents: str) -> pl.Expr:
    return pl.col(cents) / 100


def _share(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def _rank(plan: str) -> pl.Expr:
    return pl.col(plan).replace_strict(
        {name: rank for rank, name in enumerate(_PLANS)}, default=None, return_dtype=pl.Int64
    )


DATASET = Dataset(
    name="subscription",
    key="customer_id",
    horizon_days=30,
    history_days=90,
    score="churn_score",
    segments=(("high", 0.9), ("medium", 0.7), ("low", 0.0)),
    protected=("age_band",),
    tables=_TABLES,
    features=(
        Feature(
            name="tenure_days",
            expr=pl.col("tenure_days"),
            dtype="integer",
            unit="days",
            meaning="since signup",
            minimum=1,
            maximum=7300,
            watched=False,
        ),
        Feature(
            name="avg_monthly_spend",
            expr=_euros("total_spend_cents").fill_null(0) / pl.max_horizontal("months_active", 1),
            dtype="number",
            unit="EUR a month",
            meaning="paid since the first raw day, a month with a payment",
            minimum=0,
            maximum=60,
            watched=False,
        ),
        Feature(
            name="support_contacts_30d",
            expr=pl.col("support_contacts_30d").clip(upper_bound=10),
            dtype="integer",
            unit="contacts",
            meaning="with support in 30 days, 10 standing for more",
            minimum=0,
            maximum=10,
        ),
        Feature(
            name="support_contacts_90d",
            expr=pl.col("support_contacts_90d").clip(upper_bound=20),
            dtype="integer",
            unit="contacts",
            meaning="with support in 90 days, 20 standing for more",
            minimum=0,
            maximum=20,
        ),
        Feature(
            name="complaints_30d",
            expr=pl.col("complaints_30d").clip(upper_bound=10),
            dtype="integer",
            unit="contacts",
            meaning="technical or about a bill in 30 days, 10 standing for more",
            minimum=0,
            maximum=10,
        ),
        Feature(
            name="days_since_complaint",
            expr=pl.col("last_complaint_age_days"),
            dtype="integer",
            unit="days",
            meaning="since the last contact that was technical or about a bill; null where there was none in 90 days",
            minimum=1,
            maximum=90,
            nullable=True,
        ),
        Feature(
            name="plan",
            expr=pl.col("plan"),
            dtype="category",
            unit="",
            meaning="at the last payment",
            levels=_PLANS,
        ),
        Feature(
            name="plan_steps_90d",
            expr=_rank("plan") - _rank("earliest_plan_90d"),
            dtype="integer",
            unit="plans",
            meaning="moved up (or down, below 0) in 90 days",
            minimum=-2,
            maximum=2,
        ),
        Feature(
            name="channel",
            expr=pl.col("channel"),
            dtype="category",
            unit="",
            meaning="through which the customer came",
            levels=("organic", "paid_search", "referral", "partner"),
        ),
        Feature(
            name="region",
            expr=pl.col("region"),
            dtype="category",
            unit="",
            meaning="of the customer at signup",
            levels=("north", "south", "east", "west"),
        ),
        Feature(
            name="payment_method",
            expr=pl.col("payment_method"),
            dtype="category",
            unit="",
            meaning="chosen at signup",
            levels=("card", "direct_debit", "wallet"),
        ),
        Feature(
            name="last_amount",
            expr=_euros("last_amount_cents"),
            dtype="number",
            unit="EUR",
            meaning="of the last payment, failed or not; null where there was none in 90 days",
            minimum=5,
            maximum=60,
            nullable=True,
        ),
        Feature(
            name="spend_90d",
            expr=_euros("spend_cents_90d"),
            dtype="number",
            unit="EUR",
            meaning="paid in 90 days; null where nothing was",
            minimum=5,
            maximum=250,
            nullable=True,
        ),
        Feature(
            name="payment_attempts_30d",
            expr=pl.col("payment_attempts_30d"),
            dtype="integer",
            unit="attempts",
            meaning="to be paid in 30 days; one renewal and one second attempt at most",
            minimum=0,
            maximum=2,
        ),
        Feature(
            name="failed_payments_30d",
            expr=pl.col("failed_payments_30d"),
            dtype="integer",
            unit="attempts",
            meaning="that failed in 30 days",
            minimum=0,
            maximum=2,
        ),
        Feature(
            name="failed_payments_90d",
            expr=pl.col("failed_payments_90d"),
            dtype="integer",
            unit="attempts",
            meaning="that failed in 90 days",
            minimum=0,
            maximum=6,
        ),
        Feature(
            name="days_since_failed_payment",
            expr=pl.col("last_failure_age_days"),
            dtype="integer",
            unit="days",
            meaning="since a payment last failed; null where none did in 90 days",
            minimum=1,
            maximum=90,
            nullable=True,
        ),
        Feature(
            name="is_unpaid",
            expr=pl.col("is_last_failed").cast(pl.Int64),
            dtype="integer",
            unit="0 or 1",
            meaning="1 where the last attempt to be paid failed",
            minimum=0,
            maximum=1,
        ),
        Feature(
            name="sessions_7d",
            expr=pl.col("sessions_7d"),
            dtype="integer",
            unit="sessions",
            meaning="in 7 days",
            minimum=0,
            maximum=1000,
        ),
        Feature(
            name="sessions_30d",
            expr=pl.col("sessions_30d"),
            dtype="integer",
            unit="sessions",
            meaning="in 30 days",
            minimum=0,
            maximum=3000,
        ),
        Feature(
            name="sessions_90d",
            expr=pl.col("sessions_90d"),
            dtype="integer",
            unit="sessions",
            meaning="in 90 days",
            minimum=0,
            maximum=6000,
        ),
        Feature(
            name="active_days_30d",
            expr=pl.col("active_days_30d"),
            dtype="integer",
            unit="days",
            meaning="with a session in 30 days",
            minimum=0,
            maximum=30,
        ),
        Feature(
            name="active_days_90d",
            expr=pl.col("active_days_90d"),
            dtype="integer",
            unit="days",
            meaning="with a session in 90 days",
            minimum=0,
            maximum=90,
        ),
        Feature(
            name="days_since_session",
            expr=pl.col("last_session_age_days"),
            dtype="integer",
            unit="days",
            meaning="since the last session; null where there was none in 90 days",
            minimum=1,
            maximum=90,
            nullable=True,
        ),
        Feature(
            name="sessions_trend_14d",
            expr=(pl.col("sessions_14d") / 14 + 0.1) / (pl.col("sessions_30d") / 30 + 0.1),
            dtype="number",
            unit="ratio",
            meaning="sessions a day (and 0.1) in 14 days, over the same in 30 days",
            minimum=0,
            maximum=30 / 14 + 0.1,
        ),
        Feature(
            name="sessions_trend_30d",
            expr=(pl.col("sessions_30d") + 1) / (pl.col("sessions_31_60d") + 1),
            dtype="number",
            unit="ratio",
            meaning="sessions (and 1) in 30 days, over the same in the 30 days before",
            minimum=0,
            maximum=1000,
        ),
        Feature(
            name="weekend_share_28d",
            expr=_share("weekend_sessions_28d", "sessions_28d"),
            dtype="number",
            unit="share",
            meaning="of the sessions in 28 days (always four weekends) on a weekend; null without a session",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        Feature(
            name="minutes_per_session_30d",
            expr=_share("minutes_30d", "timed_sessions_30d"),
            dtype="number",
            unit="minutes",
            meaning="a session in 30 days, where minutes are known; null without one",
            minimum=0,
            maximum=720,
            nullable=True,
        ),
        Feature(
            name="last_active_day_minutes",
            expr=pl.col("last_active_day_minutes"),
            dtype="integer",
            unit="minutes",
            meaning="on the last day with a session; null where there was none in 90 days, or minutes are not known",
            minimum=0,
            maximum=1440,
            nullable=True,
        ),
    ),
)
