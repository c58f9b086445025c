"""What did one check of the machine find?

One of three states, with what was found and what mends it. A check that cannot be made is no `ok`: where the world does
not tell it is a warning, where we err it is a bug, and the others are made all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from churn.errors import ChurnError, ExitCode


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A check's state, what was found (figures with their unit), the command that mends it, the exit code of a fail."""

    state: State
    found: str
    mend: str = ""
    code: ExitCode = ExitCode.OK


def ok(found: str) -> Checked:
    """Returns that nothing is amiss."""
    return Checked(state=State.OK, found=found)


def warn(found: str, mend: str) -> Checked:
    """Returns what a person should know, and what no night is lost by."""
    return Checked(state=State.WARN, found=found, mend=mend)


def fail(found: str, mend: str, code: ExitCode = ExitCode.DATA) -> Checked:
    """Returns what a night will be lost by, and the exit code that it would end with."""
    return Checked(state=State.FAIL, found=found, mend=mend, code=code)


def made(check: Callable[[], Checked]) -> Checked:
    """Returns what a check found; of one that stopped why, so that the others are still made.

    >>> from churn.errors import TryAgainError
    >>> def stopped() -> Checked:
    ...     raise TryAgainError(where="raw/payments", found="no answer", action="start the server")
    >>> made(stopped).found, made(stopped).mend, made(stopped).code.name
    ('raw/payments: no answer', 'start the server', 'TRY_AGAIN')
    >>> made(lambda: ok(str(1 / 0))).found
    'the check could not be made: ZeroDivisionError: division by zero'
    """
    try:
        return check()
    except ChurnError as error:
        return fail(f"{error.where}: {error.found}", error.action, error.exit_code)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        found = f"the check could not be made: {error.strerror or error}{place}"
        return fail(found, "make it readable to this user", ExitCode.TRY_AGAIN)
    except Exception as error:  # noqa: BLE001 - a bug in one check must not hide what the others find
        found = f"the check could not be made: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return fail(found, "report it: this is a bug of ours", ExitCode.BUG)
