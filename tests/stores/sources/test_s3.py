"""Files in a real S3 server, read through a line that counts their bytes, can be cut and can fall silent."""

from __future__ import annotations

import gzip
import io
import socket
import threading
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from obstore.store import S3Store

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError
from churn.features.raw import Column, RawTable
from churn.stores import s3
from churn.stores.objects import find
from churn.stores.sources import files as files_module
from churn.stores.sources.csv_text import Csv
from churn.stores.sources.parquet import Parquet
from tests.line import Line
from tests.stores.sources.raw_files import FIRST, ORDERS, SECOND, THIRD, VISITS, bench, rows
from tests.stores.sources.s3_server import BUCKET, KEY, SECRET, S3Server, s3_server

PATTERN = f"s3://{BUCKET}/orders/date=*/orders.parquet"
ORDERS_SOURCE = Parquet(kind="parquet", path=PATTERN)
WIDE = RawTable(
    name="wide", day="date", columns=(Column(name="c1", dtype="integer"), Column(name="c3", dtype="integer"))
)
WIDE_SOURCE = Parquet(kind="parquet", path=f"s3://{BUCKET}/wide/date=*/wide.parquet")
WIDE_ROWS = 100_000


def parquet(columns: Mapping[str, object], *, row_group_size: int | None = None) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(columns).write_parquet(out, row_group_size=row_group_size)
    return out.getvalue()


def wide(seed: int) -> pl.DataFrame:
    numbers = pl.int_range(WIDE_ROWS, eager=True)
    return pl.DataFrame([((numbers + seed) * (7919 + 2 * n) % 2_147_483_647).alias(f"c{n}") for n in range(10)])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        server.put(f"orders/date={FIRST}/orders.parquet", parquet({"customer": ["b", "a"], "cents": [2, 1]}))
        server.put(f"orders/date={SECOND}/orders.parquet", parquet({"cents": [3], "customer": ["a"]}))
        server.put(f"orders/date={SECOND}/notes.txt", b"no table")
        for seed, day in enumerate((FIRST, SECOND)):
            content = parquet(wide(seed).to_dict(), row_group_size=10_000)
            server.put(f"wide/date={day}/wide.parquet", content)
        yield server


@pytest.fixture(autouse=True)
def environment(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_REGION", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3, "SILENCE", timedelta(seconds=0.5))


@pytest.fixture
def line(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    line = Line(server.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
    yield line
    line.close()


def told(error: ChurnError) -> str:
    """Everything that a log would show of the error, which never is a secret."""
    text = "".join(traceback.format_exception(error))
    assert SECRET not in text
    assert KEY not in text
    assert "Debug source" not in text  # obstore's own text, which quotes requests and answers
    return text


# ---- what is there


def test_objects_are_read_as_files_are(tmp_path: Path) -> None:
    assert rows(ORDERS_SOURCE, ORDERS, bench(tmp_path)) == [(FIRST, "a", 1), (FIRST, "b", 2), (SECOND, "a", 3)]
    assert rows(ORDERS_SOURCE, ORDERS, bench(tmp_path), first=SECOND) == [(SECOND, "a", 3)]
    assert list(ORDERS_SOURCE.days(ORDERS, bench(tmp_path))) == [FIRST, SECOND]


def test_the_fingerprint_of_a_day_follows_its_objects(server: S3Server, tmp_path: Path) -> None:
    source = Parquet(kind="parquet", path=f"s3://{BUCKET}/moving/date=*/*.parquet")
    for day in (FIRST, SECOND):
        server.put(f"moving/date={day}/part.parquet", b"one")
    first = source.days(ORDERS, bench(tmp_path))
    server.put(f"moving/date={FIRST}/part.parquet", b"one")
    assert source.days(ORDERS, bench(tmp_path)) == first
    server.put(f"moving/date={SECOND}/part.parquet", b"two")
    assert {day for day, text in source.days(ORDERS, bench(tmp_path)).items() if text != first[day]} == {SECOND}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("orders/date=2026-01-02/orders.parquet", ["date=2026-01-02/orders.parquet"]),
        ("orders/**/*.txt", ["date=2026-01-02/notes.txt"]),
        ("orders/date=2026-01-0[12]/orders.*", ["date=2026-01-01/orders.parquet", "date=2026-01-02/orders.parquet"]),
        ("ord*/date=*/notes.txt", ["date=2026-01-02/notes.txt"]),
    ],
)
def test_a_pattern_means_the_objects_that_match_it(pattern: str, names: list[str]) -> None:
    assert [file.path for file in find(f"s3://{BUCKET}/{pattern}")] == [
        f"s3://{BUCKET}/orders/{name}" for name in names
    ]


@pytest.mark.parametrize("name", ["it's", "a b", "50%25", "q?=x&y#z", "zoë", "[x]", "a+b", "star*"])
def test_a_key_with_any_sign_is_read(server: S3Server, tmp_path: Path, name: str) -> None:
    server.put(f"signs/{name}/date={FIRST}/orders.parquet", parquet({"customer": [name], "cents": [1]}))
    folder = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
    source = Parquet(kind="parquet", path=f"s3://{BUCKET}/signs/{folder}/date=*/orders.parquet")
    assert rows(source, ORDERS, bench(tmp_path)) == [(FIRST, name, 1)]


@pytest.mark.slow
def test_more_objects_than_one_answer_lists_are_found(server: S3Server, tmp_path: Path) -> None:
    names = [f"many/date={FIRST + timedelta(days=number)}/orders.csv" for number in range(1005)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: server.put(name, b""), names))
    source = Csv(kind="csv", path=f"s3://{BUCKET}/many/date=*/orders.csv")
    assert len(source.days(ORDERS, bench(tmp_path))) == 1005


