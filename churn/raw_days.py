"""Which raw days are in the lake, and are they what the sources say?

Each raw day is brought into the lake once: its rows judged by the tables' contracts, the good ones published under
`tables/<dataset>/date=D/`, the others under `quarantine/<dataset>/date=D/`. Features, labels and rebuilds read that
copy alone, so that a source that forgets, moves or fails cannot change a night that was made. A day whose rows changed
at the source has another fingerprint and is brought again.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from churn.doors import Doors
from churn.errors import DataError
from churn.features.day import Tally, day_faults
from churn.stores.lake import Manifest, fingerprint

log = logging.getLogger(__name__)


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
    wanted = changed_days(doors, until)
    if wanted:
        with doors.lake.lock(doors.partition("intake")), _scratch(doors) as scratch:
            for group in _neighbours(wanted, doors.raw_days):
                _bring(doors, group, {day: wanted[day] for day in group}, scratch=scratch)
    return in_lake(doors)


def in_lake(doors: Doors) -> RawDays:
    """Returns the raw days that the lake holds, whatever the sources say."""
    name = doors.settings.dataset.name
    manifests = {day: doors.lake.manifest(doors.partition("tables", day)) for day in doors.lake.days("tables", name)}
    return RawDays(
        manifests={day: manifest for day, manifest in manifests.items() if manifest},
        daily=tuple(table.name for table in doors.dataset.tables if table.daily),
    )


def changed_days(doors: Doors, until: date) -> dict[date, dict[str, str]]:
    """Returns the raw days before `until` that the lake lacks or holds from other rows, each with its inputs now.

    A day that is gone from its source stays in the lake as it is.
    """
    contract = _contract(doors)
    days = sorted({day for days in doors.raw_days.values() for day in days if day < until})
    inputs = {day: {**_fingerprints(doors, day), "contract": contract} for day in days}
    return {
        day: made_from
        for day, made_from in inputs.items()
        if not doors.lake.is_current(doors.partition("tables", day), made_from)
    }


def _has_rows(manifest: Manifest, tables: Sequence[str]) -> bool:
    tallies = manifest.facts["tables"]
    return all(name in tallies and tallies[name]["kept"] for name in tables)


def _fingerprints(doors: Doors, day: date) -> dict[str, str]:
    return {f"source/{table}": days.get(day, "no row") for table, days in doors.raw_days.items()}


def _contract(doors: Doors) -> str:
    declared = [
        (t.name, t.day, t.key, t.daily, [asdict(c) for c in t.columns], [(r.name, str(r.holds)) for r in t.rules])
        for t in doors.dataset.tables
    ]
    return fingerprint([declared, doors.texts("features/raw.py", "features/intake.py", "raw_days.py")])


@contextmanager
def _scratch(doors: Doors) -> Iterator[Path]:
    folder = doors.lake.root / f".intake-{doors.settings.dataset.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _neighbours(wanted: Mapping[date, object], sources: Mapping[str, Mapping[date, str]]) -> Iterator[tuple[date, ...]]:
    """Yields the wanted days in runs between which no day lies that is there already."""
    days = sorted({day for known in sources.values() for day in known} | set(wanted))
    for is_wanted, run in groupby(days, key=lambda day: day in wanted):
        if is_wanted:
            yield tuple(run)


def _bring(doors: Doors, days: Sequence[date], inputs: Mapping[date, Mapping[str, str]], *, scratch: Path) -> None:
    from churn.intake import take_in

    tallies: dict[date, dict[str, Tally]] = {day: {} for day in days}
    for table in doors.dataset.tables:
        for day, tally in take_in(doors, table, days=days, scratch=scratch).items():
            tallies[day][table.name] = tally
    before = [_tallies(manifest) for day, manifest in in_lake(doors).manifests.items() if day < days[0]]
    for day in days:
        _require_good(doors, day, tallies[day], before=before)
        _publish(doors, day, tallies[day], inputs=inputs[day], scratch=scratch)
        before.append(tallies[day])
    rows = sum(tally.read for day in tallies.values() for tally in day.values())
    log.info("tables/%s: brought %d raw days to %s, %s rows", doors.dataset.name, len(days), days[-1], f"{rows:,}")


def _require_good(doors: Doors, day: date, tallies: Mapping[str, Tally], *, before: list[dict[str, Tally]]) -> None:
    limits = doors.settings.dataset.intake
    faults = day_faults(doors.dataset.tables, tallies, before=before[-7:], limits=limits)
    if faults:
        action = (
            "mend the feed and run again, nothing of that day was published; a limit on rows is raised for one run by "
            "dataset.intake.quarantine_share=1 or dataset.intake.fewest_rows_share=0"
        )
        raise DataError(where=f"raw {doors.dataset.name} {day}", found="; ".join(faults), action=action)


def _publish(
    doors: Doors, day: date, tallies: Mapping[str, Tally], *, inputs: Mapping[str, str], scratch: Path
) -> None:
    from churn.intake import day_file

    _publish_quarantine(doors, day, tallies, inputs=inputs, scratch=scratch)
    with doors.lake.publish(doors.partition("tables", day), inputs=inputs) as staging:
        for name, tally in tallies.items():
            day_file(scratch, day, name).rename(staging.path / f"{name}.parquet")
            staging.rows[f"{name}.parquet"] = tally.kept
        staging.facts["tables"] = {name: _facts(tally) for name, tally in tallies.items()}


def _publish_quarantine(
    doors: Doors, day: date, tallies: Mapping[str, Tally], *, inputs: Mapping[str, str], scratch: Path
) -> None:
    from churn.intake import day_file

    partition = doors.partition("quarantine", day)
    broken = {name: tally for name, tally in tallies.items() if tally.broken}
    if not broken:
        doors.lake.withdraw(partition)
        return
    with doors.lake.publish(partition, inputs=inputs) as staging:
        for name, tally in broken.items():
            day_file(scratch, day, name, kind="quarantine").rename(staging.path / f"{name}.parquet")
            staging.rows[f"{name}.parquet"] = tally.read - tally.kept
        staging.facts |= {"run": doors.settings.run, "tables": {name: _facts(tally) for name, tally in broken.items()}}
    for name, tally in broken.items():
        rules = ", ".join(f"{rule} ({count:,})" for rule, count in tally.broken.items())
        log.warning("%s: %s of %s rows of %s: %s", partition, tally.read - tally.kept, f"{tally.read:,}", name, rules)


def _facts(tally: Tally) -> dict[str, Any]:
    return {"read": tally.read, "kept": tally.kept, "broken": tally.broken}


def _tallies(manifest: Manifest) -> dict[str, Tally]:
    return {
        name: Tally(**facts, sha256=manifest.files[f"{name}.parquet"].sha256)
        for name, facts in manifest.facts["tables"].items()
    }
