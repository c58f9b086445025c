"""Does the list, or the score, treat the groups of a protected attribute alike?

Attributes are read by this evaluation alone: no model sees them and no score file holds them. An interval decides,
since two groups that are treated alike show a ratio under four fifths by chance most of the time at 50 rows. Customers
are the witnesses, not rows, and the interval is widened by the number of groups compared (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from churn.findings import Answer, Finding, worst
from churn.promotion.evidence import Evidence
from churn.promotion.groups import Contrast, Group, against_best, gap, groups, off, ratio, unknown, widened
from churn.promotion.judging import is_computed, require, smallest_of
from churn.promotion.stability import on_list
from churn.training.model import Task

Breach: TypeAlias = Literal["warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemographicParity:
    """Each group is on the list at least `minimum_ratio` times as often as the group that is on it most.

    Pass where the whole interval lies at or over it, `breach` where it lies under, warn in between; groups under
    `minimum_n` customers are not judged, insufficient where no two are left of any attribute, and where one is null for
    more than half of the rows.

    Source: the four-fifths rule, 29 CFR 1607.4(D); the interval of the ratio is Katz's on the logarithm.
    """

    kind: Literal["demographic_parity"]
    minimum_ratio: float
    minimum_n: int
    breach: Breach
    unit: ClassVar[str] = "ratio of shares"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")

    def __post_init__(self) -> None:
        _require_limit(self)

    @property
    def limit(self) -> float:
        """What the figure is held against."""
        return self.minimum_ratio

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the lowest ratio of selection rates."""
        listed = on_list(evidence.challenger, evidence.campaign.share)
        found = groups(evidence)
        pairs = against_best(found, listed, minimum_n=self.minimum_n)
        z = widened(len(pairs))
        contrasts = [ratio(low, best, listed=listed, z=z) for low, best in pairs]
        answers = [_over(one.interval, self.minimum_ratio, self.breach) for one in contrasts]
        return _finding(self, contrasts, answers=answers, found=found, nulls=unknown(evidence))


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualOpportunity:
    """Of the customers whose label is 1, each group is on the list at most `maximum_gap` less often than the best.

    Answers are as those of `DemographicParity`; `minimum_n` counts customers with label 1.

    Source: the interval of the difference is Agresti and Caffo's (2000, The American Statistician 54).
    """

    kind: Literal["equal_opportunity"]
    maximum_gap: float
    minimum_n: int
    breach: Breach
    unit: ClassVar[str] = "share"
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)

    def __post_init__(self) -> None:
        _require_limit(self)

    @property
    def limit(self) -> float:
        """What the figure is held against."""
        return self.maximum_gap

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the largest gap in the true positive rate."""
        listed = on_list(evidence.challenger, evidence.campaign.share)
        found = groups(evidence, among=np.asarray(evidence.labels) == 1)
        pairs = against_best(found, listed, minimum_n=self.minimum_n)
        z = widened(len(pairs))
        contrasts = [gap(low, best, listed=listed, z=z) for low, best in pairs]
        answers = [_under(one.interval, self.maximum_gap, self.breach) for one in contrasts]
        return _finding(self, contrasts, answers=answers, found=found, nulls=unknown(evidence))


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationByGroup:
    """No group's mean score minus its base rate is more than `maximum_gap` from that of all rows, either side.

    What all rows are off by is the calibration gate's to judge. Answers are as those of `DemographicParity`.
    """

    kind: Literal["calibration_by_group"]
    maximum_gap: float
    minimum_n: int
    breach: Breach
    unit: ClassVar[str] = "probability"
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)

    def __post_init__(self) -> None:
        _require_limit(self)

    @property
    def limit(self) -> float:
        """What the figure is held against."""
        return self.maximum_gap

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the largest difference of a group's gap and that of all rows."""
        found = groups(evidence)
        judged = [group for group in found if group.customers >= self.minimum_n]
        z = widened(len(judged))
        contrasts = [off(group, evidence, z=z) for group in judged if not group.rows.all()]
        answers = [_under(_size(one.interval), self.maximum_gap, self.breach) for one in contrasts]
        return _finding(self, contrasts, answers=answers, found=found, nulls=unknown(evidence))


def _require_limit(gate: FairnessGate) -> None:
    require(
        0 < gate.limit < 1 and gate.minimum_n >= 2,
        gate.kind,
        found=f"limit {gate.limit}, minimum_n={gate.minimum_n}",
        action="choose a limit between 0 and 1, and a minimum_n of 2 or more",
    )


def _size(interval: tuple[float, float]) -> tuple[float, float]:
    """The interval of the absolute value."""
    low, high = interval
    return (max(low, -high, 0.0), max(-low, high))


def _over(interval: tuple[float, float], floor: float, breach: Breach) -> Answer:
    if not is_computed(interval):
        return Answer.FAIL
    if interval[0] >= floor:
        return Answer.PASS
    return Answer(breach) if interval[1] < floor else Answer.WARN


def _under(interval: tuple[float, float], ceiling: float, breach: Breach) -> Answer:
    if not is_computed(interval):
        return Answer.FAIL
    if interval[1] <= ceiling:
        return Answer.PASS
    return Answer(breach) if interval[0] > ceiling else Answer.WARN


def _finding(
    gate: FairnessGate,
    contrasts: Sequence[Contrast],
    *,
    answers: Sequence[Answer],
    found: Sequence[Group],
    nulls: Sequence[str],
) -> Finding:
    """Returns the gravest contrast; groups that are too small to judge are named and are a warning.

    Attributes that are mostly null are named, too, and are a lack of evidence.
    """
    small = [f"{one.attribute} {one.name} ({one.customers})" for one in found if one.customers < gate.minimum_n]
    if not contrasts:
        return _nothing(gate, found, small=small, nulls=nulls)
    gravest = worst(answers)
    one = max((each for each, own in zip(contrasts, answers, strict=True) if own is gravest), key=_distance)
    return Finding(
        check=gate.kind,
        answer=worst([gravest, *(Answer.WARN for _ in small), *(Answer.INSUFFICIENT for _ in nulls)]),
        figure=one.figure,
        interval=one.interval,
        limit=gate.limit,
        n=one.n,
        smallest_effect=smallest_of(one.interval),
        unit=gate.unit,
        reason=f"{one.text}, limit {gate.limit}{_left_out(small)}{_not_known(nulls)}",
    )


def _distance(one: Contrast) -> float:
    """How far a contrast is from equality: a ratio from 1, a difference from 0."""
    return abs(one.figure - one.equal)


def _nothing(gate: FairnessGate, found: Sequence[Group], *, small: Sequence[str], nulls: Sequence[str]) -> Finding:
    """Returns the finding where nothing can be compared: fine where there is nothing to, and else no evidence."""
    alone = "each attribute has one group alone" if found else "no protected attribute is declared"
    reason = f"no two groups are large enough to be compared{_left_out(small)}" if small else alone
    return Finding(
        check=gate.kind,
        answer=Answer.INSUFFICIENT if small or nulls else Answer.PASS,
        figure=None,
        interval=None,
        limit=gate.limit,
        n=sum(int(group.rows.sum()) for group in found),
        smallest_effect=None,
        unit=gate.unit,
        reason=reason + _not_known(nulls),
    )


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"; too few customers to judge: {', '.join(names[:5])}{more}"


def _not_known(nulls: Sequence[str]) -> str:
    return f"; not known of most rows: {', '.join(nulls)}" if nulls else ""


FairnessGate: TypeAlias = DemographicParity | EqualOpportunity | CalibrationByGroup
