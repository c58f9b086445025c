"""Does the verdict alarm on what matters, stay silent on chance, and never pass what it could not tell?"""

import numpy as np
import polars as pl
import pytest

from churn.drift.change import ColumnDrift
from churn.drift.limits import DriftLimits
from churn.drift.profile import Column, freeze_bins, profile
from churn.drift.verdict import DriftVerdict, judge
from churn.errors import DataError
from churn.findings import Answer

LIMITS = DriftLimits(psi=0.2, ks=0.1, alpha=0.05, drifted_share=0.3, prediction_psi=0.2)
WATCHED = ["a", "b", "c", "plan"]
COLUMNS = [*(Column(name=name, dtype="number") for name in ("a", "b", "c", "tenure", "score"))]
COLUMNS.append(Column(name="plan", dtype="category"))


def _rows(n: int, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    numbers = {name: draw.gamma(2, 20, size=n) for name in ("a", "b", "c", "tenure")}
    plan = draw.choice(["basic", "family", "pro"], p=[0.5, 0.3, 0.2], size=n)
    return pl.DataFrame(numbers | {"score": draw.beta(2, 8, size=n), "plan": plan.tolist()})


REFERENCE = _rows(20_000)
BINS = freeze_bins(REFERENCE, COLUMNS)
THEN = profile(BINS, [REFERENCE])


def _judge(current: pl.DataFrame, limits: DriftLimits = LIMITS) -> DriftVerdict:
    return judge(THEN, profile(BINS, [current]), limits=limits, watched=WATCHED, score="score")


def _answers(verdict: DriftVerdict) -> dict[str, Answer]:
    return {finding.check: finding.answer for finding in verdict.findings}


def _reason(verdict: DriftVerdict, column: str) -> str:
    return next(finding.reason for finding in verdict.findings if finding.check == column)


@pytest.mark.parametrize("rows", [500, 5_000])
def test_without_change_no_night_alarms(rows: int) -> None:
    answers = [_judge(_rows(rows, seed)).answer for seed in range(1, 61)]
    assert answers == [Answer.PASS] * 60


def _beats_chance_alone(drift: ColumnDrift) -> bool:
    return any(effect is not None and effect.distance >= effect.noise for effect in (drift.psi, drift.ks))


def test_with_floors_at_the_noise_the_number_of_tests_is_allowed_for() -> None:
    keen = DriftLimits(psi=0.0055, ks=0.0216, alpha=0.05, drifted_share=0.3, prediction_psi=0.0055)
    nights = [_judge(_rows(5_000, seed), keen) for seed in range(1, 61)]
    one_by_one = [any(map(_beats_chance_alone, night.columns)) for night in nights]
    assert sum(one_by_one) >= 15
    assert sum(bool(night.drifted) for night in nights) <= 6


def test_one_drifted_column_of_four_warns_and_says_how() -> None:
    current = _rows(2_000, 1).with_columns(
        pl.when(pl.int_range(pl.len()) % 10 == 0).then(None).otherwise(pl.col("a") * 0.7).alias("a")
    )
    verdict = _judge(current)
    assert (verdict.answer, verdict.drifted, verdict.drifted_share) == (Answer.WARN, ("a",), 0.25)
    assert _answers(verdict) == {"a": "warn", "b": "pass", "c": "pass", "score": "pass", "plan": "pass"}
    then, now = (float(frame["a"].drop_nulls().median()) for frame in (REFERENCE, current))  # type: ignore[arg-type]
    (drift,) = (column for column in verdict.columns if column.column == "a")
    assert [drift.median_then, drift.median_now] == pytest.approx([then, now], rel=0.01)
    assert (drift.null_share_then, drift.null_share_now) == (0.0, 0.1)
    assert _reason(verdict, "a") == f"a: median {drift.median_then:.3g} → {drift.median_now:.3g}; null 0 % → 10 %"


def test_more_than_the_share_of_drifted_columns_is_an_alarm() -> None:
    current = _rows(2_000, 1).with_columns(pl.col("a", "b") * 2)
    assert _judge(current).answer is Answer.FAIL
    tolerant = DriftLimits(psi=0.2, ks=0.1, alpha=0.05, drifted_share=0.5, prediction_psi=0.2)
    assert _judge(current, tolerant).answer is Answer.WARN
    assert _judge(current).reason.startswith("2 of 4 watched columns drifted (50 %), limit 30 %")


def test_a_drifted_score_is_an_alarm_by_itself() -> None:
    verdict = _judge(_rows(2_000, 1).with_columns(pl.col("score") * 2))
    assert (verdict.answer, verdict.drifted, verdict.drifted_share) == (Answer.FAIL, ("score",), 0.0)
    assert _answers(verdict)["score"] is Answer.FAIL


def test_a_score_that_moves_below_its_psi_limit_warns() -> None:
    verdict = _judge(_rows(5_000, 1).with_columns(pl.col("score") * 1.2))
    (finding,) = (finding for finding in verdict.findings if finding.check == "score")
    assert finding.figure is not None
    assert finding.figure < LIMITS.prediction_psi
    assert (verdict.answer, finding.answer) == (Answer.WARN, Answer.WARN)


def test_the_score_has_a_limit_of_its_own() -> None:
    current = _rows(5_000, 1).with_columns(pl.col("a", "score") * 1.2)
    strict = DriftLimits(psi=0.2, ks=0.9, alpha=0.05, drifted_share=0.3, prediction_psi=0.05)
    assert _judge(current, strict).drifted == ("score",)
    assert _judge(current, strict).answer is Answer.FAIL


def test_a_null_share_is_told_beside_the_median_from_one_percent_on() -> None:
    for kept, told in ((50, True), (200, False)):
        hole = pl.when(pl.int_range(pl.len()) % kept != 0).then(pl.col("a") * 2).alias("a")
        assert ("; null 0 % → 2 %" in _reason(_judge(_rows(2_000, 1).with_columns(hole)), "a")) == told


def test_a_significant_effect_below_the_floor_is_no_drift() -> None:
    verdict = _judge(_rows(20_000, 1).with_columns(pl.col("a") * 1.1))
    (drift,) = (column for column in verdict.columns if column.column == "a")
    assert drift.psi is not None
    assert drift.psi.p_value < 1e-6
    assert verdict.answer is Answer.PASS


def test_an_unwatched_column_is_reported_and_never_judged() -> None:
    verdict = _judge(_rows(2_000, 1).with_columns(pl.col("tenure") + 500))
    (drift,) = (column for column in verdict.columns if column.column == "tenure")
    assert drift.psi is not None
    assert drift.psi.distance > 1
    assert verdict.answer is Answer.PASS
    assert "tenure" not in _answers(verdict)


def test_a_level_that_goes_from_none_to_one_percent_is_seen() -> None:
    current = _rows(10_000, 1).with_columns(
        pl.when(pl.int_range(pl.len()) % 100 == 0).then(pl.lit("new")).otherwise("plan").alias("plan")
    )
    (drift,) = (column for column in _judge(current).columns if column.column == "plan")
    assert drift.psi is not None
    assert drift.psi.distance > 0.05
    assert drift.psi.p_value < 1e-12


@pytest.mark.parametrize("broken", [pl.lit(None, pl.Float64), pl.lit(float("nan")), pl.col("a") * 100, -pl.col("a")])
def test_a_broken_feed_drifts(broken: pl.Expr) -> None:
    verdict = _judge(_rows(2_000, 1).with_columns(broken.alias("a")))
    assert verdict.drifted == ("a",)
    assert " → " in _reason(verdict, "a")


def test_values_beyond_the_range_are_named_where_no_median_tells() -> None:
    verdict = _judge(_rows(2_000, 1).with_columns(-pl.col("a")))
    assert _reason(verdict, "a") == f"a: below {min(REFERENCE['a'].to_list()):.3g} 0 % → 100 %"


def test_a_lost_level_is_named() -> None:
    verdict = _judge(_rows(2_000, 1).with_columns(plan=pl.lit("pro")))
    assert _reason(verdict, "plan").startswith('plan: "pro" 2')
    assert _reason(verdict, "plan").endswith(" % → 100 %")


@pytest.mark.parametrize("rows", [0, 1, 20])
def test_too_few_rows_are_insufficient_and_never_a_pass(rows: int) -> None:
    verdict = _judge(_rows(rows, 1))
    assert verdict.answer is Answer.INSUFFICIENT
    assert verdict.drifted_share is None
    assert set(_answers(verdict).values()) <= {Answer.INSUFFICIENT}
    assert "4 could not be told" in verdict.reason


def test_a_large_effect_on_too_few_rows_is_insufficient_too() -> None:
    verdict = _judge(_rows(20, 1).with_columns(pl.col("a") * 100))
    assert (verdict.answer, verdict.drifted) == (Answer.INSUFFICIENT, ())
    assert _reason(verdict, "a") == "a: 20 rows cannot tell PSI 0.2 from chance"


def test_an_empty_night_has_no_figures() -> None:
    (finding, *_) = _judge(_rows(0)).findings
    assert (finding.figure, finding.interval, finding.smallest_effect, finding.n) == (None, None, None, 0)
    assert finding.reason == "a: 20,000 rows then, 0 now: nothing to compare"


def test_a_score_that_cannot_be_told_is_never_a_pass() -> None:
    reference = REFERENCE.with_columns(pl.when(pl.int_range(pl.len()) < 10).then("score").alias("score"))
    bins = freeze_bins(reference, COLUMNS)
    then, now = (profile(bins, [frame]) for frame in (reference, _rows(2_000, 1).with_columns(score=None)))
    assert judge(then, now, limits=LIMITS, watched=WATCHED, score="score").answer is Answer.INSUFFICIENT


def test_columns_that_are_null_or_constant_on_both_sides_pass() -> None:
    flat = [pl.lit(None, pl.Float64).alias("a"), pl.lit(1.0).alias("b")]
    reference, current = REFERENCE.with_columns(flat), _rows(2_000, 1).with_columns(flat)
    bins = freeze_bins(reference, COLUMNS)
    then, now = profile(bins, [reference]), profile(bins, [current])
    verdict = judge(then, now, limits=LIMITS, watched=WATCHED, score="score")
    assert verdict.answer is Answer.PASS
    assert [finding.figure for finding in verdict.findings[:2]] == [0.0, 0.0]


def test_findings_carry_their_evidence() -> None:
    (finding, *_) = _judge(_rows(2_000, 1).with_columns(pl.col("a") * 1.5)).findings
    assert finding.figure is not None
    assert finding.interval is not None
    assert finding.smallest_effect is not None
    assert finding.interval[0] < finding.figure < finding.interval[1]
    assert (finding.limit, finding.n, finding.unit) == (0.2, 2_000, "PSI")
    assert 0 < finding.smallest_effect < 0.05


def test_a_watched_column_without_a_profile_is_refused() -> None:
    with pytest.raises(DataError, match="did you mean 'plan'"):
        judge(THEN, THEN, limits=LIMITS, watched=["plann"], score="score")
    with pytest.raises(DataError, match="no profile of 'p'"):
        judge(THEN, THEN, limits=LIMITS, watched=[], score="p")
