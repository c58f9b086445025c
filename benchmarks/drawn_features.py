"""Features of as many customers as are asked for: `python -m benchmarks.drawn_features ROOT DATE ROWS`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

CHUNK = 200_000
SEED = 1


def main(root: Path, night: date, rows: int) -> None:
    """Publishes so many customers: rows drawn from the business, numbers moved by about 1 %, as its features."""
    from churn.stores.lake import Lake
    from churn.stores.parquet import ParquetWriter, read_table
    from churn.stores.partition import Partition

    lake, small = Lake(root), root / "small.parquet"
    partition = Partition(kind="features", dataset="subscription", day=night)
    if not small.exists():
        small.write_bytes((lake.path(partition) / "features.parquet").read_bytes())
    table, old = read_table(small), lake.open(partition, made_by="stage=features")
    with lake.publish(partition, inputs={**old.inputs, "drawn": str(rows)}) as staging:
        with ParquetWriter(staging.path / "features.parquet", table.schema, compression="lz4") as writer:
            for chunk in _drawn(table, rows):
                writer.write(chunk)
        staging.rows["features.parquet"] = rows


def _drawn(table: pl.DataFrame, rows: int) -> Iterator[pl.DataFrame]:
    import numpy as np
    import polars as pl
    import polars.selectors as cs

    rng = np.random.default_rng(SEED)
    for first in range(0, rows, CHUNK):
        count = min(CHUNK, rows - first)
        chunk = table[rng.integers(0, table.height, count)]
        moved = pl.Series(rng.normal(1, 0.01, count))
        keys = pl.int_range(first + 1, first + count + 1, eager=True)
        yield chunk.with_columns(cs.float() * moved, keys.alias(table.columns[0]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), int(sys.argv[3]))
