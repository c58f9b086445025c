"""Looks for all that would break the next night, and says what mends it; writes nothing (exit code 3, or the gravest).

Every check is made, whatever the others find. What is found stands first, with the command that mends it below.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from churn.checks import feeds, files, machine, registry, versions
from churn.checks.checked import Checked, State, made
from churn.checks.reading import reading
from churn.doors import Doors
from churn.errors import gravest
from churn.reports.outcome import Outcome, Table
from churn.retention import PARTITIONS
from churn.settings import Settings
from churn.settings.operation import DoctorStage
from churn.stores import host


def run(settings: Settings) -> Outcome:
    """Returns a figure a check (state and what was found), what mends those that are not ok, the gravest exit code."""
    with reading(settings) as doors:
        found = {name: made(check) for name, check in _checks(doors).items()}
    count = {state: sum(one.state is state for one in found.values()) for state in State}
    counts = ", ".join(f"{count[state]} {state}" for state in State)
    return Outcome(
        code=gravest(one.code for one in found.values()),
        headline=f"doctor {settings.dataset.name}: {len(found)} checks of {settings.root}: {counts}",
        figures={name: f"{one.state:<4}  {one.found}" for name, one in found.items()},
        table=_to_mend(found),
    )


def _to_mend(found: Mapping[str, Checked]) -> Table | None:
    rows = tuple((name, one.state, one.mend) for name, one in found.items() if one.state is not State.OK)
    return Table(header=("to mend", "state", "do"), rows=rows) if rows else None


def _checks(doors: Doors) -> dict[str, Callable[[], Checked]]:
    """Returns the checks by name, in the order in which they are told."""
    settings, stage = doors.settings, doors.settings.stage_as(DoctorStage)
    tables, root = settings.dataset.tables, settings.root
    return {
        "python": versions.check_python,
        "libraries": versions.check_libraries,
        "root": partial(files.check_root, root, os.geteuid(), sources=Path(settings.dataset.folder)),
        "modes": partial(files.check_modes, root, shown=root / "schedule"),
        "partitions": partial(files.check_partitions, doors.lake, settings.dataset.name, kinds=PARTITIONS),
        "disk": partial(machine.check_disk, doors, nights=stage.nights, wanted=stage.disk_nights),
        "memory": lambda: machine.check_memory(doors, host.memory_available()),
        "clock": partial(machine.check_clock, doors),
        "time zone": partial(machine.check_zone, doors),
        "registry": partial(registry.check_database, doors),
        "registry locks": partial(registry.check_locks, doors, seconds=stage.lock_seconds),
        "champion": partial(registry.check_champion, doors),
        **{f"source {name}": partial(feeds.check_source, doors, name) for name in tables},
        **{f"contract {name}": partial(feeds.check_contract, doors, name) for name in tables},
        "last night": partial(feeds.check_last_night, doors),
        "timers": lambda: machine.check_timers(host.timers(stage.timers), stage.timers),
        "secrets": partial(files.check_secrets, root, beside=Path.cwd(), environment=os.environ),
    }
