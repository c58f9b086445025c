"""What does a person see of a night's drift?

The page of `reports/drift.py` filled from what `watch` found: this night's columns beside their reference, and the PSI
of each column on the nights before, which are read off their published tables.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date

from churn.apart import in_words
from churn.doors import Doors
from churn.drift.bins import segment_column
from churn.drift.change import ColumnDrift, in_plain_words, shares
from churn.drift.triage import Triage
from churn.errors import DataError
from churn.realised import Foresight
from churn.realised import Realised as RealisedNight
from churn.reports.drift import ColumnNights, DriftPage, Outcomes, Realised, Spread, drift_page
from churn.settings.stages import DriftStage
from churn.stores.parquet import read_table
from churn.watch import Watched

_WORST = 6
log = logging.getLogger(__name__)


def page_of(doors: Doors, watched: Watched, decided: Triage) -> str:
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
            grounds=decided.grounds,
            figures={
                "rows": f"{watched.now.rows:,} tonight, {watched.then.rows:,} of the reference",
                "model": f"version {watched.champion.version} of {doors.settings.dataset.model_name}",
                "alarm": stage.alarm.words(watched.answers),
                **({"told apart": in_words(watched.apart)} if watched.apart else {}),
            },
            faults=tuple(str(fault) for fault in watched.faults),
            nights=(*watched.before, watched.day),
            rows=(*(facts["rows"] if facts else None for facts in watched.before.values()), watched.now.rows),
            columns=tuple(_over_nights(doors, watched)),
            worst=tuple(_spread(watched, one) for one in worst[:_WORST]),
            scores=_spread(watched, scores) if scores else None,
            segments=_spread(watched, segments) if segments else None,
            outcomes=tuple(_outcomes(watched)),
        )
    )


def _outcomes(watched: Watched) -> Iterator[Outcomes]:
    """Yields AUC (of a regression: RMSE) as it came true, beside what the scores alone let expect, night by night.

    Nights whose labels the version had learned say nothing about it.
    """
    metric = "auc" if watched.champion.bundle.task == "binary" else "rmse"
    fair = [found for found in watched.outcomes if not found.learned and metric in found.figures]
    points = {found.day: _came_true(found, metric) for found in fair}
    for day, facts in watched.before.items():
        if day not in points and facts and (then := facts.get("estimated_auc")):
            points[day] = _foretold(day, facts["model_version"], then["figure"])
    if (tonight := watched.estimates[1]) and watched.day not in points:
        points[watched.day] = _foretold(watched.day, watched.champion.version, tonight.figure)
    if points:
        unit, reading = "0.5 is chance, 1 ranks all", _reading(Foresight.of(fair))
        if metric == "rmse":
            unit, reading = "the label's own unit", "Nothing tells the error of a number before its label is known."
        ordered = tuple(points[day] for day in sorted(points))
        yield Outcomes(metric=metric.upper(), unit=unit, points=ordered, reading=reading)


def _came_true(found: RealisedNight, metric: str) -> Realised:
    one = found.figures[metric]
    return Realised(
        night=found.day,
        version=found.version,
        figure=one.figure,
        interval=(one.low, one.high),
        n=one.n,
        estimated=one.estimated,
    )


def _foretold(day: date, version: int, figure: float) -> Realised:
    return Realised(night=day, version=version, figure=None, interval=None, n=None, estimated=figure)


def _reading(foresight: Foresight | None) -> str:
    assumes = "The estimate needs no label, and assumes that no concept changed"
    if foresight is None:
        return f"{assumes}; no night has both it and its outcomes yet."
    spread = "" if foresight.sd is None else f", standard deviation {foresight.sd:.4f}"
    off = f"mean {foresight.mean:+.4f}{spread} (n = {foresight.nights} nights)"
    return f"{assumes}. Realised less estimated so far: {off}."


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
    path = doors.lake.path(doors.partition("drift", day)) / "drift.parquet"
    try:
        table = read_table(path)
    except DataError as error:  # of an earlier night, which this one does not depend on
        log.warning("%s: %s; mend it with: %s", path, error.found, doors.command("drift", day))
        return {}
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
