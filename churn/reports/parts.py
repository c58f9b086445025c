"""Whose rows of which dates are in a part, and can one part tell what another is asked?

Customers are the split's buckets, not words about them, so that the answer is computed from what the model was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one part: dates in ascending order, and the buckets (of 100) that its customers fall into.

    `buckets` is None where everybody may be in it, `n_rows` where nobody counted.
    """

    dates: tuple[date, ...]
    buckets: tuple[int, ...] | None = None
    n_rows: int | None = None

    @property
    def customers(self) -> str:
        """Whose rows they are, in words; empty where everybody's."""
        return "" if self.buckets is None else f"{len(self.buckets)} % of customers"

    def overlaps(self, other: Part, *, horizon_days: int) -> bool:
        """Returns whether a customer may be in both parts with label windows that share a day; always, without dates.

        >>> one, other = (Part(dates=(), buckets=buckets) for buckets in ((0, 1), (1, 2)))
        >>> one.overlaps(other, horizon_days=30), one.overlaps(Part(dates=(), buckets=(7,)), horizon_days=30)
        (True, False)
        """
        if self.buckets is not None and other.buckets is not None and not {*self.buckets} & {*other.buckets}:
            return False
        near = any(abs((a - b).days) < max(horizon_days, 1) for a in self.dates for b in other.dates)
        return near or not (self.dates or other.dates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One fold: what it learned from, what it was tested on, and its figure there with a 95 % interval.

    `figure` and `interval` are None where the fold chose something (early stopping) and measured nothing, and where it
    could not be judged: `failure` says why then. `n` is the number of test rows.
    """

    name: str
    train: Part
    test: Part
    figure: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None
    failure: str = ""
