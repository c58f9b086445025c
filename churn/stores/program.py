"""How is a program of the user's run, so that nothing it does can take a night along?

Without a shell, in a process group of its own that is killed as a whole when its time is up, with nothing to read.
What it says is read as it comes, and the end of it alone is kept: no program fills a disk or the memory by talking.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_TOLD = 500  # bytes of what it said last
_AT_ONCE = 2**16  # bytes
_KILLED_WITHIN = 10  # seconds
_HEARD_WITHIN = 1  # seconds; what it left running may hold its output open
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended: its exit code (None: it could not be started, or `is_cut_off` when its time was up), in words."""

    code: int | None
    words: str
    is_cut_off: bool = False

    @property
    def is_well(self) -> bool:
        """Whether it did what it was to do."""
        return self.code == 0


def run_program(command: Sequence[str], *, variables: Mapping[str, str], timeout_seconds: int) -> Ended:
    """Returns how a program ended that was given more environment variables.

    What it leaves running has to write elsewhere: nobody reads on once the run has ended.

    >>> run_program(["false"], variables={}, timeout_seconds=60)
    Ended(code=1, words='false ended with exit code 1', is_cut_off=False)
    """
    name = command[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, from the user's own settings
            list(command),
            env=os.environ | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return Ended(code=None, words=f"{name} could not be started: {error.strerror or error}")
    said = _Said(process.stdout)
    ended = _awaited(process, name, timeout_seconds)
    said.tell(name)
    return ended


def _awaited(process: subprocess.Popen[bytes], name: str, timeout_seconds: int) -> Ended:
    try:
        code = process.wait(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        return Ended(code=None, words=f"{name} was killed after {timeout_seconds:,} seconds", is_cut_off=True)
    except BaseException:
        _kill(process)
        raise
    return Ended(code=code, words=f"{name} ended with exit code {code}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):  # one of another user cannot be killed
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):  # nor is one waited for that hangs in the kernel
        process.wait(timeout=_KILLED_WITHIN)


class _Said:
    """What comes out of a program, read to its end in a thread of its own: the last bytes, and how many there were."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._last, self._bytes = b"", 0
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes] | None) -> None:
        if pipe is None:
            return
        with pipe:
            while chunk := os.read(pipe.fileno(), _AT_ONCE):
                self._last, self._bytes = (self._last + chunk)[-_TOLD:], self._bytes + len(chunk)

    def tell(self, name: str) -> None:
        """Logs the end of it, which may be anything and stands in no record, and how much more there was."""
        self._thread.join(timeout=_HEARD_WITHIN)
        last = self._last.decode(errors="replace").strip()
        cut = f" (the last {_TOLD} of {self._bytes:,} bytes, the others are not kept)" if self._bytes > _TOLD else ""
        if last:
            log.info("%s said at its end%s: %s", name, cut, last)
