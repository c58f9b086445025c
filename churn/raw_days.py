"""Which raw days are in the lake, and are they what the sources say?

Each raw day is brought into the lake once: its rows judged by the tables' contracts, the good ones published under
`tables/<dataset>/date=D/`, the others under `quarantine/<dataset>/date=D/`. Features, labels and rebuilds read that
copy alone, so that a source that forgets, moves or fails cannot change a night that was made. A day whose rows changed
at the source has another fingerprint and is brought again. A source may forget its old days: what the lake holds from
before a source's first day stays. A day that is gone from within it was deleted there, and is brought without rows.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from churn.doors import Doors
from churn.errors import ChurnError, DataError, TryAgainError
from churn.features.day import Tally, day_faults
from churn.raw_partition import NO_ROW, accept, carry, files_lost, publish, tallies_of
from churn.stores.disk import disk_errors
from churn.stores.partition import Manifest, fingerprint

log = logging.getLogger(__name__)
_DAYS_AT_ONCE = 92
_DAYS_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The first and the last raw day before a date."""

    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDays:
    """The raw days that the lake holds, each with its manifest, in order; `daily` names the tables of every day."""

    manifests: dict[date, Manifest]
    daily: tuple[str, ...]

    def inputs(self, day: date) -> dict[str, str]:
        """Returns the content of every raw day before `day`: what features at `day` are made from."""
        return {f"tables/{raw}": manifest.content for raw, manifest in self.manifests.items() if raw < day}

    def coverage(self, day: date) -> Coverage:
        """Returns the span of raw days before `day` on which every daily table has rows.

        Raises:
            DataError: there is none.
        """
        days = [raw for raw, found in self.manifests.items() if raw < day and _has_rows(found, self.daily)]
        if not days:
            found = "no raw day with rows"
            raise DataError(where=f"raw tables before {day}", found=found, action="load raw data, or ask a later date")
        return Coverage(first_day=days[0], last_day=days[-1])

    def accepted(self, day: date) -> dict[str, str]:
        """Returns which raw days before `day` were taken as they are, the newest first, as a figure for a person."""
        taken = {raw: found.facts["accepted"] for raw, found in self.manifests.items() if "accepted" in found.facts}
        told = [f"{raw} ({taken[raw]['reason']})" for raw in sorted(taken, reverse=True) if raw < day]
        more = [f"and {len(told) - _DAYS_TOLD:,} more"] if len(told) > _DAYS_TOLD else []
        return {"accepted": ", ".join([*told[:_DAYS_TOLD], *more])} if told else {}

    def quarantined(self, day: date) -> dict[str, int]:
        """Returns how many rows before `day` break which rule, by `table: rule`."""
        counts: dict[str, int] = {}
        for raw, manifest in self.manifests.items():
            for name, tally in manifest.facts["tables"].items() if raw < day else ():
                for rule, count in tally["broken"].items():
                    counts[f"{name}: {rule}"] = counts.get(f"{name}: {rule}", 0) + count
        return counts


def bring(doors: Doors, until: date) -> RawDays:
    """Brings every raw day before `until` that is missing, or changed at its source, and returns all there are.

    Raises:
        DataError: a day breaks its contract as a whole; the days before it are published, it is not.
        LockedError: another run is bringing raw days of this dataset.
        TryAgainError: a source, or the disk, failed.
    """
    held = in_lake(doors)
    wanted = changed_days(doors, until, held=held)
    for name, days in forgotten(doors, held=held).items():
        log.info("raw table %s: its source has no longer %s, kept as the lake holds them", name, spelled_span(days))
    if not wanted:
        return held
    _tell_deleted(doors, wanted)
    doors.lake.keep_texts(_contract(doors))
    place = doors.partition("intake")
    with disk_errors(place), doors.lake.lock(place), _scratch(doors) as scratch:
        for group in _neighbours(wanted, doors.raw_days):
            _bring(doors, group, {day: wanted[day] for day in group}, scratch=scratch)
    return in_lake(doors)


def require_unchanged(doors: Doors, raw: RawDays, day: date) -> None:
    """Returns nothing where the raw days before `day` are still those of `raw`; call it after reading them.

    Raises:
        TryAgainError: another run brought some of them again meanwhile.
    """
    if in_lake(doors).inputs(day) != raw.inputs(day):
        found = "another run brought raw days again while they were read"
        raise TryAgainError(where=f"raw {doors.dataset.name}", found=found, action="run the same command again")


