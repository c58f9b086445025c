"""Do the scores mean what they say, as probabilities?

Metrics of calibration and of the probabilities' loss, in the shape that `churn.promotion.ranked` explains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from churn.promotion.curves import score_bins
from churn.promotion.delong import Floats, Ints
from churn.promotion.metrics import EPSILON, calibration_slope_intercept
from churn.promotion.resampling import Figure, mean_of, weighted
from churn.training.model import Task

_BINS = 10
_DRAWS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Brier:
    """Mean squared error of the probabilities, 0 (best) to 1."""

    kind: Literal["brier"] = "brier"
    aim: ClassVar[float] = -math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "Brier score"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the mean of (score − label)²."""
        return mean_of((scores - labels) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLoss:
    """Mean negative log likelihood in nats, 0 (best) and up; a sure and wrong score costs 36."""

    kind: Literal["log_loss"] = "log_loss"
    aim: ClassVar[float] = -math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "nats"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the mean of −ln(probability of what came)."""
        inside = np.clip(scores, EPSILON, 1 - EPSILON)
        return mean_of(-np.log(np.where(labels == 1, inside, 1 - inside)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSlope:
    """Slope of the logistic regression of the label on logit(score): 1 is calibrated, under 1 too extreme."""

    kind: Literal["calibration_slope"] = "calibration_slope"
    aim: ClassVar[float] = 1.0
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "slope"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the slope; see `_line`."""
        return _line(labels, scores, part=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationIntercept:
    """Intercept of the logistic regression of the label on logit(score): 0 where the scores are calibrated."""

    kind: Literal["calibration_intercept"] = "calibration_intercept"
    aim: ClassVar[float] = 0.0
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "log-odds"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the intercept; see `_line`."""
        return _line(labels, scores, part=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spiegelhalter:
    """Spiegelhalter's z: about N(0, 1) where rows are independent and the scores calibrated.

    It grows with the number of rows, so it compares no models of different rows.
    """

    kind: Literal["spiegelhalter_z"] = "spiegelhalter_z"
    aim: ClassVar[float] = 0.0
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "z"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns Σ(y − p)(1 − 2p) over the root of its variance under calibration.

        Source: Spiegelhalter 1986 (Statistics in Medicine 5).
        """
        excess, variance = (labels - scores) * (1 - 2 * scores), (1 - 2 * scores) ** 2 * scores * (1 - scores)

        def under(weights: Floats) -> float:
            spread = math.sqrt(weighted(weights, variance))
            return weighted(weights, excess) / spread if spread else math.nan

        return under


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCalibrationError:
    """Mean absolute gap between score and rate over ten bins of equally many rows; never 0, see `ece_null`."""

    kind: Literal["ece"] = "ece"
    aim: ClassVar[float] = -math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "probability"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the figure over the bins of the unweighted rows."""
        bins, gaps = score_bins(scores, bins=_BINS), scores - labels

        def under(weights: Floats) -> float:
            return float(np.abs(np.bincount(bins, weights * gaps)).sum() / weights.sum())

        return under


@dataclass(frozen=True, slots=True, kw_only=True)
class EceNull:
    """What a perfectly calibrated model of these rows would show: the mean and the 95 % limit of its ECE."""

    mean: float
    limit: float


def ece_null(labels: Floats, scores: Floats, *, customers: Ints, seed: int) -> EceNull:
    """Returns the ECE of a calibrated model of the same scores, from 4,000 draws of its ten gaps.

    Gaps are drawn as normal, with the covariance that the customers' own sums of residuals show, so that rows of the
    same customer share their luck. What the bins are off by on average is taken out of the residuals first.
    """
    bins = score_bins(scores, bins=_BINS)
    counts = np.maximum(np.bincount(bins, minlength=_BINS), 1)
    off = np.bincount(bins, scores - labels, minlength=_BINS) / counts
    apart = scores - labels - off[bins]
    sums = _by_customer(apart, bins=bins, customers=customers)
    drawn = np.random.default_rng(seed).multivariate_normal(np.zeros(_BINS), sums, size=_DRAWS, method="eigh")
    simulated = np.abs(drawn).sum(axis=1) / scores.size
    return EceNull(mean=float(simulated.mean()), limit=float(np.quantile(simulated, 0.95)))


def _by_customer(values: Floats, *, bins: Ints, customers: Ints) -> Floats:
    """Returns the covariance (bins, bins) of the sums of values by bin, customers being independent."""
    place = customers * _BINS + bins
    size = (1 + int(customers.max())) * _BINS
    sums = np.bincount(place, values, minlength=size).reshape(-1, _BINS)
    return np.asarray(sums.T @ sums, dtype=np.float64)


def _line(labels: Floats, scores: Floats, *, part: int) -> Figure:
    """Returns intercept (part 0) or slope (part 1), under weights by one step of Newton's from the unweighted line.

    The step is linear in the weights but for a 2 × 2 system, and misses the weighted line by the order of 1/n.
    """
    from scipy.special import expit, logit

    line = calibration_slope_intercept(labels, scores)
    fitted = np.array([line.intercept.figure, line.slope.figure])
    logits = logit(scores)
    chance = expit(fitted[0] + fitted[1] * logits)
    pull, bend = labels - chance, chance * (1 - chance)
    terms = (pull, pull * logits, bend, bend * logits, bend * logits**2)

    def under(weights: Floats) -> float:
        first, second, flat, mixed, steep = (weighted(weights, term) for term in terms)
        information: npt.NDArray[Any] = np.array([[flat, mixed], [mixed, steep]])
        if np.linalg.cond(information) > 1 / EPSILON:
            return math.nan
        return float((fitted + np.linalg.solve(information, [first, second]))[part])

    return under
