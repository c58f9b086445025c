"""What do all gates share: how a limit is refused, and how a figure is held against one?"""

from __future__ import annotations

import math
from statistics import NormalDist

from churn.errors import SettingsError
from churn.findings import Answer, Finding
from churn.promotion.evidence import Evidence

_POWER = NormalDist().inv_cdf(0.8)
TWO_SIDED_80 = NormalDist().inv_cdf(0.975) + _POWER
"""Standard errors between a limit and the true figure that a 95 % interval tells from it 4 times of 5."""


def require(holds: bool, kind: str, *, found: str, action: str) -> None:  # noqa: FBT001 - it is the condition itself
    """Stops where a gate's parameter makes no sense.

    Raises:
        SettingsError: `holds` is false.
    """
    if not holds:
        raise SettingsError(where=f"gate {kind}", found=found, action=action)


def require_limits(kind: str, *, warn_over: float, fail_over: float) -> None:
    """Stops where two ceilings are not in order.

    Raises:
        SettingsError: they are not over 0, or do not rise.
    """
    found = f"warn_over={warn_over}, fail_over={fail_over}"
    require(0 < warn_over <= fail_over, kind, found=found, action="choose two limits over 0, the second no lower")


def is_computed(interval: tuple[float, float]) -> bool:
    """Returns whether both ends are numbers; an endless one is, and tells nothing.

    >>> is_computed((0.1, math.inf)), is_computed((math.nan, 0.1))
    (True, False)
    """
    return not any(map(math.isnan, interval))


def against_floor(interval: tuple[float, float], floor: float) -> Answer:
    """Returns pass where the whole interval is at or over the floor, fail where it is under, insufficient in between.

    Fail where the interval cannot be computed.

    >>> against_floor((0.6, 0.8), 0.7)
    <Answer.INSUFFICIENT: 'insufficient evidence'>
    """
    if interval[1] < floor or not is_computed(interval):
        return Answer.FAIL
    return Answer.PASS if interval[0] >= floor else Answer.INSUFFICIENT


def under_ceilings(interval: tuple[float, float], *, warn_over: float, fail_over: float, smallest: float) -> Answer:
    """Returns warn or fail where the whole interval lies over that limit.

    Insufficient where these rows could not have told a figure at `fail_over` from none, so that a pass says nothing.
    Fail where the interval cannot be computed.

    >>> under_ceilings((0.03, 0.04), warn_over=0.02, fail_over=0.05, smallest=0.01)
    <Answer.WARN: 'warn'>
    """
    if interval[0] > fail_over or not is_computed(interval):
        return Answer.FAIL
    if smallest > fail_over:
        return Answer.INSUFFICIENT
    return Answer.WARN if interval[0] > warn_over else Answer.PASS


def smallest_of(interval: tuple[float, float]) -> float:
    """Returns the smallest effect that rows with this 95 % interval show with 80 % power, taking it as normal.

    >>> round(smallest_of((-0.0196, 0.0196)), 3)
    0.028
    """
    return (interval[1] - interval[0]) / 2 * TWO_SIDED_80 / NormalDist().inv_cdf(0.975)


def without_figure(check: str, answer: Answer, evidence: Evidence, *, unit: str, reason: str) -> Finding:
    """Returns a finding about what is not there."""
    return Finding(
        check=check,
        answer=answer,
        figure=None,
        interval=None,
        limit=None,
        n=evidence.n,
        smallest_effect=None,
        unit=unit,
        reason=reason,
    )
