"""What is a feature?

A named Polars expression over one snapshot row (one row per key, made by SQL at `date`), with all that the contract,
training, drift and the data dictionary need to know about its values. To add one, add a `Feature(...)` to a dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

_TYPES: dict[str, type[pl.DataType]] = {"integer": pl.Int64, "number": pl.Float64, "category": pl.String}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column of a features partition.

    `minimum` and `maximum` are inclusive; `levels` are all the values that a category may take. `watched` is False for
    a column that moves by construction (tenure grows as the base ages), so that drift leaves it alone.

    >>> spend = Feature(name="spend_30d", expr=pl.col("cents") / 100, dtype="number", unit="EUR", meaning="paid")
    >>> spend.polars_type
    Float64
    """

    name: str
    expr: pl.Expr
    dtype: Literal["integer", "number", "category"]
    unit: str
    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = False
    levels: tuple[str, ...] = ()
    watched: bool = True

    @property
    def polars_type(self) -> type[pl.DataType]:
        """The Polars type of the published column."""
        return _TYPES[self.dtype]
