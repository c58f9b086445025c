"""What can a user run into, and what should they do about it?

Every deliberate stop is a `ChurnError` that says where it happened, what was found and what to do, and carries its
process exit code. Anything else that escapes is our bug (exit code 1).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum
from typing import ClassVar, Self

from churn.redaction import redacted


class ExitCode(IntEnum):
    """How a run ended, as the process tells its caller (systemd, cron, CI)."""

    OK = 0
    BUG = 1
    SETTINGS = 2
    DATA = 3
    PROMOTION_REFUSED = 4
    DRIFT_ALARM = 5
    LOCKED = 6
    TRY_AGAIN = 75


_MOST_NAMES = 40
_GRAVITY = tuple(ExitCode(code) for code in (1, 2, 3, 75, 6, 4, 5, 0))


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """Returns what several ends are told as: the gravest of their exit codes; none at all ended well.

    >>> gravest([ExitCode.DRIFT_ALARM, ExitCode.TRY_AGAIN, ExitCode.DATA]).name
    'DATA'
    >>> gravest([]).name
    'OK'
    """
    return min(codes, key=_GRAVITY.index, default=ExitCode.OK)


class ChurnError(Exception):
    """A deliberate stop: where, what was found, what to do; without the secrets that a library may have put there.

    >>> print(DataError(where="raw/payments", found="no file", action="load the day, then run again"))
    raw/payments: no file
      do: load the day, then run again
    """

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, *, where: str, found: str, action: str) -> None:
        self.where, self.found, self.action = map(redacted, (where, found, action))
        super().__init__(f"{self.where}: {self.found}\n  do: {self.action}")

    def __reduce__(self) -> tuple[object, ...]:
        """Returns how an error that was met in another process is made again in this one."""
        return _again, (type(self), self.where, self.found, self.action)

    def adding(self, text: str) -> Self:
        """Returns the same stop with something more to say.

        >>> print(DataError(where="raw/payments", found="no file", action="load it").adding("the scores stand"))
        raw/payments: no file
          do: load it; the scores stand
        """
        return type(self)(where=self.where, found=self.found, action=f"{self.action}; {text}")


def _again(kind: type[ChurnError], where: str, found: str, action: str) -> ChurnError:  # noqa: PLR0917 - as pickled
    return kind(where=where, found=found, action=action)


class SettingsError(ChurnError):
    """The command line or a YAML file asks for something that does not exist."""

    exit_code = ExitCode.SETTINGS


class DataError(ChurnError):
    """The data are not what the contract, the SQL or the date promise."""

    exit_code = ExitCode.DATA


class LockedError(ChurnError):
    """Another run is at work on the same partition."""

    exit_code = ExitCode.LOCKED


class TryAgainError(ChurnError):
    """The outside world (disk, registry, network) failed; the same command may pass later."""

    exit_code = ExitCode.TRY_AGAIN


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Returns the nearest known name, or the first 40 where none is near, as the end of a sentence.

    >>> did_you_mean("scor", ["score", "train"])
    "did you mean 'score'?"
    >>> did_you_mean("zzz", ["score", "train"])
    'there are: score, train'
    """
    names = sorted(known)
    near = difflib.get_close_matches(found, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"there are: {', '.join(names[:_MOST_NAMES])}{more}"
