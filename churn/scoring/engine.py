"""Who walks the trees of a model?

Our own engine where it can, bit for bit as LightGBM does and many times as fast; LightGBM where the text says something
that the engine does not know, or where the settings say so. Numba is imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from churn.errors import DataError
from churn.scoring.forest import Forest
from churn.scoring.planes import Layout, lay_out
from churn.training.encoding import Floats

_PIECE = 16_384
"""Rows that a thread takes at a time."""


class Engine:
    """A model's trees, laid out and ready to be walked by our own code; `is_new` where that had to be compiled."""

    def __init__(self, text: str, *, folder: Path) -> None:
        """Compiles the walk, which takes seconds, or loads its code from `folder`; `why_not(text)` says nothing."""
        from churn.scoring import kernel

        self._layout: Layout = lay_out(Forest.read(text))
        self.is_new = kernel.prepare(self._layout, folder=folder)
        self._walk, self._buffers = kernel.ready(), kernel.Buffers.of

    def raw_scores(self, matrix: Floats, *, num_threads: int) -> Floats:
        """Returns one raw score per row of `matrix` (rows, features): the bits of `Booster.predict(raw_score=True)`.

        In Fortran order it is read in place; the number of threads makes no difference to a score.

        Raises:
            DataError: where the number of columns is not the model's.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self._layout.features:
            found = f"a matrix of shape {matrix.shape} for {self._layout.features} features"
            raise DataError(where="model", found=found, action="build it with the encoding in the model's bundle")
        columns = np.require(matrix.T, dtype=np.float64, requirements=["C", "W"])
        scores = np.empty(len(matrix))
        if num_threads == 1:
            self._score(columns, (0, len(matrix)), scores=scores)
        else:
            with ThreadPoolExecutor(num_threads) as threads:
                list(threads.map(lambda piece: self._score(columns, piece, scores=scores), _pieces(len(matrix))))
        return scores

    def _score(self, columns: Floats, piece: tuple[int, int], *, scores: Floats) -> None:
        layout = self._layout
        self._walk(columns, *piece, layout.numbers, layout.categories, layout.trees, self._buffers(layout), scores)


def _pieces(rows: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + _PIECE, rows)) for first in range(0, rows, _PIECE))
