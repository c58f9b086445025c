"""CSV files by day, made by hand; Python's csv module writes and reads what they are held against."""

from __future__ import annotations

import csv
import gzip
import io
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn.errors import ChurnError, DataError, SettingsError
from churn.features.raw import Column, RawTable
from churn.stores.sources import files as files_module
from churn.stores.sources.csv_text import Csv
from tests.stores.sources.raw_files import FIRST, ORDERS, SECOND, THIRD, VISITS, bench, closed, open_folder, rows

SECRET = "jane.doe@example.org"


class Texts:
    """Orders by day in CSV files below one root; `as_set` are the source's parameters."""

    def __init__(self, root: Path, *, name: str = "orders.csv", **as_set: Any) -> None:
        self.root, self.name = root, name
        self.source = Csv(kind="csv", path=f"{root}/raw/date=*/{name}", **as_set)
        self.path = root / "raw" / f"date={SECOND}" / name

    def write(self, content: str | bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)

    def rows(self, table: RawTable = ORDERS) -> list[tuple[object, ...]]:
        return rows(self.source, table, bench(self.root))

    def stops(self, table: RawTable = ORDERS, *, kind: type[ChurnError] = DataError) -> ChurnError:
        with pytest.raises(kind) as raised:
            self.rows(table)
        assert SECRET not in "".join(traceback.format_exception(raised.value))
        return raised.value


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    return Texts(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("customer,cents\nb,2\na,10\n", [("a", "10"), ("b", "2")]),
        ("cents,note,customer\n2,x,b\n10,y,a\n", [("a", "10"), ("b", "2")]),
        ("customer,cents\na,1", [("a", "1")]),
        ("customer,cents\r\na,1\r\nb,\r\n", [("a", "1"), ("b", None)]),
        ("\ufeffcustomer,cents\na,1\n", [("a", "1")]),
        ("customer,cents\n,1\n" + '"",2\n', [(None, "1"), (None, "2")]),
        ('customer,cents\n"a, ""b""\nc",1\nd,2\n', [('a, "b"\nc', "1"), ("d", "2")]),
        ('"customer",cents\n a ,NULL\n#b,0x1\n', [(" a ", "NULL"), ("#b", "0x1")]),
        ("customer,cents\n\na,1\n\n", [("a", "1")]),
        ("customer,cents\n", []),
        ("customer,cents", []),
        ('customer,a "b" c\'; drop,cents\nx,,1\n', [("x", "1")]),
        ("customer,cents\né,1\n日本,2\n", [("é", "1"), ("日本", "2")]),
    ],
)
def test_fields_are_read_as_they_stand_and_an_empty_one_is_null(
    texts: Texts, content: str, expected: list[tuple[object, ...]]
) -> None:
    texts.write(content)
    assert [row[1:] for row in texts.rows()] == expected


@pytest.mark.parametrize(
    ("delimiter", "quote", "line", "expected"),
    [
        (";", '"', '"a;b";1,5', ("a;b", "1,5")),
        ("\t", "'", "'a\tb'\t1", ("a\tb", "1")),
        ("|", "", 'a "b|1', ('a "b', "1")),
        ("'", '"', "a'1", ("a", "1")),
        ("\\", '"', '"a\\"\\1', ("a\\", "1")),
    ],
)
def test_delimiter_and_quote_are_as_set(
    tmp_path: Path, delimiter: str, quote: str, line: str, expected: tuple[str, str]
) -> None:
    texts = Texts(tmp_path, delimiter=delimiter, quote=quote)
    texts.write(f"customer{delimiter}cents\n{line}\n")
    assert texts.rows() == [(SECOND, *expected)]


@pytest.mark.parametrize(("delimiter", "quote"), [("", '"'), (",,", '"'), (",", '""'), (",", ",")])
def test_a_delimiter_or_quote_that_is_no_single_character_is_refused(delimiter: str, quote: str) -> None:
    with pytest.raises(SettingsError, match="one character each") as raised:
        Csv(kind="csv", path="raw.csv", delimiter=delimiter, quote=quote)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_file_is_read_in_the_encoding_that_is_set(
    tmp_path: Path, encoding: Literal["utf-8", "utf-16", "latin-1"]
) -> None:
    texts = Texts(tmp_path, encoding=encoding)
    texts.write("customer,cents\nzoë,1\n".encode(encoding))
    assert texts.rows() == [(SECOND, "zoë", "1")]


