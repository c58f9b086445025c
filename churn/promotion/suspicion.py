"""What makes a feature suspicious of knowing the label, and what is said about it?

A suspicion is a figure beyond its limit with the rows behind it, for a person to look at; it is no proof. What came
nearest to a limit is kept as well, so that silence can be told from narrow escape.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy.typing as npt
import polars as pl

from churn.errors import SettingsError


class Kind(StrEnum):
    """Why something is suspicious."""

    ALONE = "ranks alone beyond belief"
    GIVEAWAY = "null or a constant gives the label away"
    SHUFFLED = "shuffled labels are learned"
    FORESIGHT = "changes when later days are added"
    POPULATION = "rows come or go when later days are added"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakLimits:
    """The limits of the search for leaks; their values stand in YAML.

    `alpha` is the one-sided error rate of each kind of check, shared by all that it looks at. AUCs are those of one
    feature alone, over 0.5 to 1. Under `believable_auc` none is suspicious; over it one is that surely adds more than
    `auc_gain` to the AUC of the others. From `doubtful_auc` on a feature does not count among the others (two copies of
    the label would cover for each other), and from `impossible_auc` on it is suspicious whatever they do.

    A value is a constant from a share of `spike_share` of the rows on. It gives the label away where one label among
    its rows is surely under `impurity_ratio` of what the other features expect there. `shuffles` permutations of
    the labels start from `seed`.

    Raises:
        SettingsError: a limit outside of its range.
    """

    alpha: float
    believable_auc: float
    doubtful_auc: float
    impossible_auc: float
    auc_gain: float
    spike_share: float
    impurity_ratio: float
    shuffles: int
    seed: int

    def __post_init__(self) -> None:
        shares = ("alpha", "auc_gain", "spike_share", "impurity_ratio")
        for name in shares:
            _require(0 < getattr(self, name) < 1, f"{name}={getattr(self, name)}", "choose a number between 0 and 1")
        aucs = (self.believable_auc, self.doubtful_auc, self.impossible_auc)
        rising = 0.5 < aucs[0] <= aucs[1] <= aucs[2] <= 1
        _require(rising, "AUCs {}, {}, {}".format(*aucs), "choose believable, doubtful, impossible rising over 0.5")
        _require(self.shuffles >= 1, f"shuffles={self.shuffles}", "give at least 1")
        _require(self.seed >= 0, f"seed={self.seed}", "give 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One part of a training table: features and what identifies a row as columns of `frame`, one label (0, 1) a row.

    Raises:
        DataError: see `find_leaks`, which looks at the labels.
    """

    frame: pl.DataFrame = field(repr=False)
    labels: npt.NDArray[Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What is suspicious, and its evidence; `feature` is None where it is the rows and no feature.

    `figure`, `interval` and `limit` share the unit named in `unit`; the interval's inner end is what the limit is held
    against, at the share of `alpha` that falls to it. A plain AUC has its 95 % interval and is held against the limit
    itself; a mere count has no interval. `n` counts the rows that the figure stands on.
    """

    feature: str | None
    kind: Kind
    figure: float
    interval: tuple[float, float] | None
    limit: float
    n: int
    unit: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """What was found: `suspicions` beyond their limits, and `nearest`, for each kind what came nearest and stayed.

    `settings` says in words under which limits, where that is known.
    """

    suspicions: tuple[Suspicion, ...]
    nearest: tuple[Suspicion, ...]
    settings: str = "unknown limits"

    @classmethod
    def together(cls, found: Iterable[Leaks]) -> Leaks:
        """Returns what several checks found as one."""
        parts = tuple(found)
        return cls(
            suspicions=tuple(one for part in parts for one in part.suspicions),
            nearest=tuple(one for part in parts for one in part.nearest),
        )

    def to_table(self) -> pl.DataFrame:
        """Returns one row each, as it is published; `from_table` reads it."""
        rows = [_to_row(one, suspicious=True) for one in self.suspicions]
        rows += [_to_row(one, suspicious=False) for one in self.nearest]
        return pl.DataFrame(rows, schema=_COLUMNS)

    @classmethod
    def from_table(cls, table: pl.DataFrame, *, settings: str = "unknown limits") -> Leaks:
        """Returns what was published, by a check under some limits.

        >>> one = Suspicion(feature="fee", kind=Kind.ALONE, figure=0.9, interval=(0.8, 0.95), limit=0.7, n=9,
        ...                 unit="AUC", reason="r")
        >>> found = Leaks(suspicions=(one,), nearest=())
        >>> Leaks.from_table(found.to_table()) == found
        True
        """
        read = [(row.pop("suspicious"), _from_row(row)) for row in table.iter_rows(named=True)]
        return cls(
            suspicions=tuple(one for suspicious, one in read if suspicious),
            nearest=tuple(one for suspicious, one in read if not suspicious),
            settings=settings,
        )


_COLUMNS: dict[str, Any] = {
    "suspicious": pl.Boolean,
    "feature": pl.String,
    "kind": pl.String,
    "figure": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "limit": pl.Float64,
    "n": pl.Int64,
    "unit": pl.String,
    "reason": pl.String,
}


def _to_row(one: Suspicion, *, suspicious: bool) -> dict[str, object]:
    low, high = one.interval or (None, None)
    plain = {name: getattr(one, name) for name in ("feature", "figure", "limit", "n", "unit", "reason")}
    return {**plain, "suspicious": suspicious, "kind": str(one.kind), "low": low, "high": high}


def _from_row(row: dict[str, Any]) -> Suspicion:
    low, high = row.pop("low"), row.pop("high")
    interval = None if low is None else (low, high)
    return Suspicion(**row | {"kind": Kind(row["kind"]), "interval": interval})


def _require(holds: bool, found: str, action: str) -> None:  # noqa: FBT001 - it is the condition itself
    if not holds:
        raise SettingsError(where="leak limits", found=found, action=action)
