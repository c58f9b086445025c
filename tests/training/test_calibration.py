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
from scipy.stats import rankdata
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from churn.errors import DataError, SettingsError
from churn.training.calibration import (
    Calibrator,
    Curve,
    Exponential,
    Identity,
    Isotonic,
    Plain,
    Platt,
    calibrator_from_json,
    fit_calibrator,
)

Floats = npt.NDArray[np.float64]

STEPS = Isotonic(knots=(-1.0, 0.0, 0.5, 3.0), chances=(0.1, 0.1, 1 / 3, 1 / 3))
CURVES = [Identity(), Platt(slope=3.0, intercept=-1.0), STEPS]
CALIBRATORS = [*CURVES, Plain(), Exponential()]


def sample(count: int, slope: float, intercept: float, *, spread: float = 1.0, seed: int = 0) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    raw = random.normal(-2.0, spread, count)
    return raw, (random.random(count) < expit(slope * raw + intercept)).astype(float)


def platt(raw: Floats, labels: Floats) -> Platt:
    fitted = fit_calibrator("platt", raw, labels)
    assert isinstance(fitted, Platt)
    return fitted


def isotonic(raw: Floats, labels: Floats) -> Isotonic:
    fitted = fit_calibrator("isotonic", raw, labels)
    assert isinstance(fitted, Isotonic)
    return fitted


