"""How is a program of the user's run, so that nothing it does can take a night along?

Without a shell, in a process group of its own that is killed as a whole when its time is up, with nothing to read.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_TOLD = 500  # bytes of what it said last
_KILLED_WITHIN = 10  # seconds
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

    >>> run_program(["false"], variables={}, timeout_seconds=60)
    Ended(code=1, words='false ended with exit code 1', is_cut_off=False)
    """
    name = command[0]
    try:
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(  # noqa: S603 - the user's own command, from the user's own settings
                list(command),
                env=os.environ | dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            ended = _awaited(process, name, timeout_seconds)
            _tell(said, name)
            return ended
    except OSError as error:
        return Ended(code=None, words=f"{name} could not be started: {error.strerror or error}")


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


def _tell(said: IO[bytes], name: str) -> None:
    """Logs the end of what a program said, which may be anything; it stands in no record."""
    length = said.seek(0, os.SEEK_END)
    said.seek(max(0, length - _TOLD))
    last = said.read().decode(errors="replace").strip()
    if last:
        log.info("%s said at its end: %s", name, last)
