"""Can a model tell then from now, and by which columns?

It finds what no column shows alone, such as a plan that went to other customers. Both rows of a customer lie in one
fold: a model that knew one of two near-identical rows by heart would call the other one its opposite, and rank below
chance where nothing moved. Each fold is scored by what the folds before it taught, never the later ones: then the
folds' chances are independent and their variances add, where those of a full cross-validation do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import special

from churn.errors import DataError
from churn.training.encoding import Encoding, Floats
from churn.training.model import ModelSettings

if TYPE_CHECKING:
    from churn.training.fit import Binned, Trees

Booleans = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

FOLDS = 5
FEWEST_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows as `Encoding.matrix` builds them (rows, features), and whose row each is: one row a customer."""

    matrix: Floats = field(repr=False)
    customers: npt.NDArray[Any] = field(repr=False)

    def __post_init__(self) -> None:
        """Raises DataError for a customer with two rows, rows without one, or fewer than 100 rows."""
        rows, distinct = len(self.matrix), len(np.unique(self.customers))
        if len(self.customers) != rows or distinct != rows:
            found = f"{distinct} customers, {len(self.customers)} keys, {rows} rows"
            raise DataError(where="drift classifier", found=found, action="give each customer one row in each sample")
        if rows < FEWEST_ROWS:
            raise DataError(where="drift classifier", found=f"{rows} rows", action=f"give {FEWEST_ROWS} rows or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldApart:
    """How well rows of now are told from rows of then that the model has not seen.

    `auc` is the mean over the folds but the first, which only teaches: 0.5 where nothing moved, 1 where each row gives
    itself away. `expected` and `standard_error` are what it would be if chance had dealt each customer's two rows to
    the samples, and the rows of customers who are in one sample alone. `n_then` and `n_now` are the rows that were told
    apart. `parts` gives by column, from the largest down, its share (0 to 1) of the gain of all splits; they name what
    moved where the AUC is beyond chance, and are noise elsewhere.
    """

    auc: float
    expected: float
    standard_error: float
    n_then: int
    n_now: int
    parts: tuple[tuple[str, float], ...]

    @property
    def p_value(self) -> float:
        """The probability of such an AUC or a higher one without any change, by the normal limit."""
        if self.standard_error == 0:
            return 1.0
        return float(special.ndtr((self.expected - self.auc) / self.standard_error))

    def critical(self, alpha: float) -> float:
        """Returns the AUC that chance exceeds with probability `alpha`."""
        return self.expected + float(special.ndtri(1 - alpha)) * self.standard_error


def tell_apart(reference: Sample, current: Sample, *, encoding: Encoding, seed: int, num_threads: int) -> ToldApart:
    """Returns how well a small LightGBM tells current rows from reference rows, and by what.

    The same rows in the same order, the same seed and threads give the same answer. A column that moves by construction
    (a tenure) gives every row away: leave it out of the encoding.

    Raises:
        DataError: a matrix that is not the encoding's.

    Source: Lopez-Paz & Oquab 2017, Revisiting Classifier Two-Sample Tests (here with the AUC in place of accuracy).

    >>> draw = np.random.default_rng(1)
    >>> then, now = (Sample(matrix=draw.normal(size=(200, 2)), customers=np.arange(200)) for _ in range(2))
    >>> now.matrix[:, 1] += 1
    >>> encoding = Encoding(features=("age", "spend"), levels=())
    >>> found = tell_apart(then, now, encoding=encoding, seed=1, num_threads=1)
    >>> found.auc > 0.65, found.p_value < 1e-6, found.parts[0][0]
    (True, True, 'spend')
    """
    from churn.training.fit import Binned

    matrix = np.asfortranarray(np.concatenate([reference.matrix, current.matrix]))
    is_now = np.repeat([False, True], [len(reference.matrix), len(current.matrix)])
    customers = np.unique(np.concatenate([reference.customers, current.customers]), return_inverse=True)[1]
    folds = _deal(customers, is_now, seed=seed)
    model = _small_model(seed)
    binned = Binned.build(matrix, is_now, encoding=encoding, settings=model, task="binary")
    standings, gains = [], []
    for fold in range(1, FOLDS):
        trees = _learn(binned, folds < fold, model=model, num_threads=num_threads)
        test = folds == fold
        scores = trees.raw_scores(matrix[test], num_threads=num_threads) if trees else np.zeros(int(test.sum()))
        standings.append(_stand(scores, is_now[test], customers[test]))
        gains.append(trees.gains() if trees else {})
    return _together(standings, _shares(encoding, gains))


def _deal(customers: Ints, is_now: Booleans, *, seed: int) -> Ints:
    """Returns each row's fold: a customer lies in one, and each has as many that left, came and stayed as the next."""
    kinds = np.bincount(customers, weights=1 + is_now)
    order = np.random.default_rng(seed).permutation(len(kinds))
    order = order[np.argsort(kinds[order], kind="stable")]
    fold = np.empty(len(kinds), dtype=np.int64)
    fold[order] = np.arange(len(kinds)) % FOLDS
    return fold[customers]


def _learn(binned: Binned, known: Booleans, *, model: ModelSettings, num_threads: int) -> Trees | None:
    """Returns the model of the known rows; None where no feature splits them."""
    from churn.training.fit import Trees

    try:
        return Trees.load(binned.fit(model, num_threads=num_threads, rows=np.flatnonzero(known)))
    except DataError as error:
        if error.where != "training":
            raise
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """The AUC of a fold, what chance would make of it, and the rows of each sample."""

    auc: float
    expected: float
    variance: float
    n_then: int
    n_now: int


def _stand(scores: Floats, is_now: Booleans, customers: Ints) -> _Standing:
    """Returns the standing of a fold's rows: Mann–Whitney's, with labels dealt within the customers that have two rows.

    Source: van Elteren 1960 (strata); where no customer has two rows, Mann & Whitney 1947 with the variance for ties.
    """
    from scipy.stats import rankdata

    ranks, m = rankdata(scores), int(is_now.sum())
    n = len(ranks) - m
    order = np.argsort(customers, kind="stable")  # then stands before now
    twice = np.bincount(customers)[customers] == 2
    pairs = ranks[order][twice[order]].reshape(-1, 2)
    alone, came = ranks[~twice], int(is_now[~twice].sum())
    expected = pairs.sum() / 2 + came * (alone.mean() if alone.size else 0.0)
    variance = ((pairs[:, 1] - pairs[:, 0]) ** 2).sum() / 4
    if alone.size > 1:
        variance += came * (alone.size - came) / alone.size * alone.var(ddof=1)
    least = m * (m + 1) / 2
    return _Standing(
        auc=float(ranks[is_now].sum() - least) / (n * m),
        expected=float(expected - least) / (n * m),
        variance=float(variance) / (n * m) ** 2,
        n_then=n,
        n_now=m,
    )


def _together(folds: list[_Standing], parts: tuple[tuple[str, float], ...]) -> ToldApart:
    pairs = np.array([fold.n_then * fold.n_now for fold in folds], dtype=np.float64)
    weights = pairs / pairs.sum()
    return ToldApart(
        auc=float(weights @ [fold.auc for fold in folds]),
        expected=float(weights @ [fold.expected for fold in folds]),
        standard_error=math.sqrt(float(weights**2 @ [fold.variance for fold in folds])),
        n_then=sum(fold.n_then for fold in folds),
        n_now=sum(fold.n_now for fold in folds),
        parts=parts,
    )


def _shares(encoding: Encoding, gains: list[dict[str, float]]) -> tuple[tuple[str, float], ...]:
    totals = {name: sum(fold.get(name, 0.0) for fold in gains) for name in encoding.features}
    whole = sum(totals.values()) or 1.0
    return tuple(sorted(((name, gain / whole) for name, gain in totals.items()), key=lambda part: -part[1]))


def _small_model(seed: int) -> ModelSettings:
    # What moved is in the first trees; more would learn the customers.
    return ModelSettings(
        objective=None,
        num_iterations=30,
        early_stopping_rounds=1,
        learning_rate=0.1,
        num_leaves=7,
        min_data_in_leaf=20,
        feature_fraction=1.0,
        bagging_fraction=1.0,
        bagging_freq=0,
        lambda_l2=1.0,
        max_bin=63,
        scale_pos_weight=1.0,
        monotone_constraints={},
        seed=seed,
    )
