"""Which features know later days?

Features at a date know the raw days before it and nothing else, so showing them more days has to change none. This
compares the two tables; whoever builds them decides which days are visible.
"""

from __future__ import annotations

import polars as pl

from churn.errors import DataError
from churn.promotion.suspicion import Kind, Suspicion


def changed(before: pl.DataFrame, after: pl.DataFrame, *, key: str) -> tuple[Suspicion, ...]:
    """Returns the features whose values differ, in the order of the columns; the population first where it differs.

    `before` and `after` are features of one date, one row per `key` in any order, without and with later days. For
    the keys in both, values are compared exactly, null and NaN each equal to itself; a feature's `figure` is the share
    of these rows that changed. The population's is the share of all keys that are in one table only.

    Raises:
        DataError: other columns or types in one than in the other, a key that is null or stands twice, or no key in
            both tables.

    >>> before = pl.DataFrame({"id": [1, 2], "visits": [3, None]})
    >>> [found] = changed(before, before.with_columns(visits=pl.Series([3, 1])), key="id")
    >>> found.feature, found.figure, found.reason
    ('visits', 0.5, '1 of 2 rows changed when later days were added')
    """
    _require_same_columns(before, after, key)
    for table, name in ((before, "before"), (after, "after")):
        _require_keys(table[key], name)
    ours = before.join(after, on=key, how="semi").sort(key)
    theirs = after.join(before, on=key, how="semi").sort(key)
    if ours.is_empty():
        raise DataError(where="features", found=f"no {key} is in both tables", action="build both for one date")
    rows = {name: int(ours[name].ne_missing(theirs[name]).sum()) for name in before.columns if name != key}
    features = [_feature(name, count, of=ours.height) for name, count in rows.items() if count]
    return (*_population(before.height, after.height, both=ours.height), *features)


def _feature(name: str, rows: int, *, of: int) -> Suspicion:
    reason = f"{rows:,} of {of:,} rows changed when later days were added"
    return _suspicion(name, Kind.FORESIGHT, share=rows / of, n=of, reason=reason)


def _population(before: int, after: int, *, both: int) -> list[Suspicion]:
    gone, new = before - both, after - both
    if not gone + new:
        return []
    n = before + new
    reason = f"{gone:,} of {before:,} rows were gone and {new:,} were new when later days were added"
    return [_suspicion(None, Kind.POPULATION, share=(gone + new) / n, n=n, reason=reason)]


def _suspicion(feature: str | None, kind: Kind, *, share: float, n: int, reason: str) -> Suspicion:
    return Suspicion(
        feature=feature, kind=kind, figure=share, interval=None, limit=0.0, n=n, unit="share of rows", reason=reason
    )


def _require_same_columns(before: pl.DataFrame, after: pl.DataFrame, key: str) -> None:
    names = dict.fromkeys([key, *before.columns, *after.columns])
    strange = [name for name in names if name not in before.columns or before.schema[name] != after.schema.get(name)]
    if strange:
        found = f"{', '.join(strange)} is not in both tables with one type"
        raise DataError(where="features", found=found, action="build both tables with the same features")


def _require_keys(keys: pl.Series, table: str) -> None:
    wrong = keys.null_count() + len(keys) - keys.n_unique()
    if wrong:
        found = f"{table}: {wrong} of {len(keys)} keys are null or stand twice"
        raise DataError(where="features", found=found, action="compare tables of one date, one row per key")