def require_whole(doors: Doors, raw: RawDays, day: date) -> None:
    """Returns nothing where the lake's raw days before `day` have the bytes that were published.

    A file is hashed once; after that its size and time of change tell.

    Raises:
        DataError: naming the file that is gone or has other bytes.
    """
    from churn.stores.objects import find, versions

    folder = doors.lake.root / "tables" / doors.dataset.name
    files = find(str(folder / "date=*" / "*.parquet"))
    found = versions(files, doors.bench)
    for past, manifest in raw.manifests.items():
        for name, file in manifest.files.items() if past < day else ():
            path = folder / f"date={past}" / name
            if found.get(str(path)) != file.sha256:
                raise _damaged(doors, past, path)


def _damaged(doors: Doors, day: date, path: Path) -> DataError:
    name = path.stem
    action = f"delete the folder {path.parent} and run again: it is brought once more"
    if day in forgotten(doors).get(name, ()):
        action = f"restore the file from a backup (its source no longer has that day), or delete {path.parent}"
    return DataError(where=str(path), found="missing, or not the bytes that were published", action=action)


def in_lake(doors: Doors) -> RawDays:
    """Returns the raw days that the lake holds, whatever the sources say."""
    name = doors.settings.dataset.name
    manifests = {day: doors.lake.manifest(doors.partition("tables", day)) for day in doors.lake.days("tables", name)}
    return RawDays(
        manifests={day: manifest for day, manifest in manifests.items() if manifest},
        daily=tuple(table.name for table in doors.dataset.tables if table.daily),
    )


def changed_days(doors: Doors, until: date, *, held: RawDays | None = None) -> dict[date, dict[str, str]]:
    """Returns the raw days before `until` that the lake lacks or holds from other rows, each with its inputs now.

    What a source has forgotten of a table and day stays in the lake as it is; what was deleted there is without a row.
    `held` is what the lake holds, where that was just read.
    """
    contract, there = fingerprint(_contract(doors)), (held or in_lake(doors)).manifests
    at_sources = {day for days in doors.raw_days.values() for day in days}
    now = {day: _fingerprints(doors, day, there.get(day)) for day in sorted(at_sources | set(there)) if day < until}
    settled = {day for day in now if day not in at_sources and now[day].items() <= there[day].inputs.items()}
    inputs = {day: {**made_from, "contract": contract} for day, made_from in now.items() if day not in settled}
    return {
        day: made_from
        for day, made_from in inputs.items()
        if not doors.lake.stands(doors.partition("tables", day), there.get(day), inputs=made_from)
    }


def forgotten(doors: Doors, *, held: RawDays | None = None) -> dict[str, tuple[date, ...]]:
    """Returns the raw days of each table whose rows the lake alone holds, since the source now begins later."""
    there = (held or in_lake(doors)).manifests
    found = {
        name: tuple(day for day in there if _had_rows(there[day], name) and _is_before(days, day))
        for name, days in doors.raw_days.items()
    }
    return {name: days for name, days in found.items() if days}


def spelled_span(days: Sequence[date]) -> str:
    """Returns how many days there are, and the first and last of them.

    >>> spelled_span([date(2026, 1, 1), date(2026, 1, 5)])
    '2 raw days from 2026-01-01 to 2026-01-05'
    """
    return f"{len(days):,} raw days from {days[0]} to {days[-1]}"


def _had_rows(held: Manifest, table: str) -> bool:
    return held.inputs.get(f"source/{table}", NO_ROW) != NO_ROW


def _is_before(days: Mapping[date, str], day: date) -> bool:
    """Says whether a day lies before all that a source has: only its old days may a source have forgotten."""
    return day < min(days, default=date.max)


def _tell_deleted(doors: Doors, wanted: Mapping[date, Mapping[str, str]]) -> None:
    held = in_lake(doors).manifests
    for name in doors.raw_days:
        gone = [day for day in wanted if day in held and _had_rows(held[day], name) and _is_gone(wanted[day], name)]
        if gone:
            log.warning("raw table %s: no row any more at its source of %s", name, spelled_span(gone))


