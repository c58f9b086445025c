"""How does a night get its scores?

Chunks of the features partition stream through a model into one parquet file, published whole or not at all. While
chunks are scored the next is read and the last is written; every row carries the version that scored it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.champion import Champion
from churn.doors import Doors
from churn.explained import Wanted, write_reasons
from churn.nights import SCORE_CODE
from churn.profiles import NightTally, keep
from churn.progress import Progress
from churn.stores.partition import Manifest, Partition

if TYPE_CHECKING:
    import polars as pl

    from churn.scoring.engine import Engine
    from churn.scoring.predictor import Predictor, Scored
    from churn.scoring.tally import Tally
    from churn.stores.lake import Staging
    from churn.training.bundle import Bundle
    from churn.training.scorer import Walker

SCORES = "scores.parquet"
UNCERTAIN = "uncertainty"
"""The input of a night whose scores have bands."""
_REPETITIVE = ("score_date", "model_version", "segment")
log = logging.getLogger(__name__)


def publish(
    doors: Doors,
    champion: Champion,
    day: date,
    *,
    engine: str,
    kind: str = "predictions",
    reasons: Wanted | None = None,
    uncertain: bool = False,
    profiled: bool = False,
) -> bool:
    """Scores one night; returns False where it was there already, made from the same inputs.

    `engine`, numba or lightgbm, is no input: the scores are the same. `reasons` None: no score is explained.
    `uncertain`: each score gets its band. `profiled`: the night is counted for drift on the way.
    """
    partition, features = doors.partition(kind, day), doors.partition("features", day)
    known = doors.lake.manifest(features)
    wanted = _inputs(doors, champion, known, reasons=reasons, uncertain=uncertain)
    is_current = doors.lake.is_current(partition, wanted)
    with ThreadPoolExecutor(1) as aside:  # the engine is loaded while the features are read through
        loading = None if is_current else aside.submit(walker, doors, champion.bundle, day, engine=engine)
        manifest = doors.lake.open(features, made_by=doors.command("features", day))
    if loading is None:
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return False
    counts = _counts(doors, champion, features, content=manifest.content) if profiled else None
    inputs = _inputs(doors, champion, manifest, reasons=reasons, uncertain=uncertain)
    with doors.lake.publish(partition, inputs=inputs) as staging:
        asked = _Asked(walks=loading.result(), reasons=reasons, uncertain=uncertain, counts=counts)
        _write(doors, champion, day, staging=staging, asked=asked)
        doors.lake.require_unchanged(features, manifest)
        _tell_moves(doors, champion, partition, staging=staging)
    log.info("%s: %s rows by version %d", partition, f"{staging.rows[SCORES]:,}", champion.version)
    if counts:
        keep(doors, champion, day, counted=counts)
    return True


def _inputs(
    doors: Doors, champion: Champion, features: Manifest | None, *, reasons: Wanted | None, uncertain: bool
) -> dict[str, str]:
    return {
        "features": features.content if features else "none",
        "model_version": str(champion.version),
        "bundle": champion.bundle.fingerprint,
        "code": doors.code(*SCORE_CODE),
        "chunk_rows": str(doors.settings.resources.chunk_rows),
        **(reasons.inputs(doors) if reasons else {}),
        **({UNCERTAIN: "true"} if uncertain else {}),
    }


def _counts(doors: Doors, champion: Champion, features: Partition, *, content: str) -> NightTally:
    from churn.stores.parquet import row_count

    rows = row_count(doors.lake.path(features) / "features.parquet")
    return NightTally(doors, champion, rows=rows, features=content)


def _tell_moves(doors: Doors, champion: Champion, partition: Partition, *, staging: Staging) -> None:
    old = doors.lake.manifest(partition)
    if old is None or not doors.lake.holds(doors.lake.path(partition), old):
        return
    from churn.stores.moves import moves

    bundle = champion.bundle
    files = {"before": doors.lake.path(partition) / SCORES, "after": staging.path / SCORES}
    found = moves(doors.bench, **files, key=bundle.key, score=bundle.score_name)
    versions = f"version {old.facts['model_version']} by version {champion.version}"
    log.warning("%s: replaces scores of %s: %s", partition, versions, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked of a night beside its scores, and who walks the trees: None, LightGBM, and by what name."""

    walks: tuple[Walker | None, str]
    reasons: Wanted | None
    uncertain: bool
    counts: NightTally | None


