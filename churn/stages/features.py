"""Builds the features of every customer at a date from the raw tables.

Rows stream from DuckDB in key order, chunk by chunk, through the feature expressions and the contract into one parquet
file: training and scoring both read it, so there is no other feature code.
"""

from __future__ import annotations

import itertools
import logging
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn.doors import Doors
from churn.errors import DataError
from churn.reports.outcome import Outcome, dates_done
from churn.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from churn.stores.lake import Manifest, Staging

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `features/<dataset>/date=D` for every date that is missing or was made from other inputs."""
    doors = Doors(settings)
    built = [day for day in settings.dates if publish(doors, day)]
    rows = {day: doors.lake.manifest(doors.partition("features", day)) for day in settings.dates}
    total = sum(manifest.rows for manifest in rows.values() if manifest)
    return Outcome(
        headline=f"features {settings.dataset.name}: {dates_done('built', done=len(built), total=len(settings.dates))}",
        figures={
            "rows": f"{total:,} (one per {doors.dataset.key} and date)",
            "features": f"{len(doors.dataset.features)}",
            "files": f"{doors.lake.root / 'features' / settings.dataset.name}",
            **_audit(rows[settings.dates[-1]]),
        },
    )


def _audit(manifest: Manifest | None) -> dict[str, str]:
    counts: dict[str, int] = manifest.facts["audit"] if manifest else {}
    return {f"raw: {name.replace('_', ' ')}": f"{count:,}" for name, count in counts.items()}


def publish(doors: Doors, day: date) -> bool:
    """Builds one date; returns False where it was there already, made from the same inputs."""
    partition = doors.partition("features", day)
    inputs = _inputs(doors, day)
    if doors.lake.is_current(partition, inputs):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return False
    _require_raw_days(doors, day)
    with doors.lake.publish(partition, inputs=inputs) as staging:
        _write(doors, day, staging)
        staging.facts["audit"] = doors.source.audit(day)
    log.info("%s: %s rows", partition, f"{staging.rows['features.parquet']:,}")
    log.debug("%s: read %s", partition, staging.facts["audit"])
    return True


def _require_raw_days(doors: Doors, day: date) -> None:
    dataset, allowed = doors.dataset, doors.settings.dataset.max_gap_days
    raw, present = doors.source.coverage(day), doors.source.partition_days(day)
    where = f"features {dataset.name} {day}"
    if raw.first_day > day - timedelta(days=dataset.history_days):
        found = f"the raw days begin on {raw.first_day}, and features look {dataset.history_days} days back"
        raise DataError(where=where, found=found, action="load earlier days, or ask a later date")
    days = sorted({*present, raw.last_day, day})
    for one, other in itertools.pairwise(days):
        if (other - one).days > 1 + allowed:
            found = f"no raw day between {one} and {other}"
            raise DataError(where=where, found=found, action="load the missing days, or ask an earlier date")


def _inputs(doors: Doors, day: date) -> dict[str, str]:
    chunk_rows = str(doors.settings.resources.chunk_rows)
    return doors.source.fingerprints(day) | {"code": doors.code("features"), "chunk_rows": chunk_rows}


def _write(doors: Doors, day: date, staging: Staging) -> None:
    from churn.stores.parquet import ParquetWriter

    dataset = doors.dataset
    with ParquetWriter(staging.path / "features.parquet", dataset.schema) as writer:
        for chunk in _chunks(doors, day):
            writer.write(chunk)
    staging.rows["features.parquet"] = writer.rows
    if not writer.rows:
        action = "see that the raw tables hold this dataset's population before that date"
        raise DataError(where=f"features {dataset.name} {day}", found="no customer", action=action)


def _chunks(doors: Doors, day: date) -> Iterator[pl.DataFrame]:
    from churn.features import contract, table

    dataset = doors.dataset
    where = f"features {dataset.name} {day}"
    last: int | None = None
    for rows in doors.source.snapshot(day, key=dataset.key, rows=doors.settings.resources.chunk_rows):
        chunk = table.build(rows, key=dataset.key, features=dataset.features, where=where)
        last = table.check_order(chunk[dataset.key], last, where=where)
        contract.check(chunk, key=dataset.key, features=dataset.features, where=where)
        yield chunk
