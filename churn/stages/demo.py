"""Runs the whole loop on a simulated business: raw days, training, promotion, a night scored and watched."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from churn.champion import require_champion
from churn.dates import parse_day
from churn.doors import Doors
from churn.errors import DataError, ExitCode
from churn.reports.outcome import Outcome
from churn.settings import DemoStage, Settings
from churn.stages import nightly, promote, simulate, train

if TYPE_CHECKING:
    import polars as pl

    from churn.stores.lake import Manifest


def run(settings: Settings) -> Outcome:
    """Returns what the loop came to: rows scored, champion, AUC beside the best achievable one, drift, files."""
    stage = settings.stage_as(DemoStage)
    simulate.run(settings.at(stage.simulate, stage.raw_days))
    train.run(settings.at(stage.train, stage.night))
    promoted = promote.run(settings.at(stage.promote, stage.night))
    if promoted.code is not ExitCode.OK:
        return promoted
    night = nightly.run(settings.at(stage.nightly, stage.night))
    return Outcome(
        code=night.code,
        headline=f"demo: one night of a simulated business, {stage.night}",
        figures=_figures(settings, parse_day(stage.night)),
    )


def _figures(settings: Settings, day: date) -> dict[str, str]:
    doors = Doors(settings)
    champion = require_champion(doors)
    found, tested = champion.bundle.metrics, champion.bundle.lineage["dates"]["test"]
    scores, drift = _published(doors, "predictions", day), _published(doors, "drift", day)
    return {
        "rows scored": f"{scores.rows:,} customers",
        "champion": f"version {champion.version} of {settings.dataset.model_name}",
        "AUC": f"{found['auc_test']:.4f} out of time (n = {found['rows_test']:,}, 95 % interval "
        f"{found['auc_test_low']:.4f} to {found['auc_test_high']:.4f})",
        "best achievable AUC": f"{_best_auc(doors, tested, day):.4f} on the same rows (the true probabilities)",
        "drift": f"{drift.facts['answer']} ({drift.facts['reason']})",
        "scores": str(doors.lake.path(doors.partition("predictions", day)) / "scores.parquet"),
        "drift table": str(doors.lake.path(doors.partition("drift", day)) / "drift.parquet"),
        "registry": f"mlflow ui --backend-store-uri sqlite:///{doors.lake.root / 'mlflow' / 'mlflow.db'}",
    }


def _published(doors: Doors, kind: str, day: date) -> Manifest:
    manifest = doors.lake.manifest(doors.partition(kind, day))
    if manifest is None:
        raise DataError(where=f"{kind} {day}", found="not published", action="run the demo again")
    return manifest


def _best_auc(doors: Doors, dates: list[str], day: date) -> float:
    import polars as pl

    from churn.labelled import read_labelled
    from churn.promotion.metrics import auc

    key, parts = doors.dataset.key, []
    for test in map(parse_day, dates):
        rows = read_labelled(doors, [test], known_at=day)
        labels = rows.features.select(key).with_columns(pl.Series("label", rows.labels))
        parts.append(labels.join(_truth(doors, test), on=key, how="inner", maintain_order="left"))
    rows_with_truth = pl.concat(parts)
    return auc(rows_with_truth["label"].to_numpy(), rows_with_truth["churn_probability"].to_numpy()).figure


def _truth(doors: Doors, day: date) -> pl.DataFrame:
    from churn.stores.parquet import read_table

    partition = doors.partition("truth", day)
    doors.lake.open(partition, made_by=f"python -m churn stage=simulate date=…{day}")
    return read_table(doors.lake.path(partition) / "truth.parquet")
