"""Tables of a real PostgreSQL server; every expected row and count is worked by hand, or DuckDB says the same."""

from __future__ import annotations

import logging
import signal
import socket
import struct
import threading
import time
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError
from churn.features.raw import RAW_DAY, Column, Kind, RawTable
from churn.stores.duck import Bench
from churn.stores.sources.duckdb_file import DuckdbFile
from churn.stores.sources.postgres import Postgres
from churn.stores.sources.sql_table import SqlTable
from tests.stores.sources.postgres_server import PASSWORD, Server, running_server

VARIABLE = "CHURN_TEST_DSN"
FIRST, SECOND, THIRD = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
VISITS = RawTable(
    name="visits",
    day="day",
    columns=(
        Column(name="who", dtype="text", nullable=True),
        Column(name="day", dtype="date"),
        Column(name="pages", dtype="integer", nullable=True),
    ),
)
FILL = """
create table shop.visits (pages bigint, day date, note varchar, who varchar);
insert into shop.visits values
    (1, '2026-01-02', 'x', 'b'), (2, '2026-01-01', 'x', 'é'), (null, '2026-01-01', 'x', 'B'),
    (9, '2026-01-01', 'x', 'B'), (3, '2026-01-01', 'x', null), (4, '2026-01-01', 'x', 'a');
"""
LONG = """
create schema depot;
create unlogged table depot.long with (parallel_workers = 0) as
select date '2026-01-01' as day, lpad(i::text, 400, 'x') as v from generate_series(1, 100000) as r (i)
"""
SECRET = PASSWORD.rpartition("-")[2]
COPYING = "query like 'COPY (select case%depot%long%'"


def contract(name: str, dtype: Kind, *, day: str = "day") -> RawTable:
    return RawTable(name="t", day=day, columns=(Column(name=name, dtype=dtype),))


@dataclass(kw_only=True)
class Shop:
    """An empty schema `shop` on a server, and what is read of its table `visits`, or another."""

    server: Server
    folder: Path

    def run(self, sql: str) -> None:
        self.server.run(sql)

    def source(self, table: str) -> Postgres:
        return Postgres(kind="postgres", dsn_variable=VARIABLE, table=table)

    def bench(self, rows: int = 100) -> Bench:
        return Bench(threads=1, memory="1GB", spill=self.folder, chunk_rows=rows, cache=self.folder)

    def days(self, contract: RawTable = VISITS, *, table: str = "shop.visits") -> dict[date, str]:
        return self.source(table).days(contract, self.bench())

    def read(
        self, contract: RawTable = VISITS, *, table: str = "shop.visits", rows: int = 100, last: date = THIRD
    ) -> Generator[pl.DataFrame, None, None]:
        yield from self.source(table).read(contract, first=FIRST, last=last, bench=self.bench(rows))

    def rows(self, contract: RawTable = VISITS, *, table: str = "shop.visits") -> list[tuple[object, ...]]:
        return pl.concat(self.read(contract, table=table)).rows()

    def one_row(self, cells: Sequence[tuple[str, Kind]]) -> RawTable:
        """Returns the declaration of a new table `shop.t` of one row on FIRST, its columns v0, v1, ... as SQL says."""
        columns = ", ".join(f"{sql} as v{place}" for place, (sql, _) in enumerate(cells))
        self.run(f"create table shop.t as select date '2026-01-01' as day, {columns}")
        declared = tuple(Column(name=f"v{place}", dtype=dtype) for place, (_, dtype) in enumerate(cells))
        return RawTable(name="t", day="day", columns=declared)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        running.run(LONG)
        yield running


