"""What did the raw tables say before a date?

DuckDB runs the dataset's SQL files as views over its raw tables, with `as_of` bound. Each file is one SELECT that also
runs in the DuckDB shell; which file needs which is read off DuckDB's own syntax tree. Raw files are fingerprinted by
content, and a hive partition `date=D` counts only for the dates after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from glob import glob
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from churn.errors import DataError, SettingsError
from churn.stores.lake import file_sha256, fingerprint

_HIVE_DAY = re.compile(r"/date=(\d{4}-\d{2}-\d{2})/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The first and the last day that the raw tables hold before a date."""

    first_day: date
    last_day: date


class Source:
    """The raw tables of one dataset behind its SQL.

    `tables` maps a table's name to a parquet glob; `memory` is DuckDB's limit (such as `4GB`), `spill` where it puts
    what exceeds it.
    """

    def __init__(self, *, tables: Mapping[str, str], sql: Path, threads: int, memory: str, spill: Path) -> None:
        self._tables, self._sql = dict(tables), sql
        self._settings: dict[str, Any] = {"threads": threads, "memory_limit": memory, "temp_directory": str(spill)}
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._views_before: date | None = None

    def snapshot(self, day: date, *, key: str, rows: int) -> Iterator[pl.DataFrame]:
        """Yields the rows of `snapshot.sql` at `day` in the order of the key, exactly `rows` at a time but the last."""
        with self._query("snapshot", day, order=key) as found:
            yield from _exactly((pl.DataFrame(batch) for batch in found.to_arrow_reader()), rows)

    def labels(self, day: date, *, key: str, horizon_days: int) -> pl.DataFrame:
        """Returns key and `label` (0 or 1) for the population at `day`, in the order of the key."""
        with self._query("labels", day, order=key, horizon_days=horizon_days) as found:
            return pl.DataFrame(found.to_arrow_table())

    def audit(self, day: date) -> dict[str, int]:
        """Returns the counts of `audit.sql`: what was read before `day`, left out, netted."""
        with self._query("audit", day) as found:
            return dict(pl.DataFrame(found.to_arrow_table()).row(0, named=True))

    def coverage(self, day: date) -> Coverage:
        """Returns the span of raw days before `day`.

        Raises:
            DataError: there is no raw row before it.
        """
        with self._query("coverage", day) as found:
            first, last = pl.DataFrame(found.to_arrow_table()).row(0)
        if first is None:
            raise DataError(
                where=f"raw tables before {day}", found="no row", action="load raw data, or ask a later date"
            )
        return Coverage(first_day=first, last_day=last)

    def partition_days(self, day: date) -> tuple[date, ...]:
        """Returns the dates before `day` that have a hive partition in any table; none where no table has any."""
        found = {_hive_day(path) for name, pattern in self._tables.items() for path in _files(name, pattern, day)}
        return tuple(sorted(date.fromisoformat(text) for text in found if text))

    def fingerprints(self, day: date) -> dict[str, str]:
        """Returns a fingerprint a raw table, over the files that can hold rows before `day`, and one of the SQL."""
        raw = {f"raw.{name}": fingerprint(_hashes(_files(name, path, day))) for name, path in self._tables.items()}
        return raw | {"sql": fingerprint({path.name: path.read_text() for path in self._sql_files()})}

    def _sql_files(self) -> list[Path]:
        files = sorted(self._sql.glob("*.sql"))
        if not files:
            raise DataError(
                where=str(self._sql), found="no SQL file", action="add snapshot.sql, labels.sql and coverage.sql"
            )
        return files

    @contextmanager
    def _query(
        self, view: str, day: date, *, order: str | None = None, horizon_days: int | None = None
    ) -> Iterator[duckdb.DuckDBPyRelation]:
        with _sql_errors(self._sql / f"{view}.sql"):
            connection = self._connect()
            connection.execute("set variable as_of = ?::date", [day])
            connection.execute("set variable horizon_days = ?::integer", [horizon_days])
            last = day + timedelta(days=horizon_days or 0)
            if last != self._views_before:  # binding hundreds of files costs more than most queries
                self._create_views(connection, last)
                self._views_before = last
            yield connection.sql(f"from {_quoted(view)}" + (f" order by {_quoted(order)}" if order else ""))

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = duckdb.connect(config=self._settings)
        return self._connection

    def _create_views(self, connection: duckdb.DuckDBPyConnection, last: date) -> None:
        for name, path in self._tables.items():
            files = [str(file) for file in _files(name, path, last)]
            connection.read_parquet(files, hive_partitioning=True).create_view(name, replace=True)
        texts = {path.stem.lower(): path.read_text() for path in self._sql_files()}
        needs = {name: _tables_in(connection, text) & texts.keys() for name, text in texts.items()}
        for name in _in_order(needs, self._sql):
            with _sql_errors(self._sql / f"{name}.sql"):
                connection.execute(f"create or replace view {_quoted(name)} as {texts[name]}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _files(name: str, pattern: str, last: date) -> list[Path]:
    found = [Path(path) for path in sorted(glob(pattern))]  # noqa: PTH207 - Path.glob takes no absolute pattern
    early = [path for path in found if (_hive_day(path) or "") < last.isoformat()]
    if not early:
        raise DataError(
            where=f"raw table {name}",
            found=f"no file {pattern} before {last}",
            action="load it, or mend dataset.tables",
        )
    return early


def _hive_day(path: Path) -> str | None:
    # the innermost one: a folder above the raw tables may be named after a date, too
    days: list[str] = _HIVE_DAY.findall(str(path))
    return days[-1] if days else None


def _hashes(files: list[Path]) -> list[tuple[str, str]]:
    return [
        ("/".join(file.parts[-2:]), _hash_once(file, file.stat().st_mtime_ns, file.stat().st_size)) for file in files
    ]


@cache
def _hash_once(file: Path, _mtime_ns: int, _size: int) -> str:
    return file_sha256(file)


def _tables_in(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    row = connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    tree = json.loads(row[0] if row else "{}")
    return {name.lower() for name in _base_tables(tree)} - {name.lower() for name in _cte_names(tree)}


def _in_order(needs: Mapping[str, set[str]], folder: Path) -> list[str]:
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        found = f"files that need each other: {', '.join(f'{name}.sql' for name in dict.fromkeys(error.args[1]))}"
        raise DataError(where=str(folder), found=found, action="let one of them read raw tables alone") from error


def _base_tables(tree: object) -> Iterator[str]:
    return (str(node["table_name"]) for node in _nodes(tree) if node.get("type") == "BASE_TABLE")


def _cte_names(tree: object) -> Iterator[str]:
    return (str(entry["key"]) for node in _nodes(tree) for entry in node.get("cte_map", {}).get("map", []))


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(child)


def _exactly(frames: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    count = 0
    for frame in frames:
        held.append(frame)
        count += frame.height
        while count >= rows:
            whole = pl.concat(held)
            yield whole.head(rows)
            held, count = [whole.slice(rows)], count - rows
    if count:
        yield pl.concat(held)


@contextmanager
def _sql_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        found = str(error).splitlines()[0]
        raise SettingsError(
            where=str(file), found=found, action="raise resources.memory, or free disk to spill"
        ) from error
    except duckdb.Error as error:
        found = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
        raise DataError(where=str(file), found=found, action="mend the SQL, or the raw table that it reads") from error
