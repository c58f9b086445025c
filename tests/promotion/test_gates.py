"""What each gate answers, on rows small enough that the figure is known and large enough that an interval is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from churn.errors import DataError, SettingsError
from churn.findings import Answer, Finding
from churn.promotion.calibrated import CalibrationInTheLarge
from churn.promotion.comparison import compare_auc
from churn.promotion.duels import NonInferior, Superior
from churn.promotion.evidence import Evidence
from churn.promotion.floors import AucFloor
from churn.promotion.gates import Gate
from churn.promotion.judging import against_floor, under_ceilings
from churn.promotion.metrics import Vector, auc, calibration_in_the_large
from tests.promotion.campaign import CAMPAIGN

LABELS = np.repeat([0, 1], [300, 100])
PASS, WARN, FAIL, INSUFFICIENT = Answer.PASS, Answer.WARN, Answer.FAIL, Answer.INSUFFICIENT


def _scores(gap: float, *, seed: int = 0) -> Vector:
    """Probabilities whose AUC is near Φ(gap / √2)."""
    return np.asarray(norm.cdf(LABELS * gap + np.random.default_rng(seed).normal(size=LABELS.size)))


def _evidence(challenger: Vector, champion: Vector | None = None, *, labels: Vector = LABELS) -> Evidence:
    return Evidence(labels=labels, challenger=challenger, champion=champion, campaign=CAMPAIGN)


STRONG, WEAK, CONSTANT = _scores(1.5), _scores(0.2), np.full(LABELS.size, 0.25)
SHAKEN = _scores(1.5, seed=1)  # as good as STRONG, in another order
FLOOR = AucFloor(kind="auc_floor", minimum=0.7)
SUPERIOR = Superior(kind="superior", alpha=0.05, metric=None)
NON_INFERIOR = NonInferior(kind="non_inferior", margin=0.02, alpha=0.05, metric=None)
CALIBRATION = CalibrationInTheLarge(kind="calibration_in_the_large", maximum=0.05)


@pytest.mark.parametrize(
    ("gate", "evidence", "answer"),
    [
        (FLOOR, _evidence(STRONG), PASS),
        (FLOOR, _evidence(WEAK), FAIL),
        (FLOOR, _evidence(_scores(0.8)), INSUFFICIENT),
        (SUPERIOR, _evidence(STRONG, WEAK), PASS),
        (SUPERIOR, _evidence(WEAK, STRONG), FAIL),
        (SUPERIOR, _evidence(SHAKEN, STRONG), INSUFFICIENT),
        (NON_INFERIOR, _evidence(STRONG, WEAK), PASS),
        (NON_INFERIOR, _evidence(WEAK, STRONG), FAIL),
        (NON_INFERIOR, _evidence(STRONG, SHAKEN), INSUFFICIENT),
        (CALIBRATION, _evidence(CONSTANT), PASS),
        (CALIBRATION, _evidence(CONSTANT + 0.2), WARN),
        (CALIBRATION, _evidence(CONSTANT - 0.2), WARN),
        (CALIBRATION, _evidence(CONSTANT + 0.06), PASS),
    ],
)
def test_each_gate_can_give_each_of_its_answers(gate: Gate, evidence: Evidence, answer: Answer) -> None:
    found = gate.judge(evidence)
    assert (found.check, found.answer) == (gate.kind, answer)


@pytest.mark.parametrize("interval", [(math.nan, math.nan), (0.0, math.nan), (math.nan, 0.0)])
def test_an_interval_that_cannot_be_computed_is_a_failure(interval: tuple[float, float]) -> None:
    assert against_floor(interval, 0.0) is FAIL
    for smallest in (0.1, 9.0):
        assert under_ceilings(interval, warn_over=0.2, fail_over=0.5, smallest=smallest) is FAIL


@pytest.mark.parametrize("gate", [FLOOR, SUPERIOR, NON_INFERIOR, CALIBRATION])
def test_every_finding_carries_its_figure_interval_limit_rows_and_smallest_effect(gate: Gate) -> None:
    found = gate.judge(_evidence(STRONG, WEAK))
    numbers = (found.figure, found.limit, found.smallest_effect, *(found.interval or ()))
    assert len(numbers) == 5
    assert all(type(number) is float and math.isfinite(number) for number in numbers)
    assert (found.n, type(found.n)) == (400, int)
    assert found.interval is not None
    assert found.interval[0] < (found.figure or 0.0) < found.interval[1]
    assert (found.smallest_effect or 0.0) > 0
    assert "400 rows" in found.reason


def test_a_floor_reports_the_auc_and_its_two_sided_power() -> None:
    found, expected = FLOOR.judge(_evidence(STRONG, WEAK)), auc(LABELS, STRONG)
    assert (found.figure, found.interval) == (expected.figure, expected.interval)
    assert (found.limit, found.unit) == (0.7, "AUC")
    assert found.smallest_effect == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * expected.se)


@pytest.mark.parametrize(("gate", "limit"), [(SUPERIOR, 0.0), (NON_INFERIOR, -0.02)])
@pytest.mark.parametrize("alpha", [0.01, 0.2])
def test_a_comparison_reports_the_difference_and_its_one_sided_power(gate: Gate, limit: float, alpha: float) -> None:
    gate = replace(gate, alpha=alpha)  # type: ignore[arg-type]
    found, expected = gate.judge(_evidence(STRONG, WEAK)), compare_auc(LABELS, challenger=STRONG, champion=WEAK)
    assert (found.figure, found.interval) == (expected.difference, expected.interval)
    assert (found.limit, found.unit) == (limit, "AUC")
    assert found.smallest_effect == pytest.approx((norm.ppf(1 - alpha) + norm.ppf(0.8)) * expected.se)


def test_calibration_reports_mean_score_minus_base_rate() -> None:
    found, expected = CALIBRATION.judge(_evidence(STRONG)), calibration_in_the_large(LABELS, STRONG)
    assert found.figure == pytest.approx(STRONG.mean() - 0.25)
    assert (found.interval, found.limit, found.unit) == (expected.interval, 0.05, "probability")
    assert found.smallest_effect == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * expected.se)


def test_a_floor_passes_at_the_very_end_of_the_interval_and_not_over_it() -> None:
    low, high = auc(LABELS, STRONG).interval
    limits = {low: PASS, np.nextafter(low, 1): INSUFFICIENT, high: INSUFFICIENT, np.nextafter(high, 1): FAIL}
    for minimum, answer in limits.items():
        assert AucFloor(kind="auc_floor", minimum=float(minimum)).judge(_evidence(STRONG)).answer is answer


def test_superior_passes_exactly_where_the_one_sided_p_value_is_under_alpha() -> None:
    challenger = _scores(1.7, seed=1)
    p_value = compare_auc(LABELS, challenger=challenger, champion=STRONG).p_value
    assert 0.001 < p_value < 0.4
    for alpha, answer in {p_value * 1.001: PASS, p_value * 0.999: INSUFFICIENT}.items():
        assert Superior(kind="superior", alpha=alpha, metric=None).judge(_evidence(challenger, STRONG)).answer is answer


def test_non_inferior_passes_exactly_where_the_lower_bound_lies_over_the_margin() -> None:
    found = compare_auc(LABELS, challenger=SHAKEN, champion=STRONG)
    bound = found.difference - norm.ppf(0.95) * found.se
    assert bound < 0
    for margin, answer in {-bound * 1.001: PASS, -bound * 0.999: INSUFFICIENT}.items():
        gate = NonInferior(kind="non_inferior", margin=float(margin), alpha=0.05, metric=None)
        assert gate.judge(_evidence(SHAKEN, STRONG)).answer is answer


def test_non_inferior_fails_exactly_where_the_whole_interval_lies_under_the_margin() -> None:
    end = compare_auc(LABELS, challenger=WEAK, champion=STRONG).interval[1]
    assert end < 0
    for margin, answer in {-end * 0.999: FAIL, -end * 1.001: INSUFFICIENT}.items():
        gate = NonInferior(kind="non_inferior", margin=margin, alpha=0.05, metric=None)
        assert gate.judge(_evidence(WEAK, STRONG)).answer is answer


@pytest.mark.parametrize("side", [1, -1])
def test_calibration_warns_only_where_the_whole_interval_lies_outside_the_limit(side: int) -> None:
    scores = CONSTANT + side * 0.15
    nearest = min(abs(end) for end in calibration_in_the_large(LABELS, scores).interval)
    for maximum, answer in {nearest * 0.999: WARN, nearest * 1.001: PASS}.items():
        gate = CalibrationInTheLarge(kind="calibration_in_the_large", maximum=maximum)
        assert gate.judge(_evidence(scores)).answer is answer


@pytest.mark.parametrize("rescale", [lambda s: s, lambda s: s**3, lambda s: 0.5 * s + 0.1])
def test_the_same_ranking_twice_is_no_worse_and_never_better(rescale: Callable[[Vector], Vector]) -> None:
    evidence = _evidence(rescale(STRONG), STRONG)
    answers: dict[Gate, Answer] = {SUPERIOR: INSUFFICIENT, NON_INFERIOR: PASS}
    for gate, answer in answers.items():
        found = gate.judge(evidence)
        assert (found.answer, found.figure, found.interval, found.smallest_effect) == (answer, 0.0, (0.0, 0.0), 0.0)


def test_constant_scores_rank_nothing() -> None:
    constant = _evidence(CONSTANT, CONSTANT)
    assert SUPERIOR.judge(constant).answer is INSUFFICIENT
    found = FLOOR.judge(constant)
    assert (found.answer, found.figure, found.interval) == (FAIL, 0.5, (0.5, 0.5))


@pytest.mark.parametrize("gate", [SUPERIOR, NON_INFERIOR])
def test_a_difference_without_spread_that_is_not_0_is_no_evidence(gate: Gate) -> None:
    perfect = np.where(LABELS == 1, 0.9, 0.1)
    for challenger, champion in ((perfect, CONSTANT), (CONSTANT, perfect)):
        found = gate.judge(_evidence(challenger, champion))
        assert abs(found.figure or 0.0) == 0.5
        assert found.answer is INSUFFICIENT


@pytest.mark.parametrize("gate", [SUPERIOR, NON_INFERIOR])
def test_without_a_champion_a_comparison_passes_without_a_figure(gate: Gate) -> None:
    reason = "no champion yet: the floors decide"
    assert gate.judge(_evidence(WEAK)) == Finding(
        check=gate.kind,
        answer=PASS,
        figure=None,
        interval=None,
        limit=None,
        n=400,
        smallest_effect=None,
        unit="AUC",
        reason=reason,
    )


@pytest.mark.parametrize("gate", [FLOOR, CALIBRATION])
def test_a_floor_and_a_calibration_look_at_the_challenger_alone(gate: Gate) -> None:
    alone = gate.judge(_evidence(STRONG))
    assert gate.judge(_evidence(STRONG, WEAK)) == gate.judge(_evidence(STRONG, STRONG)) == alone
    assert gate.judge(_evidence(WEAK, STRONG)) != alone


@pytest.mark.parametrize(
    ("gate", "parameters"),
    [
        (FLOOR, {"minimum": 0.499}),
        (FLOOR, {"minimum": 1.0}),
        (FLOOR, {"minimum": math.nan}),
        (SUPERIOR, {"alpha": 0.0}),
        (SUPERIOR, {"alpha": 0.501}),
        (SUPERIOR, {"alpha": math.nan}),
        (NON_INFERIOR, {"alpha": 0.0, "margin": 0.02}),
        (NON_INFERIOR, {"alpha": 0.501, "margin": 0.02}),
        (NON_INFERIOR, {"alpha": 0.05, "margin": 0.0}),
        (NON_INFERIOR, {"alpha": 0.05, "margin": -0.02}),
        (NON_INFERIOR, {"alpha": 0.05, "margin": 0.5}),
        (NON_INFERIOR, {"alpha": 0.05, "margin": math.nan}),
        (CALIBRATION, {"maximum": 0.0}),
        (CALIBRATION, {"maximum": 1.0}),
        (CALIBRATION, {"maximum": math.nan}),
    ],
)
def test_a_parameter_out_of_range_is_refused_with_its_gate_and_value(gate: Gate, parameters: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        replace(gate, **parameters)
    name, value = caught.value.found.split("=")
    assert caught.value.where == f"gate {gate.kind}"
    assert str(parameters[name]) == value
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("gate", "parameters"),
    [
        (FLOOR, {"minimum": 0.51}),
        (FLOOR, {"minimum": 0.999}),
        (SUPERIOR, {"alpha": 0.5}),
        (NON_INFERIOR, {"alpha": 0.5, "margin": 0.499}),
        (CALIBRATION, {"maximum": 0.999}),
    ],
)
def test_a_parameter_at_the_end_of_its_range_is_taken(gate: Gate, parameters: dict[str, Any]) -> None:
    assert replace(gate, **parameters).kind == gate.kind


@pytest.mark.parametrize("gate", [FLOOR, SUPERIOR, NON_INFERIOR, CALIBRATION])
@pytest.mark.parametrize("spoilt", ["nan in challenger", "one class", "nan in labels", "class labels"])
def test_evidence_that_allows_no_figure_is_an_error_in_every_gate(gate: Gate, spoilt: str) -> None:
    challenger, labels = STRONG.copy(), LABELS.astype(float)
    if spoilt == "nan in challenger":
        challenger[7] = np.nan
    elif spoilt == "class labels":
        challenger = np.round(challenger)
    else:
        labels[:] = 0.0 if spoilt == "one class" else np.nan
    with pytest.raises(DataError):
        gate.judge(_evidence(challenger, WEAK, labels=labels))


@pytest.mark.parametrize("gate", [SUPERIOR, NON_INFERIOR])
def test_a_champion_that_scores_nan_is_an_error_and_no_absent_champion(gate: Gate) -> None:
    champion = np.full(LABELS.size, np.nan)
    with pytest.raises(DataError, match="400 of 400"):
        gate.judge(_evidence(STRONG, champion))


@pytest.mark.parametrize(("positives", "negatives", "rarer"), [(3, 5, 3), (5, 3, 3), (0, 4, 0), (4, 4, 4)])
def test_the_rarer_class_is_counted_on_either_side(positives: int, negatives: int, rarer: int) -> None:
    labels = np.repeat([1, 0], [positives, negatives])
    assert _evidence(labels * 0.5, labels=labels).rarer == rarer


@pytest.mark.parametrize("gate", [FLOOR, SUPERIOR, NON_INFERIOR, CALIBRATION])
def test_rows_of_the_same_customers_prove_less_and_the_reason_says_how_many_there_are(gate: Gate) -> None:
    six_nights = [np.tile(column, 6) for column in (LABELS, SHAKEN, STRONG, np.arange(LABELS.size))]
    labels, challenger, champion, customers = six_nights
    apart = gate.judge(_evidence(challenger, champion, labels=labels))
    together = gate.judge(
        Evidence(labels=labels, challenger=challenger, champion=champion, campaign=CAMPAIGN, customers=customers)
    )
    once = gate.judge(_evidence(SHAKEN, STRONG))
    assert together.smallest_effect == pytest.approx(once.smallest_effect, rel=0.01)
    assert (apart.smallest_effect or 0.0) < 0.5 * (together.smallest_effect or 0.0)
    assert "on 2,400 rows of 400 customers" in together.reason


def test_the_rarer_class_is_counted_in_customers() -> None:
    labels, customers = np.repeat([0, 1], [30, 30]), np.r_[np.arange(30), np.repeat([1, 2, 3], 10)]
    assert (
        Evidence(labels=labels, challenger=labels * 0.5, champion=None, campaign=CAMPAIGN, customers=customers).rarer
        == 3
    )
