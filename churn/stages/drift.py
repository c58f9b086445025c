"""Holds a scored night against the champion's reference and says what moved.

Inputs and scores are profiled in one pass over the published chunks, in the bins that were frozen with the champion.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from churn.champion import Champion, require_champion
from churn.doors import Doors
from churn.errors import DataError, ExitCode
from churn.findings import Answer, worst
from churn.reports.outcome import Outcome, Table
from churn.settings import DriftStage, Settings
from churn.stores.lake import fingerprint

if TYPE_CHECKING:
    import polars as pl

    from churn.drift.verdict import DriftVerdict

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `drift/<dataset>/date=D` for every date, and ends with exit code 5 where one of them alarms."""
    doors = Doors(settings)
    champion = require_champion(doors)
    for day in settings.dates:
        _publish(doors, champion, day)
    facts = {day: _facts(doors, day) for day in settings.dates}
    answer = worst(Answer(fact["answer"]) for fact in facts.values())
    return Outcome(
        code=ExitCode.DRIFT_ALARM if answer is Answer.FAIL else ExitCode.OK,
        headline=f"drift {settings.dataset.name}: {answer} over {len(facts)} nights against version {champion.version}",
        figures={"files": str(doors.lake.path(doors.partition("drift", settings.dates[-1])))},
        table=Table(
            header=("date", "answer", "rows", "grounds"),
            rows=tuple((str(day), fact["answer"], f"{fact['rows']:,}", fact["reason"]) for day, fact in facts.items()),
        ),
    )


def _facts(doors: Doors, day: date) -> dict[str, Any]:
    manifest = doors.lake.open(doors.partition("drift", day), made_by=f"python -m churn stage=drift date={day}")
    return manifest.facts


def _publish(doors: Doors, champion: Champion, day: date) -> None:
    partition = doors.partition("drift", day)
    inputs = _inputs(doors, champion, day)
    if doors.lake.is_current(partition, inputs):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return
    from churn.drift.table import to_table
    from churn.stores.parquet import write_table

    with doors.lake.publish(partition, inputs=inputs) as staging:
        verdict, rows = _judge(doors, champion, day)
        table = to_table(verdict)
        write_table(staging.path / "drift.parquet", table)
        staging.rows["drift.parquet"] = table.height
        staging.facts |= {"answer": str(verdict.answer), "reason": verdict.reason, "rows": rows}
    log.info("%s: %s (%s)", partition, verdict.answer, verdict.reason)


def _inputs(doors: Doors, champion: Champion, day: date) -> dict[str, str]:
    dataset = f"dataset={doors.settings.dataset.name}"
    features = doors.lake.open(
        doors.partition("features", day), made_by=f"python -m churn stage=features {dataset} date={day}"
    )
    scores = doors.lake.open(
        doors.partition("predictions", day), made_by=f"python -m churn stage=score {dataset} date={day}"
    )
    if scores.inputs["features"] != features.content or scores.facts["model_version"] != champion.version:
        found = "the predictions were made from other features or by another version than the champion"
        action = f"python -m churn stage=score {dataset} date={day}"
        raise DataError(where=f"drift {doors.settings.dataset.name} {day}", found=found, action=action)
    return {
        "features": features.content,
        "predictions": scores.content,
        "bundle": champion.bundle.fingerprint,
        "limits": fingerprint(asdict(doors.settings.stage_as(DriftStage).limits)),
    }


def _judge(doors: Doors, champion: Champion, day: date) -> tuple[DriftVerdict, int]:
    from churn.drift.profile import from_parquet, profile
    from churn.drift.verdict import judge

    bins, reference = from_parquet(champion.bundle.reference)
    current = profile(bins, _scored_chunks(doors, champion, day))
    watched = [entry.name for entry in champion.bundle.dictionary if entry.watched]
    verdict = judge(
        reference,
        current,
        limits=doors.settings.stage_as(DriftStage).limits,
        watched=watched,
        score=champion.bundle.score_name,
    )
    return verdict, current.rows


def _scored_chunks(doors: Doors, champion: Champion, day: date) -> Iterator[pl.DataFrame]:
    from churn.stores.parquet import read_chunks

    features = doors.lake.path(doors.partition("features", day)) / "features.parquet"
    scores = doors.lake.path(doors.partition("predictions", day)) / "scores.parquet"
    rows = doors.settings.resources.chunk_rows
    for chunk, scored in zip(read_chunks(features, rows=rows), read_chunks(scores, rows=rows), strict=True):
        if not chunk[champion.bundle.key].equals(scored[champion.bundle.key]):
            action = f"python -m churn stage=score dataset={doors.settings.dataset.name} date={day}"
            raise DataError(where=str(scores), found="other customers than in the features", action=action)
        yield chunk.with_columns(scored[champion.bundle.score_name])
