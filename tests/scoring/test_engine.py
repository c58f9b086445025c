"""Our engine gives the bits that LightGBM gives, on every row, and says of which models it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from churn.errors import DataError
from churn.scoring.engine import Engine
from churn.scoring.forest import Forest, why_not
from churn.scoring.stepwise import Stepwise
from churn.training.encoding import Floats

ODD = [0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-36, -1e-36, 1e-35, -1e-35, 1e300, -1e300, np.inf, -np.inf, np.nan]
ODD += [float(np.float32(1e-35)), float(np.nextafter(np.float32(1e-35), 1)), -float(np.nextafter(np.float32(1e-35), 1))]
LEVELS = [-1.0, -0.5, -1e-9, 0.5, 0.999, 1.7, 31.0, 32.0, 63.9, 500.0, 1e6, 2.0**31 - 1, 2.0**31, 2.0**32 + 1, 2.0**53]
BASE: dict[str, Any] = {
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "min_data_in_leaf": 2,
}
BASE |= {
    "min_sum_hessian_in_leaf": 0.0,
    "min_data_per_group": 1,
    "cat_smooth": 0.1,
    "cat_l2": 0.0,
    "min_data_in_bin": 1,
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("code")


def table(random: np.random.Generator, rows: int, levels: int) -> Floats:
    """Two numbers, a sparse one, one that is seldom there, a tiny one, one of three values, and two categories."""
    columns: list[Floats] = [random.normal(size=rows), random.lognormal(sigma=3, size=rows)]
    columns.append(np.where(random.random(rows) < 0.7, 0.0, random.normal(size=rows)))
    columns.append(np.where(random.random(rows) < 0.6, np.nan, random.normal(size=rows)))
    columns.append(np.array([0.0, 1e-36, 2e-35, -3e-35, 5e-324, 1.0])[random.integers(0, 6, rows)])
    columns.append(np.array([-1.0, 0.0, 1.0])[random.integers(0, 3, rows)])
    columns.append(random.integers(0, levels, rows).astype(float))
    columns.append(np.where(random.random(rows) < 0.2, np.nan, random.integers(0, 5, rows).astype(np.float64)))
    return np.asfortranarray(np.column_stack(columns))


def grown(random: np.random.Generator, *, trees: int, rows: int = 1500, levels: int = 40, **parameters: Any) -> str:
    matrix = table(random, rows, levels)
    signal = np.nan_to_num(matrix[:, 0] + matrix[:, 3] + np.sin(matrix[:, 6]) + (matrix[:, 2] == 0) + matrix[:, 7])
    noisy = signal + np.log1p(matrix[:, 1]) + random.normal(size=rows)
    init_model, objective = parameters.pop("init_model", None), parameters.setdefault("objective", "binary")
    labels = (noisy > np.median(noisy)).astype(float) if objective == "binary" else np.abs(noisy)
    data = lgb.Dataset(matrix, labels, categorical_feature=[6, 7], params=BASE | parameters)
    return str(lgb.train(BASE | parameters, data, trees, init_model=init_model).model_to_string())


def probes(random: np.random.Generator, text: str, rows: int, levels: int = 40) -> Floats:
    """Rows as in training, then ones full of odd values, of the model's own thresholds and of their neighbours."""
    forest, matrix = Forest.read(text), table(random, rows, levels)
    for column in range(matrix.shape[1]):
        own = forest.threshold[(forest.feature == column) & ~forest.is_category]
        near = [*own, *np.nextafter(own, np.inf), *np.nextafter(own, -np.inf)]
        odd = random.random(rows) < 0.5
        odd[: rows // 4] = False
        matrix[odd, column] = random.choice([*near, *ODD, *LEVELS, *range(-1, levels + 3)], int(odd.sum()))
    return matrix


def assert_same_bits(text: str, matrix: Floats, *, folder: Path, num_threads: int = 1) -> None:
    expected = lgb.Booster(model_str=text).predict(matrix, raw_score=True, num_threads=1)
    assert why_not(text) is None
    for walker in (Engine(text, folder=folder), Stepwise(text)):
        found = walker.raw_scores(matrix, num_threads=num_threads)
        assert np.array_equal(found.view(np.int64), np.asarray(expected).view(np.int64))


@pytest.mark.parametrize("missing", [{}, {"use_missing": False}, {"zero_as_missing": True}])
@pytest.mark.parametrize("objective", ["binary", "regression"])
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_lightgbm_to_the_bit(
    seed: int, objective: str, missing: dict[str, Any], folder: Path
) -> None:
    random = np.random.default_rng([seed, len(missing)])
    sizes = {"num_leaves": int(random.choice([2, 3, 7, 31, 33, 64])), "max_bin": int(random.choice([15, 255, 1023]))}
    text = grown(random, trees=int(random.integers(1, 40)), objective=objective, **sizes, **missing)
    assert_same_bits(text, probes(random, text, 3000), folder=folder)


@pytest.mark.parametrize("leaves", [2, 3, 16, 17, 32, 33, 64, 65, 128, 129, 255, 256])
def test_trees_of_any_number_of_leaves(leaves: int, folder: Path) -> None:
    random = np.random.default_rng(leaves)
    text = grown(random, trees=9, rows=3000, num_leaves=leaves, learning_rate=0.3)
    assert Forest.read(text).leaves.max() == leaves
    assert_same_bits(text, probes(random, text, 1500), folder=folder)


@pytest.mark.parametrize("missing", [{}, {"use_missing": False}, {"zero_as_missing": True}])
def test_categories_of_hundreds_of_levels(missing: dict[str, Any], folder: Path) -> None:
    random = np.random.default_rng(4)
    many = {"max_cat_threshold": 500, "max_cat_to_onehot": 1, "max_bin": 1000}
    text = grown(random, trees=20, rows=4000, levels=700, num_leaves=63, **many, **missing)
    assert max(map(len, Forest.read(text).sets)) > 100
    assert_same_bits(text, probes(random, text, 4000, levels=700), folder=folder)


@pytest.mark.parametrize("trees", [1, 7, 8, 9, 2000])
def test_any_number_of_trees(trees: int, folder: Path) -> None:
    random = np.random.default_rng(trees)
    text = grown(random, trees=trees, rows=400, num_leaves=5, learning_rate=0.01)
    assert len(Forest.read(text).leaves) == trees
    assert_same_bits(text, probes(random, text, 700), folder=folder)


def test_trees_of_one_leaf_alone_and_before_others(folder: Path) -> None:
    random = np.random.default_rng(2)
    one = grown(random, trees=3, rows=300, objective="regression", min_data_in_leaf=299)
    more = grown(random, trees=9, rows=300, objective="regression", init_model=lgb.Booster(model_str=one))
    assert {*Forest.read(one).leaves.tolist()} == {1}
    assert Forest.read(more).leaves.min() == 1 < Forest.read(more).leaves.max()
    for text in (one, more):
        assert_same_bits(text, probes(random, text, 600), folder=folder)


@pytest.mark.parametrize("parameters", [{"boosting": "dart"}, {"objective": "poisson"}, {"extra_trees": True}])
def test_other_kinds_of_growing(parameters: dict[str, Any], folder: Path) -> None:
    random = np.random.default_rng(3)
    text = grown(random, trees=30, num_leaves=15, bagging_freq=1, bagging_fraction=0.5, **parameters)
    assert_same_bits(text, probes(random, text, 1000), folder=folder)


@pytest.mark.parametrize("rows", [0, 1, 63, 511, 512, 513, 40_000])
def test_any_number_of_rows_on_any_number_of_threads(rows: int, folder: Path) -> None:
    random = np.random.default_rng(5)
    text = grown(random, trees=3)
    matrix = probes(random, text, rows)
    scores = [Engine(text, folder=folder).raw_scores(matrix, num_threads=threads) for threads in (1, 3)]
    assert np.array_equal(scores[0], scores[1])
    assert len(scores[0]) == rows
    if rows:
        assert_same_bits(text, matrix, folder=folder, num_threads=2)


def test_the_order_of_a_matrix_and_its_being_read_only_make_no_difference(folder: Path) -> None:
    random = np.random.default_rng(6)
    text = grown(random, trees=3)
    matrix = probes(random, text, 900)
    expected = Engine(text, folder=folder).raw_scores(matrix, num_threads=1)
    matrix.flags.writeable = False
    for other in (matrix, np.ascontiguousarray(matrix), np.repeat(matrix, 2, axis=0)[::2]):
        assert np.array_equal(Engine(text, folder=folder).raw_scores(other, num_threads=1), expected)


def test_a_matrix_of_other_columns_is_refused(folder: Path) -> None:
    text = grown(np.random.default_rng(7), trees=2)
    with pytest.raises(DataError, match="8 features"):
        Engine(text, folder=folder).raw_scores(np.zeros((3, 7)), num_threads=1)


RANDOM_FOREST = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"linear_tree": True, "objective": "regression"}, "a tree is linear"),
        (RANDOM_FOREST, "its trees are averaged"),
        ({"num_leaves": 300}, "a tree has 2"),
    ],
)
def test_what_the_engine_cannot_walk_is_recognised(parameters: dict[str, Any], told: str) -> None:
    text = grown(np.random.default_rng(8), trees=2, rows=3000, **parameters)
    assert str(why_not(text)).startswith(told)


