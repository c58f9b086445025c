"""What counts as drift?

The limits alone, in a file of their own: every command reads settings, and few need the statistics.
"""

from __future__ import annotations

from dataclasses import dataclass


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
