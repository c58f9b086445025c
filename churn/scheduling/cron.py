"""What does a crontab of the same meaning look like?

One line and one script a job. cron sends what a job prints, so a script prints nothing but what a failure said; and a
line of cron is short, so that everything else stands in the script.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from churn.errors import ExitCode
from churn.scheduling.calendar import require_simple
from churn.scheduling.plan import Plan, Task

_HEAD = "# Written by stage=schedule: change its settings and run it again, not this file.\n"
_STOP_SECONDS = 60
_STEP = """\
step() {{
  tries={tries}
  while :; do
    said=$(timeout -k {stop} {hours}h "$@" 2>&1) && code=0 || code=$?
    tries=$((tries - 1))
    case $code in
      {again}) [ "$tries" -gt 0 ] && sleep {delay} || break ;;
      *) break ;;
    esac
  done
  case $code in
    {well}) ;;
    *) printf '%s\\n' "$said" "exit code $code"; exit "$code" ;;
  esac
}}
"""


def crontab(plan: Plan) -> dict[str, str]:
    """Returns the text of the crontab, and of a script a job, by file name.

    Raises:
        SettingsError: a calendar is of a form that cron does not know.
    """
    scripts = {script(plan, task): "".join(_script(plan, task)) for task in plan.tasks}
    return {table(plan): "".join(_lines(plan)), **scripts}


def table(plan: Plan) -> str:
    """Returns the file name of the crontab."""
    return f"{plan.name}.crontab"


def script(plan: Plan, task: Task) -> str:
    """Returns the file name of a job's script."""
    return f"{plan.name}-{task.name}.sh"


def escaped(path: Path) -> str:
    r"""Returns a path as a word of cron's command: in the shell's quotes, since cron ends a command at a bare `%`.

    >>> print(escaped(Path("/srv/100 %/x.sh")))
    '/srv/100 \%/x.sh'
    """
    return shlex.quote(str(path)).replace("%", r"\%")


def _lines(plan: Plan) -> Iterator[str]:
    yield _HEAD
    yield f"CRON_TZ={plan.timezone}\n"
    if plan.service.mail_to:
        yield f"MAILTO={plan.service.mail_to}\n"
    for task in plan.tasks:
        due = require_simple(task.calendar, where=f"stage.jobs.{task.name}.calendar").cron()
        command = f"/bin/sh {escaped(plan.place.folder / script(plan, task))}"
        yield f"{due} {command}\n"
        if task.catches_up:
            yield f"@reboot {command}\n"


def _script(plan: Plan, task: Task) -> Iterator[str]:
    retry, code = plan.service.retry, ExitCode
    yield "#!/bin/sh\n"
    yield _HEAD
    yield "umask 027\n"
    yield f"cd {shlex.quote(str(plan.place.working))} || exit {code.SETTINGS}\n"
    for name, text in plan.variables.items():
        yield f"export {name}={shlex.quote(text)}\n"
    for name, path in plan.service.credentials.items():
        yield f"{name}=$(cat {shlex.quote(str(path))}) || exit {code.SETTINGS}\nexport {name}\n"
    yield _STEP.format(
        tries=retry.times + 1,
        stop=_STOP_SECONDS,
        hours=plan.service.timeout_hours,
        again=f"{code.TRY_AGAIN} | {code.LOCKED}",
        delay=retry.delay_minutes * 60,
        well=f"{code.OK} | {code.PROMOTION_REFUSED} | {code.DRIFT_ALARM}",
    )
    yield from (f"step {shlex.join(command)}\n" for command in task.commands)
