"""What does the schedule of these settings need of the machine, and when is each job due?

What may be written, whether a home, /tmp or the network has to be seen: read off the settings, so that nobody has to
keep a second list of it.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from churn.errors import SettingsError, did_you_mean
from churn.places import HERE, IS_INSTALLED, named_conf, one_file
from churn.scheduling.calendar import require_simple, simple
from churn.scheduling.plan import Place, Plan, Task, bytes_of, check_names, check_timezone, words
from churn.settings import Settings
from churn.settings.operation import ScheduleStage
from churn.stores.sinks.csv_text import CsvFile
from churn.stores.sinks.duckdb_file import DuckdbTable
from churn.stores.systemd import due_after
from churn.usage import options

_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))
_TEMPORARY = tuple(map(Path, ("/tmp", "/var/tmp")))  # noqa: S108 - a service has its own there, where it may
_ON_NETWORK = ("s3", "postgres")


def plan_of(settings: Settings) -> Plan:
    """Returns what is to be written, with whole commands, for the folder, the program and the user of this run.

    Raises:
        SettingsError: a name, an account, a time zone, a step, a memory figure or a text that would not be taken.
    """
    stage = settings.stage_as(ScheduleStage)
    check_names(stage.prefix, stage.jobs)
    check_timezone(stage.timezone)
    _check_memory(settings, stage)
    tasks = tuple(
        Task(name=name, calendar=job.calendar, commands=tuple(_command(settings, step) for step in job.steps))
        for name, job in stage.jobs.items()
    )
    plan = Plan(
        name=f"{stage.prefix}-{settings.dataset.name}",
        timezone=stage.timezone,
        user=_account(stage.service.user),
        service=stage.service,
        tasks=tasks,
        place=_place(settings, stage),
        variables={"CHURN_ROOT": str(settings.root), **_found_by(settings), **stage.service.variables},
    )
    _check_lines(plan)
    return plan


def _account(named: str | None) -> str:
    try:
        return (pwd.getpwnam(named) if named else pwd.getpwuid(os.getuid())).pw_name
    except KeyError as error:
        if named is None:  # a container's user may have no name
            return str(os.getuid())
        where, found = "stage.service.user", f"no account {named!r} on this machine"
        raise SettingsError(where=where, found=found, action="make it (useradd --system), or name another") from error


def next_times(settings: Settings, plan: Plan) -> dict[str, datetime | None]:
    """Returns when each job is due next, at UTC; None where only a systemd that is not here could tell.

    Raises:
        SettingsError: a calendar that systemd (of kind=cron: cron) does not take, or one that comes so often that the
            tries of a job would be used up by its own calendar.
    """
    stage = settings.stage_as(ScheduleStage)
    began = datetime.strptime(settings.run.partition("-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)  # a run's name
    return {task.name: _next(task, stage, began) for task in plan.tasks}


def _next(task: Task, stage: ScheduleStage, began: datetime) -> datetime | None:
    where, retry = f"stage.jobs.{task.name}.calendar", stage.service.retry
    known = require_simple(task.calendar, where=where) if stage.kind == "cron" else simple(task.calendar)
    due = due_after(began, f"{task.calendar} {stage.timezone}", times=retry.times + 2, where=where)
    if due and stage.kind == "systemd":
        hours = (due[-1] - due[0]).total_seconds() / 3600
        if len(due) == retry.times + 2 and hours < retry.within_hours:
            found = f"{task.calendar!r} is due {len(due)} times within {hours:.3g} hours"
            action = f"set stage.service.retry.within_hours under that: systemd allows {retry.times + 1} starts in it"
            raise SettingsError(where=where, found=found, action=action)
    if due is None:
        return known.next_after(began, ZoneInfo(stage.timezone)) if known else None
    return due[0]


def _command(settings: Settings, step: str) -> tuple[str, ...]:
    given = words(step)
    for name in (word.partition("=")[2] for word in given if word.startswith("stage=")):
        if name not in options("stage"):
            found = f"the step {step!r}: no such stage"
            raise SettingsError(where="stage.jobs", found=found, action=did_you_mean(name, options("stage")))
    named = any(word.startswith("dataset=") for word in given)
    ours = [] if named else [f"dataset={settings.dataset.name}"]
    ours += ["--config-dir", str(settings.own)] if settings.own and named_conf(given) is None else []
    return (*program(), *given, *ours)


def program() -> tuple[str, ...]:
    """Returns what starts churn as it was started now: the one file that it came in, or this Python."""
    file = one_file()
    return (str(file),) if file else (sys.executable, "-m", "churn")


def _found_by(settings: Settings) -> dict[str, str]:
    """Returns the variable that says where a checkout stands, or where the one file may be unpacked."""
    if one_file():
        return {"PEX_ROOT": str(settings.root / ".pex")}
    return {} if IS_INSTALLED else {"PYTHONPATH": str(HERE.parent)}


def _code() -> tuple[Path, ...]:
    file, python = one_file(), Path(sys.executable)
    return (file, python.resolve()) if file else (HERE, python, python.resolve())


def _check_memory(settings: Settings, stage: ScheduleStage) -> None:
    """DuckDB's part alone may take as much as it is allowed, and a job has more to hold than that."""
    limit = stage.service.memory_bytes
    if limit is not None and limit <= bytes_of(settings.resources.memory):
        found = f"{stage.service.memory}, and resources.memory={settings.resources.memory} is DuckDB's part of it"
        action = "choose more, or less for DuckDB in the steps and here: resources.memory=2GB"
        raise SettingsError(where="stage.service.memory", found=found, action=action)


