"""Which feature knows more alone than a single feature should?

It ranks well by itself and lifts the model of all the others by more than one feature does. A feature's own score is
the label rate of its value's bin in training, which costs no model, and log-odds of two sources add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from churn.promotion.comparison import PairedDifference, compare_auc
from churn.promotion.metrics import Estimate, Floats, auc
from churn.promotion.suspicion import Kind, LeakLimits, Leaks, Suspicion
from churn.promotion.yardstick import Table, Yardstick, log_odds

_BINS = 64  # finer than honest shapes need, and a hundred rows and more a bin where there are ten thousand
_MOST = 5  # each costs a model, and what five better features cover is not beyond belief
_PRIOR_ROWS = 20  # a bin of few rows stays near the base rate, so that luck in training does not rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one feature ranks the test rows alone: its score a row, 0 to 1, and the AUC."""

    scores: Floats = field(repr=False)
    auc: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gain:
    """What a feature adds to the others: its own AUC, theirs, and the paired difference that it makes."""

    name: str
    own: Estimate
    others: Estimate
    added: PairedDifference


def standings(table: Table) -> dict[str, Standing]:
    """Returns by feature how it ranks the test rows alone, learned on the training rows."""
    scores = {name: _scores(table, index) for index, name in enumerate(table.encoding.features)}
    return {name: Standing(scores=own, auc=auc(table.test_labels, own)) for name, own in scores.items()}


def doubtful(alone: Mapping[str, Standing], limits: LeakLimits) -> list[str]:
    """Returns the features that rank so well alone that they are no yardstick for others."""
    return [name for name, standing in alone.items() if standing.auc.figure >= limits.doubtful_auc]


def ranks_alone(table: Table, alone: Mapping[str, Standing], *, limits: LeakLimits, yardstick: Yardstick) -> Leaks:
    """Returns the features that rank alone beyond belief: from `impossible_auc` on, or lifting the others too far.

    Looked at are all that are doubtful, beside one model of the rest, and the best of those from `believable_auc` on,
    each beside a model without it; where there is none, the best alone, so that one sees how near that comes.
    """
    beyond = doubtful(alone, limits)
    best = sorted(set(alone) - set(beyond), key=lambda name: (-alone[name].auc.figure, name))[:_MOST]
    over = [name for name in best if alone[name].auc.figure >= limits.believable_auc]
    gains = _gains(table, alone, yardstick, names=beyond, left_out=beyond)
    for name in over or best[:1]:
        gains += _gains(table, alone, yardstick, names=[name], left_out=[*beyond, name])
    z = NormalDist().inv_cdf(1 - limits.alpha / max(len(gains), 1))
    suspects = [gain for gain in gains if _suspicious(gain, limits, z)]
    innocent = sorted((gain for gain in gains if gain not in suspects), key=lambda gain: -gain.added.difference)
    return Leaks(
        suspicions=tuple(_suspicion(gain, limits, z) for gain in suspects),
        nearest=tuple(_suspicion(gain, limits, z) for gain in innocent[:1]),
    )


def _scores(table: Table, index: int) -> Floats:
    known = table.train[:, index]
    edges = _edges(known[~np.isnan(known)], exact=index in table.encoding.categorical)
    bins, size = _bins(known, edges), 2 * len(edges) + 2
    rows = np.bincount(bins, minlength=size)
    churned = np.bincount(bins, weights=table.train_labels, minlength=size)
    rates = (churned + _PRIOR_ROWS * table.train_labels.mean()) / (rows + _PRIOR_ROWS)
    return np.asarray(rates[_bins(table.test[:, index], edges)], dtype=np.float64)


def _edges(values: Floats, *, exact: bool) -> Floats:
    distinct = np.unique(values)
    if exact or len(distinct) <= _BINS:
        return distinct
    return np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1), method="inverted_cdf"))


def _bins(values: Floats, edges: Floats) -> npt.NDArray[np.intp]:
    # Counted from both sides, a value on an edge has a bin of its own, as constants need; the last bin is null's.
    between = np.searchsorted(edges, values, side="left") + np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), 2 * len(edges) + 1, between)


def _gains(
    table: Table, alone: Mapping[str, Standing], yardstick: Yardstick, *, names: list[str], left_out: list[str]
) -> list[_Gain]:
    if not names:
        return []
    labels, scores = table.test_labels, yardstick.without(left_out, table)
    others = auc(labels, scores)
    return [
        _Gain(
            name=name,
            own=alone[name].auc,
            others=others,
            added=compare_auc(labels, challenger=scores + log_odds(alone[name].scores), champion=scores),
        )
        for name in names
    ]


def _suspicious(gain: _Gain, limits: LeakLimits, z: float) -> bool:
    if gain.own.figure >= limits.impossible_auc:
        return True
    too_far = gain.added.difference - z * gain.added.se > limits.auc_gain
    return too_far and gain.own.figure >= limits.believable_auc


def _suspicion(gain: _Gain, limits: LeakLimits, z: float) -> Suspicion:
    reach, impossible = z * gain.added.se, gain.own.figure >= limits.impossible_auc
    around = (gain.added.difference - reach, gain.added.difference + reach)
    return Suspicion(
        feature=gain.name,
        kind=Kind.ALONE,
        figure=gain.own.figure if impossible else gain.added.difference,
        interval=gain.own.interval if impossible else around,
        limit=limits.impossible_auc if impossible else limits.auc_gain,
        n=gain.own.n,
        unit="AUC" if impossible else "AUC added",
        reason=f"alone it ranks {gain.own.n:,} test rows with AUC {gain.own.figure:.4f}, the other features with "
        f"{gain.others.figure:.4f}, and it adds {gain.added.difference:.4f} to them",
    )
