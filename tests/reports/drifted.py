"""A drift report as a run would fill it: thirty nights of a small business whose prices were cut on the third."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from churn.reports.drift import ColumnNights, DriftPage, Outcomes, Realised, Spread

NIGHTS = tuple(date(2025, 12, 15) + timedelta(days=number) for number in range(30))
NAMES = (
    "avg_monthly_spend",
    "sessions_30d",
    "minutes_30d",
    "payments_failed_90d",
    "support_contacts_30d",
    "tenure_days",
    "plan",
    "country",
    "seats_used_share",
    "discount_share_180d",
    "days_since_last_login",
    "sessions_7d_over_28d",
    "price_increase_percent_since_the_last_renewal",
    "invoices_90d",
    "refunds_365d",
    "age_band_of_the_account",
    "minutes_per_session_30d",
    "contract_months_left",
    "auto_renews",
    "channel",
    "newsletter_opened_30d",
    "devices_30d",
    "nights_active_28d",
    "referrals_365d",
    "upgrades_365d",
)
ABSENT = 11  # the night that was never scored
MOVED_FROM = 19  # 2026-01-03


def columns() -> tuple[ColumnNights, ...]:
    """Returns 25 columns and the score: two move on 2026-01-03, one cannot be told, one moves by construction."""
    rng = np.random.default_rng(11)
    weights = 1.0 / (1 + np.arange(len(NAMES))) ** 1.1
    found = []
    for place, (name, weight) in enumerate(zip(NAMES, weights / weights.sum(), strict=True)):
        noise = rng.gamma(2.0, 0.012, len(NIGHTS))
        psi = noise + np.where(np.arange(len(NIGHTS)) >= MOVED_FROM, (0.34, 0.19, 0.08)[place] if place < 3 else 0, 0)
        if name == "tenure_days":
            psi = np.linspace(0.01, 0.5, len(NIGHTS))
        told = [None if night == ABSENT or name == "upgrades_365d" else float(one) for night, one in enumerate(psi)]
        watched = name != "tenure_days"
        found.append(ColumnNights(name=name, limit=0.2, psi=tuple(told), weight=float(weight), watched=watched))
    score = rng.gamma(2.0, 0.01, len(NIGHTS)) + np.where(np.arange(len(NIGHTS)) >= MOVED_FROM, 0.12, 0)
    told = [None if night == ABSENT else float(one) for night, one in enumerate(score)]
    return (*found, ColumnNights(name="churn_score", limit=0.2, psi=tuple(told)))


def spread(name: str, words: str, *, labels: tuple[str, ...], then: tuple[int, ...], now: tuple[int, ...]) -> Spread:
    """Returns a spread of so many rows by bin."""
    return Spread(
        name=name,
        labels=labels,
        shares_then=tuple(count / sum(then) for count in then),
        shares_now=tuple(count / sum(now) for count in now),
        n_then=sum(then),
        n_now=sum(now),
        words=words,
    )


SPEND = spread(
    "avg_monthly_spend",
    "avg_monthly_spend: median 41 → 29; 0 → 7 % null since 2026-01-03",
    labels=("null", "0", "below 4", "4 to 12", "12 to 19", "19 to 29", "29 to 41", "41 to 55", "55 to 90", "above 90"),
    then=(0, 310, 0, 1650, 1610, 1622, 1580, 1640, 1588, 0),
    now=(693, 420, 12, 2480, 2104, 1530, 1010, 860, 791, 0),
)
PLAN = spread(
    "plan",
    "plan: basic 52 % → 61 %",
    labels=("basic", "standard", "premium", "never seen"),
    then=(5200, 3300, 1500, 0),
    now=(6039, 2574, 1188, 99),
)
SCORES = spread(
    "churn_score",
    "churn_score: median 0.061 → 0.083",
    labels=("under 0.02", "0.02 to 0.05", "0.05 to 0.1", "0.1 to 0.2", "0.2 to 0.5", "0.5 and up"),
    then=(1900, 2600, 2500, 1900, 900, 200),
    now=(1300, 2100, 2700, 2300, 1200, 300),
)
SEGMENTS = spread(
    "Segments",
    "high 10.0 % → 13.4 %",
    labels=("high", "medium", "low"),
    then=(1000, 2000, 7000),
    now=(1327, 2376, 6197),
)


def outcomes() -> Outcomes:
    """Returns an AUC by night: the first twelve nights are ripe, and version 4 follows on the seventh."""
    rng = np.random.default_rng(3)
    points = []
    for place, night in enumerate(NIGHTS):
        figure = float(0.782 + rng.normal(0, 0.006)) if place < 12 else None
        points.append(
            Realised(
                night=night,
                version=3 if place < 6 else 4,
                figure=figure,
                interval=None if figure is None else (figure - 0.021, figure + 0.02),
                n=None if figure is None else 9900 + place,
                estimated=None if place == ABSENT else float(0.786 + rng.normal(0, 0.002) - 0.0003 * place),
            )
        )
    reading = "Over 11 nights with both the estimate was 0.004 too high on average (mean absolute error 0.007 AUC)"
    return Outcomes(metric="AUC", unit="0.5 to 1", points=tuple(points), reading=reading)


def report() -> DriftPage:
    """Returns the whole report."""
    return DriftPage(
        title="Drift of subscription, 2026-01-13",
        verdict="drift: 2 of 24 watched columns, with 44 % of the model",
        action="retrain: columns with 44 % of the model (limit 30 %) have drifted for 7 nights or more",
        grounds=(
            "columns with 44 % of the model (limit 30 %) have drifted for 7 nights or more: avg_monthly_spend, "
            "sessions_30d",
            "inputs or scores alarmed on enough of the last nights",
            "the label-free estimate holds (it assumes no concept drift)",
            "on ripe labels the model holds",
        ),
        figures={
            "night": "2026-01-13, the last of 30",
            "rows": "n = 9,900 customers (reference: 10,000)",
            "model": "version 4 of churn-predictor",
            "next": "python -m churn stage=train dataset=subscription date=2026-01-13",
        },
        faults=(),
        nights=NIGHTS,
        rows=tuple(None if place == ABSENT else 9900 + 3 * place for place in range(len(NIGHTS))),
        columns=columns(),
        worst=(SPEND, PLAN),
        scores=SCORES,
        segments=SEGMENTS,
        outcomes=(outcomes(),),
    )