@pytest.fixture
def shop(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv(VARIABLE, server.dsn())
    server.run(f"set lock_timeout = '10s'; drop schema if exists shop cascade; create schema shop; {FILL}")
    return Shop(server=server, folder=tmp_path)


def test_rows_come_by_day_then_by_columns_in_declared_order_with_text_by_code_point_and_nulls_last(shop: Shop) -> None:
    (chunk,) = shop.read()
    assert chunk.schema == {RAW_DAY: pl.Date, "who": pl.String, "day": pl.Date, "pages": pl.Int64}
    assert chunk.rows() == [
        (FIRST, "B", FIRST, 9),
        (FIRST, "B", FIRST, None),
        (FIRST, "a", FIRST, 4),
        (FIRST, "é", FIRST, 2),
        (FIRST, None, FIRST, 3),
        (SECOND, "b", SECOND, 1),
    ]


def test_all_chunks_but_the_last_have_the_asked_number_of_rows(shop: Shop) -> None:
    chunks = list(shop.read(rows=4))
    assert [chunk.height for chunk in chunks] == [4, 2]
    assert pl.concat(chunks).equals(pl.concat(shop.read()))


def test_days_outside_of_first_and_last_are_not_read(shop: Shop) -> None:
    assert {row[0] for row in pl.concat(shop.read(last=FIRST)).rows()} == {FIRST}
    assert list(shop.source("shop.visits").read(VISITS, first=THIRD, last=THIRD, bench=shop.bench())) == []


def test_every_day_with_rows_has_a_fingerprint_in_order(shop: Shop) -> None:
    days = shop.days()
    assert list(days) == [FIRST, SECOND]
    assert all(len(text) == 64 and int(text, 16) for text in days.values())


@pytest.mark.parametrize(
    "change",
    [
        "update shop.visits set pages = 5 where who = 'a'",
        "update shop.visits set who = 'c' where who = 'a'",
        "delete from shop.visits where who = 'a'",
        "insert into shop.visits select * from shop.visits where who = 'a'",
        "update shop.visits set pages = case who when 'a' then 2 else 4 end where who in ('a', 'é')",
        "update shop.visits set pages = null, who = '3' where who is null",
    ],
)
def test_a_change_of_a_days_rows_changes_the_fingerprint_of_that_day_alone(shop: Shop, change: str) -> None:
    before = shop.days()
    shop.run(change)
    after = shop.days()
    assert (after[FIRST] != before[FIRST], after[SECOND]) == (True, before[SECOND])


def test_a_fingerprint_does_not_depend_on_the_order_of_rows_and_columns_nor_on_undeclared_columns(shop: Shop) -> None:
    before = shop.days()
    shop.run("create table shop.anew as select who, pages, day, 'y' as note from shop.visits order by pages")
    assert shop.days(table="shop.anew") == before


def test_neither_rows_nor_fingerprints_depend_on_how_the_users_session_is_set(shop: Shop) -> None:
    table = shop.one_row([("1.1::float8 + 2.2", "number"), ("timestamptz '2026-01-01 00:30:00+02'", "timestamp")])
    before = (shop.days(table, table="shop.t"), shop.rows(table, table="shop.t"))
    shop.run(
        "alter role owner set timezone = 'Asia/Tokyo'; alter role owner set datestyle = 'German';"
        "alter role owner set extra_float_digits = -10; alter role owner set search_path = ''"
    )
    try:
        assert (shop.days(table, table="shop.t"), shop.rows(table, table="shop.t")) == before
    finally:
        shop.run("alter role owner reset all")


def test_duckdb_brings_the_same_rows_of_the_same_table(shop: Shop) -> None:
    fill = """
    create table shop.same
        (day timestamptz, word text, price float8, paid numeric(12, 2), fine boolean, seen timestamp);
    insert into shop.same values
        ('2026-01-01 23:30:00-05', 'Zebra', 'nan', 1.10, true, '1969-12-31 23:59:59.999999'),
        ('2026-01-02 00:00:00+00', 'apple', 'inf', -1.10, false, '2026-01-01 10:00:00'),
        ('2026-01-02 00:00:00+00', 'Äpfel', '-inf', null, null, null),
        ('2026-01-02 00:00:00+00', '𝄞', -0.5, 0, null, null),
        ('2026-01-02 00:00:00+00', '', null, 12345678.91, true, null),
        ('2026-01-02 00:00:00+00', null, 0, 0, true, null),
        ('2026-01-01 00:00:00+00', '2', 1e-300, 0, true, null), ('2026-01-01 00:00:00+00', '10', 1, 0, true, null);
    """
    kinds: dict[str, Kind] = {
        "word": "text",
        "price": "number",
        "paid": "number",
        "fine": "boolean",
        "seen": "timestamp",
    }
    columns = tuple(Column(name=name, dtype=kind) for name, kind in kinds.items())
    table = RawTable(name="same", day="day", columns=columns)
    shop.run(fill)
    file = shop.folder / "same.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create schema shop; {fill}")
    duck = DuckdbFile(kind="duckdb", path=file, table="shop.same")
    there = pl.concat(duck.read(table, first=FIRST, last=THIRD, bench=shop.bench()))
    here = pl.concat(shop.read(table, table="shop.same"))
    assert here.equals(there)
    assert here.schema == there.schema
    assert here["word"].to_list() == ["10", "2", "", "Zebra", "apple", "Äpfel", "𝄞", None]
    assert list(shop.days(table, table="shop.same")) == list(duck.days(table, shop.bench())) == [FIRST, SECOND]


