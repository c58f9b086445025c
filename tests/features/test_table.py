from __future__ import annotations

import traceback
from decimal import Decimal
from itertools import pairwise
from typing import Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import DataError
from churn.features import contract, table
from churn.features.feature import Feature


def feature(name: str, expr: pl.Expr, dtype: Literal["integer", "number", "category"]) -> Feature:
    return Feature(name=name, expr=expr, dtype=dtype, unit="", meaning="", nullable=True)


FEATURES = (
    feature("spend", pl.col("cents") / 100, "number"),
    feature("visits", pl.col("visits"), "integer"),
    feature("plan", pl.col("plan"), "category"),
)
ROWS = pl.DataFrame({"plan": ["b", None], "cents": [250, 100], "visits": [3, None], "id": [7, 2], "unused": [0, 0]})


def build(rows: pl.DataFrame, features: tuple[Feature, ...] = FEATURES) -> pl.DataFrame:
    return table.build(rows, key="id", features=features, where="features/demo")


def test_a_table_is_the_key_and_the_features_in_declared_order_with_rows_as_they_came() -> None:
    built = build(ROWS)
    assert built.schema == {"id": pl.Int64, "spend": pl.Float64, "visits": pl.Int64, "plan": pl.String}
    assert built.rows() == [(7, 2.5, 3, "b"), (2, 1.0, None, None)]


def test_a_feature_that_cannot_be_computed_quotes_no_value() -> None:
    secret = feature("plan", pl.col("plan").str.to_date("%Y"), "category")
    with pytest.raises(DataError, match="feature plan cannot be computed") as caught:
        build(ROWS.with_columns(plan=pl.lit("hunter" + "2")), (secret,))  # a traceback quotes this line
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_what_is_built_keeps_the_contract() -> None:
    contract.check(build(ROWS), key="id", features=FEATURES, where="features/demo")


def test_nan_becomes_null() -> None:
    built = build(ROWS.with_columns(cents=pl.Series([float("nan"), 1.0])))
    assert built["spend"].to_list() == [None, 0.01]


@pytest.mark.parametrize(("column", "reader"), [("cents", "feature spend"), ("id", "the key")])
def test_a_missing_snapshot_column_is_named_with_who_needs_it(column: str, reader: str) -> None:
    with pytest.raises(DataError, match=rf"no column '{column}' \({reader} needs it\)"):
        build(ROWS.drop(column))


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([1.7, 2.0]),
        pl.Series([float("inf"), 2.0]),
        pl.Series([Decimal("1.5"), Decimal("2.0")]),
        pl.Series([2**63, 2], dtype=pl.UInt64),
        pl.Series(["many", "2"]),
    ],
)
def test_a_value_that_an_integer_cannot_hold_stops_the_build_and_is_counted(values: pl.Series) -> None:
    with pytest.raises(DataError, match=r"visits: 1 of 2 values .* do not fit Int64"):
        build(ROWS.with_columns(visits=values))


def test_whole_floats_and_their_nulls_become_integers() -> None:
    assert build(ROWS.with_columns(visits=pl.Series([3.0, float("nan")])))["visits"].to_list() == [3, None]


def test_a_key_is_cast_without_loss_too() -> None:
    with pytest.raises(DataError, match=r"id: 1 of 2 values"):
        build(ROWS.with_columns(id=pl.Series([1.5, 2.0])))


def test_a_lost_value_is_not_quoted() -> None:
    with pytest.raises(DataError) as stop:
        build(ROWS.with_columns(visits=pl.Series(["SECRET", "2"])))
    assert "SECRET" not in str(stop.value)


def in_chunks(keys: list[int | None], size: int) -> int | None:
    last = None
    for start in range(0, len(keys), size):
        last = table.check_order(pl.Series(keys[start : start + size], dtype=pl.Int64), last, where="demo")
    return last


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8), st.integers(1, 4), st.booleans())
def test_keys_pass_in_any_chunks_exactly_where_they_rise_strictly(keys: list[int], size: int, tidy: bool) -> None:
    keys = sorted(set(keys)) if tidy else keys
    if all(one < other for one, other in pairwise(keys)):
        assert in_chunks([*keys], size) == (keys[-1] if keys else None)
    else:
        with pytest.raises(DataError):
            in_chunks([*keys], size)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ([1, 2, 2, 3], "1 key is twice there, first at row 0 of its chunk"),
        ([1, 1, 2, 3], "1 key is twice there, first at row 1 of its chunk"),
        ([5, 6, 4, 3], "2 keys are not above the one before it, first at row 0 of its chunk"),
        ([1, 2, None, 3], "1 key is null"),
        ([None, 2], "1 key is null"),
    ],
)
def test_a_bad_key_is_counted_and_placed_across_chunks_of_two(keys: list[int | None], told: str) -> None:
    with pytest.raises(DataError) as stop:
        in_chunks(keys, 2)
    assert stop.value.found == told


def test_an_empty_chunk_hands_the_previous_key_on() -> None:
    assert table.check_order(pl.Series([], dtype=pl.Int64), 7, where="demo") == 7
