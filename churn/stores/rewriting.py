"""How does a published file lose some of its rows?

It is written anew, a chunk at a time, in row groups, with the compression and the dictionaries of the old one: what is
left has the bytes that it would have had if those rows had never come.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from churn.errors import DataError
from churn.stores.erased_keys import among, key_column, rows_about
from churn.stores.parquet import ParquetWriter, read_chunks

_SLICE = 1_000_000


def count_about(path: Path, keys: Collection[int], *, key: str, rows: int) -> int:
    """Returns how many rows of a file are about some keys; `rows` at a time are looked at, where they are texts.

    Raises:
        DataError: the file is damaged.
        PermissionError: it is closed to this user.
    """
    try:
        path.open("rb").close()  # polars gives what the system refuses no number
        schema = pl.read_parquet_schema(path)
        column = key_column(schema, key)
        if column is None:
            return 0
        if schema[column] == pl.Int64:
            there = pl.scan_parquet(path, hive_partitioning=False).filter(pl.col(column).is_in(list(keys)))
            return int(there.select(pl.len()).collect().item())
    except PermissionError:
        raise
    except (pl.exceptions.PolarsError, OSError) as error:
        action = "restore the file from a backup, or delete its folder, and run again"
        raise DataError(where=str(path), found="not a whole parquet file", action=action) from error
    has = among(keys)
    return sum(int(rows_about(chunk, column, has).sum()) for chunk in read_chunks(path, rows=rows))


def without(source: Path, target: Path, keys: Collection[int], *, key: str, rows: int) -> int:
    """Writes the rows of a file that are not about some keys to another, and returns how many are left.

    Raises:
        DataError: the file is damaged.
    """
    has, column = among(keys), key_column(pl.read_parquet_schema(source), key)

    def left(chunk: pl.DataFrame) -> pl.DataFrame:
        return chunk if column is None else chunk.filter(~rows_about(chunk, column, has))

    return _write(source, target, left, rows=rows)


def same_rows(one: Path, other: Path) -> bool:
    """Returns whether two files hold the same rows in the same order, whatever their bytes."""
    frames = [pl.scan_parquet(path, hive_partitioning=False) for path in (one, other)]
    counts = {int(frame.select(pl.len()).collect().item()) for frame in frames}
    starts = range(0, max(counts), _SLICE)
    slices = ([frame.slice(start, _SLICE).collect() for frame in frames] for start in starts)
    return len(counts) == 1 and all(first.equals(second) for first, second in slices)


def _write(source: Path, target: Path, left: Callable[[pl.DataFrame], pl.DataFrame], *, rows: int) -> int:
    footer = pq.read_metadata(source)
    groups = [footer.row_group(at) for at in range(footer.num_row_groups)]
    size = groups[0].num_rows if len(groups) > 1 else max(footer.num_rows, 1)
    chunks = map(left, read_chunks(source, rows=rows))
    with ParquetWriter(target, pl.Schema(pl.read_parquet_schema(source)), **_options(groups)) as writer:
        for group in _regrouped(chunks, size):
            writer.write(group)
    return writer.rows


def _options(groups: list[Any]) -> dict[str, Any]:
    """Returns how a file was written, by its first row group."""
    columns = [groups[0].column(at) for at in range(groups[0].num_columns)] if groups else []
    plain = any(not column.has_dictionary_page for column in columns)
    repetitive = [column.path_in_schema for column in columns if column.has_dictionary_page]
    is_lz4 = any(column.compression == "LZ4" for column in columns)
    return {"compression": "lz4" if is_lz4 else "zstd", "repetitive": repetitive if plain else None}


def _regrouped(chunks: Iterable[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(part.height for part in held) >= size:
            whole = pl.concat(held)
            ends = range(0, whole.height - whole.height % size, size)
            yield from (whole.slice(start, size) for start in ends)
            held = [whole.slice(len(ends) * size)]
    if any(part.height for part in held):
        yield pl.concat(held)
