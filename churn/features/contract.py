"""Does a features table keep its dataset's promises?

pandera checks values on an eager DataFrame only and can be switched off from the environment, so a check first makes
sure that it will really check. A broken promise is told as column, rule and count: never a row, which is personal data.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, get_config_context
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from churn.errors import DataError, SettingsError
from churn.features.feature import Feature

_ABOUT_COLUMNS = {
    SchemaErrorReason.COLUMN_NOT_IN_SCHEMA: "not declared",
    SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME: "missing",
    SchemaErrorReason.COLUMN_NOT_ORDERED: "out of the declared order",
}


def check(frame: pl.DataFrame, *, key: str, features: Sequence[Feature], where: str) -> None:
    """Returns nothing where every promise holds: exact columns in order, types, nulls, ranges, levels.

    `frame` has one row per key: `key` (Int64, never null) and the features. NaN and infinity are refused in any number,
    nullable or not. That keys are unique is `table.check_order`'s promise, since a chunk cannot know the others.

    Raises:
        DataError: naming each column, the broken rule and the number of rows.
        SettingsError: where the environment switches pandera's checks off.

    >>> age = Feature(name="age", expr=pl.col("age"), dtype="integer", unit="years", meaning="", minimum=18)
    >>> check(pl.DataFrame({"id": [1, 2], "age": [18, 17]}), key="id", features=[age], where="demo")
    Traceback (most recent call last):
    ...
    churn.errors.DataError: demo: age: at least 18 (1 row)
      do: correct the raw data or the SQL, or change the promise in the dataset's features
    """
    require_checks_on()
    try:
        _schema(key, features).validate(frame, lazy=True)
    except SchemaErrors as errors:
        broken = _broken_rules(errors.schema_errors)
    else:
        return
    # Raised out of the handler: pandera's own error quotes values, and a traceback would show them.
    raise DataError(
        where=where,
        found="; ".join(broken),
        action="correct the raw data or the SQL, or change the promise in the dataset's features",
    )


def require_checks_on() -> None:
    """Returns nothing where pandera will really check values.

    Raises:
        SettingsError: the environment switches its checks off.
    """
    config = get_config_context()
    if not config.validation_enabled or config.validation_depth is not ValidationDepth.SCHEMA_AND_DATA:
        raise SettingsError(
            where="environment",
            found="pandera's checks are switched off (PANDERA_VALIDATION_ENABLED or PANDERA_VALIDATION_DEPTH)",
            action="unset both variables, then run again",
        )


def _schema(key: str, features: Sequence[Feature]) -> pa.DataFrameSchema:
    columns = {key: pa.Column(pl.Int64, nullable=False)}
    for feature in features:
        columns[feature.name] = pa.Column(feature.polars_type, _rules(feature), nullable=feature.nullable)
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


def _rules(feature: Feature) -> list[pa.Check]:
    rules = []
    if feature.dtype == "number":
        rules.append(pa.Check(is_finite, error="a finite number"))
    if feature.minimum is not None:
        rules.append(pa.Check.ge(feature.minimum, error=f"at least {feature.minimum}"))
    if feature.maximum is not None:
        rules.append(pa.Check.le(feature.maximum, error=f"at most {feature.maximum}"))
    if feature.levels:
        rules.append(pa.Check.isin(feature.levels, error=f"one of {', '.join(feature.levels)}"))
    return rules


def is_finite(data: pa.PolarsData) -> pl.LazyFrame:
    """Returns for each row whether it holds a number that is neither NaN nor infinite; null for null."""
    return data.lazyframe.select(pl.col(data.key).is_finite())


def _broken_rules(errors: Sequence[SchemaError]) -> list[str]:
    wrong_type = {e.schema.name for e in errors if e.reason_code is SchemaErrorReason.WRONG_DATATYPE}
    # A rule that could not be evaluated on a wrong type says nothing beyond the wrong type.
    return [
        _broken_rule(e)
        for e in errors
        if not (e.reason_code is SchemaErrorReason.CHECK_ERROR and e.schema.name in wrong_type)
    ]


def _broken_rule(error: SchemaError) -> str:
    reason = error.reason_code
    if reason in _ABOUT_COLUMNS:
        return f"{error.failure_cases}: {_ABOUT_COLUMNS[reason]}"
    if reason is SchemaErrorReason.WRONG_DATATYPE:
        return f"{error.schema.name}: expected {error.schema.dtype}, found {error.failure_cases}"
    rule = "null" if reason is SchemaErrorReason.SERIES_CONTAINS_NULLS else error.check.error
    count = error.failure_cases.height
    return f"{error.schema.name}: {rule} ({count} row{'s' if count != 1 else ''})"
