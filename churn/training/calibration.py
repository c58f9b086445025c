"""How does a raw score become the score that is published?

A classifier's becomes a probability, by a rising curve fitted on dates later than training and earlier than testing; a
regression's passes the inverse of its objective's link, which has nothing to fit. Either is a frozen value that goes
into the bundle as JSON. To add a curve, write a class with `kind`, `fit` and `scores`; to add a link, one with `kind`
and `scores`; and its word in a union at the foot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

from churn.errors import DataError, SettingsError, did_you_mean
from churn.training.encoding import Floats

T = TypeVar("T")

_TILT = 1e-5  # the share of an isotonic probability that the raw score may move to break a tie


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """No calibration: the model's own logistic function of its raw score."""

    kind: Literal["none"] = "none"

    @classmethod
    def fit(cls, raw: Floats, labels: Floats) -> Identity:  # noqa: ARG003 - one shape for every calibrator
        """Returns the calibrator that changes nothing."""
        return cls()

    def scores(self, raw: Floats) -> Floats:
        """Returns 1 / (1 + exp(-raw)), one per row, strictly between 0 and 1; NaN stays NaN.

        >>> Identity().scores(np.array([0.0])).tolist()
        [0.5]
        """
        return _open_unit(_logistic(raw))


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """A logistic curve over the raw score, fitted by maximum likelihood.

    >>> Platt(slope=2.0, intercept=0.0).scores(np.array([-1.0, 0.0])).round(3).tolist()
    [0.119, 0.5]
    """

    slope: float
    intercept: float
    kind: Literal["platt"] = "platt"

    @classmethod
    def fit(cls, raw: Floats, labels: Floats) -> Platt:
        """Returns the curve under which `labels` (0 or 1) are likeliest given `raw` (log-odds), both one per row.

        Raises:
            DataError: where the scores are one value or separate the classes, so that no likeliest curve exists, or
                where the curve would fall: higher scores must not mean lower risk.
        """
        _require_overlap(raw, labels)
        centre, spread = float(np.mean(raw)), float(np.std(raw))
        slope, intercept = _likeliest((raw - centre) / spread, labels)
        if not slope > 0:
            raise unfit(f"the likeliest curve falls (slope {slope / spread:.3g}): higher scores go with fewer labels 1")
        return cls(slope=slope / spread, intercept=intercept - slope * centre / spread)

    def scores(self, raw: Floats) -> Floats:
        """Returns 1 / (1 + exp(-(slope * raw + intercept))), one per row, strictly between 0 and 1; NaN stays NaN."""
        return _open_unit(_logistic(self.slope * raw + self.intercept))


