from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from churn.errors import DataError, SettingsError
from churn.training.encoding import Encoding
from churn.training.fit import Trees, fit
from churn.training.model import ModelSettings
from churn.training.model_text import require_columns, without_null

SETTINGS = ModelSettings(
    objective=None,
    num_iterations=15,
    early_stopping_rounds=5,
    learning_rate=0.2,
    num_leaves=7,
    min_data_in_leaf=20,
    feature_fraction=0.9,
    bagging_fraction=0.8,
    bagging_freq=1,
    lambda_l2=1.0,
    max_bin=63,
    scale_pos_weight=1.0,
    monotone_constraints={},
    seed=7,
)
ENCODING = Encoding(features=("noise", "plan", "spend"), levels=(("plan", ("a", "b", "c", "d", "e")),))


def rows(count: int = 1500, seed: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    noise, spend = random.normal(size=(2, count))
    plan = random.integers(0, 5, count).astype(float)
    labels = random.random(count) < expit(2 * spend + 2 * (plan == 2) - 1)
    spend[::9] = np.nan
    return np.asfortranarray(np.column_stack([noise, plan, spend])), labels.astype(float)


MATRIX, LABELS = rows()
TEXT = fit(MATRIX, LABELS, encoding=ENCODING, settings=SETTINGS, num_threads=2)
TREES = Trees.load(TEXT)


def changed_setting(name: str, value: Any) -> ModelSettings:
    return replace(SETTINGS, **{name: value})


def by_hand(text: str, row: npt.NDArray[np.float64]) -> float:
    """Oracle: walks LightGBM's documented text, one tree after the other, for one row."""
    total = 0.0
    for block in text.split("Tree=")[1:]:
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        node = 0
        while node >= 0:
            node = int(fields["left_child" if goes_left(fields, node, row) else "right_child"].split()[node])
        total += float(fields["leaf_value"].split()[~node])
    return total


def goes_left(fields: dict[str, str], node: int, row: npt.NDArray[np.float64]) -> bool:
    value = row[int(fields["split_feature"].split()[node])]
    decision, threshold = int(fields["decision_type"].split()[node]), float(fields["threshold"].split()[node])
    if decision & 1:
        bounds, words = fields["cat_boundaries"].split(), fields["cat_threshold"].split()
        first, last = int(bounds[int(threshold)]), int(bounds[int(threshold) + 1])
        known = {32 * w + b for w in range(last - first) for b in range(32) if int(words[first + w]) >> b & 1}
        return not np.isnan(value) and int(value) in known
    if np.isnan(value):
        if decision >> 2 == 2:
            return bool(decision & 2)
        value = 0.0
    return bool(value <= threshold)


def test_scores_equal_a_walk_through_the_text_by_hand() -> None:
    later, _ = rows(40, seed=1)
    later[:6, 1] = [5, 5, np.nan, np.nan, 0, 4]
    scores = TREES.raw_scores(later, num_threads=1)
    np.testing.assert_allclose(scores, [by_hand(TEXT, row) for row in later], rtol=1e-12)


def value_of(text: str, row: npt.NDArray[np.float64], known: frozenset[int]) -> float:
    """Oracle: the raw score where features that are not known go both ways, as the training rows did."""
    total = 0.0
    for block in text.split("Tree=")[1:]:
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        total += below(fields, 0, row, known)
    return total


def below(fields: dict[str, str], node: int, row: npt.NDArray[np.float64], known: frozenset[int]) -> float:
    if node < 0:
        return float(fields["leaf_value"].split()[~node])
    children = [int(fields[side].split()[node]) for side in ("left_child", "right_child")]
    if int(fields["split_feature"].split()[node]) in known:
        return below(fields, children[not goes_left(fields, node, row)], row, known)
    counts = [int(fields["leaf_count"].split()[~c] if c < 0 else fields["internal_count"].split()[c]) for c in children]
    halves = (below(fields, child, row, known) * count for child, count in zip(children, counts, strict=True))
    return sum(halves) / sum(counts)


def shapley(row: npt.NDArray[np.float64]) -> list[float]:
    """Oracle: each feature's mean gain over all subsets of the two others, weighed by Shapley, and last the mean."""
    subsets = [frozenset(chosen) for size in range(4) for chosen in combinations(range(3), size)]
    value = {known: value_of(TEXT, row, known) for known in subsets}
    gains = [
        [(value[known | {one}] - value[known]) / (3 * comb(2, len(known))) for known in subsets if one not in known]
        for one in range(3)
    ]
    return [*map(sum, gains), value[frozenset()]]


def test_contributions_are_the_shapley_values_of_all_subsets_of_features_and_add_up_to_the_score() -> None:
    later, _ = rows(12, seed=1)
    later[:6, 1] = [5, 5, np.nan, np.nan, 0, 4]
    found = TREES.contributions(later, num_threads=1)
    np.testing.assert_allclose(found, [shapley(row) for row in later], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), TREES.raw_scores(later, num_threads=1), rtol=1e-12)