def test_values_arrive_whole_for_the_contract_to_judge(shop: Shop) -> None:
    shop.run(
        "create type shop.mood as enum ('b', 'Ab'); create domain shop.word as shop.mood;"
        "create domain shop.name as shop.word; create domain shop.count as int check (value > 0)"
    )
    moment = datetime.fromisoformat
    cells: list[tuple[str, Kind, object]] = [
        ("7::int2", "integer", 7),
        ("9223372036854775807", "integer", 9223372036854775807),
        ("7::shop.count", "integer", 7),
        ("7::numeric", "integer", 7.0),
        ("7.5::numeric(9, 2)", "integer", 7.5),
        ("7.5::float4", "integer", 7.5),
        ("7", "number", 7),
        ("7.25::numeric", "number", 7.25),
        ("'-Infinity'::numeric", "number", float("-inf")),
        ("'Ab'::text", "text", "Ab"),
        ("'Ab'::char(5)", "text", "Ab"),
        ("'Ab'::shop.mood", "text", "Ab"),
        ("'Ab'::shop.name", "text", "Ab"),
        ("true", "boolean", True),
        ("date '2025-02-03'", "date", date(2025, 2, 3)),
        ("'2025-02-03'::varchar", "date", "2025-02-03"),
        ("timestamp '2025-02-03 10:00:00.000001'", "date", moment("2025-02-03T10:00:00.000001")),
        ("timestamptz '2025-02-03 23:30:00-05'", "timestamp", moment("2025-02-04T04:30")),
        ("date '2025-02-03'", "timestamp", date(2025, 2, 3)),
        ("null::integer", "integer", None),
    ]
    table = shop.one_row([(sql, dtype) for sql, dtype, _ in cells])
    assert shop.rows(table, table="shop.t") == [(FIRST, *(value for *_, value in cells))]
    assert list(shop.days(table, table="shop.t")) == [FIRST]


def test_types_that_cannot_hold_what_is_declared_stop_and_are_all_named(shop: Shop) -> None:
    cells: list[tuple[str, Kind, str]] = [
        ("'7'::text", "integer", "text"),
        ("true", "integer", "bool"),
        ("array[1]", "integer", "_int4"),
        ("'7'::varchar", "number", "varchar"),
        ("7::money", "number", "money"),
        ("7", "text", "int4"),
        ("gen_random_uuid()", "text", "uuid"),
        ("1", "boolean", "int4"),
        ("20260101", "date", "int4"),
        ("time '10:00'", "timestamp", "time"),
        ("interval '1 day'", "timestamp", "interval"),
    ]
    table = shop.one_row([(sql, dtype) for sql, dtype, _ in cells])
    wrong = [f"v{place} is {found}, expected {dtype}" for place, (_, dtype, found) in enumerate(cells)]
    for ask in (shop.days, shop.rows):
        with pytest.raises(DataError) as caught:
            ask(table, table="shop.t")
        assert caught.value.found == "; ".join(wrong)


