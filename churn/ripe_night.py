"""How is one published night held against what came of it?

Labels of the whole window are joined to the scores that stand there, by customer; what one side alone knows is counted.
The label-free estimate is made from all scores of the night, as it could have been made on that night.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn.champion import Champion, learned_dates, version_of
from churn.doors import Doors
from churn.drift.cbpe import Estimated, Levels, expected
from churn.errors import DataError
from churn.labelled import window_inputs
from churn.night import SCORES
from churn.promotion.hindsight import (
    AtTraining,
    Hindsight,
    judge_binary,
    judge_regression,
    measure_binary,
    measure_regression,
)
from churn.promotion.metrics import Z95
from churn.raw_days import RawDays, require_unchanged, require_whole
from churn.realised import FILE, KIND, Figure, Realised, to_facts, to_table
from churn.settings.stages import OutcomesStage
from churn.stores.partition import Manifest, fingerprint
from churn.training.split import Part

if TYPE_CHECKING:
    import polars as pl

    from churn.promotion.hindsight import Judged, Measured
    from churn.promotion.metrics import Estimate
    from churn.training.model import Objective

log = logging.getLogger(__name__)
_FORMULAS = ("delong", "hindsight", "measures", "metrics", "ranked", "recalibrated", "regression", "resampling")
_CODE = (
    "drift/cbpe.py",
    *(f"promotion/{name}.py" for name in _FORMULAS),
    "labelled.py",
    "realised.py",
    "ripe_night.py",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """One score and label a customer, all scores of the night, and how many customers had one of the two alone."""

    rows: pl.DataFrame
    scores: pl.Series
    unlabelled: int
    unscored: int


def publish(doors: Doors, raw: RawDays, day: date) -> bool:
    """Publishes one night's outcomes; returns False where they were there already, made from the same inputs.

    `raw` are the raw days of the lake, the night's whole label window among them.

    Raises:
        DataError: the scores are not published, labels name a customer twice, or a file is not as it was published.
        TryAgainError: another run replaced what was read.
    """
    from churn.stores.parquet import write_table

    partition, source = doors.partition(KIND, day), doors.partition("predictions", day)
    manifest = doors.lake.open(source, made_by=doors.command("score", day))
    champion = version_of(doors, manifest.facts["model_version"])
    inputs = _inputs(doors, raw, day, scores=manifest, champion=champion)
    if doors.lake.is_current(partition, inputs):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return False
    ripe = day + timedelta(days=doors.dataset.horizon_days)
    require_whole(doors, raw, ripe)
    with doors.lake.publish(partition, inputs=inputs) as staging:
        joined = join(
            _scores(doors, champion, day), _labels(doors, day), key=doors.dataset.key, where=f"outcomes {source}"
        )
        require_unchanged(doors, raw, ripe)
        doors.lake.require_unchanged(source, manifest)
        found = _realised(doors, champion, joined, day=day)
        table = to_table(found)
        write_table(staging.path / FILE, table)
        staging.rows[FILE] = table.height
        staging.facts |= to_facts(found)
    log.info("%s: %s (%s)", partition, found.verdict, found.reason)
    return True


def _inputs(doors: Doors, raw: RawDays, day: date, *, scores: Manifest, champion: Champion) -> dict[str, str]:
    stage, horizon = doors.settings.stage_as(OutcomesStage), timedelta(days=doors.dataset.horizon_days)
    return {
        "predictions": scores.content,
        "bundle": champion.bundle.fingerprint,
        **window_inputs(raw, day, horizon),
        "population": fingerprint(raw.inputs(day)),
        "sql": doors.lake.keep_texts(doors.sql.texts()),
        "code": doors.code(*_CODE),
        "campaign": fingerprint(asdict(stage.promote.campaign)),
        "limits": fingerprint(asdict(stage.limits)),
    }


def _scores(doors: Doors, champion: Champion, day: date) -> pl.DataFrame:
    """Returns key and `score` of every customer that was scored, in the order of the key."""
    import polars as pl

    from churn.stores.parquet import read_chunks

    path, bundle = doors.lake.path(doors.partition("predictions", day)) / SCORES, champion.bundle
    wanted = pl.col(bundle.key).alias(doors.dataset.key), pl.col(bundle.score_name).alias("score")
    chunks = read_chunks(path, rows=doors.settings.resources.chunk_rows)
    return pl.concat([chunk.select(*wanted) for chunk in chunks], rechunk=True)


def _labels(doors: Doors, day: date) -> pl.DataFrame:
    labels = doors.sql.labels(day, key=doors.dataset.key, horizon_days=doors.dataset.horizon_days)
    if labels[doors.dataset.key].is_duplicated().any():
        action = "make labels.sql give one row a customer"
        raise DataError(where=f"labels {doors.dataset.name} {day}", found="a customer twice", action=action)
    return labels


def join(scores: pl.DataFrame, labels: pl.DataFrame, *, key: str, where: str) -> Joined:
    """Returns the scores of those whose label is known, and how many were left out on either side.

    `scores` has key and `score`, `labels` key and `label`, one row a customer; a label that is null is not known.
    """
    known = labels.drop_nulls("label")
    rows = scores.join(known, on=key, how="inner", maintain_order="left")
    unlabelled, unscored = scores.height - rows.height, known.height - rows.height
    for count, what in ((unlabelled, "a score and no label"), (unscored, "a label and no score")):
        if count:
            log.warning("%s: %s customers with %s are left out", where, f"{count:,}", what)
    return Joined(rows=rows, scores=scores["score"], unlabelled=unlabelled, unscored=unscored)


def _realised(doors: Doors, champion: Champion, joined: Joined, *, day: date) -> Realised:
    learned = learned_dates(champion, Part(dates=(day,)), horizon_days=doors.dataset.horizon_days)
    at_training = _at_training(champion)
    measured, estimated, judged = _judged(doors, champion, joined, at_training=at_training)
    verdict, reason = judged.verdict, judged.reason
    if learned:
        verdict, reason = Hindsight.INSUFFICIENT, f"version {champion.version} learned labels of these days; {reason}"
    return Realised(
        day=day,
        version=champion.version,
        verdict=verdict,
        reason=reason,
        n=joined.rows.height,
        unlabelled=joined.unlabelled,
        unscored=joined.unscored,
        at_training=at_training.figure,
        learned=bool(learned),
        absent=measured.absent,
        figures={name: _figure(found, estimated.get(name)) for name, found in measured.found.items()},
    )


def _at_training(champion: Champion) -> AtTraining:
    name, metrics = "auc_test" if champion.bundle.task == "binary" else "rmse_test", champion.bundle.metrics
    width = metrics[f"{name}_high"] - metrics[f"{name}_low"]
    return AtTraining(figure=metrics[name], se=width / 2 / Z95)


def _judged(
    doors: Doors, champion: Champion, joined: Joined, *, at_training: AtTraining
) -> tuple[Measured, dict[str, Estimated], Judged]:
    stage = doors.settings.stage_as(OutcomesStage)
    labels, scores = (joined.rows[name].to_numpy() for name in ("label", "score"))
    if champion.bundle.task == "regression":
        objective: Objective = champion.bundle.lineage["model"]["objective"] or "regression"
        measured = measure_regression(labels, scores, objective=objective)
        return measured, {}, judge_regression(measured, at_training=at_training, limits=stage.limits)
    campaign = stage.promote.campaign
    estimated = expected(Levels.of(joined.scores.to_numpy()), share=campaign.share)
    measured = measure_binary(labels, scores, campaign=campaign)
    foretold = estimated["auc"].figure if "auc" in estimated else None
    judged = judge_binary(measured, estimated=foretold, at_training=at_training, limits=stage.limits)
    return measured, estimated, judged


def _figure(found: Estimate, estimated: Estimated | None) -> Figure:
    return Figure(
        figure=found.figure,
        se=found.se,
        low=found.interval[0],
        high=found.interval[1],
        n=found.n,
        n_positive=found.n_positive,
        estimated=estimated.figure if estimated else None,
        estimated_se=estimated.se if estimated else None,
    )
