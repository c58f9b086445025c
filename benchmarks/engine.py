"""How fast does our engine walk trees next to LightGBM? `python -m benchmarks.engine [ROWS]`.

Both score the same rows in turn, in one process; medians, and the ratio of each turn. Seconds of CPU stand beside those
of the clock: on a machine with other work the clock measures that too. Bits are compared before anything is timed.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from churn.scoring.engine import Engine
from churn.training.encoding import Floats

TREES, LEAVES, FEATURES = 400, 31, 30
TURNS = 7
_SHARE = 20
"""LightGBM scores one row in so many, or it would be all that is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of made-up rows, in text."""

    trees: int
    leaves: int
    features: int
    text: str

    @classmethod
    def grown(cls, *, trees: int = TREES, leaves: int = LEAVES, features: int = FEATURES) -> Model:
        """Returns a model of 40,000 rows of normal numbers."""
        random = np.random.default_rng(1)
        matrix = random.normal(size=(40_000, features))
        signal = matrix @ random.normal(size=features) + 2 * matrix[:, 0] * matrix[:, 1]
        labels = (signal + 3 * random.normal(size=len(matrix)) > 0).astype(float)
        settings: dict[str, Any] = {"objective": "binary", "num_leaves": leaves, "learning_rate": 0.04, "verbosity": -1}
        text = lgb.train(settings, lgb.Dataset(matrix, labels), trees).model_to_string()
        return cls(trees=trees, leaves=leaves, features=features, text=str(text))

    def first(self, trees: int) -> Model:
        """Returns the model's first trees."""
        text = lgb.Booster(model_str=self.text).model_to_string(num_iteration=trees)
        return Model(trees=trees, leaves=self.leaves, features=self.features, text=str(text))


def main(rows: int = 200_000) -> None:
    """Prints microseconds a row of models that differ in one thing from the first."""
    processor = _processor()
    print(f"{rows:,} rows (LightGBM: one in {_SHARE}), {TURNS} turns, {processor}, {os.cpu_count()} CPUs")
    print(
        f"  {'trees':>5} {'leaves':>6} {'features':>8}   µs a row, CPU: LightGBM, engine    ratio     clock, all CPUs"
    )
    with tempfile.TemporaryDirectory() as folder:
        large = Model.grown(trees=4 * TREES)
        _told(large.first(TREES), rows, folder=Path(folder))
        for model in (large.first(TREES // 4), large):
            _told(model, rows, folder=Path(folder))
        for change in ({"leaves": 15}, {"leaves": 63}, {"leaves": 255}, {"features": 10}, {"features": 100}):
            _told(Model.grown(**change), rows, folder=Path(folder))


def _told(model: Model, rows: int, *, folder: Path) -> None:
    matrix = np.asfortranarray(np.random.default_rng(2).normal(size=(rows, model.features)))
    few = np.ascontiguousarray(matrix[: rows // _SHARE])
    booster, engine = lgb.Booster(model_str=model.text), Engine(model.text, folder=folder)
    _require_same(engine, booster, few)
    turns = []
    for _ in range(TURNS):
        theirs = _seconds(lambda: booster.predict(few, raw_score=True, num_threads=1), rows=len(few))
        ours = _seconds(lambda: engine.raw_scores(matrix, num_threads=1), rows=rows)
        many = _seconds(lambda: engine.raw_scores(matrix, num_threads=os.cpu_count() or 1), rows=rows)
        turns.append((theirs[0], ours[0], theirs[0] / ours[0], theirs[1] / ours[1], many[1]))
    lightgbm, numba, ratio, clock, all_ = np.median(turns, axis=0)
    print(
        f"  {model.trees:>5} {model.leaves:>6} {model.features:>8}   {lightgbm:>20.2f}, {numba:>7.3f} {ratio:>11.1f}"
        f" ({clock:.1f} by the clock)   {all_:.3f}"
    )


def _seconds(run: Callable[[], Any], *, rows: int) -> tuple[float, float]:
    """Returns microseconds a row, of CPU and by the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    return (time.process_time() - cpu) / rows * 1e6, (time.perf_counter() - wall) / rows * 1e6


def _require_same(engine: Engine, booster: lgb.Booster, matrix: Floats) -> None:
    expected = np.asarray(booster.predict(matrix, raw_score=True, num_threads=1))
    if not np.array_equal(engine.raw_scores(matrix, num_threads=1).view(np.int64), expected.view(np.int64)):
        raise SystemExit("the scores differ")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
