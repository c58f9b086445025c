"""Parquet files by day, made by hand; what is read is held against rows sorted by Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError
from churn.features.raw import RAW_DAY, Column, Kind, RawTable
from churn.stores.duck import Bench
from churn.stores.globs import Found
from churn.stores.sources import files as files_module
from churn.stores.sources.parquet import Parquet
from tests.stores.sources.raw_files import FIRST, ORDERS, SECOND, THIRD, VISITS, bench, closed, open_folder, rows

ORDER = pa.schema({"customer": pa.string(), "cents": pa.int64()})


class Orders:
    """Orders by day in folders, under one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = Parquet(kind="parquet", path=f"{root}/raw/date=*/orders*.parquet")

    def path(self, day: date, name: str = "orders.parquet") -> Path:
        return self.root / "raw" / f"date={day}" / name

    def write(self, day: date, columns: Mapping[str, object], *, name: str = "orders.parquet") -> Path:
        return write(self.path(day, name), pa.table(dict(columns)))

    def orders(self, day: date, *orders: tuple[str | None, int], name: str = "orders.parquet") -> Path:
        listed = [{"customer": customer, "cents": cents} for customer, cents in orders]
        return write(self.path(day, name), pa.Table.from_pylist(listed, schema=ORDER))

    def days(self, table: RawTable = ORDERS) -> dict[date, str]:
        return self.source.days(table, bench(self.root))

    def rows(self, table: RawTable = ORDERS, *, first: date = FIRST, last: date = THIRD) -> list[tuple[object, ...]]:
        return rows(self.source, table, bench(self.root), first=first, last=last)

    def stops(self, table: RawTable = ORDERS, *, kind: type[ChurnError] = DataError) -> ChurnError:
        with pytest.raises(kind) as raised:
            self.rows(table)
        return raised.value


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    orders = Orders(tmp_path)
    orders.orders(FIRST, ("b", 2), ("a", 9), (None, 1))
    orders.orders(SECOND, ("a", 3))
    return orders


def write(path: Path, table: pa.Table, *, row_group_size: int = 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group_size)
    return path


def one_column(kind: Kind, name: str = "value") -> RawTable:
    return RawTable(name="orders", day="date", columns=(Column(name=name, dtype=kind),))


def test_rows_come_in_the_order_of_day_and_declared_columns_nulls_last(orders: Orders) -> None:
    assert orders.rows() == [(FIRST, "a", 9), (FIRST, "b", 2), (FIRST, None, 1), (SECOND, "a", 3)]


def test_only_the_days_asked_for_are_read_and_opened(orders: Orders) -> None:
    orders.path(FIRST).write_bytes(b"no parquet at all")
    assert orders.rows(first=SECOND, last=SECOND) == [(SECOND, "a", 3)]
    assert orders.rows(first=THIRD) == []


def test_a_day_may_have_many_files_and_none_of_its_rows(orders: Orders) -> None:
    orders.orders(SECOND, ("a", 1), name="orders-2.parquet")
    orders.orders(THIRD)
    assert orders.rows(first=SECOND) == [(SECOND, "a", 1), (SECOND, "a", 3)]
    assert list(orders.days()) == [FIRST, SECOND, THIRD]


def test_a_declared_date_is_the_day_of_the_folder_whatever_the_file_says(orders: Orders) -> None:
    orders.write(SECOND, {"cents": [5], "date": ["long ago"]})
    date_column = Column(name="date", dtype="date")
    table = RawTable(name="orders", day="date", columns=(Column(name="cents", dtype="integer"), date_column))
    (chunk,) = orders.source.read(table, first=SECOND, last=SECOND, bench=bench(orders.root))
    assert chunk.rows() == [(SECOND, 5, SECOND)]
    assert chunk.schema["date"] == pl.Date


def test_columns_that_are_not_declared_and_the_order_in_the_file_do_not_matter(orders: Orders) -> None:
    orders.write(SECOND, {"note": ["x"], "cents": [5], "customer": ["c"], "more": [[1, 2]]})
    assert orders.rows(first=SECOND) == [(SECOND, "c", 5)]


def test_the_innermost_folder_says_the_day(tmp_path: Path) -> None:
    orders = Orders(tmp_path / "date=2020-01-01")
    orders.orders(SECOND, ("a", 1))
    assert orders.rows() == [(SECOND, "a", 1)]


