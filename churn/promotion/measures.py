"""Which figures are there, how sure is each, and on which is the challenger better?

One way for every metric: a bootstrap of customers, paired where two models are compared; the AUC has DeLong's formula
in its place. To add a metric, write a class in the shape that `churn.promotion.ranked` explains and add its word to
the union at the foot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from churn.errors import DataError, SettingsError
from churn.promotion.comparison import PairedDifference, compare_auc
from churn.promotion.delong import Floats
from churn.promotion.evidence import Campaign, Evidence
from churn.promotion.metrics import Z95, Estimate, Vector, auc, average_precision, check_probabilities, check_rows
from churn.promotion.probable import (
    Brier,
    CalibrationIntercept,
    CalibrationSlope,
    ExpectedCalibrationError,
    LogLoss,
    Spiegelhalter,
)
from churn.promotion.ranked import Auc, AveragePrecision, Captured, KolmogorovSmirnov, Lift
from churn.promotion.recalibrated import Discrimination, Empc, Miscalibration
from churn.promotion.regressed import R2, Mae, QuantileCoverage, Rmse
from churn.promotion.regression import check_numbers
from churn.promotion.resampling import Figure
from churn.training.model import Task

_BY_FORMULA = {"auc": auc, "average_precision": average_precision}


def estimates(metrics: Sequence[Metric], evidence: Evidence) -> dict[str, Estimate]:
    """Returns by `kind` how good the challenger is, each with its 95 % interval (figure ± 1.96 standard errors).

    All metrics share the same replicates of customers; AUC and average precision have formulas in their place.

    Raises:
        DataError: rows that allow no figure (see `churn.promotion.metrics.check_rows`), or a metric of another task.

    >>> rng = np.random.default_rng(0)
    >>> scores = rng.random(500)
    >>> campaign = Campaign(share=0.1, lifetime_value=200.0, incentive=10.0, contact=1.0, alpha=6.0, beta=14.0)
    >>> labels = (rng.random(500) < scores).astype(int)
    >>> evidence = Evidence(labels=labels, challenger=scores, champion=None, campaign=campaign)
    >>> {kind: round(found.figure, 2) for kind, found in estimates([Brier(), Lift(share=0.1)], evidence).items()}
    {'brier': 0.16, 'lift': 1.75}
    """
    drawn = [metric for metric in metrics if metric.kind not in _BY_FORMULA]
    figures = [_figure(metric, evidence, evidence.challenger) for metric in drawn]
    errors = evidence.resampling.errors(figures, evidence.owners)
    found: dict[str, Estimate] = {
        metric.kind: _estimate(figure(np.ones(evidence.n)), error, evidence=evidence)
        for metric, figure, error in zip(drawn, figures, errors, strict=True)
    }
    rows = (evidence.labels, evidence.challenger, evidence.customers)
    known = [metric for metric in metrics if metric.kind in _BY_FORMULA]
    return {metric.kind: _BY_FORMULA[metric.kind](*rows) for metric in known} | found


def compare(metric: Metric, evidence: Evidence) -> PairedDifference:
    """Returns how much better the challenger is than the champion: the paired difference, over 0 where it is better.

    Both models are judged on the same replicates of customers; the AUC by DeLong's test.

    Raises:
        DataError: see `estimates`; there is no champion.
    """
    if evidence.champion is None:
        raise DataError(where="comparison", found="no champion", action="compare where there is one")
    if isinstance(metric, Auc):
        return compare_auc(
            evidence.labels, challenger=evidence.challenger, champion=evidence.champion, customers=evidence.customers
        )
    ours, theirs = (_figure(metric, evidence, scores) for scores in (evidence.challenger, evidence.champion))

    def gained(weights: Floats) -> float:
        return gain(metric, challenger=ours(weights), champion=theirs(weights))

    [error] = evidence.resampling.errors([gained], evidence.owners)
    return PairedDifference.of(gained(np.ones(evidence.n)), error, n=evidence.n)


def gain(metric: Metric, *, challenger: float, champion: float) -> float:
    """Returns how much better one figure is than another, in the metric's unit.

    >>> round(gain(Brier(), challenger=0.10, champion=0.12), 6)
    0.02
    >>> round(gain(CalibrationSlope(), challenger=1.1, champion=0.8), 6)
    0.1
    """
    if math.isinf(metric.aim):
        return math.copysign(1.0, metric.aim) * (challenger - champion)
    return abs(champion - metric.aim) - abs(challenger - metric.aim)


def figure_of(metric: Metric, evidence: Evidence, scores: Vector) -> float:
    """Returns the metric of other scores on the same rows, without an interval.

    Raises:
        DataError: see `estimates`.
    """
    return _figure(metric, evidence, scores)(np.ones(evidence.n))


def standard(task: Task, campaign: Campaign) -> tuple[Metric, ...]:
    """Returns all metrics that a task's case file shows.

    >>> campaign = Campaign(share=0.1, lifetime_value=200.0, incentive=10.0, contact=1.0, alpha=6.0, beta=14.0)
    >>> [metric.kind for metric in standard("regression", campaign)]
    ['rmse', 'mae', 'r2']
    """
    if task == "regression":
        return (Rmse(), Mae(), R2())
    listed = (Captured(share=campaign.share), Lift(share=campaign.share), KolmogorovSmirnov(), campaign.profit)
    losses = (Brier(), Miscalibration(), Discrimination(), LogLoss())
    calibration = (CalibrationSlope(), CalibrationIntercept(), Spiegelhalter(), ExpectedCalibrationError())
    return (Auc(), AveragePrecision(), *listed, *losses, *calibration)


def named(name: MetricName | None, *, task: Task, campaign: Campaign) -> Metric:
    """Returns the metric that models are compared by; None is the task's own: AUC, or RMSE of a regression.

    Raises:
        SettingsError: a metric of another task.
    """
    wanted = name or ("auc" if task == "binary" else "rmse")
    known = {metric.kind: metric for metric in standard(task, campaign)}
    if wanted not in known:
        raise SettingsError(
            where="metric", found=f"{wanted} for a {task} task", action=f"there are: {', '.join(known)}"
        )
    return known[wanted]


def _figure(metric: Metric, evidence: Evidence, scores: Vector) -> Figure:
    if metric.task != evidence.task:
        action = f"choose a metric for a {evidence.task}"
        raise DataError(where=f"metric {metric.kind}", found=f"it is for a {metric.task}", action=action)
    if evidence.task == "regression":
        return metric.figure(*check_numbers(evidence.labels, scores))
    check = check_rows if isinstance(metric, Auc) else check_probabilities
    positive, values = check(evidence.labels, scores)
    return metric.figure(positive.astype(np.float64), values)


def _estimate(figure: float, error: float, *, evidence: Evidence) -> Estimate:
    return Estimate(
        figure=figure,
        se=error,
        interval=(figure - Z95 * error, figure + Z95 * error),
        n=evidence.n,
        n_positive=int(np.sum(evidence.labels)) if evidence.task == "binary" else None,
    )


MetricName: TypeAlias = Literal[
    "auc", "average_precision", "captured", "ks", "empc", "brier", "log_loss", "rmse", "mae", "r2"
]
Metric: TypeAlias = (
    Auc
    | AveragePrecision
    | Captured
    | Lift
    | KolmogorovSmirnov
    | Empc
    | Brier
    | Miscalibration
    | Discrimination
    | LogLoss
    | CalibrationSlope
    | CalibrationIntercept
    | Spiegelhalter
    | ExpectedCalibrationError
    | Rmse
    | Mae
    | R2
    | QuantileCoverage
)
