"""How good is one model's score on labelled rows, and how sure is that?

Every metric is an `Estimate`, never a bare number. Rows that allow no figure (one class, NaN, class labels in place of
probabilities) stop the run in `check_rows`, so that no gate can compare a stand-in number with its limit.

One customer may have several rows: the metrics that a gate judges by are told whose rows they are. The others take rows
as independent, so that their intervals are too narrow there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from churn.errors import DataError
from churn.promotion.delong import Owners, customer_numbers, error_of_mean, placements, standard_error

Vector: TypeAlias = npt.NDArray[Any]
Booleans: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]

Z95 = NormalDist().inv_cdf(0.975)
EPSILON = float(np.finfo(np.float64).eps)
_NEWTON_STEPS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One metric on `n` rows, `n_positive` of them positive (None where the label is no class).

    `interval` is two-sided 95 %, `se` the standard error, both in the unit of `figure`.
    """

    figure: float
    se: float
    interval: tuple[float, float]
    n: int
    n_positive: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationLine:
    """logit P(label) = intercept + slope · logit(score): slope 1 and intercept 0 where the scores are calibrated."""

    slope: Estimate
    intercept: Estimate


def check_rows(labels: Vector, scores: Vector) -> tuple[Booleans, Floats]:
    """Returns the labels as booleans and the scores as floats, one a row.

    Raises:
        DataError: columns of other shapes, a label that is neither 0 nor 1 (it names the row), a score that is not
            finite, fewer than two rows of a class, or scores that are all exactly 0 or 1: class labels, whose AUC hides
            how the model ranks.

    >>> check_rows(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4]))[0].tolist()
    [False, True, False, True]
    """
    targets, values = _column("labels", labels), _column("scores", scores)
    if targets.size != values.size:
        raise _refusal("scores", f"{values.size} scores for {targets.size} labels", "score the same rows")
    _refuse_any("labels", ~np.isin(targets, (0.0, 1.0)), "neither 0 nor 1")
    _refuse_any("scores", ~np.isfinite(values), "not a finite number")
    positive = targets == 1.0
    if min(positive.sum(), (~positive).sum()) < 2:
        found = f"{positive.sum()} of {positive.size} rows are positive"
        raise _refusal("labels", found, "use more rows: each class needs two")
    if np.isin(values, (0.0, 1.0)).all():
        raise _refusal("scores", "every score is exactly 0 or 1: class labels", "pass probabilities")
    return positive, values


def auc(labels: Vector, scores: Vector, customers: Vector | None = None) -> Estimate:
    """Returns the area under the ROC curve, 0 to 1: how often a positive outscores a negative, ties one half.

    `labels`, `scores` and `customers` hold one value a row; scores need not be probabilities. `customers` is None where
    each row is a customer of its own. The interval is DeLong's on the logit scale, with customers as clusters. Where
    the order is perfect there is no variance, and the interval's inner end is 0.025^(1/k), k the customers of the
    rarer class: the AUC at which k pairs of other customers are all in order once in 40 times.

    Raises:
        DataError: see `check_rows`; all rows of a class are of one customer.

    Source: DeLong et al. 1988; Sun & Xu 2014; Obuchowski 1997.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).figure
    0.75
    """
    positive, values = check_rows(labels, scores)
    standing, owners = placements(positive, values), Owners.of(positive, customers)
    figure, se = float(standing.positives.mean()), standard_error(standing, owners)
    reach = 0.025 ** (1 / owners.fewest)
    if figure in {0.0, 1.0}:
        return _estimate(positive, figure, se, interval=(reach, 1.0) if figure else (0.0, 1 - reach))
    return _estimate(positive, figure, se, interval=_logit_interval(figure, se))


def average_precision(labels: Vector, scores: Vector, customers: Vector | None = None) -> Estimate:
    """Returns the average precision, base rate to 1 for a model that ranks: mean precision at each positive's score.

    `labels` and `scores` hold one value a row; tied scores enter at once. The standard error is the infinitesimal
    jackknife's (the derivative by each customer's weight, each row's where `customers` is None), the interval is on the
    logit scale.

    Raises:
        DataError: see `check_rows`; an order without a fault, where the figure has no spread.

    >>> round(average_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).figure, 4)
    0.8333
    """
    positive, values = check_rows(labels, scores)
    figure, by_weight = _weighted_average_precision(positive, values)
    if figure == 1:
        raise _refusal("scores", "every positive scores over every negative", "look for a leak of the label")
    se = float(np.linalg.norm(np.bincount(customer_numbers(positive.size, customers), by_weight)))
    return _estimate(positive, figure, se, interval=_logit_interval(figure, se))


def brier(labels: Vector, scores: Vector) -> Estimate:
    """Returns the mean squared error of the probabilities, 0 (best) to 1.

    Raises:
        DataError: see `check_rows`; a score outside [0, 1].

    >>> round(brier(np.array([0, 1, 0, 1]), np.array([0.2, 0.6, 0.2, 0.6])).figure, 4)
    0.1
    """
    positive, values = check_probabilities(labels, scores)
    return _mean(positive, (values - positive) ** 2)


def log_loss(labels: Vector, scores: Vector) -> Estimate:
    """Returns the mean negative log likelihood in nats, 0 (best) and up.

    Scores of exactly 0 or 1 are moved inside by the machine epsilon, as scikit-learn does: a sure and wrong score costs
    36 nats, not infinitely many.

    Raises:
        DataError: see `check_rows`; a score outside [0, 1].

    >>> round(log_loss(np.array([0, 1, 0, 1]), np.full(4, 0.5)).figure, 4)
    0.6931
    """
    positive, values = check_probabilities(labels, scores)
    inside = np.clip(values, EPSILON, 1 - EPSILON)
    return _mean(positive, -np.log(np.where(positive, inside, 1 - inside)))


