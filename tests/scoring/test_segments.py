from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import percentileofscore

from churn.errors import SettingsError
from churn.scoring.segments import name_segments, percentiles
from churn.training.bundle import score_grid

UNIT = st.floats(0.0, 1.0)
COARSE = st.integers(0, 8).map(lambda eighths: eighths / 8)


def test_percentiles_agree_with_scipy_on_the_whole_reference() -> None:
    random = np.random.default_rng(0)
    reference, scores = random.beta(2, 8, 20_000), random.beta(2, 8, 500)
    ours = percentiles(scores, grid=score_grid(reference))
    np.testing.assert_allclose(ours, percentileofscore(reference, scores, kind="mean") / 100, atol=1e-3)


def test_tied_scores_agree_with_scipys_mean_rank() -> None:
    reference = np.repeat([0.1, 0.2, 0.5, 0.7], [3000, 5000, 1500, 500])
    ours = percentiles(np.array([0.1, 0.2, 0.5, 0.7]), grid=score_grid(reference))
    expected = percentileofscore(reference, [0.1, 0.2, 0.5, 0.7], kind="mean") / 100
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_percentiles_worked_by_hand() -> None:
    scores = np.array([-1.0, 0.0, 0.1, 0.2, 0.4, 0.8, 0.9, np.nan])
    ours = percentiles(scores, grid=[0.0, 0.2, 0.2, 0.6, 0.8])
    np.testing.assert_allclose(ours, [0.0, 0.0, 0.125, 0.375, 0.625, 1.0, 1.0, np.nan])


def test_a_reference_of_one_score_puts_it_in_the_middle() -> None:
    assert percentiles(np.array([0.1, 0.3, 0.5]), grid=[0.3] * 5).tolist() == [0.0, 0.5, 1.0]


@given(st.lists(UNIT | COARSE, min_size=2, max_size=20), st.lists(UNIT | COARSE, min_size=1))
def test_a_higher_score_never_gets_a_lower_percentile(grid: list[float], scores: list[float]) -> None:
    ours = percentiles(np.sort(scores), grid=sorted(grid))
    assert (np.diff(ours) >= 0).all()
    assert ((ours >= 0) & (ours <= 1)).all()


SEGMENTS = (("critical", 0.95), ("high", 0.8), ("rest", 0.0))


@given(st.lists(UNIT | st.sampled_from([0.8, 0.95]), max_size=20))
def test_a_segment_is_the_first_whose_share_is_reached(shares: list[float]) -> None:
    expected = [next(name for name, lowest in SEGMENTS if share >= lowest) for share in shares]
    assert name_segments(np.array(shares, dtype=np.float64), segments=SEGMENTS).to_list() == expected


@pytest.mark.parametrize(
    "segments",
    [(), (("high", 0.9),), (("rest", 0.0), ("high", 0.9)), (("a", 0.5), ("b", 0.5), ("rest", 0.0))],
)
def test_segments_that_do_not_fall_to_0_are_refused(segments: tuple[tuple[str, float], ...]) -> None:
    with pytest.raises(SettingsError):
        name_segments(np.array([0.5]), segments=segments)
