"""Oracles: scikit-learn and SciPy for figures, rows written out as often as they weigh, formulas for errors."""

from __future__ import annotations

from typing import get_args, get_type_hints

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import beta, ks_2samp
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from churn.errors import DataError, SettingsError
from churn.promotion.curves import reliability
from churn.promotion.evidence import Evidence
from churn.promotion.measures import Metric, MetricName, compare, estimates, figure_of, gain, named, standard
from churn.promotion.metrics import Vector, average_precision
from churn.promotion.probable import (
    Brier,
    CalibrationIntercept,
    CalibrationSlope,
    ExpectedCalibrationError,
    LogLoss,
    Spiegelhalter,
    ece_null,
)
from churn.promotion.ranked import Auc, AveragePrecision, Captured, KolmogorovSmirnov, Lift
from churn.promotion.recalibrated import Discrimination, Empc, Miscalibration, corp
from churn.promotion.regressed import R2, Mae, QuantileCoverage, Rmse
from churn.promotion.resampling import Resampling
from tests.promotion.campaign import CAMPAIGN

RNG = np.random.default_rng(4)
N = 600
LOGITS = RNG.normal(-1, 1.2, N)
LABELS = (RNG.random(N) < expit(LOGITS)).astype(np.float64)
SMOOTH = expit(LOGITS + RNG.normal(0, 0.3, N))
TIED = np.round(SMOOTH, 1).clip(0.05, 0.95)
AMOUNTS = LOGITS + RNG.normal(0, 1.0, N)
WEIGHTS = RNG.integers(0, 4, N).astype(np.float64)
WRITTEN_OUT = np.repeat(np.arange(N), WEIGHTS.astype(int))

BINARY: tuple[Metric, ...] = standard("binary", CAMPAIGN)
NUMBERS: tuple[Metric, ...] = (*standard("regression", CAMPAIGN), QuantileCoverage(level=0.9))
# Newton's single step, and bins that stay where they were, are no figures of the rows written out
NOT_EXACT = {"calibration_slope", "calibration_intercept", "ece"}


def _plain(metric: Metric, labels: Vector, scores: Vector) -> float:
    return metric.figure(labels, scores)(np.ones(labels.size))


def _evidence(scores: Vector, champion: Vector | None = None, *, customers: Vector | None = None) -> Evidence:
    return Evidence(labels=LABELS, challenger=scores, champion=champion, campaign=CAMPAIGN, customers=customers)


@pytest.mark.parametrize("scores", [SMOOTH, TIED])
def test_figures_equal_those_of_scikit_learn_and_scipy(scores: Vector) -> None:
    expected: dict[Metric, float] = {
        Auc(): roc_auc_score(LABELS, scores),
        AveragePrecision(): average_precision_score(LABELS, scores),
        Brier(): brier_score_loss(LABELS, scores),
        LogLoss(): log_loss(LABELS, scores),
        KolmogorovSmirnov(): ks_2samp(scores[LABELS == 1], scores[LABELS == 0]).statistic,
        ExpectedCalibrationError(): reliability(LABELS, scores).gap,
    }
    found = {metric: _plain(metric, LABELS, scores) for metric in expected}
    assert found == pytest.approx(expected, abs=1e-12)


def test_figures_of_a_regression_equal_those_of_scikit_learn() -> None:
    assert _plain(Rmse(), AMOUNTS, LOGITS) == pytest.approx(root_mean_squared_error(AMOUNTS, LOGITS))
    assert _plain(Mae(), AMOUNTS, LOGITS) == pytest.approx(mean_absolute_error(AMOUNTS, LOGITS))
    assert _plain(R2(), AMOUNTS, LOGITS) == pytest.approx(r2_score(AMOUNTS, LOGITS))
    ninth = np.full(N, np.quantile(AMOUNTS, 0.9, method="inverted_cdf"))
    assert _plain(QuantileCoverage(level=0.9), AMOUNTS, ninth) == pytest.approx(0.9)


@pytest.mark.parametrize("scores", [SMOOTH, TIED])
@pytest.mark.parametrize("metric", [metric for metric in BINARY if metric.kind not in NOT_EXACT])
def test_a_weight_is_as_good_as_the_row_written_out(metric: Metric, scores: Vector) -> None:
    found = metric.figure(LABELS, scores)(WEIGHTS)
    assert found == pytest.approx(_plain(metric, LABELS[WRITTEN_OUT], scores[WRITTEN_OUT]), rel=1e-9)


@pytest.mark.parametrize("metric", NUMBERS)
def test_a_weight_of_a_regression_is_as_good_as_the_row_written_out(metric: Metric) -> None:
    found = metric.figure(AMOUNTS, LOGITS)(WEIGHTS)
    assert found == pytest.approx(_plain(metric, AMOUNTS[WRITTEN_OUT], LOGITS[WRITTEN_OUT]), rel=1e-9)


