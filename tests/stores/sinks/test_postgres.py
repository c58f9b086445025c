"""What a night becomes on a real PostgreSQL server, and what of it is refused."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError
from churn.stores.sinks import postgres as module
from churn.stores.sinks.postgres import PostgresTable
from tests.command import churn, done
from tests.line import Line
from tests.stores.sinks.nights import FIRST, NAME, bench, publish, scores
from tests.stores.sinks.places import VARIABLE, PostgresPlace
from tests.stores.sources.postgres_server import PASSWORD

SECRET = PASSWORD.rpartition("-")[2]
COLUMNS = "dataset text, customer_id int8, churn_score float8, score_date date, model_version int8, segment text"


def told(error: ChurnError) -> str:
    """Everything that a log would show of the error, which never is the secret."""
    text = "".join(traceback.format_exception(error))
    assert SECRET not in text
    return text


def test_a_table_that_is_missing_is_made_with_the_types_of_the_scores_and_an_index_on_the_night(
    postgres: PostgresPlace, tmp_path: Path
) -> None:
    whole, real = pl.col("model_version"), pl.col("churn_score")
    table = scores(rows=2).with_columns(
        whole.cast(pl.Int32).alias("i4"),
        whole.cast(pl.Int16).alias("i2"),
        real.cast(pl.Float32).alias("f4"),
        (whole == 1).alias("is_first"),
        pl.Series("reasons", [["late payment", "é"], None], dtype=pl.List(pl.String)),
    )
    postgres.sink.deliver(publish(tmp_path, table), bench(tmp_path))
    with postgres.server.owner.cursor() as cursor:
        cursor.execute(
            "select column_name::text, data_type::text from information_schema.columns"
            " where table_name = 'scores' and table_schema = 'marts' order by ordinal_position"
        )
        assert cursor.fetchall() == [
            ("dataset", "text"),
            ("customer_id", "bigint"),
            ("churn_score", "double precision"),
            ("score_date", "date"),
            ("model_version", "bigint"),
            ("segment", "text"),
            ("i4", "integer"),
            ("i2", "smallint"),
            ("f4", "real"),
            ("is_first", "boolean"),
            ("reasons", "ARRAY"),
        ]
        cursor.execute("select indexdef from pg_indexes where schemaname = 'marts'")
        assert "(dataset, score_date)" in cursor.fetchone()[0]
        cursor.execute("select dataset, i4, i2, f4 = churn_score::real, is_first, reasons from marts.scores")
        assert cursor.fetchall() == [(NAME, 1, 1, True, True, ["late payment", "é"]), (NAME, 1, 1, True, True, None)]


def test_a_table_that_stands_is_filled_whatever_the_order_of_its_columns(
    postgres: PostgresPlace, tmp_path: Path
) -> None:
    reversed_ = ", ".join(reversed(COLUMNS.split(", ")))
    postgres.server.run(f"create table marts.scores ({reversed_}, primary key (dataset, score_date, customer_id))")
    for version in (1, 2):
        postgres.sink.deliver(publish(tmp_path, scores(version=version)), bench(tmp_path))
        assert postgres.held() == scores(version=version).rows()


def test_a_table_without_its_schema_is_found_and_made_along_the_search_path(
    postgres: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgres.server.dsn() + "?options=-csearch_path%3Dmarts")
    sink = PostgresTable(kind="postgres", dsn_variable=VARIABLE, table="scores")
    for version in (1, 2):
        sink.deliver(publish(tmp_path, scores(version=version)), bench(tmp_path))
    assert postgres.held() == scores(version=2).rows()


def test_rows_of_another_dataset_on_that_day_stay(postgres: PostgresPlace, tmp_path: Path) -> None:
    postgres.server.run(
        f"create table marts.scores ({COLUMNS}); insert into marts.scores values"
        f" ('other''s', 1, 0.5, '{FIRST}', 1, 'high'), ('{NAME}', 2, 0.5, '{FIRST}', 1, '')"
    )
    postgres.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    assert postgres.server.count("marts.scores") == 251
    assert postgres.server.count("marts.scores where dataset = 'other''s'") == 1


def test_a_table_with_other_columns_is_refused_and_left_as_it_is(postgres: PostgresPlace, tmp_path: Path) -> None:
    columns = COLUMNS.replace("model_version int8", "model_version int4").replace("segment text", "note text")
    postgres.server.run(f"create table marts.scores ({columns}); insert into marts.scores (dataset) values ('{NAME}')")
    with pytest.raises(DataError) as refused:
        postgres.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    assert "no column segment (text)" in told(refused.value)
    assert "model_version is int4, the scores have int8" in refused.value.found
    assert "note is no column of the scores" in refused.value.found
    assert postgres.server.count("marts.scores") == 1


def test_two_deliveries_of_one_night_at_once_wait_for_each_other(
    postgres: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = publish(tmp_path, scores())
    postgres.sink.deliver(night, bench(tmp_path))
    copy, begun = module._copy, threading.Event()
    waiting = "pg_locks where locktype = 'advisory' and not granted"

    def wait_for_the_other(*arguments: object, **named: object) -> None:
        if not begun.is_set():  # the first has deleted, and sees the second come to the lock before it goes on
            begun.set()
            late = time.monotonic() + 20
            while not postgres.server.count(waiting):
                assert time.monotonic() < late, "nobody waits"
                time.sleep(0.005)
        copy(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_copy", wait_for_the_other)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(postgres.sink.deliver, night, bench(tmp_path))
        assert begun.wait(20)
        second = pool.submit(postgres.sink.deliver, night, bench(tmp_path))
        first.result()
        second.result()
    assert postgres.held() == scores().rows()


def test_a_server_that_dies_within_the_copy_has_the_night_before_it(
    postgres: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    copy, copied = module._copy, []

    def die_after_one(*arguments: object, **named: object) -> None:
        copy(*arguments, **named)  # type: ignore[arg-type]
        copied.append(1)
        if len(copied) == 1:
            postgres.server.stop(signal.SIGQUIT)

    monkeypatch.setattr(module, "_copy", die_after_one)
    night = publish(tmp_path, scores(version=2))
    with pytest.raises(TryAgainError) as failed:
        postgres.sink.deliver(night, bench(tmp_path))
    assert "WAREHOUSE" in told(failed.value)
    postgres.server.start()
    assert postgres.held() == scores().rows()
    postgres.sink.deliver(night, bench(tmp_path))
    assert postgres.held() == scores(version=2).rows()


@pytest.mark.parametrize(
    ("table", "grants", "found"),
    [
        ("nowhere.scores", "", "no such schema"),
        ("marts.scores", "", "may not write it"),
        ("marts.scores", "grant usage, create on schema marts to writer", None),
    ],
)
def test_what_the_user_may_not_do_is_told_with_the_rights_that_it_takes(
    postgres: PostgresPlace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    grants: str,
    found: str | None,
) -> None:
    role = "do $$ begin if not exists (select from pg_roles where rolname = 'writer') then"
    postgres.server.run(f"{role} create role writer login password 'writer'; end if; end $$; {grants}")
    monkeypatch.setenv(VARIABLE, postgres.server.dsn(user="writer", password="writer"))
    sink = PostgresTable(kind="postgres", dsn_variable=VARIABLE, table=table)
    night = publish(tmp_path, scores())
    if found is None:
        sink.deliver(night, bench(tmp_path))
        assert postgres.held() == scores().rows()
    else:
        with pytest.raises(SettingsError, match=found) as refused:
            sink.deliver(night, bench(tmp_path))
        told(refused.value)


def test_a_server_that_cancels_the_very_first_query_says_try_again(
    postgres: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgres.server.dsn() + "?options=-cstatement_timeout%3D1")
    night = publish(tmp_path, scores())
    with pytest.raises(TryAgainError, match="raise statement_timeout") as stopped:
        postgres.sink.deliver(night, bench(tmp_path))
    told(stopped.value)


def test_a_night_for_a_server_that_is_down_is_sent_again_by_its_stage(
    postgres: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, scores())
    fields = {"kind": "postgres", "dsn_variable": VARIABLE, "table": "marts.scores"}
    asked = (
        "stage=deliver",
        f"date={FIRST}",
        *(f"+dataset.sinks.warehouse.{key}={text}" for key, text in fields.items()),
    )
    with postgres.down():
        ran = churn(*asked, root=tmp_path)
    assert ran.code == 75
    assert f"{NAME} {FIRST}: published, and sink warehouse has not got it" in ran.err
    assert f"python -m churn stage=deliver dataset={NAME} date={FIRST}" in ran.err
    assert f"python -m churn stage=deliver dataset={NAME} date={FIRST}" in ran.out
    again = done(*asked, root=tmp_path)
    assert postgres.held() == scores().rows()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in files)
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert SECRET not in ran.out + ran.err + again.out + again.err


@pytest.mark.parametrize("after", [0, 900, 20_000])
def test_a_server_that_hangs_up_while_it_is_greeted_says_try_again(
    postgres: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    line = Line(postgres.server.port, both_ways=True)
    line.fail_after(after)
    monkeypatch.setenv(VARIABLE, postgres.server.dsn().replace(str(postgres.server.port), str(line.port)))
    with pytest.raises(TryAgainError, match=r"broke off|does not answer"):
        postgres.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    line.close()
