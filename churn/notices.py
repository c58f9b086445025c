"""Who is told of a run's end that calls for a person, and in which words?

The run's own words, that quote no row; the values of variables whose names look secret are taken out of them.
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable
from pathlib import Path

from churn.errors import ChurnError, ExitCode
from churn.redaction import redacted
from churn.reports.outcome import Outcome, text_table
from churn.settings import Settings
from churn.stores.notice import Notice
from churn.stores.webhook import post

_NOBODYS = (ExitCode.OK, ExitCode.LOCKED)
"""Ends that call for nobody: well, and another run is at work, which tells of its own."""
_VERDICTS = (ExitCode.PROMOTION_REFUSED, ExitCode.DRIFT_ALARM)
_LONGEST = 8_000


def channels(settings: Settings) -> dict[str, Callable[[Notice, float], None]]:
    """Returns what notices go out by, by name; nothing where the settings name nobody."""
    notify = settings.notify
    return {
        **({"webhook": post} if notify.webhook else {}),
        **({"mail": notify.mail.send} if notify.mail.to else {}),
    }


def notice_of(settings: Settings, end: Outcome | Exception, code: ExitCode) -> Notice | None:
    """Returns what is told of an end: a failure, or a verdict that calls for a person; None where it calls for none."""
    if code in _NOBODYS:
        return None
    stage, dataset, means = settings.stage.name, settings.dataset.name, code.name.lower().replace("_", " ")
    machine, log = socket.gethostname(), settings.root / "logs" / f"{settings.run}.log"
    words = redacted(_words(end))[:_LONGEST]
    return Notice(
        run=settings.run,
        subject=f"churn {dataset} {stage}: {means} (exit code {int(code)})",
        text=f"{words}\n\nrun: {settings.run} on {machine}\nlog: {log}\n",
        fields={
            "kind": "verdict" if code in _VERDICTS else "failure",
            "dataset": dataset,
            "stage": stage,
            "date": settings.date,
            "exit_code": int(code),
            "means": means,
            "run": settings.run,
            "machine": machine,
        },
    )


def _words(end: Outcome | Exception) -> str:
    if isinstance(end, Outcome):
        figures = [f"  {name}: {figure}" for name, figure in end.figures.items()]
        return "\n".join([end.headline, *figures, *([text_table(end.table)] if end.table else [])])
    if isinstance(end, ChurnError):
        return str(end)
    last = traceback.extract_tb(end.__traceback__)[-1:]  # a bug's own words may quote a row
    place = "".join(f", {Path(frame.filename).name}, line {frame.lineno}" for frame in last)
    return f"a bug: {type(end).__name__}{place}\n  do: report it with the log"
