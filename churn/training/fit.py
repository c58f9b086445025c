"""How are trees grown, and what do they say of a row?

The door to LightGBM, always deterministic: the same rows in the same order, the same settings and threads give the same
model text. Rows are binned once; the final model, the folds and the jobs of a sweep share them. LightGBM ends the
process on input that it cannot read, so all is checked before it sees it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from churn.errors import DataError, SettingsError
from churn.training.encoding import Encoding, Floats
from churn.training.hidden import hidden
from churn.training.model import ModelSettings, Objective, Task
from churn.training.model_text import is_whole, require_columns, unreadable

with hidden("sklearn", "pandas", "dask"):  # it imports them to accept their objects: two seconds a command
    import lightgbm as lgb
    from lightgbm.basic import LightGBMError
    from lightgbm.callback import CallbackEnv

Rows: TypeAlias = npt.NDArray[np.int64]
OnTree: TypeAlias = Callable[[int], object]

_ALWAYS = {
    "deterministic": True,
    "force_row_wise": True,  # the choice by timing would differ from run to run
    "verbosity": -1,
    "feature_pre_filter": False,  # so that rows that were binned once fit any min_data_in_leaf
    "data_random_seed": 1,  # and any seed
}


def fit(
    matrix: Floats,
    labels: npt.ArrayLike,
    *,
    encoding: Encoding,
    settings: ModelSettings,
    num_threads: int,
    task: Task = "binary",
) -> str:
    """Returns the text of a model of all rows with all of `num_iterations` trees; see `Binned` for what is refused."""
    binned = Binned.build(matrix, labels, encoding=encoding, settings=settings, task=task)
    return binned.fit(settings, num_threads=num_threads)


class Binned:
    """Labelled rows, sorted once into the bins that splits are looked for in; any part of them trains a model.

    Made by `build`, or from the bytes of one that was, with the same rows, encoding, task and `max_bin`.
    """

    def __init__(self, rows: lgb.Dataset, encoding: Encoding, *, task: Task) -> None:
        self._rows, self._encoding, self._task = rows, encoding, task
        self._labels: Floats = np.asarray(rows.get_label(), dtype=np.float64)

    @classmethod
    def build(
        cls, matrix: Floats, labels: npt.ArrayLike, *, encoding: Encoding, settings: ModelSettings, task: Task
    ) -> Binned:
        """Returns the rows of `matrix` (rows, features), as `encoding` builds it, with one label a row.

        Raises:
            DataError: for labels that the objective cannot have, or shapes that do not fit together.
            SettingsError: for an objective of another task, or a `max_bin` that LightGBM refuses.
        """
        objective = settings.objective_of(task)
        truth = _checked_labels(labels, matrix, encoding, objective=objective)
        return cls(_construct(matrix, encoding, settings, label=truth), encoding, task=task)

    def to_bytes(self) -> bytes:
        """Returns the binned rows in LightGBM's own format, which only a check of their sha256 makes safe to read."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows"
            self._rows.save_binary(str(path))
            return path.read_bytes()

    @classmethod
    def from_bytes(cls, content: bytes, *, encoding: Encoding, settings: ModelSettings, task: Task) -> Binned:
        """Returns what `to_bytes` wrote; the caller has seen that the bytes are those."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows"
            path.write_bytes(content)
            return cls(_construct(str(path), encoding, settings), encoding, task=task)

    def fit(
        self, settings: ModelSettings, *, num_threads: int, rows: Rows | None = None, on_tree: OnTree | None = None
    ) -> str:
        """Returns the text of a model of `rows` (positions, ascending; None: all) with `num_iterations` trees.

        `on_tree` is called after each tree with the number of those to come.

        Raises:
            DataError: where no feature splits the rows, or they hold one class only.
            SettingsError: for a parameter that LightGBM refuses.
        """
        booster = self._train(settings, num_threads=num_threads, rows=rows, callbacks=_telling(on_tree))
        text = str(booster.model_to_string())
        require_columns(text, self._encoding)
        if not any(Trees(booster).gains().values()):
            raise DataError(
                where="training",
                found=f"no feature splits the {self._count(rows)} rows, so every row would get the same score",
                action="train on more dates, or lower model.min_data_in_leaf",
            )
        return text

    def count_trees(
        self, settings: ModelSettings, *, num_threads: int, train: Rows, test: Rows, on_tree: OnTree | None = None
    ) -> int:
        """Returns how many trees of `train` suit `test` best, at least 1 and at most `num_iterations`.

        The measure is the objective's own: log loss, squared error, Poisson's or Tweedie's deviance. `on_tree` is
        called after each tree with the most that may still come.
        """
        self._require_labels(test)
        stopping = [lgb.early_stopping(settings.early_stopping_rounds, first_metric_only=True, verbose=False)]
        valid = {"valid_sets": [self._weighed(test, settings)], "callbacks": [*_telling(on_tree), *stopping]}
        return int(self._train(settings, num_threads=num_threads, rows=train, **valid).best_iteration)

    def _train(self, settings: ModelSettings, *, num_threads: int, rows: Rows | None, **valid: Any) -> lgb.Booster:
        self._require_labels(rows)
        parameters = _parameters(settings, self._encoding, task=self._task) | {"num_threads": num_threads}
        try:
            return lgb.train(parameters, self._part(rows), num_boost_round=settings.num_iterations, **valid)
        except LightGBMError as error:
            raise _refused_settings(error) from error

    def _require_labels(self, rows: Rows | None) -> None:
        labels = self._labels if rows is None else self._labels[rows]
        _require_two_labels(labels, is_binary=self._task == "binary")

    def _weighed(self, rows: Rows, settings: ModelSettings) -> lgb.Dataset:
        # LightGBM weighs label 1 while it grows, and not while it measures: unlike losses would stop it at once
        part = self._part(rows).construct()  # one that is not yet constructed forgets its weights
        if settings.scale_pos_weight != 1:
            part.set_weight(np.where(self._labels[rows] == 1, settings.scale_pos_weight, 1.0))
        return part

    def _part(self, rows: Rows | None) -> lgb.Dataset:
        return self._rows if rows is None else self._rows.subset(rows.tolist())

    def _count(self, rows: Rows | None) -> int:
        return len(self._labels) if rows is None else len(rows)


class Trees:
    """A trained model, ready to score."""

    def __init__(self, booster: lgb.Booster) -> None:
        self.booster = booster

    @classmethod
    def load(cls, text: str) -> Trees:
        """Returns the model that `fit` wrote as `text`.

        Raises:
            DataError: for a text that is cut or no model.
        """
        if not is_whole(text):
            raise unreadable("it is cut or changed")
        try:
            return cls(lgb.Booster(model_str=text))
        except LightGBMError as error:
            raise unreadable(str(error)) from error

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the matrix's columns, in order."""
        return tuple(self.booster.feature_name())

    @property
    def leaves(self) -> int:
        """The leaves of all trees: how complicated the model is."""
        model = self.booster.dump_model()
        return sum(int(tree["num_leaves"]) for tree in model["tree_info"])

    def raw_scores(self, matrix: Floats, *, num_threads: int) -> Floats:
        """Returns one raw score per row of `matrix` (rows, features), not calibrated, the same for any threads.

        Log-odds of a binary model, the logarithm of the expected value for poisson and tweedie, else the value itself.
        NaN is LightGBM's missing value; in a column that had none in training it reads it as 0.

        Raises:
            DataError: where the number of columns is not the model's.
        """
        _require_columns(matrix, self.features)
        return np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=num_threads), dtype=np.float64)

    def contributions(self, matrix: Floats, *, num_threads: int) -> Floats:
        """Returns what each feature adds to each row's raw score, and last the model's mean: (rows, features + 1).

        A row's sum is its raw score. Shapley values; a feature that is left out goes down both ways of a split, weighed
        by the training rows that did. A row costs as much as hundreds of scores; LightGBM refuses no row at all.

        Source: Lundberg, Erion, Lee (2018), Consistent Individualized Feature Attribution for Tree Ensembles.
        """
        _require_columns(matrix, self.features)
        return np.asarray(self.booster.predict(matrix, pred_contrib=True, num_threads=num_threads), dtype=np.float64)

    def gains(self) -> dict[str, float]:
        """Returns by feature the total gain (LightGBM's own unit) of the splits that use it; 0 where none does."""
        gains = self.booster.feature_importance(importance_type="gain")
        return dict(zip(self.features, map(float, gains), strict=True))