def test_a_missing_column_stops_with_the_nearest_there_is(shop: Shop) -> None:
    shop.run("alter table shop.visits add column page int; alter table shop.visits drop column page")
    with pytest.raises(DataError, match=r"table shop.visits \(CHURN_TEST_DSN\): no column 'page'\n.*mean 'pages'\?"):
        shop.days(contract("page", "integer"))


def test_the_days_column_is_needed_though_it_is_not_declared(shop: Shop) -> None:
    with pytest.raises(DataError, match=r"no column 'days'\n.*did you mean 'day'\?"):
        shop.days(contract("who", "text", day="days"))


@pytest.mark.parametrize("table", ["shop.visit", "visits", "shop.Visits", "shops.visits"])
def test_a_missing_table_stops_with_the_nearest_there_is(shop: Shop, table: str) -> None:
    with pytest.raises(SettingsError, match=r"no table .*\n.*did you mean 'shop.visits'\?"):
        shop.days(table=table)


def test_a_table_without_its_schema_is_looked_for_along_the_search_path(shop: Shop) -> None:
    shop.run("create table public.lone as select * from shop.visits")
    try:
        assert shop.rows(table="lone") == shop.rows()
    finally:
        shop.run("drop table public.lone")


def test_names_with_capitals_spaces_and_quotes_are_read_as_they_are_spelled(shop: Shop) -> None:
    shop.run("""create table shop."Our ""t"" " as select day, pages as "Pages {seen}" from shop.visits""")
    table = contract("Pages {seen}", "integer")
    assert len(shop.rows(table, table='shop.Our "t" ')) == 6
    assert list(shop.days(table, table='shop.Our "t" ')) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "sql",
    [
        "create view shop.other as select * from shop.visits",
        "create materialized view shop.other as select * from shop.visits",
        "create table shop.other (like shop.visits) partition by list (who);"
        "create table shop.part partition of shop.other default; insert into shop.other select * from shop.visits",
    ],
)
def test_views_and_partitioned_tables_are_read_like_tables(shop: Shop, sql: str) -> None:
    shop.run(sql)
    assert shop.rows(table="shop.other") == shop.rows()
    assert shop.days(table="shop.other") == shop.days()


@pytest.mark.parametrize(
    ("sql", "dtype", "day"),
    [
        ("timestamp '2026-01-01 23:59:59.999999'", "timestamp", FIRST),
        ("timestamptz '2026-01-01 23:30:00-05'", "timestamp", SECOND),
        ("'2026-01-02'::text", "date", SECOND),
        ("'2026-01-02T10:00:00'::char(30)", "timestamp", SECOND),
        ("date '9999-12-31'", "date", date(9999, 12, 31)),
    ],
)
def test_the_day_is_that_of_a_date_a_text_or_a_moment_at_utc(shop: Shop, sql: str, dtype: Kind, day: date) -> None:
    shop.run(f"create table shop.t as select {sql} as day")
    assert list(shop.days(contract("day", dtype), table="shop.t")) == [day]
    read = shop.source("shop.t").read(contract("day", dtype), first=day, last=day, bench=shop.bench())
    assert [chunk[RAW_DAY].to_list() for chunk in read] == [[day]]


@pytest.mark.parametrize(
    "sql",
    [
        "null::date",
        "date 'infinity'",
        "date '10000-01-01'",
        "date '0044-03-15 BC'",
        "timestamptz '-infinity'",
        "'yesterday'::text",
        "'2026-02-31'::text",
        "'03/01/2026'::text",
    ],
)
def test_rows_without_a_day_stop_with_their_number_and_without_their_values(shop: Shop, sql: str) -> None:
    shop.run(f"create table shop.t as select {sql} as day from generate_series(1, 2)")
    shop.run("insert into shop.t values ('2026-01-01')")
    with pytest.raises(DataError, match=r"table shop.t .*: 2 rows whose day is no day\n  do: ") as caught:
        shop.days(contract("day", "date"), table="shop.t")
    assert "yesterday" not in str(caught.value)
    assert shop.rows(contract("day", "date"), table="shop.t")[0][0] == FIRST