def test_csv_is_read_plain_and_compressed(server: S3Server, tmp_path: Path) -> None:
    text = "customer,cents\n" + "".join(f"c{number},{number}\n" for number in range(200_000))
    server.put(f"text/date={FIRST}/orders.csv", text.encode())
    server.put(f"text/date={SECOND}/orders.csv.gz", gzip.compress(text.encode()))
    found = rows(Csv(kind="csv", path=f"s3://{BUCKET}/text/date=*/orders.csv*"), ORDERS, bench(tmp_path, threads=2))
    expected = sorted((f"c{number}", str(number)) for number in range(200_000))
    assert [row[1:] for row in found if row[0] == FIRST] == expected
    assert [row[1:] for row in found if row[0] == SECOND] == expected


def test_a_day_in_a_column_is_read_from_objects(server: S3Server, tmp_path: Path) -> None:
    server.put("visits/2026.csv", b"customer,at\nb,2026-01-02\na,2026-01-01\n")
    source = Csv(kind="csv", path=f"s3://{BUCKET}/visits/*.csv")
    assert list(source.days(VISITS, bench(tmp_path))) == [FIRST, SECOND]
    assert rows(source, VISITS, bench(tmp_path), first=SECOND) == [(SECOND, "b", "2026-01-02")]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_many_threads_on_one_object_do_not_mix_its_bytes(tmp_path: Path, threads: int) -> None:
    chunks = list(WIDE_SOURCE.read(WIDE, first=FIRST, last=THIRD, bench=bench(tmp_path, threads=threads, rows=30_000)))
    both = [wide(seed).select("c1", "c3").sort("c1", "c3") for seed in (0, 1)]
    assert pl.concat(chunks).select("c1", "c3").equals(pl.concat(both))


