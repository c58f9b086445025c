"""Do the challenger's probabilities mean what they say?

Judged by what the mean gap between score and rate exceeds that of a calibrated model of the same rows: at ten thousand
rows any model is surely miscalibrated, and at a thousand a perfect one shows a gap of two points. So an alarm needs a
size and certainty, both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from churn.findings import Answer, Finding
from churn.promotion.evidence import Evidence
from churn.promotion.judging import TWO_SIDED_80, require, require_limits, under_ceilings
from churn.promotion.measures import estimates
from churn.promotion.metrics import Z95, calibration_in_the_large
from churn.promotion.probable import ExpectedCalibrationError, ece_null
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The expected calibration error beyond its null is not surely over `warn_over`, nor over `fail_over`.

    Insufficient where these rows could not have shown `fail_over`. A warning promotes, since the base rate of a
    seasonal business moves between calibration and test, and a refused challenger would leave a champion that is off by
    as much or more.
    """

    kind: Literal["calibration"]
    warn_over: float
    fail_over: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)

    def __post_init__(self) -> None:
        require_limits(self.kind, warn_over=self.warn_over, fail_over=self.fail_over)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the excess over the mean of the null held against both limits."""
        [found] = estimates([ExpectedCalibrationError()], evidence).values()
        null = ece_null(
            np.asarray(evidence.labels, dtype=np.float64),
            np.asarray(evidence.challenger, dtype=np.float64),
            customers=evidence.owners,
            seed=evidence.resampling.seed,
        )
        excess, smallest = found.figure - null.mean, TWO_SIDED_80 * found.se
        interval = (excess - Z95 * found.se, excess + Z95 * found.se)
        limits = {"warn_over": self.warn_over, "fail_over": self.fail_over}
        return Finding(
            check=self.kind,
            answer=under_ceilings(interval, **limits, smallest=smallest),
            figure=excess,
            interval=interval,
            limit=self.fail_over if interval[0] > self.fail_over else self.warn_over,
            n=found.n,
            smallest_effect=smallest,
            unit="probability",
            reason=f"calibration error {found.figure:.4f} on {evidence.size}, {null.mean:.4f} of it by chance "
            f"(a calibrated model's 95 % limit {null.limit:.4f}); limits {self.warn_over} and {self.fail_over} beyond",
        )


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