def _place(settings: Settings, stage: ScheduleStage) -> Place:
    writable = tuple(dict.fromkeys(path.absolute() for path in _written(settings)))
    own = [settings.own] if settings.own else []
    seen = [*writable, *_code(), Path.cwd(), *own, *_read(settings)]
    network = stage.service.network
    return Place(
        working=Path.cwd(),
        folder=settings.root / stage.folder,
        writable=writable,
        sees_home=_any_in(_HOMES, seen),
        sees_tmp=_any_in(_TEMPORARY, seen),
        network=_on_network(settings) if network is None else network,
    )


def _written(settings: Settings) -> Iterator[Path]:
    """Yields the root, and what settings name outside of it: a place to spill to, sinks on this machine, metrics."""
    named = [settings.root, settings.root / settings.resources.spill]
    for sink in settings.dataset.sinks.values():
        named += [sink.folder] if isinstance(sink, CsvFile) else []
        named += [sink.path.parent] if isinstance(sink, DuckdbTable) else []
    named += [settings.root / settings.metrics.folder] if settings.metrics.folder else []
    scheme, _, path = (settings.registry.uri or "").partition(":///")
    named += [Path(path).parent] if scheme == "sqlite" else []
    outside = [path for path in named[1:] if not path.absolute().is_relative_to(settings.root)]
    yield from (settings.root, *outside)


def _read(settings: Settings) -> Iterator[Path]:
    for table in settings.dataset.tables.values():
        path = str(getattr(table, "path", ""))
        if path and "://" not in path:
            yield Path(path).absolute()


def _on_network(settings: Settings) -> bool:
    named = [*settings.dataset.tables.values(), *settings.dataset.sinks.values()]
    remote = any(one.kind in _ON_NETWORK or str(getattr(one, "path", "")).startswith("s3://") for one in named)
    uri, notices = settings.registry.uri, settings.notify.webhook or bool(settings.notify.mail.to)
    return remote or notices or (uri is not None and not uri.startswith("sqlite:"))


def _any_in(folders: Iterable[Path], paths: Iterable[Path]) -> bool:
    found = [*paths]
    return any(path.is_relative_to(folder) for path in found for folder in folders)


def _check_lines(plan: Plan) -> None:
    """A line that breaks would be a setting of its own in a unit, or a job of its own in a crontab."""
    commands = [word for task in plan.tasks for command in task.commands for word in (task.calendar, *command)]
    paths = [plan.place.working, plan.place.folder, *plan.place.writable, *plan.service.credentials.values()]
    broken = [text for text in (*commands, *plan.variables.values(), *map(str, paths)) if not text.isprintable()]
    if broken:
        action = "write it without line breaks and control characters"
        raise SettingsError(where="stage=schedule", found=f"{broken[0]!r} cannot stand in one line", action=action)
