"""Does one night whole: features, then scores, then drift.

Each part publishes by itself, so a run that was cut short goes on where it stopped. A drift alarm (exit code 5) comes
after the scores are published: it questions the night, and does not lose it.
"""

from __future__ import annotations

from churn.reports.outcome import Outcome
from churn.settings import NightlyStage, Settings
from churn.stages import drift, features, score


def run(settings: Settings) -> Outcome:
    """Publishes features, predictions and the drift verdict of every date."""
    stage = settings.stage_as(NightlyStage)
    built = features.run(settings.at(stage.features))
    scored = score.run(settings.at(stage.score))
    watched = drift.run(settings.at(stage.drift))
    return Outcome(
        code=watched.code,
        headline=f"nightly {settings.dataset.name}: {settings.date}",
        figures={
            "features": built.headline,
            "scores": scored.headline,
            **scored.figures,
            "drift": watched.headline,
        },
        table=watched.table,
    )
