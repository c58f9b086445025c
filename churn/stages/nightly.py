"""Does one night whole: features, then scores, then drift.

Each part publishes by itself, so a run that was cut short goes on where it stopped. Several nights are done one after
the other, oldest first. A drift alarm (exit code 5) comes after the scores are published: it questions the night, and
does not lose it.
"""

from __future__ import annotations

from churn.doors import Doors
from churn.errors import ExitCode
from churn.nights import nights, no_night
from churn.reports.outcome import Outcome
from churn.settings import NightlyStage, Settings
from churn.stages import drift, features, score


def run(settings: Settings) -> Outcome:
    """Publishes features, predictions and the drift verdict of every night."""
    days = nights(Doors(settings), kind="drift")
    if not days:
        return no_night(settings)
    done = {day: _night(settings, day.isoformat()) for day in days}
    alarms = [str(day) for day, outcome in done.items() if outcome.code is not ExitCode.OK]
    *_, last = done.values()
    if len(days) == 1:
        return last
    return Outcome(
        code=ExitCode.DRIFT_ALARM if alarms else ExitCode.OK,
        headline=f"nightly {settings.dataset.name}: {len(days)} nights from {days[0]} to {days[-1]}",
        figures={"drift alarms": f"{len(alarms)} of {len(days)} nights {' '.join(alarms)}".strip(), **last.figures},
        table=last.table,
    )


def _night(settings: Settings, day: str) -> Outcome:
    stage = settings.stage_as(NightlyStage)
    built = features.run(settings.at(stage.features, day))
    scored = score.run(settings.at(stage.score, day))
    watched = drift.run(settings.at(stage.drift, day))
    return Outcome(
        code=watched.code,
        headline=f"nightly {settings.dataset.name}: {day}",
        figures={
            "features": built.headline,
            "scores": scored.headline,
            **scored.figures,
            "drift": watched.headline,
        },
        table=watched.table,
    )
