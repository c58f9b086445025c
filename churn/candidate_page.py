"""What does a person see of a candidate?

The training report: which dates were for what, the curves of the test rows, the folds, the choice of the calibration,
the features' part in the model, and the settings. It is an artifact of the run in MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from churn.candidate import Made, TestedFold
from churn.doors import Doors
from churn.labelled import Labelled
from churn.promotion.curves import precision_recall, predicted_against_observed, reliability, roc
from churn.reports.parts import Fold, Part
from churn.reports.training import CalibrationTrial, TrainingReport, training_page
from churn.training import split
from churn.training.calibration_choice import Choice


def candidate_page(doors: Doors, made: Made, *, title: str, figures: Mapping[str, str]) -> str:
    """Returns the training report as one HTML page; the same values give the same text."""
    parts, task = made.parts, doors.dataset.task
    rows = {"train": parts.train, "calibration": parts.calibration, "test": parts.test}
    return training_page(
        TrainingReport(
            title=title,
            figures=figures,
            horizon_days=doors.dataset.horizon_days,
            parts={name: _part(getattr(parts.split, name), each) for name, each in rows.items()},
            validation=_fold("validation", parts.split.validation, parts.train) if parts.split.validation else None,
            folds=tuple(
                _tested(f"fold {number}", fold, parts.train) for number, fold in enumerate(made.folds, start=1)
            ),
            fold_metric="AUC" if task == "binary" else "RMSE",
            importance=made.trees.gains(),
            calibration_trials=_trials(made.choice) if made.choice else None,
            settings={name: str(value) for name, value in asdict(doors.settings.model).items()},
            **_curves(made, is_binary=task == "binary"),
        )
    )


def _curves(made: Made, *, is_binary: bool) -> dict[str, Any]:
    labels, scores = made.parts.test.labels, made.scores
    if not is_binary:
        return {"predicted_against_observed": predicted_against_observed(labels, scores)}
    return {
        "roc": roc(labels, scores),
        "precision_recall": precision_recall(labels, scores),
        "reliability": reliability(labels, scores),
    }


def _part(part: split.Part, rows: Labelled) -> Part:
    return Part(dates=part.dates, buckets=part.buckets, n_rows=len(rows.positions(part)))


def _fold(name: str, fold: split.Fold, rows: Labelled) -> Fold:
    return Fold(name=name, train=_part(fold.train, rows), test=_part(fold.test, rows))


def _tested(name: str, tested: TestedFold, rows: Labelled) -> Fold:
    fold, found = _fold(name, tested.fold, rows), tested.found
    if isinstance(found, str):
        return replace(fold, failure=found)
    return replace(fold, figure=found.figure, interval=found.interval, n=found.n)


def _trials(choice: Choice) -> tuple[CalibrationTrial, ...]:
    return tuple(
        CalibrationTrial(
            kind=trial.kind,
            brier=trial.brier,
            gain=trial.gain,
            interval=trial.interval,
            decision="chosen" if trial.kind == choice.kind else trial.refused or "no sure gain",
            n=choice.n,
        )
        for trial in choice.trials
    )
