"""What does it save to bin the rows once? `python -m benchmarks.folds [ROWS] [FEATURES] [TREES]`.

Five folds and the final model from rows that were binned once, next to six fits that each bin their own, and what the
next job of a sweep pays, which finds the binned rows already made. The same machine, one after the other.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.model_quality import settings_of
from churn.training.encoding import Encoding
from churn.training.fit import Binned, fit
from churn.training.hashing import buckets
from churn.training.learn import Positions


def main(rows: int = 1_000_000, features: int = 30, trees: int = 100) -> None:
    """Prints seconds of each way and their ratio, the median of three turns."""
    random = np.random.default_rng(1)
    matrix = np.asfortranarray(random.normal(size=(rows, features)))
    labels = (random.random(rows) < expit(matrix[:, 0] - matrix[:, 1] * matrix[:, 2] - 2)).astype(float)
    encoding = Encoding(features=tuple(f"x{number}" for number in range(features)), levels=())
    model = settings_of("stage=train", f"model.num_iterations={trees}").model
    folds = list(_folds(rows))
    print(f"{rows:,} rows, {features} features, {trees} trees of {model.num_leaves} leaves, five folds and one model")

    def separate() -> None:
        for train, _ in folds:
            part = np.asfortranarray(matrix[train])
            fit(part, labels[train], encoding=encoding, settings=model, num_threads=2)
        fit(matrix, labels, encoding=encoding, settings=model, num_threads=2)

    def grown(binned: Binned) -> None:
        for train, _ in folds:
            binned.fit(model, num_threads=2, rows=train)
        binned.fit(model, num_threads=2)

    def built() -> Binned:
        return Binned.build(matrix, labels, encoding=encoding, settings=model, task="binary")

    content = built().to_bytes()
    found = {
        "six fits that bin each": _median(separate),
        "binned once": _median(lambda: grown(built())),
        "binned by another job": _median(
            lambda: grown(Binned.from_bytes(content, encoding=encoding, settings=model, task="binary"))
        ),
        "binning alone": _median(built),
        "reading what was binned": _median(
            lambda: Binned.from_bytes(content, encoding=encoding, settings=model, task="binary")
        ),
    }
    for name, seconds in found.items():
        print(f"  {name:<26} {seconds:>8.2f} s  {seconds / found['six fits that bin each']:>6.2f} of six fits")
    print(f"  {len(content) / 1e6:,.0f} MB of binned rows, {matrix.nbytes / 1e6:,.0f} MB of the matrix")


def _folds(rows: int) -> Iterator[Positions]:
    fold = buckets(np.arange(rows), 5)
    for number in range(5):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _median(run: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[1]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
