"""Which rows have an answer yet?

A label of date D looks at the days [D, D + horizon): it is ripe at D + horizon, and not before. Rows are read from
published features alone, the same that scoring reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from churn.dates import first_gap
from churn.doors import Doors
from churn.errors import DataError
from churn.raw_days import RawDays, in_lake, require_unchanged, require_whole
from churn.settings.stages import OutcomesStage
from churn.stores.parquet import read_table
from churn.stores.partition import fingerprint
from churn.training.hashing import Ints, buckets
from churn.training.split import BUCKETS, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Features, label, customer and date of the rows of a part, and a fingerprint a date of what was read.

    `raw_days` are the raw days of the label windows, as `tables/<day>`, each with the content that was read.
    """

    features: pl.DataFrame
    labels: npt.NDArray[Any]
    customers: Ints
    days: npt.NDArray[np.datetime64]
    inputs: dict[str, str]
    raw_days: dict[str, str]

    def positions(self, part: Part) -> Ints:
        """Returns the positions of the rows that belong to a part of these, ascending."""
        there = np.isin(self.days, np.array(part.dates, dtype="datetime64[D]"))
        return np.flatnonzero(there & _among(self.customers, part))


def read_labelled(doors: Doors, part: Part, *, known_at: date) -> Labelled:
    """Returns the rows of a part with the labels that were ripe at `known_at`, in the order of date and key.

    Raises:
        TryAgainError: another run brought raw days again meanwhile.
        DataError: a label is not ripe, raw days are missing from its window or are not as they were published,
            features and labels disagree on who was there, or none of the part's customers was.
    """
    raw, horizon = in_lake(doors), timedelta(days=doors.dataset.horizon_days)
    require_ripe(doors, raw, part.dates, known_at=known_at)
    require_whole(doors, raw, max(part.dates) + horizon)
    parts = [_read(doors, day) for day in part.dates]
    require_unchanged(doors, raw, known_at)
    rows = pl.concat([found for found, _ in parts])
    days = np.repeat(np.array(part.dates, dtype="datetime64[D]"), [found.height for found, _ in parts])
    chosen = _among(rows[doors.dataset.key].to_numpy(), part)
    if not chosen.any():
        found = f"none of {rows.height:,} rows falls into the part's buckets of customers"
        raise DataError(where=f"labels {doors.dataset.name}", found=found, action="give the part a larger share")
    rows = rows.filter(chosen)
    return Labelled(
        features=rows.drop("label"),
        labels=rows["label"].to_numpy(),
        customers=rows[doors.dataset.key].to_numpy(),
        days=days[chosen],
        inputs={name: found for _, inputs in parts for name, found in inputs.items()},
        raw_days={name: content for day in part.dates for name, content in window_inputs(raw, day, horizon).items()},
    )


def require_ripe(doors: Doors, raw: RawDays, dates: Sequence[date], *, known_at: date) -> None:
    """Returns nothing where the labels of all dates were ripe at `known_at`, with every raw day of their windows.

    Raises:
        DataError: some are not ripe (how many, the first and the last), or raw days are missing from a window.
    """
    horizon = timedelta(days=doors.dataset.horizon_days)
    unripe = [day for day in sorted(dates) if day + horizon > known_at]
    if unripe:
        span = str(unripe[0]) if len(unripe) == 1 else f"{unripe[0]} to {unripe[-1]}"
        found = f"{len(unripe)} of {len(dates)} dates not ripe at {known_at}: {span}"
        later = f"the others once raw days up to {unripe[-1] + horizon - timedelta(days=1)} are there"
        if not isinstance(doors.settings.stage, OutcomesStage):
            later = f"or date={unripe[-1] + horizon} or later"
        action = f"use dates up to {known_at - horizon}, {later}"
        raise DataError(where=f"labels {doors.dataset.name}", found=found, action=action)
    for day in dates:
        _require_window(doors, raw, day, known_at=known_at)


def window_inputs(raw: RawDays, day: date, horizon: timedelta) -> dict[str, str]:
    """Returns the raw days of the label window [day, day + horizon), each with its content."""
    before = raw.inputs(day)
    return {name: content for name, content in raw.inputs(day + horizon).items() if name not in before}


