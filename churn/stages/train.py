"""Trains a candidate on ripe labels, tests it out of time and registers it.

Everything that the candidate was made from goes into one fingerprint: the same inputs train nothing a second time. The
test rows are also the reference that percentiles and drift are measured against.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import churn
from churn.dates import parse_dates, step_from
from churn.doors import Doors
from churn.errors import DataError
from churn.labelled import Labelled, read_labelled
from churn.nights import FEATURE_CODE
from churn.raw_days import RawDays, bring
from churn.reports.outcome import Outcome, Trial
from churn.settings import Settings, TrainStage, composed
from churn.stages import features
from churn.stores.lake import fingerprint

if TYPE_CHECKING:
    import numpy.typing as npt

    from churn.stores.runs import Candidate
    from churn.training.bundle import Bundle
    from churn.training.scorer import Scorer
    from churn.training.split import Split

log = logging.getLogger(__name__)
_LEAVES = "leaves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The labelled rows of each part of the split."""

    train: Labelled
    calibration: Labelled
    test: Labelled

    @property
    def inputs(self) -> dict[str, str]:
        """Fingerprints of all features and labels that were read."""
        return self.train.inputs | self.calibration.inputs | self.test.inputs


def run(settings: Settings) -> Outcome:
    """Registers a candidate trained with what was known at `date`, unless the same one is registered already."""
    doors = Doors(settings)
    with doors.lake.lock(doors.partition("preparation"), wait=True):  # trials of a sweep need the same features
        split = prepare(doors)
    with doors.lake.lock(doors.partition("training"), shared=True):  # trials train at once, and nothing is pruned
        return _train(doors, split)


def prepare(doors: Doors) -> Split:
    """Returns which dates train, calibrate and test; the features of all of them are published after it."""
    stage, raw = doors.settings.stage_as(TrainStage), bring(doors, doors.day)
    split = stage.split.assign(_dates(doors, stage, raw), horizon_days=doors.dataset.horizon_days)
    for day in (*split.train, *split.calibration, *split.test):
        features.publish(doors, day, raw)
    return split


def _train(doors: Doors, split: Split) -> Outcome:
    settings, parts = doors.settings, _read(doors, split)
    lineage = _lineage(doors, split, parts)
    made_from = fingerprint(lineage)
    version = doors.registry.trained_from(made_from)
    if version is not None:
        headline = f"train {settings.dataset.name}: version {version} was trained from the same inputs, nothing to do"
        return Outcome(headline=headline, trial=_trial(doors.registry.metrics(version), version=version))
    log.info("training on %s rows of %d dates", f"{len(parts.train.labels):,}", len(split.train))
    bundle = _make(doors, parts, lineage)
    version = doors.registry.register(_candidate(settings, bundle, made_from=made_from))
    return _outcome(doors, bundle, split, version=version)


def _dates(doors: Doors, stage: TrainStage, raw: RawDays) -> tuple[date, ...]:
    if stage.dates is not None:
        return parse_dates(stage.dates)
    dataset, day = doors.dataset, doors.day
    covered = raw.coverage(day)
    first = covered.first_day + timedelta(days=dataset.history_days)
    newest = covered.last_day + timedelta(days=1 - dataset.horizon_days)
    steps = (step_from(newest, stage.every, -count) for count in range(stage.at_most))
    dates = tuple(sorted(step for step in steps if step >= first))
    if not dates:
        found = (
            f"no date between {first} (raw data and {dataset.history_days} days of history) and {newest} (ripe labels)"
        )
        raise DataError(where=f"train {dataset.name} {day}", found=found, action="load more history, or train later")
    return dates


def _read(doors: Doors, split: Split) -> Parts:
    day = doors.day
    return Parts(
        train=read_labelled(doors, split.train, known_at=day),
        calibration=read_labelled(doors, split.calibration, known_at=day),
        test=read_labelled(doors, split.test, known_at=day),
    )


def _lineage(doors: Doors, split: Split, parts: Parts) -> dict[str, Any]:
    settings = doors.settings
    return {
        "code_version": churn.__version__,
        "code": doors.code(*FEATURE_CODE, "training", "drift", "promotion/metrics.py"),
        "dates": {part: [day.isoformat() for day in days] for part, days in asdict(split).items()},
        "inputs": parts.inputs,
        "model": asdict(settings.model),
        "calibration": settings.stage_as(TrainStage).calibration,
        "threads": settings.resources.threads,
    }


def _make(doors: Doors, parts: Parts, lineage: dict[str, Any]) -> Bundle:
    from churn.training.bundle import Bundle, DictionaryEntry, score_grid

    dataset = doors.dataset
    text, scorer = _fit(doors, parts, calibration=lineage["calibration"])
    scores = scorer.probabilities(parts.test.features)
    return Bundle(
        model_text=text,
        encoding=scorer.encoding,
        calibrator=scorer.calibrator,
        score_name=dataset.score,
        key=dataset.key,
        horizon_days=dataset.horizon_days,
        score_grid=score_grid(scores),
        segments=dataset.segments,
        dictionary=tuple(DictionaryEntry.of(feature) for feature in dataset.features),
        metrics=_metrics(parts, scores),
        lineage=lineage,
        reference=_reference(doors, parts.test, scores),
    )


