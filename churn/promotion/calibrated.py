"""Do the challenger's probabilities mean what they say?

At a million rows any model is surely miscalibrated, and at a thousand a perfect one shows a gap of two points. So an
alarm needs both: a gap that matters, and more of it than a calibrated model of the same rows would show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from churn.findings import Answer, Finding
from churn.promotion.evidence import Evidence
from churn.promotion.judging import TWO_SIDED_80, require, require_limits, under_ceilings
from churn.promotion.measures import estimates
from churn.promotion.metrics import calibration_in_the_large
from churn.promotion.probable import EceNull, ExpectedCalibrationError, ece_null
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The expected calibration error is not surely over `warn_over`, nor over `fail_over`.

    Warn or fail where its whole interval lies over that limit and the error is beyond the 95 % limit of a calibrated
    model's; insufficient where these rows could not have shown `fail_over`. A warning promotes, since the base rate of
    a seasonal business moves between calibration and test, and a refused challenger would leave a champion that is off
    by as much or more.
    """

    kind: Literal["calibration"]
    warn_over: float
    fail_over: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)

    def __post_init__(self) -> None:
        require_limits(self.kind, warn_over=self.warn_over, fail_over=self.fail_over)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the error held against both limits and against chance."""
        [found] = estimates([ExpectedCalibrationError()], evidence).values()
        null = _null(evidence)
        limits = {"warn_over": self.warn_over, "fail_over": self.fail_over}
        answer = under_ceilings(found.interval, **limits, smallest=TWO_SIDED_80 * found.se)
        by_chance = found.figure <= null.limit and answer is not Answer.INSUFFICIENT
        return Finding(
            check=self.kind,
            answer=Answer.PASS if by_chance else answer,
            figure=found.figure,
            interval=found.interval,
            limit=self.fail_over if answer is Answer.FAIL else self.warn_over,
            n=found.n,
            smallest_effect=TWO_SIDED_80 * found.se,
            unit="probability",
            reason=f"calibration error {found.figure:.4f} on {evidence.size}, limits {self.warn_over} and "
            f"{self.fail_over}; a calibrated model shows {null.mean:.4f}, and up to {null.limit:.4f} by chance",
        )


def _null(evidence: Evidence) -> EceNull:
    labels, scores = (np.asarray(column, dtype=np.float64) for column in (evidence.labels, evidence.challenger))
    return ece_null(labels, scores, customers=evidence.owners, seed=evidence.resampling.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationInTheLarge:
    """The mean score is within `maximum` of the base rate, and a warning where it surely is not: never a failure."""

    kind: Literal["calibration_in_the_large"]
    maximum: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)

    def __post_init__(self) -> None:
        require(
            0 < self.maximum < 1,
            self.kind,
            found=f"maximum={self.maximum}",
            action="choose a probability over 0, under 1",
        )

    def judge(self, evidence: Evidence) -> Finding:
        """Returns mean score minus base rate held against the limit, either side."""
        found = calibration_in_the_large(evidence.labels, evidence.challenger, evidence.customers)
        surely_off = found.interval[0] > self.maximum or found.interval[1] < -self.maximum
        return Finding(
            check=self.kind,
            answer=Answer.WARN if surely_off else Answer.PASS,
            figure=found.figure,
            interval=found.interval,
            limit=self.maximum,
            n=found.n,
            smallest_effect=TWO_SIDED_80 * found.se,
            unit="probability",
            reason=f"mean score minus base rate {found.figure:+.4f} on {evidence.size}, limit ±{self.maximum}",
        )
