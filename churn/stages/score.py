"""Scores every customer of a date with the champion and publishes the predictions.

Chunks of the features partition stream through the champion into one parquet file; every row carries the version that
scored it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from churn.champion import Champion, champion_of, require_champion, scored_by
from churn.doors import Doors
from churn.nights import SCORE_CODE, nights, no_night
from churn.reports.outcome import Outcome, dates_done
from churn.settings import STALE, ScoreStage, Settings
from churn.stores.lake import Manifest

if TYPE_CHECKING:
    from churn.scoring.engine import Engine
    from churn.stores.lake import Staging
    from churn.training.bundle import Bundle

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `predictions/<dataset>/date=D` for every date that is missing or was made from other inputs."""
    doors = Doors(settings)
    found = nights(doors, "predictions")
    if not found.dates:
        return no_night(settings, found)
    dates = found.dates
    champions = _champions(doors, dates)
    engine = settings.stage_as(ScoreStage).engine
    built = [day for day in dates if publish(doors, champions[day], day, engine=engine)]
    last = doors.lake.manifest(doors.partition("predictions", dates[-1]))
    outcome = Outcome(
        headline=f"score {settings.dataset.name}: {dates_done('scored', done=len(built), total=len(dates))}",
        figures={
            "rows": f"{last.rows if last else 0:,} customers on {dates[-1]}",
            "segments": _segments(last),
            "champion": f"version {champions[dates[-1]].version} of {settings.dataset.model_name}",
            "files": str(doors.lake.path(doors.partition("predictions", dates[-1]))),
        },
    )
    return found.told(outcome)


def _champions(doors: Doors, dates: Sequence[date]) -> dict[date, Champion]:
    model = doors.settings.stage_as(ScoreStage).model
    if model == "as_of":
        return {day: champion_of(doors, day) for day in dates}
    champion = require_champion(doors)
    if model == "same" or doors.settings.date == STALE:
        return {day: scored_by(doors, champion, day) for day in dates}
    return dict.fromkeys(dates, champion)


def _segments(manifest: Manifest | None) -> str:
    counts: dict[str, int] = manifest.facts["segments"] if manifest else {}
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def publish(doors: Doors, champion: Champion, day: date, *, engine: str) -> bool:
    """Scores one night; returns False where it was there already, made from the same inputs.

    `engine`, numba or lightgbm, is no input: the scores are the same.
    """
    partition, features = doors.partition("predictions", day), doors.partition("features", day)
    manifest = doors.lake.open(features, made_by=doors.command("features", day))
    inputs = {
        "features": manifest.content,
        "model_version": str(champion.version),
        "bundle": champion.bundle.fingerprint,
        "code": doors.code(*SCORE_CODE),
        "chunk_rows": str(doors.settings.resources.chunk_rows),
    }
    if doors.lake.is_current(partition, inputs):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return False
    with doors.lake.publish(partition, inputs=inputs) as staging:
        _write(doors, champion, day, staging=staging, engine=engine)
        doors.lake.require_unchanged(features, manifest)
        _tell_moves(doors, champion, day, staging=staging)
    log.info("%s: %s rows by version %d", partition, f"{staging.rows['scores.parquet']:,}", champion.version)
    return True


def _tell_moves(doors: Doors, champion: Champion, day: date, *, staging: Staging) -> None:
    partition = doors.partition("predictions", day)
    old = doors.lake.manifest(partition)
    if old is None or not doors.lake.holds(doors.lake.path(partition), old):
        return
    from churn.stores.moves import moves

    bundle = champion.bundle
    files = {"before": doors.lake.path(partition) / "scores.parquet", "after": staging.path / "scores.parquet"}
    found = moves(doors.bench, **files, key=bundle.key, score=bundle.score_name)
    versions = f"version {old.facts['model_version']} by version {champion.version}"
    log.warning("%s: replaces scores of %s: %s", partition, versions, found)


def _write(doors: Doors, champion: Champion, day: date, *, staging: Staging, engine: str) -> None:
    from churn.scoring.predictor import Predictor
    from churn.stores.parquet import ParquetWriter, read_chunks

    resources = doors.settings.resources
    walk, name = _engine(doors, champion.bundle) if engine == "numba" else (None, engine)
    predictor = Predictor(champion.bundle, model_version=champion.version, num_threads=resources.threads, engine=walk)
    segments = dict.fromkeys((name for name, _ in champion.bundle.segments), 0)
    unseen: dict[str, int] = {}
    features = doors.lake.path(doors.partition("features", day)) / "features.parquet"
    with ParquetWriter(staging.path / "scores.parquet", predictor.schema) as writer:
        for chunk in read_chunks(features, rows=resources.chunk_rows):
            scored = predictor.predict(chunk, day=day)
            predictor.check(scored)
            writer.write(scored)
            _add(segments, dict(scored["segment"].value_counts().iter_rows()))
            _add(unseen, predictor.unseen(chunk))
    staging.rows["scores.parquet"] = writer.rows
    staging.facts |= {"segments": segments, "unseen_levels": unseen, "model_version": champion.version, "engine": name}


def _engine(doors: Doors, bundle: Bundle) -> tuple[Engine | None, str]:
    """Returns our engine for a model, None where it cannot walk the trees; and who walks them, and why."""
    from churn.scoring.forest import engine_of

    name = engine_of(bundle.model_text)
    if name != "numba":
        log.warning("our engine cannot walk the champion, and its scores take many times as long: %s", name)
        return None, name
    return _ready(bundle.model_text, doors.settings.root / ".cache" / "numba"), name


@lru_cache(maxsize=1)
def _ready(text: str, folder: Path) -> Engine:
    """Returns the engine, which the nights of a run share, and says where it had to be compiled."""
    from churn.scoring.engine import Engine

    engine = Engine(text, folder=folder)
    if engine.is_new:
        log.info("the engine was compiled for this machine, which takes seconds once; later runs read its code")
    return engine


def _add(totals: dict[str, int], counts: dict[str, int]) -> None:
    for name, count in counts.items():
        totals[name] = totals.get(name, 0) + count