def _fit(doors: Doors, parts: Parts, *, calibration: str) -> tuple[str, Scorer]:
    from churn.training.calibration import Identity, fit_calibrator
    from churn.training.encoding import Encoding
    from churn.training.fit import Trees, fit
    from churn.training.scorer import Scorer

    threads = doors.settings.resources.threads
    encoding = Encoding.learn(doors.dataset.features, parts.train.features)
    matrix = encoding.matrix(parts.train.features)
    text = fit(matrix, parts.train.labels, encoding=encoding, settings=doors.settings.model, num_threads=threads)
    bare = Scorer(encoding=encoding, trees=Trees.load(text), calibrator=Identity(), num_threads=threads)
    raw = bare.raw_scores(parts.calibration.features)
    return text, replace(bare, calibrator=fit_calibrator(calibration, raw, parts.calibration.labels))


def _metrics(parts: Parts, scores: npt.NDArray[Any]) -> dict[str, float | int]:
    from churn.promotion import metrics

    labels = parts.test.labels
    auc = metrics.auc(labels, scores)
    return {
        "rows_train": len(parts.train.labels),
        "rows_calibration": len(parts.calibration.labels),
        "rows_test": auc.n,
        "base_rate_test": float(labels.mean()),
        "auc_test": auc.figure,
        "auc_test_low": auc.interval[0],
        "auc_test_high": auc.interval[1],
        "average_precision_test": metrics.average_precision(labels, scores).figure,
        "brier_test": metrics.brier(labels, scores).figure,
    }


def _reference(doors: Doors, test: Labelled, scores: npt.NDArray[Any]) -> bytes:
    import polars as pl

    from churn.drift.profile import Column, freeze_bins, profile, to_parquet

    dataset = doors.dataset
    frame = test.features.with_columns(pl.Series(dataset.score, scores))
    columns = [Column(name=feature.name, dtype=feature.dtype) for feature in dataset.features]
    bins = freeze_bins(frame, [*columns, Column(name=dataset.score, dtype="number")])
    return to_parquet(bins, profile(bins, [frame]))


def _candidate(settings: Settings, bundle: Bundle, *, made_from: str) -> Candidate:
    from churn.stores.git import commit
    from churn.stores.runs import Candidate
    from churn.training.fit import Trees

    stage, lineage, checkout = settings.stage_as(TrainStage), bundle.lineage, commit(Path(churn.__file__).parent)
    parameters = {f"model.{name}": str(value) for name, value in asdict(settings.model).items()}
    tags = {"churn.data": fingerprint(lineage["inputs"]), "churn.settings": fingerprint(asdict(settings.model))}
    return Candidate(
        fingerprint=made_from,
        bundle=bundle.fingerprint,
        run_name=stage.run_name,
        files=bundle.to_files(),
        artifacts=_artifacts(settings, bundle),
        booster=Trees.load(bundle.model_text).booster,
        inputs=bundle.encoding.features,
        example=bundle.example,
        parameters=parameters | {f"dates.{part}": " ".join(days) for part, days in lineage["dates"].items()},
        metrics=bundle.metrics | {_LEAVES: bundle.leaves},
        tags=tags | ({"mlflow.source.git.commit": checkout} if checkout else {}),
        sweep=settings.sweep.name,
    )


def _artifacts(settings: Settings, bundle: Bundle) -> dict[str, bytes]:
    read = {name: content for name, content in bundle.lineage["inputs"].items() if name.startswith("features/")}
    contents: dict[str, Any] = {
        "settings.json": composed(settings),
        "features.json": {"columns": bundle.encoding.features, "versions": read},
        "data_dictionary.json": [asdict(entry) for entry in bundle.dictionary],
    }
    return {name: json.dumps(content, indent=1, ensure_ascii=False).encode() for name, content in contents.items()}


def _trial(metrics: Mapping[str, float], *, version: int) -> Trial:
    low, high = metrics["auc_test_low"], metrics["auc_test_high"]
    return Trial(
        objective="auc_test",
        figure=metrics["auc_test"],
        standard_error=(high - low) / (2 * 1.959964),
        interval=(low, high),
        n=int(metrics["rows_test"]),
        leaves=int(metrics[_LEAVES]),
        version=version,
        greater_is_better=True,
    )


def _outcome(doors: Doors, bundle: Bundle, split: Split, *, version: int) -> Outcome:
    dataset, found = doors.settings.dataset, bundle.metrics
    return Outcome(
        headline=f"train {dataset.name}: registered version {version} of {dataset.model_name}",
        figures={
            "trained on": f"{found['rows_train']:,} rows of {len(split.train)} dates to {split.train[-1]}",
            "calibrated on": f"{found['rows_calibration']:,} rows of {', '.join(map(str, split.calibration))}",
            "left out": f"{len(split.left_out)} dates whose label windows reach into a later part",
            "tested on": f"{found['rows_test']:,} rows of {', '.join(map(str, split.test))}, out of time",
            "AUC": f"{found['auc_test']:.4f} (95 % {found['auc_test_low']:.4f} to {found['auc_test_high']:.4f})",
            "average precision": f"{found['average_precision_test']:.4f} (base rate {found['base_rate_test']:.4f})",
            "next": doors.command("promote", doors.day),
        },
        trial=_trial(found | {_LEAVES: bundle.leaves}, version=version),
    )
