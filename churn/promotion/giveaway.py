"""Which feature gives the label away by being null, or by being a constant?

A reason for leaving is null for all who stayed; days to the cancellation are -1 for them. On one side of such a mark
one label hardly occurs, though the other features and the values beside it let expect it: that ratio is judged, so that
neither rows which all features call safe are suspicious, nor the end of a scale, nor eleven rows without a churner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from churn.promotion.metrics import Booleans, Floats
from churn.promotion.suspicion import Kind, LeakLimits, Leaks, Suspicion
from churn.promotion.yardstick import Table, Yardstick, expected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """The rows where the feature in column `index` is `value` (None: null), or those where it is not.

    `beside` is the share of label 1 among the rows next to a number, as many on either side as have it; else None.
    """

    index: int
    value: float | None
    inside: bool
    beside: float | None = None

    def rows(self, table: Table) -> Booleans:
        column = table.test[:, self.index]
        there = np.isnan(column) if self.value is None else column == self.value
        return there if self.inside else ~there


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    """How often `label` is among the `n` test rows of a mark, and how often it was expected there."""

    mark: _Mark
    n: int
    label: int
    found: int
    expected: float

    def ratio(self, alpha: float) -> tuple[float, float]:
        """Garwood's exact interval of a Poisson count over the expected one; labels of known chances vary less."""
        from scipy.special import gammaincinv

        if not self.expected:
            return 0.0, math.inf
        low = float(gammaincinv(self.found, alpha)) if self.found else 0.0
        return low / self.expected, float(gammaincinv(self.found + 1, 1 - alpha)) / self.expected


def gives_away(table: Table, *, doubtful: Sequence[str], limits: LeakLimits, yardstick: Yardstick) -> Leaks:
    """Returns the features where null or a constant gives the label away, each by the clearest of its marks.

    A label that is rare against the base rate is looked at again against a model of the features that have no such mark
    and are not `doubtful`: columns that are null together would cover for each other. That takes one model. Where no
    label is rare enough, it judges the clearest mark, so that one sees how near that comes.
    """
    marks = list(_marks(table, limits.spike_share))
    alpha = limits.alpha / max(2 * len(marks), 1)
    base = np.full(len(table.test), table.test_labels.mean())
    counts = [_count(table, mark, label=label, chances=base) for mark in marks for label in (0, 1)]
    rare = [count for count in counts if count.ratio(alpha)[1] < limits.impurity_ratio]
    looked_at = _again(table, rare or _clearest(counts, alpha)[:1], doubtful=doubtful, yardstick=yardstick)
    suspects = [count for count in looked_at if count.ratio(alpha)[1] < limits.impurity_ratio]
    innocent = [count for count in looked_at if count not in suspects]
    judged = partial(_suspicion, table, limit=limits.impurity_ratio, alpha=alpha)
    return Leaks(
        suspicions=tuple(map(judged, _clearest(suspects, alpha))),
        nearest=tuple(map(judged, _clearest(innocent, alpha)[:1])),
    )


def _marks(table: Table, share: float) -> Iterator[_Mark]:
    for index in range(table.test.shape[1]):
        column = table.test[:, index]
        order = np.argsort(column, kind="stable")[: np.count_nonzero(~np.isnan(column))]  # NaN comes last
        if 0 < len(order) < len(column):
            yield from _both_sides(index, None, beside=None)
        values, first, rows = np.unique(column[order], return_index=True, return_counts=True)
        ordered = index not in table.encoding.categorical
        for at in np.flatnonzero((rows >= share * len(column)) & (rows < len(column))):
            beside = _beside(table.test_labels[order], int(first[at]), int(rows[at])) if ordered else None
            yield from _both_sides(index, float(values[at]), beside=beside)


def _both_sides(index: int, value: float | None, *, beside: float | None) -> tuple[_Mark, _Mark]:
    return _Mark(index=index, value=value, inside=True, beside=beside), _Mark(index=index, value=value, inside=False)


def _beside(labels: Booleans, first: int, rows: int) -> float | None:
    """The share of label 1 among the rows around those from `first` on, of labels in the order of a feature."""
    around = np.concatenate([labels[max(first - rows, 0) : first], labels[first + rows : first + 2 * rows]])
    return float(around.mean()) if around.size else None


def _count(table: Table, mark: _Mark, *, label: int, chances: Floats) -> _Count:
    rows = mark.rows(table)
    n, found, expects = int(rows.sum()), int(table.test_labels[rows].sum()), float(chances[rows].sum())
    beside = mark.beside
    if label == 0:
        found, expects = n - found, n - expects
        beside = None if beside is None else 1 - beside
    least = expects if beside is None else min(expects, n * beside)
    return _Count(mark=mark, n=n, label=label, found=found, expected=least)


def _again(table: Table, rare: list[_Count], *, doubtful: Sequence[str], yardstick: Yardstick) -> list[_Count]:
    left_out = {table.encoding.features[count.mark.index] for count in rare} | set(doubtful)
    chances = expected(yardstick.without(left_out, table), table.test_labels)
    return [_count(table, count.mark, label=count.label, chances=chances) for count in rare]


def _clearest(counts: list[_Count], alpha: float) -> list[_Count]:
    """The clearest count of each feature, the clearest feature first."""
    first: dict[int, _Count] = {}
    for count in sorted(counts, key=lambda count: count.ratio(alpha)[1]):
        first.setdefault(count.mark.index, count)
    return list(first.values())


def _suspicion(table: Table, count: _Count, *, limit: float, alpha: float) -> Suspicion:
    where = f"where it is {_words(table, count.mark)} ({count.n:,} of {len(table.test):,} test rows)"
    by = "the other features" if count.mark.beside is None else "the other features and the values beside it"
    return Suspicion(
        feature=table.encoding.features[count.mark.index],
        kind=Kind.GIVEAWAY,
        figure=count.found / count.expected if count.expected else math.inf,
        interval=count.ratio(alpha),
        limit=limit,
        n=count.n,
        unit="found / expected",
        reason=f"{where} {count.found:,} labels are {count.label}, and {by} let expect {count.expected:,.1f}",
    )


def _words(table: Table, mark: _Mark) -> str:
    known = dict(table.encoding.levels).get(table.encoding.features[mark.index])
    if mark.value is None:
        value = "null"
    elif known is None:
        value = f"{mark.value:g}"
    else:
        value = repr(known[int(mark.value)]) if mark.value < len(known) else "a level unseen in training"
    return value if mark.inside else f"not {value}"
