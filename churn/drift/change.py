"""How far did one column move, and in which direction, in figures that a person can check?

Effect sizes with their noise stand beside shares and medians, then and now: the first say whether to look, the second
where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn.drift.bins import NULL_LABEL, ColumnBins, NumberBins, plain
from churn.drift.counts import ColumnCounts
from churn.drift.distances import (
    ChiSquareNull,
    JensenShannonNull,
    WassersteinDistance,
    cramers_v,
    jensen_shannon,
    wasserstein,
)
from churn.drift.statistics import (
    KS_EXACT_ROWS,
    Counts,
    PsiNull,
    ks,
    ks_critical,
    ks_exact_p_value,
    ks_p_value,
    occupied_bins,
    psi,
)

_VISIBLE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An effect size; the true distance between the two samples lies in [distance, distance + error].

    `p_value` is the probability of such a distance without any change, `noise` the distance that chance alone exceeds
    with probability alpha.
    """

    distance: float
    error: float
    p_value: float
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BinMove:
    """A bin's share of the rows, 0 to 1, nulls counted."""

    label: str
    share_then: float
    share_now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """One column, then (reference) and now (current).

    `psi`, `cramers_v` and `jensen_shannon` are None where a sample has no rows, `ks` and `wasserstein` (in the column's
    unit) for a category and where a sample has no values. `ks_applies` is True for a number that the reference holds
    values of. Shares run from 0 to 1 and are None without rows; medians
    are grid points, None without values and outside of the reference range. `moved` is the bin whose share changed
    most.
    """

    column: str
    rows_then: int
    rows_now: int
    occupied_bins: int
    psi: Effect | None
    ks: Effect | None
    ks_applies: bool
    cramers_v: Effect | None
    jensen_shannon: Effect | None
    wasserstein: WassersteinDistance | None
    null_share_then: float | None
    null_share_now: float | None
    median_then: float | None
    median_now: float | None
    moved: BinMove | None


def compare_column(bins: ColumnBins, then: ColumnCounts, now: ColumnCounts, *, alpha: float) -> ColumnDrift:
    """Returns what `now` shows beside `then`; `alpha` sets the noise level of the effects."""
    binned_then, binned_now = _binned(bins, then), _binned(bins, now)
    number = bins if isinstance(bins, NumberBins) else None
    both = then.rows > 0 and now.rows > 0
    return ColumnDrift(
        column=bins.name,
        rows_then=then.rows,
        rows_now=now.rows,
        occupied_bins=occupied_bins(binned_then, binned_now),
        psi=_psi(binned_then, binned_now, alpha=alpha) if both else None,
        ks=_ks(then, now, alpha=alpha) if number and _has_values(then) and _has_values(now) else None,
        cramers_v=_cramers_v(binned_then, binned_now, alpha=alpha) if both else None,
        jensen_shannon=_jensen_shannon(binned_then, binned_now, alpha=alpha) if both else None,
        wasserstein=_wasserstein(number, then, now) if number and _has_values(then) and _has_values(now) else None,
        ks_applies=number is not None and _has_values(then),
        null_share_then=_null_share(then),
        null_share_now=_null_share(now),
        median_then=number.median(then) if number else None,
        median_now=number.median(now) if number else None,
        moved=_moved(bins, binned_then, binned_now) if both else None,
    )


def shares(bins: ColumnBins, counts: ColumnCounts) -> list[float]:
    """Returns the share (0 to 1) of the rows in each bin, in the order of its labels; all 0 without rows."""
    binned = _binned(bins, counts)
    return [float(share) for share in binned / max(int(binned.sum()), 1)]


def in_plain_words(drift: ColumnDrift) -> str:
    """Returns the column's direction for a person, such as `spend: median 41 → 29; null 0 % → 7 %`.

    The bin that moved most is named where no two medians tell: for a category, and outside of the reference range.
    """
    said = [*(_median_words(drift) or _moved_words(drift)), *_null_words(drift)]
    return f"{drift.column}: {'; '.join(said) or 'nothing to compare'}"


def percent(share: float) -> str:
    """Returns a share as a percentage for people.

    >>> percent(0.07), percent(0.0012), percent(1.0)
    ('7 %', '0.12 %', '100 %')
    """
    return f"{plain(100 * share)} %"


