"""Did published scores keep what they promised, now that the outcomes are known?

Figures of the customers of one night, each of whom is one row. Ranking comes first: a loss is told only where the AUC
is surely under both the model's own test and what the scores alone let expect: a population that is harder to tell
apart lowers the realised and the expected figure together, scores that are off lower the realised one alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np

from churn.errors import DataError, SettingsError
from churn.promotion.evidence import Campaign, Evidence
from churn.promotion.measures import estimates
from churn.promotion.metrics import (
    Z95,
    Estimate,
    Vector,
    auc,
    average_precision,
    brier,
    calibration_in_the_large,
    calibration_slope_intercept,
    log_loss,
)
from churn.promotion.ranked import Lift
from churn.promotion.regression import bias, deviance, mae, rmse
from churn.promotion.verdict import MINIMUM_OF_EACH_CLASS
from churn.training.model import Objective

Formula: TypeAlias = Callable[[Vector, Vector], Estimate]


class Hindsight(StrEnum):
    """What became of a night's scores."""

    HOLDS = "holds"
    CALIBRATION_OFF = "calibration_off"
    LOSS = "loss"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeLimits:
    """The smallest changes that matter; each has to be beyond chance, too.

    `auc_drop`: AUC under what was to be expected. `calibration_gap`: mean score off the base rate, as a share of it (of
    a regression: off the mean label). `slope_gap`: calibration slope off 1. `rmse_rise`: RMSE over that at training, as
    a share of it.

    Raises:
        SettingsError: a limit that is not over 0, or a drop of 0.5 or more.
    """

    auc_drop: float
    calibration_gap: float
    slope_gap: float
    rmse_rise: float

    def __post_init__(self) -> None:
        limits = {name: getattr(self, name) for name in self.__slots__}
        wrong = [f"{name}={limit}" for name, limit in limits.items() if not 0 < limit < math.inf]
        wrong += [f"auc_drop={self.auc_drop}"] if 0.5 <= self.auc_drop < math.inf else []
        if wrong:
            action = "choose limits over 0, auc_drop under 0.5 (0.03 is three points of AUC)"
            raise SettingsError(where="stage.limits", found=", ".join(wrong), action=action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Realised figures by name; `absent` says of those that the rows do not allow why."""

    found: dict[str, Estimate]
    absent: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a night's scores, and the grounds in words."""

    verdict: Hindsight
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTraining:
    """The AUC, or RMSE, of the version's own test, with its standard error."""

    figure: float
    se: float

    def reach(self, now: Estimate) -> float:
        """Returns how far chance alone may bring the two apart: 1.96 standard errors of their difference."""
        return Z95 * math.hypot(self.se, now.se)


def measure_binary(labels: Vector, scores: Vector, *, campaign: Campaign) -> Measured:
    """Returns the figures of published probabilities, one label (0 or 1) and one score a customer.

    `profit` is the expected maximum a customer in the campaign's money, `lift` that of its list, `calibration` mean
    score minus base rate. The intervals of lift and profit are the bootstrap's, the others have formulas. Under 20
    customers of a class there is no figure at all, since no interval would hold.

    >>> from churn.promotion.evidence import Campaign
    >>> campaign = Campaign(share=0.1, lifetime_value=200.0, incentive=10.0, contact=1.0, alpha=6.0, beta=14.0)
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.random(500)
    >>> found = measure_binary((rng.random(500) < scores).astype(int), scores, campaign=campaign).found
    >>> [round(found[name].figure, 2) for name in ("base_rate", "auc", "brier", "calibration_slope")]
    [0.53, 0.84, 0.16, 1.02]
    """
    rarer = min(int(np.sum(labels == 1)), int(np.sum(labels == 0)))
    if rarer < MINIMUM_OF_EACH_CLASS:
        return _too_few(f"{rarer} customers of the rarer class")
    formulas: dict[str, Formula] = {
        "base_rate": _mean_label,
        "auc": auc,
        "average_precision": average_precision,
        "brier": brier,
        "log_loss": log_loss,
        "calibration": calibration_in_the_large,
        "calibration_slope": lambda truth, values: calibration_slope_intercept(truth, values).slope,
        "calibration_intercept": lambda truth, values: calibration_slope_intercept(truth, values).intercept,
    }
    known = _computed(formulas, labels, scores)
    return Measured(found=known.found | _drawn(labels, scores, campaign), absent=known.absent)


def measure_regression(labels: Vector, scores: Vector, *, objective: Objective) -> Measured:
    """Returns the figures of predicted numbers, one label and one score a customer, in the label's unit.

    `bias` is mean score minus mean label, `deviance` that of the objective. Under 20 customers there is none.

    >>> labels = np.arange(40.0)
    >>> found = measure_regression(labels, labels + 1.0, objective="regression").found
    >>> {name: round(one.figure, 2) for name, one in found.items()}
    {'mean_label': 19.5, 'rmse': 1.0, 'mae': 1.0, 'bias': 1.0, 'deviance': 1.0}
    """
    if labels.size < MINIMUM_OF_EACH_CLASS:
        return _too_few(f"{labels.size} customers")
    formulas: dict[str, Formula] = {
        "mean_label": _mean_label,
        "rmse": rmse,
        "mae": mae,
        "bias": bias,
        "deviance": lambda truth, values: deviance(truth, values, objective),
    }
    return _computed(formulas, labels, scores)


def judge_binary(
    measured: Measured, *, estimated: float | None, at_training: AtTraining, limits: OutcomeLimits
) -> Judged:
    """Returns what became of published probabilities.

    A loss: the AUC is more than `auc_drop` under the lower of its `estimated` value and that `at_training`, and under
    both beyond chance: its 95 % interval under the estimate, and their difference under 0, at training with the error
    of its own test too. Insufficient: that difference is known less well than `auc_drop`, so that a drop could hide in
    it. Calibration that is surely off is told wherever there is no loss, though
    the ranking cannot be told. `estimated` None: there is none.

    >>> limits = OutcomeLimits(auc_drop=0.03, calibration_gap=0.2, slope_gap=0.2, rmse_rise=0.1)
    >>> found = {"auc": Estimate(figure=0.61, se=0.01, interval=(0.59, 0.63), n=8000, n_positive=500)}
    >>> then = AtTraining(figure=0.81, se=0.01)
    >>> judge_binary(Measured(found=found, absent={}), estimated=None, at_training=then, limits=limits).reason
    'AUC 0.6100 (95 % 0.5900 to 0.6300), 0.2000 under 0.8100: 0.8100 ± 0.0196 at training'
    """
    found = measured.found
    if "auc" not in found:
        return _unknown("AUC", measured)
    area, reference = found["auc"], min(at_training.figure, math.inf if estimated is None else estimated)
    (low, high), drop, reach = area.interval, reference - area.figure, at_training.reach(area)
    told = f"AUC {area.figure:.4f} (95 % {low:.4f} to {high:.4f})"
    known = "" if estimated is None else f"the lower of estimated {estimated:.4f} and "
    against = f"{known}{at_training.figure:.4f} ± {Z95 * at_training.se:.4f} at training"
    sure = area.figure + reach < at_training.figure and (estimated is None or high < estimated)
    if drop > limits.auc_drop and sure:
        return Judged(verdict=Hindsight.LOSS, reason=f"{told}, {drop:.4f} under {reference:.4f}: {against}")
    off = _calibration_off(found, limits)
    if reach > limits.auc_drop and not off:
        reason = (
            f"{told} against {against} cannot tell a drop of {limits.auc_drop:g} from none, on {area.n:,} customers"
        )
        return Judged(verdict=Hindsight.INSUFFICIENT, reason=reason)
    return Judged(
        verdict=Hindsight.CALIBRATION_OFF if off else Hindsight.HOLDS,
        reason=f"{told} against {against}{off}",
    )


def judge_regression(measured: Measured, *, at_training: AtTraining, limits: OutcomeLimits) -> Judged:
    """Returns what became of predicted numbers; the RMSE is held against that of the test at training.

    Nothing tells the error of a number beforehand, so a label that became harder to predict counts as a loss, too.

    >>> limits = OutcomeLimits(auc_drop=0.03, calibration_gap=0.2, slope_gap=0.2, rmse_rise=0.1)
    >>> found = {"rmse": Estimate(figure=15.0, se=0.5, interval=(14.0, 16.0), n=8000, n_positive=None)}
    >>> then = AtTraining(figure=10.0, se=0.4)
    >>> judge_regression(Measured(found=found, absent={}), at_training=then, limits=limits).reason
    'RMSE 15 (95 % 14 to 16), 5 over 10 ± 0.784 at training'
    """
    found = measured.found
    if "rmse" not in found:
        return _unknown("RMSE", measured)
    error, (low, high) = found["rmse"], found["rmse"].interval
    told = f"RMSE {error.figure:.4g} (95 % {low:.4g} to {high:.4g})"
    against = f"{at_training.figure:.4g} ± {Z95 * at_training.se:.3g} at training"
    rise, limit, reach = (
        error.figure - at_training.figure,
        limits.rmse_rise * at_training.figure,
        at_training.reach(error),
    )
    if rise > max(limit, reach):
        return Judged(verdict=Hindsight.LOSS, reason=f"{told}, {rise:.4g} over {against}")
    if reach > limit:
        share = f"{100 * limits.rmse_rise:.0f} %"
        reason = f"{told} against {against} cannot tell a rise of {share} from none, on {error.n:,} customers"
        return Judged(verdict=Hindsight.INSUFFICIENT, reason=reason)
    off = _off_level(found.get("bias"), found["mean_label"].figure, limits.calibration_gap, of="mean label")
    return Judged(
        verdict=Hindsight.CALIBRATION_OFF if off else Hindsight.HOLDS,
        reason=f"{told} against {against}{off}",
    )


def _unknown(what: str, measured: Measured) -> Judged:
    why = "; ".join(f"{name}: {reason}" for name, reason in measured.absent.items())
    return Judged(verdict=Hindsight.INSUFFICIENT, reason=f"no {what} ({why})")


def _calibration_off(found: Mapping[str, Estimate], limits: OutcomeLimits) -> str:
    level = _off_level(found.get("calibration"), found["base_rate"].figure, limits.calibration_gap, of="base rate")
    slope = found.get("calibration_slope")
    if slope is None or abs(slope.figure - 1) <= limits.slope_gap or slope.interval[0] <= 1 <= slope.interval[1]:
        return level
    return f"{level}; calibration slope {slope.figure:.2f} (95 % {slope.interval[0]:.2f} to {slope.interval[1]:.2f})"


def _off_level(gap: Estimate | None, level: float, limit: float, *, of: str) -> str:
    """Says by how much scores are off as a whole where that is beyond chance and the limit, a share of `level`."""
    if gap is None or abs(gap.figure) <= limit * abs(level) or gap.interval[0] <= 0 <= gap.interval[1]:
        return ""
    spread = f"95 % {gap.interval[0]:+.4g} to {gap.interval[1]:+.4g}"
    return f"; mean score {gap.figure:+.4g} off the {of} of {level:.4g} ({spread})"


def _computed(formulas: Mapping[str, Formula], labels: Vector, scores: Vector) -> Measured:
    found: dict[str, Estimate] = {}
    absent: dict[str, str] = {}
    for name, formula in formulas.items():
        try:
            found[name] = formula(labels, scores)
        except DataError as error:
            absent[name] = f"{error.where}: {error.found}"
    return Measured(found=found, absent=absent)


def _drawn(labels: Vector, scores: Vector, campaign: Campaign) -> dict[str, Estimate]:
    evidence = Evidence(labels=labels, challenger=scores, champion=None, campaign=campaign)
    found = estimates([Lift(share=campaign.share), campaign.profit], evidence)
    return {"lift": found["lift"], "profit": found[campaign.profit.kind]}


def _too_few(what: str) -> Measured:
    return Measured(found={}, absent={"every figure": f"{what}, and an interval needs {MINIMUM_OF_EACH_CLASS}"})


def _mean_label(labels: Vector, scores: Vector) -> Estimate:
    return bias(np.zeros_like(scores), labels)
