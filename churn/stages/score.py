"""Scores every customer of a date with the champion and publishes the predictions.

Chunks of the features partition stream through the champion into one parquet file; every row carries the version that
scored it. The highest scores get their reasons in a file beside them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn.champion import Champion, champion_of, champion_tonight, scored_by
from churn.doors import Doors
from churn.errors import ChurnError
from churn.explained import Wanted, told, wanted_tonight, write_reasons
from churn.nights import SCORE_CODE, nights, no_night
from churn.reports.outcome import Outcome, dates_done
from churn.settings import STALE, Settings
from churn.settings.stages import ScoreStage
from churn.shadow import KIND as SHADOW
from churn.shadow import find_shadow
from churn.stores.partition import Manifest, Partition

if TYPE_CHECKING:
    from churn.stores.lake import Staging

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `predictions/<dataset>/date=D` for every date that is missing or was made from other inputs."""
    doors = Doors(settings)
    reasons = wanted_tonight(doors)
    found = nights(doors, "predictions")
    if not found.dates:
        return no_night(settings, found)
    dates = found.dates
    champions = _champions(doors, dates)
    built = [day for day in dates if publish(doors, champions[day], day, reasons=reasons)]
    if champions[dates[-1]].confirmed:
        _score_in_shadow(doors, dates)
    last = doors.lake.manifest(doors.partition("predictions", dates[-1]))
    outcome = Outcome(
        headline=f"score {settings.dataset.name}: {dates_done('scored', done=len(built), total=len(dates))}",
        figures={
            "rows": f"{last.rows if last else 0:,} customers on {dates[-1]}",
            "segments": _segments(last),
            **told(last),
            "champion": _named(champions[dates[-1]], settings.dataset.model_name),
            "files": str(doors.lake.path(doors.partition("predictions", dates[-1]))),
        },
    )
    return found.told(outcome)


def _named(champion: Champion, model: str) -> str:
    doubt = "" if champion.confirmed else " (the last champion known: the registry does not answer)"
    return f"version {champion.version} of {model}{doubt}"


def _champions(doors: Doors, dates: Sequence[date]) -> dict[date, Champion]:
    model = doors.settings.stage_as(ScoreStage).model
    if model == "as_of":
        return {day: champion_of(doors, day) for day in dates}
    champion = champion_tonight(doors)
    if model == "same" or doors.settings.date == STALE:
        return {day: scored_by(doors, champion, day) for day in dates}
    return dict.fromkeys(dates, champion)


def _segments(manifest: Manifest | None) -> str:
    counts: dict[str, int] = manifest.facts["segments"] if manifest else {}
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _score_in_shadow(doors: Doors, dates: Sequence[date]) -> None:
    challenger = find_shadow(doors)
    if challenger is None:
        return
    for day in dates:
        try:
            publish(doors, challenger, day, kind=SHADOW)
        except ChurnError as error:  # the night's own scores are published
            log.warning("%s is not scored in the shadow: %s", day, error)


def publish(
    doors: Doors, champion: Champion, day: date, *, kind: str = "predictions", reasons: Wanted | None = None
) -> bool:
    """Scores one night; returns False where it was there already, made from the same inputs."""
    partition, features = doors.partition(kind, day), doors.partition("features", day)
    manifest = doors.lake.open(features, made_by=doors.command("features", day))
    inputs = {
        "features": manifest.content,
        "model_version": str(champion.version),
        "bundle": champion.bundle.fingerprint,
        "code": doors.code(*SCORE_CODE),
        "chunk_rows": str(doors.settings.resources.chunk_rows),
        **(reasons.inputs(doors) if reasons else {}),
    }
    if doors.lake.is_current(partition, inputs):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return False
    with doors.lake.publish(partition, inputs=inputs) as staging:
        _write(doors, champion, day, staging=staging, reasons=reasons)
        doors.lake.require_unchanged(features, manifest)
        _tell_moves(doors, champion, partition, staging=staging)
    log.info("%s: %s rows by version %d", partition, f"{staging.rows['scores.parquet']:,}", champion.version)
    return True


def _tell_moves(doors: Doors, champion: Champion, partition: Partition, *, staging: Staging) -> None:
    old = doors.lake.manifest(partition)
    if old is None or not doors.lake.holds(doors.lake.path(partition), old):
        return
    from churn.stores.moves import moves

    bundle = champion.bundle
    files = {"before": doors.lake.path(partition) / "scores.parquet", "after": staging.path / "scores.parquet"}
    found = moves(doors.bench, **files, key=bundle.key, score=bundle.score_name)
    versions = f"version {old.facts['model_version']} by version {champion.version}"
    log.warning("%s: replaces scores of %s: %s", partition, versions, found)


def _write(doors: Doors, champion: Champion, day: date, *, staging: Staging, reasons: Wanted | None) -> None:
    from churn.scoring.predictor import Predictor
    from churn.scoring.shortlist import Shortlist
    from churn.stores.parquet import ParquetWriter, read_chunks

    resources = doors.settings.resources
    predictor = Predictor(champion.bundle, model_version=champion.version, num_threads=resources.threads)
    segments = dict.fromkeys((name for name, _ in champion.bundle.segments), 0)
    unseen: dict[str, int] = {}
    shortlist = Shortlist.of(champion.bundle, size=reasons.settings.rows if reasons else 0)
    features = doors.lake.path(doors.partition("features", day)) / "features.parquet"
    with ParquetWriter(staging.path / "scores.parquet", predictor.schema) as writer:
        for chunk in read_chunks(features, rows=resources.chunk_rows):
            scored = predictor.predict(chunk, day=day)
            predictor.check(scored)
            writer.write(scored)
            shortlist.show(chunk, scored)
            _add(segments, dict(scored["segment"].value_counts().iter_rows()))
            _add(unseen, predictor.unseen(chunk))
    staging.rows["scores.parquet"] = writer.rows
    staging.facts |= {"segments": segments, "unseen_levels": unseen, "model_version": champion.version}
    staging.facts["champion_confirmed"] = champion.confirmed
    if reasons:
        write_reasons(doors, champion.bundle, shortlist.rows, wanted=reasons, staging=staging)


def _add(totals: dict[str, int], counts: dict[str, int]) -> None:
    for name, count in counts.items():
        totals[name] = totals.get(name, 0) + count
