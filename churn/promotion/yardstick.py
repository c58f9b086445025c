"""What do the other features say about the same rows?

A model of a training table without some features, judged on rows that it was not trained on. Both parts are encoded
once; leaving features out is a choice of columns.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from churn.errors import DataError
from churn.features.feature import Feature
from churn.promotion.metrics import Booleans, Floats, check_rows
from churn.promotion.suspicion import Rows
from churn.promotion.verdict import MINIMUM_OF_EACH_CLASS
from churn.training.encoding import Encoding
from churn.training.model import ModelSettings

if TYPE_CHECKING:
    from churn.training.fit import Trees

_NO_ORDER = -1.0  # 0 and 1 would be taken for class labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A training table as numbers: of each part a matrix (rows, features) as `encoding` builds it and a label a row."""

    encoding: Encoding
    train: Floats = field(repr=False)
    test: Floats = field(repr=False)
    train_labels: Booleans = field(repr=False)
    test_labels: Booleans = field(repr=False)

    @classmethod
    def encode(cls, train: Rows, test: Rows, *, features: Sequence[Feature]) -> Table:
        """Returns both parts encoded by what the training part teaches.

        Raises:
            DataError: labels that are not one 0 or 1 a row, fewer than 20 test rows or 2 training rows of a class, or
                a feature that is missing or of another type.
        """
        encoding = Encoding.learn(features, train.frame)
        return cls(
            encoding=encoding,
            train=encoding.matrix(train.frame),
            test=encoding.matrix(test.frame),
            train_labels=_checked(train, "train", least=2),
            test_labels=_checked(test, "test", least=MINIMUM_OF_EACH_CLASS),
        )

    def only(self, names: Collection[str]) -> Table:
        """Returns the same rows with the features in `names` alone, in the same order."""
        kept = [index for index, name in enumerate(self.encoding.features) if name in names]
        return Table(
            encoding=Encoding(
                features=tuple(self.encoding.features[index] for index in kept),
                levels=tuple((name, levels) for name, levels in self.encoding.levels if name in names),
            ),
            train=np.asfortranarray(self.train[:, kept]),
            test=np.asfortranarray(self.test[:, kept]),
            train_labels=self.train_labels,
            test_labels=self.test_labels,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """A way to train: LightGBM's settings and threads."""

    model: ModelSettings
    num_threads: int

    def without(self, names: Collection[str], table: Table) -> Floats:
        """Returns one log-odds score per test row, of a model of all features but `names`.

        Where nothing can be learned all rows have one score, which ranks none over another and means no chance.
        """
        kept = table.only(set(table.encoding.features) - set(names))
        trees = self._trees(kept)
        if trees is None:
            return np.full(len(kept.test), _NO_ORDER)
        return trees.raw_scores(kept.test, num_threads=self.num_threads)

    def _trees(self, table: Table) -> Trees | None:
        from churn.training.fit import Trees, fit

        if not table.encoding.features:
            return None
        try:
            text = fit(
                table.train,
                table.train_labels,
                encoding=table.encoding,
                settings=self.model,
                num_threads=self.num_threads,
            )
        except DataError as error:
            if error.where != "training":
                raise
            return None  # no feature splits the rows
        return Trees.load(text)


def log_odds(shares: npt.ArrayLike) -> Floats:
    """Returns ln(p / (1 - p)) of each share p between 0 and 1, in any shape.

    >>> log_odds([0.5, 0.75]).round(4).tolist()
    [0.0, 1.0986]
    """
    p = np.asarray(shares, dtype=np.float64)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float64)


def expected(scores: Floats, labels: Booleans) -> Floats:
    """Returns P(label = 1) per row from log-odds `scores`, moved by one constant so that the mean is the labels' own.

    Base rates move between training and test; what is asked is how the rows differ, not how the year does.

    >>> [round(p, 6) for p in expected(np.array([0.0, 0.0]), np.array([True, False])).tolist()]
    [0.5, 0.5]
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    reach = float(np.abs(scores).max()) + float(abs(log_odds(labels.mean()))) + 1
    base = float(labels.mean())
    move = brentq(lambda by: float(expit(scores + by).mean()) - base, -reach, reach)
    return np.asarray(expit(scores + move), dtype=np.float64)


def _checked(rows: Rows, part: str, *, least: int) -> Booleans:
    if len(rows.labels) != rows.frame.height:
        found = f"{len(rows.labels)} labels for {rows.frame.height} rows"
        raise DataError(where=f"{part} labels", found=found, action="give one label a row")
    positive, _ = check_rows(rows.labels, np.full(rows.frame.height, 0.5))
    rarer = int(min(positive.sum(), (~positive).sum()))
    if rarer < least:
        found = f"{rarer} rows of the rarer class, and {least} are needed"
        raise DataError(where=f"{part} labels", found=found, action="use more rows")
    return positive
