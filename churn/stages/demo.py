"""Runs the whole loop on a simulated business: raw days, training, promotion, a night scored and watched."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from churn.champion import require_champion
from churn.dates import parse_day
from churn.doors import Doors
from churn.errors import DataError, ExitCode
from churn.reports.outcome import Outcome
from churn.settings import Settings
from churn.settings.stages import DemoStage
from churn.stages import nightly, promote, simulate, train
from churn.training.split import Part

if TYPE_CHECKING:
    import numpy.typing as npt

    from churn.labelled import Labelled
    from churn.stores.partition import Manifest
    from churn.training.bundle import Bundle

_GROUPS = 10  # as the gate of calibration counts them


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
    found = champion.bundle.metrics
    scores, drift = _published(doors, "predictions", day), _published(doors, "drift", day)
    return {
        "rows scored": f"{scores.rows:,} customers",
        "champion": f"version {champion.version} of {settings.dataset.model_name}",
        "AUC": f"{found['auc_test']:.4f} out of time (n = {found['rows_test']:,}, 95 % interval "
        f"{found['auc_test_low']:.4f} to {found['auc_test_high']:.4f})",
        **_against_truth(doors, champion.bundle, day),
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


def _against_truth(doors: Doors, bundle: Bundle, day: date) -> dict[str, str]:
    """Returns how near the model comes to the true probabilities, which only a simulation knows."""
    import numpy as np

    from churn.labelled import read_labelled
    from churn.promotion.curves import predicted_against_observed
    from churn.promotion.metrics import auc
    from churn.promotion.probable import ece_null

    part = Part.from_json(bundle.lineage["parts"]["test"])
    rows = read_labelled(doors, part, known_at=day)
    truth = np.concatenate([_truth(doors, test, rows) for test in part.dates])
    scores = bundle.scorer(num_threads=doors.settings.resources.threads).scores(rows.features)
    gaps = [predicted_against_observed(what, scores, bins=_GROUPS).gap for what in (truth, rows.labels)]
    _, owners = np.unique(rows.customers, return_inverse=True)
    chance = ece_null(rows.labels.astype(np.float64), scores, customers=owners, seed=1)
    return {
        "best achievable AUC": f"{auc(rows.labels, truth).figure:.4f} on the same rows (the true probabilities)",
        "calibration error": f"{gaps[0]:.4f} against the true probabilities; {gaps[1]:.4f} against the outcomes, where "
        f"chance alone gives {chance.mean:.4f} (mean over {_GROUPS} groups of score, "
        f"n = {len(truth):,})",
    }


def _truth(doors: Doors, day: date, rows: Labelled) -> npt.NDArray[Any]:
    import numpy as np

    from churn.stores.parquet import read_table

    partition, key = doors.partition("truth", day), doors.dataset.key
    doors.lake.open(partition, made_by=f"python -m churn stage=simulate date=…{day}")
    asked = rows.features.select(key)[rows.positions(Part(dates=(day,)))]
    known = read_table(doors.lake.path(partition) / "truth.parquet")
    found = asked.join(known, on=key, how="left", maintain_order="left")["churn_probability"]
    if found.null_count():
        missing = f"no true probability of {found.null_count():,} of {len(found):,} customers"
        raise DataError(where=str(partition), found=missing, action="simulate those days again")
    return np.asarray(found.to_numpy(), dtype=np.float64)