def test_a_model_of_several_classes_is_recognised() -> None:
    random = np.random.default_rng(9)
    data = lgb.Dataset(random.normal(size=(200, 2)), random.integers(0, 3, 200))
    text = lgb.train(BASE | {"objective": "multiclass", "num_class": 3}, data, num_boost_round=2).model_to_string()
    assert why_not(text) == "num_class is 3, not 1"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("version=v4", "version=v9", "version is v9, not v4"),
        ("shrinkage=", "rotation=3\nshrinkage=", "a tree says rotation, which the engine does not know"),
        ("label_index=0", "label_index=0\nlanguage=1", "the model says language, which the engine does not know"),
        ("\nleft_child=1 ", "\nleft_child=0 ", "a node of a tree stands before its parent"),
    ],
)
def test_a_text_that_says_more_than_is_known_is_recognised(old: str, new: str, told: str) -> None:
    text = grown(np.random.default_rng(1), trees=1, num_leaves=4)
    assert old in text
    assert why_not(text.replace(old, new)) == told


SCORED = """
import sys
from pathlib import Path
import numpy as np
from churn.scoring.engine import Engine
engine = Engine(Path(sys.argv[1]).read_text(), folder=Path(sys.argv[2]))
scores = engine.raw_scores(np.linspace(-2, 2, 8000).reshape(1000, 8), num_threads=1)
print(engine.is_new, scores.sum())
"""


@pytest.mark.slow
def test_processes_may_compile_at_once_and_a_later_one_reads_their_code(tmp_path: Path) -> None:
    text = grown(np.random.default_rng(0), trees=5)
    (tmp_path / "model.txt").write_text(text)
    command = [sys.executable, "-c", SCORED, str(tmp_path / "model.txt"), str(tmp_path / "code")]
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    first = [process.communicate()[0].split() for process in [start(), start()]]
    later = start().communicate()[0].split()
    total = np.asarray(lgb.Booster(model_str=text).predict(np.linspace(-2, 2, 8000).reshape(1000, 8), raw_score=True))
    assert "True" in {is_new for is_new, _ in first}
    assert later == ["False", str(total.sum())]
    assert {score for _, score in first} == {str(total.sum())}
