"""Published nights of a few thousand rows, without a model, and what a run needs to deliver them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import polars as pl

from churn.deliveries import SCORES, Courier
from churn.doors import Doors
from churn.settings import Resources, Settings
from churn.stores.duck import Bench
from churn.stores.lake import Lake, Partition
from churn.stores.parquet import ParquetWriter
from churn.stores.sinks import Sink
from churn.stores.sinks.night import Night

NAME = "subscription"
FIRST, SECOND = date(2026, 1, 5), date(2026, 1, 6)
CHUNK = 100
RESOURCES = Resources(threads=1, memory="1GB", spill=Path(".spill"), chunk_rows=CHUNK)


def scores(*, day: date = FIRST, rows: int = 250, version: int = 1) -> pl.DataFrame:
    """Returns a night's scores; another version's are other ones."""
    number = pl.int_range(rows, eager=True)
    return pl.DataFrame(
        {
            "customer_id": number,
            "churn_score": (number + version) % 97 / 97,
            "score_date": pl.repeat(day, rows, dtype=pl.Date, eager=True),
            "model_version": pl.repeat(version, rows, dtype=pl.Int64, eager=True),
            "segment": pl.Series(["high", 'mid, "b"', "é"]).gather(number % 3),
        }
    )


def publish(root: Path, table: pl.DataFrame, *, day: date = FIRST) -> Night:
    """Publishes a night of the lake, as scoring does, and returns it."""
    lake, partition = Lake(root), Partition(kind="predictions", dataset=NAME, day=day)
    inputs = {"scores": str(table.hash_rows().sum())}
    with lake.publish(partition, inputs=inputs) as staging:
        with ParquetWriter(staging.path / SCORES, table.schema) as writer:
            for chunk in table.iter_slices(max(CHUNK, table.height // 10)):
                writer.write(chunk)
        staging.rows[SCORES] = table.height
    manifest = lake.manifest(partition)
    assert manifest is not None
    return Night(dataset=NAME, day=day, file=lake.path(partition) / SCORES, manifest=manifest)


def bench(root: Path) -> Bench:
    return Bench(threads=1, memory="1GB", spill=root / ".spill", chunk_rows=CHUNK, cache=root / ".cache")


def courier(root: Path, *, again: bool = False, **sinks: Sink) -> Courier:
    """Returns a courier to some sinks, by name."""
    dataset = SimpleNamespace(name=NAME, sinks=sinks)
    settings = SimpleNamespace(root=root, resources=RESOURCES, dataset=dataset, run="20260105T040000-deliver-1")
    return Courier(Doors(cast("Settings", settings)), again=again)
