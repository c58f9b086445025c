"""What stands in a value, a column's name or a table's name is never read as SQL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

from churn.stores.sinks.duckdb_file import DuckdbTable
from churn.stores.sinks.postgres import PostgresTable
from tests.stores.sinks.nights import bench, publish, scores
from tests.stores.sinks.places import VARIABLE, PostgresPlace

HOSTILE = "'; drop table bystander; --"
COLUMN = '"cust"omer\'; drop table bystander; --"'
TABLE = "sco\"res'; drop table bystander; --"
HELD = [(HOSTILE, HOSTILE), (HOSTILE, "\"\\'")]
QUERY = 'select dataset, {} from {} order by "model_version"'


def hostile() -> pl.DataFrame:
    """Two rows of scores whose key and its name would end a text, or an identifier, that is not quoted."""
    keys = pl.Series(COLUMN, [key for _, key in HELD])
    return scores(rows=2).with_columns(keys, model_version=pl.int_range(2)).drop("customer_id")


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_duckdb_takes_hostile_values_and_names_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "ware'house; drop.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table bystander as select 1 as one")
    sink = DuckdbTable(kind="duckdb", path=path, table=TABLE)
    for _ in range(2):
        sink.deliver(replace(publish(tmp_path, hostile()), dataset=HOSTILE), bench(tmp_path))
    with duckdb.connect(path) as connection:
        assert connection.execute(QUERY.format(identifier(COLUMN), identifier(TABLE))).fetchall() == HELD
        assert connection.execute("from bystander").fetchall() == [(1,)]


def test_postgres_takes_hostile_values_and_names_as_they_are(
    postgres: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.server.run("create table marts.bystander as select 1 as one")
    monkeypatch.setenv(VARIABLE, postgres.server.dsn() + "?options=-csearch_path%3Dmarts")
    sink = PostgresTable(kind="postgres", dsn_variable=VARIABLE, table=f"marts.{TABLE}")
    for _ in range(2):
        sink.deliver(replace(publish(tmp_path, hostile()), dataset=HOSTILE), bench(tmp_path))
    with postgres.server.owner.cursor() as cursor:
        cursor.execute(QUERY.format(identifier(COLUMN), f"marts.{identifier(TABLE)}"))
        assert cursor.fetchall() == HELD
    assert postgres.server.count("marts.bystander") == 1