def test_the_calibration_line_under_weights_is_near_that_of_the_rows_written_out() -> None:
    x = logit(SMOOTH)[WRITTEN_OUT][:, None]
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(x, LABELS[WRITTEN_OUT])
    slope, intercept = (
        metric.figure(LABELS, SMOOTH)(WEIGHTS) for metric in (CalibrationSlope(), CalibrationIntercept())
    )
    assert (slope, intercept) == pytest.approx((model.coef_[0, 0], model.intercept_[0]), abs=0.01)
    assert abs(slope - _plain(CalibrationSlope(), LABELS, SMOOTH)) > 0.03  # the weights moved it


def test_the_calibration_error_under_weights_is_that_of_each_bin() -> None:
    bins = np.argsort(np.argsort(SMOOTH)) * 10 // N
    sums = [abs((WEIGHTS * (SMOOTH - LABELS))[bins == one].sum()) for one in range(10)]
    assert ExpectedCalibrationError().figure(LABELS, SMOOTH)(WEIGHTS) == pytest.approx(sum(sums) / WEIGHTS.sum())


@pytest.mark.parametrize("scores", [SMOOTH, TIED])
def test_the_parts_of_the_brier_score_are_those_of_scikit_learns_isotonic_regression(scores: Vector) -> None:
    recalibrated = IsotonicRegression().fit(scores, LABELS).predict(scores)
    found, best = corp(LABELS, scores), brier_score_loss(LABELS, recalibrated)
    assert found.miscalibration == pytest.approx(brier_score_loss(LABELS, scores) - best)
    assert found.uncertainty == pytest.approx(LABELS.var())
    assert found.discrimination == pytest.approx(LABELS.var() - best)
    assert found.miscalibration - found.discrimination + found.uncertainty == pytest.approx(
        brier_score_loss(LABELS, scores)
    )
    assert found.miscalibration == pytest.approx(_plain(Miscalibration(), LABELS, scores))
    assert found.discrimination == pytest.approx(_plain(Discrimination(), LABELS, scores))


def test_the_profit_and_the_share_of_the_papers_example_are_found() -> None:
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1], dtype=float)
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    assert _plain(Empc(), labels, scores) == pytest.approx(23.875593418348124, abs=1e-12)
    assert Empc().share(labels, scores) == pytest.approx(0.8743700763487141, abs=1e-12)


def test_the_profit_is_the_best_threshold_at_each_chance_of_staying_integrated() -> None:
    metric = Empc(lifetime_value=90.0, incentive=7.0, contact=2.0, alpha=3.0, beta=5.0)
    labels, scores = LABELS[:80], TIED[:80]
    chances = np.linspace(0, 1, 20_001)
    cuts = [scores >= cut for cut in [*np.unique(scores), 2.0]]
    lists = [
        (chances * (90.0 - 7.0) - 2.0) * (cut & (labels == 1)).mean() - 9.0 * (cut & (labels == 0)).mean()
        for cut in cuts
    ]
    expected = np.trapezoid(np.max(lists, axis=0) * beta.pdf(chances, 3, 5), chances)
    assert _plain(metric, labels, scores) == pytest.approx(expected, rel=1e-6)


def test_spiegelhalters_z_is_standard_normal_where_scores_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    draws = [_plain(Spiegelhalter(), (rng.random(N) < SMOOTH).astype(float), SMOOTH) for _ in range(2000)]
    assert (np.mean(draws), np.std(draws)) == pytest.approx((0, 1), abs=0.07)
    assert _plain(Spiegelhalter(), np.array([0.0, 1.0]), np.array([0.2, 0.6])) == pytest.approx(
        (-0.2 * 0.6 + 0.4 * -0.2) / np.sqrt(0.36 * 0.16 + 0.04 * 0.24)
    )


@pytest.mark.parametrize(("share", "captured"), [(0.25, 1 / 2), (0.5, 1 / 2), (0.625, 3 / 4), (0.75, 1.0)])
def test_captured_positives_share_the_tie_at_the_lists_end(share: float, captured: float) -> None:
    labels, scores = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.6, 0.5, 0.1])
    assert Captured(share=share).figure(labels, scores)(np.ones(4)) == pytest.approx(captured)
    assert Lift(share=share).figure(labels, scores)(np.ones(4)) == pytest.approx(captured / share)
    assert Captured(share=share).figure(labels, np.ones(4))(np.ones(4)) == pytest.approx(share)


@pytest.mark.parametrize("rows_each", [1, 5])
def test_the_null_of_the_calibration_error_is_what_a_calibrated_model_shows(rows_each: int) -> None:
    rng = np.random.default_rng(1)
    scores, customers = np.repeat(expit(rng.normal(-2, 1, 400)), rows_each), np.repeat(np.arange(400), rows_each)
    metric = ExpectedCalibrationError()

    def labels() -> Vector:
        return np.asarray(np.repeat(rng.random(400), rows_each) < scores, dtype=np.float64)

    shown = [_plain(metric, labels(), scores) for _ in range(1000)]
    nulls = [ece_null(labels(), scores, customers=customers, seed=seed) for seed in range(20)]
    assert np.mean([null.mean for null in nulls]) == pytest.approx(np.mean(shown), rel=0.05)
    assert np.mean([null.limit for null in nulls]) == pytest.approx(np.quantile(shown, 0.95), rel=0.08)


