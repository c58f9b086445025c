"""Where on the paper does a number lie, and which round numbers stand beside it?

Places are percent of the plot, not pixels: a chart then fits a phone and a printed page with letters of one size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

_STEPS = 5  # at most about so many between the ends


class Scale(Protocol):
    """What a chart asks of an axis, whatever runs along it."""

    @property
    def name(self) -> str:
        """What is measured, and its unit."""
        ...

    def percent(self, value: float) -> float:
        """Returns how far along the axis a value lies, 0 to 100."""
        ...

    def ticks(self) -> tuple[float, ...]:
        """Returns the values that are written beside the axis."""
        ...

    def text(self, value: float) -> str:
        """Returns how such a value is written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """Nights from the first to the last; a night's value is its ordinal, `date.toordinal`.

    >>> axis = Nights(first=date(2026, 1, 1), last=date(2026, 1, 31))
    >>> [axis.text(tick) for tick in axis.ticks()], axis.percent(date(2026, 1, 16).toordinal())
    (['01-01', '01-11', '01-21', '01-31'], 50.0)
    """

    first: date
    last: date
    name: str = "night (month-day)"

    def percent(self, value: float) -> float:
        """Returns how far along the axis a night lies: 0 to 100; 50 where there is but one."""
        span = (self.last - self.first).days
        return 100 * (value - self.first.toordinal()) / span if span else 50.0

    def ticks(self) -> tuple[float, ...]:
        """Returns at most four nights, equally many days apart."""
        step = max(1, math.ceil((self.last - self.first).days / 3))
        count = (self.last - self.first).days // step
        return tuple(float((self.first + timedelta(days=step * number)).toordinal()) for number in range(count + 1))

    def text(self, value: float) -> str:
        """Returns a night as month and day; the table has the year."""
        return f"{date.fromordinal(int(value)):%m-%d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What is measured, its unit in `name`, from `low` up to `high`."""

    name: str
    low: float
    high: float

    @classmethod
    def around(cls, name: str, values: Iterable[float]) -> Axis:
        """Returns an axis that holds all of the values and ends on round numbers.

        >>> axis = Axis.around("AUC", [0.713, 0.788])
        >>> (axis.low, axis.high)
        (0.7, 0.8)
        """
        known = sorted(values)
        low, high = known[0], known[-1]
        if low == high:
            low, high = low - (abs(low) or 1) / 10, high + (abs(high) or 1) / 10
        step = _round_step(high - low)
        return cls(name=name, low=_clean(math.floor(low / step) * step), high=_clean(math.ceil(high / step) * step))

    def percent(self, value: float) -> float:
        """Returns how far along the axis a value lies: 0 at `low`, 100 at `high`."""
        return 100 * (value - self.low) / (self.high - self.low)

    def ticks(self) -> tuple[float, ...]:
        """Returns round numbers from `low` to `high`.

        >>> Axis(name="share", low=0, high=1).ticks()
        (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
        """
        step = _round_step(self.high - self.low)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple(_clean(number * step) for number in range(first, last + 1))

    def text(self, value: float) -> str:
        """Returns a tick as it is written, with the decimals that tell it from the next one.

        >>> Axis(name="gain", low=-0.002, high=0.006).text(0.002)
        '0.002'
        """
        decimals = max(0, -math.floor(math.log10(_round_step(self.high - self.low)) + 1e-9))
        return f"{value:,.{decimals}f}"


def place(percent: float) -> str:
    """Returns a place along the plot as SVG writes it.

    >>> place(12.5), place(-0.0001)
    ('12.50%', '0.00%')
    """
    return f"{round(percent, 2) + 0.0:.2f}%"


def _round_step(span: float) -> float:
    """Returns 1, 2 or 5 times a power of ten: the smallest that goes into `span` no more than five times."""
    power = 10.0 ** math.floor(math.log10(span / _STEPS))
    return next(power * times for times in (1, 2, 5, 10) if power * times * _STEPS >= span * (1 - 1e-9))


def _clean(value: float) -> float:
    """Returns the value without the dust of its last digits: 0.6000000000000001 is 0.6."""
    return float(f"{value:.12g}") + 0.0
