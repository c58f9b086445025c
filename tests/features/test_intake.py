"""Raw rows against their contract: every kind of rule with a planted row, then against a statement of it in Python."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.config import ValidationDepth, config_context

from churn.errors import ChurnError, DataError, SettingsError
from churn.features.intake import Sorted, broken_schema, sort_rows
from churn.features.raw import RAW_DAY, TYPES, Column, Kind, RawTable, Rule

DAY = date(2026, 1, 5)
at = datetime.fromisoformat
ORDERS = RawTable(
    name="orders",
    day="date",
    key=("order_id",),
    columns=(
        Column(name="order_id", dtype="integer", minimum=1, maximum=99),
        Column(name="price", dtype="number", minimum=0, maximum=100),
        Column(name="weight", dtype="number", nullable=True),
        Column(name="plan", dtype="text", levels=("basic", "plus")),
        Column(name="note", dtype="text", nullable=True),
        Column(name="is_gift", dtype="boolean"),
        Column(name="starts", dtype="date"),
        Column(name="ends", dtype="date", nullable=True),
        Column(name="paid_at", dtype="timestamp"),
    ),
    rules=(
        Rule(name="ends after it starts", holds=pl.col("ends") >= pl.col("starts")),
        Rule(name="a gift costs nothing", holds=~pl.col("is_gift") | (pl.col("price") == 0)),
    ),
)
KINDS = {column.name: column.dtype for column in ORDERS.columns}
GOOD: dict[str, Any] = {
    "order_id": [1, 50, 99],
    "price": [0.0, 2.5, 100.0],
    "weight": [None, -1e300, 0.5],
    "plan": ["basic", "plus", "plus"],
    "note": ["", None, "as ever"],
    "is_gift": [True, False, False],
    "starts": [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)],
    "ends": [date(2026, 1, 1), None, date(2026, 2, 3)],
    "paid_at": [at("2026-01-05 00:00"), at("2026-01-05 23:59:59"), at("2026-01-05 01:02:03.000045")],
}


def with_days(frame: pl.DataFrame, day: date = DAY) -> pl.DataFrame:
    return frame.clone().insert_column(0, pl.Series(RAW_DAY, [day] * frame.height, pl.Date))


def orders(*planted: dict[str, Any], dtypes: dict[str, Any] | None = None) -> pl.DataFrame:
    """Returns the three good rows, then a row a `planted`: the second good one with those values instead."""
    rows = [{name: values[n] for name, values in GOOD.items()} for n in range(3)]
    types = {name: TYPES[kind] for name, kind in KINDS.items()} | (dtypes or {})
    return with_days(pl.DataFrame([*rows, *({**rows[1], **change} for change in planted)], schema=types))


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.exclude(RAW_DAY).cast(pl.String))


def sort(chunk: pl.DataFrame, table: RawTable = ORDERS, *, text: bool = False) -> Sorted:
    return sort_rows(chunk, table, as_text=text, where="raw table orders")


def one_column(
    kind: Kind, values: Sequence[object] | pl.Series, *, text: bool = False, nullable: bool = True, **promise: Any
) -> Sorted:
    """Returns what becomes of the values of one column `v`."""
    table = RawTable(name="t", day="date", columns=(Column(name="v", dtype=kind, nullable=nullable, **promise),))
    return sort(with_days(pl.DataFrame({"v": values})), table, text=text)


# ---------------------------------------------------------------------------------------------------------------------
# Good rows


@pytest.mark.parametrize("text", [False, True])
def test_rows_on_every_boundary_are_kept_exact_and_typed(text: bool) -> None:
    chunk = orders()
    found = sort(as_text(chunk) if text else chunk, text=text)
    assert found.kept.schema == {RAW_DAY: pl.Date(), **ORDERS.schema}
    assert found.kept.equals(chunk)
    assert found.broken.schema == broken_schema(ORDERS)
    assert (found.broken.height, found.counts) == (0, {})


@pytest.mark.parametrize("text", [False, True])
def test_a_chunk_without_rows_gives_none_in_the_same_columns(text: bool) -> None:
    chunk = orders().clear()
    found = sort(as_text(chunk) if text else chunk, text=text)
    assert found.kept.schema == {RAW_DAY: pl.Date(), **ORDERS.schema}
    assert found.broken.schema == broken_schema(ORDERS)
    assert (found.kept.height, found.broken.height, found.counts) == (0, 0, {})


def test_columns_that_are_not_declared_are_left_out_and_the_others_come_in_declared_order() -> None:
    chunk = orders({"order_id": 0}).with_columns(extra=pl.lit("x"))
    found = sort(chunk.select(reversed(chunk.columns)))
    assert found.kept.equals(orders())
    assert found.broken.columns == [RAW_DAY, "rule", *KINDS]


def test_a_declared_date_is_judged_and_left_to_the_folder_that_says_it() -> None:
    table = RawTable(
        name="t",
        day="date",
        columns=(Column(name="a", dtype="integer"), Column(name="date", dtype="date")),
        rules=(Rule(name="before the day", holds=pl.col("date") < DAY),),
    )
    before = date(2026, 1, 4)
    chunk = with_days(pl.DataFrame({"a": [1, 2, 3], "date": [before, DAY, None]}))
    found = sort(chunk.with_columns(pl.Series(RAW_DAY, [before, DAY, DAY])), table)
    assert found.kept.rows() == [(before, 1)]
    assert found.broken.rows() == [(DAY, "before the day", "2", "2026-01-05"), (DAY, "date: null", "3", None)]


def test_every_row_keeps_its_own_day() -> None:
    days = [date(2026, 1, 3), date(2026, 1, 4), date(2026, 1, 4), date(2026, 1, 5)]
    found = sort(orders({"price": -1}).with_columns(pl.Series(RAW_DAY, days)))
    assert found.kept[RAW_DAY].to_list() == days[:3]
    assert found.broken[RAW_DAY].to_list() == days[3:]


# ---------------------------------------------------------------------------------------------------------------------
# A planted row for every kind of rule


PLANTED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"order_id": None}, ("order_id: null",)),
    ({"plan": None}, ("plan: null",)),
    ({"is_gift": None}, ("is_gift: null",)),
    ({"starts": None}, ("starts: null",)),
    ({"paid_at": None}, ("paid_at: null",)),
    ({"price": float("nan")}, ("price: null",)),
    ({"order_id": 0}, ("order_id: at least 1",)),
    ({"order_id": 100}, ("order_id: at most 99",)),
    ({"price": -0.001}, ("price: at least 0",)),
    ({"price": 100.001}, ("price: at most 100",)),
    ({"price": float("inf")}, ("price: a finite number", "price: at most 100")),
    ({"price": float("-inf")}, ("price: a finite number", "price: at least 0")),
    ({"weight": float("inf")}, ("weight: a finite number",)),
    ({"plan": "gold"}, ("plan: one of basic, plus",)),
    ({"plan": ""}, ("plan: one of basic, plus",)),
    ({"plan": "Basic"}, ("plan: one of basic, plus",)),
    ({"ends": date(2026, 1, 1)}, ("ends after it starts",)),
    ({"is_gift": True}, ("a gift costs nothing",)),
    ({"order_id": 0, "plan": "gold"}, ("order_id: at least 1", "plan: one of basic, plus")),
    ({"price": 101.0, "is_gift": True}, ("price: at most 100", "a gift costs nothing")),
    ({"order_id": None, "price": None, "plan": None}, ("order_id: null", "price: null", "plan: null")),
    (
        {"ends": date(2026, 1, 1), "is_gift": True},
        ("ends after it starts", "a gift costs nothing"),
    ),
]


@pytest.mark.parametrize(("change", "rules"), PLANTED)
def test_a_planted_row_is_taken_out_with_the_rules_that_it_breaks(
    change: dict[str, Any], rules: tuple[str, ...]
) -> None:
    chunk = orders(change)
    found = sort(chunk)
    assert found.kept.equals(orders())
    assert set(found.broken["rule"].item().split("; ")) == set(rules)
    assert found.counts == dict.fromkeys(rules, 1)
    assert found.broken.drop("rule").equals(as_text(chunk).tail(1))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"order_id": "x"}, "order_id: not an integer"),
        ({"order_id": ""}, "order_id: not an integer"),
        ({"order_id": "1_000"}, "order_id: not an integer"),
        ({"order_id": "9223372036854775808"}, "order_id: not an integer"),
        ({"price": "1,50"}, "price: not a number"),
        ({"weight": "heavy"}, "weight: not a number"),
        ({"is_gift": "perhaps"}, "is_gift: not a boolean"),
        ({"starts": "2026-02-30"}, "starts: not a date"),
        ({"starts": "05.01.2026"}, "starts: not a date"),
        ({"ends": "never"}, "ends: not a date"),
        ({"paid_at": "yesterday"}, "paid_at: not a timestamp"),
        ({"paid_at": "2026-01-05 25:00:00"}, "paid_at: not a timestamp"),
        ({"order_id": None}, "order_id: null"),
        ({"price": None}, "price: null"),
        ({"order_id": "100"}, "order_id: at most 99"),
        ({"price": "-1e-3"}, "price: at least 0"),
        ({"plan": "gold"}, "plan: one of basic, plus"),
        ({"weight": "inf"}, "weight: a finite number"),
        ({"ends": "2026-01-01"}, "ends after it starts"),
        ({"is_gift": "true"}, "a gift costs nothing"),
    ],
)
def test_a_planted_text_is_taken_out_with_the_rule_that_it_breaks(change: dict[str, str | None], rule: str) -> None:
    good = as_text(orders())
    planted = pl.DataFrame([{**good.row(1, named=True), **change}], schema=good.schema)
    found = sort(pl.concat([good, planted]), text=True)
    assert found.kept.equals(orders())
    assert found.broken["rule"].to_list() == [rule]
    assert found.counts == {rule: 1}
    assert found.broken.drop("rule").equals(planted)


@pytest.mark.parametrize("value", [2.5, 1e19, float("inf"), float("-inf"), -0.001])
def test_a_whole_column_of_floats_may_hold_no_fraction_and_nothing_too_large(value: float) -> None:
    found = one_column("integer", [1.0, value, 3.0], nullable=False)
    assert found.kept["v"].to_list() == [1, 3]
    assert found.broken["rule"].to_list() == ["v: not an integer"]


@pytest.mark.parametrize("nullable", [False, True])
def test_what_cannot_be_read_is_not_called_null_as_well(nullable: bool) -> None:
    found = one_column("integer", ["x", None, "3"], text=True, nullable=nullable)
    assert found.counts == {"v: not an integer": 1} | ({} if nullable else {"v: null": 1})
    assert found.broken["rule"].to_list() == ["v: not an integer"] + ([] if nullable else ["v: null"])
    assert found.broken["v"].to_list() == ["x"] + ([] if nullable else [None])


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_nan_of_a_float_column_counts_as_null(kind: Kind) -> None:
    values = [1.0, float("nan"), None]
    assert one_column(kind, values).kept["v"].to_list() == [1, None, None]
    assert one_column(kind, values, nullable=False).counts == {"v: null": 2}


@pytest.mark.parametrize("value", ["nan", "NaN"])
def test_nan_of_a_text_counts_as_null(value: str) -> None:
    assert one_column("number", ["1.5", value], text=True).kept["v"].to_list() == [1.5, None]
    assert one_column("number", ["1.5", value], text=True, nullable=False).counts == {"v: null": 1}


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        ("integer", {"minimum": 1, "maximum": 2}),
        ("number", {"minimum": 1, "maximum": 2}),
        ("text", {"levels": ("basic", "plus")}),
        ("boolean", {}),
        ("date", {}),
        ("timestamp", {}),
    ],
)
def test_null_keeps_every_promise_of_a_nullable_column(kind: Kind, promise: dict[str, Any], text: bool) -> None:
    found = one_column(kind, pl.Series([None, None], dtype=pl.String if text else TYPES[kind]), text=text, **promise)
    assert found.kept["v"].to_list() == [None, None]
    assert found.broken.height == 0


@pytest.mark.parametrize("missing", ["ends", "starts", "is_gift", "price"])
def test_a_rule_over_columns_holds_where_one_of_them_is_null(missing: str) -> None:
    rules = [rule.name for rule in ORDERS.rules]
    change: dict[str, Any] = {"ends": date(2026, 1, 1), "is_gift": True, "price": 2.5}
    broken = sort(orders({**change, missing: None}))
    still = {"ends": rules[1:], "starts": rules[1:], "is_gift": rules[:1], "price": rules[:1]}[missing]
    assert [rule for rule in broken.counts if rule in rules] == still


def test_a_rule_over_columns_holds_where_one_of_them_cannot_be_read() -> None:
    chunk = as_text(orders({"ends": date(2026, 1, 1)})).with_columns(starts=pl.lit("soon"))
    assert sort(chunk, text=True).counts == {"starts: not a date": 4}


@pytest.mark.parametrize(
    ("kind", "minimum", "value"), [("integer", 2.5, 2), ("integer", 2**53 + 1, 2**53), ("number", 0.1, 0.09999)]
)
def test_a_limit_is_met_to_the_last_digit(kind: Kind, minimum: float, value: float) -> None:
    found = one_column(kind, [value, value + 3], minimum=minimum)
    assert found.kept["v"].to_list() == [value + 3]
    assert found.counts == {f"v: at least {minimum}": 1}


def test_two_rules_of_one_name_are_refused() -> None:
    rules = (Rule(name="in range", holds=pl.col("a") > 0), Rule(name="in range", holds=pl.col("a") < 3))
    with pytest.raises(SettingsError, match="'in range'"):
        RawTable(name="t", day="date", columns=(Column(name="a", dtype="integer"),), rules=rules)


@pytest.mark.parametrize("holds", [pl.col("b") > 0, pl.col("a").str.len_chars() > 0], ids=["no column", "wrong type"])
def test_a_rule_that_cannot_be_evaluated_is_told(holds: pl.Expr) -> None:
    rules = (Rule(name="in range", holds=holds),)
    table = RawTable(name="t", day="date", columns=(Column(name="a", dtype="integer"),), rules=rules)
    with pytest.raises(ChurnError, match="in range"):
        sort(with_days(pl.DataFrame({"a": [1]})), table)


@pytest.mark.parametrize("name", ["rule", "run", "RUN", "__day"])
def test_a_column_that_the_quarantine_names_itself_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="reserved"):
        RawTable(name="t", day="date", columns=(Column(name=name, dtype="integer"),))


def test_a_key_that_is_no_column_is_refused() -> None:
    with pytest.raises(SettingsError, match="'id'"):
        RawTable(name="t", day="date", columns=(Column(name="a", dtype="integer"),), key=("id",))


# ---------------------------------------------------------------------------------------------------------------------
# Many rows


def test_order_is_kept_among_the_good_and_among_the_broken() -> None:
    values = [5, -1, 3, None, 1, 200, 4, -7]
    found = one_column("integer", values, nullable=False, minimum=0, maximum=100)
    assert found.kept["v"].to_list() == [5, 3, 1, 4]
    assert found.broken["v"].to_list() == ["-1", None, "200", "-7"]


def test_counts_are_rows_by_rule_and_a_row_of_two_faults_counts_in_both() -> None:
    changes: list[dict[str, Any]] = [
        {"order_id": 0},
        {"order_id": 0, "plan": "gold"},
        {"plan": "gold", "price": -1.0},
        {"is_gift": None},
    ]
    found = sort(orders(*changes))
    assert found.broken.height == 4
    assert found.counts == {
        "order_id: at least 1": 2,
        "plan: one of basic, plus": 2,
        "price: at least 0": 1,
        "is_gift: null": 1,
    }


def test_a_chunk_of_broken_rows_alone_keeps_none() -> None:
    found = sort(orders().with_columns(plan=pl.lit("gold")))
    assert found.kept.equals(orders().clear())
    assert found.counts == {"plan: one of basic, plus": 3}


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_row_is_judged_the_same_in_a_chunk_of_any_size(cut: int) -> None:
    chunk = orders(*(change for change, _ in PLANTED))
    whole, parts = sort(chunk), [sort(part) for part in chunk.iter_slices(cut)]
    assert pl.concat(part.kept for part in parts).equals(whole.kept)
    assert [set(row.split("; ")) for part in parts for row in part.broken["rule"]] == [
        set(row.split("; ")) for row in whole.broken["rule"]
    ]
    assert sum((Counter(part.counts) for part in parts), Counter[str]()) == whole.counts


# ---------------------------------------------------------------------------------------------------------------------
# Types


@pytest.mark.parametrize(
    ("kind", "values", "kept"),
    [
        ("integer", pl.Series([-5, None, 7], dtype=pl.Int32), [-5, None, 7]),
        ("integer", pl.Series([5, 255], dtype=pl.UInt8), [5, 255]),
        ("integer", pl.Series([2.0, None, -3.0], dtype=pl.Float32), [2, None, -3]),
        ("integer", pl.Series([Decimal("5.00"), Decimal("-7.00")], dtype=pl.Decimal(10, 2)), [5, -7]),
        ("integer", pl.Series([None, None], dtype=pl.Null), [None, None]),
        ("number", pl.Series([1, None, -3], dtype=pl.Int32), [1.0, None, -3.0]),
        ("number", pl.Series([1.5, None], dtype=pl.Float32), [1.5, None]),
        ("number", pl.Series([Decimal("1.25"), None], dtype=pl.Decimal(10, 2)), [1.25, None]),
        ("text", pl.Series(["a", None, "b"], dtype=pl.Categorical), ["a", None, "b"]),
        ("text", pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])), ["b", "a"]),
        ("date", pl.Series(["2026-01-05", None]), [DAY, None]),
        ("date", pl.Series([at("2026-01-05 23:59")], dtype=pl.Datetime("ns")), [DAY]),
        ("timestamp", pl.Series(["2026-01-05 01:02:03"]), [at("2026-01-05 01:02:03")]),
        ("timestamp", pl.Series([DAY]), [at("2026-01-05 00:00")]),
        ("timestamp", pl.Series([at("2026-01-05 01:00")], dtype=pl.Datetime("ms")), [at("2026-01-05 01:00")]),
        ("timestamp", pl.Series([at("2026-01-05 01:00")], dtype=pl.Datetime("ns")), [at("2026-01-05 01:00")]),
    ],
)
def test_a_column_of_another_type_that_can_hold_it_is_kept_in_the_declared_type(
    kind: Kind, values: pl.Series, kept: list[object]
) -> None:
    found = one_column(kind, values)
    assert found.kept["v"].to_list() == kept
    assert found.kept.schema["v"] == TYPES[kind]
    assert found.counts == {}


def test_a_decimal_with_a_fraction_is_not_an_integer() -> None:
    found = one_column("integer", pl.Series([Decimal("5.00"), Decimal("5.01")], dtype=pl.Decimal(10, 2)))
    assert (found.kept["v"].to_list(), found.broken["v"].to_list()) == ([5], ["5.01"])


def test_a_decimal_of_many_digits_is_kept_to_the_last_one() -> None:
    keys = [2**53 + 1, 10**18 + 1]
    found = one_column("integer", pl.Series([Decimal(key) for key in keys], dtype=pl.Decimal(38, 0)))
    assert found.kept["v"].to_list() == keys


@pytest.mark.parametrize(("key", "kept"), [(2**63 - 1, [2**63 - 1]), (2**63, [])])
def test_a_whole_number_beyond_64_bits_is_taken_out(key: int, kept: list[int]) -> None:
    found = one_column("integer", pl.Series([key], dtype=pl.UInt64))
    assert found.kept["v"].to_list() == kept
    assert found.broken["v"].to_list() == [str(key)] * (not kept)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Helsinki", "America/New_York"])
def test_timestamps_with_a_time_zone_go_to_utc(zone: str, unit: Any) -> None:
    moments = [at("2026-01-05 23:30"), at("2026-07-05 00:30"), None]
    zoned = pl.Series(moments, dtype=pl.Datetime(unit)).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    found = one_column("timestamp", zoned)
    assert found.kept["v"].to_list() == moments
    assert found.kept.schema["v"] == pl.Datetime("us")
    assert one_column("date", zoned).kept["v"].to_list() == [date(2026, 1, 5), date(2026, 7, 5), None]


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("integer", {"7": 7, "-7": -7, "+7": 7, "007": 7, str(2**63 - 1): 2**63 - 1}),
        ("number", {"7": 7.0, "-2.50": -2.5, "1e3": 1000.0, "0.1": 0.1}),
        ("text", {"": "", " a ": " a ", "NULL": "NULL", "7": "7"}),
        ("boolean", {"true": True, "TRUE": True, "t": True, "1": True, "False": False, "f": False, "0": False}),
        ("date", {"2026-01-05": DAY, "2024-02-29": date(2024, 2, 29)}),
        (
            "timestamp",
            {
                "2026-01-05": at("2026-01-05 00:00"),
                "2026-01-05 01:02": at("2026-01-05 01:02"),
                "2026-01-05 01:02:03": at("2026-01-05 01:02:03"),
                "2026-01-05T01:02:03": at("2026-01-05 01:02:03"),
                "2026-01-05 01:02:03.5": at("2026-01-05 01:02:03.500000"),
                "2026-01-05T01:02:03.000004": at("2026-01-05 01:02:03.000004"),
            },
        ),
    ],
)
def test_text_is_read_as_each_kind(kind: Kind, read: dict[str, object]) -> None:
    found = one_column(kind, list(read), text=True)
    assert found.kept["v"].to_list() == list(read.values())
    assert found.kept.schema["v"] == TYPES[kind]
    assert found.counts == {}


# ---------------------------------------------------------------------------------------------------------------------
# Faults of the whole table


@pytest.mark.parametrize("text", [False, True])
def test_a_missing_column_is_named_with_the_one_that_was_meant(text: bool) -> None:
    with pytest.raises(DataError) as stop:
        sort(orders().rename({"paid_at": "payed_at"}), text=text)
    assert stop.value.where == "raw table orders"
    assert stop.value.found == "no column 'paid_at'"
    assert "did you mean 'payed_at'?" in stop.value.action


def test_every_missing_column_is_named_and_nothing_else_looked_at() -> None:
    with pytest.raises(DataError) as stop:
        sort(orders().drop("price", "ends").with_columns(plan=pl.lit(1)))
    assert stop.value.found == "no column 'price', 'ends'"


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("integer", pl.String()),
        ("integer", pl.Boolean()),
        ("integer", pl.Date()),
        ("number", pl.String()),
        ("number", pl.Boolean()),
        ("text", pl.Int64()),
        ("text", pl.Boolean()),
        ("text", pl.Binary()),
        ("boolean", pl.Int64()),
        ("boolean", pl.String()),
        ("date", pl.Int64()),
        ("date", pl.Time()),
        ("timestamp", pl.Int64()),
        ("timestamp", pl.Float64()),
        ("timestamp", pl.List(pl.Datetime("us"))),
    ],
)
def test_a_type_that_cannot_hold_what_is_declared_is_told_with_both(kind: Kind, dtype: pl.DataType) -> None:
    with pytest.raises(DataError) as stop:
        one_column(kind, pl.Series([None], dtype=dtype))
    assert stop.value.found == f"v is {dtype}, expected {kind}"


def test_every_wrong_type_is_told_in_one_run() -> None:
    with pytest.raises(DataError) as stop:
        sort(orders().with_columns(order_id=pl.lit("1"), plan=pl.lit(1, pl.Int64)))
    assert stop.value.found == "order_id is String, expected integer; plan is Int64, expected text"


@pytest.mark.parametrize(
    ("enabled", "depth"),
    [(False, ValidationDepth.SCHEMA_AND_DATA), (True, ValidationDepth.SCHEMA_ONLY), (True, ValidationDepth.DATA_ONLY)],
)
def test_checks_that_are_switched_off_stop_the_run_even_where_every_row_is_good(
    enabled: bool, depth: ValidationDepth
) -> None:
    with config_context(validation_enabled=enabled, validation_depth=depth), pytest.raises(SettingsError):
        sort(orders())


# ---------------------------------------------------------------------------------------------------------------------
# Against a statement of the contract in Python


class Unreadable:
    """Stands for a text that says no value of its kind."""


def _whole(text: str) -> object:
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) and abs(int(text)) < 2**63 else Unreadable


def _number(text: str) -> object:
    return float(text) if re.fullmatch(r"[+-]?([0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?|inf)", text) else Unreadable


def _truth(text: str) -> object:
    known = ("false", "f", "0"), ("true", "t", "1")
    return Unreadable if text.lower() not in known[0] + known[1] else text.lower() in known[1]


def _day(text: str) -> object:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return Unreadable


def _moment(text: str) -> object:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return Unreadable


READ: dict[str, Callable[[str], object]] = {
    "order_id": _whole,
    "price": _number,
    "weight": _number,
    "plan": str,
    "note": str,
    "is_gift": _truth,
    "starts": _day,
    "ends": _day,
    "paid_at": _moment,
}
NOT_A = {"order_id": "an integer", "price": "a number", "weight": "a number", "is_gift": "a boolean"} | {
    "starts": "a date",
    "ends": "a date",
    "paid_at": "a timestamp",
}


def read_in_python(row: dict[str, object]) -> dict[str, object]:
    """Returns each value as declared; text is read, a fraction is no integer, NaN is None."""
    values: dict[str, object] = {}
    for name, value in row.items():
        if isinstance(value, str):
            values[name] = READ[name](value)
        elif isinstance(value, float) and math.isnan(value):
            values[name] = None
        elif name == "order_id" and isinstance(value, float):
            values[name] = int(value) if value.is_integer() and abs(value) < 2**63 else Unreadable
        else:
            values[name] = value
    return values


def broken_in_python(values: dict[str, Any]) -> set[str]:
    """Returns the rules of ORDERS that a row breaks, said without ORDERS."""
    known = {name: None if value is Unreadable else value for name, value in values.items()}
    order, price, weight, plan = (known[name] for name in ("order_id", "price", "weight", "plan"))
    gift, starts, ends = (known[name] for name in ("is_gift", "starts", "ends"))
    said = {
        "order_id: at least 1": order is not None and order < 1,
        "order_id: at most 99": order is not None and order > 99,
        "price: at least 0": price is not None and price < 0,
        "price: at most 100": price is not None and price > 100,
        "price: a finite number": price is not None and math.isinf(price),
        "weight: a finite number": weight is not None and math.isinf(weight),
        "plan: one of basic, plus": plan is not None and plan not in {"basic", "plus"},
        "ends after it starts": starts is not None and ends is not None and ends < starts,
        "a gift costs nothing": gift is True and price is not None and price != 0,
    }
    said |= {
        f"{name}: null": values[name] is None for name in NOT_A.keys() | {"plan"} if name not in {"weight", "ends"}
    }
    said |= {f"{name}: not {kind}": values[name] is Unreadable for name, kind in NOT_A.items()}
    return {rule for rule, is_broken in said.items() if is_broken}


DAYS = st.dates(date(2025, 12, 1), date(2026, 2, 1))
MOMENTS = st.datetimes(at("2025-12-01 00:00"), at("2026-02-01 00:00"))
NUMBERS = st.sampled_from([0.0, -0.0, 0.5, -0.5, 99.5, 100.0, 100.5, 1e300, math.inf, -math.inf, math.nan])


def texts(good: st.SearchStrategy[str], *bad: str) -> st.SearchStrategy[str | None]:
    return st.one_of(good, good, st.sampled_from(["", "?", *bad]), st.none())


def mostly_good(
    row: dict[str, Any], values: dict[str, st.SearchStrategy[object]]
) -> st.SearchStrategy[dict[str, object]]:
    """Draws a good row with some of its values changed, so that kept rows are drawn as often as broken ones."""
    good = {name: row[name] for name in KINDS}
    return st.fixed_dictionaries({}, optional=values).map(lambda change: good | change)


TYPED = mostly_good(
    orders().row(1, named=True),
    {
        "order_id": st.one_of(st.sampled_from([0.0, 1.0, 2.5, 99.0, 100.0, 1e19, math.inf, math.nan]), st.none()),
        "price": st.one_of(NUMBERS, st.none()),
        "weight": st.one_of(NUMBERS, st.none()),
        "plan": st.sampled_from(["basic", "plus", "gold", "", None]),
        "note": st.one_of(st.text(max_size=3), st.none()),
        "is_gift": st.sampled_from([True, False, None]),
        "starts": st.one_of(DAYS, st.none()),
        "ends": st.one_of(DAYS, st.none()),
        "paid_at": st.one_of(MOMENTS, st.none()),
    },
)
TEXT = mostly_good(
    as_text(orders()).row(1, named=True),
    {
        "order_id": texts(st.integers(-2, 102).map(str), "+7", "007", "2.5", "9" * 19),
        "price": texts(st.sampled_from(["0", "-0.5", "99.5", "100", "100.5", "1e3"]), "inf", "-inf", "1,5", "1 000"),
        "weight": texts(st.integers(-2, 2).map(str), "inf", "heavy"),
        "plan": st.sampled_from(["basic", "plus", "gold", "", None]),
        "note": st.one_of(st.text(max_size=3), st.none()),
        "is_gift": texts(st.sampled_from(["true", "False", "T", "f", "1", "0"]), "yes", "2"),
        "starts": texts(DAYS.map(str), "2026-02-30", "05.01.2026", "2026-13-01"),
        "ends": texts(DAYS.map(str), "never", "2026/01/05"),
        "paid_at": texts(
            st.one_of(MOMENTS.map(str), MOMENTS.map(datetime.isoformat), DAYS.map(str)), "2026-01-05 25:00"
        ),
    },
)


def check_against_python(rows: list[dict[str, object]], chunk: pl.DataFrame, *, text: bool) -> None:
    values = [read_in_python(row) for row in rows]
    broken = [broken_in_python(row) for row in values]
    found = sort(with_days(chunk), text=text)
    assert found.kept.drop(RAW_DAY).rows() == [
        tuple(row.values()) for row, rules in zip(values, broken, strict=True) if not rules
    ]
    assert [set(rule.split("; ")) for rule in found.broken["rule"]] == [rules for rules in broken if rules]
    assert found.counts == Counter(rule for rules in broken for rule in rules)
    was_broken = pl.Series([bool(rules) for rules in broken], dtype=pl.Boolean)
    assert found.broken.drop(RAW_DAY, "rule").equals(chunk.cast(pl.String).filter(was_broken))


@settings(max_examples=60)
@given(rows=st.lists(TYPED, max_size=12))
def test_typed_rows_are_sorted_as_a_statement_in_python_sorts_them(rows: list[dict[str, object]]) -> None:
    types = {name: TYPES[kind] for name, kind in KINDS.items()} | {"order_id": pl.Float64()}
    check_against_python(rows, pl.DataFrame(rows, schema=types), text=False)


@settings(max_examples=60)
@given(rows=st.lists(TEXT, max_size=12))
def test_rows_of_text_are_sorted_as_a_statement_in_python_sorts_them(rows: list[dict[str, object]]) -> None:
    check_against_python(rows, pl.DataFrame(rows, schema=dict.fromkeys(KINDS, pl.String())), text=True)


# ---------------------------------------------------------------------------------------------------------------------
# The raw day


FILED = RawTable(name="visits", day="at", columns=(Column(name="at", dtype="timestamp"),))
RULE = "at: on the raw day"


@pytest.mark.parametrize(
    ("said", "is_kept"),
    [
        (at("2026-01-05 00:00"), True),
        (at("2026-01-05 23:59:59.999999"), True),
        (at("2026-01-06 00:00"), False),
        (at("2026-01-04 23:59:59"), False),
        (at("2031-07-01 12:00"), False),
        ("2026-01-05 23:30:00", True),
        ("2026-01-05T23:30:00-05:00", False),  # 04:30 of the next day at UTC
        ("2026-01-06T04:30:00+05:00", True),
        (date(2026, 1, 5), True),
        (date(2026, 1, 6), False),
    ],
)
def test_a_row_that_says_another_day_than_the_one_that_files_it_is_broken(said: object, is_kept: bool) -> None:
    rows = sort_rows(with_days(pl.DataFrame({"at": [said]})), FILED, as_text=False, where="visits")
    assert rows.kept.height == is_kept
    assert rows.counts == ({} if is_kept else {RULE: 1})
    assert rows.broken["rule"].to_list() == ([] if is_kept else [RULE])


def test_a_row_whose_day_cannot_be_read_is_told_as_that_alone() -> None:
    rows = sort_rows(with_days(pl.DataFrame({"at": ["2026-01-05 late", None]})), FILED, as_text=False, where="visits")
    assert rows.counts == {"at: not a timestamp": 1, "at: null": 1}
