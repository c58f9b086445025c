"""The label-free estimate against every outcome there is, against draws, and against pairs counted one by one."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from churn.drift.cbpe import Levels, expected, levels_of
from churn.drift.profile import Column, freeze_bins, profile
from churn.errors import DataError
from churn.promotion.ranked import Lift

Floats = npt.NDArray[np.float64]
FEW = np.array([0.05, 0.2, 0.2, 0.35, 0.35, 0.35, 0.6, 0.6, 0.85, 0.95])
SHARE = 0.25  # of ten rows: two, and half of the row that follows


def areas_of(labels: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Returns for each row of labels (outcomes, rows) the AUC, pair by pair, and how many pairs there are."""
    beats = (scores[:, None] > scores) + (scores[:, None] == scores) / 2
    pairs = labels.sum(axis=1) * (1 - labels).sum(axis=1)
    return ((labels @ beats) * (1 - labels)).sum(axis=1) / np.where(pairs > 0, pairs, 1), pairs


def outcomes(scores: Floats) -> tuple[Floats, Floats]:
    """Returns every possible column of labels, and its probability."""
    labels = np.array(list(product([0.0, 1.0], repeat=scores.size)))
    return labels, np.prod(np.where(labels == 1, scores, 1 - scores), axis=1)


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("base_rate", lambda labels, _: labels.mean(axis=1)),
        ("brier", lambda labels, scores: ((labels - scores) ** 2).mean(axis=1)),
        ("log_loss", lambda labels, scores: -np.log(np.where(labels == 1, scores, 1 - scores)).mean(axis=1)),
    ],
)
def test_means_are_the_exact_mean_and_deviation_over_all_outcomes(
    name: str, figure: Callable[[Floats, Floats], Floats]
) -> None:
    labels, chances = outcomes(FEW)
    figures = figure(labels, FEW)
    mean = float(chances @ figures)
    found = expected(Levels.of(FEW), share=SHARE)[name]
    assert found.figure == pytest.approx(mean, rel=1e-12)
    assert found.se == pytest.approx(math.sqrt(chances @ (figures - mean) ** 2), rel=1e-12)


def test_counts_over_a_grid_tell_what_the_rows_tell() -> None:
    random = np.random.default_rng(1)
    then, now = (pl.DataFrame({"score": random.beta(a, 8, 20_000)}) for a in (1.0, 1.4))
    bins = freeze_bins(then, [Column(name="score", dtype="number")])
    counted = levels_of(bins.columns[0], profile(bins, [now]).counts[0])  # type: ignore[arg-type]
    assert counted is not None
    ours, theirs = (expected(one, share=SHARE) for one in (counted, Levels.of(now["score"].to_numpy())))
    for name, found in ours.items():
        assert (found.figure, found.se) == pytest.approx((theirs[name].figure, theirs[name].se), rel=2e-3)
    assert sum(counted.rows) == 20_000
    assert levels_of(bins.columns[0], profile(bins, []).counts[0]) is None  # type: ignore[arg-type]


def test_counts_where_the_grid_holds_every_score_tell_it_exactly() -> None:
    frame = pl.DataFrame({"score": np.repeat(FEW, 3)})
    bins = freeze_bins(frame, [Column(name="score", dtype="number")])
    counted = levels_of(bins.columns[0], profile(bins, [frame]).counts[0])  # type: ignore[arg-type]
    assert counted is not None
    ours, theirs = (expected(one, share=SHARE)["auc"] for one in (counted, Levels.of(np.repeat(FEW, 3))))
    assert (ours.figure, ours.se) == pytest.approx((theirs.figure, theirs.se), rel=1e-12)


def test_the_auc_is_expected_ordered_pairs_over_expected_pairs() -> None:
    labels, chances = outcomes(FEW)
    areas, pairs = areas_of(labels, FEW)
    figure = (chances @ (areas * pairs)) / (chances @ pairs)
    assert expected(Levels.of(FEW), share=SHARE)["auc"].figure == pytest.approx(figure, rel=1e-12)


def test_the_lift_is_the_expected_positives_of_the_list_over_all() -> None:
    labels, chances = outcomes(FEW)
    some = labels.sum(axis=1) > 0
    lifts = np.array([Lift(share=SHARE).figure(row, FEW)(np.ones(FEW.size)) for row in labels[some]])
    listed = chances[some] @ (lifts * labels[some].sum(axis=1))
    assert expected(Levels.of(FEW), share=SHARE)["lift"].figure == pytest.approx(
        listed / (chances @ labels.sum(axis=1)), rel=1e-12
    )


def test_figures_and_deviations_are_those_of_drawn_outcomes() -> None:
    rng = np.random.default_rng(5)
    scores = np.round(rng.beta(1, 9, 800), 3)
    found = expected(Levels.of(scores), share=0.1)
    drawn = (rng.random((1500, scores.size)) < scores).astype(float)
    figures = {
        "auc": areas_of(drawn, scores)[0],
        "lift": np.array([Lift(share=0.1).figure(row, scores)(np.ones(scores.size)) for row in drawn]),
    }
    for name, values in figures.items():
        assert abs(found[name].figure - values.mean()) < 4 * values.std() / math.sqrt(values.size)
        assert found[name].se == pytest.approx(values.std(), rel=0.08)  # 1,500 draws know it to 1.8 %


def test_counts_are_the_rows_that_they_stand_for() -> None:
    scores = np.repeat(FEW, 3)
    levels = Levels(scores=np.unique(FEW), rows=3 * np.unique(FEW, return_counts=True)[1].astype(float))
    assert expected(levels, share=0.1) == expected(Levels.of(scores[::-1]), share=0.1)


def test_scores_that_are_sure_leave_nothing_to_chance() -> None:
    found = expected(Levels.of([0.0, 0.0, 1.0]), share=1 / 3)
    assert (found["auc"].figure, found["auc"].se, found["brier"].figure) == (1, 0, 0)
    assert found["lift"].figure == pytest.approx(3)


def test_without_a_pair_there_is_no_auc_and_without_a_positive_no_lift() -> None:
    assert set(expected(Levels.of([0.0, 0.0]), share=0.5)) == {"base_rate", "brier", "log_loss"}
    assert set(expected(Levels.of([0.5]), share=0.5)) == {"base_rate", "brier", "log_loss", "lift"}


@pytest.mark.parametrize("scores", [[], [0.5, 1.5], [-0.1], [math.nan, 0.5]])
def test_what_is_no_probability_is_refused(scores: list[float]) -> None:
    with pytest.raises(DataError, match="label-free estimate"):
        Levels.of(scores)
