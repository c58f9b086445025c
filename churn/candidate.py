"""What becomes of labelled rows: which model, with which figures?

The rows of a split are read once, binned once and learned from; the calibration rows make the scores probabilities, the
test rows judge both and are the reference that percentiles and drift are measured against.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from statistics import mean, stdev
from typing import Any

import polars as pl

from churn.doors import Doors
from churn.drift.bins import segment_column
from churn.drift.profile import Column, freeze_bins, profile, to_parquet
from churn.errors import DataError
from churn.labelled import Labelled, read_labelled
from churn.progress import Progress
from churn.promotion.metrics import Estimate, auc, average_precision, brier, log_loss
from churn.promotion.regression import mae, r2, rmse
from churn.scoring.forest import engine_of
from churn.scoring.segments import name_segments, percentiles
from churn.settings.stages import TrainStage
from churn.stores.partition import fingerprint
from churn.stores.remembered import made_once
from churn.training.bands import Bands
from churn.training.bundle import Bundle, DictionaryEntry, score_grid
from churn.training.calibration import Calibrator, Exponential, Plain
from churn.training.calibration_choice import Choice, choose_calibrator
from churn.training.encoding import Encoding, Floats
from churn.training.fit import Binned, Trees
from churn.training.hashing import Ints
from churn.training.learn import Learned, Positions, learn
from churn.training.model import Task
from churn.training.scorer import Scorer
from churn.training.split import Fold, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The labelled rows of each part of a split."""

    split: Split
    train: Labelled
    calibration: Labelled
    test: Labelled

    @property
    def inputs(self) -> dict[str, str]:
        """Fingerprints of all features, labels and raw days of label windows that were read."""
        parts = (self.train, self.calibration, self.test)
        return {name: found for part in parts for name, found in (part.inputs | part.raw_days).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedFold:
    """A fold of the cross-validation with its metric on its test rows, or the reason why there is none."""

    fold: Fold
    found: Estimate | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made of some rows.

    The model, how its calibration was chosen (None: a regression has none), its folds, the scores of the test rows.
    """

    parts: Parts
    learned: Learned
    trees: Trees
    scorer: Scorer
    choice: Choice | None
    folds: tuple[TestedFold, ...]
    scores: Floats
    lineage: dict[str, Any]


def read_parts(doors: Doors, split: Split, *, known_at: date) -> Parts:
    """Returns the rows of all parts, with labels that were ripe at `known_at`.

    Raises:
        DataError: see `read_labelled`.
    """
    return Parts(
        split=split,
        train=read_labelled(doors, split.train, known_at=known_at),
        calibration=read_labelled(doors, split.calibration, known_at=known_at),
        test=read_labelled(doors, split.test, known_at=known_at),
    )


def make(doors: Doors, parts: Parts, lineage: dict[str, Any]) -> Made:
    """Returns the bundle that the settings make of some rows.

    Raises:
        DataError: the rows allow no model, no calibration or no figure.
        SettingsError: for a parameter that LightGBM refuses, or that the dataset's task does not know.
    """
    threads = doors.settings.resources.threads
    encoding = Encoding.learn(doors.dataset.features, parts.train.features)
    learned = _learn(doors, parts, encoding)
    trees = Trees.load(learned.text)
    scorer = Scorer(encoding=encoding, walker=trees, calibrator=Plain(), num_threads=threads)
    choice = _choice(doors, parts.calibration, scorer)
    scorer = replace(scorer, calibrator=choice.calibrator if choice else _link(doors))
    return Made(
        parts=parts,
        learned=learned,
        trees=trees,
        scorer=scorer,
        choice=choice,
        folds=tuple(_judged(parts, learned, scorer, task=doors.dataset.task)),
        scores=scorer.scores(parts.test.features),
        lineage=lineage,
    )


def judged_on(made: Made) -> str:
    """Returns a fingerprint of the rows that the folds with a figure were tested on: dates, customers, labels.

    Figures of two candidates compare where it is the same.
    """
    tests = [one.fold.test for one in made.folds if isinstance(one.found, Estimate)]
    labels = made.parts.train.inputs
    return fingerprint([[test.to_json(), [labels[f"labels/{day}"] for day in test.dates]] for test in tests])


def bundle_of(doors: Doors, made: Made) -> Bundle:
    """Returns all that a score needs of what was made."""
    dataset = doors.dataset
    return Bundle(
        model_text=made.learned.text,
        task=dataset.task,
        encoding=made.scorer.encoding,
        calibrator=made.scorer.calibrator,
        score_name=dataset.score,
        key=dataset.key,
        horizon_days=dataset.horizon_days,
        score_grid=score_grid(made.scores),
        segments=dataset.segments,
        dictionary=tuple(DictionaryEntry.of(feature) for feature in dataset.features),
        metrics=_metrics(made, task=dataset.task),
        lineage=made.lineage | {"engine": engine_of(made.learned.text)},
        reference=reference_of(doors, made.parts.test, made.scores),
        bands=Bands.fit(made.scores, made.parts.test.labels, task=dataset.task),
    )


def _learn(doors: Doors, parts: Parts, encoding: Encoding) -> Learned:
    split, train = parts.split, parts.train
    matrix = encoding.matrix(train.features)
    binned = _binned(doors, parts, encoding, matrix=matrix)
    with Progress("train", unit="trees") as progress:
        return learn(
            binned,
            matrix,
            validation=_positions(train, split.validation) if split.validation else None,
            folds=[_positions(train, fold) for fold in split.folds],
            settings=doors.settings.model,
            num_threads=doors.settings.resources.threads,
            on_tree=lambda left: progress.add(left=left),
        )


def _positions(train: Labelled, fold: Fold) -> Positions:
    return train.positions(fold.train), train.positions(fold.test)


def _binned(doors: Doors, parts: Parts, encoding: Encoding, *, matrix: Floats) -> Binned:
    """Returns the binned training rows: made here, or by another job of the same sweep."""
    settings, task = doors.settings, doors.dataset.task
    if settings.sweep.name is None:
        return Binned.build(matrix, parts.train.labels, encoding=encoding, settings=settings.model, task=task)
    made_from = [parts.train.inputs, parts.split.train.to_json(), encoding.to_json(), settings.model.max_bin, task]
    content = made_once(
        settings.root / ".cache" / "binned",
        fingerprint([*made_from, doors.texts("training/fit.py", "training/encoding.py"), version("lightgbm")]),
        lambda: Binned.build(
            matrix, parts.train.labels, encoding=encoding, settings=settings.model, task=task
        ).to_bytes(),
    )
    return Binned.from_bytes(content, encoding=encoding, settings=settings.model, task=task)


def _choice(doors: Doors, rows: Labelled, scorer: Scorer) -> Choice | None:
    if doors.dataset.task == "regression":
        return None
    kind = doors.settings.stage_as(TrainStage).calibration
    return choose_calibrator(kind, scorer.raw_scores(rows.features), rows.labels, customers=rows.customers)


def _link(doors: Doors) -> Plain | Exponential:
    return Plain() if doors.settings.model.objective_of("regression") == "regression" else Exponential()


def _judged(parts: Parts, learned: Learned, scorer: Scorer, *, task: Task) -> Iterator[TestedFold]:
    for fold, raw in zip(parts.split.folds, learned.folds, strict=True):
        at = parts.train.positions(fold.test)
        labels, customers = parts.train.labels[at], parts.train.customers[at]
        found = raw if isinstance(raw, str) else _judge(labels, raw, scorer.calibrator, task=task, customers=customers)
        yield TestedFold(fold=fold, found=found)


def _judge(labels: Floats, raw: Floats, calibrator: Calibrator, *, task: Task, customers: Ints) -> Estimate | str:
    try:
        return auc(labels, raw, customers) if task == "binary" else rmse(labels, calibrator.scores(raw))
    except DataError as error:
        return error.found


def _metrics(made: Made, *, task: Task) -> dict[str, float | int]:
    parts = made.parts
    rows = {"rows_train": parts.train, "rows_calibration": parts.calibration, "rows_test": parts.test}
    judge = binary_metrics if task == "binary" else _regression_metrics
    return {
        **{name: len(part.labels) for name, part in rows.items()},
        "trees": made.learned.trees,
        "leaves": made.trees.leaves,
        **judge(parts.test, made.scores),
        **_over_folds(made.folds, name="auc" if task == "binary" else "rmse"),
    }


def binary_metrics(test: Labelled, scores: Floats) -> dict[str, float]:
    """Returns what a classifier is registered with: its figures on the test rows."""
    labels = test.labels
    return {
        "base_rate_test": float(labels.mean()),
        **_with_interval("auc_test", auc(labels, scores, test.customers)),
        "average_precision_test": average_precision(labels, scores).figure,
        "brier_test": brier(labels, scores).figure,
        "log_loss_test": log_loss(labels, scores).figure,
    }


def _regression_metrics(test: Labelled, scores: Floats) -> dict[str, float]:
    labels = test.labels
    return {
        "mean_test": float(labels.mean()),
        **_with_interval("rmse_test", rmse(labels, scores)),
        "mae_test": mae(labels, scores).figure,
        "r2_test": r2(labels, scores).figure,
    }


def _with_interval(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.figure, f"{name}_low": found.interval[0], f"{name}_high": found.interval[1]}


def _over_folds(folds: Sequence[TestedFold], *, name: str) -> dict[str, float | int]:
    """Returns the mean over the folds that have a figure, their standard deviation, and the mean's standard error.

    The error is the larger of two: that of the spread between the folds, and that of the rows within them, since a few
    folds may agree by chance. One fold alone has no spread. Nothing where no fold has a figure.
    """
    found = [fold.found for fold in folds if isinstance(fold.found, Estimate)]
    if not found:
        return {}
    figures = [one.figure for one in found]
    spread = {f"cv_{name}_std": stdev(figures)} if len(figures) > 1 else {}
    between = stdev(figures) / math.sqrt(len(figures)) if len(figures) > 1 else 0.0
    within = math.hypot(*(one.se for one in found)) / len(found)
    counts = {"cv_folds": len(found), "cv_rows": sum(one.n for one in found)}
    return {**counts, f"cv_{name}_mean": mean(figures), f"cv_{name}_se": max(between, within), **spread}


def reference_of(doors: Doors, test: Labelled, scores: Floats) -> bytes:
    """Returns the profile of the test rows and their scores that drift is measured against, as parquet."""
    dataset, score, segment = doors.dataset, doors.dataset.score, segment_column(doors.dataset.score)
    named = name_segments(percentiles(scores, grid=score_grid(scores)), segments=dataset.segments)
    frame = test.features.with_columns(pl.Series(score, scores), named.cast(pl.String).alias(segment))
    columns = [Column(name=feature.name, dtype=feature.dtype) for feature in dataset.features]
    outputs = [Column(name=score, dtype="number"), Column(name=segment, dtype="category")]
    bins = freeze_bins(frame, [*columns, *outputs])
    return to_parquet(bins, profile(bins, [frame]))
