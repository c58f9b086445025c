"""How does a raw feed break while the business goes on?

A fault changes a day's raw tables and nothing else: the customers, and the true probabilities, never learn of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import polars as pl

Tables: TypeAlias = dict[str, pl.DataFrame]
Fault: TypeAlias = Literal["null_column", "scaled", "frozen", "truncated", "duplicated"]

_KEPT_SHARE = 0.4


def broken(tables: Tables, *, fault: Fault, last_whole: Tables) -> Tables:
    """Returns the day's tables as the broken feed delivers them; `last_whole` are those of the last day before.

    `null_column`: no minutes of use. `scaled`: amounts a hundredfold. `frozen`: the use of `last_whole` once more.
    `truncated`: the first two fifths of the rows of use. `duplicated`: each payment twice.

    >>> day = {"payments": pl.DataFrame({"customer_id": [1], "amount_cents": [999]})}
    >>> broken(day, fault="scaled", last_whole=day)["payments"]["amount_cents"].to_list()
    [99900]
    """
    table, change = _FAULTS[fault]
    return tables | {table: change(tables[table], last_whole[table])}


def _null_column(usage: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    return usage.with_columns(minutes=pl.lit(None, dtype=usage.schema["minutes"]))


def _scaled(payments: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    return payments.with_columns(pl.col("amount_cents") * 100)


def _frozen(_: pl.DataFrame, last_whole: pl.DataFrame) -> pl.DataFrame:
    return last_whole


def _truncated(usage: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    return usage.head(int(usage.height * _KEPT_SHARE))


def _duplicated(payments: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([payments, payments]).sort("customer_id", maintain_order=True)


_FAULTS: Mapping[str, tuple[str, Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]]] = {
    "null_column": ("usage", _null_column),
    "scaled": ("payments", _scaled),
    "frozen": ("usage", _frozen),
    "truncated": ("usage", _truncated),
    "duplicated": ("payments", _duplicated),
}
