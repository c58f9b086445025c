"""Can labels be learned that mean nothing?

They are shuffled over the distinct rows, so that two copies of one row keep one label. A model that learns the training
rows by heart then knows a test row's label only if it has seen that row: nothing else carries over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from churn.errors import DataError
from churn.promotion.metrics import Booleans, Estimate, auc
from churn.promotion.suspicion import Kind, LeakLimits, Leaks, Rows, Suspicion
from churn.promotion.yardstick import Table, Yardstick
from churn.training.model import ModelSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Which distinct row each row is, as a number from 0, in either part."""

    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]

    @classmethod
    def of(cls, train: Rows, test: Rows, *, identity: Sequence[str]) -> Copies:
        """Returns for each row which one it is, going by the columns in `identity`; null equals null.

        Raises:
            DataError: for no column at all, one that is missing, or one of two types.

        >>> rows = [Rows(frame=pl.DataFrame({"id": ids}), labels=np.array([])) for ids in ([7, 8, 7], [8, 9])]
        >>> copies = Copies.of(*rows, identity=["id"])
        >>> copies.train.tolist(), copies.test.tolist(), copies.seen
        ([0, 1, 0], [1, 2], 1)
        """
        _require_columns(train, test, identity)
        rows = pl.concat([train.frame.select(identity), test.frame.select(identity)])
        distinct = rows.unique(maintain_order=True).with_row_index("_which")
        which = rows.join(distinct, on=identity, how="left", nulls_equal=True, maintain_order="left")["_which"]
        numbers = which.cast(pl.Int64).to_numpy()
        return cls(train=numbers[: train.frame.height], test=numbers[train.frame.height :])

    @property
    def seen(self) -> int:
        """How many test rows stand in the training part too."""
        return int(np.isin(self.test, self.train).sum())


def learns_shuffled(table: Table, copies: Copies, *, limits: LeakLimits, yardstick: Yardstick) -> Leaks:
    """Returns a suspicion where models of shuffled labels rank the test rows above chance on average.

    Each permutation is a model of its own, and their AUCs are independent where no test row was seen in training.
    """
    found = [_one(table, copies, seed=(limits.seed, turn), yardstick=yardstick) for turn in range(limits.shuffles)]
    mean = sum(one.figure for one in found) / len(found)
    reach = NormalDist().inv_cdf(1 - limits.alpha) * math.hypot(*(one.se for one in found)) / len(found)
    suspicion = Suspicion(
        feature=None,
        kind=Kind.SHUFFLED,
        figure=mean,
        interval=(mean - reach, mean + reach),
        limit=0.5,
        n=len(table.test),
        unit="AUC",
        reason=f"{len(found)} models of shuffled labels rank {len(table.test):,} test rows with AUC {mean:.4f} where "
        f"0.5 is chance; {copies.seen:,} of these rows are in the training part",
    )
    above = mean - reach > 0.5
    return Leaks(suspicions=(suspicion,) if above else (), nearest=() if above else (suspicion,))


def _one(table: Table, copies: Copies, *, seed: tuple[int, int], yardstick: Yardstick) -> Estimate:
    train, test = _shuffle(table, copies, seed)
    by_heart = Yardstick(model=_by_heart(yardstick.model), num_threads=yardstick.num_threads)
    scores = by_heart.without((), replace(table, train_labels=train, test_labels=test))
    return auc(test, scores)


def _shuffle(table: Table, copies: Copies, seed: tuple[int, int]) -> tuple[Booleans, Booleans]:
    both, which = np.concatenate([table.train_labels, table.test_labels]), np.concatenate([copies.train, copies.test])
    _, first = np.unique(which, return_index=True)
    labels = np.random.default_rng(seed).permutation(both[first])
    return labels[copies.train], labels[copies.test]


def _by_heart(model: ModelSettings) -> ModelSettings:
    # Measured on four real sets: with 5 % of the test rows in training these rank 0.54, production settings 0.51.
    return replace(
        model,
        num_iterations=50,
        learning_rate=0.3,
        num_leaves=255,
        min_data_in_leaf=2,
        feature_fraction=1.0,
        bagging_fraction=1.0,
        bagging_freq=0,
        lambda_l2=0.0,
    )


def _require_columns(train: Rows, test: Rows, identity: Sequence[str]) -> None:
    one, other = train.frame.schema, test.frame.schema
    strange = [name for name in identity if name not in one or one[name] != other.get(name)]
    if strange or not identity:
        raise DataError(
            where="training table",
            found=f"no column {', '.join(strange) or 'at all'} of one type in both parts that says which row is which",
            action="name the key and the date, and add the date to the rows",
        )