@pytest.mark.parametrize(
    ("sql", "dtype", "found"),
    [
        ("9007199254740993::numeric(20, 0)", "integer", r"1 values of v of 2\^53 and more in a decimal type"),
        ("-9007199254740993::numeric", "integer", r"1 values of v of 2\^53"),
        ("date 'infinity'", "date", "1 values of v that are infinite"),
        ("timestamptz '-infinity'", "timestamp", "1 values of v that are infinite"),
    ],
)
def test_values_that_nothing_can_carry_stop(shop: Shop, sql: str, dtype: Kind, found: str) -> None:
    shop.run(f"create table shop.t as select date '2026-01-01' as day, {sql} as v")
    with pytest.raises(DataError, match=rf"table shop.t .*: {found}"):
        shop.days(contract("v", dtype), table="shop.t")


def test_an_index_on_the_day_serves_a_read_of_a_few_days(shop: Shop) -> None:
    shop.run(
        "create table shop.t as select timestamptz '2020-01-01' + i * interval '1 hour' as day"
        " from generate_series(1, 60000) as r (i); create index on shop.t (day); analyze shop.t"
    )
    table = SqlTable(where="", name="shop.t", contract=contract("day", "timestamp"), families={"day": "timestamp"})
    with dbapi.connect(shop.server.dsn()) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
        cursor.execute(f"explain {table.rows_query(first=FIRST, last=SECOND)}")
        assert any("Index Cond" in line for (line,) in cursor.fetchall())


@contextmanager
def _half_read(shop: Shop) -> Iterator[Iterator[pl.DataFrame]]:
    """Yields a read of 100 chunks of which one has been taken."""
    with closing(shop.read(contract("v", "text"), table="depot.long", rows=1_000)) as reading:
        next(reading)
        yield reading


def _copying(shop: Shop, state: str) -> int:
    return shop.server.count(f"pg_stat_activity where {COPYING} and {state}")


def test_rows_stream_while_the_server_is_still_sending(shop: Shop) -> None:
    with _half_read(shop) as reading:
        assert _copying(shop, "state = 'active'") == 1
        assert sum(chunk.height for chunk in reading) == 99_000


def test_a_read_that_is_abandoned_leaves_no_session_behind(shop: Shop) -> None:
    with _half_read(shop):
        assert _copying(shop, "true") == 1
    for _ in range(500):
        if not _copying(shop, "true"):
            return
        time.sleep(0.01)
    pytest.fail("the session is still there")


def test_nothing_can_be_written_through_a_view_that_is_read(shop: Shop) -> None:
    shop.run("create sequence shop.s; create view shop.t as select date '2026-01-01' as day, nextval('shop.s') as v")
    with pytest.raises(DataError, match=r"SQLSTATE 25006") as caught:
        shop.days(contract("v", "integer"), table="shop.t")
    assert caught.value.where == "PostgreSQL table shop.t (CHURN_TEST_DSN)"


def test_everything_is_asked_in_one_read_only_transaction_that_sees_one_state(shop: Shop) -> None:
    settings = "current_setting('transaction_isolation') || ', ' || current_setting('transaction_read_only')"
    shop.run(f"create view shop.t as select date '2026-01-01' as day, {settings} as v")
    assert shop.rows(contract("v", "text"), table="shop.t") == [(FIRST, "repeatable read, on")]


def test_a_value_that_the_server_cannot_compute_stands_in_no_error(shop: Shop) -> None:
    shop.run("create table shop.raw as select 'her name' as v, date '2026-01-01' as day")
    shop.run("create view shop.t as select v::int as v, day from shop.raw")
    for ask in (shop.days, shop.rows):
        with pytest.raises(DataError, match="SQLSTATE 22P02") as caught:
            ask(contract("v", "integer"), table="shop.t")
        assert "her name" not in "".join(traceback.format_exception(caught.value))


