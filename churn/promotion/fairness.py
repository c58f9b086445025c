"""Does the list, or the score, treat the groups of a protected attribute alike?

Attributes are read by this evaluation alone: no model sees them and no score file holds them. An interval decides,
since two groups that are treated alike show a ratio under four fifths by chance most of the time at 50 rows. Customers
are the witnesses, not rows, and the interval is widened by the number of groups compared (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from churn.errors import DataError
from churn.findings import Answer, Finding, worst
from churn.promotion.delong import Booleans, Floats, error_of_mean
from churn.promotion.evidence import Evidence
from churn.promotion.judging import require, smallest_of
from churn.promotion.stability import on_list
from churn.training.model import Task

Breach: TypeAlias = Literal["warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rows of one value of one attribute, and how many customers they are of."""

    attribute: str
    name: str
    rows: Booleans = field(repr=False)
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRates:
    """What a report draws of one group, shares of its rows; the true positive rate is None without a positive."""

    attribute: str
    name: str
    n: int
    customers: int
    selected: float
    true_positive_rate: float | None
    mean_score: float
    base_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One group against its attribute's best, or against all rows; `equal` is the figure of equal treatment."""

    text: str
    equal: float
    figure: float
    interval: tuple[float, float]
    n: int


def groups(evidence: Evidence, *, among: Booleans | None = None) -> list[Group]:
    """Returns all groups of all attributes, null being a group of its own; `among` leaves out other rows.

    Raises:
        DataError: not one value of each attribute a row.
    """
    frame = evidence.protected
    if frame is None:
        return []
    if frame.height != evidence.n:
        found = f"{frame.height:,} rows for {evidence.n:,} labels"
        raise DataError(where="protected attributes", found=found, action="give one value a row")
    counted, found_groups = np.ones(evidence.n, dtype=np.bool_) if among is None else among, []
    for attribute in frame.columns:
        names = frame[attribute].cast(str).fill_null("missing").to_numpy()
        for name in np.unique(names):
            rows = (names == name) & counted
            customers = int(np.unique(evidence.owners[rows]).size)
            found_groups.append(Group(attribute=attribute, name=str(name), rows=rows, customers=customers))
    return found_groups


