"""Errors of a query that already gives rows, and the size of the chunks that it gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from churn.errors import ChurnError, DataError, SettingsError
from churn.stores.duck import Bench, chunks, duck_errors, keys_twice

if TYPE_CHECKING:
    from churn.stores.duck import Connection


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    return Bench(threads=1, memory="500MB", spill=tmp_path, chunk_rows=10, cache=tmp_path).connect()


def test_chunks_are_of_exactly_the_rows_asked_for_but_the_last(connection: Connection) -> None:
    heights = [chunk.height for chunk in chunks(connection.sql("from range(5000)"), 1500)]
    assert heights == [1500, 1500, 1500, 500]


@pytest.mark.parametrize(
    ("said", "kind", "found"),
    [("it broke", DataError, "it broke"), ("Out of Memory Error: x", SettingsError, "Out of Memory Error: x")],
)
def test_what_goes_wrong_after_the_first_rows_is_told_like_what_goes_wrong_before(
    connection: Connection, said: str, kind: type[ChurnError], found: str
) -> None:
    query = connection.sql(
        f"select case when range = 400000 then error('{said}') else range end as n from range(500000)"
    )
    coming = chunks(query, 1000)
    assert next(coming).height == 1000
    with pytest.raises(kind) as raised, duck_errors("orders", action="restore it"):
        list(coming)
    assert raised.value.where == "orders"
    assert found in raised.value.found


def test_a_long_query_draws_no_progress_bar(connection: Connection) -> None:
    assert connection.execute("select current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_keys_that_stand_twice_are_counted_in_every_file_however_many_there_are_in_one(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("many.parquet", "few.parquet", "none.parquet")]
    for file, twice in zip(files, (1_001, 3, 0), strict=True):
        keys = [*range(2_000), *range(twice)]
        pl.DataFrame({"copies": keys, "date": ["x"] * len(keys)}).write_parquet(file)
    bench = Bench(threads=1, memory="500MB", spill=tmp_path, chunk_rows=10, cache=tmp_path)
    assert keys_twice(bench, files, key=("date", "copies")) == {files[0]: 1_001, files[1]: 3}


def test_a_file_may_have_one_row_where_the_file_is_the_key(tmp_path: Path) -> None:
    bench = Bench(threads=1, memory="500MB", spill=tmp_path, chunk_rows=10, cache=tmp_path)
    pl.DataFrame({"a": [1, 2]}).write_parquet(tmp_path / "two.parquet")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "one.parquet")
    found = keys_twice(bench, [tmp_path / "one.parquet", tmp_path / "two.parquet"], key=())
    assert found == {tmp_path / "two.parquet": 1}
