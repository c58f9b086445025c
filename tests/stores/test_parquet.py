"""A table passes through memory a chunk at a time."""

from __future__ import annotations

import errno
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from churn.errors import DataError
from churn.stores.parquet import ParquetWriter, read_chunks, read_table, rows_at_a_time, write_table

TABLE = pl.DataFrame({"id": range(10), "name": [None, *"abcdefghi"], "x": [i / 3 for i in range(10)]})


def test_chunks_come_back_as_they_went_in(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with ParquetWriter(path, TABLE.schema) as writer:
        for start in range(0, 10, 4):
            writer.write(TABLE.slice(start, 4))
    assert writer.rows == 10
    assert pq.ParquetFile(path).num_row_groups == 3
    assert [chunk.height for chunk in read_chunks(path, rows=4)] == [4, 4, 2]
    assert_frame_equal(pl.concat(read_chunks(path, rows=4)), TABLE)
    assert_frame_equal(read_table(path), TABLE)
    assert_frame_equal(pl.read_parquet(path), TABLE)


def test_rows_are_cut_by_the_bytes_of_their_texts_as_well(tmp_path: Path) -> None:
    numbers = pl.DataFrame({"id": pl.int_range(20_000, eager=True)})
    texts = numbers.with_columns(text=pl.lit("x" * 1000) + pl.col("id").cast(str))
    for name, table in (("numbers", numbers), ("texts", texts)):
        write_table(tmp_path / name, table)
    assert rows_at_a_time(tmp_path / "numbers", most=15_000) == 10_000
    rows = rows_at_a_time(tmp_path / "texts", most=15_000)
    sizes = [chunk.estimated_size() for chunk in read_chunks(tmp_path / "texts", rows=rows)]
    assert len(sizes) == 2
    assert max(sizes) <= 12 * 2**20


def test_the_same_chunks_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table(tmp_path / name, TABLE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_empty_table_keeps_its_schema(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", TABLE.clear())
    assert_frame_equal(read_table(tmp_path / "t.parquet"), TABLE.clear())


def test_a_chunk_of_another_schema_is_not_written(tmp_path: Path) -> None:
    with ParquetWriter(tmp_path / "t.parquet", TABLE.schema) as writer, pytest.raises(pl.exceptions.SchemaError):
        writer.write(TABLE.drop("x"))


@pytest.mark.parametrize("keep", [0, 4, 200])
def test_a_truncated_file_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, TABLE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"t\.parquet.*not a whole parquet file"):
        list(read_chunks(path, rows=5))
    with pytest.raises(DataError, match=r"t\.parquet"):
        read_table(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told_as_itself_and_not_as_a_file_that_cannot_be_closed() -> None:
    wide = pl.DataFrame({"x": [str(number) for number in range(100_000)]})
    with pytest.raises(OSError, match="No space left") as told, ParquetWriter(Path("/dev/full"), wide.schema) as writer:
        writer.write(wide)
    assert told.value.errno == errno.ENOSPC