def test_errors_of_means_are_those_of_the_formula_and_grow_with_rows_of_the_same_customers() -> None:
    evidence = Evidence(
        labels=LABELS, challenger=SMOOTH, champion=None, campaign=CAMPAIGN, resampling=Resampling(replicates=2000)
    )
    found = estimates([Brier(), LogLoss()], evidence)
    loss = (SMOOTH - LABELS) ** 2
    assert found["brier"].se == pytest.approx(loss.std() / np.sqrt(N), rel=0.05)
    assert found["brier"].interval == pytest.approx(
        (found["brier"].figure - 1.96 * found["brier"].se, found["brier"].figure + 1.96 * found["brier"].se), rel=1e-4
    )
    assert (found["brier"].n, found["brier"].n_positive) == (N, LABELS.sum())


@pytest.mark.parametrize("metric", BINARY)
def test_six_rows_a_customer_prove_no_more_than_one(metric: Metric) -> None:
    [once] = estimates([metric], _evidence(SMOOTH)).values()
    labels, scores, customers = (np.tile(column, 6) for column in (LABELS, SMOOTH, np.arange(N)))
    again = Evidence(labels=labels, challenger=scores, champion=None, campaign=CAMPAIGN, customers=customers)
    [found] = estimates([metric], again).values()
    expected = once.se * (6**0.5 if metric.kind == "spiegelhalter_z" else 1.0)
    assert found.se == pytest.approx(expected, rel=0.02)


def test_formula_and_bootstrap_agree_on_the_average_precision_of_customers_with_several_rows() -> None:
    customers = np.random.default_rng(2).integers(0, 200, N)
    by_formula = average_precision(LABELS, SMOOTH, customers).se
    owners = np.unique(customers, return_inverse=True)[1]
    figure = AveragePrecision().figure(LABELS, SMOOTH)
    assert Resampling(replicates=2000).errors([figure], owners) == pytest.approx([by_formula], rel=0.06)
    assert by_formula == estimates([AveragePrecision()], _evidence(SMOOTH, customers=customers))["average_precision"].se


@pytest.mark.parametrize("metric", BINARY)
def test_a_better_model_has_a_difference_over_0_whichever_way_the_metric_points(metric: Metric) -> None:
    better = expit(LOGITS)
    worse = expit(0.4 * LOGITS + np.random.default_rng(3).normal(0, 1.5, N) + 1.5)
    found, back = compare(metric, _evidence(better, worse)), compare(metric, _evidence(worse, better))
    assert found.difference > 0
    assert (back.difference, back.se) == pytest.approx((-found.difference, found.se))
    figures = [figure_of(metric, _evidence(better), scores) for scores in (better, worse)]
    assert found.difference == pytest.approx(gain(metric, challenger=figures[0], champion=figures[1]))


def test_a_paired_difference_of_means_has_the_error_of_the_rows_own_differences() -> None:
    other = expit(LOGITS + 0.4)
    found = compare(Brier(), _evidence(SMOOTH, other))
    apart = (other - LABELS) ** 2 - (SMOOTH - LABELS) ** 2
    assert found.difference == pytest.approx(apart.mean())
    assert found.se == pytest.approx(apart.std() / np.sqrt(N), rel=0.12)


def test_the_same_scores_twice_have_no_difference_and_no_spread() -> None:
    found = compare(Empc(), _evidence(SMOOTH, SMOOTH))
    assert (found.difference, found.se, found.p_value) == (0.0, 0.0, 1.0)


def test_a_metric_of_another_task_is_refused() -> None:
    with pytest.raises(DataError, match="it is for a regression"):
        estimates([Rmse()], _evidence(SMOOTH))
    with pytest.raises(SettingsError, match="brier for a regression task"):
        named("brier", task="regression", campaign=CAMPAIGN)
    with pytest.raises(DataError, match="no champion"):
        compare(Brier(), _evidence(SMOOTH))


def test_every_name_that_yaml_may_give_is_a_metric_of_one_task() -> None:
    kinds = {metric.kind: metric for task in ("binary", "regression") for metric in standard(task, CAMPAIGN)}
    for name in get_args(MetricName):
        assert named(name, task=kinds[name].task, campaign=CAMPAIGN) == kinds[name]
    assert {get_args(get_type_hints(metric)["kind"])[0] for metric in get_args(Metric)} == {*kinds, "quantile_coverage"}


def test_scores_that_are_no_probabilities_are_refused_by_all_that_read_them_as_such() -> None:
    with pytest.raises(DataError, match="no probability"):
        estimates([Brier()], _evidence(SMOOTH * 2))
