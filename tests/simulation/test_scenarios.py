"""What drift, another concept and a broken feed look like to whoever reads the features alone."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.datasets.subscription import DATASET
from churn.drift.cbpe import Levels, expected
from churn.errors import DataError
from churn.promotion.hindsight import AtTraining, Hindsight, judge_binary, measure_binary
from churn.simulation.faults import Fault, broken
from tests.promotion.campaign import CAMPAIGN
from tests.promotion.test_hindsight import LIMITS
from tests.simulation.simulated import CHANGE, FIRST, NIGHT, TABLES, Scenario, features, raw, simulated, source

DAY = timedelta(days=1)


@cache
def broken_raw(fault: Fault) -> dict[str, pl.DataFrame]:
    """Returns the steady business with a feed that is broken for five days, from CHANGE on."""
    days = simulated("steady")[: (CHANGE - FIRST).days + 5]
    whole = days[(CHANGE - FIRST).days - 1].tables
    delivered = [day.tables if day.day < CHANGE else broken(day.tables, fault=fault, last_whole=whole) for day in days]
    return {
        name: pl.concat(
            tables[name].with_columns(date=pl.lit(day.day)) for day, tables in zip(days, delivered, strict=True)
        )
        for name in TABLES
    }


def psi(then: pl.Series, now: pl.Series) -> float:
    """Returns the population stability index over the deciles, or the levels, of `then`; null is a bin of its own."""
    if then.dtype == pl.String:
        codes = [column.cast(pl.Enum(sorted(set(then)))).to_physical().cast(pl.Float64) for column in (then, now)]
        edges = np.arange(0.5, codes[0].n_unique() - 1)
    else:
        codes = [column.cast(pl.Float64) for column in (then, now)]
        edges = np.unique(np.quantile(codes[0].drop_nulls(), np.linspace(0, 1, 11)[1:-1]))
    counts = [
        np.append(np.bincount(np.searchsorted(edges, c.drop_nulls()), minlength=len(edges) + 1), c.null_count()) + 0.5
        for c in codes
    ]
    p, q = (count / count.sum() for count in counts)
    return float(((q - p) * np.log(q / p)).sum())


def moved(then: pl.DataFrame, now: pl.DataFrame) -> set[str]:
    return {f.name for f in DATASET.features if f.watched and psi(then[f.name], now[f.name]) > 0.2}


def test_a_steady_business_moves_no_watched_feature(tmp_path: Path) -> None:
    then = features(raw("steady"), FIRST + 91 * DAY, tmp_path)
    for day in (CHANGE, CHANGE + 3 * DAY, NIGHT):
        assert moved(then, features(raw("steady"), day, tmp_path)) == set()


def test_drift_moves_several_watched_features_within_a_month(tmp_path: Path) -> None:
    then = features(raw("drift"), CHANGE, tmp_path)
    assert {"last_amount", "sessions_30d", "active_days_30d"} <= moved(then, features(raw("drift"), NIGHT, tmp_path))


def test_another_concept_moves_no_watched_feature_but_turns_the_truth(tmp_path: Path) -> None:
    then = features(raw("concept"), CHANGE, tmp_path)
    assert moved(then, features(raw("concept"), NIGHT, tmp_path)) == set()
    assert _agreement((CHANGE - FIRST).days) == 1
    assert _agreement((NIGHT - FIRST).days) < 0.3


def _agreement(ahead: int) -> float:
    """Returns the rank correlation of the truths of both businesses, over the customers that they share."""
    both = simulated("steady")[ahead].truth.join(simulated("concept")[ahead].truth, on="customer_id")
    columns = ("churn_probability", "churn_probability_right")
    return round(float(both.select(pl.corr(*columns, method="spearman")).item()), 9)


@pytest.mark.parametrize(("scenario", "is_lost"), [("steady", False), ("concept", True)])
def test_only_outcomes_see_another_concept(scenario: Scenario, is_lost: bool) -> None:
    """The scores are what was true before the change, to the last digit: no model could be calibrated better."""
    ahead = (NIGHT - FIRST).days
    both = simulated("steady")[ahead].truth.join(simulated(scenario)[ahead].truth, on="customer_id")
    scores, truth = (both[name].to_numpy() for name in ("churn_probability", "churn_probability_right"))
    labels = (np.random.default_rng(1).random(both.height) < truth).astype(int)
    estimate = expected(Levels.of(scores), share=CAMPAIGN.share)["auc"]
    measured = measure_binary(labels, scores, campaign=CAMPAIGN)
    judged = judge_binary(
        measured,
        estimated=estimate.figure,
        at_training=AtTraining(figure=estimate.figure, se=estimate.se),
        limits=LIMITS,
    )
    assert (judged.verdict is Hindsight.LOSS) is is_lost
    off = measured.found["auc"].figure - estimate.figure
    assert off < -10 * estimate.se if is_lost else abs(off) < 3 * estimate.se


@pytest.mark.parametrize(
    ("fault", "column"),
    [("null_column", "last_active_day_minutes"), ("frozen", "days_since_session"), ("truncated", "days_since_session")],
)
def test_a_broken_use_feed_moves_a_watched_feature_on_the_first_night(
    fault: Fault, column: str, tmp_path: Path
) -> None:
    then = features(raw("steady"), CHANGE, tmp_path)
    assert column in moved(then, features(broken_raw(fault), CHANGE + DAY, tmp_path))


@pytest.mark.parametrize(("fault", "column"), [("scaled", "last_amount"), ("duplicated", "payment_attempts_30d")])
def test_a_broken_payment_feed_breaks_the_contract(fault: Fault, column: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{column}: at most"):
        features(broken_raw(fault), CHANGE + 5 * DAY, tmp_path)


@pytest.mark.parametrize(
    ("fault", "count", "whole"),
    [
        ("null_column", "usage_without_minutes", 0),
        ("duplicated", "duplicate_payments", 0),
        ("frozen", "usage_repeated_last_day", 10),
    ],
)
def test_the_audit_counts_what_a_fault_does(fault: Fault, count: str, whole: int, tmp_path: Path) -> None:
    day = CHANGE + 2 * DAY
    assert source(raw("steady"), tmp_path).audit(day)[count] <= whole
    found = source(broken_raw(fault), tmp_path).audit(day)
    assert found[count] > whole + 50
    assert (found["unknown_customers_90d"], found["customers_signed_up_twice"], found["customers"]) == (0, 0, 1500)
