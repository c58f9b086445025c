"""How does a raw feed break?

Faults change the files and never the business: they wrap the stream of days after it was simulated, so truth and every
other table stay as they would have been.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from churn.simulation.business import Fault

Tables = dict[str, pl.DataFrame]
_SCALE = 100
_TRUNCATED_SHARE = 0.4


def broken(tables: Tables, *, before: Tables, fault: Fault) -> Tables:
    """Returns the day's tables as a broken feed delivers them; `before` are those delivered the day before.

    null_column: `usage.minutes` is all null. scaled: `payments.amount_cents` × 100. frozen: `usage` is the file of the day before.
    truncated: the first 40 % of the rows of `usage`. duplicated: every row of `payments` twice. Schemas stay.
    """
    return tables | _FAULTS[fault](tables, before)


def _null_column(tables: Tables, _: Tables) -> Tables:
    return {"usage": tables["usage"].with_columns(minutes=pl.lit(None, dtype=pl.Int32))}


def _scaled(tables: Tables, _: Tables) -> Tables:
    return {"payments": tables["payments"].with_columns(pl.col("amount_cents") * _SCALE)}


def _frozen(_: Tables, before: Tables) -> Tables:
    return {"usage": before["usage"]}


def _truncated(tables: Tables, _: Tables) -> Tables:
    return {"usage": tables["usage"].head(int(tables["usage"].height * _TRUNCATED_SHARE))}


def _duplicated(tables: Tables, _: Tables) -> Tables:
    twice = pl.concat([tables["payments"]] * 2)
    return {"payments": twice.sort("customer_id", maintain_order=True)}


_FAULTS: dict[Fault, Callable[[Tables, Tables], Tables]] = {
    "null_column": _null_column,
    "scaled": _scaled,
    "frozen": _frozen,
    "truncated": _truncated,
    "duplicated": _duplicated,
}