@dataclass(frozen=True, slots=True, kw_only=True)
class Isotonic:
    """The rising steps that lie nearest to the labels, joined by straight lines, and tilted a little to break ties.

    `knots` are raw scores, ascending: the first and the last row of each step. `chances` are the steps' probabilities
    there, never falling. Left of the first knot and right of the last the curve is flat.

    >>> steps = Isotonic(knots=(-1.0, 0.0, 2.0), chances=(0.1, 0.1, 0.5))
    >>> steps.scores(np.array([-2.0, -1.0, 0.0, 1.0])).round(4).tolist()
    [0.1, 0.1, 0.1, 0.3]
    """

    knots: tuple[float, ...]
    chances: tuple[float, ...]
    kind: Literal["isotonic"] = "isotonic"

    @classmethod
    def fit(cls, raw: Floats, labels: Floats) -> Isotonic:
        """Returns the curve with the least squared error from `labels` (0 or 1) among all that never fall with `raw`.

        Rows of one score count as one, with their mean label. Of n rows in all, no step comes nearer than 0.5 / n to
        0 or 1.

        Raises:
            DataError: where labels are of one class, or the nearest curve is one flat step.

        Source: pooling of adjacent violators as in Busing 2022 (J. Stat. Softw. 102, Code Snippet 1), by SciPy.
        """
        from scipy.optimize import isotonic_regression  # which a night has no need of

        _require_classes(labels)
        values, row, rows = np.unique(raw, return_inverse=True, return_counts=True)
        steps = isotonic_regression(np.bincount(row, labels) / rows, weights=rows.astype(np.float64))
        if len(steps.weights) == 1:
            raise unfit("no curve rises: the raw scores are all alike, or higher ones go with fewer labels 1")
        ends = np.unique([steps.blocks[:-1], steps.blocks[1:] - 1])
        margin = 0.5 / len(labels)
        chances = np.clip(steps.x[ends], margin, 1.0 - margin)
        return cls(knots=tuple(values[ends].tolist()), chances=tuple(chances.tolist()))

    def scores(self, raw: Floats) -> Floats:
        """Returns the curve at `raw`, one per row, strictly between 0 and 1; NaN stays NaN.

        Each is less than the curve by a share of at most 1e-5 that shrinks as `raw` rises. So a higher raw score never
        gets a lower probability, and gets a higher one on flat steps too: down to differences of some 1e-10 of the
        knots' range, which is what float64 can hold.
        """
        return self._curve(raw) * (1.0 - _TILT * (1.0 - self._rising(raw)))

    def _curve(self, raw: Floats) -> Floats:
        # np.interp overshoots a knot by a rounding error now and then, and two rows would change places.
        knots, chances = np.array(self.knots), np.array(self.chances)
        inside = np.clip(raw, knots[0], knots[-1])
        right = np.clip(np.searchsorted(knots, inside, side="right"), 1, len(knots) - 1)
        low, high, left = chances[right - 1], chances[right], knots[right - 1]
        joined: Floats = np.minimum(low + (inside - left) / (knots[right] - left) * (high - low), high)
        return joined

    def _rising(self, raw: Floats) -> Floats:
        # u / (1 + |u|) moved into 0 to 1. Unlike exp's, its tails stay apart for long; and no rounding lets it fall,
        # since each half is a chain of operations that round monotonically.
        first, last = self.knots[0], self.knots[-1]
        away = (raw - (first / 2 + last / 2)) / (last / 2 - first / 2)
        half = 0.5 / (1.0 + np.abs(away))
        risen: Floats = np.where(away < 0, half, 1.0 - half)
        return risen


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The identity link of a regression: its raw score is in the target's unit."""

    kind: Literal["plain"] = "plain"

    def scores(self, raw: Floats) -> Floats:
        """Returns `raw`.

        >>> Plain().scores(np.array([-12.5])).tolist()
        [-12.5]
        """
        return raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """The log link of a regression on amounts or counts (LightGBM's tweedie and poisson)."""

    kind: Literal["exponential"] = "exponential"

    def scores(self, raw: Floats) -> Floats:
        """Returns exp(raw), one per row, in the target's unit, never negative; NaN stays NaN, over 709 is infinite.

        >>> Exponential().scores(np.log([12.5])).round(9).tolist()
        [12.5]
        """
        with np.errstate(over="ignore"):  # whoever publishes scores refuses those that are not finite
            amounts: Floats = np.exp(raw)
        return amounts


def fit_calibrator(kind: str, raw: Floats, labels: npt.ArrayLike) -> Curve:
    """Returns the curve named `kind`, fitted on one raw score and one label (0 or 1) per row.

    Raises:
        SettingsError: for a kind that is no classifier's curve.
        DataError: for scores that are not finite, labels other than 0 and 1, or rows that allow no such curve.

    >>> fit_calibrator("none", np.array([0.3]), [1])
    Identity(kind='none')
    """
    return named(kind, CURVES).fit(raw, checked_labels(raw, labels))


def checked_labels(raw: Floats, labels: npt.ArrayLike) -> Floats:
    """Returns `labels` as floats, one per raw score.

    Raises:
        DataError: for scores that are not finite, labels other than 0 and 1, or more of the ones than of the others.
    """
    truth = np.asarray(labels, dtype=np.float64)
    if raw.shape != truth.shape or not np.isfinite(raw).all() or not np.isin(truth, (0.0, 1.0)).all():
        raise unfit(f"{raw.size} scores and {truth.size} labels, not all of them finite scores and labels 0 or 1")
    return truth


