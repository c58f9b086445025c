"""Floors and comparisons on other metrics than the AUC, and of a regression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from churn.errors import SettingsError
from churn.findings import Answer
from churn.promotion.duels import NonInferior, Superior
from churn.promotion.evidence import Evidence
from churn.promotion.floors import AveragePrecisionFloor, R2Floor
from churn.promotion.measures import MetricName
from churn.promotion.metrics import Vector, average_precision
from tests.promotion.campaign import CAMPAIGN

PASS, FAIL, INSUFFICIENT = Answer.PASS, Answer.FAIL, Answer.INSUFFICIENT
RNG = np.random.default_rng(6)
N = 1500
LOGITS = RNG.normal(-1, 1.2, N)
LABELS = (RNG.random(N) < expit(LOGITS)).astype(float)
AMOUNTS = 100 * (LOGITS + RNG.normal(0, 0.8, N))
SUPERIOR = Superior(kind="superior", alpha=0.05, metric=None)
NON_INFERIOR = NonInferior(kind="non_inferior", margin=0.05, alpha=0.05, metric=None)


def _noisy(noise: float, seed: int) -> Vector:
    return LOGITS + np.random.default_rng(seed).normal(0, noise, N)


def _numbers(challenger: Vector, champion: Vector | None = None) -> Evidence:
    champion = None if champion is None else 100 * champion
    return Evidence(
        labels=AMOUNTS, challenger=100 * challenger, champion=champion, campaign=CAMPAIGN, task="regression"
    )


def _chances(challenger: Vector, champion: Vector | None = None) -> Evidence:
    champion = None if champion is None else expit(champion)
    return Evidence(labels=LABELS, challenger=expit(challenger), champion=champion, campaign=CAMPAIGN)


@pytest.mark.parametrize(("minimum", "answer"), [(0.4, PASS), (0.69, INSUFFICIENT), (0.9, FAIL)])
def test_a_floor_of_r2_gives_its_answers(minimum: float, answer: Answer) -> None:
    found = R2Floor(kind="r2_floor", minimum=minimum).judge(_numbers(LOGITS))
    assert (found.answer, found.limit) == (answer, minimum)
    assert found.figure == pytest.approx(1.44 / (1.44 + 0.64), abs=0.03)


@pytest.mark.parametrize(("minimum", "answer"), [(0.1, PASS), (0.9, FAIL)])
def test_a_floor_of_average_precision_is_a_share_of_the_way_from_the_base_rate(minimum: float, answer: Answer) -> None:
    found = AveragePrecisionFloor(kind="average_precision_floor", minimum=minimum).judge(_chances(LOGITS))
    expected = average_precision(LABELS, expit(LOGITS))
    assert (found.answer, found.figure, found.interval) == (answer, expected.figure, expected.interval)
    assert found.limit == pytest.approx(LABELS.mean() + minimum * (1 - LABELS.mean()))


def test_scores_by_lot_fail_the_default_floor_of_average_precision_or_cannot_pass_it() -> None:
    lot = np.random.default_rng(0).normal(size=N)
    found = AveragePrecisionFloor(kind="average_precision_floor", minimum=0.02).judge(_chances(lot))
    assert found.answer is not PASS


@pytest.mark.parametrize("minimum", [0.0, 1.0])
def test_a_floor_is_a_share_of_what_is_possible(minimum: float) -> None:
    for gate in (
        R2Floor(kind="r2_floor", minimum=0.5),
        AveragePrecisionFloor(kind="average_precision_floor", minimum=0.5),
    ):
        with pytest.raises(SettingsError, match=gate.kind):
            replace(gate, minimum=minimum)


def test_models_of_a_number_are_compared_by_rmse_and_lower_is_better() -> None:
    better, worse = _noisy(0.1, 1), _noisy(0.6, 2)
    found = SUPERIOR.judge(_numbers(better, worse))
    assert found.answer is PASS
    assert (found.figure or 0) > 0
    assert SUPERIOR.judge(_numbers(worse, better)).answer is FAIL
    assert SUPERIOR.judge(_numbers(_noisy(0.3, 1), _noisy(0.3, 2))).answer is INSUFFICIENT


def test_the_margin_of_rmse_is_a_share_of_the_champions() -> None:
    champion, slightly = _noisy(0.3, 1), _noisy(0.33, 2)
    found = NON_INFERIOR.judge(_numbers(slightly, champion))
    rmse = np.sqrt(((100 * champion - AMOUNTS) ** 2).mean())
    assert found.limit == pytest.approx(-0.05 * rmse)
    assert found.answer is PASS
    assert NON_INFERIOR.judge(_numbers(_noisy(0.9, 2), champion)).answer is FAIL


@pytest.mark.parametrize("metric", ["average_precision", "captured", "empc", "ks", "brier", "log_loss"])
def test_any_metric_of_the_task_can_decide(metric: MetricName) -> None:
    better, worse = LOGITS, _noisy(2.5, 3)
    gate = replace(SUPERIOR, metric=metric)
    assert gate.judge(_chances(better, worse)).answer is PASS
    assert gate.judge(_chances(worse, better)).answer is FAIL
    assert gate.judge(_chances(better, better)).answer is INSUFFICIENT
    assert replace(NON_INFERIOR, metric=metric).judge(_chances(better, better)).answer is PASS


def test_a_metric_of_another_task_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match="rmse for a binary task\n  do: there are: auc, average_precision"):
        replace(SUPERIOR, metric="rmse").judge(_chances(LOGITS, LOGITS))


@pytest.mark.parametrize("gate", [SUPERIOR, NON_INFERIOR])
def test_a_regression_without_a_champion_is_left_to_its_floor(gate: Superior | NonInferior) -> None:
    found = gate.judge(_numbers(LOGITS))
    assert (found.answer, found.unit, found.reason) == (PASS, "label", "no champion yet: the floors decide")
