"""The figures of a raw day are the same, however its rows are cut, and however they are spelled."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from churn.drift.raw_figures import ColumnFigures, figures
from churn.features.raw import Column, RawTable

DAY = date(2026, 1, 5)
TABLE = RawTable(
    name="t",
    day="at",
    columns=(
        Column(name="at", dtype="timestamp"),
        Column(name="signed", dtype="date", nullable=True),
        Column(name="cents", dtype="integer", nullable=True),
        Column(name="share", dtype="number", nullable=True),
        Column(name="page", dtype="text", nullable=True),
        Column(name="new", dtype="boolean", nullable=True),
    ),
)
ROWS = pl.DataFrame(
    {
        "at": [datetime.fromisoformat(f"2026-01-05 {hour:02}:30") for hour in (0, 9, 9, 23)],
        "signed": [date(2026, 1, 5), date(2026, 1, 4), None, date(2020, 1, 1)],
        "cents": [999, -1000, 0, None],
        "share": [0.5, None, -0.001, 1e9],
        "page": ["a", None, "b", "b"],
        "new": [True, False, None, True],
    },
    schema=TABLE.schema,
)


def test_rows_are_counted_by_size_sign_hour_and_lag() -> None:
    found = figures([ROWS], TABLE, day=DAY)
    assert found.rows == 4
    assert found.columns["at"] == ColumnFigures(hours={0: 1, 9: 2, 23: 1}, lags={0: 4})
    assert found.columns["signed"] == ColumnFigures(nulls=1, lags={0: 1, 1: 1, 8: 1})
    assert found.columns["cents"] == ColumnFigures(nulls=1, negatives=1, sizes={299: 1, 300: 1})
    assert found.columns["share"] == ColumnFigures(nulls=1, negatives=1, sizes={-300: 1, -31: 1, 900: 1})
    assert (found.columns["page"], found.columns["new"]) == (ColumnFigures(nulls=1), ColumnFigures(nulls=1))


@pytest.mark.parametrize("power", range(-9, 10))
def test_a_power_of_ten_moves_each_size_by_a_hundred_bins(power: int) -> None:
    numbers = pl.DataFrame({"n": np.random.default_rng(1).lognormal(3, 2, 500)})
    table = RawTable(name="t", day="date", columns=(Column(name="n", dtype="number"),))
    then, now = (figures([numbers * 10.0**by], table, day=DAY).columns["n"].sizes for by in (0, power))
    assert now == {at + 100 * power: rows for at, rows in then.items()}


def test_chunks_add_up() -> None:
    whole = figures([ROWS], TABLE, day=DAY)
    assert figures([ROWS.head(1), ROWS.slice(1, 2), ROWS.tail(1)], TABLE, day=DAY) == whole
    assert figures([ROWS.reverse()], TABLE, day=DAY) == whole
    assert figures([], TABLE, day=DAY).rows == 0


def test_quarantined_rows_count_as_they_came_though_they_are_kept_as_texts() -> None:
    texts = ROWS.select(pl.all().cast(pl.String)).with_columns(rule=pl.lit("r"), run=pl.lit("x"))
    assert figures([texts], TABLE, day=DAY) == figures([ROWS], TABLE, day=DAY)


def test_rows_that_stand_there_twice_cancel_out() -> None:
    assert figures([ROWS, ROWS], TABLE, day=DAY).unpaired == 0
    assert figures([ROWS, ROWS, ROWS.head(1)], TABLE, day=DAY).unpaired != 0
