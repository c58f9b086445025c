"""A training report as a run would make it: a year and a half of months, a seeded score, five folds."""

from __future__ import annotations

from datetime import date

import numpy as np
from scipy.special import expit

from churn.promotion import curves
from churn.reports.parts import Fold, Part
from churn.reports.training import CalibrationTrial, TrainingReport

FEATURES = (
    "tenure_days",
    "days_since_last_login",
    "payments_failed_90d",
    "support_contacts_30d",
    "price_increase_percent_since_the_last_renewal",
    "plan",
    "sessions_7d_over_28d",
    "country",
    "discount_share_180d",
    "seats_used_share",
)


def months(first: str, count: int) -> tuple[date, ...]:
    """Returns the first days of `count` months from that of `first` on."""
    start = date.fromisoformat(first)
    return tuple(
        date(start.year + (start.month - 1 + k) // 12, (start.month - 1 + k) % 12 + 1, 1) for k in range(count)
    )


def classified(n: int = 4000) -> TrainingReport:
    """Returns the report of a binary model."""
    rng = np.random.default_rng(7)
    scores = expit(rng.normal(-2.3, 1.1, n))
    labels = (rng.random(n) < scores).astype(int)
    folds = tuple(
        Fold(
            name=f"fold {number}",
            train=Part(dates=months("2024-01-01", 5 + number), n_rows=1900 * (5 + number)),
            test=Part(dates=months("2024-01-01", 7 + number)[-1:], n_rows=2000),
            figure=0.742 + 0.008 * number,
            interval=(0.71 + 0.009 * number, 0.77 + 0.008 * number),
            n=2000,
        )
        for number in range(1, 6)
    )
    return TrainingReport(
        title="Training of subscription_churn, version 3, known at 2025-08-01",
        figures={
            "AUC on test dates": f"0.7731 (95 % 0.7512 to 0.7936), n = {n:,}",
            "average precision": f"0.3312 (base rate {labels.mean():.4f}), n = {n:,}",
            "Brier score": f"0.0891, n = {n:,}",
            "trees": "143, chosen on the validation dates",
            "trained on": "24,000 rows of 12 dates",
            "next": "python -m churn stage=promote date=2025-08-01",
        },
        horizon_days=30,
        parts={
            "train": Part(dates=months("2024-01-01", 12), n_rows=24000),
            "calibration": Part(dates=months("2025-02-01", 2), n_rows=4100),
            "test": Part(dates=months("2025-05-01", 2), n_rows=n),
        },
        validation=Fold(
            name="validation",
            train=Part(dates=months("2024-01-01", 9)),
            test=Part(dates=months("2024-11-01", 2)),
        ),
        folds=folds,
        roc=curves.roc(labels, scores),
        precision_recall=curves.precision_recall(labels, scores),
        reliability=curves.reliability(labels, scores),
        importance={name: 1000.0 / (1 + place) ** 1.3 for place, name in enumerate(FEATURES)},
        calibration_trials=(
            CalibrationTrial(kind="none", brier=0.08951, gain=None, interval=None, decision="compared with", n=4100),
            CalibrationTrial(
                kind="platt", brier=0.08911, gain=0.0004, interval=(0.00011, 0.00072), decision="chosen", n=4100
            ),
            CalibrationTrial(
                kind="isotonic",
                brier=0.08943,
                gain=0.00008,
                interval=(-0.00031, 0.00044),
                decision="refused: the interval holds 0",
                n=4100,
            ),
        ),
        settings={"model.num_leaves": "31", "model.learning_rate": "0.05", "split.kind": "by_time"},
    )


def regressed(n: int = 4000) -> TrainingReport:
    """Returns the report of a regression on rows without dates, split by hash of the key."""
    rng = np.random.default_rng(8)
    predicted = rng.gamma(2.0, 60.0, n)
    observed = predicted + rng.normal(0, 80, n)
    return TrainingReport(
        title="Training of customer_value, version 1",
        figures={"RMSE": f"80.21 EUR, n = {n:,}"},
        horizon_days=0,
        parts={
            "train": Part(dates=(), buckets=tuple(range(40, 100)), n_rows=2400),
            "calibration": Part(dates=(), buckets=tuple(range(20, 40)), n_rows=800),
            "test": Part(dates=(), buckets=tuple(range(20)), n_rows=800),
        },
        fold_metric="RMSE (EUR)",
        predicted_against_observed=curves.predicted_against_observed(observed, predicted),
        importance={"orders_365d": 12.0, "basket_mean": 0.0},
    )
