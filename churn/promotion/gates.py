"""What has to hold before a challenger becomes champion?

A gate is a frozen dataclass: its fields are its parameters (their values stand in YAML), `kind` is its name there, and
`judge` answers with a `Finding`. To add one, write a class and add its word to the union at the foot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from churn.errors import SettingsError
from churn.findings import Answer, Finding
from churn.promotion.comparison import PairedDifference, compare_auc
from churn.promotion.delong import Owners
from churn.promotion.metrics import Estimate, auc, calibration_in_the_large

_TWO_SIDED_80 = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What every gate looks at: ripe out-of-time rows that neither model was trained on, scored by both now.

    One label (0 or 1), one calibrated score of the challenger and one of the champion a row; `champion` is None where
    nobody was ever promoted. `customers` says whose each row is; None: each row is a customer of its own.
    """

    labels: npt.NDArray[Any] = field(repr=False)
    challenger: npt.NDArray[Any] = field(repr=False)
    champion: npt.NDArray[Any] | None = field(repr=False)
    customers: npt.NDArray[Any] | None = field(repr=False, default=None)

    @property
    def rarer(self) -> int:
        """Customers with a row of the rarer class: what the normal approximations here live on."""
        return Owners.of(np.asarray(self.labels) == 1, self.customers).fewest

    @property
    def size(self) -> str:
        """How many rows, and of how many customers where those are fewer."""
        rows = int(np.size(self.labels))
        customers = rows if self.customers is None else int(np.unique(self.customers).size)
        return f"{rows:,} rows" + (f" of {customers:,} customers" if customers < rows else "")

    def compared(self, champion: npt.NDArray[Any]) -> PairedDifference:
        """Returns the challenger's AUC minus the champion's."""
        return compare_auc(self.labels, challenger=self.challenger, champion=champion, customers=self.customers)


@dataclass(frozen=True, slots=True, kw_only=True)
class AucFloor:
    """The challenger's AUC is at least `minimum`.

    Pass where the whole 95 % interval lies at or over it, fail where it lies under it, insufficient in between.
    """

    kind: Literal["auc_floor"]
    minimum: float

    def __post_init__(self) -> None:
        _require(
            0.5 < self.minimum < 1,
            self.kind,
            found=f"minimum={self.minimum}",
            action="choose a minimum over 0.5, under 1",
        )

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the AUC held against the floor."""
        found = auc(evidence.labels, evidence.challenger, evidence.customers)
        answer = _against_floor(found.interval, self.minimum)
        reason = f"AUC {found.figure:.4f} on {evidence.size}, floor {self.minimum}"
        return _finding(self.kind, answer, found, limit=self.minimum, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Superior:
    """The challenger ranks better than the champion: one-sided DeLong at `alpha`, and a first champion passes.

    Fail where the interval lies under 0, insufficient where it holds 0 (the rows cannot tell the two apart).
    """

    kind: Literal["superior"]
    alpha: float

    def __post_init__(self) -> None:
        _require_alpha(self.kind, self.alpha)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the difference of the two AUCs held against 0."""
        if evidence.champion is None:
            return _no_champion(self.kind, evidence)
        found = evidence.compared(evidence.champion)
        return _compared(self.kind, found, size=evidence.size, limit=0.0, alpha=self.alpha)


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferior:
    """The challenger ranks no worse than the champion by more than `margin` of AUC, for a scheduled refresh.

    Pass where the one-sided lower bound at `alpha` lies over -margin, fail where the whole 95 % interval lies under it.
    """

    kind: Literal["non_inferior"]
    margin: float
    alpha: float

    def __post_init__(self) -> None:
        _require_alpha(self.kind, self.alpha)
        _require(
            0 < self.margin < 0.5,
            self.kind,
            found=f"margin={self.margin}",
            action="choose an AUC difference over 0, under 0.5",
        )

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the difference of the two AUCs held against the margin."""
        if evidence.champion is None:
            return _no_champion(self.kind, evidence)
        found = evidence.compared(evidence.champion)
        return _compared(self.kind, found, size=evidence.size, limit=-self.margin, alpha=self.alpha)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationInTheLarge:
    """The mean score is within `maximum` of the base rate, and a warning where it surely is not.

    A warning, no failure, since the base rate of a seasonal business moves between calibration and test, and a refused
    challenger would leave a champion that is off by as much or more.
    """

    kind: Literal["calibration_in_the_large"]
    maximum: float

    def __post_init__(self) -> None:
        _require(
            0 < self.maximum < 1,
            self.kind,
            found=f"maximum={self.maximum}",
            action="choose a probability over 0, under 1",
        )

    def judge(self, evidence: Evidence) -> Finding:
        """Returns mean score minus base rate held against the limit, either side."""
        found = calibration_in_the_large(evidence.labels, evidence.challenger, evidence.customers)
        surely_off = found.interval[0] > self.maximum or found.interval[1] < -self.maximum
        answer = Answer.WARN if surely_off else Answer.PASS
        reason = f"mean score minus base rate {found.figure:+.4f} on {evidence.size}, limit ±{self.maximum}"
        return _finding(self.kind, answer, found, limit=self.maximum, reason=reason)


def _require(holds: bool, kind: str, *, found: str, action: str) -> None:  # noqa: FBT001 - it is the condition itself
    if not holds:
        raise SettingsError(where=f"gate {kind}", found=found, action=action)


def _require_alpha(kind: str, alpha: float) -> None:
    _require(0 < alpha <= 0.5, kind, found=f"alpha={alpha}", action="choose a one-sided error rate over 0, up to 0.5")


def _against_floor(interval: tuple[float, float], floor: float) -> Answer:
    if interval[0] >= floor:
        return Answer.PASS
    return Answer.FAIL if interval[1] < floor else Answer.INSUFFICIENT


def _finding(check: str, answer: Answer, found: Estimate, *, limit: float, reason: str) -> Finding:
    unit = "AUC" if check == "auc_floor" else "probability"
    return Finding(
        check=check,
        answer=answer,
        figure=found.figure,
        interval=found.interval,
        limit=limit,
        n=found.n,
        smallest_effect=_TWO_SIDED_80 * found.se,
        unit=unit,
        reason=reason,
    )


def _compared(check: str, found: PairedDifference, *, size: str, limit: float, alpha: float) -> Finding:
    if found.se == 0:  # the same ranking twice, or two that no row tells apart by chance
        answer = Answer.PASS if found.difference == 0 > limit else Answer.INSUFFICIENT
    elif found.lower_bound(alpha) > limit:
        answer = Answer.PASS
    else:
        answer = Answer.FAIL if found.interval[1] < limit else Answer.INSUFFICIENT
    smallest = found.smallest_effect(alpha)
    reason = f"AUC difference {found.difference:+.4f} on {size} (one-sided p {found.p_value:.3f}); "
    return Finding(
        check=check,
        answer=answer,
        figure=found.difference,
        interval=found.interval,
        limit=limit,
        n=found.n,
        smallest_effect=smallest,
        unit="AUC",
        reason=reason + f"these rows can show {smallest:.4f}",
    )


def _no_champion(check: str, evidence: Evidence) -> Finding:
    return Finding(
        check=check,
        answer=Answer.PASS,
        figure=None,
        interval=None,
        limit=None,
        n=int(np.size(evidence.labels)),
        smallest_effect=None,
        unit="AUC",
        reason="no champion yet: the floors decide",
    )


Gate: TypeAlias = AucFloor | Superior | NonInferior | CalibrationInTheLarge
