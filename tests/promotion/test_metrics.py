"""Oracles: scikit-learn for figures, all pairs by brute force for DeLong, weights nudged one by one for the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from churn.errors import DataError
from churn.promotion import metrics
from churn.promotion.metrics import Estimate, Vector

_METRICS: dict[str, Callable[[Vector, Vector], object]] = {
    "auc": metrics.auc,
    "average_precision": metrics.average_precision,
    "brier": metrics.brier,
    "log_loss": metrics.log_loss,
    "calibration_in_the_large": metrics.calibration_in_the_large,
    "calibration_slope_intercept": metrics.calibration_slope_intercept,
}


def _rows(seed: int, n: int = 200, *, grid: int = 0) -> tuple[Vector, Vector]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1.2, n)
    scores = expit(logits)
    labels = (rng.random(n) < scores).astype(int)
    return labels, (np.ceil(scores * grid) / (grid + 1) if grid else scores)


def _delong_by_pairs(labels: Vector, scores: Vector) -> tuple[float, float]:
    gaps = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    wins = (gaps > 0) + 0.5 * (gaps == 0)
    m, n = wins.shape
    return wins.mean(), float(np.sqrt(wins.mean(axis=1).var(ddof=1) / m + wins.mean(axis=0).var(ddof=1) / n))


@pytest.mark.parametrize("grid", [0, 5])
def test_auc_and_its_error_equal_all_pairs_counted_one_by_one(grid: int) -> None:
    labels, scores = _rows(1, grid=grid)
    found = metrics.auc(labels, scores)
    assert (found.figure, found.se) == pytest.approx(_delong_by_pairs(labels, scores), abs=1e-12)
    assert found.figure == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert (found.n, found.n_positive) == (200, labels.sum())


@pytest.mark.parametrize("grid", [0, 5])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.average_precision, average_precision_score),
        (metrics.brier, brier_score_loss),
        (metrics.log_loss, sklearn_log_loss),
    ],
)
def test_figures_equal_those_of_scikit_learn(
    ours: Callable[[Vector, Vector], Estimate], theirs: Callable[[Vector, Vector], float], grid: int
) -> None:
    labels, scores = _rows(2, grid=grid)
    assert ours(labels, scores).figure == pytest.approx(theirs(labels, scores), abs=1e-12)


def test_log_loss_of_a_sure_and_wrong_score_is_that_of_scikit_learn() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.2, 0.1, 0.0, 0.9])
    assert metrics.log_loss(labels, scores).figure == pytest.approx(sklearn_log_loss(labels, scores))


@pytest.mark.parametrize("grid", [0, 5])
def test_the_error_of_average_precision_is_the_derivative_by_each_weight(grid: int) -> None:
    labels, scores = _rows(3, grid=grid)
    nudge = 1e-5
    up, down = (
        np.array([average_precision_score(labels, scores, sample_weight=w) for w in 1 + sign * nudge * np.eye(200)])
        for sign in (1, -1)
    )
    assert metrics.average_precision(labels, scores).se == pytest.approx(
        float(np.linalg.norm((up - down) / (2 * nudge))), rel=1e-4
    )


def test_the_calibration_line_is_the_logistic_regression_of_scikit_learn() -> None:
    labels, scores = _rows(4, n=1000)
    logits = np.log(scores / (1 - scores))
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], labels)
    line = metrics.calibration_slope_intercept(labels, scores)
    assert line.slope.figure == pytest.approx(float(model.coef_[0, 0]), abs=1e-5)
    assert line.intercept.figure == pytest.approx(float(model.intercept_[0]), abs=1e-5)


def test_the_errors_of_the_calibration_line_come_from_the_curvature_of_the_log_loss() -> None:
    labels, scores = _rows(4, n=1000)
    logits = np.log(scores / (1 - scores))
    line = metrics.calibration_slope_intercept(labels, scores)

    def loss(a: float, b: float) -> float:
        chance = expit(line.intercept.figure + a + (line.slope.figure + b) * logits)
        return float(sklearn_log_loss(labels, chance, normalize=False))

    h, middle = 1e-3, loss(0, 0)
    aa = (loss(h, 0) - 2 * middle + loss(-h, 0)) / h**2
    bb = (loss(0, h) - 2 * middle + loss(0, -h)) / h**2
    ab = (loss(h, h) - loss(h, -h) - loss(-h, h) + loss(-h, -h)) / (4 * h**2)
    spread = np.sqrt(np.diag(np.linalg.inv(np.array([[aa, ab], [ab, bb]]))))
    assert (line.intercept.se, line.slope.se) == pytest.approx(tuple(spread), rel=1e-3)


def test_mean_score_minus_base_rate_and_its_error_are_those_of_a_mean() -> None:
    labels, scores = _rows(5)
    found, gaps = metrics.calibration_in_the_large(labels, scores), scores - labels
    assert found.figure == pytest.approx(gaps.mean())
    assert found.se == pytest.approx(np.std(gaps, ddof=1) / np.sqrt(200))
    assert found.interval == pytest.approx((found.figure - 1.959964 * found.se, found.figure + 1.959964 * found.se))


def test_a_perfect_order_of_a_few_rows_proves_little() -> None:
    labels = np.repeat([0, 1], [100, 4])
    found = metrics.auc(labels, np.linspace(0.1, 0.9, 104))
    assert (found.figure, found.se) == (1.0, 0.0)
    assert found.interval == pytest.approx((0.025**0.25, 1.0))
    assert metrics.auc(labels, np.linspace(0.9, 0.1, 104)).interval == pytest.approx((0.0, 1 - 0.025**0.25))


def test_a_constant_score_ranks_nothing() -> None:
    found = metrics.auc(np.repeat([0, 1], 30), np.full(60, 0.3))
    assert (found.figure, found.se, found.interval) == (0.5, 0.0, (0.5, 0.5))


def test_the_interval_of_an_auc_holds_the_truth_nineteen_times_in_twenty() -> None:
    rng, inside, draws = np.random.default_rng(6), 0, 400
    truth = 0.85
    for _ in range(draws):
        scores = np.r_[rng.normal(1.4657, 1, 60), rng.normal(0, 1, 300)]  # sqrt(2) times the normal quantile of 0.85
        low, high = metrics.auc(np.repeat([1, 0], [60, 300]), scores).interval
        inside += low <= truth <= high
    assert 0.92 <= inside / draws <= 0.98


@given(st.lists(st.tuples(st.booleans(), st.integers(-50, 50)), min_size=6, max_size=60))
def test_an_increasing_transform_changes_no_auc_and_a_reversal_mirrors_it(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([0, 0, 1, 1, *[label for label, _ in rows]], dtype=int)
    scores = np.array([2.5, 3.5, 2.5, 4.5, *[score for _, score in rows]])
    found = metrics.auc(labels, scores)
    assert metrics.auc(labels, scores**3 + 7 * scores) == found
    mirrored = metrics.auc(labels, -scores)
    assert (mirrored.figure, mirrored.se) == pytest.approx((1 - found.figure, found.se))
    assert 0 <= found.interval[0] <= found.figure <= found.interval[1] <= 1


@pytest.mark.parametrize("name", _METRICS)
@pytest.mark.parametrize(
    ("labels", "scores", "says"),
    [
        ([], [], "0 of 0 rows are positive"),
        ([0, 0, 0], [0.1, 0.2, 0.3], "0 of 3 rows are positive"),
        ([1, 1, 1], [0.1, 0.2, 0.3], "3 of 3 rows are positive"),
        ([0, 0, 1], [0.1, 0.2, 0.3], "1 of 3 rows are positive"),
        ([0, 1, 0, 1], [0.1, np.nan, 0.3, 0.4], "row 1 is not a finite number"),
        ([0, 1, 0, 1], [0.1, 0.2, np.inf, 0.4], "row 2 is not a finite number"),
        ([0, 1, np.nan, 1], [0.1, 0.2, 0.3, 0.4], "row 2 is neither 0 nor 1"),
        ([0, 1, 0, 2], [0.1, 0.2, 0.3, 0.4], "row 3 is neither 0 nor 1"),
        ([0, 1, 0, 1], [0.0, 1.0, 0.0, 0.0], "class labels"),
        ([0, 1, 0, 1], [0.1, 0.2, 0.3], "3 scores for 4 labels"),
        ([0, 1, 0, 1], [[0.1, 0.2], [0.3, 0.4]], "shape"),
        ([0, 1, 0, 1], ["a", "b", "c", "d"], "not numbers"),
    ],
)
def test_rows_that_allow_no_figure_stop_every_metric(
    name: str, labels: list[int], scores: list[float], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        _METRICS[name](np.array(labels), np.array(scores))


@pytest.mark.parametrize("name", ["brier", "log_loss", "calibration_in_the_large", "calibration_slope_intercept"])
def test_a_score_that_is_no_probability_stops_what_needs_one(name: str) -> None:
    with pytest.raises(DataError, match="scores"):
        _METRICS[name](np.array([0, 1, 0, 1]), np.array([0.1, 0.5, 0.6, 1.2]))


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        (np.full(40, 0.3), "equal"),
        (np.linspace(0.0, 0.9, 40), "strictly between"),
        (np.linspace(0.1, 0.9, 40), "separate"),
    ],
)
def test_no_calibration_line_is_made_up(scores: Vector, says: str) -> None:
    with pytest.raises(DataError, match=says):
        metrics.calibration_slope_intercept(np.repeat([0, 1], 20), scores)


def test_average_precision_of_an_order_without_a_fault_has_no_interval_to_show() -> None:
    with pytest.raises(DataError, match="every positive scores over every negative"):
        metrics.average_precision(np.repeat([0, 1], 20), np.linspace(0.1, 0.9, 40))
