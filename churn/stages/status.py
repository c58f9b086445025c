"""Shows which dates have what, and who is champion, from manifests alone."""

from __future__ import annotations

from datetime import date

from churn.doors import Doors
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings, StatusStage

_KINDS = ("features", "predictions", "drift")


def run(settings: Settings) -> Outcome:
    """Returns a row a date, the newest last, and the champion's local copy."""
    stage, doors = settings.stage_as(StatusStage), Doors(settings)
    dataset = settings.dataset.name
    days = sorted({day for kind in _KINDS for day in doors.lake.days(kind, dataset)})
    shown = days[-stage.last :]
    return Outcome(
        headline=f"status {dataset}: {len(days)} dates under {doors.lake.root}, the last {len(shown)} shown",
        figures={"champion": _champion(doors)},
        table=Table(
            header=("date", "features (rows)", "predictions (rows)", "model version", "drift"),
            rows=tuple(_row(doors, day) for day in shown),
        ),
    )


def _champion(doors: Doors) -> str:
    manifest = doors.lake.manifest(doors.partition("champion"))
    if manifest is None:
        return "none yet"
    metrics = manifest.facts["metrics"]
    return f"version {manifest.facts['model_version']}, AUC {metrics['auc_test']:.4f} on {metrics['rows_test']:,} rows"


def _row(doors: Doors, day: date) -> tuple[str, ...]:
    features, predictions, drift = (doors.lake.manifest(doors.partition(kind, day)) for kind in _KINDS)
    return (
        day.isoformat(),
        f"{features.rows:,}" if features else "-",
        f"{predictions.rows:,}" if predictions else "-",
        str(predictions.facts["model_version"]) if predictions else "-",
        str(drift.facts["answer"]) if drift else "-",
    )
