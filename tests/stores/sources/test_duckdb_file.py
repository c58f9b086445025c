"""Tables of DuckDB files, made by hand; every expected row and count is worked by hand."""

from __future__ import annotations

import struct
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError
from churn.features.raw import RAW_DAY, Column, Kind, RawTable
from churn.stores.duck import Bench
from churn.stores.sources.duckdb_file import DuckdbFile

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
create schema web;
create table web.visits (pages bigint, day date, note varchar, who varchar collate nocase);
insert into web.visits values
    (1, '2026-01-02', 'x', 'b'), (2, '2026-01-01', 'x', 'é'), (null, '2026-01-01', 'x', 'B'),
    (9, '2026-01-01', 'x', 'B'), (3, '2026-01-01', 'x', null), (4, '2026-01-01', 'x', 'a');
"""


def bench(folder: Path, *, rows: int = 100) -> Bench:
    return Bench(threads=1, memory="500MB", spill=folder / "spill", chunk_rows=rows, cache=folder / "cache")


class Warehouse:
    """A DuckDB file and what is read of its table `web.visits`, or another."""

    def __init__(self, folder: Path, sql: str) -> None:
        self.folder, self.path = folder, folder / "ware's house.duckdb"
        self.run(sql)

    def run(self, sql: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(sql)

    def source(self, table: str) -> DuckdbFile:
        return DuckdbFile(kind="duckdb", path=self.path, table=table)

    def days(self, contract: RawTable = VISITS, *, table: str = "web.visits") -> dict[date, str]:
        return self.source(table).days(contract, bench(self.folder))

    def chunks(
        self, contract: RawTable = VISITS, *, table: str = "web.visits", rows: int = 100, last: date = THIRD
    ) -> list[pl.DataFrame]:
        source = self.source(table)
        return list(source.read(contract, first=FIRST, last=last, bench=bench(self.folder, rows=rows)))

    def rows(self, contract: RawTable = VISITS, *, table: str = "web.visits") -> list[tuple[object, ...]]:
        return pl.concat(self.chunks(contract, table=table)).rows()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path, FILL)


def contract(name: str, dtype: Kind) -> RawTable:
    return RawTable(name="t", day="day", columns=(Column(name=name, dtype=dtype),))


def test_rows_come_by_day_then_by_columns_in_declared_order_with_text_by_code_point_and_nulls_last(
    warehouse: Warehouse,
) -> None:
    (chunk,) = warehouse.chunks()
    assert chunk.schema == {RAW_DAY: pl.Date, "who": pl.String, "day": pl.Date, "pages": pl.Int64}
    assert chunk.rows() == [
        (FIRST, "B", FIRST, 9),
        (FIRST, "B", FIRST, None),
        (FIRST, "a", FIRST, 4),
        (FIRST, "é", FIRST, 2),
        (FIRST, None, FIRST, 3),
        (SECOND, "b", SECOND, 1),
    ]


def test_all_chunks_but_the_last_have_the_asked_number_of_rows(warehouse: Warehouse) -> None:
    chunks = warehouse.chunks(rows=4)
    assert [chunk.height for chunk in chunks] == [4, 2]
    assert pl.concat(chunks).equals(pl.concat(warehouse.chunks()))


def test_days_outside_of_first_and_last_are_not_read(warehouse: Warehouse) -> None:
    assert {row[0] for row in pl.concat(warehouse.chunks(last=FIRST)).rows()} == {FIRST}
    later = warehouse.source("web.visits").read(VISITS, first=THIRD, last=THIRD, bench=bench(warehouse.folder))
    assert list(later) == []


def test_every_day_with_rows_has_a_fingerprint_in_order(warehouse: Warehouse) -> None:
    days = warehouse.days()
    assert list(days) == [FIRST, SECOND]
    assert all(len(text) == 64 and int(text, 16) for text in days.values())


@pytest.mark.parametrize(
    "change",
    [
        "update web.visits set pages = 5 where who = 'a'",
        "update web.visits set who = 'c' where who = 'a'",
        "delete from web.visits where who = 'a'",
        "insert into web.visits from web.visits where who = 'a'",
        "update web.visits set pages = case who when 'a' then 2 else 4 end where who in ('a', 'é')",
        "update web.visits set pages = null, who = '3' where who is null",
    ],
)
def test_a_change_of_a_days_rows_changes_the_fingerprint_of_that_day_alone(warehouse: Warehouse, change: str) -> None:
    before = warehouse.days()
    warehouse.run(change)
    after = warehouse.days()
    assert (after[FIRST] != before[FIRST], after[SECOND]) == (True, before[SECOND])


def test_a_fingerprint_does_not_depend_on_the_order_of_rows_and_columns_nor_on_undeclared_columns(
    warehouse: Warehouse,
) -> None:
    before = warehouse.days()
    warehouse.run(
        "create table anew as select who, pages, day, 'y' as note from web.visits order by pages;"
        "drop table web.visits; create table web.visits as from anew"
    )
    assert warehouse.days() == before


def test_views_are_read_whether_they_name_their_file_or_not(warehouse: Warehouse) -> None:
    warehouse.run('create view short as from web.visits; create view long as from "ware\'s house".web.visits')
    assert warehouse.rows(table="short") == warehouse.rows(table="main.long") == warehouse.rows()
    assert warehouse.days(table="short") == warehouse.days()


@pytest.mark.parametrize("stem", ["memory", "temp", "system"])
def test_a_file_may_be_called_like_a_database_of_duckdbs_own(tmp_path: Path, stem: str) -> None:
    path = tmp_path / f"{stem}.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as made; create table made.t as select date '2026-01-01' as day")
    source = DuckdbFile(kind="duckdb", path=path, table="t")
    assert list(source.days(contract("day", "date"), bench(tmp_path))) == [FIRST]


def _one_row(folder: Path, cells: Sequence[tuple[str, Kind]]) -> tuple[Warehouse, RawTable]:
    """Returns a table `t` of one row on FIRST, its columns v0, v1, ... as SQL says, and its declaration."""
    columns = ", ".join(f"{sql} as v{place}" for place, (sql, _) in enumerate(cells))
    declared = tuple(Column(name=f"v{place}", dtype=dtype) for place, (_, dtype) in enumerate(cells))
    warehouse = Warehouse(folder, f"create table t as select date '2026-01-01' as day, {columns}")
    return warehouse, RawTable(name="t", day="day", columns=declared)


def test_values_arrive_whole_for_the_contract_to_judge(tmp_path: Path) -> None:
    moment = datetime.fromisoformat
    cells: list[tuple[str, Kind, object]] = [
        ("7::utinyint", "integer", 7),
        ("9223372036854775807", "integer", 9223372036854775807),
        ("18446744073709551615::ubigint", "integer", 18446744073709551615),
        ("7::hugeint", "integer", 7.0),
        ("7.5::decimal(9,2)", "integer", 7.5),
        ("7.5::double", "integer", 7.5),
        ("7::bigint", "number", 7),
        ("7.25::decimal(38,2)", "number", 7.25),
        ("'inf'::double", "number", float("inf")),
        ("'Ab'", "text", "Ab"),
        ("'Ab'::enum('b', 'Ab')", "text", "Ab"),
        ("true", "boolean", True),
        ("date '2025-02-03'", "date", date(2025, 2, 3)),
        ("'2025-02-03'", "date", "2025-02-03"),
        ("timestamp '2025-02-03 10:00:00.000001'", "date", moment("2025-02-03T10:00:00.000001")),
        ("timestamp_ns '2025-02-03 10:00:00'", "timestamp", moment("2025-02-03T10:00")),
        ("timestamptz '2025-02-03 23:30:00-05'", "timestamp", moment("2025-02-04T04:30")),
        ("date '2025-02-03'", "timestamp", date(2025, 2, 3)),
        ("null::integer", "integer", None),
    ]
    warehouse, table = _one_row(tmp_path, [(sql, dtype) for sql, dtype, _ in cells])
    assert warehouse.rows(table, table="t") == [(FIRST, *(value for *_, value in cells))]
    assert list(warehouse.days(table, table="t")) == [FIRST]


def test_types_that_cannot_hold_what_is_declared_stop_and_are_all_named(tmp_path: Path) -> None:
    cells: list[tuple[str, Kind, str]] = [
        ("'7'", "integer", "varchar"),
        ("true", "integer", "boolean"),
        ("[1]", "integer", "list"),
        ("'7'", "number", "varchar"),
        ("7", "text", "integer"),
        ("uuid()", "text", "uuid"),
        ("1", "boolean", "integer"),
        ("20260101", "date", "integer"),
        ("time '10:00'", "timestamp", "time"),
        ("interval 1 day", "timestamp", "interval"),
    ]
    warehouse, table = _one_row(tmp_path, [(sql, dtype) for sql, dtype, _ in cells])
    wrong = [f"v{place} is {found}, expected {dtype}" for place, (_, dtype, found) in enumerate(cells)]
    for ask in (warehouse.days, warehouse.chunks):
        with pytest.raises(DataError) as caught:
            ask(table, table="t")
        assert (caught.value.where, caught.value.found) == (f"{warehouse.path}, table t", "; ".join(wrong))


def test_a_missing_column_stops_with_the_nearest_there_is(warehouse: Warehouse) -> None:
    with pytest.raises(DataError, match=r"house.duckdb, table web.visits: no column 'page'\n.*did you mean 'pages'\?"):
        warehouse.days(contract("page", "integer"))


def test_the_days_column_is_needed_though_it_is_not_declared(warehouse: Warehouse) -> None:
    days = RawTable(name="t", day="days", columns=(Column(name="who", dtype="text"),))
    with pytest.raises(DataError, match=r"no column 'days'\n.*did you mean 'day'\?"):
        warehouse.days(days)


@pytest.mark.parametrize("table", ["web.visit", "visits", "web.Visits"])
def test_a_missing_table_stops_with_the_nearest_there_is(warehouse: Warehouse, table: str) -> None:
    with pytest.raises(SettingsError, match=r"no table .*\n.*did you mean 'web.visits'\?"):
        warehouse.days(table=table)


def test_a_file_without_tables_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no table 'main.t'\n  do: create it"):
        Warehouse(tmp_path, "select 1").days(table="t")


@pytest.mark.parametrize(
    ("sql", "dtype", "days"),
    [
        ("timestamp '2026-01-01 23:59:59.999999'", "timestamp", FIRST),
        ("timestamptz '2026-01-01 23:30:00-05'", "timestamp", SECOND),
        ("'2026-01-02'", "date", SECOND),
        ("'2026-01-02T10:00:00'", "timestamp", SECOND),
        ("date '9999-12-31'", "date", date(9999, 12, 31)),
    ],
)
def test_the_day_is_that_of_a_date_a_text_or_a_moment_at_utc(tmp_path: Path, sql: str, dtype: Kind, days: date) -> None:
    warehouse = Warehouse(tmp_path, f"create table t as select {sql} as day")
    assert list(warehouse.days(contract("day", dtype), table="t")) == [days]
    read = warehouse.source("t").read(contract("day", dtype), first=days, last=days, bench=bench(tmp_path))
    assert [chunk[RAW_DAY].to_list() for chunk in read] == [[days]]


@pytest.mark.parametrize(
    "sql",
    [
        "null::date",
        "date 'infinity'",
        "date '10000-01-01'",
        "date '0044-03-15 (BC)'",
        "timestamp '-infinity'",
        "'yesterday'",
        "'2026-02-31'",
        "'03/01/2026'",
        "'2026-1-3'",
    ],
)
def test_rows_without_a_day_stop_with_their_number_and_without_their_values(tmp_path: Path, sql: str) -> None:
    warehouse = Warehouse(
        tmp_path, f"create table t as select {sql} as day from range(2); insert into t select '2026-01-01'"
    )
    with pytest.raises(DataError, match="table t: 2 rows whose day is no day\n  do: ") as caught:
        warehouse.days(contract("day", "date"), table="t")
    assert "yesterday" not in str(caught.value)
    chunks = warehouse.chunks(contract("day", "date"), table="t", last=date(2026, 3, 31))
    assert [chunk[RAW_DAY].to_list() for chunk in chunks] == [[FIRST]]


@pytest.mark.parametrize(
    ("sql", "dtype", "found"),
    [
        ("9007199254740993::decimal(20,0)", "integer", r"1 values of v of 2\^53 and more in a decimal type"),
        ("-9007199254740993::hugeint", "integer", r"1 values of v of 2\^53"),
        ("340282366920938463463374607431768211455::uhugeint", "integer", r"1 values of v of 2\^53"),
        ("date 'infinity'", "date", "1 values of v that are infinite"),
        ("timestamptz '-infinity'", "timestamp", "1 values of v that are infinite"),
    ],
)
def test_values_that_nothing_can_carry_stop(tmp_path: Path, sql: str, dtype: Kind, found: str) -> None:
    warehouse = Warehouse(tmp_path, f"create table t as select date '2026-01-01' as day, {sql} as v")
    with pytest.raises(DataError, match=f"table t: {found}"):
        warehouse.days(contract("v", dtype), table="t")


def _fault(path: Path, folder: Path) -> ChurnError:
    with pytest.raises(ChurnError) as caught:
        DuckdbFile(kind="duckdb", path=path, table="web.visits").days(VISITS, bench(folder))
    assert caught.value.where == str(path)
    return caught.value


def test_a_file_that_is_not_there_stops_and_is_not_made(tmp_path: Path) -> None:
    fault = _fault(tmp_path / "none.duckdb", tmp_path)
    assert (type(fault), fault.action) == (DataError, "bring the file there, or correct `path`")
    assert not (tmp_path / "none.duckdb").exists()


def test_a_folder_in_the_place_of_the_file_stops(tmp_path: Path) -> None:
    fault = _fault(tmp_path, tmp_path)
    assert (type(fault), fault.action) == (DataError, "name a DuckDB file in `path`")


@pytest.mark.parametrize("content", [b"", b"customer_id,day\n" * 1_000])
def test_a_file_of_another_kind_stops(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.duckdb").write_bytes(content)
    fault = _fault(tmp_path / "other.duckdb", tmp_path)
    assert (type(fault), fault.action) == (DataError, "restore the file, or correct `path`")


def test_a_truncated_file_stops(warehouse: Warehouse, tmp_path: Path) -> None:
    content = warehouse.path.read_bytes()
    (tmp_path / "cut.duckdb").write_bytes(content[: len(content) // 2])
    fault = _fault(tmp_path / "cut.duckdb", tmp_path)
    assert (type(fault), fault.action) == (DataError, "restore the file")


def test_a_damaged_block_stops_and_says_restore(tmp_path: Path) -> None:
    warehouse = Warehouse(
        tmp_path, "create table t as select date '2026-01-01' as day, hash(i) as v from range(300000) r(i)"
    )
    content = bytearray(warehouse.path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8] = b"\xff" * 8
    warehouse.path.write_bytes(content)
    with pytest.raises(DataError, match=r"house.duckdb.*\n  do: restore the file"):
        warehouse.days(contract("v", "integer"), table="t")


def test_a_file_of_a_newer_duckdb_stops_and_says_upgrade(warehouse: Warehouse) -> None:
    content = bytearray(warehouse.path.read_bytes())
    content[12:20] = struct.pack("<Q", 9_999)  # the storage version stands behind checksum and magic bytes
    content[:8] = struct.pack("<Q", _checksum(bytes(content[8:4096])))
    warehouse.path.write_bytes(content)
    fault = _fault(warehouse.path, warehouse.folder)
    assert isinstance(fault, DataError)
    assert fault.action.startswith("upgrade duckdb here")


def _checksum(header: bytes) -> int:
    result = 5381
    for (word,) in struct.iter_unpack("<Q", header):
        result ^= word * 0xBF58476D1CE4E5B9 % 2**64
    return result


_WRITER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("insert into web.visits values (1, '2026-01-03', '', 'late')")
print("written", flush=True)
sys.stdin.read()
"""


