"""What has to hold before a challenger becomes champion?

A gate is a frozen dataclass: its fields are its parameters (their values stand in YAML), `kind` is its name there,
`tasks` are those that it can judge, and `judge` answers with a `Finding`. To add one, write a class and add its word to
the union here.
"""

from __future__ import annotations

from typing import TypeAlias

from churn.promotion.bundle_gates import LeakFree, Size, Speed
from churn.promotion.calibrated import Calibration, CalibrationInTheLarge
from churn.promotion.duels import NonInferior, Superior
from churn.promotion.fairness import CalibrationByGroup, DemographicParity, EqualOpportunity
from churn.promotion.floors import AucFloor, AveragePrecisionFloor, R2Floor
from churn.promotion.slices import WeakSlices
from churn.promotion.stability import Stability

Gate: TypeAlias = (
    AucFloor
    | AveragePrecisionFloor
    | R2Floor
    | Superior
    | NonInferior
    | Calibration
    | CalibrationInTheLarge
    | DemographicParity
    | EqualOpportunity
    | CalibrationByGroup
    | WeakSlices
    | Stability
    | LeakFree
    | Speed
    | Size
)
