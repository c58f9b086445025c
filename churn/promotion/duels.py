"""Is the challenger better than the champion, or at least no worse?

Both on the same rows, by an interval of the difference. `>=` on two figures would let an equally good model through
half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from churn.findings import Answer, Finding
from churn.promotion.comparison import PairedDifference
from churn.promotion.evidence import Evidence
from churn.promotion.judging import require, without_figure
from churn.promotion.measures import Metric, MetricName, compare, figure_of, named
from churn.promotion.metrics import Vector
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Superior:
    """The challenger is better than the champion: one-sided at `alpha`, and a first champion passes.

    `metric`: None is the task's own, AUC (by DeLong's test) or RMSE (as all others by a paired bootstrap of customers).
    Fail where the interval lies under 0, insufficient where it holds 0 (the rows cannot tell the two apart).
    """

    kind: Literal["superior"]
    alpha: float
    metric: MetricName | None
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")

    def __post_init__(self) -> None:
        _require_alpha(self.kind, self.alpha)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the challenger's gain held against 0."""
        metric = named(self.metric, task=evidence.task, campaign=evidence.campaign)
        if evidence.champion is None:
            return _no_champion(self.kind, evidence, metric)
        found = compare(metric, evidence)
        return _compared(self.kind, found, evidence=evidence, limit=0.0, alpha=self.alpha, of=metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferior:
    """The challenger is no worse than the champion by more than `margin`, for a scheduled refresh.

    `metric` is as in `Superior`, `margin` in its unit; of RMSE, MAE and profit it is a share of the champion's figure.
    Pass where the one-sided lower bound at `alpha` lies over -margin, fail where the whole 95 % interval lies under it.
    """

    kind: Literal["non_inferior"]
    margin: float
    alpha: float
    metric: MetricName | None
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")

    def __post_init__(self) -> None:
        _require_alpha(self.kind, self.alpha)
        require(
            0 < self.margin < 0.5,
            self.kind,
            found=f"margin={self.margin}",
            action="choose a difference over 0, under 0.5",
        )

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the challenger's gain held against the margin."""
        metric = named(self.metric, task=evidence.task, campaign=evidence.campaign)
        if evidence.champion is None:
            return _no_champion(self.kind, evidence, metric)
        limit = -self.margin * _scale(metric, evidence, evidence.champion)
        found = compare(metric, evidence)
        return _compared(self.kind, found, evidence=evidence, limit=limit, alpha=self.alpha, of=metric)


def _require_alpha(kind: str, alpha: float) -> None:
    require(0 < alpha <= 0.5, kind, found=f"alpha={alpha}", action="choose a one-sided error rate over 0, up to 0.5")


def _scale(metric: Metric, evidence: Evidence, champion: Vector) -> float:
    has_unit_of_data = metric.kind in {"rmse", "mae", "empc"}
    return figure_of(metric, evidence, champion) if has_unit_of_data else 1.0


def _compared(
    check: str, found: PairedDifference, *, evidence: Evidence, limit: float, alpha: float, of: Metric
) -> Finding:
    smallest = found.smallest_effect(alpha)
    better = f"{of.unit} {'difference' if of.aim > 0 else 'gain'} {found.difference:+.4g}"
    return Finding(
        check=check,
        answer=_answer(found, limit=limit, alpha=alpha),
        figure=found.difference,
        interval=found.interval,
        limit=limit,
        n=found.n,
        smallest_effect=smallest,
        unit=of.unit,
        reason=f"{better} on {evidence.size} ({_held(found, limit, alpha)}); these rows can show {smallest:.4g}",
    )


def _held(found: PairedDifference, limit: float, alpha: float) -> str:
    if limit == 0:
        return f"one-sided p {found.p_value:.3f}"
    return f"surely over {found.lower_bound(alpha):.4g}, limit {limit:.4g}"


def _answer(found: PairedDifference, *, limit: float, alpha: float) -> Answer:
    if found.se == 0:  # the same ranking twice, or two that no row tells apart by chance
        return Answer.PASS if found.difference == 0 > limit else Answer.INSUFFICIENT
    if found.lower_bound(alpha) > limit:
        return Answer.PASS
    return Answer.FAIL if found.interval[1] < limit else Answer.INSUFFICIENT


def _no_champion(check: str, evidence: Evidence, metric: Metric) -> Finding:
    reason = "no champion yet: the floors decide"
    return without_figure(check, Answer.PASS, evidence, unit=metric.unit, reason=reason)


Duel = Superior | NonInferior
