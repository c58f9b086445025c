"""What did a published night look like, in counts alone?

Features and scores are counted in one streaming pass, over the bins that were frozen with the model that scored the
night, and kept under `profiles/<dataset>/date=D/`: a week is seven nights added, and a window of a year reads
kilobytes. A partition of its own, not a part of the night's: it can be made again from the night at any time. What
is counted while the night is scored (`NightTally`) is kept by `keep`; where that was not done, it is made when drift
first asks. Of a profile that is kept, no byte of the night itself is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from churn.champion import Champion
from churn.doors import Doors
from churn.errors import ChurnError, DataError
from churn.progress import Progress
from churn.stores.partition import Manifest, Partition

if TYPE_CHECKING:
    import polars as pl

    from churn.drift.profile import Profile

KIND, FILE = "profiles", "profile.parquet"
_CODE = (*(f"drift/{name}.py" for name in ("bins", "counts", "kernel", "profile", "tally")), "profiles.py")
_STAGES = {"features": "features", "predictions": "score"}
log = logging.getLogger(__name__)


class NightTally:
    """A night's chunks, counted while they are scored, over the bins of the model that scores; any thread may add one.

    `rows` (about how many there will be) decides whether the compiled kernel is worth loading; `features` is the
    content of the partition that the chunks are of.
    """

    def __init__(self, doors: Doors, champion: Champion, *, rows: int, features: str) -> None:
        from churn.drift.profile import from_parquet
        from churn.drift.tally import KERNEL_ROWS, ProfileTally

        bins, _ = from_parquet(champion.bundle.reference)
        folder = doors.settings.root / ".cache" / "numba" if rows > KERNEL_ROWS else None
        self.features = features
        self._score, self._tally = champion.bundle.score_name, ProfileTally(bins, folder=folder)
        if self._tally.is_new:
            log.info("the counting was compiled for this machine, which takes seconds once; later runs read its code")

    def add(self, features: pl.DataFrame, predictions: pl.DataFrame) -> None:
        """Counts a chunk of features and its predictions, row by row the same customers.

        Raises:
            DataError: a column is missing, or of another type.
        """
        from churn.drift.bins import segment_column

        outputs = predictions[self._score], predictions["segment"].alias(segment_column(self._score))
        self._tally.add(features.with_columns(*outputs))

    @property
    def profile(self) -> Profile:
        """The profile of all that was added."""
        return self._tally.profile


def opened(doors: Doors, day: date) -> dict[Partition, Manifest]:
    """Returns the features and the predictions of a night, each with its manifest; their files are not looked at.

    Raises:
        DataError: one is not there, or the scores were made from other features than stand there now.
    """
    features, scores = (doors.partition(kind, day) for kind in _STAGES)
    found = {partition: _manifest(doors, partition, day) for partition in (features, scores)}
    if found[scores].inputs["features"] != found[features].content:
        action = f"run: {doors.command('score', day)}"
        raise DataError(where=str(scores), found="made from other features than stand there now", action=action)
    return found


def _manifest(doors: Doors, partition: Partition, day: date) -> Manifest:
    found = doors.lake.manifest(partition)
    if found is None:
        stage = "nightly" if partition.kind == "features" else _STAGES[partition.kind]
        raise DataError(where=str(partition), found="not published", action=f"run: {doors.command(stage, day)}")
    return found


def profile_of(doors: Doors, champion: Champion, day: date) -> Profile:
    """Returns the profile of a night over the bins of the model that scored it: the one that is kept, or made now.

    Raises:
        DataError: the night is not there, or not as it was published.
    """
    sources, partition = opened(doors, day), doors.partition(KIND, day)
    is_current = doors.lake.is_current(partition, _inputs(doors, champion, sources))
    kept = _kept(doors, partition) if is_current else None
    return kept or _publish(doors, champion, day, sources=sources, found=None)


def past_profile_of(doors: Doors, champion: Champion, day: date) -> Profile:
    """Returns what is kept of a night, as it was when it was counted; the night itself need not be there any more.

    As `profile_of` where nothing is kept over the model's bins.
    """
    kept = doors.lake.manifest(doors.partition(KIND, day))
    found = None
    if kept and kept.facts["model_version"] == champion.version:
        found = _kept(doors, doors.partition(KIND, day))
    return found or profile_of(doors, champion, day)


def keep(doors: Doors, champion: Champion, day: date, *, counted: NightTally) -> None:
    """Publishes what was counted of a night, once the predictions are published.

    What cannot be kept (another run is at it, has other features or scores, the disk is full) is warned of, and made
    when drift asks for it: the scores are published.
    """
    try:
        sources = opened(doors, day)
        features, scores = (sources[doors.partition(kind, day)] for kind in _STAGES)
        if (features.content, scores.inputs["bundle"]) != (counted.features, champion.bundle.fingerprint):
            log.warning("%s: made again by another run meanwhile; its profile is made when drift asks for it", day)
        elif not doors.lake.is_current(doors.partition(KIND, day), _inputs(doors, champion, sources)):
            _publish(doors, champion, day, sources=sources, found=counted.profile)
    except ChurnError as error:
        log.warning("%s: %s; its profile is made when drift asks for it", error.where, error.found)


def _inputs(doors: Doors, champion: Champion, sources: Mapping[Partition, Manifest]) -> dict[str, str]:
    contents = {source.kind: manifest.content for source, manifest in sources.items()}
    return {**contents, "bundle": champion.bundle.fingerprint, "code": doors.code(*_CODE)}


def _kept(doors: Doors, partition: Partition) -> Profile | None:
    from churn.drift.profile import from_parquet

    path = doors.lake.path(partition) / FILE
    try:
        return from_parquet(path.read_bytes())[1]
    except (DataError, FileNotFoundError) as error:
        log.warning("%s: %s; it is made again from the night", path, error)
        return None


def _publish(
    doors: Doors, champion: Champion, day: date, *, sources: Mapping[Partition, Manifest], found: Profile | None
) -> Profile:
    """Publishes what was found of a night; None: it is counted here, of bytes that are looked at first."""
    from churn.drift.profile import to_parquet

    inputs = _inputs(doors, champion, sources)
    with doors.lake.publish(doors.partition(KIND, day), inputs=inputs) as staging:
        if found is None:
            found = _counted(doors, champion, day, sources=sources)
        for source, manifest in sources.items():
            doors.lake.require_unchanged(source, manifest)
        (staging.path / FILE).write_bytes(to_parquet(found.bins, found))
        staging.rows[FILE] = len(found.bins.columns)
        staging.facts |= {"rows": found.rows, "model_version": champion.version}
    return found


def _counted(doors: Doors, champion: Champion, day: date, *, sources: Mapping[Partition, Manifest]) -> Profile:
    from churn.stores.overlap import across
    from churn.stores.parquet import row_count

    for kind, stage in _STAGES.items():
        doors.lake.open(doors.partition(kind, day), made_by=doors.command(stage, day))
    rows = row_count(doors.lake.path(doors.partition("features", day)) / "features.parquet")
    content = sources[doors.partition("features", day)].content
    tally = NightTally(doors, champion, rows=rows, features=content)
    chunks = _scored_chunks(doors, champion, day)

    def count(pair: tuple[pl.DataFrame, pl.DataFrame]) -> int:
        tally.add(*pair)
        return pair[0].height

    with Progress(f"profile {day}", total=rows) as progress:
        for height in across(count, chunks, threads=doors.settings.resources.threads):
            progress.add(height)
    return tally.profile


def _scored_chunks(doors: Doors, champion: Champion, day: date) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    from churn.stores.duck import recut
    from churn.stores.parquet import read_chunks, rows_at_a_time

    key = champion.bundle.key
    features = doors.lake.path(doors.partition("features", day)) / "features.parquet"
    scores = doors.lake.path(doors.partition("predictions", day)) / "scores.parquet"
    rows = rows_at_a_time(features, most=doors.settings.resources.chunk_rows)
    levels = [name for name, _ in champion.bundle.encoding.levels]
    pairs = zip(
        recut(read_chunks(features, rows=rows, categories=levels), rows),
        recut(read_chunks(scores, rows=rows, categories=["segment"]), rows),
        strict=True,
    )
    for chunk, scored in pairs:
        if not chunk[key].equals(scored[key]):
            action = f"run: {doors.command('score', day)}"
            raise DataError(where=str(scores), found="other customers than in the features", action=action)
        yield chunk, scored
