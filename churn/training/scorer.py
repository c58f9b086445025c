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


class Walker(Protocol):
    """What walks the trees of a model: LightGBM itself (`churn.training.fit.Trees`), or what gives the same bits."""

    def raw_scores(self, matrix: Floats, *, num_threads: int) -> Floats:
        """Returns one raw score per row of `matrix` (rows, features)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A model whose columns are those of its encoding, and its calibrator."""

    encoding: Encoding
    walker: Walker
    calibrator: Calibrator
    num_threads: int

    def raw_scores(self, features: pl.DataFrame) -> Floats:
        """Returns one log-odds score per row, before calibration; no row gives no score."""
        return self.of_matrix(self.encoding.matrix(features))

    def of_matrix(self, matrix: Floats) -> Floats:
        """Returns one log-odds score per row that `encoding` made."""
        return self.walker.raw_scores(matrix, num_threads=self.num_threads) if len(matrix) else np.empty(0)

    def scores(self, features: pl.DataFrame) -> Floats:
        """Returns one calibrated score per row: for a classifier the probability of label 1 (0 to 1)."""
        return self.calibrator.scores(self.raw_scores(features))
