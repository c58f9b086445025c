"""What does a person see of a night's drift?

The page of `reports/drift.py` filled from what `watch` found: this night's columns beside their reference, and the PSI
of each column on the nights before, which are read off their published tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from churn.action import Taken
from churn.doors import Doors
from churn.drift.bins import segment_column
from churn.drift.change import ColumnDrift, in_plain_words, shares
from churn.drift.triage import Triage
from churn.reports.drift import ColumnNights, DriftPage, Spread, drift_page
from churn.settings.stages import DriftStage
from churn.stores.parquet import read_table
from churn.watch import Watched

_WORST = 6


def page_of(doors: Doors, watched: Watched, decided: Triage, *, taken: Taken) -> str:
    """Returns the report of a night as one HTML page; the same values give the same text."""
    bundle, verdict = watched.champion.bundle, watched.verdict
    stage = doors.settings.stage_as(DriftStage)
    outputs = [bundle.score_name, segment_column(bundle.score_name)]
    judged = [column for column in verdict.columns if column.column in {finding.check for finding in verdict.findings}]
    worst = sorted((one for one in judged if one.column not in outputs), key=_distance, reverse=True)
    scores, segments = (next((one for one in judged if one.column == name), None) for name in outputs)
    return drift_page(
        DriftPage(
            title=f"Drift of {doors.dataset.name}, {watched.day}",
            verdict=f"{verdict.answer}: {verdict.reason}",
            action=str(decided.action),
            taken=taken.words,
            grounds=decided.grounds,
            figures={
                "rows": f"{watched.now.rows:,} tonight, {watched.then.rows:,} of the reference",
                "model": f"version {watched.champion.version} of {doors.settings.dataset.model_name}",
                "alarm": stage.alarm.words(watched.answers),
            },
            faults=tuple(str(fault) for fault in watched.faults),
            nights=(*watched.before, watched.day),
            rows=(*(facts["rows"] if facts else None for facts in watched.before.values()), watched.now.rows),
            columns=tuple(_over_nights(doors, watched)),
            worst=tuple(_spread(watched, one) for one in worst[:_WORST]),
            scores=_spread(watched, scores) if scores else None,
            segments=_spread(watched, segments) if segments else None,
            outcomes=(),
        )
    )


def _distance(column: ColumnDrift) -> float:
    return column.psi.distance if column.psi else 0.0


def _over_nights(doors: Doors, watched: Watched) -> Iterator[ColumnNights]:
    limits = {finding.check: finding.limit for finding in watched.verdict.findings}
    earlier = [_psi_by_column(doors, day) if facts else {} for day, facts in watched.before.items()]
    for column in watched.verdict.columns:
        name = column.column
        yield ColumnNights(
            name=name,
            limit=limits.get(name) or doors.settings.stage_as(DriftStage).limits.psi,
            psi=(*(night.get(name) for night in earlier), column.psi.distance if column.psi else None),
            weight=watched.weights.get(name),
            watched=name in limits,
        )


def _psi_by_column(doors: Doors, day: date) -> dict[str, float | None]:
    table = read_table(doors.lake.path(doors.partition("drift", day)) / "drift.parquet")
    return dict(table.select("column", "psi").iter_rows())


def _spread(watched: Watched, column: ColumnDrift) -> Spread:
    at = [bins.name for bins in watched.then.bins.columns].index(column.column)
    bins = watched.then.bins.columns[at]
    return Spread(
        name=column.column,
        labels=bins.labels,
        shares_then=tuple(shares(bins, watched.then.counts[at])),
        shares_now=tuple(shares(bins, watched.now.counts[at])),
        n_then=column.rows_then,
        n_now=column.rows_now,
        words=in_plain_words(column),
    )