def test_a_relative_path_is_read(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(orders.root / "raw")
    source = Parquet(kind="parquet", path="date=*/orders.parquet")
    assert rows(source, ORDERS, bench(orders.root)) == orders.rows()
    assert source.days(ORDERS, bench(orders.root)) == orders.days()


def test_a_path_that_spells_one_day_out_is_that_day_where_nothing_else_can_say_it(orders: Orders) -> None:
    source = Parquet(kind="parquet", path=str(orders.path(SECOND)))
    assert rows(source, ORDERS, bench(orders.root)) == [(SECOND, "a", 3)]


# ---- chunks


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dealt=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 3),
            st.one_of(st.none(), st.sampled_from(["a", "B", "b", "é", "", "aa"])),
            st.integers(-3, 3),
        ),
        max_size=40,
    ),
    chunk_rows=st.integers(1, 9),
    group_bytes=st.sampled_from([1, 2_000, 1 << 20]),
    threads=st.sampled_from([1, 2]),
)
def test_the_same_rows_are_the_same_chunks_however_they_are_dealt_to_files_and_threads(
    dealt: list[tuple[int, int, str | None, int]],
    chunk_rows: int,
    group_bytes: int,
    threads: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    orders = Orders(tmp_path_factory.mktemp("dealt"))
    for day, file in {(day, file) for day, file, _, _ in dealt} | {(0, 0)}:
        mine = [(customer, cents) for on, to, customer, cents in dealt if (on, to) == (day, file)]
        orders.orders(FIRST + timedelta(days=day), *mine, name=f"orders-{file}.parquet")
    on = bench(orders.root, rows=chunk_rows, threads=threads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files_module, "_GROUP_BYTES", group_bytes)
        chunks = list(orders.source.read(ORDERS, first=FIRST, last=THIRD, bench=on))
    expected = [(FIRST + timedelta(days=day), customer, cents) for day, _, customer, cents in dealt]
    expected.sort(key=lambda row: (row[0], row[1] is None, (row[1] or "").encode(), row[2]))
    assert [row for chunk in chunks for row in chunk.rows()] == expected
    assert all(chunk.height == chunk_rows for chunk in chunks[:-1])
    assert all(0 < chunk.height <= chunk_rows for chunk in chunks)


def test_days_of_many_bytes_are_read_a_group_at_a_time_and_small_ones_together(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = orders.path(SECOND).stat().st_size
    groups: list[list[str]] = []

    def counted(source: Parquet, asked: object, files: Sequence[Found], **rest: object) -> Iterator[object]:
        groups.append([Path(file.path).parent.name for file in files])
        return iter(())

    monkeypatch.setattr(files_module, "_frames", counted)
    for limit in (size * 10, size):
        monkeypatch.setattr(files_module, "_GROUP_BYTES", limit)
        orders.rows()
    assert groups == [["date=2026-01-01", "date=2026-01-02"], ["date=2026-01-01"], ["date=2026-01-02"]]


# ---- types

WHEN = datetime.fromisoformat("2026-01-01T22:30")
MIDNIGHT = datetime.fromisoformat("2026-01-01")


def in_berlin(*moments: datetime) -> pa.Array:
    """Returns moments of UTC as an array that shows them in Berlin."""
    return (
        pa.array(moments, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Europe/Berlin"))
    )


@pytest.mark.parametrize(
    ("kind", "held", "delivered"),
    [
        ("integer", [pa.array([3], pa.int32()), pa.array([2**40], pa.int64())], [3, 2**40]),
        ("integer", [pa.array([3], pa.uint8()), pa.array([-2], pa.int16())], [-2, 3]),
        ("integer", [pa.array([2**63], pa.uint64()), pa.array([-1], pa.int64())], [-1, 2**63]),
        ("integer", [pa.array([1.5], pa.float64()), pa.array([2], pa.int32())], [1.5, 2.0]),
        ("number", [pa.array([1.5], pa.float32()), pa.array([Decimal("2.25")], pa.decimal128(9, 2))], [1.5, 2.25]),
        ("number", [pa.array([Decimal("2.25")], pa.decimal128(9, 2))], [Decimal("2.25")]),
        (
            "text",
            [pa.array(["b"]), pa.array(["a"]).dictionary_encode(), pa.array(["c"], pa.large_string())],
            list("abc"),
        ),
        ("boolean", [pa.array([True])], [True]),
        ("date", [pa.array([FIRST]), pa.array([WHEN], pa.timestamp("ms"))], [MIDNIGHT, WHEN]),
        ("date", [pa.array([FIRST]), pa.array(["2026-01-02"])], ["2026-01-01", "2026-01-02"]),
        ("timestamp", [pa.array([WHEN], pa.timestamp("ns")), pa.array([WHEN], pa.timestamp("s"))], [WHEN, WHEN]),
        (
            "timestamp",
            [in_berlin(WHEN - timedelta(hours=1)), pa.array([WHEN])],
            [WHEN - timedelta(hours=1), WHEN],
        ),
        (
            "timestamp",
            [pa.array([WHEN.replace(tzinfo=UTC)], pa.timestamp("us", "UTC")), pa.array(["2026-01-01 22:31:00"])],
            ["2026-01-01 22:30:00", "2026-01-01 22:31:00"],
        ),
        ("text", [pa.nulls(1), pa.array(["a"])], ["a", None]),
        ("timestamp", [pa.nulls(1), pa.array([WHEN])], [WHEN, None]),
    ],
)
def test_files_whose_types_differ_within_a_family_are_read_as_the_widest(
    tmp_path: Path, kind: Kind, held: list[pa.Array], delivered: list[object]
) -> None:
    orders = Orders(tmp_path)
    for number, values in enumerate(held):
        orders.write(FIRST, {"value": values}, name=f"orders-{number}.parquet")
    assert [value for _, value in orders.rows(one_column(kind))] == delivered


@pytest.mark.parametrize(("precision", "dtype"), [(18, pl.Int64()), (19, pl.Decimal(19, 0))])
def test_an_integer_that_was_written_as_a_decimal_stays_exact(
    tmp_path: Path, precision: int, dtype: pl.DataType
) -> None:
    orders = Orders(tmp_path)
    orders.write(FIRST, {"value": pa.array([Decimal(2**53 + 1)], pa.decimal128(precision, 0))})
    (chunk,) = orders.source.read(one_column("integer"), first=FIRST, last=FIRST, bench=bench(tmp_path))
    assert chunk.schema["value"] == dtype
    assert chunk["value"].to_list() == [2**53 + 1]


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("integer", pl.Int64()),
        ("number", pl.Float64()),
        ("text", pl.String()),
        ("boolean", pl.Boolean()),
        ("date", pl.Date()),
        ("timestamp", pl.Datetime("us")),
    ],
)
def test_a_column_that_was_written_without_a_type_since_all_is_null_is_of_the_declared_one(
    tmp_path: Path, kind: Kind, dtype: pl.DataType
) -> None:
    orders = Orders(tmp_path)
    orders.write(FIRST, {"value": pa.nulls(2)})
    (chunk,) = orders.source.read(one_column(kind), first=FIRST, last=FIRST, bench=bench(tmp_path))
    assert chunk.schema["value"] == dtype
    assert chunk["value"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("kind", "held", "said"),
    [
        ("integer", pa.array(["7"]), "value is VARCHAR, expected integer"),
        ("number", pa.array([True]), "value is BOOLEAN, expected number"),
        ("text", pa.array([7]), "value is BIGINT, expected text"),
        ("text", pa.array([b"x"]), "value is BLOB, expected text"),
        ("boolean", pa.array([1]), "value is BIGINT, expected boolean"),
        ("date", pa.array([20260101]), "value is BIGINT, expected date"),
        ("timestamp", pa.array([1.5]), "value is DOUBLE, expected timestamp"),
        ("integer", pa.array([[1]]), "value is BIGINT[], expected integer"),
    ],
)
def test_a_type_that_cannot_hold_what_is_declared_stops_with_the_file_that_has_it(
    tmp_path: Path, kind: Kind, held: pa.Array, said: str
) -> None:
    orders = Orders(tmp_path)
    orders.write(FIRST, {"value": pa.nulls(1)})
    path = orders.write(SECOND, {"value": held})
    error = orders.stops(one_column(kind))
    assert (error.where, error.found) == (str(path), said)
    assert error.action == "deliver the file with the declared type, or change the declaration"
    assert error.exit_code == 3


# ---- columns


def test_a_renamed_column_stops_with_the_file_and_what_may_be_meant(orders: Orders) -> None:
    path = orders.write(SECOND, {"customer": ["a"], "cent": [3]})
    error = orders.stops()
    assert (error.where, error.found) == (str(path), "no column 'cents'")
    assert "did you mean 'cent'?" in error.action
    assert error.exit_code == 3


def test_a_column_in_other_letter_case_is_another_column(orders: Orders) -> None:
    orders.write(SECOND, {"Customer": ["a"], "cents": [3]})
    assert "did you mean 'Customer'?" in orders.stops().action


def test_a_field_within_another_column_is_no_column(orders: Orders) -> None:
    orders.write(SECOND, {"nested": [{"customer": "a", "deep": {"x": 1}}], "cents": [3]})
    assert orders.stops().found == "no column 'customer'"


def test_nested_columns_beside_the_declared_ones_do_not_disturb(orders: Orders) -> None:
    nested = [{"cents": "not this", "deep": {"customer": 1}}]
    orders.write(SECOND, {"nested": nested, "customer": ["a"], "list": [[{"cents": "x"}]], "cents": [3]})
    assert orders.rows(first=SECOND) == [(SECOND, "a", 3)]


def test_two_columns_that_differ_in_letter_case_alone_stop(orders: Orders) -> None:
    orders.write(SECOND, {"Cents": [1], "customer": ["a"], "cents": [3]})
    assert orders.stops().found == "column 'cents' is there twice, letter case aside"


# ---- files


def damaged(path: Path, how: str) -> None:
    whole = path.read_bytes()
    middle = len(whole) // 2
    scratched = whole[:8] + b"\xff" * (middle - 8) + whole[middle:]
    path.write_bytes({"cut": whole[:middle], "empty": b"", "page": b"<html>" * 99, "scratched": scratched}[how])


@pytest.mark.parametrize("how", ["cut", "empty", "page", "scratched"])
def test_a_damaged_file_is_named_among_all_others(orders: Orders, how: str) -> None:
    for day in (SECOND, THIRD):
        orders.orders(day, *((f"customer {number * 7919 % 1000}", number) for number in range(1000)))
    damaged(orders.path(SECOND), how)
    error = orders.stops()
    assert error.where == str(orders.path(SECOND))
    assert "parquet file" in error.found
    assert error.action == "restore the file"
    assert error.exit_code == 3
    by_column = RawTable(name="orders", day="customer", columns=ORDERS.columns)
    with pytest.raises(DataError, match="restore the file"):
        Parquet(kind="parquet", path=str(orders.path(SECOND))).days(by_column, bench(orders.root))


def test_a_text_that_is_not_utf_8_stops_without_being_quoted(orders: Orders) -> None:
    texts = pa.array([b"zo\xeb.secret@example.org"]).view(pa.binary())
    path = orders.write(SECOND, {"customer": texts.view(pa.string()), "cents": [1]})
    error = orders.stops()
    assert (error.where, error.found) == (str(path), "a text that is not utf-8")
    assert "secret" not in "".join(traceback.format_exception(error))


def test_a_failure_that_no_file_explains_is_told_by_its_kind_alone(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Parquet, "rows", lambda *_, **__: lambda _: "select error('jane') as a, 'x' as b")
    error = orders.stops()
    assert (error.where, error.found) == (orders.source.path, "DuckDB cannot read its rows (Invalid Input Error)")
    assert "jane" not in "".join(traceback.format_exception(error))


def test_no_file_stops(orders: Orders) -> None:
    source = Parquet(kind="parquet", path=f"{orders.root}/raw/date=*/payments.parquet")
    for asked in (lambda: source.days(ORDERS, bench(orders.root)), lambda: rows(source, ORDERS, bench(orders.root))):
        with pytest.raises(DataError, match="no file") as raised:
            asked()
        assert raised.value.where == source.path
        assert raised.value.exit_code == 3


def test_a_folder_that_is_no_day_stops(orders: Orders) -> None:
    path = orders.root / "raw" / "date=2026-02-30" / "orders.parquet"
    write(path, pa.Table.from_pylist([], schema=ORDER))
    with pytest.raises(DataError, match="2026-02-30 is no day") as raised:
        orders.days()
    assert raised.value.where == str(path)


def test_a_file_beside_the_days_stops(orders: Orders) -> None:
    path = orders.root / "raw" / "date=unknown" / "orders.parquet"
    write(path, pa.Table.from_pylist([], schema=ORDER))
    with pytest.raises(DataError, match="no folder date=YYYY-MM-DD") as raised:
        orders.days()
    assert raised.value.where == str(path)


@pytest.fixture
def outside() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def test_a_file_or_folder_that_may_not_be_read_stops_with_its_name(outside: Path) -> None:
    orders = Orders(outside)
    path = orders.orders(FIRST, ("a", 1))
    for shut, where in ((path, str(path)), (path.parent, f"{path.parent}/"), (outside / "raw", f"{outside}/raw/")):
        with closed(shut):
            error = orders.stops(kind=SettingsError)
            assert (error.where, error.found) == (where, "this user may not read it")
            assert error.exit_code == 2
            with pytest.raises(SettingsError, match="may not read it"):
                orders.days()


def test_a_file_that_is_replaced_while_it_is_read_is_to_be_tried_again(orders: Orders) -> None:
    on = bench(orders.root, rows=1)
    chunks = orders.source.read(ORDERS, first=FIRST, last=THIRD, bench=on)
    next(chunks)
    path = orders.orders(SECOND, ("a", 4))
    os.utime(path, (1, 1))
    with pytest.raises(TryAgainError, match="changed, or went, while it was read") as raised:
        list(chunks)
    assert raised.value.exit_code == 75


@pytest.mark.parametrize(("memory", "spill"), [("5MB", "spill"), ("20MB", "raw/date=2026-01-01/orders.parquet/x")])
def test_too_little_memory_or_no_place_to_spill_is_a_setting(orders: Orders, memory: str, spill: str) -> None:
    pl.DataFrame({"customer": [f"customer {n * 7919 % 400_000}" for n in range(400_000)], "cents": 1}).write_parquet(
        orders.path(FIRST)
    )
    on = Bench(threads=1, memory=memory, spill=orders.root / spill, chunk_rows=1000, cache=orders.root / "cache")
    with pytest.raises(SettingsError) as raised:
        rows(orders.source, ORDERS, on)
    assert "raise resources.memory" in raised.value.action
    assert raised.value.exit_code == 2


# ---- days by folder


def test_the_fingerprint_of_a_day_changes_with_its_files_and_with_nothing_else(orders: Orders) -> None:
    first = orders.days()
    orders.path(FIRST).touch()
    assert orders.days() == first
    orders.orders(SECOND, ("a", 4))
    second = orders.days()
    assert {day for day in first if first[day] != second[day]} == {SECOND}
    orders.orders(SECOND, ("a", 4), name="orders-2.parquet")
    assert orders.days()[SECOND] != second[SECOND]
    orders.orders(SECOND, ("a", 3))
    orders.path(SECOND, "orders-2.parquet").unlink()
    assert orders.days() == first


def test_a_root_that_moves_keeps_its_fingerprints(orders: Orders, tmp_path: Path) -> None:
    first = orders.days()
    (tmp_path / "raw").rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "moved").rename(tmp_path / "elsewhere" / "raw")
    assert Orders(tmp_path / "elsewhere").days() == first