def test_the_model_learns_what_the_labels_follow() -> None:
    later, labels = rows(seed=2)
    assert roc_auc_score(labels, TREES.raw_scores(later, num_threads=1)) > 0.8
    gains = TREES.gains()
    assert list(gains) == list(ENCODING.features)
    assert gains["spend"] > gains["plan"] > gains["noise"] > 0


def test_a_category_is_split_by_sets_of_levels_and_not_by_the_order_of_its_codes() -> None:
    assert "cat_threshold=" in TEXT
    plain = fit(MATRIX, LABELS, encoding=replace(ENCODING, levels=()), settings=SETTINGS, num_threads=2)
    assert "cat_threshold=" not in plain


def test_gains_are_the_sums_of_the_split_gains_in_the_text() -> None:
    expected = dict.fromkeys(ENCODING.features, 0.0)
    for block in TEXT.split("Tree=")[1:]:
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for feature, gain in zip(fields["split_feature"].split(), fields["split_gain"].split(), strict=True):
            expected[ENCODING.features[int(feature)]] += float(gain)
    assert TREES.gains() == pytest.approx(expected, rel=1e-4)  # the text keeps six digits of a gain


def test_the_same_rows_and_settings_give_the_same_text() -> None:
    assert fit(MATRIX, LABELS, encoding=ENCODING, settings=SETTINGS, num_threads=2) == TEXT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_iterations", 3),
        ("learning_rate", 0.05),
        ("num_leaves", 3),
        ("min_data_in_leaf", 200),
        ("feature_fraction", 0.4),
        ("bagging_fraction", 0.3),
        ("bagging_freq", 3),
        ("lambda_l2", 50.0),
        ("max_bin", 7),
        ("seed", 8),
    ],
)
def test_every_setting_reaches_the_model(name: str, value: float) -> None:
    changed = fit(MATRIX, LABELS, encoding=ENCODING, settings=changed_setting(name, value), num_threads=2)
    assert changed.split("parameters:")[0] != TEXT.split("parameters:")[0]


def test_threads_change_the_line_that_names_them_and_no_score() -> None:
    other = fit(MATRIX, LABELS, encoding=ENCODING, settings=SETTINGS, num_threads=1)
    differing = [pair for pair in zip(TEXT.splitlines(), other.splitlines(), strict=True) if pair[0] != pair[1]]
    assert differing == [("[num_threads: 2]", "[num_threads: 1]")]
    one, two = (TREES.raw_scores(MATRIX, num_threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_row_order_in_memory_changes_no_score() -> None:
    flat = np.ascontiguousarray(MATRIX)
    np.testing.assert_array_equal(TREES.raw_scores(flat, num_threads=1), TREES.raw_scores(MATRIX, num_threads=1))


def test_no_rows_give_no_scores() -> None:
    assert TREES.raw_scores(MATRIX[:0], num_threads=1).shape == (0,)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.where(np.arange(1500) == 3, np.nan, LABELS), "1 of 1500 labels are neither 0 nor 1"),
        (LABELS * 2, "labels are neither 0 nor 1"),
        (LABELS - 1, "labels are neither 0 nor 1"),
        (np.zeros(1500), "0 of them 1: one class only"),
        (np.ones(1500), "1500 of them 1: one class only"),
        (LABELS[:-1], "1499 labels for 1500 rows"),
    ],
)
def test_labels_that_lightgbm_would_take_in_silence_are_refused(labels: npt.ArrayLike, told: str) -> None:
    with pytest.raises(DataError, match=told):
        fit(MATRIX, labels, encoding=ENCODING, settings=SETTINGS, num_threads=2)


