from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit
from scipy.stats import norm
from sklearn.metrics import brier_score_loss

from churn.errors import DataError, SettingsError
from churn.training.calibration import fit_calibrator
from churn.training.calibration_choice import Choice, Trial, choose_calibrator
from churn.training.hashing import buckets

Floats = npt.NDArray[np.float64]
Rows = tuple[Floats, Floats, npt.NDArray[np.int64]]
Truth = Callable[[Floats], Any]


def half_as_steep(raw: Floats) -> Any:
    return expit(0.5 * raw - 1.0)


def plateaus(raw: Floats) -> Any:
    return np.where(raw < -1.0, 0.1, 0.5)


def rows(count: int, truth: Truth = expit, *, seed: int = 0, copies: int = 1) -> Rows:
    """Each of `count` customers in as many equal rows as `copies`."""
    random = np.random.default_rng(seed)
    raw = random.normal(-2.0, 1.0, count)
    labels = (random.random(count) < truth(raw)).astype(float)
    return np.repeat(raw, copies), np.repeat(labels, copies), np.repeat(random.permutation(count) - 10, copies)


def choose(asked: Rows, kind: str = "auto") -> Choice:
    raw, labels, customers = asked
    return choose_calibrator(kind, raw, labels, customers=customers)


def bounds(trial: Trial) -> Floats:
    """The gain, its lower end, the bound that decides and its upper end."""
    low, high = trial.interval or (np.nan, np.nan)
    return np.array([trial.gain, low, trial.gain_at_least, high], dtype=np.float64)


@pytest.mark.parametrize("copies", [1, 5])
def test_calibrated_scores_stay_as_they_are_in_nine_of_ten_samples(copies: int) -> None:
    kinds = Counter(choose(rows(600, seed=seed, copies=copies)).kind for seed in range(40))
    assert kinds["none"] >= 36, kinds


def test_a_logistic_distortion_calls_for_platt() -> None:
    kinds = Counter(choose(rows(4000, half_as_steep, seed=seed)).kind for seed in range(10))
    assert kinds["platt"] >= 9, kinds


def test_plateaus_call_for_isotonic() -> None:
    kinds = Counter(choose(rows(4000, plateaus, seed=seed)).kind for seed in range(10))
    assert kinds["isotonic"] >= 9, kinds


@pytest.mark.parametrize("seed", range(3))
def test_equal_rows_of_a_customer_add_no_certainty(seed: int) -> None:
    one, many = (choose(rows(1500, half_as_steep, seed=seed, copies=copies)).trials[1] for copies in (1, 30))
    np.testing.assert_allclose(bounds(many), bounds(one), rtol=1e-3)


def test_a_trial_is_the_brier_score_on_folds_of_customers_that_the_curve_never_saw() -> None:
    raw, labels, customers = rows(2000, half_as_steep, copies=2)
    folds, scores = buckets(customers, 5, draw=1), np.empty(len(raw))
    for fold in range(5):
        fitted = fit_calibrator("platt", raw[folds != fold], labels[folds != fold])
        scores[folds == fold] = fitted.scores(raw[folds == fold])
    none, platt, _ = choose((raw, labels, customers)).trials
    assert none.brier == pytest.approx(brier_score_loss(labels, expit(raw)), rel=1e-12)
    assert platt.brier == pytest.approx(brier_score_loss(labels, scores), rel=1e-9)
    assert none.brier is not None
    assert platt.brier is not None
    assert platt.gain == pytest.approx(none.brier - platt.brier, rel=1e-9)


def test_the_interval_of_the_gain_is_the_normal_one_where_customers_are_many() -> None:
    raw, labels, customers = rows(20_000, half_as_steep)
    _, platt, _ = choose((raw, labels, customers)).trials
    later = fit_calibrator("platt", raw, labels).scores(raw)
    gains = (expit(raw) - labels) ** 2 - (later - labels) ** 2
    error = gains.std() / np.sqrt(len(gains))
    np.testing.assert_allclose(bounds(platt)[1:] - bounds(platt)[0], norm.ppf([0.025, 0.05, 0.975]) * error, rtol=0.12)


def test_the_interval_is_that_of_a_ratio_where_some_customers_have_many_more_rows() -> None:
    raw, labels, customers = rows(3000, lambda score: expit(0.5 * score + 3.0))
    copies = np.where(np.arange(3000) % 10 == 0, 30, 1)
    platt = choose((raw.repeat(copies), labels.repeat(copies), customers.repeat(copies))).trials[1]
    later = fit_calibrator("platt", raw.repeat(copies), labels.repeat(copies)).scores(raw)
    gains = (expit(raw) - labels) ** 2 - (later - labels) ** 2
    # The linearised error of a ratio of sums over customers.
    error = np.sqrt(np.sum((copies * (gains - np.average(gains, weights=copies))) ** 2)) / copies.sum()
    np.testing.assert_allclose(bounds(platt)[[1, 3]] - bounds(platt)[0], norm.ppf([0.025, 0.975]) * error, rtol=0.15)


