"""What did the raw tables say before a date?

DuckDB runs the dataset's SQL files as views over the raw tables in the lake, with `as_of` bound. Each file is one
SELECT that also runs in the DuckDB shell; which file needs which is read off DuckDB's own syntax tree. A partition
`date=D` is seen only at the dates after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from glob import glob
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from churn.errors import DataError
from churn.stores.duck import Bench, chunks, duck_errors, quoted, values_hidden
from churn.stores.globs import fixed_folder

if TYPE_CHECKING:
    from churn.stores.duck import Connection, Relation

_HIVE_DAY = re.compile(r"/date=(\d{4}-\d{2}-\d{2})/")


class Sql:
    """The SQL of one dataset over its raw tables; `tables` maps a table's name to a parquet glob."""

    def __init__(self, *, tables: Mapping[str, str], sql: Path, bench: Bench) -> None:
        self._tables, self._sql, self._bench = dict(tables), sql, bench
        self._connection: Connection | None = None
        self._views_before: date | None = None
        self._columns: dict[str, dict[str, str]] = {}

    def snapshot(self, day: date, *, key: str, rows: int, seen: date | None = None) -> Iterator[pl.DataFrame]:
        """Yields the rows of `snapshot.sql` at `day` in the order of the key, exactly `rows` at a time but the last.

        `seen` shows the SQL the raw days before that date in place of those before `day`: whatever that changes looks
        past its date.
        """
        with self._query("snapshot", day, order=key, seen=seen) as found:
            yield from chunks(found, rows)

    def labels(self, day: date, *, key: str, horizon_days: int) -> pl.DataFrame:
        """Returns key and `label` (0 or 1) for the population at `day`, in the order of the key."""
        seen = day + timedelta(days=horizon_days)
        with self._query("labels", day, order=key, horizon_days=horizon_days, seen=seen) as found:
            return pl.DataFrame(found.to_arrow_table())

    def protected(self, day: date, *, key: str, horizon_days: int) -> pl.DataFrame:
        """Returns key and protected attributes for the population at `day`, in the order of the key.

        Asked for labelled rows, so the raw days of their label window are in view already; the SQL binds its date.
        """
        with self._query("protected", day, order=key, seen=day + timedelta(days=horizon_days)) as found:
            return pl.DataFrame(found.to_arrow_table())

    def audit(self, day: date) -> dict[str, int]:
        """Returns the counts of `audit.sql`: what was read before `day`, left out, netted."""
        with self._query("audit", day) as found:
            return dict(pl.DataFrame(found.to_arrow_table()).row(0, named=True))

    def texts(self) -> dict[str, str]:
        """Returns the dataset's SQL files, by name."""
        return {f"sql/{self._sql.name}/{path.name}": path.read_text() for path in self._sql_files()}

    def _sql_files(self) -> list[Path]:
        files = sorted(self._sql.glob("*.sql"))
        if not files:
            raise DataError(
                where=str(self._sql), found="no SQL file", action="add snapshot.sql, labels.sql and audit.sql"
            )
        return files

    @contextmanager
    def _query(
        self,
        view: str,
        day: date,
        *,
        order: str | None = None,
        horizon_days: int | None = None,
        seen: date | None = None,
    ) -> Iterator[Relation]:
        with _sql_errors(self._sql / f"{view}.sql"):
            connection = self._connect()
            connection.execute("set variable as_of = ?::date", [day])
            connection.execute("set variable horizon_days = ?::integer", [horizon_days])
            last = seen or day
            if last != self._views_before:  # binding hundreds of files costs more than most queries
                self._create_views(connection, last)
                self._views_before = last
            yield connection.sql(f"from {quoted(view)}" + (f" order by {quoted(order)}" if order else ""))

    def _connect(self) -> Connection:
        if self._connection is None:
            folders = {Path(fixed_folder(path) or ".") for path in self._tables.values()}
            # a day may stand elsewhere, and be linked: an earlier version of it that a night is made again from
            linked = {day.resolve() for folder in folders for day in folder.glob("date=*") if day.is_symlink()}
            self._connection = self._bench.connect(folders=folders | linked)
        return self._connection

    def _create_views(self, connection: Connection, last: date) -> None:
        for name, path in self._tables.items():
            files = _files(name, path, last)
            self._require_one_schema(connection, name, files)
            connection.read_parquet(files, hive_partitioning=True).create_view(name, replace=True)
        if self._views_before is None:  # a view of views is bound anew by every query
            self._create_views_of_views(connection)

    def _create_views_of_views(self, connection: Connection) -> None:
        texts = {path.stem.lower(): path.read_text() for path in self._sql_files()}
        needs = {
            name: _tables_in(connection, text, file=self._sql / f"{name}.sql") & texts.keys()
            for name, text in texts.items()
        }
        for name in _in_order(needs, self._sql):
            with _sql_errors(self._sql / f"{name}.sql", lines_before=1):
                connection.execute(f"create or replace view {quoted(name)} as\n{texts[name]}")

    def _require_one_schema(self, connection: Connection, name: str, files: Sequence[str]) -> None:
        """Raises DataError where a table's files differ in their columns: DuckDB would cast all to the first one's.

        A file is looked into once, however many days are asked for.
        """
        fresh = [file for file in files if file not in self._columns]
        for columns, alike in connection.execute(_SCHEMAS, [fresh]).fetchall() if fresh else ():
            schema = {column["name"]: column["type"] for column in columns}
            self._columns |= dict.fromkeys(alike, schema)
        newest = self._columns[max(files)]
        others = [file for file in files if self._columns[file] != newest]
        if others:
            other = self._columns[max(others)]
            first = min(file for file in others if self._columns[file] == other)
            raise _two_schemas(name, first, other=other, newest=newest)


