"""Writes the raw tables of a simulated subscription business, and the true churn probabilities apart from them."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

from churn.doors import Doors
from churn.errors import DataError, SettingsError
from churn.reports.outcome import Outcome, dates_done
from churn.settings import Settings
from churn.settings.stages import SimulateStage
from churn.stores.lake import Lake
from churn.stores.partition import Partition, fingerprint

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)
_DATASET = "subscription"


def run(settings: Settings) -> Outcome:
    """Publishes `raw/subscription/date=D` and `truth/subscription/date=D` for every day of the range."""
    stage, doors = settings.stage_as(SimulateStage), Doors(settings)
    lake = doors.lake
    first, last = settings.dates[0], settings.dates[-1]
    if len(settings.dates) != (last - first).days + 1 or settings.dataset.name != _DATASET:
        found = f"dataset={settings.dataset.name} date={settings.date}"
        raise SettingsError(
            where="simulate", found=found, action="simulate dataset=subscription over a range without a step"
        )
    business = fingerprint(asdict(stage.business))
    inputs = {"business": business, "first_day": first.isoformat(), "code": doors.code("simulation")}
    _refuse_mixture(lake, inputs)
    written = _simulate(lake, settings, stage=stage, inputs=inputs)
    return Outcome(
        headline=f"simulate: {dates_done('wrote', done=written, total=len(settings.dates))}",
        figures={
            "scenario": stage.business.scenario,
            "days": f"{first} to {last}",
            "raw tables": str(lake.root / "raw" / _DATASET),
            "true probabilities": str(lake.root / "truth" / _DATASET),
        },
    )


def _partitions(day: date) -> tuple[Partition, Partition]:
    return (Partition(kind="raw", dataset=_DATASET, day=day), Partition(kind="truth", dataset=_DATASET, day=day))


def _refuse_mixture(lake: Lake, inputs: dict[str, str]) -> None:
    manifests = {day: lake.manifest(_partitions(day)[0]) for day in lake.days("raw", _DATASET)}
    strangers = {day: found.inputs for day, found in manifests.items() if found and found.inputs != inputs}
    if strangers:
        begun = next(iter(strangers.values()))
        found = f"{len(strangers)} raw days from {min(strangers)} to {max(strangers)} belong to another business"
        action = "leave them as they are, and simulate under another root="
        if begun | {"first_day": inputs["first_day"]} == inputs:
            found += f", which begins on {begun['first_day']}"
            action = f"go on with it by a range that begins there, date={begun['first_day']}..; or {action}"
        raise DataError(where=str(lake.root / "raw" / _DATASET), found=found, action=action)


def _simulate(lake: Lake, settings: Settings, *, stage: SimulateStage, inputs: dict[str, str]) -> int:
    if all(lake.is_current(partition, inputs) for day in settings.dates for partition in _partitions(day)):
        log.info("raw/%s: already there for the same inputs, nothing to do", _DATASET)
        return 0
    from churn.simulation.days import simulate

    written = 0
    for day in simulate(stage.business, first=settings.dates[0], last=settings.dates[-1]):
        raw, truth = _partitions(day.day)
        written += _publish(lake, raw, day.tables, inputs=inputs)
        _publish(lake, truth, {"truth": day.truth}, inputs=inputs)
        if day.day.day == 1:
            log.info("simulated up to %s", day.day)
    return written


def _publish(lake: Lake, partition: Partition, tables: dict[str, pl.DataFrame], *, inputs: dict[str, str]) -> bool:
    from churn.stores.parquet import write_table

    if lake.is_current(partition, inputs):
        return False
    with lake.publish(partition, inputs=inputs) as staging:
        for name, table in tables.items():
            write_table(staging.path / f"{name}.parquet", table)
            staging.rows[f"{name}.parquet"] = table.height
    return True
