"""How far are one model's predictions from what came, and how sure is that?

The metrics of a regression, each an `Estimate` on the same rows. Rows are taken as independent, as in
`churn.promotion.metrics`.
"""

from __future__ import annotations

import math

import numpy as np

from churn.errors import DataError
from churn.promotion.metrics import Z95, Estimate, Floats, Vector
from churn.training.model import Objective


def rmse(labels: Vector, scores: Vector) -> Estimate:
    """Returns the root of the mean squared error, in the label's unit, 0 (best) and up.

    One label and one score a row. The standard error is that of the mean squared error, by the delta method.

    Raises:
        DataError: columns of other shapes, fewer than two rows, or a value that is not finite.

    >>> round(rmse(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0])).figure, 4)
    0.8165
    """
    truth, values = check_numbers(labels, scores)
    squared = (values - truth) ** 2
    figure = math.sqrt(float(squared.mean()))
    return _estimate(figure, _error_of_mean(squared) / (2 * figure) if figure else 0.0, n=truth.size)


def mae(labels: Vector, scores: Vector) -> Estimate:
    """Returns the mean absolute error, in the label's unit, 0 (best) and up.

    Raises:
        DataError: see `rmse`.

    >>> round(mae(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0])).figure, 4)
    0.6667
    """
    truth, values = check_numbers(labels, scores)
    apart = np.abs(values - truth)
    return _estimate(float(apart.mean()), _error_of_mean(apart), n=truth.size)


def r2(labels: Vector, scores: Vector) -> Estimate:
    """Returns the share of the label's variance that the scores explain: 1 is best, 0 the mean's, under 0 worse.

    The standard error is the infinitesimal jackknife's (the derivative by each row's weight).

    Raises:
        DataError: see `rmse`; labels that are all equal.

    >>> round(r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0])).figure, 4)
    0.5714
    """
    truth, values = check_numbers(labels, scores)
    spread = (truth - truth.mean()) ** 2
    if not spread.any():
        raise _refusal(f"{truth.size} labels, all of them {truth[0]:g}")
    squared, variance = (values - truth) ** 2, float(spread.mean())
    unexplained = float(squared.mean()) / variance
    return _estimate(1 - unexplained, _error_of_mean((squared - unexplained * spread) / variance), n=truth.size)


def bias(labels: Vector, scores: Vector) -> Estimate:
    """Returns mean score minus mean label, in the label's unit: above 0 where the model promises too much.

    Raises:
        DataError: see `rmse`.

    >>> round(bias(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.5])).figure, 4)
    0.1667
    """
    truth, values = check_numbers(labels, scores)
    return _estimate(float((values - truth).mean()), _error_of_mean(values - truth), n=truth.size)


def deviance(labels: Vector, scores: Vector, objective: Objective) -> Estimate:
    """Returns the mean unit deviance of what the model was trained for, 0 (best) and up.

    Of a regression the squared error, of poisson and tweedie (power 1.5, as LightGBM's) that of their distribution.

    Raises:
        DataError: see `rmse`; of poisson and tweedie a label under 0, or a score that is not over 0.

    Source: Jørgensen 1987 (J. R. Stat. Soc. B 49).

    >>> round(deviance(np.array([0.0, 2.0]), np.array([1.0, 2.0]), "poisson").figure, 4)
    1.0
    """
    truth, values = check_numbers(labels, scores)
    if objective != "regression" and (truth.min() < 0 or values.min() <= 0):
        raise _refusal("a label under 0, or a score that is not over 0")
    each = _unit_deviance(truth, values, objective)
    return _estimate(float(each.mean()), _error_of_mean(each), n=truth.size)


def check_numbers(labels: Vector, scores: Vector) -> tuple[Floats, Floats]:
    """Returns labels and scores as floats, one a row.

    Raises:
        DataError: columns of other shapes, fewer than two rows, or a value that is not finite.

    >>> check_numbers(np.array([1, 2]), np.array([1, 3]))[1].tolist()
    [1.0, 3.0]
    """
    truth, values = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape or truth.size < 2:
        raise _refusal(f"labels of shape {truth.shape}, scores of shape {values.shape}; two rows are the least")
    strange = int((~(np.isfinite(truth) & np.isfinite(values))).sum())
    if strange:
        raise _refusal(f"{strange} of {truth.size} rows have a label or a score that is not finite")
    return truth, values


def _unit_deviance(truth: Floats, values: Floats, objective: Objective) -> Floats:
    from scipy.special import xlogy

    found: Floats = (truth - values) ** 2
    if objective == "poisson":
        found = 2 * (xlogy(truth, truth / values) - truth + values)
    elif objective == "tweedie":
        found = 4 * (np.sqrt(values) - 2 * np.sqrt(truth) + truth / np.sqrt(values))
    return found


def _error_of_mean(values: Floats) -> float:
    return math.sqrt(float(values.var(ddof=1)) / values.size)


def _estimate(figure: float, se: float, *, n: int) -> Estimate:
    return Estimate(figure=figure, se=se, interval=(figure - Z95 * se, figure + Z95 * se), n=n, n_positive=None)


def _refusal(found: str) -> DataError:
    return DataError(where="regression metrics", found=found, action="mend the rows; nothing was judged")
