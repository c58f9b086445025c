from __future__ import annotations

import traceback
from collections.abc import Callable

import polars as pl
import pytest
from pandera.config import ValidationDepth, config_context

from churn.errors import DataError, SettingsError
from churn.features import contract
from churn.features.feature import Feature

FEATURES = (
    Feature(
        name="age", expr=pl.col("age"), dtype="integer", unit="years", meaning="", minimum=18, maximum=99, nullable=True
    ),
    Feature(name="spend", expr=pl.col("spend"), dtype="number", unit="EUR", meaning="", minimum=0, nullable=True),
    Feature(name="load", expr=pl.col("load"), dtype="number", unit="1", meaning="", nullable=True),
    Feature(name="plan", expr=pl.col("plan"), dtype="category", unit="", meaning="", levels=("basic", "plus")),
    Feature(name="city", expr=pl.col("city"), dtype="category", unit="", meaning="", nullable=True),
)
GOOD = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "age": [18, 99, None],
        "spend": [0.0, 2.5, None],
        "load": [-1.0, 1e300, None],
        "plan": ["basic", "plus", "basic"],
        "city": ["a", None, "c"],
    }
)


def check(frame: pl.DataFrame) -> None:
    contract.check(frame, key="id", features=FEATURES, where="features/demo")


def first(column: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(
        pl.Series(column, [value, *frame[column][1:].to_list()], dtype=frame.schema[column])
    )


def test_a_table_on_every_boundary_passes() -> None:
    check(GOOD)


def test_a_table_without_rows_passes() -> None:
    check(GOOD.clear())


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (first("id", None), "id: null (1 row)"),
        (first("plan", None), "plan: null (1 row)"),
        (first("age", 17), "age: at least 18 (1 row)"),
        (first("age", 100), "age: at most 99 (1 row)"),
        (first("spend", -0.01), "spend: at least 0 (1 row)"),
        (first("load", float("nan")), "load: a finite number (1 row)"),
        (first("load", float("inf")), "load: a finite number (1 row)"),
        (first("spend", float("nan")), "spend: a finite number (1 row)"),
        (first("plan", "gold"), "plan: one of basic, plus (1 row)"),
        (lambda f: f.with_columns(plan=pl.lit("gold")), "plan: one of basic, plus (3 rows)"),
        (lambda f: f.drop("spend"), "spend: missing"),
        (lambda f: f.with_columns(extra=1), "extra: not declared"),
        (lambda f: f.select("id", "spend", "age", "load", "plan", "city"), "spend: out of the declared order"),
        (lambda f: f.with_columns(pl.col("spend").cast(pl.String)), "spend: expected Float64, found String"),
        (lambda f: f.with_columns(pl.col("age").cast(pl.Int32)), "age: expected Int64, found Int32"),
        (lambda f: f.with_columns(pl.col("id").cast(pl.String)), "id: expected Int64, found String"),
        (lambda f: f.with_columns(pl.col("plan").cast(pl.Categorical)), "plan: expected String, found Categorical"),
    ],
)
def test_a_planted_fault_is_told_as_column_rule_and_count(
    plant: Callable[[pl.DataFrame], pl.DataFrame], told: str
) -> None:
    with pytest.raises(DataError) as stop:
        check(plant(GOOD))
    assert told in stop.value.found


def test_a_wrong_type_is_told_once_and_not_again_for_each_rule_that_cannot_be_read() -> None:
    with pytest.raises(DataError) as stop:
        check(GOOD.with_columns(pl.col("age").cast(pl.String)))
    assert stop.value.found == "age: expected Int64, found String"


def test_every_broken_rule_is_told_in_one_run() -> None:
    with pytest.raises(DataError) as stop:
        check(first("plan", "gold")(first("age", 3)(GOOD)))
    assert stop.value.found == "age: at least 18 (1 row); plan: one of basic, plus (1 row)"


def test_no_value_of_a_row_reaches_the_error_or_its_traceback() -> None:
    secret = "-".join(["4111", "2222"])  # in parts, since a traceback quotes this source
    with pytest.raises(DataError) as stop:
        check(first("plan", secret)(GOOD))
    assert secret not in "".join(traceback.format_exception(stop.value))


@pytest.mark.parametrize(
    ("enabled", "depth"),
    [(False, ValidationDepth.SCHEMA_AND_DATA), (True, ValidationDepth.SCHEMA_ONLY), (True, ValidationDepth.DATA_ONLY)],
)
def test_checks_that_are_switched_off_stop_the_run_even_where_the_table_is_good(
    enabled: bool, depth: ValidationDepth
) -> None:
    with config_context(validation_enabled=enabled, validation_depth=depth), pytest.raises(SettingsError):
        check(GOOD)
