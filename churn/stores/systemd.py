"""When is a calendar due, as systemd itself reckons it?

Asked of `systemd-analyze`, which needs no running systemd; where that program is missing nobody is asked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime

from churn.errors import SettingsError

_SECONDS = 30
_TIME = re.compile(r"(?:Next elapse|Iter\. #\d+): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


def due_after(moment: datetime, calendar: str, *, times: int, where: str) -> tuple[datetime, ...] | None:
    """Returns the next `times` times after a moment at which a calendar (a time zone at its end) is due, at UTC.

    None where the program is missing, or does not answer.

    Raises:
        SettingsError: systemd refuses the calendar, or it is never due again.
    """
    program = shutil.which("systemd-analyze")
    options = (f"--iterations={times}", f"--base-time={_spelled(moment)}", "--")
    ran = program and _asked([program, "calendar", *options, calendar])
    if not ran:
        return None
    if ran.returncode:
        said = (ran.stderr.strip() or "refused").splitlines()[-1]
        action = "systemd-analyze calendar tells how one is read; every night at 4:30 is *-*-* 04:30"
        raise SettingsError(where=where, found=said, action=action)
    found = tuple(datetime.fromisoformat(f"{text}+00:00") for text in _TIME.findall(ran.stdout))
    if not found:
        action = "choose one that comes again, such as *-*-* 04:30"
        raise SettingsError(where=where, found=f"{calendar!r} is never due again", action=action)
    return found


def _spelled(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _asked(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    environment = os.environ | {"TZ": "UTC", "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603 - a fixed program; the calendar is one word
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
