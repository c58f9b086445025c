"""Which feeds of the raw days that a night reads are broken?

The figures of each raw day are made once, from the rows as they came (good and quarantined), and kept under
`feeds/<dataset>/date=D/`: a partition of its own and no fact of the raw day, so that days which were brought long ago
have them too, and other figures are made without bringing a raw day again. A night then reads kilobytes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.doors import Doors
from churn.errors import DataError
from churn.features.raw import RawTable
from churn.stores.partition import Manifest

if TYPE_CHECKING:
    import polars as pl

    from churn.drift.feeds import Fault
    from churn.drift.raw_figures import TableFigures

log = logging.getLogger(__name__)
_FILE = "figures.json"
_JUDGED_DAYS = 28
_READ_DAYS = 56
_CODE = ("drift/raw_figures.py", "features/raw.py", "features/day.py")


def find_faults(doors: Doors, day: date) -> tuple[Fault, ...]:
    """Returns the broken feeds of the last 28 raw days in the lake before `day`, each by its name.

    A raw day that was mended at its source is brought and judged anew; one that `dataset.intake.accept` names, or that
    was accepted when it came, is taken as it is.

    Raises:
        DataError: a raw day's file is not whole.
        LockedError: another run is counting the same raw day.
        TryAgainError: the disk or the file system refused.
    """
    from churn.drift.feeds import recognise

    held = _held(doors, until=day)
    kept = _kept(doors, held)
    return recognise(kept, judged=[*held][-_JUDGED_DAYS:], excused=_excused(doors, held))


def name_faults(doors: Doors, day: date, folders: Mapping[str, Path]) -> tuple[Fault, ...]:
    """Returns the faults of one raw day that is not in the lake, held against those before it that are.

    `folders` maps `tables` and `quarantine` to the folders that hold its rows, a parquet file a table.

    Raises:
        As `find_faults`.
    """
    from churn.drift.feeds import recognise

    held = _held(doors, until=day)
    days = _kept(doors, held) | {day: _count(doors, day, folders)}
    return recognise(days, judged=[day], excused=_excused(doors, held))


def raw_contents(doors: Doors, day: date) -> dict[str, list[str]]:
    """Returns the contents, good and quarantined, of the raw days that decide what `find_faults` finds.

    Those before customers were erased: a count stays what it is.
    """
    held, code = _held(doors, until=day), doors.code(*_CODE)
    found = {raw: [tables, doors.lake.manifest(doors.partition("quarantine", raw))] for raw, tables in held.items()}
    return {str(raw): [*(one.original if one else "none" for one in both), code] for raw, both in found.items()}


def excused_days(doors: Doors, day: date) -> tuple[date, ...]:
    """Returns those of the raw days of `raw_contents` that are taken as they are, in order."""
    return tuple(sorted(_excused(doors, _held(doors, until=day))))


def _inputs(doors: Doors, day: date, tables: Manifest, *, code: str) -> dict[str, str]:
    bad = doors.lake.manifest(doors.partition("quarantine", day))
    return {"tables": tables.content, "quarantine": bad.content if bad else "none", "code": code}


def _held(doors: Doors, *, until: date) -> dict[date, Manifest]:
    days = [day for day in doors.lake.days("tables", doors.dataset.name) if day < until]
    found = {day: doors.lake.manifest(doors.partition("tables", day)) for day in days[-_READ_DAYS:]}
    return {day: manifest for day, manifest in found.items() if manifest}


def _excused(doors: Doors, held: Mapping[date, Manifest]) -> set[date]:
    intake = doors.settings.dataset.intake
    return {day for day, found in held.items() if "accepted" in found.facts or intake.reason(day) is not None}


def _kept(doors: Doors, held: Mapping[date, Manifest]) -> dict[date, dict[str, TableFigures]]:
    """Returns the figures of raw days that the lake holds; those that are not there for these very rows are made."""
    found: dict[date, dict[str, TableFigures]] = {}
    code = doors.code(*_CODE)
    for day, manifest in held.items():
        inputs = _inputs(doors, day, manifest, code=code)
        if not doors.lake.is_current(doors.partition("feeds", day), inputs):
            _publish(doors, day, inputs)
        found[day] = _read(doors, day) or _remade(doors, day, inputs)
    return found


def _read(doors: Doors, day: date) -> dict[str, TableFigures] | None:
    """Returns the figures that are kept; None where they are not what was published."""
    partition = doors.partition("feeds", day)
    try:
        doors.lake.open(partition, made_by="")
    except DataError as error:
        log.warning("%s: %s; made again", error.where, error.found)
        return None
    text = (doors.lake.path(partition) / _FILE).read_text(encoding="utf-8")
    return {name: _parsed(fields) for name, fields in json.loads(text).items()}


def _remade(doors: Doors, day: date, inputs: Mapping[str, str]) -> dict[str, TableFigures]:
    _publish(doors, day, inputs)
    found = _read(doors, day)
    if found is None:
        found_words, action = "not what was written a moment ago", "check the disk"
        raise DataError(where=str(doors.partition("feeds", day)), found=found_words, action=action)
    return found


def _publish(doors: Doors, day: date, inputs: Mapping[str, str]) -> None:
    folders = {kind: doors.lake.path(doors.partition(kind, day)) for kind in ("tables", "quarantine")}
    doors.lake.open(doors.partition("tables", day), made_by=doors.command("features", day + timedelta(days=1)))
    with doors.lake.publish(doors.partition("feeds", day), inputs=inputs) as staging:
        tables = {name: asdict(figures) for name, figures in _count(doors, day, folders).items()}
        (staging.path / _FILE).write_text(json.dumps(tables, sort_keys=True))


def _count(doors: Doors, day: date, folders: Mapping[str, Path]) -> dict[str, TableFigures]:
    from churn.drift.raw_figures import figures

    return {table.name: figures(_rows(doors, table, folders), table, day=day) for table in doors.dataset.tables}


def _rows(doors: Doors, table: RawTable, folders: Mapping[str, Path]) -> Iterator[pl.DataFrame]:
    from churn.stores.parquet import read_chunks

    for folder in folders.values():
        path = folder / f"{table.name}.parquet"
        if path.exists():
            yield from read_chunks(path, rows=doors.settings.resources.chunk_rows)


def _parsed(fields: dict[str, Any]) -> TableFigures:
    from churn.drift.raw_figures import ColumnFigures, TableFigures

    columns = {name: ColumnFigures(**_numbered(found)) for name, found in fields.pop("columns").items()}
    return TableFigures(columns=columns, **fields)


def _numbered(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields with the bins as numbers again, in order: JSON's keys are texts."""
    return {
        name: dict(sorted((int(at), rows) for at, rows in value.items())) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
