"""What does it save to bin the rows once? `python -m benchmarks.folds [ROWS] [FEATURES] [TREES]`.

Five folds and the final model from rows that were binned once, next to six fits that each bin their own, and what the
next job of a sweep pays, which finds the binned rows already made. The same machine, one after the other.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.model_quality import settings_of
from churn.training.encoding import Encoding, Floats
from churn.training.fit import Binned, fit
from churn.training.hashing import Ints, buckets
from churn.training.model import ModelSettings


def main(rows: int = 1_000_000, features: int = 30, trees: int = 100) -> None:
    """Prints seconds of each way and their ratio, the median of three turns."""
    table = _Table.drawn(rows, features, trees)
    print(
        f"{rows:,} rows, {features} features, {trees} trees of {table.model.num_leaves} leaves, five folds, one model"
    )
    content = table.built().to_bytes()
    found = {
        "six fits that bin each": _median(table.separate),
        "binned once": _median(lambda: table.grown(table.built())),
        "binned by another job": _median(lambda: table.grown(table.read(content))),
        "binning alone": _median(table.built),
        "reading what was binned": _median(lambda: table.read(content)),
    }
    for name, seconds in found.items():
        print(f"  {name:<26} {seconds:>8.2f} s  {seconds / found['six fits that bin each']:>6.3f} of six fits")
    print(f"  {len(content) / 1e6:,.0f} MB of binned rows, {table.matrix.nbytes / 1e6:,.0f} MB of the matrix")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    matrix: Floats
    labels: Floats
    encoding: Encoding
    model: ModelSettings

    @classmethod
    def drawn(cls, rows: int, features: int, trees: int) -> _Table:
        random = np.random.default_rng(1)
        matrix = np.asfortranarray(random.normal(size=(rows, features)))
        labels = (random.random(rows) < expit(matrix[:, 0] - matrix[:, 1] * matrix[:, 2] - 2)).astype(float)
        encoding = Encoding(features=tuple(f"x{number}" for number in range(features)), levels=())
        model = settings_of("stage=train", f"model.num_iterations={trees}").model
        return cls(matrix=matrix, labels=labels, encoding=encoding, model=model)

    def separate(self) -> None:
        for train in (*_folds(len(self.labels)), np.arange(len(self.labels))):
            part, truth = np.asfortranarray(self.matrix[train]), self.labels[train]
            fit(part, truth, encoding=self.encoding, settings=self.model, num_threads=2)

    def built(self) -> Binned:
        return Binned.build(self.matrix, self.labels, encoding=self.encoding, settings=self.model, task="binary")

    def read(self, content: bytes) -> Binned:
        return Binned.from_bytes(content, encoding=self.encoding, settings=self.model, task="binary")

    def grown(self, binned: Binned) -> None:
        for train in _folds(len(self.labels)):
            binned.fit(self.model, num_threads=2, rows=train)
        binned.fit(self.model, num_threads=2)


def _folds(rows: int) -> Iterator[Ints]:
    fold = buckets(np.arange(rows), 5)
    for number in range(5):
        yield np.flatnonzero(fold != number)


def _median(run: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[1]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
