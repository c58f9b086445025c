"""Where is the challenger weak?

Slices of one or two features are searched on one half of the customers, and the worst of them judged on the other
half: thousands are looked at and a handful are tested, so that luck in the search cannot decide. Weak is worse than the
champion; where there is none, worse than telling everybody the base rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from statistics import NormalDist
from typing import ClassVar, Literal

import numpy as np
import polars as pl

from churn.errors import DataError
from churn.findings import Answer, Finding, worst
from churn.promotion.delong import Booleans, Floats, Ints, error_of_mean
from churn.promotion.evidence import Evidence
from churn.promotion.judging import require, require_limits, smallest_of, under_ceilings, without_figure
from churn.training.model import Task

_BINS = 4  # of one feature: quarters, or the most frequent levels
_TESTED = 5  # slices that the second half judges
_ALIKE = 0.5  # of the rows of two slices shared: the second is the first again


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows of the second half that share what `name` says, with the challenger's squared error there.

    `excess` is by what share it exceeds the baseline's; the interval is widened by the number of slices tested.
    """

    name: str
    excess: float
    interval: tuple[float, float]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feature:
    """A feature in few bins: each row's bin, and what to call each."""

    bins: Ints = field(repr=False)
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A slice as found: what it is called, and its rows in both halves."""

    name: str
    rows: Booleans = field(repr=False)


def weak_slices(evidence: Evidence, *, minimum_n: int) -> tuple[Slice, ...]:
    """Returns up to five slices that looked weak on one half of the customers, as the other sees them, worst first.

    A slice has at least `minimum_n` rows in either half.

    Raises:
        DataError: no features, or not one row of them a label.
    """
    features = evidence.features
    if features is None or features.height != evidence.n:
        found = "no features" if features is None else f"{features.height:,} rows of features for {evidence.n:,} labels"
        raise DataError(where="slices", found=found, action="give one row of features a label")
    excess, base = _losses(evidence)
    first = _half(evidence)
    binned = [_binned(features[name], first) for name in features.columns]
    cells = _distinct(_search(binned, excess, first=first, minimum_n=minimum_n))
    kept = [cell for cell in cells if (cell.rows & ~first).sum() >= minimum_n and base[cell.rows & ~first].any()]
    z = NormalDist().inv_cdf(1 - 0.025 / max(len(kept), 1))
    confirmed = [_confirmed(cell, ~first, excess=excess, base=base, owners=evidence.owners, z=z) for cell in kept]
    return tuple(sorted(confirmed, key=lambda one: -one.interval[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSlices:
    """In no slice is the squared error surely more than `warn_over`, or `fail_over`, above the baseline's.

    Both are shares of the baseline's error. Insufficient where no slice of `minimum_n` rows can be searched and tested,
    and where each that is tested is too small to show `fail_over`. Where some are, a warning that says so: simulated,
    up to 2 of 5 challengers that are clearly better have one such slice, with 8,000 rows as with 1,500.
    """

    kind: Literal["weak_slices"]
    minimum_n: int
    warn_over: float
    fail_over: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")

    def __post_init__(self) -> None:
        require_limits(self.kind, warn_over=self.warn_over, fail_over=self.fail_over)
        require(self.minimum_n >= 20, self.kind, found=f"minimum_n={self.minimum_n}", action="choose 20 or more")

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the weakest slice that the second half has confirmed, or came nearest to."""
        unit = "share of the baseline's squared error"
        if evidence.features is None or evidence.n < 4 * self.minimum_n:
            reason = f"{evidence.n:,} rows and " + ("no" if evidence.features is None else "their") + " features"
            return without_figure(self.kind, Answer.INSUFFICIENT, evidence, unit=unit, reason=reason)
        found = weak_slices(evidence, minimum_n=self.minimum_n)
        if not found:
            reason = f"no slice of {self.minimum_n} rows looks worse than {_baseline(evidence)}"
            return without_figure(self.kind, Answer.PASS, evidence, unit=unit, reason=reason)
        return self._judged(found, evidence, unit=unit)

    def _judged(self, found: tuple[Slice, ...], evidence: Evidence, *, unit: str) -> Finding:
        first, small = found[0], [one for one in found if smallest_of(one.interval) > self.fail_over]
        untold = f"; {len(small)} of {len(found)} slices are too small to tell {self.fail_over:.0%}" if small else ""
        error = f"squared error {first.excess:+.1%} against {_baseline(evidence)}, {first.n:,} rows"
        return Finding(
            check=self.kind,
            answer=worst([self._of_all(found), *(Answer.WARN for _ in small)]),
            figure=first.excess,
            interval=first.interval,
            limit=self.fail_over if first.interval[0] > self.fail_over else self.warn_over,
            n=first.n,
            smallest_effect=smallest_of(first.interval),
            unit=unit,
            reason=f"{first.name}: {error}{untold}",
        )

    def _of_all(self, found: tuple[Slice, ...]) -> Answer:
        best = min(smallest_of(one.interval) for one in found)
        return under_ceilings(found[0].interval, warn_over=self.warn_over, fail_over=self.fail_over, smallest=best)


def _baseline(evidence: Evidence) -> str:
    return "the mean label" if evidence.champion is None else "the champion"


