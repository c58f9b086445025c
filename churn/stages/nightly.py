"""Does one night whole: features, then scores, then drift.

Each part publishes by itself, so a run that was cut short goes on where it stopped. Several nights are done one after
the other, oldest first. A drift alarm (exit code 5) comes after the scores are published: it questions the night, and
does not lose it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date

from churn.doors import Doors
from churn.errors import ChurnError, ExitCode
from churn.nights import nights, no_night
from churn.reports.outcome import Outcome, Table
from churn.settings import STALE, NightlyStage, Settings
from churn.stages import drift, features, score

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes features, predictions and the drift verdict of every night."""
    days = nights(Doors(settings), kind="drift")
    if not days:
        return no_night(settings)
    if len(days) == 1:
        return _night(settings, days[0].isoformat())
    done = {day: _night_or_error(settings, day.isoformat()) for day in days}
    alarms = [day for day, end in done.items() if isinstance(end, Outcome) and end.code is ExitCode.DRIFT_ALARM]
    errors = [end for end in done.values() if isinstance(end, ChurnError)]
    return Outcome(
        code=next((error.exit_code for error in errors), ExitCode.DRIFT_ALARM if alarms else ExitCode.OK),
        headline=f"nightly {settings.dataset.name}: {len(days)} nights from {days[0]} to {days[-1]}",
        figures={
            "done": f"{len(done) - len(errors)} of {len(days)} nights",
            "drift alarms": " ".join(map(str, alarms)) or "none",
        },
        table=Table(header=("night", "rows", "champion", "drift"), rows=tuple(_row(day, done[day]) for day in days)),
    )


def _row(day: date, end: Outcome | ChurnError) -> tuple[str, ...]:
    if isinstance(end, ChurnError):
        return (str(day), "-", "-", f"not done, {end.where}: {end.found}")
    return (str(day), end.figures["rows"], end.figures["champion"], end.figures["drift"])


def _night_or_error(settings: Settings, day: str) -> Outcome | ChurnError:
    """Returns how a night ended: one that cannot be made does not keep the next from being made."""
    try:
        return _night(settings, day)
    except ChurnError as error:
        log.error("night %s: %s", day, error, exc_info=True)
        return error


def _night(settings: Settings, day: str) -> Outcome:
    stage = settings.stage_as(NightlyStage)
    built = features.run(settings.at(stage.features, day))
    keeps = settings.date == STALE and stage.score.model == "current"
    scored = score.run(settings.at(replace(stage.score, model="same") if keeps else stage.score, day))
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
