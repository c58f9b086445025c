"""What a report draws of a score is what counting by hand gives."""

from __future__ import annotations

import numpy as np
import pytest

from churn.errors import DataError
from churn.promotion.diagrams import captured, recalibrated

RNG = np.random.default_rng(3)
SCORES = RNG.choice(np.linspace(0.05, 0.95, 60), 400)
LABELS = (RNG.random(400) < SCORES).astype(int)


def by_pooling(labels: np.ndarray, scores: np.ndarray) -> dict[float, float]:
    """Pools adjacent violators, level by level, as a person would."""
    blocks: list[tuple[list[float], float, int]] = []
    for level in np.unique(scores):
        rows = labels[scores == level]
        blocks.append(([float(level)], float(rows.sum()), rows.size))
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][2] >= blocks[-1][1] / blocks[-1][2]:
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    return {level: hits / rows for levels, hits, rows in blocks for level in levels}


def test_the_recalibrated_probabilities_are_those_of_pooling_by_hand() -> None:
    curve, expected = recalibrated(LABELS, SCORES), by_pooling(LABELS, SCORES)
    assert curve.n == 400
    assert sum(curve.shares) == pytest.approx(1)
    assert curve.shares[0] == pytest.approx((SCORES < 0.1).mean())
    for score, rate in zip(curve.scores, curve.rates, strict=True):
        assert rate == pytest.approx(expected[score])
    assert list(curve.rates) == sorted(curve.rates)
    np.testing.assert_allclose(np.interp(list(expected), curve.scores, curve.rates), list(expected.values()), atol=1e-6)


def test_a_list_captures_what_counting_by_hand_gives() -> None:
    curve = captured(LABELS, SCORES)
    assert (curve.listed[0], curve.captured[0], curve.listed[-1], curve.captured[-1]) == (0, 0, 1, 1)
    for threshold in np.unique(SCORES):
        on_list = threshold <= SCORES
        at = np.interp(on_list.mean(), curve.listed, curve.captured)
        assert at == pytest.approx(LABELS[on_list].sum() / LABELS.sum(), abs=1e-9)


@pytest.mark.parametrize("curve", [recalibrated, captured])
def test_rows_of_one_class_have_no_curve(curve: object) -> None:
    with pytest.raises(DataError, match="class"):
        curve(np.ones(5), np.linspace(0, 1, 5))  # type: ignore[operator]


def test_many_rows_are_few_points() -> None:
    scores = RNG.random(20_000)
    labels = (RNG.random(20_000) < scores).astype(int)
    assert len(captured(labels, scores).listed) <= 200
    assert len(recalibrated(labels, scores).scores) <= 200
