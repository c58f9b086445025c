"""What does a run leave for Prometheus?

Two text files, of which node_exporter's textfile collector reads a folder full: how the stage ended, and what now
stands in the lake. Under one lock, so that a run that ends beside this one loses nothing, and never an older look at
the lake takes the place of a newer one.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any

from churn.doors import Doors
from churn.drift.triage import Action
from churn.errors import ChurnError, ExitCode
from churn.findings import Answer
from churn.promotion.hindsight import Hindsight
from churn.reports.exposition import Sample, exposition, value_in
from churn.settings import Settings
from churn.stores.host import memory_peak
from churn.stores.partition import Manifest
from churn.stores.whole import whole_file

log = logging.getLogger(__name__)

_DID_ITS_WORK = (ExitCode.OK, ExitCode.PROMOTION_REFUSED, ExitCode.DRIFT_ALARM)
_SUCCESS = "churn_run_success_timestamp_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """How a run ended: its exit code, when (Unix time), after how many seconds."""

    code: ExitCode
    at: float
    seconds: float


def write_gauges(settings: Settings, ended: LastRun) -> None:
    """Writes `churn-<dataset>-<stage>.prom` and `churn-<dataset>.prom`, each whole; nothing where no root is.

    Raises:
        OSError: the disk refused; ChurnError: the lock cannot be had, or a manifest cannot be read.
    """
    folder, name = settings.metrics.folder, settings.dataset.name
    if folder is None or not settings.root.is_dir():
        return
    doors, place = Doors(settings), settings.root / folder
    place.mkdir(parents=True, exist_ok=True)
    with doors.lake.lock(doors.partition("metrics"), wait=True):
        file = place / f"churn-{name}-{settings.stage.name}.prom"
        _write(file, _of_run(settings, ended, before=file))
        _write(place / f"churn-{name}.prom", _of_lake(doors))


def _write(path: Path, samples: Iterator[Sample]) -> None:
    text = exposition(samples)
    with whole_file(path) as file:
        file.write(text.encode())


def _of_run(settings: Settings, ended: LastRun, *, before: Path) -> Iterator[Sample]:
    labels = {"dataset": settings.dataset.name, "stage": settings.stage.name}
    success = ended.at if ended.code in _DID_ITS_WORK else _last_success(before)
    values = {
        "churn_run_end_timestamp_seconds": ended.at,
        _SUCCESS: success,
        "churn_run_exit_code": float(ended.code),
        "churn_run_duration_seconds": ended.seconds,
        "churn_run_peak_memory_bytes": memory_peak(),
    }
    for name, value in values.items():
        if value is not None:
            yield Sample(name=name, value=value, labels=labels)


def _last_success(before: Path) -> float | None:
    try:
        return value_in(before.read_text(), _SUCCESS) if before.exists() else None
    except ValueError as error:  # damaged, and written anew now
        log.warning("%s is no text of metrics, and its last success is lost: %s", before, error)
        return None


@dataclass(frozen=True, kw_only=True)
class _Newest:
    """The newest published night of a kind, as far as there is one."""

    doors: Doors
    kind: str

    @cached_property
    def day(self) -> date | None:
        return max(self.doors.lake.days(self.kind, self.doors.settings.dataset.name), default=None)

    @cached_property
    def manifest(self) -> Manifest | None:
        return self.doors.lake.manifest(self.doors.partition(self.kind, self.day)) if self.day else None

    def table(self, file: str) -> list[dict[str, Any]]:
        from churn.stores.parquet import read_table

        return read_table(self.doors.lake.path(self.doors.partition(self.kind, self.day)) / file).to_dicts()


def _of_lake(doors: Doors) -> Iterator[Sample]:
    """Yields what stands there; what does not is left out, and never 0."""
    labels = {"dataset": doors.settings.dataset.name}
    yield Sample(name="churn_disk_free_bytes", value=shutil.disk_usage(doors.lake.root).free, labels=labels)
    champion = doors.lake.manifest(doors.partition("champion"))
    if champion:
        yield Sample(name="churn_champion_version", value=champion.facts["model_version"], labels=labels)
    nights = {kind: _Newest(doors=doors, kind=kind) for kind in ("features", "predictions", "drift", "outcomes")}
    for night in nights.values():
        yield from _readable(_of_night, night, labels)
    yield from _readable(_of_drift, nights["drift"], labels)
    yield from _readable(_of_outcomes, nights["outcomes"], labels)


def _readable(
    part: Callable[[_Newest, dict[str, str]], Iterator[Sample]], night: _Newest, labels: dict[str, str]
) -> Sequence[Sample]:
    """Returns a part of the metrics; nothing, with a warning, where what it is read from is damaged."""
    try:
        return [*part(night, labels)]
    except ChurnError as error:
        log.warning("metrics leave out what %s say of the newest night: %s: %s", night.kind, error.where, error.found)
        return []


def _of_night(night: _Newest, labels: dict[str, str]) -> Iterator[Sample]:
    if night.day is None or night.manifest is None:
        return
    facts = night.manifest.facts
    rows = {"drift": facts.get("rows"), "outcomes": facts.get("n")}.get(night.kind, night.manifest.rows)
    midnight = datetime.combine(night.day, time(), tzinfo=UTC).timestamp()
    for name, value in (("churn_night_timestamp_seconds", midnight), ("churn_night_rows", rows)):
        if value is not None:
            yield Sample(name=name, value=value, labels=labels | {"kind": night.kind})


def _of_drift(night: _Newest, labels: dict[str, str]) -> Iterator[Sample]:
    if night.manifest is None:
        return
    facts = night.manifest.facts
    yield Sample(name="churn_drift_alarm", value=facts["alarm"], labels=labels)
    yield from _one_of("churn_drift_answer", facts["answer"], among=Answer, labels=labels)
    yield from _one_of("churn_drift_action", facts["action"], among=Action, labels=labels)
    columns = [column for column in night.table("drift.parquet") if column["answer"] != "not watched"]
    distances = [column["psi"] for column in columns if column["psi"] is not None]
    if distances:
        worst = math.nan if any(map(math.isnan, distances)) else max(distances)
        yield Sample(name="churn_drift_psi_max", value=worst, labels=labels)


def _of_outcomes(night: _Newest, labels: dict[str, str]) -> Iterator[Sample]:
    if night.manifest is None:
        return
    yield from _one_of("churn_outcomes_verdict", night.manifest.facts["verdict"], among=Hindsight, labels=labels)
    for figure in night.table("outcomes.parquet"):
        if figure["metric"] == "auc":
            yield Sample(name="churn_outcomes_auc", value=figure["figure"], labels=labels)


def _one_of(name: str, found: str, *, among: Iterable[str], labels: dict[str, str]) -> Iterator[Sample]:
    """Yields 1 for what was found and 0 for every other that might have been, as Prometheus tells states."""
    label = name.rpartition("_")[2]
    for one in among:
        yield Sample(name=name, value=one == found, labels=labels | {label: str(one)})