def test_only_the_columns_and_row_groups_that_are_asked_for_are_fetched(
    server: S3Server, line: Line, tmp_path: Path
) -> None:
    numbers = pl.int_range(600_000, eager=True)
    columns = {f"c{n}": numbers * (7919 + 2 * n) % 2_147_483_647 for n in range(10)}
    days = [FIRST + timedelta(days=number // 200_000) for number in range(600_000)]
    content = parquet({**columns, "day": days}, row_group_size=200_000)
    server.put("plain/wide.parquet", content)
    table = RawTable(name="wide", day="day", columns=WIDE.columns)
    source = Parquet(kind="parquet", path=f"s3://{BUCKET}/plain/wide.parquet")
    assert len(rows(source, table, bench(tmp_path))) == 600_000
    two_of_ten = line.passed
    assert two_of_ten < 0.25 * len(content)
    assert len(rows(source, table, bench(tmp_path), first=SECOND, last=SECOND)) == 200_000
    assert line.passed - two_of_ten < 0.4 * two_of_ten


def test_a_server_that_gives_no_etag_is_read_by_size_and_time(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = S3Store.list

    def without(store: S3Store, prefix: str | None = None) -> list[list[object]]:
        return [[{**entry, "e_tag": None} for entry in page] for page in real(store, prefix)]

    monkeypatch.setattr(S3Store, "list", without)
    (first, *_) = find(PATTERN)
    assert first.etag
    assert find(PATTERN)[0] == first
    assert s3.ObjectFiles([first]).open(first.path).read(4) == b"PAR1"
    server.put(f"orders/date={FIRST}/orders.parquet", parquet({"customer": ["b", "a"], "cents": [2, 1]}))


# ---- what may go wrong


def test_no_object_stops(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file") as raised:
        Parquet(kind="parquet", path=f"s3://{BUCKET}/orders/date=*/payments.parquet").days(ORDERS, bench(tmp_path))
    assert raised.value.exit_code == 3
    assert told(raised.value)


@pytest.mark.parametrize("path", ["s3://", "s3://Bucket/x", "s3://bucket", "s3://bucket/", "s3:///x", "s3://a/b"])
def test_what_is_no_path_of_an_object_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match="write s3://bucket/folder/file") as raised:
        find(path)
    assert raised.value.exit_code == 2


def test_a_bucket_that_does_not_exist_is_a_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        Parquet(kind="parquet", path="s3://no-such-bucket/orders.parquet").days(ORDERS, bench(tmp_path))
    assert raised.value.found == "no bucket 'no-such-bucket'"
    assert raised.value.exit_code == 2
    assert told(raised.value)


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("AWS_SECRET_ACCESS_KEY", SECRET + "x", "403 (SignatureDoesNotMatch)"),
        ("AWS_ACCESS_KEY_ID", KEY + "x", "403 (InvalidAccessKeyId)"),
        ("AWS_SESSION_TOKEN", "planted-token", "403 (InvalidAccessKeyId)"),
    ],
)
def test_keys_that_do_not_open_the_bucket_are_a_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, code: str
) -> None:
    listed = find(PATTERN)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as while_listing:
        ORDERS_SOURCE.days(ORDERS, bench(tmp_path))
    monkeypatch.setattr(files_module, "find", lambda pattern: listed)
    with pytest.raises(SettingsError) as while_reading:
        rows(ORDERS_SOURCE, ORDERS, bench(tmp_path))
    for error in (while_listing.value, while_reading.value):
        assert error.found == f"no access: the server answered {code}"
        assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in error.action
        assert BUCKET in error.action
        assert error.exit_code == 2
        assert value not in told(error)
    assert while_reading.value.where.startswith(f"s3://{BUCKET}/orders/date=")


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "both"])
def test_missing_keys_are_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    both = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name in both if variable == "both" else (variable,):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SettingsError) as raised:
        ORDERS_SOURCE.days(ORDERS, bench(tmp_path))
    assert raised.value.found == "no access: the environment holds no whole credentials"
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in raised.value.action
    assert told(raised.value)


@pytest.mark.parametrize(
    "address", ["no server/at all", "127.0.0.1:80", "http://me:planted-password@host", "ftp://host"]
)
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"])
def test_an_endpoint_that_is_no_address_is_a_setting_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    monkeypatch.setenv(variable, address)
    with pytest.raises(SettingsError) as raised:
        find(PATTERN)
    assert raised.value.where == variable
    assert address not in told(raised.value)


def test_a_variable_that_is_not_understood_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "planted-value")
    with pytest.raises(SettingsError, match="AWS_") as raised:
        find(PATTERN)
    assert "planted-value" not in told(raised.value)


@pytest.mark.parametrize("then", ["cut", "silent"])
@pytest.mark.parametrize("after", [0, 200_000])
def test_a_line_that_fails_in_the_middle_of_a_read_is_to_be_tried_again_and_does_not_hang(
    line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, then: Literal["cut", "silent"], after: int
) -> None:
    listed = find(WIDE_SOURCE.path)
    monkeypatch.setattr(files_module, "find", lambda pattern: listed)
    line.fail_after(after, then=then)
    with pytest.raises(TryAgainError) as raised:
        rows(WIDE_SOURCE, WIDE, bench(tmp_path, threads=2))
    assert raised.value.where.startswith(f"s3://{BUCKET}/wide/date=")
    assert raised.value.found == {"cut": "the connection failed", "silent": "no answer in time"}[then]
    assert "AWS_ENDPOINT_URL" in raised.value.action
    assert raised.value.exit_code == 75
    assert told(raised.value)


@pytest.mark.parametrize("then", ["cut", "silent"])
def test_a_line_that_fails_while_objects_are_listed_is_to_be_tried_again(
    line: Line, tmp_path: Path, then: Literal["cut", "silent"]
) -> None:
    line.fail_after(100, then=then)
    with pytest.raises(TryAgainError) as raised:
        ORDERS_SOURCE.days(ORDERS, bench(tmp_path))
    assert (raised.value.where, raised.value.exit_code) == (PATTERN, 75)
    assert told(raised.value)


