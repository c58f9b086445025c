"""Which rows have an answer yet?

A label of date D looks at the days [D, D + horizon): it is ripe at D + horizon, and not before. Rows are read from
published features alone, the same that scoring reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy.typing as npt
import polars as pl

from churn.doors import Doors
from churn.errors import DataError
from churn.raw_days import in_lake, require_unchanged
from churn.stores.parquet import read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Features of all rows of some dates, one label (0 or 1) a row, and a fingerprint a date of what was read."""

    features: pl.DataFrame
    labels: npt.NDArray[Any]
    inputs: dict[str, str]


def read_labelled(doors: Doors, dates: Sequence[date], *, known_at: date) -> Labelled:
    """Returns the rows of `dates` with the labels that were ripe at `known_at`, in the order of date and key.

    Raises:
        TryAgainError: another run brought raw days again meanwhile.
        DataError: a label is not ripe, raw days are missing from its window, or features and labels disagree on who
            was there.
    """
    raw = in_lake(doors)
    parts = [_read(doors, day, known_at) for day in dates]
    require_unchanged(doors, raw, known_at)
    rows = pl.concat([part[0] for part in parts])
    inputs = {name: found for part in parts for name, found in part[1].items()}
    return Labelled(features=rows.drop("label"), labels=rows["label"].to_numpy(), inputs=inputs)


def _read(doors: Doors, day: date, known_at: date) -> tuple[pl.DataFrame, dict[str, str]]:
    key, horizon = doors.dataset.key, doors.dataset.horizon_days
    ripe = day + timedelta(days=horizon)
    where = f"labels {doors.dataset.name} {day}"
    if ripe > known_at:
        raise DataError(
            where=where, found=f"not ripe before {ripe}", action=f"use date={ripe} or later, or earlier rows"
        )
    _require_window(doors, ripe, known_at=known_at, where=where)
    partition = doors.partition("features", day)
    manifest = doors.lake.open(partition, made_by=doors.command("features", day))
    features = read_table(doors.lake.path(partition) / "features.parquet")
    doors.lake.require_unchanged(partition, manifest)
    labels = doors.sql.labels(day, key=key, horizon_days=horizon)
    rows = features.join(labels, on=key, how="inner", maintain_order="left")
    if labels.height != features.height or not rows[key].equals(features[key]):
        found = f"{features.height:,} rows of features, {labels.height:,} labels, {rows.height:,} of them shared"
        raise DataError(where=where, found=found, action="make snapshot.sql and labels.sql take the same population")
    return rows, {str(partition): manifest.content, f"labels/{day}": _sha256(labels)}


def _require_window(doors: Doors, ripe: date, *, known_at: date, where: str) -> None:
    # A gap at the window's end may be the shop's closing days, or the end of the feed: days after it tell which.
    last = in_lake(doors).coverage(known_at).last_day
    if last < ripe - timedelta(days=1):
        found = f"its window ends on {ripe - timedelta(days=1)} and the raw days on {last}"
        raise DataError(where=where, found=found, action="load the missing days, or use earlier dates")


def _sha256(labels: pl.DataFrame) -> str:
    return hashlib.sha256(b"".join(column.to_numpy().tobytes() for column in labels)).hexdigest()
