"""How does a run end that is told to (SIGTERM: by systemd, or when the machine goes down)?

As by Ctrl-C: what is half made goes, what was published stays. A library may turn the interruption into an error of its
own on the way, which says nothing of the run: what comes out is the stop.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TERMINATED = 128 + signal.SIGTERM
"""As a shell tells it; the process itself ends by the signal, so that systemd does not try it again."""
INTERRUPTED = 128 + signal.SIGINT
_told = threading.Event()


class Stopped(KeyboardInterrupt):
    """The run was told to end."""


def code_of(stop: KeyboardInterrupt) -> int:
    """Returns the exit code of a command that was stopped: by Ctrl-C, or told to end."""
    return TERMINATED if isinstance(stop, Stopped) else INTERRUPTED


@contextmanager
def stoppable() -> Iterator[None]:
    """Ends its body where SIGTERM comes; in another thread than the main one it does nothing.

    Raises:
        Stopped: it came, whatever error that became on its way.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _told.clear()
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
        require_going_on()
    except Exception as error:
        require_going_on(error)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def require_going_on(error: Exception | None = None) -> None:
    """Returns nothing where the run was not told to end; for those who would go on after an error.

    Raises:
        Stopped: it was.
    """
    if _told.is_set():
        raise Stopped from error


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would cut the tidying short
    _told.set()
    raise Stopped
