"""How does a raw score become a probability?

By a monotone curve fitted on dates later than training and earlier than testing. A calibrator is its fitted parameters:
a frozen value that goes into the bundle as JSON. To add one, write a class with `kind`, `fit` and `scores`, and
its word in the union at the foot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from churn.errors import DataError, SettingsError, did_you_mean
from churn.training.encoding import Floats


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
        return _open_unit(expit(raw))


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
            raise _unfit(
                f"the likeliest curve falls (slope {slope / spread:.3g}): higher scores go with fewer labels 1"
            )
        return cls(slope=slope / spread, intercept=intercept - slope * centre / spread)

    def scores(self, raw: Floats) -> Floats:
        """Returns 1 / (1 + exp(-(slope * raw + intercept))), one per row, strictly between 0 and 1; NaN stays NaN."""
        return _open_unit(expit(self.slope * raw + self.intercept))


def fit_calibrator(kind: str, raw: Floats, labels: npt.ArrayLike) -> Calibrator:
    """Returns the calibrator named `kind`, fitted on one raw score and one label (0 or 1) per row.

    Raises:
        SettingsError: for a kind that does not exist.
        DataError: for scores that are not finite, labels other than 0 and 1, or rows that allow no such curve.

    >>> fit_calibrator("none", np.array([0.3]), [1])
    Identity(kind='none')
    """
    truth = np.asarray(labels, dtype=np.float64)
    if raw.shape != truth.shape or not np.isfinite(raw).all() or not np.isin(truth, (0.0, 1.0)).all():
        raise _unfit(f"{raw.size} scores and {truth.size} labels, not all of them finite scores and labels 0 or 1")
    return _named(kind).fit(raw, truth)


def calibrator_from_json(fields: Mapping[str, Any]) -> Calibrator:
    """Returns the calibrator whose fields these are.

    >>> calibrator_from_json({"kind": "platt", "slope": 1.5, "intercept": -0.1})
    Platt(slope=1.5, intercept=-0.1, kind='platt')
    """
    return _named(fields["kind"])(**fields)


def _named(kind: str) -> type[Calibrator]:
    kinds: dict[str, type[Calibrator]] = {get_args(get_type_hints(c)["kind"])[0]: c for c in get_args(Calibrator)}
    if kind not in kinds:
        raise SettingsError(where="calibration", found=f"no kind {kind!r}", action=did_you_mean(kind, kinds))
    return kinds[kind]


def _require_overlap(raw: Floats, labels: Floats) -> None:
    positive, negative = raw[labels == 1], raw[labels == 0]
    if not len(positive) or not len(negative):
        raise _unfit(f"{len(labels)} labels, {len(positive)} of them 1: one class only")
    if negative.max() <= positive.min() or positive.max() <= negative.min():
        raise _unfit("the raw scores are all alike or separate the classes, as when a feature knows the label")


def _likeliest(score: Floats, labels: Floats) -> tuple[float, float]:
    """Returns (slope, intercept) at the minimum of the mean log loss, which is convex."""

    def loss(curve: Floats) -> float:
        logit = curve[0] * score + curve[1]
        return float(np.mean(np.logaddexp(0.0, logit) - labels * logit))

    def gradient(curve: Floats) -> Floats:
        residual = expit(curve[0] * score + curve[1]) - labels
        return np.array([np.mean(residual * score), np.mean(residual)])

    def hessian(curve: Floats) -> Floats:
        chance = expit(curve[0] * score + curve[1])
        weight = chance * (1.0 - chance)
        mixed = np.mean(weight * score)
        return np.array([[np.mean(weight * score**2), mixed], [mixed, np.mean(weight)]])

    found = minimize(loss, np.zeros(2), method="trust-exact", jac=gradient, hess=hessian, options={"gtol": 1e-10})
    if not np.abs(gradient(found.x)).max() < 1e-6:
        raise _unfit(f"no likeliest curve was found: {found.message}")
    return float(found.x[0]), float(found.x[1])


def _open_unit(chances: Floats) -> Floats:
    # exp() of a large score rounds to exactly 0 or 1, and a log loss of such a score is infinite.
    return np.clip(chances, np.finfo(np.float64).tiny, np.nextafter(1.0, 0.0))


def _unfit(found: str) -> DataError:
    return DataError(
        where="calibration", found=found, action="look at the calibration dates' labels, or choose calibration=none"
    )


Calibrator: TypeAlias = Identity | Platt
