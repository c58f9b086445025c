"""Who is compared with whom, and by what?

Groups of protected attributes, and contrasts of two of them with an interval. Customers are the witnesses, not rows:
an interval of a share is that of as many independent rows as there are customers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from churn.errors import DataError
from churn.promotion.delong import Booleans, Floats, error_of_mean
from churn.promotion.evidence import Evidence
from churn.promotion.stability import on_list

_UNKNOWN = 0.5  # of the rows null: an attribute is not known then


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rows of one value of one attribute, and how many customers they are of."""

    attribute: str
    name: str
    rows: Booleans = field(repr=False)
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRates:
    """What a report draws of one group; the true positive rate (shares of rows) is None without a row of label 1."""

    attribute: str
    name: str
    n: int
    customers: int
    selected: float
    true_positive_rate: float | None
    mean_score: float
    mean_label: float


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
    if frame is None or not frame.width:
        return []
    if frame.height != evidence.n:
        found = f"{frame.height:,} rows for {evidence.n:,} labels"
        raise DataError(where="protected attributes", found=found, action="give one value a row")
    counted, owners = np.ones(evidence.n, dtype=np.bool_) if among is None else among, evidence.owners
    found_groups = []
    for attribute in frame.columns:
        names = frame[attribute].cast(str).fill_null("missing").to_numpy()
        for name in np.unique(names):
            rows = (names == name) & counted
            customers = int(np.unique(owners[rows]).size)
            found_groups.append(Group(attribute=attribute, name=str(name), rows=rows, customers=customers))
    return found_groups


def unknown(evidence: Evidence) -> list[str]:
    """Returns the attributes that are null for more than half of the rows, each with its share of nulls.

    What is not known cannot be compared: a join that matches nobody would make one group, alike to itself.
    """
    frame = evidence.protected
    columns = () if frame is None else frame.get_columns()
    shares = [(column.name, column.null_count() / len(column)) for column in columns]
    return [f"{name} ({share:.0%} null)" for name, share in shares if share > _UNKNOWN]


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
            mean_label=float(np.mean(evidence.labels[group.rows])),
        )
        for group in groups(evidence)
    )


def against_best(found: Sequence[Group], listed: Booleans, *, minimum_n: int) -> list[tuple[Group, Group]]:
    """Returns each group with the group of its attribute that is on the list most often, if any is at all."""
    judged = [group for group in found if group.customers >= minimum_n]
    pairs = []
    for attribute in dict.fromkeys(group.attribute for group in judged):
        own = [group for group in judged if group.attribute == attribute]
        best = max(own, key=lambda group: float(listed[group.rows].mean()))
        if listed[best.rows].any():
            pairs += [(group, best) for group in own if group is not best]
    return pairs


def widened(contrasts: int) -> float:
    """Returns the standard errors on either side of 95 % intervals that hold together (Bonferroni).

    >>> round(widened(5), 3)
    2.576
    """
    return NormalDist().inv_cdf(1 - 0.025 / max(contrasts, 1))


def ratio(low: Group, best: Group, *, listed: Booleans, z: float) -> Contrast:
    """Returns a group's share on the list over the best's; the interval is Katz's on the logarithm, moved by ½."""
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


def gap(low: Group, best: Group, *, listed: Booleans, z: float) -> Contrast:
    """Returns the best's share on the list minus a group's; the interval is Agresti and Caffo's."""
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


def off(group: Group, evidence: Evidence, *, z: float) -> Contrast:
    """Returns a group's mean score minus its base rate, beyond that of all rows."""
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
