"""What does a table of a PostgreSQL database hold?

The server does the work: it casts, filters, sorts and sums the hashes of rows, in one read-only transaction that sees
one state; rows stream over COPY.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar, Literal

from churn.stores.postgres import READ, column_types, frames, tables, transaction

if TYPE_CHECKING:
    import polars as pl
    from adbc_driver_manager.dbapi import Cursor

    from churn.features.raw import RawTable
    from churn.stores.duck import Bench
    from churn.stores.sources.sql_table import Family, SqlTable

_FAMILIES: dict[str, Family] = {
    **dict.fromkeys(("int2", "int4", "int8"), "whole"),
    "numeric": "wide",
    **dict.fromkeys(("float4", "float8"), "real"),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "citext", "enum"), "text"),
    "bool": "boolean",
    "date": "date",
    **dict.fromkeys(("timestamp", "timestamptz"), "timestamp"),
}
_ROW_HASH = "cast(hashtextextended(cast(row({}) as text), 0) as numeric)"
_SESSION = """
set transaction read only;
set local timezone = 'UTC';
set local datestyle = 'ISO';
set local extra_float_digits = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A table or view in a PostgreSQL database (11 or later).

    `dsn_variable` names the environment variable with the connection string, which may stand nowhere else; `table` may
    name its schema (`public.orders`), and is looked for along the user's search path otherwise. A network that goes
    silent is waited for as long as the connection string says (`connect_timeout=10&keepalives_idle=60`).

    >>> Postgres(kind="postgres", dsn_variable="CHURN_POSTGRES_DSN", table="public.orders").where
    'PostgreSQL table public.orders (CHURN_POSTGRES_DSN)'
    """

    as_text: ClassVar[bool] = False

    kind: Literal["postgres"]
    dsn_variable: str
    table: str

    @property
    def where(self) -> str:
        """What errors call it."""
        return f"PostgreSQL table {self.table} ({self.dsn_variable})"

    def days(self, table: RawTable, bench: Bench) -> dict[date, str]:  # noqa: ARG002 - the shape of every source
        """Returns a fingerprint of the declared columns for every raw day that has rows, in order of days.

        Raises:
            DataError: a column or a type is not what is declared; rows have no day.
            SettingsError: the environment variable is missing or wrong; there is no such table, or no right to read it.
            TryAgainError: the server is away, starting up, or broke off.
        """
        with self._opened(table) as (cursor, asked):
            cursor.execute(asked.days_query(row_hash=_ROW_HASH))
            return asked.fingerprints(cursor.fetchall())

    def read(self, table: RawTable, *, first: date, last: date, bench: Bench) -> Iterator[pl.DataFrame]:
        """Yields RAW_DAY and the declared columns of raw days first..last (inclusive), in the order of them all.

        Chunks are of exactly `bench.chunk_rows` rows but the last.

        Raises:
            DataError: as `days`, but for rows without a day, which are not read.
            SettingsError: as `days`.
            TryAgainError: as `days`.
        """
        from churn.stores.duck import recut
        from churn.stores.sources.sql_table import with_dates

        with self._opened(table) as (cursor, asked):
            cursor.execute(asked.rows_query(first=first, last=last))
            yield from with_dates(recut(frames(cursor), bench.chunk_rows))

    @contextmanager
    def _opened(self, table: RawTable) -> Iterator[tuple[Cursor, SqlTable]]:
        from churn.stores.sources.sql_table import SqlTable, require_families, require_table

        with transaction(self.dsn_variable, where=self.where, use=READ) as cursor:
            cursor.executescript(_SESSION)
            known = tables(cursor)
            require_table(self.table, known, where=self.where)
            types, name = column_types(cursor, known[self.table]), known[self.table].sql
            families = require_families(types, table, families=_FAMILIES, where=self.where)
            yield cursor, SqlTable(where=self.where, name=name, contract=table, families=families)
