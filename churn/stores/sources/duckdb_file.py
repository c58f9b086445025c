"""What does a table of a DuckDB file hold?

The file is read where it stands, and for as long as it is read no other process can write to it. Another version of
DuckDB may hash rows anew: then the days count as changed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import polars as pl

    from churn.features.raw import RawTable
    from churn.stores.duck import Bench, Connection
    from churn.stores.sources.sql_table import Family, SqlTable

_FAMILIES: dict[str, Family] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), "whole"),
    **dict.fromkeys(("utinyint", "usmallint", "uinteger", "ubigint"), "whole"),
    **dict.fromkeys(("hugeint", "uhugeint", "decimal"), "wide"),
    **dict.fromkeys(("float", "double"), "real"),
    **dict.fromkeys(("varchar", "enum"), "text"),
    "boolean": "boolean",
    "date": "date",
    **dict.fromkeys(("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"), "timestamp"),
    "timestamp with time zone": "timestamp",
}
_ROW_HASH = "cast(hash({}) as hugeint)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckdbFile:
    """A table or view in a DuckDB file; `table` may name its schema (`sales.orders`), and is `main`'s otherwise.

    >>> DuckdbFile(kind="duckdb", path=Path("warehouse.duckdb"), table="sales.orders").where
    'warehouse.duckdb, table sales.orders'
    """

    as_text: ClassVar[bool] = False

    kind: Literal["duckdb"]
    path: Path
    table: str

    @property
    def where(self) -> str:
        """What errors call it."""
        return f"{self.path}, table {self.table}"

    def days(self, table: RawTable, bench: Bench) -> dict[date, str]:
        """Returns a fingerprint of the declared columns for every raw day that has rows, in order of days.

        Raises:
            DataError: the file, a column or a type is not what is declared; rows have no day.
            SettingsError: there is no such table; the memory does not suffice.
            TryAgainError: another process has the file open for writing.
        """
        with self._opened(table, bench) as (connection, asked):
            return asked.fingerprints(connection.execute(asked.days_query(row_hash=_ROW_HASH)).fetchall())

    def read(self, table: RawTable, *, first: date, last: date, bench: Bench) -> Iterator[pl.DataFrame]:
        """Yields RAW_DAY and the declared columns of raw days first..last (inclusive), in the order of them all.

        Chunks are of exactly `bench.chunk_rows` rows but the last.

        Raises:
            DataError: as `days`, but for rows without a day, which are not read.
            SettingsError: as `days`.
            TryAgainError: as `days`.
        """
        from churn.stores.duck import chunks
        from churn.stores.sources.sql_table import with_dates

        with self._opened(table, bench) as (connection, asked):
            rows = connection.sql(asked.rows_query(first=first, last=last))
            yield from with_dates(chunks(rows, bench.chunk_rows))

    @contextmanager
    def _opened(self, table: RawTable, bench: Bench) -> Iterator[tuple[Connection, SqlTable]]:
        from churn.stores.duck import attached, duck_errors, values_hidden
        from churn.stores.sources.sql_table import SqlTable, require_families

        action = "restore the file, or correct the view in it"
        hidden, told = values_hidden(self.where, action=action), duck_errors(self.where, action=action)
        with attached(bench, self.path) as connection, told, hidden:
            name = self._find(connection)
            found = connection.sql(f"from {name}")
            types = {column: found_type.id for column, found_type in zip(found.columns, found.types, strict=True)}
            families = require_families(types, table, families=_FAMILIES, where=self.where)
            yield connection, SqlTable(where=self.where, name=name, contract=table, families=families)

    def _find(self, connection: Connection) -> str:
        """Returns the table's name as SQL."""
        from churn.stores.duck import quoted
        from churn.stores.sources.sql_table import require_table

        schema, _, name = self.table.rpartition(".")
        known = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where table_catalog = current_database()"
        ).fetchall()
        require_table(f"{schema or 'main'}.{name}", (row[0] for row in known), where=self.where)
        return f"{quoted(schema or 'main')}.{quoted(name)}"