def test_each_kind_is_held_against_the_best_of_the_simpler_ones() -> None:
    distorted, calibrated = choose(rows(4000, half_as_steep)), choose(rows(4000))
    assert [(t.kind, t.against) for t in distorted.trials] == [("none", None), ("platt", "none"), ("isotonic", "platt")]
    assert [(t.kind, t.against) for t in calibrated.trials] == [("none", None), ("platt", "none"), ("isotonic", "none")]


@pytest.mark.parametrize("truth", [expit, half_as_steep, plateaus])
def test_the_choice_is_fitted_on_all_rows(truth: Truth) -> None:
    asked = rows(4000, truth)
    found = choose(asked)
    assert found.n == 4000
    np.testing.assert_allclose(
        found.calibrator.scores(asked[0]), fit_calibrator(found.kind, asked[0], asked[1]).scores(asked[0]), rtol=1e-6
    )


@pytest.mark.parametrize("truth", [expit, half_as_steep, plateaus])
def test_the_same_rows_in_another_order_give_the_same_choice(truth: Truth) -> None:
    raw, labels, customers = rows(1000, truth, copies=2)
    order = np.random.default_rng(1).permutation(len(raw))
    assert choose((raw[order], labels[order], customers[order])) == choose((raw, labels, customers))


@pytest.mark.parametrize("kind", ["none", "platt", "isotonic"])
def test_a_fixed_kind_is_taken_whatever_the_trials_say(kind: str) -> None:
    asked = rows(4000, half_as_steep)
    assert choose(asked, kind) == replace(choose(asked), kind=kind, calibrator=choose(asked, kind).calibrator)
    assert choose(asked, kind).calibrator.kind == kind


def test_too_few_customers_of_a_label_leave_the_scores_as_they_are_and_it_is_told() -> None:
    raw, labels, customers = rows(2000, half_as_steep, copies=3)
    ones = np.unique(customers[labels == 1])
    kept = (labels == 0) | np.isin(customers, ones[:49])
    found = choose((raw[kept], labels[kept], customers[kept]))
    told = f"{2000 - len(ones)} customers with label 0 and 49 with label 1, expected at least 50 of each"
    assert (found.kind, [trial.refused for trial in found.trials]) == ("none", [None, told, told])
    kept = (labels == 0) | np.isin(customers, ones[:50])
    assert [t.refused for t in choose((raw[kept], labels[kept], customers[kept])).trials] == [None] * 3


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_leaves_the_scores_as_they_are(label: float) -> None:
    raw, labels, customers = rows(200)
    found = choose((raw, np.full_like(labels, label), customers))
    assert found.kind == "none"
    assert "0 with label 1" in str(found.trials[1].refused) or "0 customers with label 0" in str(
        found.trials[1].refused
    )


def test_a_kind_that_cannot_be_fitted_is_out_and_the_others_go_on() -> None:
    raw, _, customers = rows(2000)
    found = choose((raw, (raw > -2.0).astype(float), customers))
    assert "separate the classes" in str(found.trials[1].refused)
    assert (found.kind, found.trials[2].against) == ("isotonic", "none")


def test_scores_that_fall_with_the_label_leave_the_scores_as_they_are() -> None:
    raw, labels, customers = rows(4000)
    found = choose((-raw, labels, customers))
    assert "falls" in str(found.trials[1].refused)
    assert found.trials[1].brier is None
    assert found.kind != "platt"


def test_a_choice_survives_json() -> None:
    for asked in (rows(1000, half_as_steep), rows(50)):
        fields = asdict(choose(asked))
        assert json.loads(json.dumps(fields, allow_nan=False))["trials"][0]["kind"] == "none"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((np.array([0.0, np.nan]), np.array([0.0, 1.0]), np.array([1, 2])), "not all of them finite"),
        ((np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.array([1, 2])), "labels 0 or 1"),
        ((np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([1])), "2 scores and 1 customers"),
        ((np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)), "0 scores and 0 customers"),
    ],
)
def test_rows_that_are_none_are_refused(asked: Rows, told: str) -> None:
    with pytest.raises(DataError, match=told):
        choose(asked)


def test_a_fixed_kind_that_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(DataError, match="one class only"):
        choose((np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.array([1, 2])), "platt")


@pytest.mark.parametrize(
    ("kind", "told"),
    [("autp", "did you mean 'auto'"), ("isotonc", "did you mean 'isotonic'"), ("plain", "no kind 'plain'")],
)
def test_a_kind_that_does_not_exist_is_refused(kind: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        choose(rows(100), kind)
