"""Can the challenger be trusted with the night: did the leak check run clean, and is it fast and small enough?

Facts that others measured. A fact that nobody measured is a warning or a lack of evidence, as the setting says, and
never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from churn.findings import Answer, Finding
from churn.promotion.evidence import Evidence
from churn.promotion.judging import require_limits, without_figure
from churn.promotion.suspicion import Suspicion
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakFree:
    """The leak check found no suspicion; what one means is `found`, and what it means that none ran is `not_run`.

    The finding says under which limits, since it is for a person to judge whether those were strict enough.
    """

    kind: Literal["leak_free"]
    found: Literal["warn", "fail"]
    not_run: Literal["warn", "insufficient evidence"]
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the first suspicion, or else what came nearest to one."""
        if evidence.leaks is None:
            reason = "no leak check by this code ran on this training table: stage=leakcheck"
            return without_figure(self.kind, Answer(self.not_run), evidence, unit="", reason=reason)
        suspicions, nearest = evidence.leaks.suspicions, evidence.leaks.nearest
        under = f" (checked with {evidence.leaks.settings})"
        if suspicions:
            before = f"suspicions: {len(suspicions)}, the first: "
            return _told(Answer(self.found), suspicions[0], before=before, after=under)
        if nearest:
            return _told(Answer.PASS, nearest[0], before="no suspicion; nearest to one: ", after=under)
        return without_figure(self.kind, Answer.PASS, evidence, unit="", reason=f"no suspicion{under}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Scoring takes at most `warn_over` microseconds a row, and surely no more than `fail_over`."""

    kind: Literal["speed"]
    warn_over: float
    fail_over: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")

    def __post_init__(self) -> None:
        require_limits(self.kind, warn_over=self.warn_over, fail_over=self.fail_over)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the measured time a row held against both limits; one measurement has no interval."""
        figure = evidence.cost.microseconds_per_row if evidence.cost else None
        limits = (self.warn_over, self.fail_over)
        return _measured(self.kind, figure, limits, evidence=evidence, unit="microseconds a row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The bundle's files are at most `warn_over` bytes together, and no more than `fail_over`."""

    kind: Literal["size"]
    warn_over: float
    fail_over: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")

    def __post_init__(self) -> None:
        require_limits(self.kind, warn_over=self.warn_over, fail_over=self.fail_over)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the bundle's size held against both limits; a count has no interval."""
        figure = float(evidence.cost.bytes) if evidence.cost else None
        limits = (self.warn_over, self.fail_over)
        return _measured(self.kind, figure, limits, evidence=evidence, unit="bytes")


def _told(answer: Answer, one: Suspicion, *, before: str, after: str) -> Finding:
    return Finding(
        check="leak_free",
        answer=answer,
        figure=one.figure,
        interval=one.interval,
        limit=one.limit,
        n=one.n,
        smallest_effect=None,
        unit=one.unit,
        reason=before + (f"{one.feature}: " if one.feature else "") + f"{one.kind}, {one.reason}{after}",
    )


def _measured(
    check: str, figure: float | None, limits: tuple[float, float], *, evidence: Evidence, unit: str
) -> Finding:
    if figure is None:
        reason = "not measured"
        return without_figure(check, Answer.INSUFFICIENT, evidence, unit=unit, reason=reason)
    over = sum(not figure <= limit for limit in limits)  # what is no number is over both
    return Finding(
        check=check,
        answer=(Answer.PASS, Answer.WARN, Answer.FAIL)[over],
        figure=figure,
        interval=None,
        limit=limits[1] if over == 2 else limits[0],
        n=evidence.n,
        smallest_effect=None,
        unit=unit,
        reason=f"{figure:,.4g} {unit}, limits {limits[0]:,.4g} and {limits[1]:,.4g}",
    )