def test_files_of_different_column_orders_are_one_table(tmp_path: Path) -> None:
    texts = Texts(tmp_path, name="*.csv")
    for name, content in {"1": "customer,cents\nb,2\n", "2": "cents,customer,more\n1,a,x\n", "3": ""}.items():
        texts.path.with_name(f"{name}.csv").parent.mkdir(parents=True, exist_ok=True)
        texts.path.with_name(f"{name}.csv").write_text(content or "customer,cents\n")
    assert texts.rows() == [(SECOND, "a", "1"), (SECOND, "b", "2")]


def test_a_declared_date_is_the_day_of_the_folder(texts: Texts) -> None:
    texts.write("date,cents\n1999-01-01,1\n")
    table = RawTable(
        name="t", day="date", columns=(Column(name="date", dtype="date"), Column(name="cents", dtype="integer"))
    )
    (chunk,) = texts.source.read(table, first=FIRST, last=THIRD, bench=bench(texts.root))
    assert chunk.rows() == [(SECOND, SECOND, "1")]
    assert dict(chunk.schema) == {"__day": pl.Date, "date": pl.Date, "cents": pl.String}


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\x1f\ufeff"), max_size=6)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    written=st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=12),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    threads=st.sampled_from([1, 2]),
    chunk_rows=st.integers(1, 5),
)
def test_what_a_csv_writer_writes_is_what_is_read(
    written: list[tuple[str, str, str]],
    quoting: Literal[0, 1],
    line_end: str,
    delimiter: str,
    threads: int,
    chunk_rows: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    texts = Texts(tmp_path_factory.mktemp("written"), delimiter=delimiter)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    writer.writerows([("customer", "more", "cents"), *written])
    texts.write(out.getvalue())
    on = bench(texts.root, rows=chunk_rows, threads=threads)
    chunks = list(texts.source.read(ORDERS, first=FIRST, last=THIRD, bench=on))
    expected = [(customer or None, cents or None) for customer, _, cents in written]
    expected.sort(key=lambda row: [(value is None, (value or "").encode()) for value in row])
    assert [row[1:] for chunk in chunks for row in chunk.rows()] == expected
    assert all(chunk.height == chunk_rows for chunk in chunks[:-1])


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"{SECRET}", "1 fields, 2 in the header"),
        (f"{SECRET},1,2", "3 fields, 2 in the header"),
        (f"{SECRET},1,", "3 fields, 2 in the header"),
        (f"doe,{SECRET},", "3 fields, 2 in the header"),
        (f"{SECRET},1,,", "4 fields, 2 in the header"),
        (f'"{SECRET}"x,1', "',' expected after '\"'"),
    ],
)
@pytest.mark.parametrize("place", [2, 3, 4000])
def test_a_shifted_row_stops_with_file_and_line_and_without_its_values(
    texts: Texts, line: str, found: str, place: int
) -> None:
    lines = ["customer,cents", *(f"customer {number},{number}" for number in range(4500))]
    lines.insert(place - 1, line)
    texts.write("\n".join(lines) + "\n")
    error = texts.stops()
    assert (error.where, error.found) == (f"{texts.path}, line {place}", found)
    assert error.action.startswith("restore the file, or mend that line")
    assert error.exit_code == 3


