"""How is a model trained, and what does it answer?

The only file that knows LightGBM. A model is its text: the same rows, settings and threads give the same bytes, and
text cannot run code. LightGBM ends the process on input that it cannot read, so all is checked before it sees it.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from lightgbm.basic import LightGBMError

from churn.errors import DataError, SettingsError
from churn.training.encoding import Encoding, Floats
from churn.training.model import ModelSettings


def fit(matrix: Floats, labels: npt.ArrayLike, *, encoding: Encoding, settings: ModelSettings, num_threads: int) -> str:
    """Returns the text of a model of P(label = 1), trained on `matrix` (rows, features) as `encoding` builds it.

    `labels` has one 0 or 1 per row. The same rows in the same order with the same settings and number of threads give
    the same text.

    Raises:
        DataError: for labels that are not 0 and 1 with both present, for shapes that do not fit together, or where
            no feature splits the rows.
        SettingsError: for a parameter that LightGBM refuses.
    """
    truth = _checked_labels(labels, matrix, encoding)
    booster = _train(matrix, truth, encoding=encoding, parameters=asdict(settings) | {"num_threads": num_threads})
    trees = Trees(booster)
    trees.require(encoding)
    if not any(trees.gains().values()):
        raise DataError(
            where="training",
            found=f"no feature splits the {len(truth)} rows, so every row would get the same score",
            action="train on more dates, or lower model.min_data_in_leaf",
        )
    return str(booster.model_to_string())


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
        if not _is_whole(text):
            raise _unreadable("it is cut or changed")
        try:
            return cls(lgb.Booster(model_str=text))
        except LightGBMError as error:
            raise _unreadable(str(error)) from error

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the matrix's columns, in order."""
        return tuple(self.booster.feature_name())

    def require(self, encoding: Encoding) -> None:
        """Returns nothing where the model reads the columns that `encoding` builds, in its order.

        Raises:
            DataError: for another name or order; LightGBM itself would take one column for the other.
        """
        if self.features != encoding.features:
            raise DataError(
                where="model",
                found=f"it reads {', '.join(self.features)}; the encoding builds {', '.join(encoding.features)}",
                action="use letters, digits and _ in feature names, and a model and an encoding of one training",
            )

    def raw_scores(self, matrix: Floats, *, num_threads: int) -> Floats:
        """Returns one log-odds score per row of `matrix` (rows, features), not calibrated, the same for any threads.

        NaN is LightGBM's missing value; in a column that had none in training it reads it as 0.

        Raises:
            DataError: where the number of columns is not the model's.
        """
        _require_columns(matrix, self.features)
        return np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=num_threads), dtype=np.float64)

    def gains(self) -> dict[str, float]:
        """Returns by feature the total gain (LightGBM's own unit) of the splits that use it; 0 where none does."""
        gains = self.booster.feature_importance(importance_type="gain")
        return dict(zip(self.features, map(float, gains), strict=True))


def _train(matrix: Floats, labels: Floats, *, encoding: Encoding, parameters: dict[str, Any]) -> lgb.Booster:
    parameters |= {
        "objective": "binary",
        "deterministic": True,
        "force_row_wise": True,  # the choice by timing would differ from run to run
        "verbosity": -1,
    }
    # Beside the parameters LightGBM takes it as an argument only, or warns.
    rounds = parameters.pop("num_iterations")
    if rounds < 1:
        raise SettingsError(where="model.num_iterations", found=str(rounds), action="give at least 1")
    rows = lgb.Dataset(
        matrix,
        label=labels,
        feature_name=list(encoding.features),
        categorical_feature=list(encoding.categorical),
        params=parameters,
    )
    try:
        return lgb.train(parameters, rows, num_boost_round=rounds)
    except LightGBMError as error:
        found = str(error).split(" at /")[0]  # the rest is a path on the machine that built LightGBM
        raise SettingsError(where="model", found=found, action="change the parameter that it names") from error


def _checked_labels(labels: npt.ArrayLike, matrix: Floats, encoding: Encoding) -> Floats:
    truth = np.asarray(labels, dtype=np.float64)
    _require_columns(matrix, encoding.features)
    if truth.shape != (len(matrix),):
        raise _bad_labels(f"{truth.size} labels for {len(matrix)} rows")
    strange = int(np.sum(~np.isin(truth, (0.0, 1.0))))
    if strange:
        raise _bad_labels(f"{strange} of {truth.size} labels are neither 0 nor 1")
    if len(np.unique(truth)) < 2:
        raise _bad_labels(f"{truth.size} labels, {int(truth.sum())} of them 1: one class only")
    return truth


def _require_columns(matrix: Floats, features: tuple[str, ...]) -> None:
    if matrix.ndim != 2 or matrix.shape[1] != len(features):
        raise DataError(
            where="model",
            found=f"a matrix of shape {matrix.shape} for {len(features)} features",
            action="build it with the encoding in the model's bundle",
        )


def _is_whole(text: str) -> bool:
    # LightGBM jumps from tree to tree by these sizes; where they lie it reads foreign memory and aborts the process.
    sizes = re.search(r"^tree_sizes=([\d ]+)$", text, re.MULTILINE)
    start, end = text.find("Tree=0\n"), text.find("end of trees\n")
    if sizes is None or not 0 < start < end:
        return False
    return sum(int(size) for size in sizes[1].split()) == len(text[start:end].encode())


def _bad_labels(found: str) -> DataError:
    return DataError(where="labels", found=found, action="look at the dataset's label SQL for the training dates")


def _unreadable(found: str) -> DataError:
    return DataError(where="model text", found=found, action="restore the bundle from the registry, or train again")
