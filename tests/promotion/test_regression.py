from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from churn.errors import DataError
from churn.promotion.metrics import Estimate
from churn.promotion.regression import mae, r2, rmse

Metric = Callable[..., Estimate]


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.gamma(2.0, 10.0, n)
    return scores + random.normal(0, 5 + scores / 4), scores


@pytest.mark.parametrize(
    ("metric", "oracle"), [(rmse, root_mean_squared_error), (mae, mean_absolute_error), (r2, r2_score)]
)
@pytest.mark.parametrize("n", [2, 3, 500])
def test_figures_are_those_of_scikit_learn(metric: Metric, oracle: Callable[..., float], n: int) -> None:
    labels, scores = rows(n, seed=n)
    found = metric(labels, scores)
    assert found.figure == pytest.approx(oracle(labels, scores), rel=1e-12)
    assert (found.n, found.n_positive) == (n, None)


@pytest.mark.parametrize("metric", [rmse, mae, r2])
def test_the_standard_error_is_the_spread_over_many_samples(metric: Metric) -> None:
    found = [metric(*rows(400, seed)) for seed in range(600)]
    spread = np.std([one.figure for one in found])
    assert np.mean([one.se for one in found]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("metric", [rmse, mae, r2])
def test_the_interval_covers_the_truth_about_19_times_in_20(metric: Metric) -> None:
    truth = metric(*rows(1_000_000, seed=10_000)).figure
    intervals = [metric(*rows(800, seed)).interval for seed in range(400)]
    covered = sum(low <= truth <= high for low, high in intervals)
    assert 0.90 < covered / 400 < 0.985


def test_perfect_predictions_have_no_error_and_explain_all() -> None:
    labels = np.array([1.0, 5.0, 9.0])
    assert (rmse(labels, labels).figure, mae(labels, labels).figure, r2(labels, labels).figure) == (0.0, 0.0, 1.0)
    assert rmse(labels, labels).se == 0.0


def test_the_mean_explains_nothing_and_worse_predictions_less() -> None:
    labels = np.array([1.0, 5.0, 9.0])
    assert r2(labels, np.full(3, 5.0)).figure == pytest.approx(0.0)
    assert r2(labels, -labels).figure < -1


@pytest.mark.parametrize("metric", [rmse, mae, r2])
@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([1.0, 2.0], [1.0]),
        ([1.0], [1.0]),
        ([1.0, math.nan], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, math.inf]),
        ([[1.0], [2.0]], [[1.0], [2.0]]),
    ],
)
def test_rows_without_a_figure_are_refused(metric: Metric, labels: list[float], scores: list[float]) -> None:
    with pytest.raises(DataError, match="regression metrics"):
        metric(np.array(labels), np.array(scores))


def test_labels_that_are_all_equal_have_no_variance_to_explain() -> None:
    with pytest.raises(DataError, match="3 labels, all of them 2"):
        r2(np.full(3, 2.0), np.array([1.0, 2.0, 3.0]))
