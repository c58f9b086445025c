"""What is sent of a run's end, and what if it does not leave at once?

A try that may succeed later (a time-out, a server that is busy) is made again; a refusal is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a person is told: a line, a text, and the same in fields that JSON knows; `run` makes it one of a kind."""

    run: str
    subject: str
    text: str
    fields: dict[str, Any]


class Unsent(Exception):  # noqa: N818 - a notice's state, and never a run's
    """A notice that did not leave; `again` where another try may help."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


def refused_by_network(error: BaseException) -> Unsent:
    """Returns what went wrong in words that repeat nothing of an address, which may be a secret."""
    reason = getattr(error, "reason", error)
    text = getattr(reason, "strerror", None)
    why = f"{type(reason).__name__}: {text}" if text else type(error).__name__
    return Unsent(why, again=isinstance(error, OSError))


def send(channel: Callable[[Notice, float], None], notice: Notice, *, within_seconds: float) -> None:
    """Hands a notice to a channel, which is given the seconds that it may wait for each answer; thrice at the most.

    Raises:
        Unsent: it was refused, or no try came through.
    """
    for count in range(1, _TRIES + 1):
        try:
            channel(notice, within_seconds / (_TRIES + 1))
        except Unsent as error:
            if not error.again or count == _TRIES:
                raise
            time.sleep(within_seconds * count / 30)
        else:
            return
