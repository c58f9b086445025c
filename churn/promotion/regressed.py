"""How far from what came are predicted numbers?

Metrics of a regression in the shape that `churn.promotion.ranked` explains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from churn.promotion.delong import Floats
from churn.promotion.resampling import Figure, mean_of
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Rmse:
    """Root of the mean squared error, in the label's unit, 0 (best) and up."""

    kind: Literal["rmse"] = "rmse"
    aim: ClassVar[float] = -math.inf
    task: ClassVar[Task] = "regression"
    unit: ClassVar[str] = "label"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the root of the mean of (score − label)²."""
        squared = mean_of((scores - labels) ** 2)
        return lambda weights: math.sqrt(squared(weights))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mae:
    """Mean absolute error, in the label's unit, 0 (best) and up."""

    kind: Literal["mae"] = "mae"
    aim: ClassVar[float] = -math.inf
    task: ClassVar[Task] = "regression"
    unit: ClassVar[str] = "label"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the mean of |score − label|."""
        return mean_of(np.abs(scores - labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class R2:
    """Share of the label's variance that the scores explain: 1 is best, 0 the mean's, under 0 worse."""

    kind: Literal["r2"] = "r2"
    aim: ClassVar[float] = math.inf
    task: ClassVar[Task] = "regression"
    unit: ClassVar[str] = "share of variance"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns 1 − squared error over variance; the labels' mean is that of the weighted rows."""
        error, centred = mean_of((scores - labels) ** 2), labels - labels.mean()
        square, mean = mean_of(centred**2), mean_of(centred)

        def under(weights: Floats) -> float:
            variance = square(weights) - mean(weights) ** 2
            return 1 - error(weights) / variance if variance > 0 else math.nan

        return under


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileCoverage:
    """Share of labels at or under a score that is meant as their `level` quantile: `level` where it is one."""

    level: float
    kind: Literal["quantile_coverage"] = "quantile_coverage"
    task: ClassVar[Task] = "regression"
    unit: ClassVar[str] = "share"

    @property
    def aim(self) -> float:
        """The level itself."""
        return self.level

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the share of labels that are at or under their score.

        >>> QuantileCoverage(level=0.5).figure(np.array([1.0, 2.0]), np.array([1.0, 1.5]))(np.ones(2))
        0.5
        """
        return mean_of((labels <= scores).astype(np.float64))
