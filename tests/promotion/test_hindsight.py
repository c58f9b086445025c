"""When do published scores count as broken promises, and when can their rows not tell?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import mean_tweedie_deviance

from churn.errors import SettingsError
from churn.promotion.hindsight import (
    AtTraining,
    Hindsight,
    Measured,
    OutcomeLimits,
    judge_binary,
    judge_regression,
    measure_binary,
    measure_regression,
)
from churn.promotion.metrics import Estimate
from churn.promotion.regression import bias, deviance
from churn.training.model import Objective
from tests.promotion.campaign import CAMPAIGN

LIMITS = OutcomeLimits(auc_drop=0.03, calibration_gap=0.2, slope_gap=0.2, rmse_rise=0.1)
KNOWN = AtTraining(figure=0.8, se=0.0)


def about(figure: float, reach: float) -> Estimate:
    return Estimate(figure=figure, se=reach / 1.96, interval=(figure - reach, figure + reach), n=8000, n_positive=500)


def night(auc: float, *, reach: float = 0.02, gap: float = 0.0, slope: float = 1.0) -> Measured:
    found = {"auc": about(auc, reach), "base_rate": about(0.05, 0.005), "calibration": about(gap, 0.004)}
    return Measured(found={**found, "calibration_slope": about(slope, 0.1)}, absent={})


@pytest.mark.parametrize(
    ("measured", "estimated", "verdict"),
    [
        (night(0.80), 0.80, Hindsight.HOLDS),
        (night(0.78), 0.80, Hindsight.HOLDS),  # under the limit
        (night(0.76), 0.80, Hindsight.LOSS),
        (night(0.76), 0.77, Hindsight.HOLDS),  # the scores themselves foretold it
        (night(0.80), 0.88, Hindsight.HOLDS),  # the estimate alone was too high
        (night(0.76), None, Hindsight.LOSS),  # under the model's own test
        (night(0.76, reach=0.05), 0.80, Hindsight.INSUFFICIENT),
        (night(0.76, reach=0.05, gap=0.02), 0.80, Hindsight.CALIBRATION_OFF),  # sure, whatever the ranking
        (night(0.70, reach=0.05), 0.80, Hindsight.LOSS),  # a few rows show a large loss
        (night(0.80, gap=0.011), 0.80, Hindsight.CALIBRATION_OFF),
        (night(0.80, gap=-0.011), 0.80, Hindsight.CALIBRATION_OFF),
        (night(0.80, gap=0.009), 0.80, Hindsight.HOLDS),  # sure, and under a fifth of the base rate
        (night(0.80, slope=0.7), 0.80, Hindsight.CALIBRATION_OFF),
        (night(0.80, slope=1.19), 0.80, Hindsight.HOLDS),
        (night(0.76, gap=0.02), 0.80, Hindsight.LOSS),  # ranking comes first
    ],
)
def test_a_loss_is_under_both_references_beyond_limit_and_chance(
    measured: Measured, estimated: float | None, verdict: Hindsight
) -> None:
    assert judge_binary(measured, estimated=estimated, at_training=KNOWN, limits=LIMITS).verdict is verdict


def test_the_error_of_the_test_at_training_counts_too() -> None:
    vague = AtTraining(figure=0.8, se=0.025)
    assert judge_binary(night(0.76), estimated=None, at_training=vague, limits=LIMITS).verdict is Hindsight.INSUFFICIENT
    assert judge_binary(night(0.70), estimated=None, at_training=vague, limits=LIMITS).verdict is Hindsight.LOSS
    found = {name: about(figure, 0.4) for name, figure in (("rmse", 11.5), ("bias", 0.0), ("mean_label", 20.0))}
    verdicts = [
        judge_regression(Measured(found=found, absent={}), at_training=then, limits=LIMITS).verdict
        for then in (AtTraining(figure=10.0, se=0.2), AtTraining(figure=10.0, se=0.9))
    ]
    assert verdicts == [Hindsight.LOSS, Hindsight.INSUFFICIENT]


def test_numbers_that_were_predicted_without_error_have_no_rise_to_divide_by() -> None:
    found = {name: about(figure, 0.0) for name, figure in (("rmse", 0.0), ("bias", 0.0), ("mean_label", 20.0))}
    flawless = AtTraining(figure=0.0, se=0.0)
    judged = judge_regression(Measured(found=found, absent={}), at_training=flawless, limits=LIMITS)
    assert judged.verdict is Hindsight.HOLDS


def test_a_gap_that_chance_explains_is_none() -> None:
    wide = night(0.80)
    wide.found["calibration"] = about(0.02, 0.021)
    wide.found["calibration_slope"] = about(0.7, 0.31)
    assert judge_binary(wide, estimated=0.8, at_training=KNOWN, limits=LIMITS).verdict is Hindsight.HOLDS


@pytest.mark.parametrize(
    ("rmse", "gap", "verdict"),
    [
        (10.5, 0.0, Hindsight.HOLDS),
        (11.5, 0.0, Hindsight.LOSS),
        (10.0, 5.0, Hindsight.CALIBRATION_OFF),
        (9.0, 0.0, Hindsight.HOLDS),
    ],
)
def test_a_regression_is_held_against_its_own_test(rmse: float, gap: float, verdict: Hindsight) -> None:
    found = {"rmse": about(rmse, 0.4), "bias": about(gap, 0.4), "mean_label": about(20.0, 0.4)}
    judged = judge_regression(
        Measured(found=found, absent={}), at_training=AtTraining(figure=10.0, se=0.0), limits=LIMITS
    )
    assert judged.verdict is verdict
    unsure = {**found, "rmse": about(10.5, 1.5)}
    told = judge_regression(
        Measured(found=unsure, absent={}), at_training=AtTraining(figure=10.0, se=0.0), limits=LIMITS
    )
    assert (told.verdict, "cannot tell a rise of 10 %" in told.reason) == (Hindsight.INSUFFICIENT, True)


def test_too_few_of_a_class_give_no_figure_and_say_so() -> None:
    labels = np.repeat([0, 1], [500, 19])
    measured = measure_binary(labels, np.linspace(0.1, 0.9, 519), campaign=CAMPAIGN)
    assert measured.found == {}
    judged = judge_binary(measured, estimated=0.8, at_training=KNOWN, limits=LIMITS)
    assert judged.verdict is Hindsight.INSUFFICIENT
    assert "19 customers of the rarer class, and an interval needs 20" in judged.reason
    assert measure_regression(np.arange(19.0), np.arange(19.0), objective="regression").found == {}


def test_a_score_of_exactly_0_costs_the_slope_alone() -> None:
    rng = np.random.default_rng(2)
    scores = np.where(rng.random(800) < 0.1, 0.0, rng.random(800))
    measured = measure_binary((rng.random(800) < scores).astype(int), scores, campaign=CAMPAIGN)
    assert set(measured.absent) == {"calibration_slope", "calibration_intercept"}
    assert {"auc", "average_precision", "brier", "log_loss", "calibration", "lift", "profit"} < set(measured.found)
    judged = judge_binary(measured, estimated=None, at_training=KNOWN, limits=replace(LIMITS, auc_drop=0.2))
    assert judged.verdict is Hindsight.HOLDS


@pytest.mark.parametrize(("objective", "power"), [("regression", 0), ("poisson", 1), ("tweedie", 1.5)])
def test_the_deviance_is_that_of_the_objective(objective: Objective, power: float) -> None:
    rng = np.random.default_rng(3)
    labels, scores = rng.poisson(2, 200).astype(float), rng.random(200) * 4 + 0.1
    expected = mean_tweedie_deviance(labels, scores, power=power)
    assert deviance(labels, scores, objective).figure == pytest.approx(expected, rel=1e-12)
    assert bias(labels, scores).figure == pytest.approx(scores.mean() - labels.mean(), rel=1e-12)


def test_a_score_of_0_costs_a_count_its_deviance_alone() -> None:
    labels = np.arange(30.0)
    measured = measure_regression(labels, np.clip(labels - 1, 0, None), objective="poisson")
    assert set(measured.absent) == {"deviance"}


def test_limits_name_what_is_wrong() -> None:
    with pytest.raises(SettingsError, match="rmse_rise=0"):
        replace(LIMITS, rmse_rise=0)
