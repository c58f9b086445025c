"""Where do a night's scores go beyond the lake?

Each kind of sink is a frozen dataclass whose fields are its parameters in YAML and whose `kind` is its name there:
`deliver` replaces what the place holds of that night by the night, whole or not at all, so that a night that is
delivered twice, or again after a delivery that died, is there once. To add one, write the class in a module of its own
and add its word to the union at the foot.
"""

from __future__ import annotations

from typing import TypeAlias

from churn.stores.sinks.csv_text import CsvFile
from churn.stores.sinks.duckdb_file import DuckdbTable
from churn.stores.sinks.postgres import PostgresTable
from churn.stores.sinks.s3 import S3Folder

Sink: TypeAlias = DuckdbTable | PostgresTable | S3Folder | CsvFile
