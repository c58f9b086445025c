"""How is a model learned from labelled rows?

The validation chooses the number of trees; then all training rows, the validation's among them, grow that many, since
the newest rows are worth most. Each fold of the cross-validation grows as many from its own rows. All of them share
the rows that were binned once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from churn.errors import DataError
from churn.training.encoding import Floats
from churn.training.fit import Binned, OnTree, Trees
from churn.training.hashing import Ints
from churn.training.model import ModelSettings

Positions: TypeAlias = tuple[Ints, Ints]
"""Of the rows that a fold learns from, and of those that it is tested on; each ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A model's text, its number of trees, and what each fold says of its test rows.

    `folds` holds one raw score a test row, or the reason why a fold could not be learned.
    """

    text: str
    trees: int
    folds: tuple[Floats | str, ...]


def learn(
    binned: Binned,
    matrix: Floats,
    *,
    validation: Positions | None,
    folds: Sequence[Positions],
    settings: ModelSettings,
    num_threads: int,
    on_tree: OnTree = lambda _: None,
) -> Learned:
    """Returns the model of all rows of `matrix` (rows, features), which `binned` holds as well.

    `on_tree` is called after each tree with how many may still come, of all models together.

    Raises:
        DataError: the rows, or those before the validation, allow no model (see `Binned.fit`).
        SettingsError: for a parameter that LightGBM refuses.
    """
    trees = settings.num_iterations
    if validation:
        train, test = validation
        then = _then(on_tree, trees * (1 + len(folds)))
        trees = binned.count_trees(settings, num_threads=num_threads, train=train, test=test, on_tree=then)
    chosen = replace(settings, num_iterations=trees)
    return Learned(
        text=binned.fit(chosen, num_threads=num_threads, on_tree=_then(on_tree, trees * len(folds))),
        trees=trees,
        folds=tuple(
            _tested(binned, matrix, fold, settings=chosen, num_threads=num_threads, then=_then(on_tree, trees * later))
            for later, fold in zip(reversed(range(len(folds))), folds, strict=True)
        ),
    )


def _then(on_tree: OnTree, later: int) -> OnTree:
    return lambda left: on_tree(left + later)


def _tested(
    binned: Binned, matrix: Floats, fold: Positions, *, settings: ModelSettings, num_threads: int, then: OnTree
) -> Floats | str:
    train, test = fold
    try:
        text = binned.fit(settings, num_threads=num_threads, rows=train, on_tree=then)
    except DataError as error:
        return error.found
    return Trees.load(text).raw_scores(matrix[test], num_threads=num_threads)
