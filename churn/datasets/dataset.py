"""What is a dataset?

A declaration without logic: what a row is, what is predicted, what the raw tables promise, which features exist and
which columns only the fairness evaluation may read. Its SQL stands in `sql/<name>/`, its sources in
`conf/dataset/<name>.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from churn.features.feature import Feature
from churn.features.raw import RawTable
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One prediction problem.

    `key` names an Int64 column, unique within a date. `task`: the label is 0 or 1, or a number (regression). The label
    of date D looks at the days [D, D + horizon_days), so it is ripe at D + horizon_days. `history_days` is how far back
    before D the SQL looks; earlier dates are not built. `score` names the published probability, or predicted number.
    `segments` names each share by its lowest percentile (0 to 1) of the reference scores, highest first, down to 0.
    """

    name: str
    key: str
    horizon_days: int
    history_days: int
    score: str
    segments: tuple[tuple[str, float], ...]
    tables: tuple[RawTable, ...]
    features: tuple[Feature, ...]
    protected: tuple[str, ...] = ()
    task: Task = "binary"

    @property
    def schema(self) -> pl.Schema:
        """The columns of a features partition, in order."""
        return pl.Schema([(self.key, pl.Int64), *((feature.name, feature.polars_type) for feature in self.features)])
