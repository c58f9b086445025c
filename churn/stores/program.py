"""How is a program of the user's run, so that nothing it does can take a night along?

Without a shell, in a process group of its own that is killed as a whole when its time is up, with nothing to read.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_TOLD = 500  # characters of what it said last


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended: its exit code (None: it could not be started, or was killed when its time was up), in words."""

    code: int | None
    words: str

    @property
    def is_well(self) -> bool:
        """Whether it did what it was to do."""
        return self.code == 0


def run_program(command: Sequence[str], *, variables: Mapping[str, str], timeout_seconds: int) -> Ended:
    """Returns how a program ended that was given more environment variables.

    >>> run_program(["false"], variables={}, timeout_seconds=60)
    Ended(code=1, words='false ended with exit code 1')
    """
    name = command[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, from the user's own settings
            list(command),
            env=os.environ | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Ended(code=None, words=f"{name} could not be started: {error.strerror or error}")
    return _awaited(process, name, timeout_seconds)


def _awaited(process: subprocess.Popen[str], name: str, timeout_seconds: int) -> Ended:
    try:
        said, _ = process.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        return Ended(code=None, words=f"{name} was killed after {timeout_seconds:,} seconds")
    except BaseException:
        _kill(process)
        raise
    last = f": {said.strip()[-_TOLD:]}" if said.strip() else ""
    return Ended(code=process.returncode, words=f"{name} ended with exit code {process.returncode}{last}")


def _kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