def _losses(evidence: Evidence) -> tuple[Floats, Floats]:
    """Returns each row's squared error beyond the baseline's, and the baseline's."""
    labels = np.asarray(evidence.labels, dtype=np.float64)
    baseline = labels.mean() if evidence.champion is None else np.asarray(evidence.champion, dtype=np.float64)
    ours, base = (np.asarray(evidence.challenger, dtype=np.float64) - labels) ** 2, (baseline - labels) ** 2
    return ours - base, base


def _half(evidence: Evidence) -> Booleans:
    """Returns the rows of one half of the customers, drawn by the evidence's seed."""
    owners = evidence.owners
    chosen = np.random.default_rng(evidence.resampling.seed).random(1 + int(owners.max())) < 0.5
    return np.asarray(chosen[owners], dtype=np.bool_)


def _binned(column: pl.Series, first: Booleans) -> _Feature:
    known = column.to_physical() if column.dtype.is_temporal() else column
    if known.dtype.is_numeric():
        return _quarters(known, first)
    return _levels(known.cast(pl.String), first)


def _quarters(column: pl.Series, first: Booleans) -> _Feature:
    values = column.cast(pl.Float64).fill_null(math.nan).to_numpy()
    known = values[first & ~np.isnan(values)]
    if not known.size:
        return _Feature(bins=np.zeros(values.size, dtype=np.int64), texts=(f"any {column.name}",))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1], method="inverted_cdf"))
    edges = edges[edges < known.max()]
    bins = np.where(np.isnan(values), edges.size + 1, np.searchsorted(edges, values, side="left"))
    ends = [f"{edge:.4g}" for edge in edges]
    between = [f"{low} < {column.name} ≤ {high}" for low, high in pairwise(ends)]
    around = (
        [f"{column.name} ≤ {ends[0]}", *between, f"{column.name} > {ends[-1]}"] if ends else [f"{column.name} known"]
    )
    return _Feature(bins=bins.astype(np.int64), texts=(*around, f"{column.name} missing"))


def _levels(column: pl.Series, first: Booleans) -> _Feature:
    levels, counts = np.unique(column.filter(first).drop_nulls().to_numpy().astype(str), return_counts=True)
    top = [str(level) for level in levels[np.argsort(-counts, kind="stable")][:_BINS]]
    texts = (*(f"{column.name} = {level}" for level in top), f"another {column.name}", f"{column.name} missing")
    numbers = dict(zip(top, range(len(top)), strict=True))
    bins = column.replace_strict(numbers, default=len(top), return_dtype=pl.Int64).to_numpy()
    return _Feature(bins=np.where(column.is_null().to_numpy(), len(top) + 1, bins), texts=texts)


def _search(features: list[_Feature], excess: Floats, *, first: Booleans, minimum_n: int) -> list[_Cell]:
    """Returns the weakest cells of the first half, the surest first, of every feature and every pair of two."""
    best: list[tuple[float, int, int, int]] = []
    pairs = [(index, index) for index in range(len(features))] + list(combinations(range(len(features)), 2))
    for one, other in pairs:
        place = _place(features[one], features[other])[first]
        for cell, t in _weak(place, excess[first], minimum_n=minimum_n):
            best.append((t, one, other, cell))
    best.sort(reverse=True)
    return [_cell(features[one], features[other], cell) for _, one, other, cell in best[: 10 * _TESTED]]


def _place(one: _Feature, other: _Feature) -> Ints:
    return one.bins * len(other.texts) + other.bins


def _weak(place: Ints, excess: Floats, *, minimum_n: int) -> list[tuple[int, float]]:
    """Returns the cells whose mean excess is over 0, each with its t."""
    rows = np.bincount(place)
    total, squares = np.bincount(place, excess), np.bincount(place, excess**2)
    chosen = np.flatnonzero((rows >= minimum_n) & (total > 0))
    n, mean = rows[chosen], total[chosen] / rows[chosen]
    spread = np.sqrt(np.maximum(squares[chosen] / n - mean**2, np.finfo(np.float64).tiny) / n)
    return list(zip(chosen.tolist(), (mean / spread).tolist(), strict=True))


def _cell(one: _Feature, other: _Feature, cell: int) -> _Cell:
    texts = (one.texts[cell // len(other.texts)], other.texts[cell % len(other.texts)])
    return _Cell(name=", ".join(dict.fromkeys(texts)), rows=_place(one, other) == cell)


def _distinct(cells: list[_Cell]) -> list[_Cell]:
    """Returns the surest cells that are not the same rows again."""
    kept: list[_Cell] = []
    for cell in cells:
        shared = [(cell.rows & other.rows).sum() / (cell.rows | other.rows).sum() for other in kept]
        if len(kept) < _TESTED and all(share <= _ALIKE for share in shared):
            kept.append(cell)
    return kept


def _confirmed(cell: _Cell, second: Booleans, *, excess: Floats, base: Floats, owners: Ints, z: float) -> Slice:
    rows = cell.rows & second
    own, baseline = excess[rows], base[rows]
    figure = float(own.mean() / baseline.mean())
    customers = np.unique(owners[rows], return_inverse=True)[1]
    pulls = (own - figure * baseline) / baseline.mean()  # by how much each row moves the ratio of two means
    reach = z * error_of_mean(pulls, customers) if customers.max() else math.inf
    return Slice(name=cell.name, excess=figure, interval=(figure - reach, figure + reach), n=int(rows.sum()))
