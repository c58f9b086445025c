"""What a night becomes in a DuckDB file, and when the file is refused."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path

import duckdb
import pytest

from churn.errors import ChurnError, DataError, TryAgainError
from churn.stores.sinks.duckdb_file import DuckdbTable
from tests.stores.sinks.nights import NAME, bench, publish, scores
from tests.stores.sinks.places import DuckdbPlace


def test_a_file_that_another_process_has_open_says_try_again(tmp_path: Path) -> None:
    place = DuckdbPlace(path=tmp_path / "warehouse.duckdb")
    holder = f"import duckdb; c = duckdb.connect({str(place.path)!r}); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(TryAgainError) as failed:
            place.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
        process.communicate(b"\n")
    assert "close it in that process, or run again later" in failed.value.action
    assert place.held() == []


def test_a_table_with_other_columns_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    place = DuckdbPlace(path=tmp_path / "warehouse.duckdb")
    with duckdb.connect(place.path) as connection:
        connection.execute(f"create table scores as select '{NAME}' as dataset, 1::integer as customer_id")
    with pytest.raises(DataError) as refused:
        place.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    assert "no column churn_score (DOUBLE)" in refused.value.found
    assert "customer_id is INTEGER, the scores have BIGINT" in refused.value.found
    with duckdb.connect(place.path) as connection:
        assert connection.execute("select count(*) from scores").fetchall() == [(1,)]


def test_a_rule_of_the_table_that_scores_break_is_told_without_a_customer(tmp_path: Path) -> None:
    place = DuckdbPlace(path=tmp_path / "warehouse.duckdb")
    columns = "dataset varchar, customer_id bigint unique, churn_score double, score_date date"
    with duckdb.connect(place.path) as connection:
        connection.execute(f"create table scores ({columns}, model_version bigint, segment varchar)")
        connection.execute("insert into scores (customer_id) values (123)")
    with pytest.raises(DataError) as refused:
        place.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    assert "123" not in "".join(traceback.format_exception(refused.value))
    with duckdb.connect(place.path) as connection:
        assert connection.execute("select count(*) from scores").fetchall() == [(1,)]


def test_a_table_in_another_schema_and_in_another_order_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "it's a warehouse.duckdb"
    columns = "segment varchar, dataset varchar, customer_id bigint, churn_score double, score_date date"
    with duckdb.connect(path) as connection:
        connection.execute(f"create schema marts; create table marts.scores ({columns}, model_version bigint)")
    DuckdbTable(kind="duckdb", path=path, table="marts.scores").deliver(publish(tmp_path, scores()), bench(tmp_path))
    with duckdb.connect(path) as connection:
        found = connection.execute("select customer_id, segment from marts.scores order by 1").fetchall()
    assert found == scores().select("customer_id", "segment").rows()


@pytest.mark.parametrize(
    ("path", "table", "kind", "action"),
    [
        ("away/warehouse.duckdb", "scores", TryAgainError, "bring its folder there"),
        ("text.duckdb", "scores", DataError, "restore the file"),
        ("warehouse.duckdb", "nowhere.scores", DataError, "correct `table`"),
    ],
)
def test_what_cannot_be_written_says_what_to_do(
    tmp_path: Path, path: str, table: str, kind: type[ChurnError], action: str
) -> None:
    (tmp_path / "text.duckdb").write_text("no database, but a text that is long enough to be taken for one" * 100)
    sink = DuckdbTable(kind="duckdb", path=tmp_path / path, table=table)
    with pytest.raises(kind) as refused:
        sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    assert action in refused.value.action
