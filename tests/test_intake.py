"""The figures of a day by which it is told from the day before."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

from churn.features.raw import Column, RawTable
from churn.intake import rows_hash

VISITS = RawTable(
    name="visits",
    day="at",
    columns=(
        Column(name="at", dtype="timestamp"),
        Column(name="page", dtype="text"),
        Column(name="n", dtype="integer"),
    ),
)
NOON = datetime.fromisoformat("2026-01-05 12:00")
ROWS = pl.DataFrame(
    {"at": [NOON + timedelta(minutes=n) for n in range(3)], "page": ["a", None, "c"], "n": [1, 2, 2]},
    schema_overrides={"at": pl.Datetime("us")},
)


@pytest.mark.parametrize("days", [1, -3, 400])
def test_rows_delivered_again_under_another_day_have_the_same_hash(days: int) -> None:
    again = ROWS.with_columns(pl.col("at") + timedelta(days=days)).reverse()
    assert rows_hash(again, VISITS) == rows_hash(ROWS, VISITS) != 0


def test_the_day_of_a_date_column_does_not_count() -> None:
    table = RawTable(name="v", day="on", columns=(Column(name="on", dtype="date"), Column(name="n", dtype="integer")))
    rows = ROWS.select(on=pl.col("at").dt.date(), n="n")
    assert rows_hash(rows, table) == rows_hash(rows.with_columns(pl.col("on") + timedelta(days=1)), table) != 0
    assert rows_hash(rows.select("on"), table) == 0


@pytest.mark.parametrize(
    "other",
    [
        pl.col("at") + timedelta(minutes=1),
        pl.col("page").fill_null("b"),
        pl.col("n") + 1,
        pl.col("n").reverse(),
    ],
)
def test_other_rows_have_another_hash(other: pl.Expr) -> None:
    assert rows_hash(ROWS.with_columns(other), VISITS) != rows_hash(ROWS, VISITS)


def test_the_hash_of_rows_is_the_sum_over_chunks() -> None:
    parts = sum(rows_hash(ROWS.slice(n, 1), VISITS) for n in range(3)) % 2**64
    assert parts == rows_hash(ROWS, VISITS)
