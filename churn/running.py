"""How does a run go, and how does it end?

One stage with its journal; whatever comes out of it becomes an exit code, words for a person and a line of facts.
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.command_errors import first_line
from churn.errors import ChurnError, ExitCode
from churn.journal import FOR_FILE, conclude, start_journal, tell
from churn.redaction import redacted
from churn.stopping import code_of, stoppable

if TYPE_CHECKING:
    from churn.reports.outcome import Outcome, Trial
    from churn.settings import Settings

log = logging.getLogger("churn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one job ended: `error` is the first line of what stopped it, `settings` are those it was parsed from.

    `end` is what a stage that was begun came to.
    """

    code: ExitCode
    error: str | None = None
    trial: Trial | None = None
    version: int | None = None
    unpromotable: str | None = None
    settings: dict[str, Any] | None = None
    end: Outcome | Exception | None = None


def run(settings: Settings) -> Ended:
    """Runs the stage with its journal, which ends with one line of facts."""
    from churn.settings.stages import reads_only

    path, started = settings.root / "logs" / f"{settings.run}.log", time.monotonic()
    journal = start_journal(path, keep=settings.keep_logs, reads_only=reads_only(settings.stage))
    facts: dict[str, object] = {
        "run": settings.run,
        "stage": settings.stage.name,
        "dataset": settings.dataset.name,
        "date": settings.date,
    }
    try:
        ended = _caught(settings, journal)
    except KeyboardInterrupt as stop:
        facts |= {"seconds": round(time.monotonic() - started, 3)}
        conclude(code_of(stop), "stopped", facts)
        raise
    seconds = time.monotonic() - started
    _follow(settings, ended, seconds=seconds)
    facts |= {"version": ended.version, "seconds": round(seconds, 3)}
    conclude(ended.code, ended.code.name.lower(), facts, error=ended.error)
    return ended


def _caught(settings: Settings, journal: Path) -> Ended:
    try:
        outcome = _of_stage(settings)
        return Ended(
            code=outcome.code,
            trial=outcome.trial,
            version=outcome.version,
            unpromotable=outcome.unpromotable,
            end=outcome,
        )
    except ChurnError as error:
        log.debug("stopped", exc_info=True)
        complain(error, journal)
        return Ended(code=error.exit_code, error=first_line(str(error)), end=error)
    except Exception as error:  # the one place where our bug becomes exit code 1
        log.critical("bug", exc_info=True, extra=FOR_FILE)
        _tell_bug(settings.stage.name, journal)
        return Ended(code=ExitCode.BUG, error=first_line(redacted(f"{type(error).__name__}: {error}")), end=error)


def _follow(settings: Settings, ended: Ended, *, seconds: float) -> None:
    if settings.is_scheduled and ended.end is not None:
        from churn.aftermath import follow
        from churn.gauges import LastRun

        follow(settings, ended.end, LastRun(code=ended.code, at=time.time(), seconds=seconds))


def _of_stage(settings: Settings) -> Outcome:
    from churn.reports.outcome import show
    from churn.stores.disk import is_of_disk, refused

    name = settings.stage.name
    try:
        with stoppable():
            outcome: Outcome = importlib.import_module(f"churn.stages.{name}").run(settings)
    except OSError as error:
        if is_of_disk(error):
            raise refused(error, where=f"stage={name}") from error
        raise
    return dataclasses.replace(outcome, code=show(outcome))


def complain(error: ChurnError, journal: Path | None = None) -> None:
    """Tells a person what stopped a command, and where its log is."""
    tell(f"error: {error}" + (f"\n  log: {journal}" if journal and journal.exists() else ""))


def _tell_bug(stage: str, journal: Path) -> None:
    last = redacted(traceback.format_exc().strip().splitlines()[-1])
    tell(f"bug in stage={stage}: {last}\n  do: report it with the log {journal}")
