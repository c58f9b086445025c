"""What does a table of a PostgreSQL database hold?

The server does the work: it casts, filters, sorts and sums the hashes of rows, in one read-only transaction that sees
one state; rows stream over COPY. The connection string holds a secret and the driver repeats parts of it in its
errors, so that nothing the driver says goes into ours: they are made from what kind of failure it was.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar, Literal

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError

if TYPE_CHECKING:
    import polars as pl
    from adbc_driver_manager.dbapi import Connection, Cursor

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
_ISOLATION = {"adbc.connection.transaction.isolation_level": "adbc.connection.transaction.isolation.repeatable_read"}
_SESSION = """
set transaction read only;
set local timezone = 'UTC';
set local datestyle = 'ISO';
set local extra_float_digits = 1
"""
_TABLES = """
select n.nspname::text, c.relname::text, c.oid::int8, pg_table_is_visible(c.oid)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
"""
_TYPES = """
with recursive types as (
    select a.attname::text as name, t.typname::text as type, t.typtype::text as kind, t.typbasetype as base
    from pg_attribute as a
    join pg_type as t on t.oid = a.atttypid
    where a.attrelid = {oid} and a.attnum > 0
    union all
    select types.name, t.typname::text, t.typtype::text, t.typbasetype
    from types
    join pg_type as t on t.oid = types.base and types.kind = 'd'
)
select name, case when kind = 'e' then 'enum' else type end from types where kind <> 'd'
"""
_REFUSALS: tuple[tuple[str, type[ChurnError], str], ...] = (
    (r"connection to.*FATAL: +database .* does not exist", SettingsError, "the server has no such database"),
    (r"connection to.*FATAL: +permission denied", SettingsError, "the user may not connect to the database"),
    (r"connection to.*FATAL: .*(pg_hba|authentication failed)", SettingsError, "the server refuses user or password"),
    (r"connection to.*FATAL: +role .* (does not exist|not permitted)", SettingsError, "the server refuses the user"),
    (r"connection to.*no password supplied", SettingsError, "the server asks for a password, and there is none"),
    (r"connection to.*(SSL was required|certificate)", SettingsError, "server and client differ about SSL"),
    (r"connection to", TryAgainError, "the server does not answer, or lets nobody in now"),
    (r"could not translate host name", TryAgainError, "the server's host name is not known here now"),
    (r"", SettingsError, "not a connection string that PostgreSQL understands"),
)
_STOPS: tuple[tuple[str, type[ChurnError], str, str], ...] = (
    (r"57014", TryAgainError, "the server cancelled the query", "raise statement_timeout, or run again later"),
    (r"$|08|25P|40|53|55P|57|58", TryAgainError, "the server broke off", "run again later"),
    (r"42501", SettingsError, "the user may not read it", "grant the user usage of its schema and select on it"),
    (r"", DataError, "the server cannot read it", "look the SQLSTATE up, then correct the table or view there"),
)


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
            yield from with_dates(recut(_frames(cursor), bench.chunk_rows))

    @contextmanager
    def _opened(self, table: RawTable) -> Iterator[tuple[Cursor, SqlTable]]:
        from churn.stores.sources.sql_table import SqlTable, require_families

        connection = _connect(self.dsn_variable, where=self.where)
        if isinstance(connection, ChurnError):
            raise connection
        with _server_errors(self.where), connection, connection.cursor() as cursor:
            cursor.executescript(_SESSION)
            name, oid = self._find(cursor)
            cursor.execute(_TYPES.format(oid=oid))
            types = dict(cursor.fetchall())
            families = require_families(types, table, families=_FAMILIES, where=self.where)
            yield cursor, SqlTable(where=self.where, name=name, contract=table, families=families)

    def _find(self, cursor: Cursor) -> tuple[str, int]:
        """Returns the table's name as SQL, and its number."""
        from churn.stores.duck import quoted
        from churn.stores.sources.sql_table import require_table

        cursor.execute(_TABLES)
        known = {f"{schema}.{name}": (schema, name, oid, visible) for schema, name, oid, visible in cursor.fetchall()}
        known |= {name: (schema, name, oid, visible) for schema, name, oid, visible in known.values() if visible}
        require_table(self.table, known, where=self.where)
        schema, name, oid, _ = known[self.table]
        return f"{quoted(schema)}.{quoted(name)}", oid


def _connect(variable: str, *, where: str) -> Connection | ChurnError:
    """Returns the fault instead of raising it: a traceback with local values must not meet the secret here."""
    from adbc_driver_manager.dbapi import Error
    from adbc_driver_postgresql.dbapi import connect  # type: ignore[import-untyped]

    dsn = os.environ.get(variable)
    if not dsn:
        action = f"set {variable} to a PostgreSQL connection string"
        return SettingsError(where=where, found=f"the environment has no {variable}", action=action)
    try:
        connection: Connection = connect(dsn, conn_kwargs=_ISOLATION)
    except (Error, ValueError) as error:
        return _refusal(str(error), variable, where=where)
    return connection


def _refusal(said: str, variable: str, *, where: str) -> ChurnError:
    text = said.rpartition("Failed to connect: ")[2]
    kind, found = next((kind, found) for sign, kind, found in _REFUSALS if re.match(sign, text, re.DOTALL))
    action = f"correct {variable}" if kind is SettingsError else f"run again later, or correct {variable}"
    return kind(where=where, found=found, action=action)


def _frames(cursor: Cursor) -> Iterator[pl.DataFrame]:
    import polars as pl

    # the public fetch_record_batch() forgets the SQLSTATE of what happens half-way
    results = cursor._results
    for batch in results.reader if results else ():
        yield pl.DataFrame(batch)


@contextmanager
def _server_errors(where: str) -> Iterator[None]:
    from adbc_driver_manager.dbapi import Error, OperationalError

    try:
        yield
    except Error as error:
        state = getattr(error, "sqlstate", None) or ""
        if not state and not isinstance(error, OperationalError):
            raise  # neither the server nor the network: our bug
        kind, found, action = next(stop[1:] for stop in _STOPS if re.match(stop[0], state))
        found = f"{found} (SQLSTATE {state})" if state else found
        raise kind(where=where, found=found, action=action) from None
