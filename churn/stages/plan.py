"""Says what a stage would read, write and take on its nights, and what it would leave alone; touches nothing.

Read off the manifests of past nights, and for the time off their logs: what neither holds is told as not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean, median

from churn.checks.machine import started, wanted_memory
from churn.checks.reading import reading
from churn.doors import Doors
from churn.nights import changes, differences, inputs_at, nights
from churn.raw_days import RawDays, changed_days, in_lake
from churn.reports.outcome import Outcome, Table
from churn.settings import STALE, Settings
from churn.settings.stages import PlanStage
from churn.stores.partition import Manifest

_KINDS = {
    "features": ("features",),
    "score": ("predictions",),
    "drift": ("drift",),
    "nightly": ("features", "predictions", "drift"),
}
_MADE_FROM = {"predictions": "features", "drift": "predictions"}
_WORDS = {"predictions": "scores: ", "drift": "drift: "}
_LOGGED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ ", re.MULTILINE)
_NOT_THERE = "not there"
_RUNS = 50
_TOLD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Now:
    """What the lake and its sources hold at this moment: raw days, those to be brought, the champion's version."""

    raw: RawDays
    late: tuple[date, ...]
    champion: int | None


def run(settings: Settings) -> Outcome:
    """Returns a row a night and partition with why it would be made, and what all would read, write and take."""
    stage = settings.stage_as(PlanStage)
    kinds = _KINDS[stage.of]
    with reading(settings) as doors:
        now = _now(doors)
        days = _dates(doors, kinds, now)
        plans = {day: _reasons(doors, day, now, kinds=kinds) for day in days}
        made = [day for day, reasons in plans.items() if any(reasons.values())]
        return Outcome(
            headline=f"plan {stage.of} {settings.dataset.name}: {len(made)} of {len(days)} nights to make",
            figures={
                "reads": _reads(doors, made, now, kinds=kinds),
                "writes": _writes(doors, plans),
                "time": _time(doors, stage.of, nights=len(made)),
                "memory": _memory(doors),
            },
            table=_table(plans) if plans else None,
        )


def _now(doors: Doors) -> _Now:
    named = doors.registry.named()
    return _Now(
        raw=in_lake(doors),
        late=tuple(changed_days(doors, date.max)),
        champion=named.version if named else None,
    )


def _dates(doors: Doors, kinds: Sequence[str], now: _Now) -> tuple[date, ...]:
    if doors.settings.date != STALE:
        return nights(doors, *kinds).dates
    there = sorted({day for kind in kinds for day in doors.lake.days(kind, doors.dataset.name)})
    return tuple(day for day in there if {*_reasons(doors, day, now, kinds=kinds).values()} - {"", _NOT_THERE})


def _reasons(doors: Doors, day: date, now: _Now, *, kinds: Sequence[str]) -> dict[str, str]:
    """Returns by kind why a night's partition would be made; an empty text where it is current and left alone."""
    reasons: dict[str, str] = {}
    for kind in _kinds_at(doors, day, kinds):
        before = reasons.get(_MADE_FROM.get(kind, ""), "")
        reasons[kind] = _reason(doors, day, now, kind=kind) or (f"{_MADE_FROM[kind]} made anew" if before else "")
    return reasons


def _kinds_at(doors: Doors, day: date, kinds: Sequence[str]) -> Sequence[str]:
    """Returns the kinds that a night is to have: a stale one that was never scored gets features alone."""
    if doors.settings.date != STALE or day in doors.lake.days("predictions", doors.dataset.name):
        return kinds
    return [kind for kind in kinds if kind == "features"]


def _reason(doors: Doors, day: date, now: _Now, *, kind: str) -> str:
    partition = doors.partition(kind, day)
    manifest = doors.lake.manifest(partition)
    if manifest is None:
        return _NOT_THERE
    found = _changed(doors, day, now, manifest=manifest)
    if found:
        more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        return ", ".join(found[:_TOLD]) + more
    return "" if doors.lake.is_current(partition, manifest.inputs) else "a file is gone or cut short"


def _changed(doors: Doors, day: date, now: _Now, *, manifest: Manifest) -> tuple[str, ...]:
    if manifest.kind == "features":
        coming = tuple(f"raw day {raw} to be brought" for raw in now.late if raw < day)
        return coming or differences(manifest.inputs, inputs_at(doors, day, now.raw))
    word = _WORDS[manifest.kind]
    found = tuple(text for text in changes(doors, day, now.raw, kind=manifest.kind) if text.startswith(word))
    if manifest.kind == "predictions" and doors.settings.date != STALE and _is_other(manifest, now.champion):
        found += (f"champion: version {now.champion}, scored by {manifest.inputs['model_version']}",)
    return found