def _write(doors: Doors, champion: Champion, day: date, *, staging: Staging, asked: _Asked) -> None:
    from churn.scoring.shortlist import Shortlist
    from churn.scoring.tally import Tally
    from churn.stores.overlap import across
    from churn.stores.parquet import ParquetWriter, row_count

    features = doors.lake.path(doors.partition("features", day)) / "features.parquet"
    threads = doors.settings.resources.threads if asked.walks[0] else 1  # LightGBM has threads of its own
    predictor = _predictor(doors, champion, asked, threads=threads)
    reasons = asked.reasons
    tally, shortlist = Tally(), Shortlist.of(champion.bundle, size=reasons.settings.rows if reasons else 0)

    def work(chunk: pl.DataFrame) -> Scored:
        scored = predictor.score(chunk, day=day)
        if asked.counts:
            asked.counts.add(chunk, scored.predictions)
        return scored

    progress = Progress(f"score {day}", total=row_count(features))
    with progress, ParquetWriter(staging.path / SCORES, predictor.schema, repetitive=_REPETITIVE) as writer:
        for scored in across(work, _chunks(doors, champion, features), threads=threads):
            writer.write(scored.predictions)
            shortlist.show(scored.features, scored.predictions)
            tally.add(scored.predictions, unseen=scored.unseen, nulls=scored.nulls)
            progress.add(scored.predictions.height)
    staging.rows[SCORES] = writer.rows
    staging.facts |= {**_counted(tally, champion), "engine": asked.walks[1]}
    if reasons:
        write_reasons(doors, champion.bundle, shortlist.rows, wanted=reasons, staging=staging)


def _predictor(doors: Doors, champion: Champion, asked: _Asked, *, threads: int) -> Predictor:
    from churn.scoring.predictor import Predictor

    return Predictor(
        champion.bundle,
        model_version=champion.version,
        num_threads=doors.settings.resources.threads // threads,
        walker=asked.walks[0],
        uncertain=asked.uncertain,
    )


def _chunks(doors: Doors, champion: Champion, features: Path) -> Iterator[pl.DataFrame]:
    from churn.stores.parquet import read_chunks, rows_at_a_time

    rows = rows_at_a_time(features, most=doors.settings.resources.chunk_rows)
    return read_chunks(features, rows=rows, categories=tuple(dict(champion.bundle.encoding.levels)))


def _counted(tally: Tally, champion: Champion) -> dict[str, Any]:
    for column, count in tally.nulls.items():
        log.warning("%s: %s nulls, and training saw none: the model reads them as 0", column, f"{count:,}")
    return {
        "segments": {segment: tally.segments[segment] for segment, _ in champion.bundle.segments},
        "unseen_levels": dict(tally.unseen),
        "nulls_read_as_zero": dict(tally.nulls),
        "model_version": champion.version,
        "champion_confirmed": champion.confirmed,
    }


def walker(doors: Doors, bundle: Bundle, day: date, *, engine: str) -> tuple[Walker | None, str]:
    """Returns what of ours walks a model's trees on a night, None where LightGBM does; and who does, and why.

    `engine` is what the settings ask for: numba (ours, where it can) or lightgbm.

    Raises:
        DataError: the night's features are not there, or damaged.
    """
    if engine == "lightgbm":
        return None, engine
    from churn.scoring.forest import engine_of
    from churn.scoring.stepwise import ROWS, Stepwise
    from churn.stores.parquet import row_count

    name = engine_of(bundle.model_text)
    if name != "numba":
        log.warning("our engine cannot walk the model, and its scores take many times as long: %s", name)
        return None, name
    if row_count(doors.lake.path(doors.partition("features", day)) / "features.parquet") <= ROWS:
        return Stepwise(bundle.model_text), "numpy"
    return _ready(bundle.model_text, doors.settings.root / ".cache" / "numba"), name


@lru_cache(maxsize=1)
def _ready(text: str, folder: Path) -> Engine:
    """Returns the engine, which the nights of a run share, and says where it had to be compiled."""
    from churn.scoring.engine import Engine

    engine = Engine(text, folder=folder)
    if engine.is_new:
        log.info("the engine was compiled for this machine, which takes seconds once; later runs read its code")
    return engine
