"""How does a table of any size pass through bounded memory?

One parquet file a table, written and read a chunk at a time: each chunk becomes one row group, so that the same chunks
give the same bytes, and memory is set by the chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from errno import ENOENT
from functools import cache
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from churn.errors import DataError

_MOST_BYTES = 12 * 2**20
_BUFFER_BYTES = 2**16  # of each column at a time, so that a row group of any size is streamed
_ZSTD_LEVEL = -1  # two thirds of the time of level 1, for files of scores that are 6 % larger
_DICTIONARY_BYTES = 2**18  # a column of more distinct values is better off without


class ParquetWriter:
    """Writes chunks of one schema as the row groups of one file; `rows` counts what was written.

    `repetitive` names the columns whose values come again and again (None: all may), so that the others are not looked
    through for it. `compression`: what is read again every night is read faster from lz4, and is an eighth larger.
    """

    def __init__(
        self,
        path: Path,
        schema: pl.Schema,
        *,
        repetitive: Sequence[str] | None = None,
        compression: Literal["zstd", "lz4"] = "zstd",
    ) -> None:
        self.rows = 0
        self._schema = schema
        dictionary: Any = True if repetitive is None else list(repetitive)
        arrow = _arrow_schema(tuple(schema.items()))
        self._writer = pq.ParquetWriter(
            path,
            arrow,
            compression=compression,
            compression_level=_ZSTD_LEVEL if compression == "zstd" else None,
            use_dictionary=dictionary,
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
            store_schema=not any(map(pa.types.is_dictionary, arrow.types)),  # a level is read as the text that it is
        )

    def write(self, chunk: pl.DataFrame) -> None:
        """Appends the chunk as one row group."""
        self._writer.write_table(_arrow(chunk.match_to_schema(self._schema)), row_group_size=max(chunk.height, 1))
        self.rows += chunk.height

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # what was not written well cannot be ended well, and its own error says why
        with suppress(OSError, pa.ArrowInvalid) if error else nullcontext():
            self._writer.close()


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Writes a small table as one file of one row group."""
    with ParquetWriter(path, table.schema) as writer:
        writer.write(table)


def read_chunks(path: Path, *, rows: int, categories: Sequence[str] = ()) -> Iterator[pl.DataFrame]:
    """Yields the file's rows in order, at most `rows` at a time and never from two row groups at once.

    Texts of the columns named in `categories` come as Categorical: each level is read once, and not once a row.

    Raises:
        DataError: the file is not parquet, or is cut short.
    """
    options: dict[str, Any] = {"buffer_size": _BUFFER_BYTES, "read_dictionary": list(categories)}
    with _parquet_errors(path), pq.ParquetFile(path, **options) as file:
        for group in range(file.num_row_groups):  # one reader for all would keep what it read of each
            for batch in file.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
                yield pl.DataFrame(pa.Table.from_batches([batch]))  # pa.table would import pandas


def rows_at_a_time(path: Path, *, most: int) -> int:
    """Returns into how many rows each row group of a file is best cut: `most`, or as many as 12 MiB hold.

    A row counts as 8 bytes a column, or as what it takes in the file before compression where that is more (texts).

    Raises:
        DataError: the file is not parquet, or is cut short.
    """
    with _parquet_errors(path):
        found = pq.read_metadata(path)
    group = found.row_group(0).num_rows if found.num_row_groups else 0
    most = max(1, min(most, int(_MOST_BYTES / max(8 * found.num_columns, _row_bytes(found), 1))))
    return ceil(group / ceil(group / most)) if group else most


def _row_bytes(footer: pq.FileMetaData) -> float:
    """Returns what a row of the heaviest row group takes before compression."""
    groups = map(footer.row_group, range(footer.num_row_groups))
    return max((group.total_byte_size / group.num_rows for group in groups if group.num_rows), default=0.0)


def row_count(path: Path) -> int:
    """Returns how many rows a file holds, by its footer.

    Raises:
        DataError: the file is not parquet, or is cut short.
    """
    with _parquet_errors(path):
        return int(pq.read_metadata(path).num_rows)


def read_table(path: Path) -> pl.DataFrame:
    """Returns a whole table; for those whose size is set by the question, not by the customers (see `read_chunks`).

    Raises:
        DataError: the file is not parquet, or is cut short.
    """
    with _parquet_errors(path):
        return pl.DataFrame(pq.read_table(path, partitioning=None))


@cache
def _arrow_schema(columns: tuple[tuple[str, pl.DataType], ...]) -> pa.Schema:
    return _arrow(pl.DataFrame(schema=dict(columns))).schema


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno not in {None, ENOENT}:  # the disk's fault, and not the file's
            raise
        found = f"not a whole parquet file ({str(error).splitlines()[0]})"
        raise DataError(where=str(path), found=found, action="restore the file, or make it again") from error