def _is_other(manifest: Manifest, champion: int | None) -> bool:
    return champion is not None and manifest.inputs["model_version"] != str(champion)


def _reads(doors: Doors, made: Sequence[date], now: _Now, *, kinds: Sequence[str]) -> str:
    if not made:
        return "nothing"
    if "features" not in kinds:
        held = [doors.lake.manifest(doors.partition("features", day)) for day in made]
        there = [manifest for manifest in held if manifest]
        size = f"{sum(found.rows for found in there):,} rows, {_mb(there)}"
        return f"features of {len(there)} of {len(made)} nights ({size})"
    first = made[0] - timedelta(days=doors.dataset.history_days)
    used = [found for day, found in now.raw.manifests.items() if first <= day < made[-1]]
    bring = [day for day in now.late if day < made[-1]]
    size = f"{sum(found.rows for found in used):,} rows, {_mb(used)}"
    return f"{len(used):,} raw days in the lake ({size}), {len(bring):,} to be brought from the sources first"


def _mb(manifests: Sequence[Manifest]) -> str:
    return f"{sum(file.bytes for found in manifests for file in found.files.values()) / 1e6:,.1f} MB"


def _past(doors: Doors, kind: str) -> list[Manifest]:
    """Returns the manifests of the newest nights that a kind is published of."""
    last = doors.settings.stage_as(PlanStage).nights
    days = doors.lake.days(kind, doors.settings.dataset.name)[-last:]
    return [found for found in (doors.lake.manifest(doors.partition(kind, day)) for day in days) if found]


def _size(past: Sequence[Manifest]) -> tuple[float, float]:
    """Returns the mean rows and bytes of some manifests."""
    return mean(found.rows for found in past), mean(sum(file.bytes for file in found.files.values()) for found in past)


def _writes(doors: Doors, plans: dict[date, dict[str, str]]) -> str:
    count: dict[str, int] = {}
    for kind in (kind for reasons in plans.values() for kind, reason in reasons.items() if reason):
        count[kind] = count.get(kind, 0) + 1
    return "; ".join(_written(kind, number, _past(doors, kind)) for kind, number in count.items()) or "nothing"


def _written(kind: str, number: int, past: Sequence[Manifest]) -> str:
    if not past:
        return f"{kind}: {number}, of a size that is not known (n = 0 nights)"
    rows, size = _size(past)
    return f"{kind}: {number} of about {rows:,.0f} rows, {size / 1e6:,.2f} MB each (mean of n = {len(past)} nights)"


def _time(doors: Doors, of: str, *, nights: int) -> str:
    found = list(_seconds(doors.lake.root / "logs", of, doors.settings.dataset.name))
    if not found:
        return f"not known: no log in logs/ is of a stage={of} that published a night"
    each = median(found)
    return f"about {each * nights:,.0f} s, {each:,.1f} s a night (median of n = {len(found)} runs in logs/)"


def _seconds(logs: Path, of: str, dataset: str) -> Iterator[float]:
    """Yields the seconds a night of past runs that published some, from their start to their log's last line."""
    partition = rf"{_KINDS[of][-1]}/{re.escape(dataset)}/date=\S+"
    published = re.compile(rf"^\S+ \S+ INFO {partition}: (?!already there)", re.MULTILINE)
    for path in sorted(logs.glob(f"*-{of}-*.log"))[-_RUNS:]:
        text = path.read_text(errors="replace")
        count, times = len(published.findall(text)), _LOGGED.findall(text)
        if count:
            ended = datetime.strptime(times[-1], "%Y-%m-%d %H:%M:%S").astimezone(
                UTC
            )  # logs tell the machine's own time
            yield (ended - started(path.name)).total_seconds() / count


def _memory(doors: Doors) -> str:
    least, _ = wanted_memory(doors)
    limit = doors.settings.resources.memory
    return f"in no manifest or log; by a rule of thumb {least / 1e6:,.0f} MB, and DuckDB up to {limit}"


def _table(plans: dict[date, dict[str, str]]) -> Table:
    rows = [
        (str(day), kind, "make" if reason else "leave alone", reason or "current")
        for day, reasons in plans.items()
        for kind, reason in reasons.items()
    ]
    return Table(header=("night", "partition", "would", "why"), rows=tuple(rows))
