"""What would these scores be worth, were they calibrated as well as their order allows?

Isotonic regression of the label on the score parts the rows into blocks of one probability each. The same blocks are
the sides of the convex hull of the ROC curve, so that the Brier score's parts and the maximum profit stand on one fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from churn.promotion.delong import Floats
from churn.promotion.resampling import Figure, mean_of, weighted
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Rows of one recalibrated probability: the share of all rows in each block, and its rate of the label, rising."""

    shares: Floats
    rates: Floats

    @property
    def brier(self) -> float:
        """The Brier score of the recalibrated probabilities."""
        return weighted(self.shares, self.rates * (1 - self.rates))

    @property
    def uncertainty(self) -> float:
        """The Brier score of the base rate."""
        base = weighted(self.shares, self.rates)
        return base * (1 - base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corp:
    """The Brier score = miscalibration − discrimination + uncertainty; neither of the first two is ever negative.

    Isotonic regression bends to chance as well: a calibrated model shows a miscalibration of some blocks' worth.
    """

    miscalibration: float
    discrimination: float
    uncertainty: float


def corp(labels: Floats, scores: Floats) -> Corp:
    """Returns the parts of the Brier score, one label (0 or 1) and one probability a row.

    Source: Dimitriadis, Gneiting & Jordan 2021 (PNAS 118(8)).

    >>> corp(np.array([0.0, 1, 0, 1]), np.array([0.2, 0.2, 0.6, 0.8])).uncertainty
    0.25
    """
    once = np.ones_like(scores)
    blocks = recalibration(labels, scores)(once)
    return Corp(
        miscalibration=float(((scores - labels) ** 2).mean()) - blocks.brier,
        discrimination=blocks.uncertainty - blocks.brier,
        uncertainty=blocks.uncertainty,
    )


def recalibration(labels: Floats, scores: Floats) -> Callable[[Floats], Blocks]:
    """Returns the isotonic fit as a function of the rows' weights; equal scores stay in one block."""
    from scipy.optimize import isotonic_regression

    levels, level_of = np.unique(scores, return_inverse=True)

    def fitted(weights: Floats) -> Blocks:
        rows = np.bincount(level_of, weights, minlength=levels.size)
        hits = np.bincount(level_of, weights * labels, minlength=levels.size)
        drawn = rows > 0
        fit = isotonic_regression(hits[drawn] / rows[drawn], weights=rows[drawn])
        return Blocks(shares=fit.weights / fit.weights.sum(), rates=fit.x[fit.blocks[:-1]])

    return fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Miscalibration:
    """What recalibration would take off the Brier score."""

    kind: Literal["miscalibration"] = "miscalibration"
    aim: ClassVar[float] = -math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "Brier score"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the Brier score minus that of the recalibrated probabilities."""
        fitted, brier = recalibration(labels, scores), mean_of((scores - labels) ** 2)
        return lambda weights: brier(weights) - fitted(weights).brier


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrimination:
    """What the order of the scores takes off the Brier score of the base rate."""

    kind: Literal["discrimination"] = "discrimination"
    aim: ClassVar[float] = math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "Brier score"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the uncertainty minus the Brier score of the recalibrated probabilities."""
        fitted = recalibration(labels, scores)

        def under(weights: Floats) -> float:
            blocks = fitted(weights)
            return blocks.uncertainty - blocks.brier

        return under


@dataclass(frozen=True, slots=True, kw_only=True)
class Empc:
    """Expected maximum profit a customer of a retention campaign, in the unit of `lifetime_value`.

    A customer who would leave takes the `incentive` and stays with a chance drawn from Beta(`alpha`, `beta`); one who
    would not leave takes it too; `contact` is the cost of writing to one.
    """

    lifetime_value: float = 200.0
    incentive: float = 10.0
    contact: float = 1.0
    alpha: float = 6.0
    beta: float = 14.0
    kind: Literal["empc"] = "empc"
    aim: ClassVar[float] = math.inf
    task: ClassVar[Task] = "binary"
    unit: ClassVar[str] = "profit a customer"

    def figure(self, labels: Floats, scores: Floats) -> Figure:
        """Returns the profit of the best list at each chance of staying, averaged over the chances.

        Source: Verbraken, Verbeke & Baesens 2013 (IEEE TKDE 25(5)), by blocks instead of by sides of the hull.

        >>> labels = np.array([0.0, 1, 0, 1, 0, 1, 0, 1])
        >>> scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
        >>> round(Empc().figure(labels, scores)(np.ones(8)), 9)
        23.875593418
        """
        fitted = recalibration(labels, scores)

        def under(weights: Floats) -> float:
            blocks = fitted(weights)
            targeted, staying = self._moments(blocks.rates)
            cost = self.incentive / self.lifetime_value
            contact = self.contact / self.lifetime_value
            gain = ((1 - cost) * staying - contact * targeted) * blocks.rates
            loss = (cost + contact) * targeted * (1 - blocks.rates)
            return self.lifetime_value * weighted(blocks.shares, gain - loss)

        return under

    def share(self, labels: Floats, scores: Floats) -> float:
        """Returns the share of customers on the best list, averaged over the chances of staying."""
        blocks = recalibration(labels, scores)(np.ones_like(scores))
        return weighted(blocks.shares, self._moments(blocks.rates)[0])

    def _moments(self, rates: Floats) -> tuple[Floats, Floats]:
        """By block: how likely the chance γ of staying is one at which targeting it pays, and the mean of γ there."""
        from scipy.special import betainc

        cost, contact = self.incentive / self.lifetime_value, self.contact / self.lifetime_value
        odds_against = np.divide(1 - rates, rates, out=np.full_like(rates, np.inf), where=rates > 0)
        pays_from = np.minimum((contact + (cost + contact) * odds_against) / (1 - cost), 1.0)
        mean = self.alpha / (self.alpha + self.beta)
        above = 1 - betainc(self.alpha, self.beta, pays_from)
        return above, mean * (1 - betainc(self.alpha + 1, self.beta, pays_from))