def read_protected(doors: Doors, rows: Labelled) -> pl.DataFrame | None:
    """Returns the protected attributes of labelled rows, one row each in their order; None where none is declared.

    For the fairness evaluation alone: no model and no published file sees them. What the SQL does not know is null.

    Raises:
        DataError: the dataset's `protected.sql` lacks an attribute that is declared, or gives a customer twice.
    """
    names = doors.dataset.protected
    if not names:
        return None
    asked = pl.DataFrame({doors.dataset.key: rows.customers, "day": rows.days})
    found = [_protected(doors, day.item()).with_columns(pl.lit(day).alias("day")) for day in np.unique(rows.days)]
    joined = asked.join(pl.concat(found), on=[doors.dataset.key, "day"], how="left", maintain_order="left")
    if joined.height != asked.height:
        action = "make protected.sql give one row a customer"
        raise DataError(where=f"protected {doors.dataset.name}", found="a customer twice", action=action)
    return joined.select(names)


def _protected(doors: Doors, day: date) -> pl.DataFrame:
    dataset = doors.dataset
    found = doors.sql.protected(day, key=dataset.key, horizon_days=dataset.horizon_days)
    missing = [name for name in (dataset.key, *dataset.protected) if name not in found.columns]
    if missing:
        where, action = f"sql/{dataset.name}/protected.sql", f"select it; it gives {', '.join(found.columns)}"
        raise DataError(where=where, found=f"no column {missing[0]}", action=action)
    return found.select(dataset.key, *dataset.protected)


def table_fingerprint(train: Part, test: Part, inputs: Mapping[str, str]) -> str:
    """Returns the fingerprint of a training table: which rows it has, and what their features and labels hold.

    `inputs` are those of the rows; more of them change nothing.
    """
    days = {str(day) for part in (train, test) for day in part.dates}
    read = {name: content for name, content in inputs.items() if name.split("/")[0] in {"features", "labels"}}
    own = {name: content for name, content in read.items() if name.rpartition("/")[2].removeprefix("date=") in days}
    return fingerprint([train.to_json(), test.to_json(), own])


def _among(customers: Ints, part: Part) -> npt.NDArray[np.bool_]:
    if part.buckets is None:
        return np.ones(len(customers), dtype=bool)
    return np.isin(buckets(customers, BUCKETS), part.buckets)


def _read(doors: Doors, day: date) -> tuple[pl.DataFrame, dict[str, str]]:
    key, horizon = doors.dataset.key, doors.dataset.horizon_days
    partition = doors.partition("features", day)
    manifest = doors.lake.open(partition, made_by=doors.command("features", day))
    features = read_table(doors.lake.path(partition) / "features.parquet")
    doors.lake.require_unchanged(partition, manifest)
    labels = doors.sql.labels(day, key=key, horizon_days=horizon)
    rows = features.join(labels, on=key, how="inner", maintain_order="left")
    if labels.height != features.height or not rows[key].equals(features[key]):
        found = f"{features.height:,} rows of features, {labels.height:,} labels, {rows.height:,} of them shared"
        action = "make snapshot.sql and labels.sql take the same population"
        raise DataError(where=_where(doors, day), found=found, action=action)
    return rows, {str(partition): manifest.content, f"labels/{day}": _sha256(labels)}


def _require_window(doors: Doors, raw: RawDays, day: date, *, known_at: date) -> None:
    ripe, allowed = day + timedelta(days=doors.dataset.horizon_days), doors.settings.dataset.max_gap_days
    # A gap at the window's end may be the shop's closing days, or the end of the feed: days after it tell which.
    last, action = raw.coverage(known_at).last_day, "load the missing days, or use earlier dates"
    if last < ripe - timedelta(days=1):
        found = f"its window ends on {ripe - timedelta(days=1)} and the raw days on {last}"
        raise DataError(where=_where(doors, day), found=found, action=action)
    gap = first_gap(_around(raw, day, ripe), allowed_days=allowed)
    if gap:
        found = f"no raw day between {gap[0]} and {gap[1]}"
        raise DataError(where=_where(doors, day), found=found, action=action)


def _around(raw: RawDays, first: date, end: date) -> Iterator[date]:
    """Yields the raw days of [first, end), and the last before and the first after it, where there are any."""
    before, after = [day for day in raw.manifests if day < first], [day for day in raw.manifests if day >= end]
    yield from (*before[-1:], *(day for day in raw.manifests if first <= day < end), *after[:1])


def _where(doors: Doors, day: date) -> str:
    return f"labels {doors.dataset.name} {day}"


def _sha256(labels: pl.DataFrame) -> str:
    return hashlib.sha256(b"".join(column.to_numpy().tobytes() for column in labels)).hexdigest()