def _is_gone(made_from: Mapping[str, str], table: str) -> bool:
    return made_from[f"source/{table}"] == NO_ROW


def _has_rows(manifest: Manifest, tables: Sequence[str]) -> bool:
    tallies = manifest.facts["tables"]
    return all(name in tallies and tallies[name]["kept"] for name in tables)


def _fingerprints(doors: Doors, day: date, held: Manifest | None) -> dict[str, str]:
    known = held.inputs if held else {}
    return {
        f"source/{table}": days.get(day) or (known.get(f"source/{table}", NO_ROW) if _is_before(days, day) else NO_ROW)
        for table, days in doors.raw_days.items()
    }


def _contract(doors: Doors) -> dict[str, str]:
    """Returns what raw rows are judged by, as texts that the lake keeps: the declaration and the code."""
    declared = [
        (t.name, t.day, t.key, t.daily, [asdict(c) for c in t.columns], [(r.name, str(r.holds)) for r in t.rules])
        for t in doors.dataset.tables
    ]
    code = doors.texts("features/raw.py", "features/intake.py", "features/contract.py", "intake.py", "stores/sources")
    return code | {"contract": json.dumps(declared, default=str)}


@contextmanager
def _scratch(doors: Doors) -> Iterator[Path]:
    folder = doors.lake.root / f".intake-{doors.settings.dataset.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _unpublished(days: Sequence[date]) -> Iterator[None]:
    """Adds to what stops the reading of some days that none of them was published."""
    try:
        yield
    except ChurnError as error:
        span = str(days[0]) if len(days) == 1 else spelled_span(days)
        raise error.adding(f"nothing of {span} was published") from error


def _neighbours(wanted: Mapping[date, object], sources: Mapping[str, Mapping[date, str]]) -> Iterator[tuple[date, ...]]:
    """Yields the wanted days in runs of some weeks at most, between which no day lies that is there already."""
    days = sorted({day for known in sources.values() for day in known} | set(wanted))
    for is_wanted, run in groupby(days, key=lambda day: day in wanted):
        together = tuple(run)
        for start in range(0, len(together), _DAYS_AT_ONCE) if is_wanted else ():
            yield together[start : start + _DAYS_AT_ONCE]


def _bring(doors: Doors, days: Sequence[date], inputs: Mapping[date, Mapping[str, str]], *, scratch: Path) -> None:
    from churn.intake import take_in

    held, limits = in_lake(doors).manifests, doors.settings.dataset.intake
    tallies: dict[date, dict[str, Tally]] = {day: {} for day in days}
    for table in doors.dataset.tables:
        with _unpublished(days):
            came = take_in(doors, table, days=days, scratch=scratch)
        for day, tally in came.items():
            is_forgotten = day not in doors.raw_days[table.name] and inputs[day][f"source/{table.name}"] != NO_ROW
            tallies[day][table.name] = (
                carry(doors, day, table.name, held=held[day], scratch=scratch) if is_forgotten else tally
            )
    before = [tallies_of(manifest) for day, manifest in held.items() if day < days[0]]
    made_from = {**{day: manifest.inputs for day, manifest in held.items()}, **inputs}
    for day in days:
        lost = files_lost(doors, [made_from[past] for past in sorted(made_from) if past < day], now=inputs[day])
        faults = (*lost, *day_faults(doors.dataset.tables, tallies[day], before=before, limits=limits))
        faults += _names(doors, day, scratch) if faults else ()
        accepted = accept(doors, day, faults, tallies=tallies[day], held=held.get(day)) if faults else {}
        publish(doors, day, tallies[day], inputs=inputs[day], scratch=scratch, accepted=accepted)
        before.append(tallies[day])
    rows = sum(tally.read for day in tallies.values() for tally in day.values())
    log.info("tables/%s: brought %d raw days to %s, %s rows", doors.dataset.name, len(days), days[-1], f"{rows:,}")


def _names(doors: Doors, day: date, scratch: Path) -> tuple[str, ...]:
    """Returns what a refused day's feeds suffer from, where that has a name: its rows say which rule, and not why."""
    from churn.feeds import name_faults

    folders = {kind: scratch / kind / f"date={day}" for kind in ("tables", "quarantine")}
    return tuple(map(str, name_faults(doors, day, folders)))