def test_rows_that_no_feature_splits_make_no_model() -> None:
    with pytest.raises(DataError, match="no feature splits the 1500 rows"):
        fit(MATRIX, LABELS, encoding=ENCODING, settings=replace(SETTINGS, min_data_in_leaf=1000), num_threads=2)


def test_a_parameter_that_lightgbm_alone_refuses_is_a_mistake_in_the_settings() -> None:
    unchecked = changed_setting("num_leaves", 7)
    object.__setattr__(unchecked, "num_leaves", 1)
    with pytest.raises(SettingsError, match="num_leaves") as stop:
        fit(MATRIX, LABELS, encoding=ENCODING, settings=unchecked, num_threads=2)
    assert ".cpp" not in str(stop.value)


def test_only_numbers_without_a_null_in_training_are_said_to_read_it_as_zero() -> None:
    assert without_null(TEXT) == ("noise",)  # spend had nulls, and plan is a category
    nulls, zeros = MATRIX.copy(), MATRIX.copy()
    nulls[:, 0], zeros[:, 0] = np.nan, 0
    np.testing.assert_array_equal(TREES.raw_scores(nulls, num_threads=1), TREES.raw_scores(zeros, num_threads=1))
    nulls[:, 2], zeros[:, 2] = np.nan, 0
    assert (TREES.raw_scores(nulls, num_threads=1) != TREES.raw_scores(zeros, num_threads=1)).any()


def test_another_order_or_number_of_columns_is_refused() -> None:
    require_columns(TEXT, ENCODING)
    with pytest.raises(DataError, match="it reads noise, plan, spend; the encoding builds spend, plan, noise"):
        require_columns(TEXT, replace(ENCODING, features=("spend", "plan", "noise")))
    with pytest.raises(DataError, match="shape"):
        TREES.raw_scores(MATRIX[:, :2], num_threads=1)
    with pytest.raises(DataError, match="shape"):
        fit(MATRIX[:, :2], LABELS, encoding=ENCODING, settings=SETTINGS, num_threads=2)


@pytest.mark.filterwarnings("ignore:Found whitespace in feature_names")
@pytest.mark.parametrize("name", ["with space", 'with"quote'])
def test_a_name_that_lightgbm_would_change_is_refused(name: str) -> None:
    with pytest.raises((DataError, SettingsError)):
        fit(
            MATRIX,
            LABELS,
            encoding=replace(ENCODING, features=(name, "plan", "spend")),
            settings=SETTINGS,
            num_threads=2,
        )


@pytest.mark.parametrize("end", [0, 10, 300, 1500, len(TEXT) // 2])
def test_a_cut_text_is_refused_before_lightgbm_can_end_the_process(end: int) -> None:
    with pytest.raises(DataError, match="model text"):
        Trees.load(TEXT[:end])


def test_a_text_with_a_character_too_many_is_refused() -> None:
    with pytest.raises(DataError, match="model text"):
        Trees.load(TEXT.replace("leaf_value=", "leaf_value= ", 1))


def test_a_text_that_lightgbm_itself_refuses_is_a_data_error() -> None:
    with pytest.raises(DataError, match="number of classes"):
        Trees.load(TEXT.replace("num_class=1", "nothing=1", 1))