def _median_words(drift: ColumnDrift) -> list[str]:
    if drift.median_then is None or drift.median_now is None or drift.median_then == drift.median_now:
        return []
    return [f"median {plain(drift.median_then)} → {plain(drift.median_now)}"]


def _moved_words(drift: ColumnDrift) -> list[str]:
    if drift.moved is None or drift.moved.label == NULL_LABEL:
        return []
    return [f"{drift.moved.label} {percent(drift.moved.share_then)} → {percent(drift.moved.share_now)}"]


def _null_words(drift: ColumnDrift) -> list[str]:
    then, now = drift.null_share_then, drift.null_share_now
    if then is None or now is None:
        return []
    most_moved = drift.moved is not None and drift.moved.label == NULL_LABEL
    return [f"null {percent(then)} → {percent(now)}"] if most_moved or abs(now - then) >= _VISIBLE else []


def _psi(then: Counts, now: Counts, *, alpha: float) -> Effect:
    null = PsiNull(reference_n=int(then.sum()), current_n=int(now.sum()), bins=occupied_bins(then, now))
    distance = psi(then, now)
    return Effect(distance=distance, error=0.0, p_value=null.p_value(distance), noise=null.critical(alpha))


def _cramers_v(then: Counts, now: Counts, *, alpha: float) -> Effect:
    sizes = {"reference_n": int(then.sum()), "current_n": int(now.sum())}
    null, distance = ChiSquareNull(**sizes, bins=occupied_bins(then, now)), cramers_v(then, now)
    return Effect(distance=distance, error=0.0, p_value=null.p_value(distance), noise=null.critical(alpha))


def _jensen_shannon(then: Counts, now: Counts, *, alpha: float) -> Effect:
    sizes = {"reference_n": int(then.sum()), "current_n": int(now.sum())}
    null, distance = JensenShannonNull(**sizes, bins=occupied_bins(then, now)), jensen_shannon(then, now)
    return Effect(distance=distance, error=0.0, p_value=null.p_value(distance), noise=null.critical(alpha))


def _wasserstein(bins: NumberBins, then: ColumnCounts, now: ColumnCounts) -> WassersteinDistance | None:
    """Returns how far the average row moved; None where the reference has no finite value to measure from."""
    ends = [value for one in (then, now) for value in (one.minimum, one.maximum) if value is not None]
    if not bins.grid or not np.isfinite(ends).all():
        return None
    means = [float(one.total or 0) / (one.rows - one.nulls) for one in (then, now)]
    values = np.asarray(then.cells[1:]), np.asarray(now.cells[1:])
    points = np.array([min(ends), *bins.grid, max(ends)], dtype=np.float64)
    return wasserstein(*values, points=points, mean_shift=means[1] - means[0])


def _ks(then: ColumnCounts, now: ColumnCounts, *, alpha: float) -> Effect:
    n, m = then.rows - then.nulls, now.rows - now.nulls
    values = np.asarray(then.cells[1:]), np.asarray(now.cells[1:])
    found = ks(*values)
    limit = ks_p_value(found.distance, reference_n=n, current_n=m)
    return Effect(
        distance=found.distance,
        error=found.error,
        p_value=ks_exact_p_value(*values) if n + m <= KS_EXACT_ROWS else limit,
        noise=ks_critical(reference_n=n, current_n=m, alpha=alpha),
    )


def _binned(bins: ColumnBins, counts: ColumnCounts) -> Counts:
    binned = np.zeros(len(bins.labels), dtype=np.int64)
    np.add.at(binned, np.asarray(bins.bin_of_cell), np.asarray(counts.cells))
    return binned


def _moved(bins: ColumnBins, then: Counts, now: Counts) -> BinMove:
    share_then, share_now = then / then.sum(), now / now.sum()
    at = int(np.abs(share_now - share_then).argmax())
    return BinMove(label=bins.labels[at], share_then=float(share_then[at]), share_now=float(share_now[at]))


def _has_values(counts: ColumnCounts) -> bool:
    return counts.rows > counts.nulls


def _null_share(counts: ColumnCounts) -> float | None:
    return counts.nulls / counts.rows if counts.rows else None