def calibrator_from_json(fields: Mapping[str, Any]) -> Calibrator:
    """Returns the calibrator whose fields these are.

    >>> calibrator_from_json({"kind": "platt", "slope": 1.5, "intercept": -0.1})
    Platt(slope=1.5, intercept=-0.1, kind='platt')
    """
    kinds: dict[str, type[Calibrator]] = {**CURVES, **_LINKS}
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
    return named(fields["kind"], kinds)(**values)


def named(kind: str, kinds: Mapping[str, T]) -> T:
    """Returns the entry of `kind`.

    Raises:
        SettingsError: for a kind that does not exist, with the nearest that does.
    """
    if kind not in kinds:
        raise SettingsError(where="calibration", found=f"no kind {kind!r}", action=did_you_mean(kind, kinds))
    return kinds[kind]


def _by_kind(union: Any) -> dict[str, Any]:
    return {get_args(get_type_hints(member)["kind"])[0]: member for member in get_args(union)}


def _require_classes(labels: Floats) -> None:
    ones = int(labels.sum())
    if ones in (0, len(labels)):
        raise unfit(f"{len(labels)} labels, {ones} of them 1: one class only")


def _require_overlap(raw: Floats, labels: Floats) -> None:
    _require_classes(labels)
    positive, negative = raw[labels == 1], raw[labels == 0]
    if negative.max() <= positive.min() or positive.max() <= negative.min():
        raise unfit("the raw scores are all alike or separate the classes, as when a feature knows the label")


def _likeliest(score: Floats, labels: Floats) -> tuple[float, float]:
    """Returns (slope, intercept) at the minimum of the mean log loss, which is convex."""

    def loss(curve: Floats) -> float:
        logit = curve[0] * score + curve[1]
        return float(np.mean(np.logaddexp(0.0, logit) - labels * logit))

    def gradient(curve: Floats) -> Floats:
        residual = _logistic(curve[0] * score + curve[1]) - labels
        return np.array([np.mean(residual * score), np.mean(residual)])

    def hessian(curve: Floats) -> Floats:
        chance = _logistic(curve[0] * score + curve[1])
        weight = chance * (1.0 - chance)
        mixed = np.mean(weight * score)
        return np.array([[np.mean(weight * score**2), mixed], [mixed, np.mean(weight)]])

    from scipy.optimize import minimize

    found = minimize(loss, np.zeros(2), method="trust-exact", jac=gradient, hess=hessian, options={"gtol": 1e-10})
    if not np.abs(gradient(found.x)).max() < 1e-6:
        raise unfit(f"no likeliest curve was found: {found.message}")
    return float(found.x[0]), float(found.x[1])


def _open_unit(chances: Floats) -> Floats:
    # exp() of a large score rounds to exactly 0 or 1, and a log loss of such a score is infinite.
    return np.clip(chances, np.finfo(np.float64).tiny, np.nextafter(1.0, 0.0))


def unfit(found: str) -> DataError:
    """Returns the refusal of rows in which `found` allows no curve."""
    return DataError(
        where="calibration", found=found, action="look at the calibration dates' labels, or choose calibration=none"
    )


Curve: TypeAlias = Identity | Platt | Isotonic
Link: TypeAlias = Plain | Exponential
Calibrator: TypeAlias = Curve | Link

# The curves by their `kind`, the simplest first.
CURVES: dict[str, type[Curve]] = _by_kind(Curve)
_LINKS: dict[str, type[Link]] = _by_kind(Link)


def _logistic(logits: Floats) -> Floats:
    """Returns 1 / (1 + exp(-logit)); SciPy's own takes a night's start-up longer to import than to compute."""
    with np.errstate(
        over="ignore"
    ):  # the exponential of a large number is inf, and its inverse the 0 that it should be
        chance: Floats = 1.0 / (1.0 + np.exp(-logits))
    return chance
