"""Where does a run write what it did?

Log lines go to standard error, and all of them with tracebacks to a file, which is made when there is something to say.
Secrets are taken out of both.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from churn.redaction import redacted


def start_journal(path: Path) -> Path:
    """Sends the package's log lines to standard error and to the file at `path`, and returns that path."""
    log = logging.getLogger("churn")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr), _LateFile(path)]
    handlers[0].setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(_Redacting("%(asctime)s %(levelname)s %(message)s"))
    for old in log.handlers[:]:
        log.removeHandler(old)
        old.close()
    for handler in handlers:
        log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    return path


@contextmanager
def unwritten() -> Iterator[None]:
    """Keeps what its body logs from the file: for a stage that leaves no trace under the root."""
    log = logging.getLogger("churn")
    files = [handler for handler in log.handlers if isinstance(handler, _LateFile)]
    for file in files:
        log.removeHandler(file)
    try:
        yield
    finally:
        for file in files:
            log.addHandler(file)


class _Redacting(logging.Formatter):
    """Lines and tracebacks without secrets, whatever a library put there."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _LateFile(logging.FileHandler):
    """A log file whose folder is made with its first line, so that a command that logs nothing leaves nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, delay=True)
        self._folder = path.parent

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Says nothing: a log that cannot be written must not hide the error that is being told."""
