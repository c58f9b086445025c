"""Holds a scored night against its model's reference and says what moved.

Inputs and scores are profiled in one pass over the published chunks, in the bins that were frozen with the version that
scored the night.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from churn.champion import Champion, champion_tonight, scored_by
from churn.doors import Doors
from churn.errors import DataError, ExitCode
from churn.findings import Answer, worst
from churn.nights import nights, no_night
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import DriftStage
from churn.stores.partition import Manifest, Partition, fingerprint

if TYPE_CHECKING:
    import polars as pl

    from churn.drift.verdict import DriftVerdict

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `drift/<dataset>/date=D` for every date; exit code 5 where one alarms, or cannot be told at all."""
    doors = Doors(settings)
    found = nights(doors, "drift")
    if not found.dates:
        return no_night(settings, found)
    champion = champion_tonight(doors)
    for day in found.dates:
        _publish(doors, scored_by(doors, champion, day), day)
    facts = {day: _facts(doors, day) for day in found.dates}
    answer = worst(Answer(fact["answer"]) for fact in facts.values())
    outcome = Outcome(
        code=ExitCode.DRIFT_ALARM if answer in {Answer.FAIL, Answer.INSUFFICIENT} else ExitCode.OK,
        headline=f"drift {settings.dataset.name}: {answer} over {len(facts)} nights, each against its model",
        figures={"files": str(doors.lake.path(doors.partition("drift", found.dates[-1])))},
        table=Table(
            header=("date", "version", "answer", "rows", "grounds"),
            rows=tuple(
                (str(day), str(fact["model_version"]), fact["answer"], f"{fact['rows']:,}", fact["reason"])
                for day, fact in facts.items()
            ),
        ),
    )
    return found.told(outcome)


def _facts(doors: Doors, day: date) -> dict[str, Any]:
    manifest = doors.lake.open(doors.partition("drift", day), made_by=doors.command("drift", day))
    return manifest.facts


def _publish(doors: Doors, champion: Champion, day: date) -> None:
    partition = doors.partition("drift", day)
    sources = _opened(doors, day)
    inputs = _inputs(doors, champion, sources)
    if doors.lake.is_current(partition, inputs):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return
    from churn.drift.table import to_table
    from churn.stores.parquet import write_table

    with doors.lake.publish(partition, inputs=inputs) as staging:
        verdict, rows = _judge(doors, champion, day)
        for source, manifest in sources.items():
            doors.lake.require_unchanged(source, manifest)
        table = to_table(verdict)
        write_table(staging.path / "drift.parquet", table)
        staging.rows["drift.parquet"] = table.height
        staging.facts |= {"answer": str(verdict.answer), "reason": verdict.reason, "rows": rows}
        staging.facts["model_version"] = champion.version
    log.info("%s: %s (%s)", partition, verdict.answer, verdict.reason)


def _opened(doors: Doors, day: date) -> dict[Partition, Manifest]:
    features, scores = doors.partition("features", day), doors.partition("predictions", day)
    found = {
        features: doors.lake.open(features, made_by=doors.command("features", day)),
        scores: doors.lake.open(scores, made_by=doors.command("score", day)),
    }
    if found[scores].inputs["features"] != found[features].content:
        action = f"run: {doors.command('score', day)}"
        raise DataError(where=str(scores), found="made from other features than stand there now", action=action)
    return found


def _inputs(doors: Doors, champion: Champion, sources: dict[Partition, Manifest]) -> dict[str, str]:
    return {
        **{source.kind: manifest.content for source, manifest in sources.items()},
        "bundle": champion.bundle.fingerprint,
        "code": doors.code("drift"),
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
    from churn.stores.duck import recut
    from churn.stores.parquet import read_chunks, rows_at_a_time

    features = doors.lake.path(doors.partition("features", day)) / "features.parquet"
    scores = doors.lake.path(doors.partition("predictions", day)) / "scores.parquet"
    rows = rows_at_a_time(features, most=doors.settings.resources.chunk_rows)
    for chunk, scored in zip(*(recut(read_chunks(file, rows=rows), rows) for file in (features, scores)), strict=True):
        if not chunk[champion.bundle.key].equals(scored[champion.bundle.key]):
            action = f"run: {doors.command('score', day)}"
            raise DataError(where=str(scores), found="other customers than in the features", action=action)
        yield chunk.with_columns(scored[champion.bundle.score_name])
