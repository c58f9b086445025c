"""How does a raw feed break while the business goes on?

A fault changes a day's raw tables and nothing else: the customers, and the true probabilities, never learn of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

Tables: TypeAlias = dict[str, pl.DataFrame]
Fault: TypeAlias = Literal["null_column", "scaled", "sign", "frozen", "truncated", "duplicated", "shifted"]

_KEPT_SHARE = 0.4
_LATE_HOURS = 8


def broken(tables: Tables, *, fault: Fault, last_whole: Tables, yesterday: Tables | None = None) -> Tables:
    """Returns the day's tables as the broken feed delivers them; `last_whole` are those of the last day that was whole.

    `null_column`: no minutes of use. `scaled`: amounts a hundredfold. `sign`: amounts negated. `frozen`: the use of
    `last_whole` once more. `truncated`: the first two fifths of the rows of use. `duplicated`: each payment twice.
    `shifted`: days end 8 hours early, so that the newcomers of the last hours (the last third, as they are numbered as
    they come) are filed on the next day. `yesterday` is how the day before truly was; None where its feed was whole.

    >>> day = {"payments": pl.DataFrame({"customer_id": [1], "amount_cents": [999]})}
    >>> broken(day, fault="scaled", last_whole=day)["payments"]["amount_cents"].to_list()
    [99900]
    """
    table, change = _FAULTS[fault]
    then = yesterday[table] if yesterday is not None else tables[table].clear()
    return tables | {table: change(tables[table], _Before(last_whole=last_whole[table], yesterday=then))}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """A table on the last whole day, and as it truly was the day before: without rows where none of them come late."""

    last_whole: pl.DataFrame
    yesterday: pl.DataFrame


def _null_column(usage: pl.DataFrame, _: _Before) -> pl.DataFrame:
    return usage.with_columns(minutes=pl.lit(None, dtype=usage.schema["minutes"]))


def _scaled(payments: pl.DataFrame, _: _Before) -> pl.DataFrame:
    return payments.with_columns(pl.col("amount_cents") * 100)


def _sign(payments: pl.DataFrame, _: _Before) -> pl.DataFrame:
    return payments.with_columns(-pl.col("amount_cents"))


def _frozen(_: pl.DataFrame, before: _Before) -> pl.DataFrame:
    return before.last_whole


def _truncated(usage: pl.DataFrame, _: _Before) -> pl.DataFrame:
    return usage.head(int(usage.height * _KEPT_SHARE))


def _duplicated(payments: pl.DataFrame, _: _Before) -> pl.DataFrame:
    return pl.concat([payments, payments]).sort("customer_id", maintain_order=True)


def _shifted(customers: pl.DataFrame, before: _Before) -> pl.DataFrame:
    then = before.yesterday
    return pl.concat([then.tail(_late(then)), customers.head(customers.height - _late(customers))])


def _late(rows: pl.DataFrame) -> int:
    return rows.height * _LATE_HOURS // 24


_FAULTS: Mapping[str, tuple[str, Callable[[pl.DataFrame, _Before], pl.DataFrame]]] = {
    "null_column": ("usage", _null_column),
    "scaled": ("payments", _scaled),
    "sign": ("payments", _sign),
    "frozen": ("usage", _frozen),
    "truncated": ("usage", _truncated),
    "duplicated": ("payments", _duplicated),
    "shifted": ("customers", _shifted),
}
