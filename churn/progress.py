"""How far is a long step, and how long will it take?

On a terminal one line is drawn over and over and is gone at the end; anywhere else a line is logged now and then, so
that a short step leaves none. A step says what it has done, chunk by chunk, and a clock is looked at: no more.
"""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Self

from churn.journal import FOR_MACHINES, screen

_DRAWN_SECONDS = 0.2
_LOGGED_SECONDS = 10.0
log = logging.getLogger(__name__)


class Progress:
    """One long step, such as `score 2026-01-05`; its first word is the step's name among the run's facts.

    `total` is how many of the `unit` there will be (0: nobody knows), which may be a guess: what exceeds it is shown
    without it.

    >>> with Progress("score 2026-01-05", total=10) as progress:
    ...     for rows in (4, 4, 2):
    ...         progress.add(rows)
    >>> progress.done
    10
    """

    def __init__(self, name: str, *, total: int = 0, unit: str = "rows") -> None:
        self.done, self.total = 0, total
        self._name, self._unit = name, unit
        self._screen = screen()
        self._started = time.monotonic()
        self._is_drawn = self._screen is not None and self._screen.draws
        self._next_draw = self._started
        self._next_log = self._started + _LOGGED_SECONDS

    def add(self, count: int = 1, *, left: int | None = None) -> None:
        """Says that so many more are done; `left` corrects how many are still to come."""
        self.done += count
        if left is not None:
            self.total = self.done + left
        now = time.monotonic()
        if now >= self._next_log:
            self._next_log = now + _LOGGED_SECONDS
            log.info(self._words(now), extra=FOR_MACHINES)
        if self._is_drawn and now >= self._next_draw:
            self._next_draw = now + _DRAWN_SECONDS
            self._draw(self._words(now))

    def _draw(self, text: str) -> None:
        if self._screen:
            self._screen.draw(text)

    def _words(self, now: float) -> str:
        return words(self._name, self.done, self.total, unit=self._unit, seconds=now - self._started)

    def __enter__(self) -> Self:
        self._draw(f"{self._name}: 0 {self._unit}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("")
        if self._screen:
            name, steps = self._name.split()[0], self._screen.steps
            found = {f"{name}_{self._unit}": self.done, f"{name}_seconds": time.monotonic() - self._started}
            steps |= {key: round(steps.get(key, 0) + more, 3) for key, more in found.items()}


def words(name: str, done: int, total: int, *, unit: str, seconds: float) -> str:
    """Returns how far a step is after some seconds.

    >>> words("score 2026-01-05", 3_000_000, 10_000_000, unit="rows", seconds=4.17)
    'score 2026-01-05: 3,000,000 of 10,000,000 rows, 720,000 rows/s, 10 s left'
    >>> words("rehearse", 3, 2, unit="trials", seconds=6)
    'rehearse: 3 trials, 0.5 trials/s'
    """
    rate = done / seconds if seconds else 0.0
    known = 0 < done <= total
    of = f" of {total:,}" if known else ""
    left = f", {_spelled((total - done) / rate)} left" if known and rate else ""
    speed = f"{float(f'{rate:.2g}'):,.0f}" if rate >= 10 else f"{rate:.2g}"
    return f"{name}: {done:,}{of} {unit}, {speed} {unit}/s{left}"


def _spelled(seconds: float) -> str:
    """Returns a time in the unit that suits it.

    >>> [_spelled(seconds) for seconds in (9.6, 150, 7200)]
    ['10 s', '2 min 30 s', '2 h 0 min']
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
