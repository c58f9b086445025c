"""Is the challenger good enough by itself?

Floors decide alone about a first champion. Those of the average precision and of R² are shares of what is possible, so
that one number serves data of any base rate and unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from churn.findings import Finding
from churn.promotion.evidence import Evidence
from churn.promotion.judging import TWO_SIDED_80, against_floor, require
from churn.promotion.measures import estimates
from churn.promotion.metrics import Estimate, auc, average_precision
from churn.promotion.regressed import R2
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class AucFloor:
    """The challenger's AUC is at least `minimum`.

    Pass where the whole 95 % interval lies at or over it, fail where it lies under it, insufficient in between.
    """

    kind: Literal["auc_floor"]
    minimum: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)

    def __post_init__(self) -> None:
        require(
            0.5 < self.minimum < 1,
            self.kind,
            found=f"minimum={self.minimum}",
            action="choose a minimum over 0.5, under 1",
        )

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the AUC held against the floor."""
        found = auc(evidence.labels, evidence.challenger, evidence.customers)
        return _held(self.kind, found, limit=self.minimum, unit="AUC", evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecisionFloor:
    """The challenger's average precision comes `minimum` of the way (0 to 1) from the base rate to 1.

    Answers are as those of `AucFloor`.
    """

    kind: Literal["average_precision_floor"]
    minimum: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)

    def __post_init__(self) -> None:
        _require_share(self.kind, self.minimum)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the average precision held against the floor; the base rate is that of these rows."""
        found = average_precision(evidence.labels, evidence.challenger, evidence.customers)
        base = float(np.mean(evidence.labels))
        limit = base + self.minimum * (1 - base)
        return _held(self.kind, found, limit=limit, unit="average precision", evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class R2Floor:
    """The challenger explains at least `minimum` of the label's variance; answers are as those of `AucFloor`."""

    kind: Literal["r2_floor"]
    minimum: float
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)

    def __post_init__(self) -> None:
        _require_share(self.kind, self.minimum)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns R² held against the floor."""
        [found] = estimates([R2()], evidence).values()
        return _held(self.kind, found, limit=self.minimum, unit="R²", evidence=evidence)


def _require_share(kind: str, minimum: float) -> None:
    require(
        0 < minimum < 1, kind, found=f"minimum={minimum}", action="choose a share of what is possible, between 0 and 1"
    )


def _held(check: str, found: Estimate, *, limit: float, unit: str, evidence: Evidence) -> Finding:
    return Finding(
        check=check,
        answer=against_floor(found.interval, limit),
        figure=found.figure,
        interval=found.interval,
        limit=limit,
        n=found.n,
        smallest_effect=TWO_SIDED_80 * found.se,
        unit=unit,
        reason=f"{unit} {found.figure:.4f} on {evidence.size}, floor {limit:.4g}",
    )


Floor = AucFloor | AveragePrecisionFloor | R2Floor
