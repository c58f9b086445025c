"""One server of each kind for all tests of sinks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.sinks.places import VARIABLE, CsvPlace, DuckdbPlace, Place, PostgresPlace, S3Place
from tests.stores.sources.postgres_server import Server, running_server
from tests.stores.sources.s3_server import S3Server, s3_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def bucket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> PostgresPlace:
    monkeypatch.setenv(VARIABLE, postgres_server.dsn())
    postgres_server.run("set lock_timeout = '10s'")
    place = PostgresPlace(server=postgres_server)
    place.clear()
    return place


@pytest.fixture
def s3(bucket_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Place:
    for name in ("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_REGION", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in bucket_server.environment.items():
        monkeypatch.setenv(name, value)
    return S3Place(server=bucket_server, folder=tmp_path.name)


@pytest.fixture(params=["duckdb", "postgres", "s3", "csv"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "duckdb":
        return DuckdbPlace(path=tmp_path / "warehouse.duckdb")
    if request.param == "csv":
        (tmp_path / "campaigns").mkdir()
        return CsvPlace(folder=tmp_path / "campaigns")
    found: Place = request.getfixturevalue(request.param)
    return found
