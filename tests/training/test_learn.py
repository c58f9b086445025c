"""A model is learned from rows that were binned once, in the number of trees that the validation chose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from churn.errors import DataError, SettingsError
from churn.features.feature import Feature
from churn.training.encoding import Encoding
from churn.training.fit import Binned, Trees, fit
from churn.training.learn import learn
from tests.training.test_fit import ENCODING, SETTINGS, rows

MATRIX, LABELS = rows(3000)
FIRST, LAST = np.arange(2000), np.arange(2000, 3000)
BINNED = Binned.build(MATRIX, LABELS, encoding=ENCODING, settings=SETTINGS, task="binary")
AMOUNTS = np.exp(MATRIX[:, 0]) * (1 + (MATRIX[:, 1] == 2))


def grown(settings: object = SETTINGS, **other: object) -> str:
    return BINNED.fit(settings, num_threads=2, **other)  # type: ignore[arg-type]


def test_binned_rows_come_back_from_their_bytes_and_grow_the_same_text() -> None:
    back = Binned.from_bytes(BINNED.to_bytes(), encoding=ENCODING, settings=SETTINGS, task="binary")
    for some in (None, FIRST):
        assert back.fit(SETTINGS, num_threads=2, rows=some) == grown(rows=some)


@pytest.mark.parametrize(
    "change", [{"min_data_in_leaf": 1}, {"num_leaves": 31}, {"seed": 99}, {"scale_pos_weight": 3.0}, {"lambda_l2": 9.0}]
)
def test_rows_that_were_binned_for_other_settings_grow_the_text_of_their_own(change: dict[str, float]) -> None:
    settings = replace(SETTINGS, **change)  # type: ignore[arg-type]
    own = fit(MATRIX, LABELS, encoding=ENCODING, settings=settings, num_threads=2)
    assert grown(settings) == own
    assert own != grown()


def test_a_part_of_the_rows_teaches_nothing_of_the_others() -> None:
    flipped = np.where(np.arange(3000) < 2000, LABELS, 1 - LABELS)
    other = Binned.build(MATRIX, flipped, encoding=ENCODING, settings=SETTINGS, task="binary")
    assert other.fit(SETTINGS, num_threads=2, rows=FIRST) == grown(rows=FIRST)
    assert other.fit(SETTINGS, num_threads=2) != grown()


def test_the_validation_chooses_the_number_of_trees_at_the_least_loss() -> None:
    settings = replace(SETTINGS, num_iterations=300, early_stopping_rounds=300)
    chosen = BINNED.count_trees(settings, num_threads=2, train=FIRST, test=LAST)
    model = Trees.load(grown(settings, rows=FIRST)).booster
    losses = [
        log_loss(LABELS[LAST], np.asarray(model.predict(MATRIX[LAST], num_iteration=count))) for count in range(1, 301)
    ]
    assert chosen == int(np.argmin(losses)) + 1
    assert 1 < chosen < 300
    soon = BINNED.count_trees(replace(settings, early_stopping_rounds=3), num_threads=2, train=FIRST, test=LAST)
    assert soon <= chosen


def test_all_rows_grow_the_chosen_number_and_so_does_each_fold() -> None:
    settings = replace(SETTINGS, num_iterations=300)
    folds = [(FIRST, LAST), (LAST, FIRST)]
    found = learn(BINNED, MATRIX, validation=(FIRST, LAST), folds=folds, settings=settings, num_threads=2)
    chosen = replace(settings, num_iterations=found.trees)
    assert found.trees == BINNED.count_trees(settings, num_threads=2, train=FIRST, test=LAST)
    assert found.text == grown(chosen)
    for (train, test), scores in zip(folds, found.folds, strict=True):
        assert not isinstance(scores, str)
        expected = Trees.load(grown(chosen, rows=train)).raw_scores(MATRIX[test], num_threads=1)
        np.testing.assert_array_equal(scores, expected)
        assert roc_auc_score(LABELS[test], scores) > 0.75


def test_who_watches_is_told_of_each_tree_how_many_may_come_and_changes_none() -> None:
    settings, left = replace(SETTINGS, num_iterations=300), list[int]()
    inputs: dict[str, Any] = {
        "validation": (FIRST, LAST),
        "folds": [(FIRST, LAST), (LAST, FIRST)],
        "settings": settings,
    }
    found = learn(BINNED, MATRIX, **inputs, num_threads=2, on_tree=left.append)
    assert found.text == learn(BINNED, MATRIX, **inputs, num_threads=2).text
    assert left[0] == 4 * 300 - 1  # the validation, the model, two folds
    assert left[-3 * found.trees :] == list(range(3 * found.trees))[::-1]
    assert found.trees <= len(left) - 3 * found.trees < 300


def test_without_a_validation_all_trees_are_grown() -> None:
    found = learn(BINNED, MATRIX, validation=None, folds=[], settings=SETTINGS, num_threads=2)
    assert (found.trees, found.text, found.folds) == (15, grown(), ())


def test_a_fold_of_one_class_says_why_and_the_model_is_made() -> None:
    negatives = np.flatnonzero(LABELS == 0)
    found = learn(BINNED, MATRIX, validation=None, folds=[(negatives, LAST)], settings=SETTINGS, num_threads=2)
    assert found.folds == (f"{len(negatives)} labels, 0 of them 1: one class only",)
    assert found.text == grown()


# Constraints and weights


def test_a_constrained_score_never_falls_as_its_feature_grows() -> None:
    falling = np.where(MATRIX[:, 2] > 0, 1 - LABELS, LABELS)  # asks for a fall that the constraint forbids
    grid = np.column_stack([np.zeros(200), np.full(200, 2.0), np.linspace(-3, 3, 200)])
    steps = {}
    for name, constraints in {"free": {}, "held": {"spend": "increasing"}, "down": {"spend": "decreasing"}}.items():
        settings = replace(SETTINGS, monotone_constraints=constraints)  # type: ignore[arg-type]
        text = fit(MATRIX, falling, encoding=ENCODING, settings=settings, num_threads=2)
        steps[name] = np.diff(Trees.load(text).raw_scores(grid, num_threads=1))
    assert steps["free"].min() < 0 < steps["free"].max()
    assert steps["held"].min() >= 0
    assert steps["down"].max() <= 0


@pytest.mark.parametrize("name", ["plan", "nothing"])
def test_a_constraint_on_a_category_or_no_feature_is_refused(name: str) -> None:
    settings = replace(SETTINGS, monotone_constraints={name: "increasing"})
    with pytest.raises(SettingsError, match=f"'{name}' is no feature that is a number"):
        grown(settings)


def test_a_weight_of_label_1_moves_the_mean_score_up() -> None:
    plain, heavy = grown(), grown(replace(SETTINGS, scale_pos_weight=4.0))
    means = [expit(Trees.load(text).raw_scores(MATRIX, num_threads=1)).mean() for text in (plain, heavy)]
    assert means[0] == pytest.approx(LABELS.mean(), abs=0.02)
    assert means[1] > means[0] + 0.1


# Tasks


@pytest.mark.parametrize("objective", [None, "regression", "poisson", "tweedie"])
def test_a_regression_learns_the_amounts(objective: str | None) -> None:
    settings = replace(SETTINGS, objective=objective, num_iterations=200)  # type: ignore[arg-type]
    text = fit(MATRIX, AMOUNTS, encoding=ENCODING, settings=settings, num_threads=2, task="regression")
    raw = Trees.load(text).raw_scores(MATRIX, num_threads=1)
    predicted = np.exp(raw) if objective in {"poisson", "tweedie"} else raw
    assert np.corrcoef(predicted, AMOUNTS)[0, 1] > 0.95
    assert predicted.mean() == pytest.approx(AMOUNTS.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("labels", "objective", "told"),
    [
        (-AMOUNTS, "tweedie", "3000 of 3000 labels are not finite or under 0, which tweedie cannot have"),
        (-AMOUNTS, "poisson", "which poisson cannot have"),
        (np.where(np.arange(3000) == 5, np.inf, AMOUNTS), None, "1 of 3000 labels are not finite"),
        (np.full(3000, 7.0), None, "3000 labels, all of them 7"),
    ],
)
def test_labels_that_no_regression_can_have_are_refused(
    labels: npt.NDArray[np.float64], objective: str | None, told: str
) -> None:
    settings = replace(SETTINGS, objective=objective)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=told):
        fit(MATRIX, labels, encoding=ENCODING, settings=settings, num_threads=2, task="regression")


def test_an_objective_or_a_weight_of_another_task_is_a_mistake_in_the_settings() -> None:
    tweedie, weight = replace(SETTINGS, objective="tweedie"), replace(SETTINGS, scale_pos_weight=2.0)
    with pytest.raises(SettingsError, match="tweedie for a binary task"):
        fit(MATRIX, LABELS, encoding=ENCODING, settings=tweedie, num_threads=2)
    with pytest.raises(SettingsError, match="binary for a regression task"):
        replace(SETTINGS, objective="binary").objective_of("regression")
    with pytest.raises(SettingsError, match="scale_pos_weight"):
        fit(MATRIX, AMOUNTS, encoding=ENCODING, settings=weight, num_threads=2, task="regression")


# Tables that are strange


def table(count: int, positives: int, *, features: int = 3, seed: int = 0) -> tuple[npt.NDArray[np.float64], Encoding]:
    random = np.random.default_rng(seed)
    matrix = np.asfortranarray(random.normal(size=(count, features)))
    matrix[:positives, 0] += 2
    return matrix, Encoding(features=tuple(f"f{number}" for number in range(features)), levels=())


def test_half_a_percent_of_positives_still_ranks() -> None:
    matrix, encoding = table(20_000, 100)
    labels = (np.arange(20_000) < 100).astype(float)
    trees = Trees.load(fit(matrix, labels, encoding=encoding, settings=SETTINGS, num_threads=2))
    assert roc_auc_score(labels, trees.raw_scores(matrix, num_threads=2)) > 0.9


def test_one_positive_in_all_trains_and_says_nothing_of_folds_that_miss_it() -> None:
    matrix, encoding = table(3000, 1)
    labels = (np.arange(3000) < 1).astype(float)
    binned = Binned.build(matrix, labels, encoding=encoding, settings=SETTINGS, task="binary")
    found = learn(binned, matrix, validation=None, folds=[(LAST, FIRST)], settings=SETTINGS, num_threads=2)
    assert found.folds == ("1000 labels, 0 of them 1: one class only",)
    with pytest.raises(DataError, match="one class only"):
        learn(binned, matrix, validation=(LAST, FIRST), folds=[], settings=SETTINGS, num_threads=2)


def test_a_constant_and_an_empty_feature_are_never_split() -> None:
    matrix, encoding = table(3000, 600)
    matrix[:, 1], matrix[:, 2] = 7.0, np.nan
    labels = (np.arange(3000) < 600).astype(float)
    gains = Trees.load(fit(matrix, labels, encoding=encoding, settings=SETTINGS, num_threads=2)).gains()
    assert (gains["f1"], gains["f2"]) == (0.0, 0.0)
    assert gains["f0"] > 0


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_nothing_but_a_constant_or_empty_feature_is_refused(value: float) -> None:
    matrix, encoding = np.full((3000, 1), value), Encoding(features=("f0",), levels=())
    with pytest.raises(DataError, match="no feature splits the 3000 rows"):
        fit(matrix, LABELS, encoding=encoding, settings=SETTINGS, num_threads=2)


def test_two_thousand_features_train() -> None:
    matrix, encoding = table(1000, 300, features=2000)
    labels = (np.arange(1000) < 300).astype(float)
    settings = replace(SETTINGS, num_iterations=5)
    gains = Trees.load(fit(matrix, labels, encoding=encoding, settings=settings, num_threads=2)).gains()
    assert len(gains) == 2000
    assert max(gains, key=lambda name: gains[name]) == "f0"


def test_one_row_is_refused_with_its_classes() -> None:
    with pytest.raises(DataError, match="1 labels, 1 of them 1: one class only"):
        fit(MATRIX[:1], [1.0], encoding=ENCODING, settings=SETTINGS, num_threads=2)


def test_two_rows_of_two_classes_are_too_few_to_split() -> None:
    with pytest.raises(DataError, match="no feature splits the 2 rows"):
        fit(MATRIX[:2], [0.0, 1.0], encoding=ENCODING, settings=SETTINGS, num_threads=2)


def test_an_unseen_level_has_a_code_of_its_own_and_is_counted() -> None:
    plan = Feature(name="plan", expr=pl.col("plan"), dtype="category", unit="", meaning="")
    encoding = Encoding.learn([plan], pl.DataFrame({"plan": ["a", "b", "a"]}))
    later = pl.DataFrame({"plan": ["b", "c", None, "c"]})
    assert encoding.matrix(later)[:, 0].tolist()[:2] == [1.0, 2.0]
    assert encoding.unseen(encoding.matrix(later)) == {"plan": 2}


def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Binned.from_bytes(BINNED.to_bytes(), encoding=ENCODING, settings=SETTINGS, task="binary")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("weight", [1.0, 3.0, 20.0])
def test_a_weight_of_label_1_costs_no_ranking(weight: float) -> None:
    settings = replace(SETTINGS, num_iterations=300, early_stopping_rounds=30, scale_pos_weight=weight)
    trees = BINNED.count_trees(settings, num_threads=2, train=FIRST, test=LAST)
    scores = Trees.load(grown(replace(settings, num_iterations=trees), rows=FIRST)).raw_scores(MATRIX, num_threads=1)
    assert trees >= 10
    assert roc_auc_score(LABELS[LAST], scores[LAST]) > 0.85


def test_a_validation_without_rows_or_of_one_class_is_refused() -> None:
    for test in (np.empty(0, dtype=np.int64), LAST[LABELS[LAST] == 0]):
        with pytest.raises(DataError, match="one class only"):
            BINNED.count_trees(SETTINGS, num_threads=2, train=FIRST, test=test)


@pytest.mark.parametrize("count", [0, 1])
def test_a_fold_of_a_regression_without_rows_says_why(count: int) -> None:
    binned = Binned.build(MATRIX, AMOUNTS, encoding=ENCODING, settings=SETTINGS, task="regression")
    folds = [(FIRST[:count], LAST)]
    found = learn(binned, MATRIX, validation=None, folds=folds, settings=SETTINGS, num_threads=2)
    assert str(found.folds[0]).startswith(f"{count} labels")
