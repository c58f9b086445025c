"""Oracles: the covariance of two AUCs from all pairs, and a simulation of models that are equally good."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from churn.errors import DataError
from churn.promotion.comparison import compare_auc
from churn.promotion.metrics import Vector, auc


def _two_models(seed: int, n: int = 400, *, gain: float = 0.0) -> tuple[Vector, Vector, Vector]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.2).astype(int)
    shared = rng.normal(0, 1, n)
    challenger, champion = (labels * (1.2 + g) + 0.7 * shared + 0.7 * rng.normal(0, 1, n) for g in (gain, 0.0))
    return labels, challenger, champion


def _wins(labels: Vector, scores: Vector) -> Vector:
    gaps = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return np.asarray((gaps > 0) + 0.5 * (gaps == 0))


@pytest.mark.parametrize("digits", [9, 0])
def test_the_error_of_a_difference_equals_variances_less_twice_the_covariance_of_all_pairs(digits: int) -> None:
    labels, challenger, champion = _two_models(1)
    challenger, champion = np.round(challenger, digits), np.round(champion, digits)
    one, other = _wins(labels, challenger), _wins(labels, champion)
    by_positive = np.cov(one.mean(axis=1), other.mean(axis=1)) / one.shape[0]
    by_negative = np.cov(one.mean(axis=0), other.mean(axis=0)) / one.shape[1]
    covariance = by_positive + by_negative
    found = compare_auc(labels, challenger=challenger, champion=champion)
    assert found.se == pytest.approx(np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]), abs=1e-12)
    assert found.difference == pytest.approx(auc(labels, challenger).figure - auc(labels, champion).figure)
    assert found.p_value == pytest.approx(norm.sf(found.difference / found.se))


def test_two_equally_good_models_are_called_superior_at_the_nominal_rate_and_half_the_time_by_a_bare_comparison() -> (
    None
):
    found = [compare_auc(y, challenger=a, champion=b) for y, a, b in (_two_models(s, n=2000) for s in range(300))]
    by_test = float(np.mean([f.p_value < 0.05 for f in found]))
    by_figure = float(np.mean([f.difference >= 0 for f in found]))
    assert 0.025 <= by_test <= 0.085
    assert 0.42 <= by_figure <= 0.58


def test_the_smallest_effect_is_the_gain_that_is_seen_four_times_in_five() -> None:
    gain = 0.16
    found = [
        compare_auc(y, challenger=a, champion=b) for y, a, b in (_two_models(s, 1500, gain=gain) for s in range(300))
    ]
    share = np.mean([f.p_value < 0.05 for f in found])
    expected = np.mean([f.difference for f in found]) / np.mean([f.smallest_effect(0.05) for f in found])
    power = norm.cdf(expected * (norm.ppf(0.95) + norm.ppf(0.8)) - norm.ppf(0.95))
    assert share == pytest.approx(power, abs=0.08)
    assert found[0].smallest_effect(0.05) == pytest.approx((norm.ppf(0.95) + norm.ppf(0.8)) * found[0].se)


def test_the_same_ranking_twice_is_never_better_whatever_its_scale() -> None:
    labels, scores, _ = _two_models(2)
    for champion in (scores, 3 * scores - 1, np.exp(scores)):
        found = compare_auc(labels, challenger=scores, champion=champion)
        assert (found.difference, found.se, found.p_value) == (0.0, 0.0, 1.0)


def test_swapping_the_models_mirrors_the_answer() -> None:
    labels, challenger, champion = _two_models(3)
    found = compare_auc(labels, challenger=challenger, champion=champion)
    mirrored = compare_auc(labels, challenger=champion, champion=challenger)
    assert (mirrored.difference, mirrored.se) == pytest.approx((-found.difference, found.se))
    assert mirrored.p_value == pytest.approx(1 - found.p_value)


def test_a_champion_that_scores_nan_is_an_error_and_no_absent_champion() -> None:
    labels, challenger, champion = _two_models(4)
    champion[7] = np.nan
    with pytest.raises(DataError, match="row 7"):
        compare_auc(labels, challenger=challenger, champion=champion)
