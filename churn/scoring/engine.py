"""Who walks the trees of a model?

Our own engine where it can, bit for bit as LightGBM does and many times as fast; LightGBM where the text says something
that the engine does not know, or where the settings say so. Numba is imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from churn.errors import DataError
from churn.scoring.forest import Forest, why_not
from churn.scoring.planes import Layout, lay_out
from churn.training.encoding import Floats

EngineName: TypeAlias = Literal["numba", "lightgbm"]
_PIECE = 16_384
"""Rows that a thread takes at a time."""


class Engine:
    """A model's trees, laid out and ready to be walked by our own code."""

    def __init__(self, text: str, *, folder: Path) -> None:
        """Compiles the walk, which takes seconds, or loads its code from `folder`; `why_not(text)` says nothing."""
        from churn.scoring import kernel

        self._layout: Layout = lay_out(Forest.read(text))
        self._kernel = kernel.load(folder)
        self._buffers = kernel.Buffers.of

    @property
    def is_new(self) -> bool:
        """Whether the walk had to be compiled."""
        return self._kernel.is_new

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
        with ThreadPoolExecutor(num_threads) as threads:
            for _ in threads.map(lambda piece: self._walk(columns, piece, scores=scores), _pieces(len(matrix))):
                pass
        return scores

    def _walk(self, columns: Floats, piece: tuple[int, int], *, scores: Floats) -> None:
        layout = self._layout
        buffers = self._buffers(layout)
        self._kernel.walk(columns, *piece, layout.numbers, layout.categories, layout.trees, buffers, scores)


def _pieces(rows: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + _PIECE, rows)) for first in range(0, rows, _PIECE))
