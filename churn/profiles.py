"""What did a published night look like, in counts alone?

Features and scores are counted in one streaming pass, over the bins that were frozen with the model that scored the
night, and kept under `profiles/<dataset>/date=D/`: a week is seven nights added, and a window of a year reads
kilobytes. A partition of its own, not a part of the night's: it can be made again from the night at any time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from churn.champion import Champion
from churn.doors import Doors
from churn.errors import DataError
from churn.stores.partition import Manifest, Partition

if TYPE_CHECKING:
    import polars as pl

    from churn.drift.profile import Bins, Profile

KIND, FILE = "profiles", "profile.parquet"
_CODE = ("drift/bins.py", "drift/counts.py", "drift/profile.py", "profiles.py")
log = logging.getLogger(__name__)


def opened(doors: Doors, day: date) -> dict[Partition, Manifest]:
    """Returns the features and the predictions of a night, each with its manifest.

    Raises:
        DataError: one is not there, or the scores were made from other features than stand there now.
    """
    features, scores = doors.partition("features", day), doors.partition("predictions", day)
    found = {
        features: doors.lake.open(features, made_by=doors.command("features", day)),
        scores: doors.lake.open(scores, made_by=doors.command("score", day)),
    }
    if found[scores].inputs["features"] != found[features].content:
        action = f"run: {doors.command('score', day)}"
        raise DataError(where=str(scores), found="made from other features than stand there now", action=action)
    return found


def profile_of(doors: Doors, champion: Champion, day: date) -> Profile:
    """Returns the profile of a night over the bins of the model that scored it: the one that is kept, or made now.

    Raises:
        DataError: the night is not there, or not as it was published.
    """
    sources, partition = opened(doors, day), doors.partition(KIND, day)
    inputs = {
        **{source.kind: manifest.content for source, manifest in sources.items()},
        "bundle": champion.bundle.fingerprint,
        "code": doors.code(*_CODE),
    }
    kept = _kept(doors, partition) if doors.lake.is_current(partition, inputs) else None
    return kept or _publish(doors, champion, day, sources=sources, inputs=inputs)


def _kept(doors: Doors, partition: Partition) -> Profile | None:
    from churn.drift.profile import from_parquet

    path = doors.lake.path(partition) / FILE
    try:
        return from_parquet(path.read_bytes())[1]
    except (DataError, FileNotFoundError) as error:
        log.warning("%s: %s; it is made again from the night", path, error)
        return None


def _publish(
    doors: Doors,
    champion: Champion,
    day: date,
    *,
    sources: Mapping[Partition, Manifest],
    inputs: Mapping[str, str],
) -> Profile:
    from churn.drift.profile import from_parquet, to_parquet

    bins, _ = from_parquet(champion.bundle.reference)
    with doors.lake.publish(doors.partition(KIND, day), inputs=inputs) as staging:
        found = _counted(doors, champion, day, bins=bins)
        for source, manifest in sources.items():
            doors.lake.require_unchanged(source, manifest)
        (staging.path / FILE).write_bytes(to_parquet(bins, found))
        staging.rows[FILE] = len(bins.columns)
        staging.facts |= {"rows": found.rows, "model_version": champion.version}
    return found


def _counted(doors: Doors, champion: Champion, day: date, *, bins: Bins) -> Profile:
    from churn.drift.profile import profile
    from churn.stores.overlap import across

    chunks = _scored_chunks(doors, champion, day)
    each = across(lambda chunk: profile(bins, [chunk]), chunks, threads=doors.settings.resources.threads)
    return sum(each, profile(bins, []))


def _scored_chunks(doors: Doors, champion: Champion, day: date) -> Iterator[pl.DataFrame]:
    from churn.drift.bins import segment_column
    from churn.stores.duck import recut
    from churn.stores.parquet import read_chunks, rows_at_a_time

    key, score = champion.bundle.key, champion.bundle.score_name
    features = doors.lake.path(doors.partition("features", day)) / "features.parquet"
    scores = doors.lake.path(doors.partition("predictions", day)) / "scores.parquet"
    rows = rows_at_a_time(features, most=doors.settings.resources.chunk_rows)
    read = partial(read_chunks, rows=rows, categories=[name for name, _ in champion.bundle.encoding.levels])
    for chunk, scored in zip(recut(read(features), rows), recut(read_chunks(scores, rows=rows), rows), strict=True):
        if not chunk[key].equals(scored[key]):
            action = f"run: {doors.command('score', day)}"
            raise DataError(where=str(scores), found="other customers than in the features", action=action)
        yield chunk.with_columns(scored[score], scored["segment"].alias(segment_column(score)))
