"""What does a bundle say of rows of features?

The one path from features to a score: encode, walk the trees, calibrate. Evaluation, promotion and scoring all
come through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from churn.training.calibration import Calibrator
from churn.training.encoding import Encoding, Floats
from churn.training.fit import Trees


class Engine(Protocol):
    """What walks the trees of a model in LightGBM's place, and gives the same bits."""

    def raw_scores(self, matrix: Floats, *, num_threads: int) -> Floats:
        """Returns what `Trees.raw_scores` of the same model does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A model with its encoding and its calibrator; `engine` None: LightGBM walks the trees."""

    encoding: Encoding
    trees: Trees
    calibrator: Calibrator
    num_threads: int
    engine: Engine | None = None

    def __post_init__(self) -> None:
        self.trees.require(self.encoding)

    def raw_scores(self, features: pl.DataFrame) -> Floats:
        """Returns one log-odds score per row, before calibration; no row gives no score."""
        matrix = self.encoding.matrix(features)
        engine = self.engine or self.trees
        return engine.raw_scores(matrix, num_threads=self.num_threads) if features.height else np.empty(0)

    def scores(self, features: pl.DataFrame) -> Floats:
        """Returns one calibrated score per row: for a classifier the probability of label 1 (0 to 1)."""
        return self.calibrator.scores(self.raw_scores(features))
