"""How does a night get into a table of a PostgreSQL database?

One transaction takes an advisory lock, deletes what the table has of the night and copies the night in, a COPY a chunk:
it is committed whole, or the server undoes it. Two deliveries of one night wait for each other at the lock, since each
would otherwise delete before it saw the other's rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from churn.stores.postgres import WRITE, Table, column_types, tables, transaction
from churn.stores.sinks.night import DATASET, DAY, Night, require_columns

if TYPE_CHECKING:
    import polars as pl
    from adbc_driver_manager.dbapi import Cursor

    from churn.stores.duck import Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTable:
    """A table in a PostgreSQL database (11 or later), which is made, with an index on the night, where it is missing.

    `dsn_variable` names the environment variable with the connection string, which may stand nowhere else; `table` may
    name its schema (`public.scores`), and is looked for, or made, along the user's search path otherwise.

    >>> PostgresTable(kind="postgres", dsn_variable="WAREHOUSE_DSN", table="public.scores").where
    'PostgreSQL table public.scores (WAREHOUSE_DSN)'
    """

    kind: Literal["postgres"]
    dsn_variable: str
    table: str

    @property
    def where(self) -> str:
        """What errors call it."""
        return f"PostgreSQL table {self.table} ({self.dsn_variable})"

    def deliver(self, night: Night, bench: Bench) -> None:
        """Replaces the table's rows of the night by the night's scores, in one transaction.

        Raises:
            DataError: the table has other columns, or rules that the scores break.
            SettingsError: the environment variable is missing or wrong; the user may not write the table.
            TryAgainError: the server is away, starting up, or broke off.
        """
        columns = _columns(night)
        with transaction(self.dsn_variable, where=self.where, use=WRITE) as cursor:
            cursor.execute(self._lock)  # executescript would commit, and let go of it
            table = self._found(cursor, columns)
            types = {name: _NAMES[kind] for name, kind in columns.items()}
            require_columns(column_types(cursor, table), types, where=self.where)
            cursor.execute(f"delete from {table.sql} where {night.rows_of_it}")  # noqa: S608 - quoted
            for chunk in night.chunks(bench.chunk_rows):
                _copy(cursor, chunk, table=table, dataset=night.dataset)

    @property
    def _lock(self) -> str:
        """The query that waits for the lock and takes it: on the bare name, however the table is spelled."""
        from churn.stores.duck import text

        name = text(f"churn {self.table.rpartition('.')[2]}")
        return f"select true from pg_advisory_xact_lock(hashtextextended({name}, 0))"  # noqa: S608 - quoted

    def _found(self, cursor: Cursor, columns: dict[str, str]) -> Table:
        """Returns the table, which is made where it is missing."""
        from churn.stores.duck import quoted

        known = tables(cursor)
        if self.table in known:
            return known[self.table]
        name = ".".join(quoted(part) for part in self.table.rsplit(".", 1))
        listed = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
        cursor.execute(f"create table {name} ({listed})")
        cursor.execute(f"create index on {name} ({DATASET}, {DAY})")
        return tables(cursor)[self.table]


_NAMES = {
    "bigint": "int8",
    "integer": "int4",
    "smallint": "int2",
    "double precision": "float8",
    "real": "float4",
    "text": "text",
    "text[]": "_text",
    "boolean": "bool",
    "date": "date",
}
"""PostgreSQL's own names of the types that scores take, by those of the standard."""


def _columns(night: Night) -> dict[str, str]:
    import polars as pl

    kinds: dict[pl.DataType, str] = {
        pl.Int64(): "bigint",
        pl.Int32(): "integer",
        pl.Int16(): "smallint",
        pl.Float64(): "double precision",
        pl.Float32(): "real",
        pl.String(): "text",
        pl.List(pl.String()): "text[]",
        pl.Boolean(): "boolean",
        pl.Date(): "date",
    }
    return {DATASET: "text"} | {name: kinds[dtype] for name, dtype in night.schema.items()}


def _copy(cursor: Cursor, chunk: pl.DataFrame, *, table: Table, dataset: str) -> None:
    import polars as pl

    rows = chunk.with_columns(pl.lit(dataset).alias(DATASET)).to_arrow(compat_level=pl.CompatLevel.oldest())
    cursor.adbc_ingest(table.name, rows, mode="append", db_schema_name=table.schema)
