"""What MLflow's store would answer is read without a byte written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from churn.errors import TryAgainError
from churn.stores import mlflow_database

_HOLDS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma cache_size = 1")
connection.execute("begin immediate")
if sys.argv[2] == "writes":
    connection.execute("update rows set text = text || 'x'")
print("held", flush=True)
sys.stdin.read()
"""


def database(path: Path, revision: str = "abc") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table alembic_version (version_num text)")
        connection.execute("insert into alembic_version values (?)", (revision,))
        connection.execute("create table rows (text text)")
        connection.executemany("insert into rows values (?)", [("a" * 900,)] * 500)
        connection.commit()
    return path


@contextmanager
def held(path: Path, how: str = "holds") -> Iterator[subprocess.Popen[bytes]]:
    """Has another process begin to write in a database."""
    command = [sys.executable, "-c", _HOLDS, str(path), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_process_that_writes_is_named_and_a_reader_is_no_writer(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db")
    before = path.stat().st_mtime_ns
    assert mlflow_database.writer(path) is None
    with held(path) as process:
        assert mlflow_database.writer(path) == process.pid
    assert mlflow_database.writer(path) is None
    assert (path.stat().st_mtime_ns, list(tmp_path.iterdir())) == (before, [path])


def test_a_schema_is_read_and_what_is_no_database_of_mlflows_is_told(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db", "e5d3")
    assert (mlflow_database.schema(path), mlflow_database.faults(path)) == ("e5d3", ())
    path.write_bytes(b"")
    with pytest.raises(TryAgainError, match="no such table"):
        mlflow_database.schema(path)
    path.write_bytes(b"no database" * 100)
    with pytest.raises(TryAgainError, match="not a database"):
        mlflow_database.schema(path)


def test_damage_within_a_database_is_found(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(20_000))
    assert any("page" in fault.lower() for fault in mlflow_database.faults(path))


def test_the_schema_that_is_wanted_is_the_one_that_mlflow_makes(business: Path) -> None:
    assert mlflow_database.wanted_schema() == mlflow_database.schema(business / "mlflow" / "mlflow.db")


def test_what_a_killed_writer_left_is_not_touched(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db")
    with held(path, "writes") as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    journal = tmp_path / "mlflow.db-journal"
    assert journal.stat().st_size
    assert mlflow_database.writer(path) is None
    assert journal.exists()


@contextmanager
def server(status: int) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's own name
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def test_a_server_is_well_where_it_says_so_or_wants_to_know_who_asks() -> None:
    for status in (200, 401, 403):
        with server(status) as uri:
            mlflow_database.require_server(f"{uri}/")


def test_a_server_that_is_ill_or_away_is_told() -> None:
    with server(503) as uri, pytest.raises(TryAgainError, match="HTTP status 503"):
        mlflow_database.require_server(uri)
    with pytest.raises(TryAgainError, match="refused"):
        mlflow_database.require_server(uri)
    with pytest.raises(TryAgainError, match="no address of a server"):
        mlflow_database.require_server("databricks")