def test_a_shifted_row_of_another_day_stops_too_where_a_column_says_the_day(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text(f"customer,at\na,2026-01-02\n{SECRET},1999-01-01,\n")
    source = Csv(kind="csv", path=str(path))
    for asked in (lambda: rows(source, VISITS, bench(tmp_path)), lambda: source.days(VISITS, bench(tmp_path))):
        with pytest.raises(DataError, match="3 fields, 2 in the header") as raised:
            asked()
        assert raised.value.where == f"{path}, line 3"


def test_a_quote_that_is_not_closed_does_not_swallow_the_rows_behind_it(texts: Texts) -> None:
    texts.write(f'customer,cents\n"{SECRET},1\nb,"2"\nc,3\n')
    assert texts.stops().where.startswith(f"{texts.path}, line ")


def test_a_file_cut_within_a_row_stops(texts: Texts) -> None:
    texts.write(f"customer,cents\na,1\n{SECRET[:5]}")
    error = texts.stops()
    assert (error.where, error.found) == (f"{texts.path}, line 3", "1 fields, 2 in the header")


def test_line_ends_of_two_kinds_stop_without_a_value(texts: Texts) -> None:
    texts.write(f"customer,cents\r\na,1\n{SECRET},2\r\n")
    error = texts.stops()
    assert (error.where, error.found) == (texts.source.path, "a file that is no CSV")
    assert "one kind of line end" in error.action


@pytest.mark.parametrize("place", [2, 3000])
def test_a_wrong_encoding_stops_with_file_and_line(texts: Texts, place: int) -> None:
    lines = ["customer,cents", *(f"customer {number},{number}" for number in range(4500))]
    lines.insert(place - 1, f"zoë {SECRET},1")
    texts.write("\n".join(lines).encode("latin-1"))
    error = texts.stops()
    assert (error.where, error.found) == (str(texts.path), f"line {place} is not utf-8")
    assert error.action.startswith("set encoding to the one that the file is written in")
    assert error.exit_code == 3


@pytest.mark.parametrize(
    "content", ["customer,zoë,cents\na,b,1\n".encode("latin-1"), "customer,cents\n".encode("utf-16")]
)
def test_a_header_in_a_wrong_encoding_stops(texts: Texts, content: bytes) -> None:
    texts.write(content)
    error = texts.stops()
    assert (error.where, error.found) == (str(texts.path), "line 1 is not utf-8")
    assert "set encoding" in error.action


@pytest.mark.parametrize(
    ("content", "found", "action"),
    [
        ("customer,cent\na,1\n", "no column 'cents' in its header", "did you mean 'cent'?"),
        ("Customer,cents\na,1\n", "no column 'customer' in its header", "did you mean 'Customer'?"),
        ("a,1\nb,2\n", "no column 'customer', 'cents' in its header", "there are: 1, a"),
        ("customer,cents,cents\na,1,2\n", "column 'cents' is in its header twice", "under another name"),
        ("", "no header in its first line", "deliver the file with its header"),
        ("\ncustomer,cents\n", "no header in its first line", "deliver the file with its header"),
        ("customer;cents\na;1\n", "no column 'customer', 'cents' in its header", "customer;cents"),
    ],
)
def test_a_header_without_a_declared_column_stops_with_the_file(
    texts: Texts, content: str, found: str, action: str
) -> None:
    texts.write(content)
    error = texts.stops()
    assert (error.where, error.found) == (str(texts.path), found)
    assert action in error.action
    assert error.exit_code == 3


# ---- compressed


@pytest.fixture
def zipped(tmp_path: Path) -> Texts:
    return Texts(tmp_path, name="orders.csv.gz")


WHOLE = gzip.compress(("customer,cents\n" + "".join(f"c{n * 7919 % 9973},{n}\n" for n in range(9000))).encode())


def test_a_compressed_file_is_read_and_so_is_one_of_many_members(zipped: Texts) -> None:
    zipped.write(gzip.compress(b"customer,cents\nb,2\n") + gzip.compress(b"a,1\n"))
    assert zipped.rows() == [(SECOND, "a", "1"), (SECOND, "b", "2")]
    zipped.write(WHOLE)
    assert len(zipped.rows()) == 9000


@pytest.mark.parametrize(
    "content",
    [
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:-4],
        WHOLE[:-6] + bytes([WHOLE[-6] ^ 1]) + WHOLE[-5:],
        WHOLE[:5000] + bytes([WHOLE[5000] ^ 255]) + WHOLE[5001:],
        b"customer,cents\na,1\n",
        b"",
    ],
    ids=["half", "no end", "wrong sum", "flipped", "plain text", "empty"],
)
def test_a_damaged_compressed_file_is_named(zipped: Texts, content: bytes) -> None:
    zipped.write(content)
    error = zipped.stops()
    assert error.where == str(zipped.path)
    assert error.action in {"restore the file", "deliver the file with its header"}
    assert error.exit_code == 3


