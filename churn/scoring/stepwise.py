"""How are few rows scored without loading a compiler?

All rows take one step down a tree at a time, in NumPy, and leaf values are added in the order of the trees: LightGBM's
bits again. Slower a row than `churn.scoring.engine`, and sooner done where the rows are few, since that has to load.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churn.errors import DataError
from churn.scoring.forest import MISSING_NAN, MISSING_ZERO, Forest
from churn.training.encoding import Floats

ROWS = 20_000
"""Up to so many rows the engine takes longer to load than these take to be scored."""
_ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold: what lies this near to 0 is 0
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


class Stepwise:
    """A model's trees, ready to be walked; for a text of which `why_not` says nothing."""

    def __init__(self, text: str) -> None:
        self._forest = Forest.read(text)
        self._goes_left = _table(self._forest.sets)

    def raw_scores(self, matrix: Floats, *, num_threads: int) -> Floats:  # noqa: ARG002 - few rows need one thread
        """Returns one raw score per row of `matrix` (rows, features): the bits of `Booster.predict(raw_score=True)`.

        Raises:
            DataError: where the number of columns is not the model's.
        """
        forest = self._forest
        if matrix.ndim != 2 or matrix.shape[1] != forest.features:
            found = f"a matrix of shape {matrix.shape} for {forest.features} features"
            raise DataError(where="model", found=found, action="build it with the encoding in the model's bundle")
        scores, node, leaf = np.zeros(len(matrix)), 0, 0
        for leaves in forest.leaves.tolist():
            scores += forest.value[leaf + self._leaves_of(matrix, first=node, leaves=leaves)]
            node, leaf = node + leaves - 1, leaf + leaves
        return scores

    def _leaves_of(self, matrix: Floats, *, first: int, leaves: int) -> _Ints:
        """Returns the leaf of a tree that each row comes to; its nodes begin at `first`."""
        place = np.zeros(len(matrix), dtype=np.int64)
        on_way = np.arange(len(matrix)) if leaves > 1 else np.empty(0, dtype=np.int64)
        while on_way.size:
            node = first + place[on_way]
            left = self._steps_left(matrix[on_way, self._forest.feature[node]], node)
            place[on_way] = np.where(left, self._forest.left[node], self._forest.right[node])
            on_way = on_way[place[on_way] >= 0]
        return np.where(place < 0, ~place, place)

    def _steps_left(self, values: Floats, node: _Ints) -> _Bools:
        forest = self._forest
        missing, is_null = forest.missing[node], np.isnan(values)
        number = np.where(is_null | (np.abs(values) <= _ZERO), 0.0, values)
        by_default = (missing == MISSING_NAN) & is_null | (missing == MISSING_ZERO) & (number == 0)
        left = np.where(by_default, forest.default_left[node], number <= forest.threshold[node])
        category = forest.is_category[node]
        if category.any():
            left[category] = self._in_set(values[category], forest.threshold[node[category]])
        return left

    def _in_set(self, values: Floats, place: Floats) -> _Bools:
        """Returns whether each level is in the set at its place; what is no level is in none."""
        known = (values > -1) & (values < self._goes_left.shape[1])  # false for NaN; a level is cut to a whole number
        level = np.where(known, values, 0).astype(np.int64)
        found: _Bools = self._goes_left[place.astype(np.int64), level] & known
        return found


def _table(sets: tuple[tuple[int, ...], ...]) -> _Bools:
    table = np.zeros((len(sets), max((max(levels, default=0) for levels in sets), default=0) + 1), dtype=np.bool_)
    for place, levels in enumerate(sets):
        table[place, list(levels)] = True
    return table