# ---- days in a column


def at(*moments: str) -> list[datetime]:
    return [datetime.fromisoformat(moment) for moment in moments]


class Visits:
    """Visits whose day a column says, in files of any folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = Parquet(kind="parquet", path=f"{root}/date=2020-01-01/visits*.parquet")

    def write(self, customers: Sequence[str | None], moments: object, *, name: str = "visits.parquet") -> Path:
        table = pa.table({"customer": pa.array(customers, pa.string()), "at": moments})
        return write(self.root / "date=2020-01-01" / name, table)

    def days(self, table: RawTable = VISITS) -> dict[date, str]:
        return self.source.days(table, bench(self.root))

    def rows(self, *, first: date = FIRST, last: date = THIRD) -> list[tuple[object, ...]]:
        return rows(self.source, VISITS, bench(self.root), first=first, last=last)


@pytest.fixture
def visits(tmp_path: Path) -> Visits:
    return Visits(tmp_path)


@pytest.mark.parametrize(
    "moments",
    [
        pa.array(at("2026-01-03T00:00:00", "2026-01-01T23:59:59.999999", "2026-01-02T10:00:00")),
        pa.array(at("2026-01-03", "2026-01-01", "2026-01-02"), pa.date32()),
        pa.array(["2026-01-03", "2026-01-01T23:59", "2026-01-02 10:00:00+14:00"]),
        pa.array(at("2026-01-03T00:00:00", "2026-01-01T23:59:59.999999", "2026-01-02T10:00:00"), pa.timestamp("ns")),
        in_berlin(*at("2026-01-03T00:00:00", "2026-01-01T23:59:59", "2026-01-02T10:00:00")),
    ],
)
def test_a_column_says_the_day_whatever_a_folder_above_is_called(visits: Visits, moments: pa.Array) -> None:
    visits.write(["c", "a", "b"], moments)
    assert list(visits.days()) == [FIRST, SECOND, THIRD]
    assert [row[:2] for row in visits.rows()] == [(FIRST, "a"), (SECOND, "b"), (THIRD, "c")]
    assert [row[:2] for row in visits.rows(first=SECOND, last=SECOND)] == [(SECOND, "b")]


def test_a_day_column_need_not_be_declared_to_say_the_day(visits: Visits) -> None:
    visits.write(["b", "a"], at("2026-01-02", "2026-01-01"))
    table = RawTable(name="visits", day="at", columns=(Column(name="customer", dtype="text"),))
    assert rows(visits.source, table, bench(visits.root)) == [(FIRST, "a"), (SECOND, "b")]
    missing = RawTable(name="visits", day="when", columns=table.columns)
    with pytest.raises(DataError, match="no column 'when'"):
        visits.days(missing)


def test_a_change_of_a_row_changes_its_day_alone_and_its_place_nothing(visits: Visits) -> None:
    moments = at("2026-01-01", "2026-01-01", "2026-01-02", "2026-01-02T08:00")
    visits.write(["a", "b", "c", None], moments)
    first = visits.days()
    visits.write([None, "b", "c", "a"], at("2026-01-02T08:00", "2026-01-01", "2026-01-02", "2026-01-01"))
    assert visits.days() == first
    visits.write(["a", "b"], moments[:2], name="visits-1.parquet")
    visits.write(["c", None], moments[2:])
    assert visits.days() == first
    visits.write(["x", None], moments[2:])
    assert {day for day, text in visits.days().items() if text != first[day]} == {SECOND}
    visits.write(["c", None, None], [*moments[2:], moments[3]])
    assert {day for day, text in visits.days().items() if text != first[day]} == {SECOND}


def test_two_rows_that_are_alike_are_not_none(visits: Visits) -> None:
    visits.write(["a", "a"], at("2026-01-01", "2026-01-01"))
    twice = visits.days()
    visits.write(["b", "b"], at("2026-01-01", "2026-01-01"))
    assert visits.days() != twice
    visits.write(["a", "a", "a", "a"], at("2026-01-01", "2026-01-01", "2026-01-01", "2026-01-01"))
    assert visits.days() != twice


def test_days_in_a_column_are_counted_once_while_files_and_declaration_stay(
    visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = visits.write(["a"], at("2026-01-01"))
    first = visits.days()
    counted = files_module._counted
    calls: list[str] = []

    def counting(source: Parquet, asked: files_module.Asked, files: object, **rest: object) -> dict[str, str]:
        calls.append(asked.table.name)
        return counted(source, asked, files, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(files_module, "_counted", counting)
    path.touch()
    assert (visits.days(), calls) == (first, [])
    (visits.root / "cache" / "files.json").unlink()
    assert (visits.days(), calls) == (first, [])
    for book in (visits.root / "cache").glob("days-*.json"):
        book.write_text(json.dumps({"key": "another"}))
    assert (visits.days(), calls) == (first, ["visits"])
    visits.days(RawTable(name="visits", day="at", columns=VISITS.columns[:1]))
    assert calls == ["visits", "visits"]


@pytest.mark.parametrize("moment", ["5.1.2026", "", "2026-13-01", "today", None])
def test_rows_whose_day_cannot_be_read_stop_with_their_number_and_the_file(visits: Visits, moment: str | None) -> None:
    visits.write(["a", "b"], pa.array(["2026-01-01", "2026-01-02"]))
    path = visits.write(["c", "d", "e"], pa.array([moment, "2026-01-02", moment]), name="visits-2.parquet")
    with pytest.raises(DataError) as raised:
        visits.days()
    assert (raised.value.where, raised.value.found) == (str(path), "rows whose at is no day: 2")
    assert raised.value.exit_code == 3
    assert [row[1] for row in visits.rows()] == ["a", "b", "d"]


@pytest.mark.parametrize(("kind", "moment"), [("date32", 4_000_000), ("date32", -800_000)])
def test_a_day_that_no_calendar_has_is_no_day(visits: Visits, kind: str, moment: int) -> None:
    visits.write(["a"], pa.array([moment], pa.int32()).cast(pa.date32()))
    with pytest.raises(DataError, match="is no day: 1"):
        visits.days()


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")])
def test_row_groups_of_other_days_are_not_read(visits: Visits, kind: pa.DataType) -> None:
    days = pa.array([FIRST + timedelta(days=number // 1000) for number in range(3000)]).cast(kind)
    path = visits.root / "date=2020-01-01" / "visits.parquet"
    names = [f"customer {number * 7919 % 3000}" for number in range(3000)]
    write(path, pa.table({"customer": names, "at": days}), row_group_size=1000)
    where = pq.read_metadata(path).row_group(0).column(0)
    start = where.dictionary_page_offset or where.data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + where.total_compressed_size] = b"\xff" * where.total_compressed_size
    path.write_bytes(content)
    assert len(visits.rows(first=SECOND, last=SECOND)) == 1000
    with pytest.raises(DataError, match="restore the file"):
        visits.rows()


COUNT = 8_000_000
BIG = """
import re, sys
from datetime import date
from pathlib import Path
from churn.features.raw import Column, RawTable
from churn.stores.duck import Bench
from churn.stores.sources.parquet import Parquet
root = Path(sys.argv[1])
table = RawTable(name="t", day=sys.argv[3], columns=tuple(Column(name=f"c{n}", dtype="integer") for n in range(6)))
bench = Bench(threads=2, memory="200MB", spill=root / "spill", chunk_rows=20_000, cache=root / "cache")
source = Parquet(kind="parquet", path=sys.argv[2])
rows = sum(chunk.height for chunk in source.read(table, first=date(2026, 1, 1), last=date(2026, 1, 1), bench=bench))
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(rows, int(peak[1]) // 1024)
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of `COUNT` rows in a folder of its day, which a column names, too."""
    path = tmp_path_factory.mktemp("big") / "date=2026-01-01" / "big.parquet"
    path.parent.mkdir()
    columns = [((pl.int_range(COUNT, eager=True) * (7919 + 2 * n)) % 1_000_003).alias(f"c{n}") for n in range(6)]
    day = pl.Series("day", [FIRST]).new_from_index(0, COUNT)
    pl.DataFrame([*columns, day]).write_parquet(path, row_group_size=200_000)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("by_folder", [True, False])
def test_memory_is_set_by_the_chunk_and_not_by_the_file(big: Path, tmp_path: Path, by_folder: bool) -> None:
    pattern = str(big.parents[1] / "date=*" / big.name) if by_folder else str(big)
    command = [sys.executable, "-c", BIG, str(tmp_path), pattern, "date" if by_folder else "day"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    read, megabytes = map(int, done.stdout.split())
    assert read == COUNT
    assert (
        megabytes < 500
    )  # at 370 for 4 million rows, too; the rows alone are 366, and twice that while they are sorted


def test_importing_the_sources_imports_no_heavy_library() -> None:
    heavy = ("duckdb", "pyarrow", "obstore", "fsspec", "adbc_driver_postgresql")
    code = f"import sys, churn.stores.sources; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_chunk_has_the_raw_day_and_the_declared_columns_in_order(orders: Orders) -> None:
    (chunk,) = orders.source.read(ORDERS, first=FIRST, last=THIRD, bench=bench(orders.root))
    assert dict(chunk.schema) == {RAW_DAY: pl.Date, "customer": pl.String, "cents": pl.Int64}
