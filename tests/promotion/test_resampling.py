"""Customers are drawn, not rows; a replicate without a figure is left out, and too many of them are an error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from churn.errors import DataError
from churn.promotion.resampling import Resampling, mean_of

CUSTOMERS = np.array([0, 0, 0, 1, 2, 2])


def test_all_rows_of_a_customer_come_and_go_together_and_as_many_are_drawn_as_there_are() -> None:
    drawn = list(Resampling(replicates=50, seed=2).weights(CUSTOMERS))
    assert len(drawn) == 50
    for weights in drawn:
        assert len({*weights[:3]}) == len({*weights[4:]}) == 1
        assert weights[[0, 3, 4]].sum() == 3
    assert len({tuple(weights) for weights in drawn}) > 5


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    first, again, other = ([w.tolist() for w in Resampling(replicates=5, seed=s).weights(CUSTOMERS)] for s in (1, 1, 2))
    assert first == again != other


def test_a_replicate_without_a_figure_is_left_out() -> None:
    whole = mean_of(np.arange(40.0))
    seen: list[float] = []

    def sometimes(weights: np.ndarray) -> float:
        seen.append(whole(weights))
        return math.nan if len(seen) % 4 == 0 else seen[-1]

    [error] = Resampling(replicates=100).errors([sometimes], np.arange(40))
    assert error == pytest.approx(np.std([one for place, one in enumerate(seen, 1) if place % 4], ddof=1))


def test_too_few_replicates_with_a_figure_are_an_error() -> None:
    with pytest.raises(DataError, match="0 of 10 resamples"):
        Resampling(replicates=10).errors([lambda _: math.nan], np.arange(4))


def test_a_figure_that_never_moves_has_an_error_of_exactly_0() -> None:
    assert Resampling(replicates=20).errors([mean_of(np.full(30, 0.1))], np.arange(30)) == [0.0]
