from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from churn.errors import DataError, SettingsError
from churn.training.calibration import Identity, Platt, calibrator_from_json, fit_calibrator

Floats = npt.NDArray[np.float64]


def sample(count: int, slope: float, intercept: float, *, spread: float = 1.0, seed: int = 0) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    raw = random.normal(-2.0, spread, count)
    return raw, (random.random(count) < expit(slope * raw + intercept)).astype(float)


def platt(raw: Floats, labels: Floats) -> Platt:
    fitted = fit_calibrator("platt", raw, labels)
    assert isinstance(fitted, Platt)
    return fitted


@pytest.mark.parametrize(
    ("count", "slope", "intercept", "spread"),
    [
        (60, 1.0, 1.5, 1.0),
        (5000, 0.6, -1.0, 1.0),
        (5000, 1.8, 3.0, 2.0),
        (3000, 2e3, 4e3, 1e-3),
        (3000, 0.01, 0.0, 100.0),
    ],
)
def test_platt_equals_scikit_learns_logistic_regression_without_a_penalty(
    count: int, slope: float, intercept: float, spread: float
) -> None:
    raw, labels = sample(count, slope, intercept, spread=spread)
    ours = platt(raw, labels)
    scaled = (raw - raw.mean()) / raw.std()
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scaled[:, None], labels)
    np.testing.assert_allclose(ours.slope * raw.std(), oracle.coef_[0, 0], rtol=1e-5)
    np.testing.assert_allclose(ours.intercept + ours.slope * raw.mean(), oracle.intercept_[0], rtol=1e-5, atol=1e-6)


@given(st.integers(0, 10_000))
def test_at_the_likeliest_curve_the_mean_probability_is_the_base_rate(seed: int) -> None:
    raw, labels = sample(200, 1.0, 1.5, seed=seed)
    chances = platt(raw, labels).scores(raw)
    assert chances.mean() == pytest.approx(labels.mean(), abs=1e-6)
    assert (chances * raw).sum() == pytest.approx((labels * raw).sum(), abs=1e-3)


def test_two_rows_a_side_give_the_curve_worked_by_hand() -> None:
    # Half of the labels are 1 at score 0, three quarters at score 1: logits 0 and ln 3.
    ours = platt(np.array([0.0, 0.0, 1.0, 1.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose([ours.slope, ours.intercept], [np.log(3), 0.0], atol=1e-6)


@pytest.mark.parametrize("calibrator", [Identity(), Platt(slope=3.0, intercept=-1.0)])
def test_probabilities_rise_with_the_score_and_never_reach_0_or_1(calibrator: Identity | Platt) -> None:
    raw = np.array([-1e6, -800.0, -40.0, -1.0, 0.0, 1.0, 40.0, 800.0, 1e6])
    chances = calibrator.scores(raw)
    assert (np.diff(chances) >= 0).all()
    assert (np.diff(chances[2:6]) > 0).all()
    assert chances.min() > 0
    assert chances.max() < 1


def test_identity_is_the_logistic_function_worked_by_hand() -> None:
    np.testing.assert_allclose(Identity().scores(np.log([3.0, 1 / 4])), [0.75, 0.2])


@pytest.mark.parametrize("calibrator", [Identity(), Platt(slope=3.0, intercept=-1.0)])
def test_a_score_that_is_not_a_number_stays_one(calibrator: Identity | Platt) -> None:
    assert np.isnan(calibrator.scores(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("raw", "labels", "told"),
    [
        ([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 0], "falls"),
        ([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1], "separate the classes"),
        ([1.0, 2.0, 2.0, 4.0], [0, 0, 1, 1], "separate the classes"),
        ([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], "separate the classes"),
        ([2.0, 2.0, 2.0, 2.0], [1, 0, 0, 1], "all alike"),
        ([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1], "one class only"),
        ([1.0, 2.0, 3.0, 4.0], [1, 0, 1, np.nan], "not all of them finite"),
        ([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 2], "not all of them finite"),
        ([1.0, np.nan, 3.0, 4.0], [1, 0, 1, 0], "not all of them finite"),
        ([1.0, 2.0, 3.0, 4.0], [1, 0, 1], "4 scores and 3 labels"),
    ],
)
def test_rows_that_allow_no_rising_curve_are_refused(raw: list[float], labels: list[float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        fit_calibrator("platt", np.array(raw), labels)


def test_an_unknown_kind_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(SettingsError, match="did you mean 'platt'"):
        fit_calibrator("plat", np.array([0.0]), [1])


@pytest.mark.parametrize("calibrator", [Identity(), Platt(slope=1 / 3, intercept=-0.1)])
def test_a_calibrator_comes_back_from_json_as_it_was(calibrator: Any) -> None:
    assert calibrator_from_json(json.loads(json.dumps(asdict(calibrator)))) == calibrator