@contextmanager
def _writing(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "written\n"
        try:
            yield writer
        finally:
            writer.kill()


def test_a_file_that_another_process_writes_to_says_try_again_and_is_read_once_it_is_closed(
    warehouse: Warehouse,
) -> None:
    with _writing(warehouse.path) as writer:
        fault = _fault(warehouse.path, warehouse.folder)
        assert (type(fault), fault.exit_code) == (TryAgainError, 75)
        assert str(writer.pid) in fault.found
        assert fault.action == "close it in that process, or run again later"
    # killed, so that the day stands in the log beside the file alone
    assert list(warehouse.days()) == [FIRST, SECOND, THIRD]


def test_a_file_that_this_process_writes_to_says_try_again(warehouse: Warehouse) -> None:
    with duckdb.connect(str(warehouse.path)):
        fault = _fault(warehouse.path, warehouse.folder)
    assert isinstance(fault, TryAgainError)


def test_the_file_is_free_again_after_days_a_read_an_abandoned_read_and_an_error(warehouse: Warehouse) -> None:
    warehouse.days()
    warehouse.run("checkpoint")
    reading = warehouse.source("web.visits").read(
        VISITS, first=FIRST, last=THIRD, bench=bench(warehouse.folder, rows=1)
    )
    next(reading)
    del reading
    warehouse.run("checkpoint")
    with pytest.raises(SettingsError):
        warehouse.days(table="nope")
    warehouse.run("checkpoint")


def test_nothing_is_written_beside_the_file(warehouse: Warehouse) -> None:
    before = {path: path.read_bytes() for path in warehouse.folder.iterdir()}
    warehouse.days()
    warehouse.chunks()
    assert {path: path.read_bytes() for path in warehouse.folder.iterdir() if path.is_file()} == before


def test_too_little_memory_says_so(tmp_path: Path) -> None:
    warehouse = Warehouse(
        tmp_path, "create table t as select date '2026-01-01' as day, repeat(i::text, 40) as v from range(200000) r(i)"
    )
    (tmp_path / "spill").write_text("not a folder")
    little = Bench(threads=1, memory="4MB", spill=tmp_path / "spill", chunk_rows=1_000, cache=tmp_path)
    read = warehouse.source("t").read(contract("v", "text"), first=FIRST, last=FIRST, bench=little)
    with pytest.raises(SettingsError, match=r"raise resources.memory"):
        list(read)


def test_a_view_that_no_longer_works_stops(warehouse: Warehouse) -> None:
    warehouse.run("create table gone as from web.visits; create view broken as from gone; drop table gone")
    with pytest.raises(DataError, match=r"table broken: .*gone.*\n  do: restore the file, or correct the view in it"):
        warehouse.days(table="broken")


def test_a_value_that_a_view_cannot_compute_stands_in_no_error(warehouse: Warehouse) -> None:
    warehouse.run(
        "create view t as select day, case who when 'a' then 'her name' else '1' end::int as v from web.visits"
    )
    for ask in (warehouse.days, warehouse.chunks):
        with pytest.raises(DataError, match=r"table t: a value cannot be computed \(ConversionException\)") as caught:
            ask(contract("v", "integer"), table="t")
        assert "her name" not in "".join(traceback.format_exception(caught.value))
