"""An alias read without MLflow is the one that MLflow has, and anything strange is for MLflow to tell."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from churn.stores.aliases import Registered, UnknownError, in_database, on_server

TAGS = [{"key": "churn.fingerprint", "value": "f"}, {"key": "churn.bundle", "value": "b"}]
FOUND = {"model_version": {"name": "m", "version": "12", "tags": TAGS}}
NO_ALIAS = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Registered model alias shadow not found."}
NO_MODEL = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Registered Model with name=m not found"}


def asked(path: Path, alias: str = "champion", model: str = "churn-predictor") -> Registered | None:
    return in_database(path / "mlflow" / "mlflow.db", model=model, alias=alias)


def test_the_database_is_read_as_mlflow_reads_it(business: Path) -> None:
    from churn.stores.registry import Registry

    registry = Registry(folder=business / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    assert asked(business) == registry.registered(1) == registry._bearer("champion")
    assert asked(business, alias="shadow") is None


def test_what_a_database_does_not_know_is_unknown(business: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownError):
        asked(business, model="another")
    with pytest.raises(UnknownError):
        asked(tmp_path)
    (tmp_path / "mlflow").mkdir()
    for content in (b"", b"no database" * 200):
        (tmp_path / "mlflow" / "mlflow.db").write_bytes(content)
        with pytest.raises(UnknownError):
            asked(tmp_path)
    (tmp_path / "mlflow" / "mlflow.db").unlink()
    with sqlite3.connect(tmp_path / "mlflow" / "mlflow.db") as other:
        other.execute("create table registered_models (name text)")
    with pytest.raises(UnknownError):
        asked(tmp_path)


@contextmanager
def server(code: int, answer: object, heard: list[str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(code)
            self.end_headers()
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_server_is_asked_over_rest_with_the_credentials_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pw")
    with server(200, FOUND, heard) as uri:
        found = on_server(uri, model="m", alias="champion")
    assert found == Registered(version=12, fingerprint="f", bundle="b")
    assert heard == ["/api/2.0/mlflow/registered-models/alias?name=m&alias=champion Basic YW5uOnB3"]


def test_a_model_without_the_alias_is_told_apart_from_trouble() -> None:
    with server(400, NO_ALIAS, []) as uri:
        assert on_server(uri, model="m", alias="shadow") is None
    for code, answer in ((404, NO_MODEL), (500, {}), (200, {"odd": 1}), (200, b"<html>"), (400, b"<html>")):
        with server(code, answer, []) as uri, pytest.raises(UnknownError):
            on_server(uri, model="m", alias="champion")
    for address in ("http://127.0.0.1:9", "file:///etc/passwd", "databricks"):
        with pytest.raises(UnknownError):
            on_server(address, model="m", alias="champion")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"garbage\r\n\r\n", b""])
def test_a_server_that_dies_in_the_middle_of_its_answer_tells_nothing(answer: bytes) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)

        def once() -> None:
            connection, _ = listening.accept()
            connection.recv(4096)
            connection.sendall(answer)
            connection.close()

        threading.Thread(target=once, daemon=True).start()
        with pytest.raises(UnknownError):
            on_server(f"http://127.0.0.1:{listening.getsockname()[1]}", model="m", alias="champion")