_SCHEMAS = """
with files as (
    select file_name, list({'name': name, 'type': duckdb_type} order by name) as columns
    from parquet_schema(?)
    where duckdb_type is not null
    group by file_name
)
select columns, list(file_name) as files from files group by columns
"""


def _two_schemas(name: str, file: str, *, other: Mapping[str, str], newest: Mapping[str, str]) -> DataError:
    differing = [column for column in sorted({*newest, *other}) if newest.get(column) != other.get(column)]
    spelled = ", ".join(
        f"{c} is {other.get(c, 'missing')}, on the newest day {newest.get(c, 'missing')}" for c in differing
    )
    action = (
        f"bring {Path(file).parent} and the days around it anew from a source that still has them, or take the change "
        "of the table's declaration back"
    )
    return DataError(where=f"raw table {name}, {file}", found=spelled, action=action)


def _files(name: str, pattern: str, last: date) -> list[str]:
    found = sorted(glob(pattern))  # noqa: PTH207 - Path.glob takes no absolute pattern
    early = [path for path in found if (_hive_day(path) or "") < last.isoformat()]
    if not early:
        raise DataError(
            where=f"raw table {name}",
            found=f"no file {pattern} before {last}",
            action="run stage=features, which brings the raw days into the lake",
        )
    return early


def _hive_day(path: str) -> str | None:
    # the innermost one: a folder above the raw tables may be named after a date, too
    days: list[str] = _HIVE_DAY.findall(path)
    return days[-1] if days else None


def _tables_in(connection: Connection, sql: str, *, file: Path) -> set[str]:
    """Returns the tables that one SELECT reads; what cannot be parsed reads none, and stops where it is run.

    Raises:
        DataError: the file holds something else, or something more.
    """
    row = connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    tree = json.loads(row[0] if row else "{}")
    if tree.get("error_type") == "not implemented" or len(tree.get("statements", ())) > 1:
        action = "leave one SELECT in it: a dataset's SQL reads its raw tables, and does nothing else"
        raise DataError(where=str(file), found="not one SELECT", action=action)
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


@contextmanager
def _sql_errors(file: Path, *, lines_before: int = 0) -> Iterator[None]:
    action = "mend the SQL, or the raw table that it reads"
    with duck_errors(str(file), action=action, lines_before=lines_before), values_hidden(str(file), action=action):
        yield
