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
from churn.training.encoding import Floats


def test_a_classifier_s_band_is_wilson_s_interval_of_the_bin_s_rate() -> None:
    labels = np.repeat([1.0, 0.0], [30, 70])
    bands = Bands.fit(np.full(100, 0.3), labels, task="binary")
    expected = binomtest(30, 100).proportion_ci(0.95, method="wilson")
    low, high = bands.around(np.array([0.3]))
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_the_true_rate_of_a_calibrated_score_lies_in_its_band_19_times_in_20() -> None:
    random, held = np.random.default_rng(3), []
    for _ in range(200):
        scores = expit(random.normal(-2, 1, 4000))
        bands = Bands.fit(scores, (random.random(4000) < scores).astype(float), task="binary")
        asked = np.array([scores[np.digitize(scores, bands.edges) == place].mean() for place in range(20)])
        low, high = (np.array(asked + np.array(end)) for end in (bands.low, bands.high))
        held.append(((low <= asked) & (asked <= high)).mean())
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)


def test_new_labels_of_a_regression_lie_in_their_bands_19_times_in_20_whatever_the_score() -> None:
    random = np.random.default_rng(4)
    scores = random.exponential(50, 20_000)
    labels = scores + random.normal(0, 0.2 * scores + 1)
    bands = Bands.fit(scores[:10_000], labels[:10_000], task="regression")
    low, high = bands.around(scores[10_000:])
    held = (low <= labels[10_000:]) & (labels[10_000:] <= high)
    assert held.mean() == pytest.approx(0.95, abs=0.01)
    few = scores[10_000:] < np.median(scores)
    assert held[few].mean() == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("scores", "counts"),
    [
        (np.arange(2000.0), [100] * 20),
        (np.arange(199.0), [199]),
        (np.zeros(500), [500]),
        (np.repeat([0.0, 0.1], [1, 999]), [1000]),
        (np.repeat([0.1, 0.2, 0.3, 0.4], [499, 2, 300, 199]), [499, 302, 199]),
    ],
    ids=["even", "few", "one score", "one below a heap", "two between heaps"],
)
def test_no_bin_has_under_100_rows_however_the_scores_heap_up(scores: Floats, counts: list[int]) -> None:
    bands = Bands.fit(scores, scores, task="regression")
    assert np.bincount(np.searchsorted(bands.edges, scores, side="right")).tolist() == counts


def test_a_regression_s_band_is_the_1st_and_the_39th_of_39_residuals_of_which_one_in_20_more_lies_outside() -> None:
    bands = Bands.fit(np.zeros(39), np.random.default_rng(5).permutation(39.0 + np.arange(39)), task="regression")
    assert (bands.low, bands.high) == ((39.0,), (77.0,))
    more = Bands.fit(np.zeros(79), np.arange(79.0), task="regression")
    assert (more.low, more.high) == ((1.0,), (77.0,))


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
