"""What did the columns look like on these days, in counts alone?

A profile is counts over frozen bins, never rows: it needs memory for its grid only, holds nobody's data, and merges by
addition, so that a week is the sum of seven nights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from churn.drift.bins import Bins, CategoryBins, Column, ColumnBins, NumberBins, freeze_bins, series_of
from churn.drift.counts import ColumnCounts
from churn.errors import DataError

__all__ = ["Bins", "Column", "Profile", "freeze_bins", "from_parquet", "profile", "to_parquet"]

_FORMAT = "churn-profile-1"
_TYPES: dict[str, pl.DataType] = {
    "column": pl.String(),
    "grid": pl.List(pl.Float64),
    "bin_of_cell": pl.List(pl.Int64),
    "labels": pl.List(pl.String),
    "levels": pl.List(pl.String),
    "rare": pl.List(pl.String),
    "cells": pl.List(pl.Int64),
    "minimum": pl.Float64(),
    "maximum": pl.Float64(),
    "total": pl.String(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The counts of every column over `bins`, in the same order. `+` merges two profiles of the same bins."""

    bins: Bins
    counts: tuple[ColumnCounts, ...]

    @property
    def rows(self) -> int:
        """Rows profiled; each column saw all of them."""
        return self.counts[0].rows if self.counts else 0

    def __add__(self, other: Profile) -> Profile:
        """Returns the profile of both samples' rows.

        Raises:
            DataError: the two were counted over different bins.
        """
        self.refuse_other_bins(other)
        merged = tuple(mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True))
        return Profile(bins=self.bins, counts=merged)

    def averaged(self, nights: int) -> Profile:
        """Returns the mean of so many added nights, in whole rows."""
        return Profile(bins=self.bins, counts=tuple(column.averaged(nights) for column in self.counts))

    def refuse_other_bins(self, other: Profile) -> None:
        """Checks that two profiles can be laid side by side.

        Raises:
            DataError: the two were counted over different bins.
        """
        if self.bins != other.bins:
            raise DataError(
                where="drift profile",
                found=f"bins {other.bins.fingerprint[:12]} beside {self.bins.fingerprint[:12]}",
                action="profile both over the bins of one reference",
            )


def profile(bins: Bins, chunks: Iterable[pl.DataFrame]) -> Profile:
    """Returns the profile of all rows of all chunks; how they were cut makes no difference.

    Reads the columns that `bins` names and leaves others alone. Null and NaN count as null. Memory is set by the chunk.

    Raises:
        DataError: a chunk lacks a column, or holds one of another type.

    >>> frame = pl.DataFrame({"spend": [1.0, 2.0, None]})
    >>> bins = freeze_bins(frame, [Column(name="spend", dtype="number")])
    >>> week = sum([profile(bins, [frame])] * 6, profile(bins, [frame]))
    >>> week.rows, week.counts[0].nulls, float(week.counts[0].total)
    (21, 7, 21.0)
    """
    nothing = pl.Series(dtype=pl.Null)
    merged = Profile(bins=bins, counts=tuple(column.count(nothing) for column in bins.columns))
    for chunk in chunks:
        counts = tuple(column.count(series_of(chunk, column.name)) for column in bins.columns)
        merged += Profile(bins=bins, counts=counts)
    return merged


def to_parquet(bins: Bins, profile: Profile) -> bytes:
    """Returns one row a column as parquet that any tool can open, the same bytes for the same profile.

    Raises:
        DataError: the profile was counted over other bins.
    """
    profile.refuse_other_bins(Profile(bins=bins, counts=()))
    rows = [_to_row(column, counts) for column, counts in zip(bins.columns, profile.counts, strict=True)]
    metadata = {"format": _FORMAT, "sha256": _digest(rows)}
    table = _arrow(rows).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


@lru_cache(maxsize=4)  # every night of a window is held against the same reference
def from_parquet(content: bytes) -> tuple[Bins, Profile]:
    """Returns what `to_parquet` wrote.

    Raises:
        DataError: the bytes are cut short, altered, or no drift profile.
    """
    rows = _read_rows(content)
    bins = Bins(columns=tuple(_to_bins(row) for row in rows))
    return bins, Profile(bins=bins, counts=tuple(_to_counts(row) for row in rows))


def _read_rows(content: bytes) -> list[dict[str, Any]]:
    try:
        # Arrow, since Polars' reader stops the process on some altered bytes.
        table = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read(use_threads=False)
        rows: list[dict[str, Any]] = table.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable("no parquet file, or a damaged one") from error
    metadata = table.schema.metadata or {}
    if not table.schema.equals(_arrow([]).schema) or metadata.get(b"format") != _FORMAT.encode():
        raise _unreadable(f"another table than {_FORMAT}")
    if metadata.get(b"sha256") != _digest(rows).encode():
        raise _unreadable("content that differs from its own checksum")
    return rows


def _arrow(rows: list[dict[str, Any]]) -> pa.Table:
    return pl.DataFrame(rows, schema=_TYPES).to_arrow(compat_level=pl.CompatLevel.oldest())


def _to_row(column: ColumnBins, counts: ColumnCounts) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(_TYPES) | {"column": column.name}
    if isinstance(column, NumberBins):
        values |= {"grid": column.grid, "bin_of_cell": column.bin_of_cell, "labels": column.labels}
    else:
        values |= {"levels": column.levels, "rare": column.rare}
    total = None if counts.total is None else str(counts.total)
    extremes = {"minimum": counts.minimum, "maximum": counts.maximum}
    return values | {"cells": counts.cells, "total": total} | extremes


def _to_bins(row: dict[str, Any]) -> ColumnBins:
    if row["grid"] is None:
        return CategoryBins(name=row["column"], levels=tuple(row["levels"]), rare=tuple(row["rare"]))
    return NumberBins(
        name=row["column"],
        grid=tuple(row["grid"]),
        bin_of_cell=tuple(row["bin_of_cell"]),
        labels=tuple(row["labels"]),
    )


def _to_counts(row: dict[str, Any]) -> ColumnCounts:
    total = None if row["total"] is None else Fraction(row["total"])
    return ColumnCounts(cells=tuple(row["cells"]), minimum=row["minimum"], maximum=row["maximum"], total=total)


def _digest(rows: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _unreadable(found: str) -> DataError:
    return DataError(where="drift profile", found=found, action="restore the file, or profile the reference again")
