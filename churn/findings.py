"""What does a check answer?

One of four answers, never a bare yes: a figure without its interval, limit, n and the smallest effect that it could
have seen cannot be judged a year later. A figure that cannot be computed is a failure, never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from churn.errors import DataError


class Answer(StrEnum):
    """The four answers of a gate or a drift check."""

    PASS = "pass"  # noqa: S105 - an answer, not a password
    WARN = "warn"
    FAIL = "fail"
    INSUFFICIENT = "insufficient evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's answer with its evidence.

    `figure`, `interval` and `limit` share one unit, named in `unit`; `n` counts rows; `smallest_effect` is the smallest
    deviation that `n` rows show with 80 % power (the unit of `figure`). None where a figure does not exist.

    Raises:
        DataError: a pass or a warning with a figure, an interval or a smallest effect that is no finite number.
    """

    check: str
    answer: Answer
    figure: float | None
    interval: tuple[float, float] | None
    limit: float | None
    n: int
    smallest_effect: float | None
    unit: str
    reason: str

    def __post_init__(self) -> None:
        numbers = (self.figure, *(self.interval or ()), self.smallest_effect)
        told = all(number is None or math.isfinite(number) for number in numbers)
        if self.answer in {Answer.PASS, Answer.WARN} and not told:
            found = f"{self.answer}, and a figure that cannot be computed: {self.reason}"
            raise DataError(where=f"check {self.check}", found=found, action="look for rows that hold no number")


_GRAVITY = (Answer.PASS, Answer.WARN, Answer.INSUFFICIENT, Answer.FAIL)


def worst(answers: Iterable[Answer]) -> Answer:
    """Returns the gravest answer; no answer at all is insufficient evidence.

    >>> worst([Answer.PASS, Answer.WARN])
    <Answer.WARN: 'warn'>
    >>> worst([])
    <Answer.INSUFFICIENT: 'insufficient evidence'>
    """
    return max(answers, key=_GRAVITY.index, default=Answer.INSUFFICIENT)
