"""Which calibration curve does a slice of labelled rows call for?

The simplest one that no other beats for certain: each curve predicts customers that it was not fitted on, and a more
complicated one replaces a simpler one only where a paired bootstrap of the Brier score says that it gains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from churn.errors import DataError
from churn.training.calibration import CURVES, Curve, checked_labels, fit_calibrator, named, unfit
from churn.training.encoding import Floats
from churn.training.hashing import buckets

Keys: TypeAlias = npt.NDArray[np.integer[Any]]

AUTO = "auto"
_MIN_CUSTOMERS = 50  # of either label: simulated, so few show a slope that is wrong by half in 1 of 4 samples
_FOLDS, _FOLDS_DRAW = 5, 1
_GROUPS, _GROUPS_DRAW = 1_000, 2
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How one kind of curve did on customers that it was not fitted on.

    `brier` is the mean squared error, 0 (best) to 1; `gain` how far it lies under that of `against`, the best of the
    simpler kinds, with its two-sided 95 % interval; `gain_at_least` the one-sided 95 % bound that decides. A kind that
    cannot be fitted has `refused`, the reason, in their place; the simplest is held against nothing.
    """

    kind: str
    brier: float | None = None
    against: str | None = None
    gain: float | None = None
    interval: tuple[float, float] | None = None
    gain_at_least: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A curve of `kind`, fitted on all `n` rows, and the trial of every kind, the simplest first."""

    calibrator: Curve
    kind: str
    n: int
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """One raw score, one label (0 or 1) and one customer per row."""

    raw: Floats
    labels: Floats
    customers: Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contender:
    """A kind and its squared error on each row, out of fold."""

    kind: str
    errors: Floats


def choose_calibrator(kind: str, raw: Floats, labels: npt.ArrayLike, *, customers: Keys) -> Choice:
    """Returns the curve of `kind`, or under "auto" the simplest that no more complicated one beats, and all trials.

    One raw score (log-odds), one label (0 or 1) and one customer's key per row, a customer in as many rows as need be:
    folds and resamples take all of a customer's rows or none. The same rows in any order give the same choice.

    Raises:
        SettingsError: for a kind that does not exist.
        DataError: for scores that are not finite, labels other than 0 and 1, columns of different lengths, or rows that
            allow no curve of the kind that was asked for. Under "auto" such a kind is out and its trial says why.

    >>> choose_calibrator("auto", np.array([0.3, -0.2]), [1, 0], customers=np.array([7, 8])).trials[1].refused
    '1 customers with label 0 and 1 with label 1, expected at least 50 of each'
    """
    named(kind, {AUTO: AUTO} | dict.fromkeys(CURVES, ""))
    rows = _rows(raw, labels, customers)
    trials, best = _contest(rows)
    chosen = best if kind == AUTO else kind
    calibrator = fit_calibrator(chosen, rows.raw, rows.labels)
    return Choice(calibrator=calibrator, kind=chosen, n=len(rows.raw), trials=trials)


def _rows(raw: Floats, labels: npt.ArrayLike, customers: Keys) -> _Rows:
    truth = checked_labels(raw, labels)
    if customers.shape != raw.shape or not raw.size:
        raise unfit(f"{raw.size} scores and {customers.size} customers")
    order = np.lexsort((truth, raw, customers))  # sums in another order differ in their last bits
    return _Rows(raw=raw[order], labels=truth[order], customers=customers[order])


def _contest(rows: _Rows) -> tuple[tuple[Trial, ...], str]:
    """Returns one trial per kind, and the kind that is left standing."""
    simplest, *others = CURVES
    best = _out_of_fold(simplest, rows)
    trials = [Trial(kind=simplest, brier=float(np.mean(best.errors)))]
    for kind in others:
        try:
            _require_customers(rows)
            challenger = _out_of_fold(kind, rows)
        except DataError as refusal:
            trials.append(Trial(kind=kind, refused=refusal.found))
            continue
        trial, better = _duel(challenger, best, customers=rows.customers)
        trials.append(trial)
        best = challenger if better else best
    return tuple(trials), best.kind


def _require_customers(rows: _Rows) -> None:
    negative, positive = (len(np.unique(rows.customers[rows.labels == label])) for label in (0, 1))
    if min(negative, positive) < _MIN_CUSTOMERS:
        raise unfit(
            f"{negative} customers with label 0 and {positive} with label 1, expected at least {_MIN_CUSTOMERS} of each"
        )


def _out_of_fold(kind: str, rows: _Rows) -> _Contender:
    folds, scores = buckets(rows.customers, _FOLDS, draw=_FOLDS_DRAW), np.empty(len(rows.raw))
    for fold in range(_FOLDS):
        held = folds == fold
        scores[held] = fit_calibrator(kind, rows.raw[~held], rows.labels[~held]).scores(rows.raw[held])
    return _Contender(kind=kind, errors=(scores - rows.labels) ** 2)


def _duel(challenger: _Contender, best: _Contender, *, customers: Keys) -> tuple[Trial, bool]:
    """Returns the trial of `challenger` against `best`, and whether it wins."""
    gains = best.errors - challenger.errors
    low, at_least, high = np.quantile(_resampled_means(gains, customers), (0.025, 0.05, 0.975)).tolist()
    trial = Trial(
        kind=challenger.kind,
        brier=float(np.mean(challenger.errors)),
        against=best.kind,
        gain=float(np.mean(gains)),
        interval=(low, high),
        gain_at_least=at_least,
    )
    return trial, at_least > 0


def _resampled_means(gains: Floats, customers: Keys) -> Floats:
    """Returns the mean of `gains` in each of the bootstrap's resamples, which draw groups of customers.

    Up to 1,000 groups by hash, so that a resample costs the same for a thousand rows and for a million. Groups of
    independent customers are themselves independent, so the interval is that of a bootstrap of customers.

    Source: Efron & Tibshirani 1993, percentile interval; for a ratio of sums, since groups differ in size.
    """
    group = buckets(customers, _GROUPS, draw=_GROUPS_DRAW)
    sizes = np.bincount(group, minlength=_GROUPS)
    sums = np.bincount(group, gains, minlength=_GROUPS)[sizes > 0]
    sizes = sizes[sizes > 0]
    drawn = np.random.default_rng(0).integers(len(sizes), size=(_RESAMPLES, len(sizes)))
    means: Floats = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means
