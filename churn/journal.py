"""Where does a run write what it did?

Log lines go to standard error, and all of them with tracebacks to a file under `logs/`, of which the newest are kept.
On a terminal a line below them shows how far a long step is. What is for machines (how far, now and then, and how the
run ended) is left out there. For systemd's journal every line carries its priority, so that `journalctl -p warning`
finds it. Secrets are taken out.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from churn.redaction import redacted

FOR_MACHINES = {"audience": "machines"}
"""What marks (`extra`) a line that a person at a terminal is not shown."""
FOR_FILE = {"audience": "file"}
"""What marks a line of the file alone."""
_RUNS = "????????T??????-*-*.log"
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_COLUMNS = 80
_PLAIN = re.compile(r"[^\s\"=]+")
log = logging.getLogger("churn")


def start_journal(path: Path, *, keep: int, reads_only: bool = False) -> Path:
    """Sends the package's log lines to standard error and to the file at `path`, and returns that path.

    The newest `keep` files of its folder stay. A run that `reads_only` leaves no file, but of a bug.
    """
    handlers: list[logging.Handler] = [Screen(sys.stderr), _LateFile(path, keep=keep)]
    handlers[0].setLevel(logging.INFO)
    handlers[1].setLevel(logging.CRITICAL if reads_only else logging.DEBUG)
    handlers[1].setFormatter(_Redacting(_FORMAT))
    for old in log.handlers[:]:
        log.removeHandler(old)
        old.close()
    for handler in handlers:
        log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    return path


def screen() -> Screen | None:
    """Returns standard error as this run's journal writes to it; None where no journal was started."""
    return next((handler for handler in log.handlers if isinstance(handler, Screen)), None)


def tell(text: str) -> None:
    """Prints on standard error what ended a run, for a person."""
    shown = screen()
    if shown:
        shown.draw("")
    with suppress(OSError):  # what nobody hears changes no exit code
        print(_with_priority(redacted(text), logging.ERROR, sys.stderr), file=sys.stderr)  # noqa: T201


def conclude(code: int, end: str, facts: Mapping[str, object], *, error: str | None = None) -> None:
    """Writes how a run ended as one line of `key=value`, with rows and seconds of each long step."""
    shown = screen()
    steps = shown.steps if shown else {}
    line = as_line({**facts, "code": int(code), "end": end, **steps, "error": error})
    log.log(logging.WARNING if code else logging.INFO, line, extra=FOR_MACHINES)


def as_line(facts: Mapping[str, object]) -> str:
    r"""Returns facts as one line in which a value stands in quotes where it needs them (logfmt); None is left out.

    >>> print(as_line({"stage": "score", "rows": 8000, "version": None, "error": 'no "x"\n'}))
    stage=score rows=8000 error="no \"x\"\n"
    """
    return " ".join(f"{key}={_value(str(fact))}" for key, fact in facts.items() if fact is not None)


def _value(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class Screen(logging.StreamHandler[TextIO]):
    """Standard error; `steps` are rows and seconds of the long steps that ended, for the run's last line."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(_Redacting(_FORMAT))
        self.is_terminal = stream.isatty()
        self.draws = self.is_terminal and _is_first_process()
        self.steps: dict[str, float] = {}
        self._drawn = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Says whether a line is for whoever looks here."""
        audience = getattr(record, "audience", None)
        return audience is None or (audience == "machines" and not self.is_terminal)

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, with its priority where systemd reads it."""
        return _with_priority(super().format(record), record.levelno, self.stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line above the one that is drawn."""
        drawn = self._drawn
        self.draw("")
        super().emit(record)
        self.draw(drawn)

    def draw(self, text: str) -> None:
        """Draws a line over the one before it, cut to the terminal; an empty one clears it. Elsewhere nothing."""
        if not self.draws or text == self._drawn:
            return
        with self.lock or nullcontext(), suppress(OSError, ValueError):  # the terminal is gone
            text = text[: self._columns - 1]
            rest = " " * (len(self._drawn) - len(text))
            self.stream.write(f"\r{text}{rest}" + ("" if text else "\r"))
            self.stream.flush()
            self._drawn = text

    @property
    def _columns(self) -> int:
        return os.get_terminal_size(self.stream.fileno()).columns or _COLUMNS


def _is_first_process() -> bool:
    """Says whether this is no worker of a sweep: several that draw on one line would write over each other."""
    workers = sys.modules.get("multiprocessing.process")
    return workers is None or workers.parent_process() is None


def _with_priority(text: str, level: int, stream: TextIO) -> str:
    if not _is_journal(stream):
        return text
    return "\n".join(f"<{_PRIORITIES.get(level, 6)}>{line}" for line in text.splitlines())


def _is_journal(stream: TextIO) -> bool:
    """Says whether systemd's journal reads a stream: its children inherit the variable, wherever they write to."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class _Redacting(logging.Formatter):
    """Lines and tracebacks without secrets, whatever a library put there."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _LateFile(logging.FileHandler):
    """A log file that is made with its first line, when the oldest ones go, and is locked while it is written."""

    def __init__(self, path: Path, *, keep: int) -> None:
        super().__init__(path, delay=True)
        self._folder, self._keep = path.parent, keep

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def _open(self) -> TextIOWrapper:
        self._folder.mkdir(parents=True, exist_ok=True)
        stream = super()._open()
        with suppress(OSError):  # a file system without locks
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        _drop_oldest(self._folder, keep=self._keep)
        return stream

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Says nothing: a log that cannot be written must not hide the error that is being told."""


def is_written(log_file: Path) -> bool:
    """Says whether a process has a log open to write to it; True, too, of one that cannot be looked into."""
    try:
        with log_file.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except OSError:
        return True


def _drop_oldest(folder: Path, *, keep: int) -> None:
    """Deletes all logs of runs but the newest, by their names, and but those that a process has open."""
    for old in sorted(folder.glob(_RUNS))[:-keep]:
        with suppress(OSError), old.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old.unlink()
