"""Oracles: scikit-learn's areas and curves, Wilson's formula by hand, bins counted one by one."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import auc as area
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from churn.errors import DataError
from churn.promotion import curves
from churn.promotion.metrics import Vector


def _rows(n: int, *, seed: int = 1, grid: int = 0) -> tuple[Vector, Vector]:
    rng = np.random.default_rng(seed)
    scores = expit(rng.normal(-2, 1.2, n))
    labels = (rng.random(n) < scores).astype(int)
    return labels, (np.ceil(scores * grid) / (grid + 1) if grid else scores)


def _farthest(points: npt.NDArray[np.float64], line: npt.NDArray[np.float64]) -> float:
    """The largest distance of any point from its nearest piece of the line."""
    nearest = np.full(len(points), np.inf)
    for start, end in pairwise(line):
        way = end - start
        along = np.clip((points - start) @ way / max(way @ way, 1e-300), 0, 1)[:, None]
        nearest = np.minimum(nearest, np.linalg.norm(points - start - along * way, axis=1))
    return float(nearest.max())


@pytest.mark.parametrize("n", [100, 50_000])
def test_the_area_under_the_roc_curve_is_the_auc(n: int) -> None:
    labels, scores = _rows(n)
    found = curves.roc(labels, scores)
    assert area(found.false_positive_rates, found.true_positive_rates) == pytest.approx(
        roc_auc_score(labels, scores), abs=5e-4
    )
    assert (found.n, found.n_positive) == (n, labels.sum())


@pytest.mark.parametrize("n", [100, 50_000])
def test_the_area_under_the_precision_recall_curve_is_the_average_precision(n: int) -> None:
    labels, scores = _rows(n)
    found = curves.precision_recall(labels, scores)
    assert area(found.recalls, found.precisions) == pytest.approx(average_precision_score(labels, scores), abs=5e-4)
    assert (found.n, found.n_positive) == (n, labels.sum())


def test_areas_are_exact_where_nothing_has_to_bethinned() -> None:
    labels, scores = _rows(300, grid=8)
    roc, pr = curves.roc(labels, scores), curves.precision_recall(labels, scores)
    assert area(roc.false_positive_rates, roc.true_positive_rates) == pytest.approx(roc_auc_score(labels, scores))
    assert area(pr.recalls, pr.precisions) == pytest.approx(average_precision_score(labels, scores))


def test_a_thinned_curve_keeps_its_shape() -> None:
    labels, scores = _rows(50_000)
    roc, pr = curves.roc(labels, scores), curves.precision_recall(labels, scores)
    across, up, _ = roc_curve(labels, scores, drop_intermediate=False)
    precisions, recalls, _ = precision_recall_curve(labels, scores)
    assert 150 < len(roc.false_positive_rates) <= 200
    assert 150 < len(pr.recalls) <= 200
    thin = np.column_stack([roc.false_positive_rates, roc.true_positive_rates])
    assert _farthest(np.column_stack([across, up]), thin) < 0.002
    thin = np.column_stack([pr.recalls, pr.precisions])
    assert _farthest(np.column_stack([recalls, precisions])[:-1], thin) < 0.01


def test_every_point_of_a_curve_is_one_of_scikit_learn() -> None:
    labels, scores = _rows(5_000)
    found = curves.roc(labels, scores)
    across, up, _ = roc_curve(labels, scores, drop_intermediate=False)
    theirs = set(zip(across.tolist(), up.tolist(), strict=True))
    ours = list(zip(found.false_positive_rates, found.true_positive_rates, strict=True))
    assert set(ours) <= theirs
    assert (ours[0], ours[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert ours == sorted(ours)


def test_precision_at_recall_zero_is_that_of_the_highest_score_not_a_gift() -> None:
    labels, scores = np.array([1, 0, 0, 1, 0]), np.array([0.9, 0.9, 0.5, 0.4, 0.1])
    found = curves.precision_recall(labels, scores)
    assert (found.recalls[0], found.precisions[0]) == (0.0, 0.5)


def test_a_score_whose_top_finds_nobody_starts_at_precision_zero() -> None:
    labels = np.repeat([0, 1, 0], [30, 5, 30])
    found = curves.precision_recall(labels, np.linspace(0.9, 0.1, 65))
    assert (found.recalls[0], found.precisions[0]) == (0.0, 0.0)
    assert max(found.precisions) == pytest.approx(5 / 35)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([0, 3, 20]))
def test_the_order_of_rows_changes_no_curve(seed: int, grid: int) -> None:
    labels, scores = _rows(60, seed=seed, grid=grid)
    shuffled = np.random.default_rng(seed).permutation(60)
    if min(labels.sum(), 60 - labels.sum()) < 2:
        return
    for curve in (curves.roc, curves.precision_recall, curves.reliability, curves.predicted_against_observed):
        assert curve(labels, scores) == curve(labels[shuffled], scores[shuffled])


def test_bins_hold_equally_many_rows_and_their_means() -> None:
    labels, scores = _rows(1003)
    found = curves.reliability(labels, scores, bins=10)
    assert found.n == 1003
    assert {group.n for group in found.bins} <= {100, 101}
    order, start = np.argsort(scores), 0
    for group in found.bins:
        rows = order[start : start + group.n]
        start += group.n
        assert group.mean_score == pytest.approx(scores[rows].mean())
        assert group.observed == pytest.approx(labels[rows].mean())


def test_rows_of_one_score_are_never_parted() -> None:
    scores = np.repeat([0.1, 0.2, 0.3, 0.4], [55, 5, 20, 20])
    labels = np.arange(100) % 2
    found = curves.reliability(labels, scores, bins=4)
    assert [group.n for group in found.bins] == [55, 25, 20]
    assert [group.mean_score for group in found.bins] == pytest.approx([0.1, 0.28, 0.4])


def test_rows_of_one_score_go_where_the_middle_of_them_lies() -> None:
    scores, labels = np.repeat([0.1, 0.2, 0.3], [40, 50, 10]), np.arange(100) % 2
    assert [group.n for group in curves.reliability(labels, scores, bins=2).bins] == [40, 60]


def test_the_interval_of_a_rate_is_the_one_of_wilson() -> None:
    found = curves.reliability(np.repeat([0, 1, 0, 1], [95, 5, 40, 60]), np.repeat([0.1, 0.7], 100), bins=2)
    z, n = 1.959963984540054, 100
    for group, k in zip(found.bins, (5, 60), strict=True):
        centre = (k + z * z / 2) / (n + z * z)
        reach = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
        assert group.interval == pytest.approx((centre - reach, centre + reach), abs=1e-9)


def test_the_interval_of_a_mean_is_the_one_of_student() -> None:
    found = curves.predicted_against_observed(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.arange(5.0), bins=1).bins[0]
    # worked by hand: mean 3, sd √2.5, t(0.975, 4) = 2.776445
    assert found.interval == pytest.approx((3 - 2.776445 * math.sqrt(0.5), 3 + 2.776445 * math.sqrt(0.5)), abs=1e-5)
    assert found.mean_score == 2.0


def test_a_bin_of_one_row_has_no_interval() -> None:
    found = curves.predicted_against_observed(np.array([1.0, 2.0]), np.array([0.0, 1.0]), bins=2)
    assert [group.interval for group in found.bins] == [None, None]


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4]), ([0, 1, 0, 1], [0.1, np.nan, 0.3, 0.4])],
)
def test_rows_that_allow_no_figure_allow_no_curve(labels: list[int], scores: list[float]) -> None:
    for curve in (curves.roc, curves.precision_recall, curves.reliability):
        with pytest.raises(DataError):
            curve(np.array(labels), np.array(scores))


def test_scores_that_are_no_probabilities_have_no_reliability() -> None:
    with pytest.raises(DataError, match="to 3"):
        curves.reliability(np.array([0, 1, 0, 1]), np.array([0.0, 1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("observed", "predicted"), [([1.0], [1.0, 2.0]), ([], []), ([np.inf], [1.0]), ([[1.0]], [[1.0]])]
)
def test_predictions_that_cannot_be_compared_are_refused(observed: list[float], predicted: list[float]) -> None:
    with pytest.raises(DataError):
        curves.predicted_against_observed(np.array(observed), np.array(predicted))
