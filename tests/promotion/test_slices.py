"""A slice that is weak is found and confirmed; where none is, none is confirmed more often than by the nominal rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from churn.errors import DataError
from churn.findings import Answer
from churn.promotion.evidence import Evidence
from churn.promotion.metrics import Vector
from churn.promotion.resampling import Resampling
from churn.promotion.slices import WeakSlices, weak_slices
from tests.promotion.campaign import CAMPAIGN

GATE = WeakSlices(kind="weak_slices", minimum_n=50, warn_over=0.02, fail_over=0.2)
N = 4000


def _features(rng: np.random.Generator) -> pl.DataFrame:
    plan = np.array(["basic", "family", "pro"])[rng.integers(0, 3, N)]
    visits = np.where(rng.random(N) < 0.1, np.nan, rng.normal(10, 3, N))
    columns = {"plan": plan, "visits": visits, **{f"x{place}": rng.normal(size=N) for place in range(4)}}
    return pl.DataFrame(columns).with_columns(pl.col("visits").fill_nan(None))


def _evidence(*, seed: int = 0, spoil: str | None = None, by: float = 2.0, champion: bool = True) -> Evidence:
    """Two equally good models; the challenger is off where the slice that `spoil` names is."""
    rng = np.random.default_rng(seed)
    features = _features(rng)
    logits = rng.normal(-1, 1, N)
    labels = (rng.random(N) < expit(logits)).astype(float)
    where = features.select(pl.sql_expr(spoil)).to_series().fill_null(value=False).to_numpy() if spoil else False
    ours = expit(logits + rng.normal(0, 0.2, N) + np.where(where, by, 0.0))
    return Evidence(
        labels=labels,
        challenger=ours,
        champion=expit(logits + rng.normal(0, 0.2, N)) if champion else None,
        campaign=CAMPAIGN,
        features=features,
    )


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        ("plan = 'pro'", "plan = pro"),
        ("visits is null", "visits missing"),
        ("plan = 'pro' and visits > 12.1", "plan = pro, visits >"),
    ],
)
def test_a_weak_slice_is_found_by_its_name(spoil: str, name: str) -> None:
    evidence = _evidence(spoil=spoil)
    found = GATE.judge(evidence)
    assert found.answer is Answer.FAIL
    assert found.reason.startswith(name)
    assert found.interval is not None
    assert found.interval[0] > 0.2


def test_the_figure_is_the_excess_of_the_squared_error_in_the_second_half() -> None:
    evidence = _evidence(spoil="plan = 'pro'")
    worst = weak_slices(evidence, minimum_n=50)[0]
    assert evidence.features is not None
    half = np.random.default_rng(evidence.resampling.seed).random(N) < 0.5
    rows = (evidence.features["plan"] == "pro").to_numpy() & ~half
    ours, theirs = (
        ((scores - evidence.labels)[rows] ** 2).mean() for scores in (evidence.challenger, evidence.champion)
    )
    assert (worst.name, worst.n) == ("plan = pro", rows.sum())
    assert worst.excess == pytest.approx(ours / theirs - 1)


def test_the_error_of_an_excess_is_its_spread_over_resampled_rows() -> None:
    evidence = _evidence(spoil="plan = 'pro'", by=0.8)
    found = weak_slices(evidence, minimum_n=50)
    [worst] = [one for one in found if one.name == "plan = pro"]
    assert evidence.features is not None
    half = np.random.default_rng(evidence.resampling.seed).random(N) < 0.5
    rows = np.flatnonzero((evidence.features["plan"] == "pro").to_numpy() & ~half)
    ours, theirs = ((scores - evidence.labels) ** 2 for scores in (evidence.challenger, evidence.champion))
    rng = np.random.default_rng(1)
    drawn = [ours[one].sum() / theirs[one].sum() for one in (rng.choice(rows, rows.size) for _ in range(2000))]
    from scipy.stats import norm

    z = norm.ppf(1 - 0.025 / len(found))
    assert (worst.interval[1] - worst.interval[0]) / (2 * z) == pytest.approx(np.std(drawn), rel=0.06)


def test_where_no_slice_is_weak_none_is_confirmed_more_often_than_by_chance() -> None:
    confirmed = [
        any(one.interval[0] > 0 for one in weak_slices(_evidence(seed=seed), minimum_n=50)) for seed in range(60)
    ]
    assert sum(confirmed) <= 5  # 2.5 % of 60 are 1.5; more than 5 come once in 400 times


def test_a_slightly_weak_slice_is_a_warning() -> None:
    evidence = _evidence(spoil="plan = 'pro'", by=0.9)
    found = replace(GATE, fail_over=0.9).judge(evidence)
    assert (found.answer, found.limit) == (Answer.WARN, 0.02)


def test_slices_that_are_too_small_to_tell_are_a_warning_that_says_so() -> None:
    evidence, strict = _evidence(), replace(GATE, warn_over=0.01, fail_over=0.01)
    few = weak_slices(evidence, minimum_n=50)
    assert all(one.interval[1] - one.interval[0] > 0.02 for one in few)
    found = strict.judge(evidence)
    assert found.answer is Answer.WARN
    assert f"; {len(few)} of {len(few)} slices are too small to tell 1%" in found.reason
    assert replace(GATE, fail_over=9.0).judge(evidence).answer is Answer.PASS


def test_slices_of_one_customer_alone_are_no_evidence() -> None:
    evidence = _evidence(spoil="plan = 'pro'")
    two = replace(evidence, customers=np.arange(N) % 2, resampling=Resampling(seed=0))
    found = GATE.judge(two)
    assert (found.answer, found.figure is None) == (Answer.INSUFFICIENT, False)


def test_without_a_champion_weak_is_worse_than_the_mean_label() -> None:
    assert replace(GATE, fail_over=0.9).judge(_evidence(champion=False)).answer is Answer.PASS
    found = GATE.judge(_evidence(champion=False, spoil="plan = 'pro'", by=3.0))
    assert (found.answer, "against the mean label" in found.reason) == (Answer.FAIL, True)


def test_customers_stay_in_one_half() -> None:
    evidence = _evidence(spoil="plan = 'pro'")
    pairs = replace(evidence, customers=np.arange(N) // 2, resampling=Resampling(seed=9))
    half = np.random.default_rng(9).random(N // 2)[np.arange(N) // 2] < 0.5
    assert evidence.features is not None
    rows = (evidence.features["plan"] == "pro").to_numpy() & ~half
    assert weak_slices(pairs, minimum_n=50)[0].n == rows.sum()


def test_too_few_rows_or_no_features_are_no_evidence() -> None:
    evidence = _evidence()
    assert GATE.judge(replace(evidence, features=None)).answer is Answer.INSUFFICIENT
    assert replace(GATE, minimum_n=N).judge(evidence).answer is Answer.INSUFFICIENT
    with pytest.raises(DataError, match="3 rows of features for 4,000 labels"):
        weak_slices(replace(evidence, features=pl.DataFrame({"x": [1, 2, 3]})), minimum_n=50)


@pytest.mark.parametrize(
    "column",
    [
        np.full(N, 3.0),
        np.full(N, np.nan),
        np.arange(N) % 2 == 0,
        np.arange(N).astype(str),
        np.full(N, "2024-01-01", dtype="datetime64[D]") + np.arange(N) % 9,
    ],
)
def test_any_column_can_be_sliced(column: Vector) -> None:
    evidence = _evidence()
    assert weak_slices(replace(evidence, features=pl.DataFrame({"any": column})), minimum_n=50) is not None
