"""How is a PostgreSQL server spoken to?

The only module that knows ADBC. The connection string holds a secret and the driver repeats parts of it in its errors,
so that nothing the driver says goes into ours: they are made from what kind of failure it was.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError

if TYPE_CHECKING:
    import polars as pl
    from adbc_driver_manager.dbapi import Connection, Cursor

_LEVEL = "adbc.connection.transaction.isolation_level"
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
    (r".*Failed to execute query", TryAgainError, "the server broke off"),  # the driver's own, of what types there are
    (r"", SettingsError, "not a connection string that PostgreSQL understands"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a table is opened for: what errors call it, the rights that it takes, the isolation that it runs in."""

    verb: Literal["read", "write"]
    rights: str
    isolation: Literal["repeatable_read", "read_committed"]


READ = Use(verb="read", rights="usage of its schema and select on it", isolation="repeatable_read")
WRITE = Use(
    verb="write",
    rights="usage of its schema (create, too, where the table is new) and select, insert and delete on it",
    isolation="read_committed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, view or the like that stands in a database."""

    schema: str
    name: str
    oid: int

    @property
    def sql(self) -> str:
        """The table's name as SQL."""
        from churn.stores.duck import quoted

        return f"{quoted(self.schema)}.{quoted(self.name)}"


@contextmanager
def transaction(variable: str, *, where: str, use: Use) -> Iterator[Cursor]:
    """Yields a cursor in one transaction, which is committed once the body has ended well and undone otherwise.

    `variable` names the environment variable with the connection string; `where` is what errors call the table.

    Raises:
        SettingsError: the variable is missing or wrong; the user may not do it.
        TryAgainError: the server is away, starting up, or broke off.
        DataError: the server cannot do what the body asks.
    """
    connection = _connect(variable, where=where, use=use)
    if isinstance(connection, ChurnError):
        raise connection
    with _server_errors(where, use), connection, connection.cursor() as cursor:
        yield cursor
        connection.commit()


def tables(cursor: Cursor) -> dict[str, Table]:
    """Returns every table by its name with its schema, and those along the user's search path also without."""
    cursor.execute(_TABLES)
    found = [(Table(schema=schema, name=name, oid=oid), visible) for schema, name, oid, visible in cursor.fetchall()]
    known = {f"{table.schema}.{table.name}": table for table, _ in found}
    return known | {table.name: table for table, visible in found if visible}


def column_types(cursor: Cursor, table: Table) -> dict[str, str]:
    """Returns the type of each column by PostgreSQL's own name (`int8`, `_text`); `enum` for every enumeration."""
    cursor.execute(_TYPES.format(oid=table.oid))
    return dict(cursor.fetchall())


def frames(cursor: Cursor) -> Iterator[pl.DataFrame]:
    """Yields the rows of what was executed, as they come."""
    import polars as pl

    # the public fetch_record_batch() forgets the SQLSTATE of what happens half-way
    results = cursor._results
    for batch in results.reader if results else ():
        yield pl.DataFrame(batch)


def _connect(variable: str, *, where: str, use: Use) -> Connection | ChurnError:
    """Returns the fault instead of raising it: a traceback with local values must not meet the secret here."""
    from adbc_driver_manager.dbapi import Error
    from adbc_driver_postgresql.dbapi import connect  # type: ignore[import-untyped]

    dsn = os.environ.get(variable)
    if not dsn:
        action = f"set {variable} to a PostgreSQL connection string"
        return SettingsError(where=where, found=f"the environment has no {variable}", action=action)
    try:
        connection: Connection = connect(
            dsn, conn_kwargs={_LEVEL: f"adbc.connection.transaction.isolation.{use.isolation}"}
        )
    except (Error, ValueError) as error:
        state = getattr(error, "sqlstate", None)  # of the driver's first queries; a refused connection has none
        return _stop(state, where=where, use=use) if state else _refusal(str(error), variable, where=where)
    return connection


def _refusal(said: str, variable: str, *, where: str) -> ChurnError:
    text = said.rpartition("Failed to connect: ")[2]
    kind, found = next((kind, found) for sign, kind, found in _REFUSALS if re.match(sign, text, re.DOTALL))
    action = f"correct {variable}" if kind is SettingsError else f"run again later, or correct {variable}"
    return kind(where=where, found=found, action=action)


def _stops(use: Use) -> tuple[tuple[str, type[ChurnError], str, str], ...]:
    """Returns which SQLSTATEs are whose fault, what to call it, and what to do."""
    correct = "look the SQLSTATE up, then correct the table or view there"
    return (
        (r"57014", TryAgainError, "the server cancelled the query", "raise statement_timeout, or run again later"),
        (r"$|08|25P|40|53|55P|57|58", TryAgainError, "the server broke off", "run again later"),
        (r"42501", SettingsError, f"the user may not {use.verb} it", f"grant the user {use.rights}"),
        (r"3F000", SettingsError, "the database has no such schema", "create it, or correct `table`"),
        (r"", DataError, f"the server cannot {use.verb} it", correct),
    )


@contextmanager
def _server_errors(where: str, use: Use) -> Iterator[None]:
    from adbc_driver_manager.dbapi import Error, OperationalError

    try:
        yield
    except Error as error:
        state = getattr(error, "sqlstate", None) or ""
        if not state and not isinstance(error, OperationalError):
            raise  # neither the server nor the network: our bug
        raise _stop(state, where=where, use=use) from None


def _stop(state: str, *, where: str, use: Use) -> ChurnError:
    kind, found, action = next(stop[1:] for stop in _stops(use) if re.match(stop[0], state))
    return kind(where=where, found=f"{found} (SQLSTATE {state})" if state else found, action=action)