def _reader(shop: Shop, monkeypatch: pytest.MonkeyPatch, *, grants: str) -> None:
    shop.run("drop role if exists reader; create role reader login password 'reader'")
    shop.run(grants)
    monkeypatch.setenv(VARIABLE, shop.server.dsn(user="reader", password="reader"))


@pytest.mark.parametrize(
    "grants", ["reset all", "grant usage on schema shop to reader", "grant select on shop.visits to reader"]
)
def test_without_the_right_to_read_it_says_what_to_grant(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, grants: str
) -> None:
    _reader(shop, monkeypatch, grants=grants)
    with pytest.raises(SettingsError, match=r"may not read it .*42501.*\n  do: grant the user usage of its schema"):
        shop.days()
    shop.run("drop owned by reader")


def test_the_right_to_read_the_table_suffices(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = shop.rows()
    _reader(shop, monkeypatch, grants="grant usage on schema shop to reader; grant select on shop.visits to reader")
    assert shop.rows() == expected
    shop.run("drop owned by reader")


def _stop_half_way(shop: Shop, stop: str) -> TryAgainError:
    with _half_read(shop) as reading:
        assert shop.server.count(f"(select {stop}(pid) from pg_stat_activity where {COPYING}) as stopped") == 1
        with pytest.raises(TryAgainError) as caught:
            list(reading)
    assert (caught.value.exit_code, caught.value.where) == (75, "PostgreSQL table depot.long (CHURN_TEST_DSN)")
    assert not _leaks(caught.value)
    return caught.value


def test_a_session_that_is_ended_half_way_says_try_again(shop: Shop) -> None:
    fault = _stop_half_way(shop, "pg_terminate_backend")
    assert fault.found.startswith("the server broke off")


def test_a_query_that_is_cancelled_half_way_says_try_again(shop: Shop) -> None:
    fault = _stop_half_way(shop, "pg_cancel_backend")
    assert fault.found == "the server cancelled the query (SQLSTATE 57014)"


def test_a_statement_timeout_says_try_again_and_to_raise_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, shop.server.dsn() + "?options=-cstatement_timeout%3D20")
    with pytest.raises(TryAgainError, match=r"cancelled the query \(SQLSTATE 57014\)\n  do: raise .*statement_timeout"):
        shop.days(contract("v", "text"), table="depot.long")


def test_a_server_that_goes_down_half_way_and_then_is_away_says_try_again(shop: Shop) -> None:
    with _half_read(shop) as reading:
        shop.server.stop(signal.SIGINT)
        try:
            with pytest.raises(TryAgainError, match="the server broke off"):
                list(reading)
            with pytest.raises(TryAgainError, match=r"does not answer.*\n  do: run again later, or correct CHURN_TEST"):
                shop.days()
        finally:
            shop.server.start()


def _leaks(fault: ChurnError) -> list[str]:
    """Returns where the secret stands: in the fault, in what is printed of its chain, in the locals of its frames."""
    frames = [
        frame for frame, _ in traceback.walk_tb(fault.__traceback__) if frame.f_globals["__name__"].startswith("churn.")
    ]
    places = {
        "fault": repr(fault) + str(fault) + repr(vars(fault)),
        "printed": "".join(traceback.format_exception(fault)),
        "chain": f"{fault.__cause__!r} {fault.__context__!r}",
    } | {frame.f_code.co_qualname: repr(frame.f_locals) for frame in frames}
    return [place for place, text in places.items() if SECRET in text]


