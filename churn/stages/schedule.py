"""Writes systemd's units, or a crontab, that run the commands by themselves, and says how to install them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from churn.doors import Doors
from churn.reports.outcome import Outcome, Table
from churn.scheduled import next_times, plan_of, program
from churn.scheduling import cron, systemd
from churn.scheduling.plan import Plan
from churn.settings import Settings
from churn.settings.operation import ScheduleStage
from churn.stores.disk import disk_errors
from churn.stores.whole import whole_file

_OURS = {".service", ".timer", ".sh", ".crontab"}


def run(settings: Settings) -> Outcome:
    """Writes the schedule's files whole, and returns the commands that install them and when each job is due next."""
    stage, doors = settings.stage_as(ScheduleStage), Doors(settings)
    plan = plan_of(settings)
    due = next_times(settings, plan)
    files = systemd.units(plan) if stage.kind == "systemd" else cron.crontab(plan)
    partition = doors.partition("schedule")
    with doors.lake.lock(partition), disk_errors(partition):
        _write(plan.place.folder, files)
        left = _left_over(plan, files)
    install = _units(plan) if stage.kind == "systemd" else _crontab(plan, stage)
    return Outcome(
        headline=f"schedule {settings.dataset.name}: {len(files)} files of {stage.kind} in {plan.place.folder}",
        figures={**install, **_put_away(left)},
        table=_table(plan, due),
    )


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes the files so that everybody can read them: they hold no secret, and another may be to run them."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    for name, text in files.items():
        with whole_file(folder / name) as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text.encode())


def _left_over(plan: Plan, files: Mapping[str, str]) -> list[Path]:
    """Returns what an earlier schedule of that name wrote and this one did not; it may be installed still."""
    there = sorted(plan.place.folder.glob(f"{plan.name}[-.]*"))
    return [path for path in there if path.suffix in _OURS and path.name not in files]


def _units(plan: Plan) -> dict[str, str]:
    services = [name for task in plan.tasks for name in systemd.services(plan, task)]
    timers = [systemd.timer(plan, task) for task in plan.tasks]
    paths = [str(plan.place.folder / name) for name in (*services, *timers)]
    return {
        "install": f"sudo systemctl link {shlex.join(paths)}",
        "start": f"sudo systemctl enable --now {shlex.join(timers)}",
        "after a change": "sudo systemctl daemon-reload",
        "runs as": plan.user,
        "network": "reached" if plan.place.network else "shut off: nothing in the settings is on it",
    }


def _crontab(plan: Plan, stage: ScheduleStage) -> dict[str, str]:
    whose = f"sudo crontab -u {plan.user}" if stage.service.user else "crontab"
    zone = f"{plan.timezone}, where cron reads CRON_TZ (cronie); Debian's cron takes the machine's own"
    return {
        "install": f"{whose} - < {shlex.quote(str(plan.place.folder / cron.table(plan)))}",  # it cuts off a long name
        "it replaces": f"the whole crontab of {plan.user}: look first with {whose} -l",
        "time zone": zone,
        "memory": "cron sets no limit" if stage.service.memory else "no limit",
    }


def _put_away(left: Iterable[Path]) -> dict[str, str]:
    paths = [*left]
    if not paths:
        return {}
    timers = [path.name for path in paths if path.suffix == ".timer"]
    stop = f"sudo systemctl disable --now {shlex.join(timers)}; " if timers else ""
    return {"of an earlier schedule": f"{stop}rm {shlex.join(map(str, paths))}"}


def _table(plan: Plan, due: Mapping[str, datetime | None]) -> Table:
    rows = ((task.name, task.calendar, _spelled(due[task.name]), _steps(task.commands)) for task in plan.tasks)
    return Table(header=("job", f"calendar ({plan.timezone})", "next run (UTC)", "commands"), rows=tuple(rows))


def _spelled(moment: datetime | None) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M}" if moment else "systemd-analyze, which is not here, could tell"


def _steps(commands: Iterable[tuple[str, ...]]) -> str:
    return ", then ".join(" ".join(command[len(program()) :]) for command in commands)
