"""Which raw rows may features read?

pandera decides row by row, chunk by chunk. A row that breaks a rule is taken out with the names of the rules that it
breaks; what is wrong with a whole column stops the night. Sources bring rows in whatever types they have, and only here
do they get the declared ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaError, SchemaErrors

from churn.errors import DataError, did_you_mean
from churn.features.contract import is_finite, require_checks_on
from churn.features.raw import RAW_DAY, TYPES, Column, Kind, RawTable, Rule

_TIMESTAMPS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """What became of a chunk.

    `kept`: the rows that features may read, in the table's `schema`. `broken`: the others as they came, every value as
    text, behind a column `rule` with the names of the rules that the row breaks, joined by "; ". Both begin with
    RAW_DAY. `counts`: rows by broken rule; a row that breaks two rules counts in both.
    """

    kept: pl.DataFrame
    broken: pl.DataFrame
    counts: dict[str, int]


def sort_rows(chunk: pl.DataFrame, table: RawTable, *, as_text: bool, where: str) -> Sorted:
    """Returns the rows of a chunk sorted into those that keep the contract and those that break it, in their order.

    `chunk` holds RAW_DAY and the declared columns in the types of their source; `as_text` says that all of them are
    text which the contract has to read (CSV).

    Raises:
        DataError: a column is missing, or of a type that cannot hold what is declared.
        SettingsError: the environment switches pandera's checks off.

    >>> table = RawTable(name="t", day="date", columns=(Column(name="cents", dtype="integer", minimum=0),))
    >>> chunk = pl.DataFrame({"cents": [5, -5, None]}).insert_column(0, pl.Series(RAW_DAY, [None] * 3, pl.Date))
    >>> rows = sort_rows(chunk, table, as_text=False, where="demo")
    >>> rows.kept["cents"].to_list(), rows.broken["cents"].to_list(), rows.counts
    ([5], ['-5', None], {'cents: null': 1, 'cents: at least 0': 1})
    """
    require_checks_on()
    require_columns(chunk.schema, table, as_text=as_text, where=where)
    typed = chunk.select(_read(chunk.schema[column.name], column) for column in table.columns)
    faults = _faults(typed, table, _unreadable(chunk, typed, table)) | _misfiled(typed, chunk[RAW_DAY], table)
    kept = typed.select(table.schema.names()).insert_column(0, chunk[RAW_DAY])
    if not faults:
        return Sorted(kept=kept, broken=pl.DataFrame(schema=broken_schema(table)), counts={})
    bad = pl.select(pl.any_horizontal(*faults.values())).to_series()
    broken = chunk.select(RAW_DAY, _names(faults), *(pl.col(column.name).cast(pl.String) for column in table.columns))
    counts = {rule: int(mask.sum()) for rule, mask in faults.items()}
    return Sorted(kept=kept.filter(~bad), broken=broken.filter(bad), counts=counts)


def require_columns(schema: pl.Schema, table: RawTable, *, as_text: bool, where: str) -> None:
    """Returns nothing where every declared column is in `schema`, in a type that can hold what is declared.

    Raises:
        DataError: naming the columns, what was found and what was expected.
    """
    missing = [column.name for column in table.columns if column.name not in schema]
    if missing:
        action = f"give the table that column, or mend its declaration; {did_you_mean(missing[0], schema)}"
        raise DataError(where=where, found=f"no column {', '.join(map(repr, missing))}", action=action)
    wrong = [
        f"{column.name} is {schema[column.name]}, expected {column.dtype}"
        for column in table.columns
        if not as_text and not _can_hold(schema[column.name], column.dtype)
    ]
    if wrong:
        action = "deliver it in the declared type, or change the declaration"
        raise DataError(where=where, found="; ".join(wrong), action=action)


def broken_schema(table: RawTable) -> pl.Schema:
    """Returns the columns of `Sorted.broken`: RAW_DAY, `rule`, then every declared column as text."""
    return pl.Schema(
        {RAW_DAY: pl.Date(), "rule": pl.String(), **dict.fromkeys((c.name for c in table.columns), pl.String())}
    )


def _can_hold(found: pl.DataType, declared: Kind) -> bool:
    if isinstance(found, pl.Null):
        return True
    if declared in {"integer", "number"}:
        return found.is_numeric()
    if declared == "text":
        return isinstance(found, pl.String | pl.Categorical | pl.Enum)
    if declared == "boolean":
        return isinstance(found, pl.Boolean)
    return isinstance(found, pl.Date | pl.Datetime | pl.String)


def _read(found: pl.DataType, column: Column) -> pl.Expr:
    value, wanted = pl.col(column.name), TYPES[column.dtype]
    if isinstance(found, pl.String):
        return _parsed(value, column.dtype)
    if column.dtype == "timestamp" and isinstance(found, pl.Datetime) and found.time_zone:
        value = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if column.dtype == "integer" and (found.is_float() or found.is_decimal()):
        whole = value.cast(pl.Int64, strict=False)
        return pl.when(whole.cast(found) == value).then(whole)
    return (value.fill_nan(None) if found.is_float() else value).cast(wanted, strict=False)


def _parsed(text: pl.Expr, kind: Kind) -> pl.Expr:
    if kind == "text":
        return text
    if kind == "boolean":
        known = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
        return text.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.Boolean)
    if kind == "date":
        return text.str.to_date("%Y-%m-%d", strict=False)
    if kind == "timestamp":
        return _timestamp(text)
    if kind == "number":
        return text.cast(pl.Float64, strict=False).fill_nan(None)
    return text.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)


def _timestamp(text: pl.Expr) -> pl.Expr:
    spaced = text.str.replace(r"^(\d{4}-\d\d-\d\d)T", "$1 ").str.replace("Z$", "+00:00")
    naive = (spaced.str.to_datetime(form, strict=False, time_unit="us") for form in _TIMESTAMPS)
    aware = spaced.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", strict=False, time_unit="us")
    return pl.coalesce(*naive, aware.dt.convert_time_zone("UTC").dt.replace_time_zone(None))


def _unreadable(chunk: pl.DataFrame, typed: pl.DataFrame, table: RawTable) -> dict[str, pl.Series]:
    masks = {
        column.name: typed[column.name].is_null() & _has_value(chunk[column.name])
        for column in table.columns
        if column.dtype != "text"
    }
    return {name: mask for name, mask in masks.items() if mask.any()}


def _has_value(series: pl.Series) -> pl.Series:
    if series.dtype.is_float():
        return series.is_not_null() & series.is_not_nan()
    if isinstance(series.dtype, pl.String):  # how a number that is unknown is spelled in text
        return series.is_not_null() & (series.str.to_lowercase() != "nan")
    return series.is_not_null()


def _article(kind: Kind) -> str:
    return f"an {kind}" if kind == "integer" else f"a {kind}"


def _faults(typed: pl.DataFrame, table: RawTable, unreadable: dict[str, pl.Series]) -> dict[str, pl.Series]:
    """Returns for each broken rule which rows break it; what cannot be read is not called null as well."""
    kinds = {column.name: column.dtype for column in table.columns}
    faults = {f"{name}: not {_article(kinds[name])}": mask for name, mask in unreadable.items()}
    for error in _errors(typed, table):
        name = error.schema.name if error.schema.name in kinds else None
        is_null = error.check == "not_nullable"
        mask = _failed(error)
        mask = mask & ~unreadable[name] if is_null and name in unreadable else mask
        if mask.any():
            rule = f"{name}: {'null' if is_null else error.check.error}" if name else str(error.check.error)
            faults[rule] = faults[rule] | mask if rule in faults else mask
    return faults


def _misfiled(typed: pl.DataFrame, days: pl.Series, table: RawTable) -> dict[str, pl.Series]:
    """Returns which rows say another day (at UTC) than the one that files them: a folder says less than its rows."""
    if table.day not in typed.columns or not typed.schema[table.day].is_temporal():
        return {}
    mask = (typed[table.day].cast(pl.Date) != days).fill_null(value=False)
    return {f"{table.day}: on the raw day": mask} if mask.any() else {}


def _errors(typed: pl.DataFrame, table: RawTable) -> list[SchemaError]:
    try:
        _schema(table).validate(typed, lazy=True)
    except SchemaErrors as errors:
        found: list[SchemaError] = errors.schema_errors
        return found
    return []


def _failed(error: SchemaError) -> pl.Series:
    output = error.check_output
    if output is None:
        rule = getattr(error.check, "error", error.check)
        found = f"the rule {rule!r} cannot be evaluated"
        raise DataError(where="raw table", found=found, action="mend the rule in the dataset's declaration")
    held: pl.DataFrame = output.collect() if isinstance(output, pl.LazyFrame) else output
    return ~held.to_series().fill_null(value=True)


def _schema(table: RawTable) -> pa.DataFrameSchema:
    columns = {
        column.name: pa.Column(TYPES[column.dtype], list(_rules(column)), nullable=column.nullable)
        for column in table.columns
    }
    checks = [pa.Check(_holding(rule), error=rule.name) for rule in table.rules]
    return pa.DataFrameSchema(columns, checks=checks, strict=True, ordered=True)


def _rules(column: Column) -> Iterator[pa.Check]:
    if column.dtype == "number":
        yield pa.Check(is_finite, error="a finite number")
    if column.minimum is not None:
        yield pa.Check.ge(column.minimum, error=f"at least {column.minimum}")
    if column.maximum is not None:
        yield pa.Check.le(column.maximum, error=f"at most {column.maximum}")
    if column.levels:
        yield pa.Check.isin(column.levels, error=f"one of {', '.join(column.levels)}")


def _holding(rule: Rule) -> Callable[[pa.PolarsData], pl.LazyFrame]:
    return lambda data: data.lazyframe.select(rule.holds.fill_null(value=True))


def _names(faults: dict[str, pl.Series]) -> pl.Series:
    names = [pl.when(mask).then(pl.lit(rule)) for rule, mask in faults.items()]
    return pl.select(pl.concat_str(names, separator="; ", ignore_nulls=True).alias("rule")).to_series()
