"""Which dates does training read, and what is each for?

Those that the settings name, or as many steps back from the newest ripe one as there is history for. All that a date
can be refused for is refused here, before any feature is built.
"""

from __future__ import annotations

from datetime import date, timedelta

from churn.dates import parse_dates, step_from
from churn.doors import Doors
from churn.errors import DataError
from churn.labelled import require_ripe
from churn.raw_days import Coverage, RawDays
from churn.settings.stages import TrainStage
from churn.training.split import Split

_LOOK_AHEAD_DAYS = 1_500


def training_split(doors: Doors, raw: RawDays) -> Split:
    """Returns what each training date is for, with what the raw days before the day of training tell.

    Raises:
        DataError: they do not reach the day of training, give a part too few dates, or leave a label unripe.
    """
    covered, stage = raw.coverage(doors.day), doors.settings.stage_as(TrainStage)
    _require_told(doors, covered)
    if stage.dates is None:
        split = _stepped(doors, covered)
        require_ripe(doors, raw, split.dates, known_at=doors.day)
        return split
    dates = parse_dates(stage.dates)
    require_ripe(doors, raw, dates, known_at=doors.day)
    return _assign(doors, dates)


def _require_told(doors: Doors, covered: Coverage) -> None:
    allowed = timedelta(days=1 + doors.settings.dataset.max_gap_days)
    if doors.day > covered.last_day + allowed:
        found = f"the newest raw day is {covered.last_day}, and nothing tells of the days after it"
        action = f"use date={covered.last_day + timedelta(days=1)}, or load the missing days"
        raise DataError(where=f"train {doors.dataset.name} {doors.day}", found=found, action=action)


def _assign(doors: Doors, dates: tuple[date, ...]) -> Split:
    return doors.settings.split.assign(dates, horizon_days=doors.dataset.horizon_days)


def _stepped(doors: Doors, covered: Coverage) -> Split:
    dataset, dates = doors.dataset, _steps(doors, covered)
    try:
        if dates:
            return _assign(doors, dates)
    except DataError as error:
        found, needed = error.found, f"{error.action}; "
    else:
        found, needed = "no date has its history before it and a ripe label after it", ""
    need = f"{dataset.history_days} days of history, then {dataset.horizon_days} for the label"
    span = f"raw days from {covered.first_day} to {covered.last_day}, {need}"
    raise DataError(
        where=f"train {dataset.name} {doors.day}",
        found=f"{found} ({span})",
        action=f"{needed}{_lever(doors, covered)}",
    )


def _steps(doors: Doors, covered: Coverage) -> tuple[date, ...]:
    stage, dataset = doors.settings.stage_as(TrainStage), doors.dataset
    first = covered.first_day + timedelta(days=dataset.history_days)
    newest = covered.last_day + timedelta(days=1 - dataset.horizon_days)
    steps = (step_from(newest, stage.every, -count) for count in range(stage.at_most))
    return tuple(sorted(step for step in steps if step >= first))


def _lever(doors: Doors, covered: Coverage) -> str:
    """Returns what gives enough dates: a later day of training, or where none does other steps."""
    stage = doors.settings.stage_as(TrainStage)
    for ahead in range(1, _LOOK_AHEAD_DAYS):
        later = Coverage(first_day=covered.first_day, last_day=covered.last_day + timedelta(days=ahead))
        if _fits(doors, later):
            day = later.last_day + timedelta(days=1)
            return f"load earlier raw days, or train later: with stage.every={stage.every} {day} is the first date"
    return f"raise stage.at_most={stage.at_most} or stage.every={stage.every}, or name the dates in stage.dates"


def _fits(doors: Doors, covered: Coverage) -> bool:
    dates = _steps(doors, covered)
    try:
        return bool(dates and _assign(doors, dates))
    except DataError:
        return False