def _telling(on_tree: OnTree | None) -> list[Callable[[CallbackEnv], None]]:
    def tell(state: CallbackEnv) -> None:
        if on_tree:
            on_tree(state.end_iteration - state.iteration - 1)

    return [tell] if on_tree else []


def _construct(
    data: Floats | str, encoding: Encoding, settings: ModelSettings, *, label: Floats | None = None
) -> lgb.Dataset:
    names, categorical = list(encoding.features), list(encoding.categorical)
    parameters = _ALWAYS | {"max_bin": settings.max_bin}
    try:
        rows = lgb.Dataset(data, feature_name=names, categorical_feature=categorical, params=parameters, label=label)
        return rows.construct()
    except LightGBMError as error:
        raise _refused_settings(error) from error


def _parameters(settings: ModelSettings, encoding: Encoding, *, task: Task) -> dict[str, Any]:
    fields = asdict(settings)
    for ours in ("num_iterations", "early_stopping_rounds"):  # LightGBM takes them as arguments only, or warns
        fields.pop(ours)
    fields.pop("monotone_constraints")
    constraints = settings.signs(encoding.features, categories=dict(encoding.levels))
    fields["objective"] = settings.objective_of(task)
    return _ALWAYS | fields | ({"monotone_constraints": constraints} if any(constraints) else {})


