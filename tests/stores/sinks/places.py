"""Real places that a sink writes to, and what they hold, read without our code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
import obstore
import polars as pl

from churn.stores.sinks import Sink
from churn.stores.sinks.csv_text import CsvFile
from churn.stores.sinks.duckdb_file import DuckdbTable
from churn.stores.sinks.postgres import PostgresTable
from churn.stores.sinks.s3 import S3Folder
from tests.stores.sinks.nights import NAME
from tests.stores.sources.postgres_server import Server
from tests.stores.sources.s3_server import BUCKET, S3Server

VARIABLE = "CHURN_TEST_WAREHOUSE"
COLUMNS = ("customer_id", "churn_score", "score_date", "model_version", "segment")


class Place(Protocol):
    """A place with one sink."""

    @property
    def sink(self) -> Sink: ...

    def held(self) -> list[tuple[object, ...]]:
        """Returns the rows of all nights, in order of their days and keys."""
        ...

    def down(self) -> AbstractContextManager[None]:
        """Returns a context in which the place cannot be reached."""
        ...


@dataclass(kw_only=True)
class DuckdbPlace:
    path: Path

    @property
    def sink(self) -> DuckdbTable:
        return DuckdbTable(kind="duckdb", path=self.path, table="scores")

    def held(self) -> list[tuple[object, ...]]:
        with duckdb.connect(self.path) as connection:
            if not connection.execute("select 1 from duckdb_tables()").fetchall():
                return []
            query = f"select {', '.join(COLUMNS)} from scores order by score_date, customer_id"
            return connection.execute(query).fetchall()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Another process would do the same: one of its own for it takes as long as all of this test."""
        with duckdb.connect(self.path) as connection:
            connection.execute("select 1")
            yield


@dataclass(kw_only=True)
class PostgresPlace:
    server: Server

    @property
    def sink(self) -> PostgresTable:
        return PostgresTable(kind="postgres", dsn_variable=VARIABLE, table="marts.scores")

    def clear(self) -> None:
        self.server.run("drop schema if exists marts cascade; create schema marts")

    def held(self) -> list[tuple[object, ...]]:
        with self.server.owner.cursor() as cursor:
            cursor.execute("select to_regclass('marts.scores')::text")
            if cursor.fetchone() == (None,):
                return []
            cursor.execute(f"select {', '.join(COLUMNS)} from marts.scores order by score_date, customer_id")
            return cursor.fetchall()  # type: ignore[no-any-return]

    @contextmanager
    def down(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()


@dataclass(kw_only=True)
class S3Place:
    server: S3Server
    folder: str

    @property
    def sink(self) -> S3Folder:
        return S3Folder(kind="s3", path=f"s3://{BUCKET}/{self.folder}")

    def clear(self) -> None:
        for name in self.names():
            self.server.delete(f"{self.folder}/{NAME}/{name}")

    def names(self) -> list[str]:
        prefix = f"{self.folder}/{NAME}/"
        return sorted(str(entry["path"])[len(prefix) :] for page in self.server.bucket.list(prefix) for entry in page)

    def read(self, name: str) -> bytes:
        return bytes(obstore.get(self.server.bucket, f"{self.folder}/{NAME}/{name}").bytes())

    def held(self) -> list[tuple[object, ...]]:
        """As a reader is told to: the files that the manifests name."""
        manifests = {name: json.loads(self.read(name)) for name in self.names() if name.endswith("/_manifest.json")}
        files = [f"{Path(name).parent}/{file}" for name, manifest in manifests.items() for file in manifest["files"]]
        return [row for file in files for row in pl.read_parquet(self.read(file)).rows()]

    @contextmanager
    def down(self) -> Iterator[None]:
        before = os.environ["AWS_ENDPOINT_URL"]
        os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
        try:
            yield
        finally:
            os.environ["AWS_ENDPOINT_URL"] = before


@dataclass(kw_only=True)
class CsvPlace:
    folder: Path

    @property
    def sink(self) -> CsvFile:
        return CsvFile(kind="csv", folder=self.folder, columns=COLUMNS)

    def held(self) -> list[tuple[object, ...]]:
        files = sorted(self.folder.glob("*.csv"))
        return [row for file in files for row in pl.read_csv(file, try_parse_dates=True).rows()]

    @contextmanager
    def down(self) -> Iterator[None]:
        away = self.folder.with_name("away")
        self.folder.rename(away)
        try:
            yield
        finally:
            away.rename(self.folder)
