"""What counts as drift?

The limits alone, in a file of their own: every command reads settings, and few need the statistics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from churn.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftLimits:
    """What counts as drift.

    `psi` and `ks` are the smallest effects of a column that matter, `prediction_psi` the smallest of the score.
    `alpha` (0 to 1) is the false discovery rate over a night's tests. More than `drifted_share` (0 to 1) of the
    watched columns is an alarm.
    """

    psi: float
    ks: float
    alpha: float
    drifted_share: float
    prediction_psi: float

    def __post_init__(self) -> None:
        effects = {"psi": self.psi, "ks": self.ks, "prediction_psi": self.prediction_psi}
        wrong = [name for name, limit in effects.items() if not 0 < limit < math.inf]
        wrong += [] if 0 < self.alpha < 1 else ["alpha"]
        wrong += [] if 0 <= self.drifted_share < 1 else ["drifted_share"]
        if wrong:
            found = ", ".join(f"{name}={getattr(self, name)}" for name in wrong)
            action = "choose effects over 0, alpha between 0 and 1, drifted_share from 0 to under 1 (0.3 is 30 %)"
            raise SettingsError(where="stage.limits", found=found, action=action)