def calibration_in_the_large(labels: Vector, scores: Vector, customers: Vector | None = None) -> Estimate:
    """Returns mean score minus base rate, −1 to 1: above 0 where the model promises too much churn.

    `customers` is None where each row is a customer of its own.

    Raises:
        DataError: see `check_rows`; a score outside [0, 1]; all rows are of one customer.

    >>> round(calibration_in_the_large(np.array([0, 1, 0, 1]), np.full(4, 0.6)).figure, 4)
    0.1
    """
    positive, values = check_probabilities(labels, scores)
    return _mean(positive, values - positive, customers)


def calibration_slope_intercept(labels: Vector, scores: Vector) -> CalibrationLine:
    """Returns the logistic regression of the label on logit(score): slope under 1 where the scores are too extreme.

    Raises:
        DataError: see `check_rows`; a score outside (0, 1), which has no logit (isotonic calibration makes such),
            scores that are all equal, or labels that the scores separate, where no finite slope fits best.

    >>> y, p = np.repeat([0, 1, 0, 1], [80, 20, 60, 40]), np.repeat([0.2, 0.4], 100)
    >>> round(calibration_slope_intercept(y, p).slope.figure, 6)
    1.0
    """
    from scipy.special import logit

    positive, values = check_rows(labels, scores)
    if values.min() <= 0 or values.max() >= 1:
        raise _refusal("scores", "a score is not strictly between 0 and 1", "use calibration_in_the_large")
    if np.ptp(values) == 0:
        raise _refusal("scores", "all scores are equal", "train a model that ranks")
    line, variance = _fit_line(positive, logit(values))
    intercept, slope = (
        _estimate(positive, float(figure), math.sqrt(spread)) for figure, spread in zip(line, variance, strict=True)
    )
    return CalibrationLine(slope=slope, intercept=intercept)


def _estimate(positive: Booleans, figure: float, se: float, *, interval: tuple[float, float] | None = None) -> Estimate:
    plain = (figure - Z95 * se, figure + Z95 * se)
    n, n_positive = positive.size, int(positive.sum())
    return Estimate(figure=figure, se=se, interval=interval or plain, n=n, n_positive=n_positive)


def _logit_interval(figure: float, se: float) -> tuple[float, float]:
    from scipy.special import expit, logit

    reach = Z95 * se / (figure * (1 - figure))
    return float(expit(logit(figure) - reach)), float(expit(logit(figure) + reach))


def _mean(positive: Booleans, values: Floats, customers: Vector | None = None) -> Estimate:
    se = error_of_mean(values, customer_numbers(values.size, customers))
    return _estimate(positive, float(values.mean()), se)


def _weighted_average_precision(positive: Booleans, scores: Floats) -> tuple[float, Floats]:
    """The figure, and its derivative by each row's weight."""
    levels, level_of = np.unique(scores, return_inverse=True)
    hits = np.bincount(level_of, weights=positive, minlength=levels.size)
    rows = np.bincount(level_of, minlength=levels.size)
    reached = np.cumsum(rows[::-1])[::-1]
    precision = np.cumsum(hits[::-1])[::-1] / reached
    figure = float((hits * precision).sum() / hits.sum())
    # a row enters the precision at every level up to its own: as a hit by `gained`, as a mere row by `diluted`
    gained, diluted = np.cumsum(hits / reached), np.cumsum(hits * precision / reached)
    own = precision + gained - figure
    return figure, (positive * own[level_of] - diluted[level_of]) / hits.sum()


def _fit_line(positive: Booleans, logits: Floats) -> tuple[Floats, Floats]:
    """Newton's method on the likelihood: intercept and slope, and the variance of each."""
    from scipy.special import expit

    design = np.column_stack([np.ones_like(logits), logits])
    line = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        chance = expit(design @ line)
        information = design.T @ (design * (chance * (1 - chance))[:, None])
        if not np.linalg.cond(information) < 1 / EPSILON:
            break
        step = np.linalg.solve(information, design.T @ (positive - chance))
        line = line + step
        if np.abs(step).max() < 1e-9:
            return line, np.diag(np.linalg.inv(information))
    raise _refusal("scores", "no finite line fits best: they separate the labels", "look for a leak of the label")


def check_probabilities(labels: Vector, scores: Vector) -> tuple[Booleans, Floats]:
    """Returns the labels as booleans and the scores as floats, one a row.

    Raises:
        DataError: see `check_rows`; a score outside [0, 1].

    >>> check_probabilities(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 1.0]))[1].tolist()
    [0.1, 0.2, 0.3, 1.0]
    """
    positive, values = check_rows(labels, scores)
    _refuse_any("scores", (values < 0) | (values > 1), "no probability (0 to 1)")
    return positive, values


def _column(where: str, values: Vector) -> Floats:
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _refusal(where, f"not numbers ({error})", "pass one number a row") from error
    if column.ndim != 1:
        raise _refusal(where, f"shape {column.shape}", "pass one number a row")
    return column


def _refuse_any(where: str, wrong: Booleans, what: str) -> None:
    if wrong.any():
        found = f"row {int(np.flatnonzero(wrong)[0])} is {what}, as are {int(wrong.sum())} of {wrong.size}"
        raise _refusal(where, found, "mend the rows; nothing was judged")


def _refusal(where: str, found: str, action: str) -> DataError:
    return DataError(where=where, found=found, action=action)
