"""How does a night get into a table of a DuckDB file?

One transaction deletes what the table has of the night and inserts the night, which DuckDB reads in chunks itself. One
process at a time may write to such a file, and while it does no other can read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from churn.stores.sinks.night import DATASET, Night, require_columns

if TYPE_CHECKING:
    from churn.stores.duck import Bench, Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckdbTable:
    """A table in a DuckDB file; file and table are made where they are missing, the folder and the schema are not.

    `table` may name its schema (`marts.scores`), and is `main`'s otherwise.

    >>> DuckdbTable(kind="duckdb", path=Path("warehouse.duckdb"), table="marts.scores").where
    'warehouse.duckdb, table marts.scores'
    """

    kind: Literal["duckdb"]
    path: Path
    table: str

    @property
    def where(self) -> str:
        """What errors call it."""
        return f"{self.path}, table {self.table}"

    def deliver(self, night: Night, bench: Bench) -> None:
        """Replaces the table's rows of the night by the night's scores, in one transaction.

        Raises:
            DataError: the file is damaged or of a newer version; the table has other columns, or rules that the
                scores break; there is no such schema.
            SettingsError: the user may not write the file; the memory does not suffice.
            TryAgainError: another process has the file open; the folder is not there; the disk is full.
        """
        from churn.stores.duck import attached, duck_errors, values_hidden

        action = "correct `table`, or what stands in the file under that name"
        hidden, told = values_hidden(self.where, action=action), duck_errors(self.where, action=action)
        with attached(bench, self.path, writable=True, files=(night.file,)) as connection, told, hidden:
            connection.execute("begin")
            self._replace(connection, night)
            connection.execute("commit")

    def _replace(self, connection: Connection, night: Night) -> None:
        from churn.stores.duck import text

        name, file, dataset = self._quoted, text(str(night.file)), text(night.dataset)
        rows = f"select {dataset} as {DATASET}, * from read_parquet({file}, hive_partitioning = false)"  # noqa: S608
        connection.execute(f"create table if not exists {name} as {rows} limit 0")
        found, expected = (_types(connection, query) for query in (f"from {name}", rows))
        require_columns(found, expected, where=self.where)
        connection.execute(f"delete from {name} where {night.rows_of_it}")  # noqa: S608 - quoted
        connection.execute(f"insert into {name} by name {rows}")

    @property
    def _quoted(self) -> str:
        from churn.stores.duck import quoted

        schema, _, name = self.table.rpartition(".")
        return f"{quoted(schema or 'main')}.{quoted(name)}"


def _types(connection: Connection, query: str) -> dict[str, str]:
    relation = connection.sql(query)
    return dict(zip(relation.columns, map(str, relation.types), strict=True))