def group_rates(evidence: Evidence) -> tuple[GroupRates, ...]:
    """Returns the rates of each group, small ones too: for a report, not for a judgement."""
    listed, truth = on_list(evidence.challenger, evidence.campaign.share), np.asarray(evidence.labels) == 1
    return tuple(
        GroupRates(
            attribute=group.attribute,
            name=group.name,
            n=int(group.rows.sum()),
            customers=group.customers,
            selected=float(listed[group.rows].mean()),
            true_positive_rate=float(listed[both].mean()) if (both := group.rows & truth).any() else None,
            mean_score=float(np.mean(evidence.challenger[group.rows])),
            base_rate=float(truth[group.rows].mean()),
        )
        for group in groups(evidence)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemographicParity:
    """Each group is on the list at least `minimum_ratio` times as often as the group that is on it most.

    Pass where the whole interval lies at or over it, `breach` where it lies under, warn in between; groups under
    `minimum_n` customers are not judged, insufficient where no two are left of any attribute.

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
        pairs = _against_best(found, listed, minimum_n=self.minimum_n)
        z = _widened(len(pairs))
        contrasts = [_ratio(low, best, listed=listed, z=z) for low, best in pairs]
        answers = [_over(one.interval, self.minimum_ratio, self.breach) for one in contrasts]
        return _finding(self, contrasts, answers=answers, found=found)


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
        pairs = _against_best(found, listed, minimum_n=self.minimum_n)
        z = _widened(len(pairs))
        contrasts = [_gap(low, best, listed=listed, z=z) for low, best in pairs]
        answers = [_under(one.interval, self.maximum_gap, self.breach) for one in contrasts]
        return _finding(self, contrasts, answers=answers, found=found)


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
        z = _widened(len(judged))
        contrasts = [_off(group, evidence, z=z) for group in judged if not group.rows.all()]
        answers = [_under(_size(one.interval), self.maximum_gap, self.breach) for one in contrasts]
        return _finding(self, contrasts, answers=answers, found=found)


def _require_limit(gate: FairnessGate) -> None:
    require(
        0 < gate.limit < 1 and gate.minimum_n >= 2,
        gate.kind,
        found=f"limit {gate.limit}, minimum_n={gate.minimum_n}",
        action="choose a limit between 0 and 1, and a minimum_n of 2 or more",
    )


def _against_best(found: Sequence[Group], listed: Booleans, *, minimum_n: int) -> list[tuple[Group, Group]]:
    """Returns each group with the group of its attribute that is on the list most often, if any is at all."""
    judged = [group for group in found if group.customers >= minimum_n]
    pairs = []
    for attribute in dict.fromkeys(group.attribute for group in judged):
        own = [group for group in judged if group.attribute == attribute]
        best = max(own, key=lambda group: float(listed[group.rows].mean()))
        if listed[best.rows].any():
            pairs += [(group, best) for group in own if group is not best]
    return pairs


def _widened(contrasts: int) -> float:
    return NormalDist().inv_cdf(1 - 0.025 / max(contrasts, 1))


def _ratio(low: Group, best: Group, *, listed: Booleans, z: float) -> Contrast:
    rates = [float(listed[group.rows].mean()) for group in (low, best)]
    logs, variance = [], 0.0
    for rate, group in zip(rates, (low, best), strict=True):
        hits, size = rate * group.customers + 0.5, group.customers + 0.5
        logs.append(math.log(hits / size))
        variance += 1 / hits - 1 / size
    middle, reach = logs[0] - logs[1], z * math.sqrt(variance)
    return Contrast(
        text=f"{low.attribute} {low.name} on the list: {rates[0]:.1%}, {best.name}: {rates[1]:.1%}",
        equal=1.0,
        figure=rates[0] / rates[1],
        interval=(math.exp(middle - reach), math.exp(middle + reach)),
        n=int(low.rows.sum()),
    )


def _gap(low: Group, best: Group, *, listed: Booleans, z: float) -> Contrast:
    rates = [float(listed[group.rows].mean()) for group in (low, best)]
    sizes = [group.customers + 2 for group in (low, best)]
    moved = [(rate * (size - 2) + 1) / size for rate, size in zip(rates, sizes, strict=True)]
    reach = z * math.sqrt(sum(rate * (1 - rate) / size for rate, size in zip(moved, sizes, strict=True)))
    middle = moved[1] - moved[0]
    return Contrast(
        text=f"{low.attribute} {low.name} of label 1 on the list: {rates[0]:.1%}, {best.name}: {rates[1]:.1%}",
        equal=0.0,
        figure=rates[1] - rates[0],
        interval=(middle - reach, middle + reach),
        n=int(low.rows.sum()),
    )


def _off(group: Group, evidence: Evidence, *, z: float) -> Contrast:
    gaps: Floats = np.asarray(evidence.challenger - evidence.labels, dtype=np.float64)
    own = float(gaps[group.rows].mean())
    figure = own - float(gaps.mean())
    # each row's pull on the figure, scaled so that their mean's error is the figure's
    pulls = group.rows * (gaps - own) * (gaps.size / group.rows.sum()) - (gaps - gaps.mean())
    reach = z * error_of_mean(pulls, evidence.owners)
    return Contrast(
        text=f"{group.attribute} {group.name}: mean score minus base rate {own:+.4f}, of all rows {gaps.mean():+.4f}",
        equal=0.0,
        figure=figure,
        interval=(figure - reach, figure + reach),
        n=int(group.rows.sum()),
    )


def _size(interval: tuple[float, float]) -> tuple[float, float]:
    """The interval of the absolute value."""
    low, high = interval
    return (max(low, -high, 0.0), max(-low, high))


def _over(interval: tuple[float, float], floor: float, breach: Breach) -> Answer:
    if interval[0] >= floor:
        return Answer.PASS
    return Answer(breach) if interval[1] < floor else Answer.WARN


def _under(interval: tuple[float, float], ceiling: float, breach: Breach) -> Answer:
    if interval[1] <= ceiling:
        return Answer.PASS
    return Answer(breach) if interval[0] > ceiling else Answer.WARN


def _finding(
    gate: FairnessGate, contrasts: Sequence[Contrast], *, answers: Sequence[Answer], found: Sequence[Group]
) -> Finding:
    """Returns the gravest contrast; groups that are too small to judge are named, and are a warning."""
    small = [f"{one.attribute} {one.name} ({one.customers})" for one in found if one.customers < gate.minimum_n]
    if not contrasts:
        absent = "no two groups are large enough to be compared" if found else "no protected attribute is declared"
        answer = Answer.INSUFFICIENT if found else Answer.PASS
        return _nothing(gate, answer, reason=absent + _left_out(small), found=found)
    gravest = worst(answers)
    one = max((each for each, own in zip(contrasts, answers, strict=True) if own is gravest), key=_distance)
    return Finding(
        check=gate.kind,
        answer=worst([gravest, Answer.WARN]) if small else gravest,
        figure=one.figure,
        interval=one.interval,
        limit=gate.limit,
        n=one.n,
        smallest_effect=smallest_of(one.interval),
        unit=gate.unit,
        reason=f"{one.text}, limit {gate.limit}{_left_out(small)}",
    )


def _distance(one: Contrast) -> float:
    """How far a contrast is from equality: a ratio from 1, a difference from 0."""
    return abs(one.figure - one.equal)


def _nothing(gate: FairnessGate, answer: Answer, *, reason: str, found: Sequence[Group]) -> Finding:
    return Finding(
        check=gate.kind,
        answer=answer,
        figure=None,
        interval=None,
        limit=gate.limit,
        n=sum(int(group.rows.sum()) for group in found),
        smallest_effect=None,
        unit=gate.unit,
        reason=reason,
    )


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"; too few customers to judge: {', '.join(names[:5])}{more}"


FairnessGate: TypeAlias = DemographicParity | EqualOpportunity | CalibrationByGroup