def test_a_line_that_fails_while_a_csv_file_is_looked_at_is_to_be_tried_again(
    server: S3Server, line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.put(f"cut/date={FIRST}/orders.csv.gz", gzip.compress(b"customer,cents\na,1\n"))
    path = f"s3://{BUCKET}/cut/date=*/orders.csv.gz"
    listed = find(path)
    line.fail_after(0, then="cut")
    monkeypatch.setattr(files_module, "find", lambda pattern: listed)
    with pytest.raises(TryAgainError, match="connection failed") as raised:
        rows(Csv(kind="csv", path=path), ORDERS, bench(tmp_path))
    assert told(raised.value)


def test_a_server_that_is_down_is_to_be_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(TryAgainError, match="the connection was refused") as raised:
        ORDERS_SOURCE.days(ORDERS, bench(tmp_path))
    assert raised.value.exit_code == 75
    assert told(raised.value)


@contextmanager
def answering(head: str) -> Iterator[str]:
    """A server that answers every request with one head and nothing behind it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(1 << 16)
                client.sendall(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    threading.Thread(target=answer, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.parametrize(
    ("head", "kind", "found"),
    [
        ("503 Slow Down", TryAgainError, "the server answered 503"),
        ("500 Internal Server Error", TryAgainError, "the server answered 500"),
        ("401 Unauthorized", SettingsError, "no access: the server answered 401"),
        ("301 Moved Permanently", SettingsError, "the server sends requests elsewhere"),
    ],
)
def test_what_the_server_answers_decides_whether_to_try_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, head: str, kind: type[ChurnError], found: str
) -> None:
    with answering(head) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(kind) as raised:
            ORDERS_SOURCE.days(ORDERS, bench(tmp_path))
    assert raised.value.found == found
    assert told(raised.value)


@pytest.mark.parametrize("happens", ["deleted", "replaced"])
def test_an_object_that_goes_or_is_replaced_while_it_is_read_is_to_be_tried_again(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, happens: str
) -> None:
    monkeypatch.setattr(files_module, "_GROUP_BYTES", 1)
    source = Parquet(kind="parquet", path=f"s3://{BUCKET}/{happens}/date=*/wide.parquet")
    paths = [f"{happens}/date={day}/wide.parquet" for day in (FIRST, SECOND)]
    for seed, path in enumerate(paths):
        server.put(path, parquet(wide(seed).to_dict(), row_group_size=10_000))
    chunks = source.read(WIDE, first=FIRST, last=THIRD, bench=bench(tmp_path, rows=1000))
    next(chunks)
    if happens == "deleted":
        server.delete(paths[1])
    else:
        server.put(paths[1], parquet(wide(2).to_dict(), row_group_size=10_000))
    with pytest.raises(TryAgainError) as raised:
        list(chunks)
    assert raised.value.where == f"s3://{BUCKET}/{paths[1]}"
    assert raised.value.found == "the object went, or was replaced, while it was read"
    assert raised.value.exit_code == 75
    assert told(raised.value)


def test_a_damaged_object_is_named(server: S3Server, tmp_path: Path) -> None:
    content = parquet({"customer": ["a"], "cents": [1]})
    server.put(f"damaged/date={FIRST}/orders.parquet", content)
    server.put(f"damaged/date={SECOND}/orders.parquet", content[: len(content) // 2])
    with pytest.raises(DataError) as raised:
        rows(Parquet(kind="parquet", path=f"s3://{BUCKET}/damaged/date=*/orders.parquet"), ORDERS, bench(tmp_path))
    assert raised.value.where == f"s3://{BUCKET}/damaged/date={SECOND}/orders.parquet"
    assert raised.value.action == "restore the file"
    assert raised.value.exit_code == 3


def test_a_read_after_a_failure_fails_at_once_with_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    (file, *_) = find(PATTERN)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    objects = s3.ObjectFiles([file])
    with pytest.raises(SettingsError, match="no access") as first:
        objects.open(file.path).read(1)
    monkeypatch.setattr("churn.stores.s3.obstore.get", None)
    with pytest.raises(SettingsError) as second:
        objects.open(file.path).read(1)
    assert first.value is second.value is objects.failure


def test_a_file_is_read_on_from_where_it_was_whichever_thread_asks() -> None:
    (file, *_) = find(PATTERN)
    (whole, opened) = (s3.ObjectFiles([file]).open(file.path) for _ in range(2))
    content = whole.read()
    assert len(content) == file.size
    opened.seek(3)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(opened.read, 5).result() == content[3:8]
        assert opened.tell() == 8
        pool.submit(opened.seek, 20).result()
        opened.seek(10)
        assert pool.submit(opened.read, 4).result() == content[20:24]
        assert opened.read(4) == content[10:14]
    opened.seek(-2, io.SEEK_END)
    assert opened.read() == content[-2:]
    assert opened.read(1) == b""
