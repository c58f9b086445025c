"""What became of the scores that were published, and how well was it foretold?

Read off the published outcomes, one small table a night. Nights share customers and days of their label windows, so
that a version's mean over nights is no surer than a night's own figure: its interval is as wide as theirs on average,
which holds however alike the nights are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from churn.doors import Doors
from churn.errors import DataError
from churn.promotion.hindsight import Hindsight
from churn.promotion.metrics import Z95
from churn.stores.partition import Manifest

if TYPE_CHECKING:
    import polars as pl

KIND, FILE = "outcomes", "outcomes.parquet"
_NEWEST = 60
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One realised figure on `n` customers: two-sided 95 % interval `low` to `high`, standard error `se`.

    `estimated` is what the scores alone let expect of it, `estimated_se` how far outcomes alone move it from there;
    None where nothing foretells it. All in the unit of `figure`.
    """

    figure: float
    se: float
    low: float
    high: float
    n: int
    n_positive: int | None
    estimated: float | None
    estimated_se: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """What became of one night's scores, by the version that made them.

    `n` customers had a score and a label; `unlabelled` a score alone, `unscored` a label alone. `figures` by name:
    base_rate, auc, average_precision, brier, log_loss, calibration (mean score minus base rate), calibration_slope,
    calibration_intercept, lift and profit; of a regression mean_label, rmse, mae, bias and deviance. What the rows do
    not allow is in `absent`, with why. `at_training` is the AUC, or RMSE, of the version's own test. `learned`: the
    version learned labels of these very days, so that its figures flatter it.
    """

    day: date
    version: int
    verdict: Hindsight
    reason: str
    n: int
    unlabelled: int
    unscored: int
    at_training: float
    learned: bool
    absent: dict[str, str]
    figures: dict[str, Figure]

    @property
    def foretold(self) -> Figure | None:
        """The AUC where it was both estimated and realised, on labels that the version had not learned."""
        found = self.figures.get("auc")
        return None if self.learned or found is None or found.estimated is None else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """How far realised AUCs were from their estimates: mean and standard deviation of realised minus estimated.

    Over `nights` nights; the deviation is None for one. Nights that share customers tell less than their number says.
    """

    mean: float
    sd: float | None
    nights: int

    @classmethod
    def of(cls, found: Iterable[Realised]) -> Foresight | None:
        """Returns it over the nights that have both; None where none has."""
        errors = [
            night.foretold.figure - night.foretold.estimated
            for night in found
            if night.foretold and night.foretold.estimated is not None
        ]
        if not errors:
            return None
        return cls(mean=mean(errors), sd=stdev(errors) if errors[1:] else None, nights=len(errors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """A figure's mean over nights, its 95 % interval whatever the nights share, and its range over them."""

    figure: float
    low: float
    high: float
    least: float
    most: float
    nights: int

    @classmethod
    def of(cls, figures: Sequence[Figure]) -> Pooled | None:
        """Returns the mean over nights; None without a night.

        The standard error of a mean is at most the mean of the standard errors: reached where nights are all alike.

        >>> def at(auc: float) -> Figure:
        ...     return Figure(figure=auc, se=0.01, low=0, high=1, n=9, n_positive=3, estimated=None, estimated_se=None)
        >>> round(Pooled.of([at(0.7), at(0.8)]).low, 4)
        0.7304
        """
        if not figures:
            return None
        found = [one.figure for one in figures]
        middle, reach = mean(found), Z95 * mean(one.se for one in figures)
        return cls(
            figure=middle,
            low=middle - reach,
            high=middle + reach,
            least=min(found),
            most=max(found),
            nights=len(found),
        )


def known_nights(doors: Doors, known_at: date) -> tuple[date, ...]:
    """Returns the newest 60 nights whose outcomes are published and were ripe at a date, in order."""
    ripe = known_at - timedelta(days=doors.dataset.horizon_days)
    return tuple(day for day in doors.lake.days(KIND, doors.settings.dataset.name) if day <= ripe)[-_NEWEST:]


def realised(doors: Doors, known_at: date) -> tuple[Realised, ...]:
    """Returns what became of `known_nights`, in order; one whose file is damaged is warned of and left out."""
    found = []
    for day in known_nights(doors, known_at):
        try:
            found.append(realised_on(doors, day))
        except DataError as error:
            log.warning("%s: %s; mend it with: %s", error.where, error.found, doors.command(KIND, day))
    return tuple(found)


def realised_on(doors: Doors, day: date) -> Realised:
    """Returns what became of one night.

    Raises:
        DataError: its outcomes are not published, or not the bytes that were.
    """
    from churn.stores.parquet import read_table

    partition = doors.partition(KIND, day)
    manifest = doors.lake.open(partition, made_by=doors.command(KIND, day))
    return from_table(read_table(doors.lake.path(partition) / FILE), manifest, day=day)


def to_table(found: Realised) -> pl.DataFrame:
    """Returns one row a figure: its name, and the fields of `Figure`."""
    import polars as pl

    whole, number = pl.Int64, pl.Float64
    types = {"figure": number, "se": number, "low": number, "high": number, "n": whole, "n_positive": whole}
    schema = {"metric": pl.String, **types, "estimated": number, "estimated_se": number}
    columns = {name: [getattr(one, name) for one in found.figures.values()] for name in Figure.__slots__}
    return pl.DataFrame({"metric": list(found.figures), **columns}, schema=schema)


def to_facts(found: Realised) -> dict[str, Any]:
    """Returns what `to_table` leaves out, for the manifest."""
    kept = ("reason", "n", "unlabelled", "unscored", "at_training", "learned", "absent")
    return {"model_version": found.version, "verdict": str(found.verdict)} | {
        name: getattr(found, name) for name in kept
    }


def from_table(table: pl.DataFrame, manifest: Manifest, *, day: date) -> Realised:
    """Returns what `to_table` and `to_facts` were given."""
    facts = dict(manifest.facts)
    figures = {row.pop("metric"): Figure(**row) for row in table.to_dicts()}
    version, verdict = facts.pop("model_version"), Hindsight(facts.pop("verdict"))
    return Realised(day=day, version=version, verdict=verdict, figures=figures, **facts)
