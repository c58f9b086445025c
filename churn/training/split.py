"""Which dates train the model, which calibrate it, which test it?

Later dates test what earlier ones taught, and between two parts lies a gap as long as the label's horizon: a label
window that reaches into the next part would tell the model what it is about to be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

from churn.errors import DataError, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Dates by part, each in ascending order and in one part only; `left_out` are those that fell into a gap."""

    train: tuple[date, ...]
    calibration: tuple[date, ...]
    test: tuple[date, ...]
    left_out: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByTime:
    """The latest `test_dates` dates test, the latest `calibration_dates` before their gap calibrate, the rest train.

    Another plan is a class with the same `assign` and its word in the union `SplitPlan`.
    """

    kind: Literal["by_time"]
    calibration_dates: int
    test_dates: int

    def __post_init__(self) -> None:
        """Raises SettingsError where a part would hold no date."""
        if min(self.calibration_dates, self.test_dates) < 1:
            raise SettingsError(
                where="split",
                found=f"calibration_dates={self.calibration_dates}, test_dates={self.test_dates}",
                action="give each at least 1",
            )

    def assign(self, dates: Sequence[date], *, horizon_days: int) -> Split:
        """Returns every date of `dates`, in any order, in exactly one part.

        The label window [d, d + horizon_days) of a date ends before the first date of any later part.

        Raises:
            DataError: where a part would be short of dates: how many there are, and which are needed.

        >>> months = [date(2026, month, 1) for month in range(1, 7)]
        >>> plan = ByTime(kind="by_time", calibration_dates=1, test_dates=1)
        >>> split = plan.assign(months, horizon_days=31)
        >>> [[day.month for day in part] for part in (split.train, split.left_out, split.calibration, split.test)]
        [[1, 2, 3], [4], [5], [6]]
        """
        ordered = tuple(sorted(set(dates)))
        test = ordered[-self.test_dates :]
        calibration = _ripe_before(test, ordered, horizon_days=horizon_days)[-self.calibration_dates :]
        train = _ripe_before(calibration, ordered, horizon_days=horizon_days)
        if not train:  # a part that is short of dates took all there were, so that none is left before it
            raise self._too_few(ordered, horizon_days)
        left_out = tuple(day for day in ordered if day not in {*train, *calibration, *test})
        return Split(train=train, calibration=calibration, test=test, left_out=left_out)

    def _too_few(self, dates: Sequence[date], horizon_days: int) -> DataError:
        span = f"{len(dates)} dates from {dates[0]} to {dates[-1]}" if dates else "no dates"
        needed = self.calibration_dates + self.test_dates + 1
        return DataError(
            where="split",
            found=f"{span} cannot give {self.test_dates} to test, {self.calibration_dates} to calibrate and 1 to train",
            action=f"build features for at least {needed} dates; from the last date of a part to the first of the next "
            f"{horizon_days} days or more, so a span of at least {2 * horizon_days + needed - 3} days",
        )


def _ripe_before(part: Sequence[date], dates: Sequence[date], *, horizon_days: int) -> tuple[date, ...]:
    return tuple(day for day in dates if part and day + timedelta(days=horizon_days) <= part[0])


SplitPlan: TypeAlias = ByTime