@st.composite
def rising_rows(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Rows with ties whose highest score has label 1 and whose lowest has label 0, so that a rising curve exists."""
    grid = st.integers(-40, 40).map(lambda steps: steps / 8)
    rows = draw(st.lists(st.tuples(grid, st.booleans()), max_size=60))
    raw, labels = zip((-5.5, False), *rows, (5.5, True), strict=True)
    return np.array(raw), np.array(labels, dtype=float)


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


@pytest.mark.parametrize("calibrator", CURVES)
def test_probabilities_rise_with_the_score_and_never_reach_0_or_1(calibrator: Curve) -> None:
    raw = np.array([-1e6, -800.0, -40.0, -1.0, 0.0, 1.0, 40.0, 800.0, 1e6])
    chances = calibrator.scores(raw)
    assert (np.diff(chances) >= 0).all()
    assert (np.diff(chances[2:6]) > 0).all()
    assert chances.min() > 0
    assert chances.max() < 1


def test_identity_is_the_logistic_function_worked_by_hand() -> None:
    np.testing.assert_allclose(Identity().scores(np.log([3.0, 1 / 4])), [0.75, 0.2])


@pytest.mark.parametrize("calibrator", CALIBRATORS)
def test_a_score_that_is_not_a_number_stays_one(calibrator: Calibrator) -> None:
    assert np.isnan(calibrator.scores(np.array([0.0, np.nan]))).tolist() == [False, True]


@pytest.mark.parametrize("calibrator", CALIBRATORS)
def test_no_row_gives_no_score(calibrator: Calibrator) -> None:
    assert calibrator.scores(np.empty(0)).shape == (0,)


@given(rising_rows())
def test_isotonic_equals_scikit_learns_with_the_margin_but_for_the_tilt(rows: tuple[Floats, Floats]) -> None:
    raw, labels = rows
    margin = 0.5 / len(raw)
    oracle = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip").fit(raw, labels)
    asked = np.concatenate([raw, np.linspace(-8.0, 8.0, 101)])
    expected, found = oracle.predict(asked), isotonic(raw, labels).scores(asked)
    np.testing.assert_allclose(found, expected, rtol=1.01e-5)
    assert (found < expected).all()


def test_isotonic_steps_and_the_lines_between_them_worked_by_hand() -> None:
    # Scores 2 and 3 fall (1, 0) and pool to 1/2; of the two rows at score 4 one is 1: 1/2 again; 6 rows leave 1/12.
    ours = isotonic(np.array([1.0, 2.0, 3.0, 4.0, 4.0, 6.0]), np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0]))
    assert ours.knots == (1.0, 2.0, 4.0, 6.0)
    np.testing.assert_allclose(ours.chances, [1 / 12, 1 / 2, 1 / 2, 11 / 12])
    np.testing.assert_allclose(ours.scores(np.array([1.5, 5.0])), [7 / 24, 17 / 24], rtol=1e-5)


@given(rising_rows(), st.lists(st.floats(-100.0, 100.0, allow_nan=False), max_size=20))
def test_isotonic_never_swaps_two_rows_however_near(rows: tuple[Floats, Floats], more: list[float]) -> None:
    fitted = isotonic(*rows)
    near = np.concatenate([np.array(fitted.knots) + steps * 2.0**-51 for steps in range(-8, 9)])
    scores = fitted.scores(np.sort(np.concatenate([near, more])))
    assert (np.diff(scores) >= 0).all()
    assert scores[0] > 0
    assert scores[-1] < 1


@pytest.mark.parametrize(
    "fitted",
    [
        Isotonic(knots=(-5.0, 0.75, 2.0), chances=(1 / 42, 14 / 41, 14 / 41)),
        Isotonic(knots=(-4.5, 1.125, 2.0), chances=(71 / 241, 10 / 11, 10 / 11)),
    ],
)
def test_isotonic_never_swaps_rows_at_a_knot_that_a_line_overshoots_by_a_rounding_error(fitted: Isotonic) -> None:
    knot = fitted.knots[1]
    near: Floats = knot - 2.0**-53 * np.arange(32.0, -1.0, -1.0)
    assert (np.interp(near, fitted.knots, fitted.chances) > fitted.chances[1]).any()
    assert (np.diff(fitted.scores(near)) >= 0).all()


@given(rising_rows(), st.integers(-55, 55))
def test_isotonic_scores_tell_apart_what_raw_scores_tell_apart(rows: tuple[Floats, Floats], start: int) -> None:
    # Neighbours 1e-8 of the knots' range (11) apart, also on flat steps and up to nine half ranges outside.
    raw: Floats = start + 1.1e-7 * np.arange(20.0)
    assert (np.diff(isotonic(*rows).scores(raw)) > 0).all()


@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e3])
def test_isotonic_leaves_the_auc_as_it_was_in_spite_of_its_flat_steps(spread: float) -> None:
    raw, labels = sample(20_000, 1.0, 0.0)
    raw[::7] = raw[::7].round(1)
    raw *= spread
    later, scores = isotonic(raw[:10_000], labels[:10_000]), raw[10_000:]
    assert len(later.knots) < 200
    assert roc_auc_score(labels[10_000:], later.scores(scores)) == roc_auc_score(labels[10_000:], scores)
    assert np.array_equal(rankdata(later.scores(scores)), rankdata(scores))


@pytest.mark.parametrize(
    ("raw", "labels", "told"),
    [
        ([1.0, 2.0, 3.0], [1, 1, 1], "one class only"),
        ([1.0, 2.0, 3.0], [0, 0, 0], "one class only"),
        ([], [], "one class only"),
        ([2.0, 2.0, 2.0], [0, 1, 0], "all alike"),
        ([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], "higher ones go with fewer labels 1"),
        ([1.0, np.inf, 3.0], [0, 1, 0], "not all of them finite"),
    ],
)
def test_rows_that_allow_no_rising_steps_are_refused(raw: list[float], labels: list[float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        fit_calibrator("isotonic", np.array(raw), labels)


def test_links_are_the_inverse_functions_worked_by_hand() -> None:
    raw = np.array([-800.0, 0.0, np.log(2.5), 800.0])
    assert Plain().scores(raw).tolist() == raw.tolist()
    np.testing.assert_allclose(Exponential().scores(raw), [0.0, 1.0, 2.5, np.inf])


@pytest.mark.parametrize("kind", ["plain", "exponential"])
def test_a_classifiers_curve_cannot_be_a_regressions_link(kind: str) -> None:
    with pytest.raises(SettingsError, match=f"no kind '{kind}'"):
        fit_calibrator(kind, np.array([0.0, 1.0]), [0, 1])


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


@pytest.mark.parametrize("calibrator", CALIBRATORS)
def test_a_calibrator_comes_back_from_json_as_it_was(calibrator: Any) -> None:
    assert calibrator_from_json(json.loads(json.dumps(asdict(calibrator)))) == calibrator