def _checked_labels(labels: npt.ArrayLike, matrix: Floats, encoding: Encoding, *, objective: Objective) -> Floats:
    truth = np.asarray(labels, dtype=np.float64)
    _require_columns(matrix, encoding.features)
    if truth.shape != (len(matrix),):
        raise _bad_labels(f"{truth.size} labels for {len(matrix)} rows")
    wrong, what = _not_a_label(truth, objective)
    if wrong.any():
        raise _bad_labels(f"{int(wrong.sum())} of {truth.size} labels are {what}")
    _require_two_labels(truth, is_binary=objective == "binary")
    return truth


def _not_a_label(truth: Floats, objective: Objective) -> tuple[npt.NDArray[np.bool_], str]:
    if objective == "binary":
        return ~np.isin(truth, (0.0, 1.0)), "neither 0 nor 1"
    if objective == "regression":
        return ~np.isfinite(truth), "not finite"
    return ~(np.isfinite(truth) & (truth >= 0)), f"not finite or under 0, which {objective} cannot have"


def _require_two_labels(truth: Floats, *, is_binary: bool) -> None:
    if truth.size and np.ptp(truth):
        return
    if is_binary:
        raise _bad_labels(f"{truth.size} labels, {int(truth.sum())} of them 1: one class only")
    raise _bad_labels(f"{truth.size} labels" + (f", all of them {truth[0]:g}" if truth.size else ""))


def _require_columns(matrix: Floats, features: tuple[str, ...]) -> None:
    if matrix.ndim != 2 or matrix.shape[1] != len(features):
        raise DataError(
            where="model",
            found=f"a matrix of shape {matrix.shape} for {len(features)} features",
            action="build it with the encoding in the model's bundle",
        )


def _refused_settings(error: LightGBMError) -> SettingsError:
    found = str(error).split(" at /")[0]  # the rest is a path on the machine that built LightGBM
    return SettingsError(where="model", found=found, action="change the parameter that it names")


def _bad_labels(found: str) -> DataError:
    return DataError(where="labels", found=found, action="look at the dataset's label SQL for the training dates")
