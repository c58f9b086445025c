"""Does drift last, or was it one night?

A single night that drifts may be chance, or a feed that came late; what holds on k of the last n nights, the last one
among them, is an alarm. Nights are days of the calendar: one that is not there is no drifted night.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from churn.errors import SettingsError
from churn.findings import Answer

MOST_NIGHTS = 30
"""So many nights are looked back on, the last one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightRule:
    """An alarm needs `k` failed nights of the last `n`, the last one included; n is 30 at most.

    Raises:
        SettingsError: k is not from 1 to n, or n is over 30.
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.n <= MOST_NIGHTS:
            action = f"choose k from 1 (every failed night alarms) to n, and n up to {MOST_NIGHTS}"
            raise SettingsError(where="stage.alarm", found=f"k={self.k}, n={self.n}", action=action)

    def alarms(self, answers: Sequence[Answer | None]) -> bool:
        """Returns whether the last of the nights, oldest first, is an alarm; None is a night that is not there.

        >>> rule = NightRule(k=2, n=3)
        >>> rule.alarms([Answer.FAIL, None, Answer.FAIL]), rule.alarms([Answer.FAIL, Answer.FAIL, Answer.PASS])
        (True, False)
        >>> rule.alarms([Answer.FAIL, None, None, Answer.FAIL])
        False
        """
        last = answers[-self.n :]
        return bool(last) and last[-1] is Answer.FAIL and last.count(Answer.FAIL) >= self.k

    def words(self, answers: Sequence[Answer | None]) -> str:
        """Returns the count behind `alarms` for a person.

        >>> NightRule(k=2, n=3).words([Answer.FAIL])
        '1 of the last 3 nights failed, an alarm is 2'
        """
        return f"{answers[-self.n :].count(Answer.FAIL)} of the last {self.n} nights failed, an alarm is {self.k}"


def nights_in_a_row(drifted: Sequence[Collection[str] | None], column: str) -> int:
    """Returns for how many nights up to the last one a column has drifted; `drifted` names those of each, oldest first.

    >>> nights_in_a_row([{"spend"}, None, {"spend"}, {"spend", "age"}], "spend")
    2
    """
    count = 0
    for names in reversed(drifted):
        if names is None or column not in names:
            break
        count += 1
    return count
