"""A band holds what it says as often as it says, and never leaves its score outside."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binomtest

from churn.errors import DataError
from churn.training.bands import Bands

RNG = np.random.default_rng(3)


def test_a_classifier_s_band_is_wilson_s_interval_of_the_bin_s_rate() -> None:
    labels = np.repeat([1.0, 0.0], [30, 70])
    bands = Bands.fit(np.full(100, 0.3), labels, task="binary")
    expected = binomtest(30, 100).proportion_ci(0.95, method="wilson")
    low, high = bands.around(np.array([0.3]))
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_the_true_rate_of_a_calibrated_score_lies_in_its_band_19_times_in_20() -> None:
    held = []
    for _ in range(200):
        scores = expit(RNG.normal(-2, 1, 4000))
        bands = Bands.fit(scores, (RNG.random(4000) < scores).astype(float), task="binary")
        asked = np.array([scores[np.digitize(scores, bands.edges) == place].mean() for place in range(20)])
        low, high = (np.array(asked + np.array(end)) for end in (bands.low, bands.high))
        held.append(((low <= asked) & (asked <= high)).mean())
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)


def test_new_labels_of_a_regression_lie_in_their_bands_19_times_in_20_whatever_the_score() -> None:
    scores = RNG.exponential(50, 20_000)
    labels = scores + RNG.normal(0, 0.2 * scores + 1)
    bands = Bands.fit(scores[:10_000], labels[:10_000], task="regression")
    low, high = bands.around(scores[10_000:])
    held = (low <= labels[10_000:]) & (labels[10_000:] <= high)
    assert held.mean() == pytest.approx(0.95, abs=0.01)
    few = scores[10_000:] < np.median(scores)
    assert held[few].mean() == pytest.approx(0.95, abs=0.015)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.integers(0, 5))
def test_a_band_is_about_its_score_and_within_what_a_probability_can_be(scores: list[float], seed: int) -> None:
    found = np.array(scores)
    labels = np.random.default_rng(seed).integers(0, 2, len(found)).astype(float)
    bands = Bands.fit(found, labels, task="binary")
    low, high = bands.around(np.linspace(0, 1, 50))
    assert ((low >= 0) & (low <= np.linspace(0, 1, 50)) & (np.linspace(0, 1, 50) <= high) & (high <= 1)).all()
    assert Bands.from_json(asdict(bands)) == bands


def test_without_a_row_there_is_no_band() -> None:
    with pytest.raises(DataError, match="no test row"):
        Bands.fit(np.empty(0), np.empty(0), task="binary")
