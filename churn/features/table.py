"""How do snapshot rows become a features table?

Each feature is computed by its own expression, then cast without loss: a cast that would cut 1.7 to 1 stops the run
instead. Nothing here sees more than one chunk, so keys are checked chunk by chunk with one number carried along.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from churn.errors import DataError, did_you_mean
from churn.features.feature import Feature


def build(rows: pl.DataFrame, *, key: str, features: Sequence[Feature], where: str) -> pl.DataFrame:
    """Returns the key (Int64) and the features, in declared order and published types: one row per row of `rows`.

    Row order is kept. NaN becomes null, so that "unknown" has one spelling.

    Raises:
        DataError: for a snapshot column that is missing, or a value that its published type cannot hold exactly.

    >>> spend = Feature(name="spend", expr=pl.col("cents") / 100, dtype="number", unit="EUR", meaning="paid")
    >>> build(pl.DataFrame({"id": [7], "cents": [250]}), key="id", features=[spend], where="demo").to_dicts()
    [{'id': 7, 'spend': 2.5}]
    """
    _require_columns(rows, key=key, features=features, where=where)
    computed = pl.DataFrame([rows[key], *(_computed(rows, feature, where) for feature in features)])
    types: dict[str, type[pl.DataType]] = {key: pl.Int64} | {f.name: f.polars_type for f in features}
    return computed.with_columns(_publish(computed[name], types[name], where=where) for name in types)


def check_order(keys: pl.Series, previous: int | None, *, where: str) -> int | None:
    """Returns the last key, to be given as `previous` with the next chunk; `previous` itself for an empty chunk.

    Strictly rising keys over all chunks prove that no key is null or stands twice, in memory for one chunk.

    Raises:
        DataError: for a null, or a key that is not above the one before it (the previous chunk's last one included).

    >>> last = check_order(pl.Series([1, 2]), None, where="demo")
    >>> check_order(pl.Series([2, 3]), last, where="demo")
    Traceback (most recent call last):
    ...
    churn.errors.DataError: demo: 1 key is twice there, first at row 0 of its chunk
      do: look for it in the raw tables; the SQL has to return one row per key, ordered by key
    """
    if keys.null_count():
        raise _order_error(where, _count(keys.null_count(), "null"))
    before = keys.shift(1, fill_value=previous)
    wrong = (keys <= before).fill_null(value=False).arg_true()
    if len(wrong):
        first = wrong[0]
        twice = keys[first] == before[first]
        count = _count(len(wrong), "twice there" if twice else "not above the one before it")
        raise _order_error(where, f"{count}, first at row {first} of its chunk")
    return int(keys[-1]) if len(keys) else previous


def _require_columns(rows: pl.DataFrame, *, key: str, features: Sequence[Feature], where: str) -> None:
    needs = {key: "the key"}
    for feature in features:
        needs |= dict.fromkeys(feature.expr.meta.root_names(), f"feature {feature.name}")
    missing = {column: reader for column, reader in needs.items() if column not in rows.columns}
    if missing:
        raise DataError(
            where=where,
            found="no column " + ", ".join(f"{column!r} ({reader} needs it)" for column, reader in missing.items()),
            action=f"add it to the dataset's SQL; {did_you_mean(next(iter(missing)), rows.columns)}",
        )


def _computed(rows: pl.DataFrame, feature: Feature, where: str) -> pl.Series:
    try:
        return rows.select(feature.expr.alias(feature.name)).to_series()
    except pl.exceptions.PolarsError as error:
        found = f"feature {feature.name} cannot be computed ({type(error).__name__})"
        action = "mend its expression, or the raw column that it reads"
        raise DataError(where=where, found=found, action=action) from None  # Polars may quote a row's value


def _publish(computed: pl.Series, dtype: type[pl.DataType], *, where: str) -> pl.Series:
    series = computed.fill_nan(None) if computed.dtype.is_float() else computed
    published = series.cast(dtype, strict=False)
    lost = published.null_count() - series.null_count()
    if dtype is pl.Int64 and series.dtype.is_numeric() and not series.dtype.is_integer():
        lost += int((published.cast(pl.Float64) != series.cast(pl.Float64)).sum())
    if lost:
        raise DataError(
            where=where,
            found=f"{series.name}: {lost} of {len(series)} values ({series.dtype}) do not fit {dtype.__name__}",
            action="round or convert in the feature's expression, or declare another dtype",
        )
    return published


def _count(keys: int, what: str) -> str:
    return f"{keys} key{'s are' if keys != 1 else ' is'} {what}"


def _order_error(where: str, found: str) -> DataError:
    return DataError(
        where=where,
        found=found,
        action="look for it in the raw tables; the SQL has to return one row per key, ordered by key",
    )
