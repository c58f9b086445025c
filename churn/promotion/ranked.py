"""How well does the order of the scores find the positives?

Metrics that ask for the order alone. A metric is a frozen dataclass: `kind` is its name, `aim` says which way is better
(infinite: that way; a number: the nearer the better), and `figure` prepares rows for a figure under any weights, tied
scores entering at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from churn.promotion.delong import Floats
from churn.promotion.resampling import Figure, weighted
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Rows from the highest score down: their `order`, the last place of each level of equal scores, their labels."""

    order: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]
    labels: Floats

    @classmethod
    def of(cls, labels: Floats, scores: Floats) -> Ranking:
        """Returns the ranking of rows, one label (0 or 1) and one score each."""
        order = np.argsort(-scores, kind="stable")
        falling = scores[order]
        ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), scores.size - 1)
        return cls(order=order, ends=ends, labels=labels[order])

    def reached(self, weights: Floats) -> tuple[Floats, Floats]:
        """Returns at each level, from the highest down, the weight of positives and of all rows found by then.

        >>> ranking = Ranking.of(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.5, 0.5]))
        >>> [part.tolist() for part in ranking.reached(np.ones(3))]
        [[1.0, 2.0], [1.0, 3.0]]
        """
        falling = weights[self.order]
        return np.cumsum(falling * self.labels)[self.ends], np.cumsum(falling)[self.ends]


@dataclass(frozen=True, slots=True, kw_only=True)
class Auc:
    """Area under the ROC curve, 0 to 1: how often a positive outscores a negative, ties one half."""

    kind: Literal["auc"] = "auc"
    aim: ClassVar[float] = math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "AUC"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the trapezoids' area under the weighted ROC curve.

        >>> Auc().figure(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))(np.ones(4))
        0.75
        """
        ranking = Ranking.of(labels, scores)

        def under(weights: Floats) -> float:
            hits, rows = ranking.reached(weights)
            misses = rows - hits
            area = np.trapezoid(np.append(0.0, hits), np.append(0.0, misses))
            return _ratio(float(area), float(hits[-1] * misses[-1]))

        return under


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """Mean precision at each positive's score, the base rate to 1."""

    kind: Literal["average_precision"] = "average_precision"
    aim: ClassVar[float] = math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "average precision"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the sum of precisions, each by the recall that it adds."""
        ranking = Ranking.of(labels, scores)

        def under(weights: Floats) -> float:
            hits, rows = ranking.reached(weights)
            precision = np.divide(hits, rows, out=np.zeros_like(hits), where=rows > 0)
            return _ratio(weighted(np.diff(hits, prepend=0.0), precision), float(hits[-1]))

        return under


@dataclass(frozen=True, slots=True, kw_only=True)
class KolmogorovSmirnov:
    """The largest gap between the score's distributions in the two classes, 0 to 1."""

    kind: Literal["ks"] = "ks"
    aim: ClassVar[float] = math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "share"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the largest difference of true and false positive rate, either side."""
        ranking = Ranking.of(labels, scores)

        def under(weights: Floats) -> float:
            hits, rows = ranking.reached(weights)
            misses = rows - hits
            if not hits[-1] * misses[-1]:
                return math.nan
            return float(np.abs(hits / hits[-1] - misses / misses[-1]).max())

        return under


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Share of all positives among the `share` of rows that score highest: times their number, the positives reached.

    Of rows that are tied at the end of the list, each counts by the share of them that fits.
    """

    share: float
    kind: Literal["captured"] = "captured"
    aim: ClassVar[float] = math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "share of positives"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the positives found by the list's end over all of them.

        >>> Captured(share=0.5).figure(np.array([1.0, 0, 1, 0]), np.array([0.9, 0.6, 0.5, 0.1]))(np.ones(4))
        0.5
        """
        ranking = Ranking.of(labels, scores)

        def under(weights: Floats) -> float:
            hits, rows = (np.append(0.0, part) for part in ranking.reached(weights))
            return _ratio(float(np.interp(self.share * rows[-1], rows, hits)), float(hits[-1]))

        return under


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """How many times the base rate the `share` of rows holds that score highest: 1 for a list by lot."""

    share: float
    kind: Literal["lift"] = "lift"
    aim: ClassVar[float] = math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "times the base rate"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the captured share of positives over the share of rows."""
        captured = Captured(share=self.share).figure(labels, scores)
        return lambda weights: captured(weights) / self.share


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