@pytest.mark.parametrize(
    ("dsn", "kind", "found"),
    [
        ("postgresql://owner:{secret}@127.0.0.1:{port}/postgres", SettingsError, "the server refuses user or password"),
        (
            "postgresql://nobody:{secret}@127.0.0.1:{port}/postgres",
            SettingsError,
            "the server refuses user or password",
        ),
        ("host=127.0.0.1 port={port} user=owner dbname=postgres", SettingsError, "asks for a password, and there is"),
        ("postgresql://owner:{password}@127.0.0.1:{port}/{secret}", SettingsError, "the server has no such database"),
        ("postgresql://owner:{password}@127.0.0.1:{port}/postgres?sslmode=require", SettingsError, "differ about SSL"),
        ("postgresql://owner:{secret}@127.0.0.1:1/postgres", TryAgainError, "the server does not answer"),
        ("postgresql://owner:pass@{secret}@127.0.0.1/postgres", TryAgainError, "host name is not known here now"),
        ("postgresql://owner:pass%zz{secret}@127.0.0.1/postgres", SettingsError, "not a connection string"),
        ("postgresql://owner:{secret}@[::1/postgres", SettingsError, "not a connection string"),
        ("owner {secret}", SettingsError, "not a connection string"),
        ("postgresql://127.0.0.1/postgres?{secret}=1", SettingsError, "not a connection string"),
        ("postgresql://owner:{secret}@127.0.0.1:{secret}/postgres", SettingsError, "not a connection string"),
        ("postgresql://owner:{secret}\udcff@127.0.0.1/postgres", SettingsError, "not a connection string"),
    ],
)
def test_a_connection_that_fails_says_why_and_keeps_the_secret(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    dsn: str,
    kind: type[ChurnError],
    found: str,
) -> None:
    monkeypatch.setenv(VARIABLE, dsn.format(port=shop.server.port, password=PASSWORD, secret=SECRET))
    caplog.set_level(logging.DEBUG)
    for ask in (shop.days, shop.rows):
        with pytest.raises(kind, match=found) as caught:
            ask()
        assert not _leaks(caught.value)
        assert VARIABLE in caught.value.action
    assert SECRET not in caplog.text


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_environments_variable_it_says_which(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv(VARIABLE) if value is None else monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(SettingsError, match=r"the environment has no CHURN_TEST_DSN\n  do: set CHURN_TEST_DSN to"):
        shop.days()


def test_the_source_shows_the_variables_name_alone(shop: Shop) -> None:
    shop.days()
    assert repr(shop.source("t")) == "Postgres(kind='postgres', dsn_variable='CHURN_TEST_DSN', table='t')"


@pytest.mark.parametrize(
    ("state", "message", "kind"),
    [
        ("57P03", "the database system is starting up", TryAgainError),
        ("57P03", "the database system is shutting down", TryAgainError),
        ("53300", "sorry, too many clients already", TryAgainError),
        ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute", TryAgainError),
        ("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "x", database "y", no encryption', SettingsError),
        ("28000", 'role "x" is not permitted to log in', SettingsError),
        ("42501", 'permission denied for database "y"', SettingsError),
        ("28P01", "Passwort-Authentifizierung fehlgeschlagen", TryAgainError),
    ],
)
def test_what_a_server_says_instead_of_a_welcome_decides_whether_to_try_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, state: str, message: str, kind: type[ChurnError]
) -> None:
    with _refusing(state, message) as port:
        monkeypatch.setenv(VARIABLE, f"postgresql://owner:{SECRET}@127.0.0.1:{port}/postgres?sslmode=disable")
        with pytest.raises(kind) as caught:
            shop.days()
    assert not _leaks(caught.value)


@contextmanager
def _refusing(state: str, message: str) -> Iterator[int]:
    """Yields the port of a server that refuses its first visitor with these words."""
    fields = b"".join(
        f"{key}{text}\0".encode() for key, text in {"S": "FATAL", "V": "FATAL", "C": state, "M": message}.items()
    )
    answer = b"E" + struct.pack(">I", len(fields) + 5) + fields + b"\0"

    def refuse() -> None:
        visitor, _ = door.accept()
        with visitor:
            visitor.recv(4_096)
            visitor.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=refuse)
        thread.start()
        yield door.getsockname()[1]
        thread.join(10)