def test_a_fault_within_a_compressed_file_is_told_by_its_line(zipped: Texts) -> None:
    zipped.write(gzip.compress(f"customer,cents\na,1\n{SECRET}\n".encode()))
    assert zipped.stops().where == f"{zipped.path}, line 3"


# ---- days


def test_days_by_folder_change_with_their_bytes(texts: Texts) -> None:
    texts.write("customer,cents\na,1\n")
    first = texts.source.days(ORDERS, bench(texts.root))
    texts.write("customer,cents\na,2\n")
    assert list(first) == [SECOND]
    assert texts.source.days(ORDERS, bench(texts.root)) != first


def test_a_column_says_the_day_in_any_iso_form(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text(
        "customer,at\nd,2026-01-03 10:00:00+02:00\na,2026-01-01\nb,2026-01-02T23:59:59\nc,2026-01-02 08:00\n"
    )
    source = Csv(kind="csv", path=str(path))
    first = source.days(VISITS, bench(tmp_path))
    assert list(first) == [FIRST, SECOND, THIRD]
    found = rows(source, VISITS, bench(tmp_path), last=SECOND)
    assert [row[:2] for row in found] == [(FIRST, "a"), (SECOND, "b"), (SECOND, "c")]
    path.write_text(
        "at,customer\n2026-01-01,a\n2026-01-02 08:00,x\n2026-01-02T23:59:59,b\n2026-01-03 10:00:00+02:00,d\n"
    )
    assert {day for day, text in source.days(VISITS, bench(tmp_path)).items() if text != first[day]} == {SECOND}


@pytest.mark.parametrize("moment", ["", "2.1.2026", "2026-02-30", "20260102"])
def test_rows_whose_day_cannot_be_read_stop_with_their_number(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "visits.csv"
    path.write_text(f"customer,at\na,2026-01-01\nb,{moment}\nc,{moment}\n")
    with pytest.raises(DataError) as raised:
        Csv(kind="csv", path=str(path)).days(VISITS, bench(tmp_path))
    assert (raised.value.where, raised.value.found) == (str(path), "rows whose at is no day: 2")


def test_other_parameters_count_the_days_anew(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text("customer,at\n'a',2026-01-01\n")
    plain = Csv(kind="csv", path=str(path)).days(VISITS, bench(tmp_path))
    assert Csv(kind="csv", path=str(path), quote="'").days(VISITS, bench(tmp_path)) != plain


def test_many_small_days_come_in_order(texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        folder = texts.root / "raw" / f"date={FIRST + timedelta(days=number)}"
        folder.mkdir(parents=True)
        (folder / "orders.csv").write_text(f"customer,cents\nb,{number}\na,{number}\n")
    wanted = [(FIRST + timedelta(days=number), name, str(number)) for number in range(30) for name in "ab"]
    for limit in (1, 100, 1 << 20):
        monkeypatch.setattr(files_module, "_GROUP_BYTES", limit)
        assert rows(texts.source, ORDERS, bench(texts.root), last=FIRST + timedelta(days=99)) == wanted


@pytest.fixture
def outside() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def test_a_file_that_may_not_be_read_stops_with_its_name(outside: Path) -> None:
    texts = Texts(outside)
    texts.write("customer,cents\na,1\n")
    with closed(texts.path):
        error = texts.stops(kind=SettingsError)
    assert (error.where, error.found) == (str(texts.path), "this user may not read it")
    assert error.exit_code == 2


def test_a_big_file_is_read_whole_over_the_bounds_of_its_blocks(texts: Texts) -> None:
    count = 400_000
    lines = (f'"customer, {n}",{n},{"x" * 90}\n' for n in range(count))
    texts.write("customer,cents,pad\n" + "".join(lines))
    assert texts.path.stat().st_size > 40_000_000
    on = bench(texts.root, rows=50_000, threads=2)
    total = sum(
        chunk["cents"].cast(pl.Int64).sum() for chunk in texts.source.read(ORDERS, first=FIRST, last=THIRD, bench=on)
    )
    assert total == count * (count - 1) // 2
