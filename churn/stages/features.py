"""Builds the features of every customer at a date from the raw tables.

Rows stream from DuckDB in key order, chunk by chunk, through the feature expressions and the contract into one parquet
file: training and scoring both read it, so there is no other feature code.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn.dates import first_gap
from churn.doors import Doors
from churn.errors import DataError
from churn.nights import inputs_at, nights, no_night, with_raw_days
from churn.progress import Progress
from churn.raw_days import RawDays, require_unchanged, require_whole
from churn.reports.outcome import Outcome, dates_done
from churn.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from churn.stores.lake import Staging
    from churn.stores.partition import Manifest

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `features/<dataset>/date=D` for every date that is missing or was made from other inputs."""
    doors = Doors(settings)
    found = nights(doors, "features")
    if not found.dates:
        return no_night(settings, found)
    found, raw = with_raw_days(doors, found)
    dates = found.dates
    built = [day for day in dates if publish(doors, day, raw)]
    rows = {day: doors.lake.manifest(doors.partition("features", day)) for day in dates}
    total = sum(manifest.rows for manifest in rows.values() if manifest)
    outcome = Outcome(
        headline=f"features {settings.dataset.name}: {dates_done('built', done=len(built), total=len(dates))}",
        figures={
            "rows": f"{total:,} (one per {doors.dataset.key} and date)",
            "features": f"{len(doors.dataset.features)}",
            "files": f"{doors.lake.root / 'features' / settings.dataset.name}",
            "quarantined": _quarantined(raw, dates[-1]),
            **raw.accepted(dates[-1]),
            **_audit(rows[dates[-1]]),
        },
    )
    return found.told(outcome)


def _quarantined(raw: RawDays, day: date) -> str:
    counts = raw.quarantined(day)
    rules = ", ".join(f"{rule} {count:,}" for rule, count in counts.items())
    return f"{sum(counts.values()):,} rows before {day}" + (f" ({rules})" if rules else "")


def _audit(manifest: Manifest | None) -> dict[str, str]:
    counts: dict[str, int] = manifest.facts["audit"] if manifest else {}
    return {f"raw: {name.replace('_', ' ')}": f"{count:,}" for name, count in counts.items()}


def publish(doors: Doors, day: date, raw: RawDays) -> bool:
    """Builds one date; returns False where it was there already, made from the same inputs."""
    partition = doors.partition("features", day)
    inputs = inputs_at(doors, day, raw)
    if doors.lake.is_current(partition, inputs):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return False
    _require_raw_days(doors, day, raw)
    require_whole(doors, raw, day)
    with doors.lake.publish(partition, inputs=inputs) as staging:
        _write(doors, day, staging)
        require_unchanged(doors, raw, day)
        staging.facts |= {"audit": doors.sql.audit(day), "quarantined": raw.quarantined(day)}
    log.info("%s: %s rows", partition, f"{staging.rows['features.parquet']:,}")
    log.debug("%s: read %s", partition, staging.facts["audit"])
    return True


def _require_raw_days(doors: Doors, day: date, raw: RawDays) -> None:
    dataset, allowed = doors.dataset, doors.settings.dataset.max_gap_days
    covered = raw.coverage(day)
    where = f"features {dataset.name} {day}"
    if covered.first_day > day - timedelta(days=dataset.history_days):
        found = f"the raw days begin on {covered.first_day}, and features look {dataset.history_days} days back"
        raise DataError(where=where, found=found, action="load earlier days, or ask a later date")
    gap = first_gap([*(present for present in raw.manifests if present < day), day], allowed_days=allowed)
    if gap:
        found, place = f"no raw day between {gap[0]} and {gap[1]}", doors.lake.path(doors.partition("tables", gap[0]))
        stray = f"if {gap[0]} is a stray day, take it out of its source, then delete {place}"
        action = f"load the missing days, or ask an earlier date; {stray}"
        raise DataError(where=where, found=found, action=action)


def _write(doors: Doors, day: date, staging: Staging) -> None:
    from churn.stores.parquet import ParquetWriter

    dataset = doors.dataset
    progress = Progress(f"features {day}", total=_expected(doors, day))
    with progress, ParquetWriter(staging.path / "features.parquet", dataset.schema, compression="lz4") as writer:
        for chunk in _checked(doors, day):
            writer.write(chunk)
            progress.add(chunk.height)
    staging.rows["features.parquet"] = writer.rows
    if not writer.rows:
        action = "see that the raw tables hold this dataset's population before that date"
        raise DataError(where=f"features {dataset.name} {day}", found="no customer", action=action)


def _expected(doors: Doors, day: date) -> int:
    """Returns the rows of the night before, by its manifest, as a guess; 0 where there is none."""
    before = [night for night in doors.lake.days("features", doors.dataset.name) if night < day]
    manifest = doors.lake.manifest(doors.partition("features", before[-1])) if before else None
    return manifest.rows if manifest else 0


def unchecked(doors: Doors, day: date, *, seen: date | None = None) -> Iterator[pl.DataFrame]:
    """Yields the features of a date, a chunk at a time, whatever their values; `seen` as in `Sql.snapshot`.

    Raises:
        DataError: rows without a key, out of order or twice, or values that do not fit their type.
    """
    from churn.features import table

    dataset, chunk_rows = doors.dataset, doors.settings.resources.chunk_rows
    where = f"features {dataset.name} {day}"
    last: int | None = None
    for rows in doors.sql.snapshot(day, key=dataset.key, rows=chunk_rows, seen=seen):
        chunk = table.build(rows, key=dataset.key, features=dataset.features, where=where)
        last = table.check_order(chunk[dataset.key], last, where=where)
        yield chunk


def _checked(doors: Doors, day: date) -> Iterator[pl.DataFrame]:
    from churn.features import contract

    dataset = doors.dataset
    for chunk in unchecked(doors, day):
        contract.check(chunk, key=dataset.key, features=dataset.features, where=f"features {dataset.name} {day}")
        yield chunk
