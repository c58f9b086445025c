"""How does one raw day become a partition, or why is it refused?

Its rows were judged one by one (`intake`); here the day is judged as a whole, taken as it is where a person gave a
reason, and published: the good rows under `tables`, the others under `quarantine`. What its sources have forgotten is
carried over from what the lake holds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from churn.doors import Doors
from churn.errors import DataError
from churn.features.day import Tally
from churn.stores.partition import Manifest
from churn.stores.sources import Source
from churn.stores.sources.csv_text import Csv
from churn.stores.sources.parquet import Parquet

log = logging.getLogger(__name__)
NO_ROW = "no row"
"""What stands among a raw day's inputs for a table that has none at its source."""

# A table had a file on so many of so many raw days before: one without is a file that did not come.
_DAYS_THAT_TELL = 28
_DAYS_LOOKED_BACK = 365
_SHARE_THAT_TELLS = 0.95


def accept(
    doors: Doors, day: date, faults: Sequence[str], *, tallies: Mapping[str, Tally], held: Manifest | None
) -> dict[str, Any]:
    """Returns the faults of a day with the reason for which it is taken as it is, now or when these rows first came.

    Raises:
        DataError: there is none.
    """
    then = held.facts.get("accepted", {}).get("reason") if held and _same_rows(tallies, tallies_of(held)) else None
    named = doors.settings.dataset.intake.reason(day)
    reason = then if named is None else named
    where = f"raw {doors.dataset.name} {day}"
    if reason is None:
        command = doors.command(doors.settings.stage.name, doors.settings.date or doors.day)
        action = (
            "mend the feed and run again, nothing of that day was published; to take that day as it is, add the "
            "reason (in double quotes, as a comma would end it): "
            f"{command} '+dataset.intake.accept={{{day}: \"the reason\"}}'"
        )
        raise DataError(where=where, found="; ".join(faults), action=action)
    log.warning("%s: %s; accepted: %s", where, "; ".join(faults), reason)
    return {"reason": reason, "faults": list(faults)}


def _same_rows(one: Mapping[str, Tally], other: Mapping[str, Tally]) -> bool:
    def figures(tallies: Mapping[str, Tally]) -> dict[str, object]:
        return {name: (_facts(tally), tally.sha256) for name, tally in tallies.items()}

    return figures(one) == figures(other)


def publish(
    doors: Doors,
    day: date,
    tallies: Mapping[str, Tally],
    *,
    inputs: Mapping[str, str],
    scratch: Path,
    accepted: Mapping[str, Any],
) -> None:
    """Publishes a day's quarantine, then its rows, from the `day_file`s in `scratch`."""
    from churn.intake import day_file

    _publish_quarantine(doors, day, tallies, inputs=inputs, scratch=scratch)
    with doors.lake.publish(doors.partition("tables", day), inputs=inputs) as staging:
        for name, tally in tallies.items():
            day_file(scratch, day, name).rename(staging.path / f"{name}.parquet")
            staging.rows[f"{name}.parquet"] = tally.kept
        staging.facts["tables"] = {name: _facts(tally) for name, tally in tallies.items()}
        staging.facts["sources"] = _sources(doors)
        staging.facts |= {"accepted": accepted} if accepted else {}


def _sources(doors: Doors) -> dict[str, str]:
    """Returns where each table is declared to stand, without secrets; under the root from there."""
    places = {name: source.where for name, source in doors.settings.dataset.tables.items()}
    return {name: place.removeprefix(f"{doors.lake.root}/") for name, place in places.items()}


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
    return {"read": tally.read, "kept": tally.kept, "broken": tally.broken, "rows_hash": tally.rows_hash}


def tallies_of(manifest: Manifest) -> dict[str, Tally]:
    """Returns what each table brought on a published day."""
    return {
        name: Tally(**facts, sha256=manifest.files[f"{name}.parquet"].sha256)
        for name, facts in manifest.facts["tables"].items()
    }


def carry(doors: Doors, day: date, name: str, *, held: Manifest, scratch: Path) -> Tally:
    """Puts what the lake holds of a table and day where its new rows would stand, and returns its tally.

    Raises:
        DataError: the lake does not hold it any more, either.
    """
    from churn.intake import day_file

    for kind in ("tables", "quarantine"):
        old = doors.lake.path(doors.partition(kind, day)) / f"{name}.parquet"
        if kind == "tables" and not old.exists():
            action = f"restore it from a backup, or delete the folder {old.parent} to do without that day"
            raise DataError(where=str(old), found="missing, and its source no longer has that day", action=action)
        new = day_file(scratch, day, name, kind=kind)
        new.unlink(missing_ok=True)
        if old.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            os.link(old, new)
    return tallies_of(held)[name]


def files_lost(doors: Doors, before: Sequence[Mapping[str, str]], *, now: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the tables without a file on a day, where one came on nearly every raw day before, rows or not."""
    names = [f"source/{name}" for name, source in doors.settings.dataset.tables.items() if _is_filed(source)]
    recent = before[-_DAYS_LOOKED_BACK:]
    usual = {name: sum(inputs.get(name, NO_ROW) != NO_ROW for inputs in recent) for name in names}
    return tuple(
        f"{name.removeprefix('source/')}: no file, and {usual[name]} of the {len(recent)} raw days before have one"
        for name in names
        if now[name] == NO_ROW and len(recent) >= _DAYS_THAT_TELL and usual[name] >= _SHARE_THAT_TELLS * len(recent)
    )


def _is_filed(source: Source) -> bool:
    return isinstance(source, Parquet | Csv) and "date=" in source.path
