"""Where do raw rows come from?

Each kind of source is a frozen dataclass whose fields are its parameters in YAML and whose `kind` is its name there:
`days` says which raw days it has, with a fingerprint each, `read` brings their rows in one order whatever the threads.
To add one, write the class in a module of its own and add its word to the union at the foot.
"""

from __future__ import annotations

from typing import TypeAlias

from churn.stores.sources.csv_text import Csv
from churn.stores.sources.duckdb_file import DuckdbFile
from churn.stores.sources.parquet import Parquet
from churn.stores.sources.postgres import Postgres

Source: TypeAlias = Parquet | Csv | DuckdbFile | Postgres
