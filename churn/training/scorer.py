"""What does a bundle say of rows of features?

The one path from features to a score: encode, walk the trees, calibrate. Evaluation, promotion and scoring all
come through here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from churn.training.calibration import Calibrator
from churn.training.encoding import Encoding, Floats
from churn.training.fit import Trees


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A model with its encoding and its calibrator."""

    encoding: Encoding
    trees: Trees
    calibrator: Calibrator
    num_threads: int

    def __post_init__(self) -> None:
        self.trees.require(self.encoding)

    def raw_scores(self, features: pl.DataFrame) -> Floats:
        """Returns one log-odds score per row, before calibration; no row gives no score."""
        matrix = self.encoding.matrix(features)
        return self.trees.raw_scores(matrix, num_threads=self.num_threads) if features.height else np.empty(0)

    def scores(self, features: pl.DataFrame) -> Floats:
        """Returns one calibrated score per row: for a classifier the probability of label 1 (0 to 1)."""
        return self.calibrator.scores(self.raw_scores(features))
