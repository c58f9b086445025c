"""Does one night whole: features, then scores, then drift.

Each part publishes by itself, so a run that was cut short goes on where it stopped. Several nights are done one after
the other, oldest first. A drift alarm (exit code 5) comes after the scores are published: it questions the night, and
does not lose it; nor does a sink that fails.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date

from churn.doors import Doors
from churn.errors import ChurnError, ExitCode, gravest
from churn.nights import KINDS, nights, no_night
from churn.reports.outcome import Outcome, Table
from churn.settings import STALE, Settings
from churn.settings.stages import NightlyStage
from churn.stages import drift, features, score
from churn.stopping import require_going_on

_TOLD = ("alarm", "realised", "what to do", "done")
"""What whoever is paged is told of drift."""
log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes features, predictions and the drift verdict of every night; of stale ones what they had."""
    doors = Doors(settings)
    found = nights(doors, *KINDS)
    if not found.dates:
        return no_night(settings, found)
    scored = {*doors.lake.days("predictions", settings.dataset.name)} if settings.date == STALE else {*found.dates}
    if len(found.dates) == 1:
        return found.told(_night(settings, found.dates[0], scored=found.dates[0] in scored, acts=True))
    return found.told(_all(_nights(settings, found.dates, scored=scored), doors))


def _nights(settings: Settings, days: Sequence[date], *, scored: Collection[date]) -> dict[date, Outcome | ChurnError]:
    """Returns how each night ended; the last one that could be judged decides whether another model is made."""
    last = max((day for day in days if day in scored), default=None)
    done = {day: _night_or_error(settings, day, scored=day in scored, acts=day == last) for day in days}
    judged = {day: end for day, end in done.items() if isinstance(end, Outcome) and end.parts}
    decides = max(judged, default=last)
    if decides is not None and decides != last:
        acted = _night_or_error(settings, decides, scored=True, acts=True)
        done[decides] = acted if isinstance(acted, Outcome) else _still(judged[decides], acted)
    return done


def _still(night: Outcome, error: ChurnError) -> Outcome:
    """Returns a night that is published, and its verdict, when what was to be done about it failed."""
    return replace(night, code=gravest([night.code, error.exit_code]), figures=night.figures | {"done": str(error)})


def _all(done: dict[date, Outcome | ChurnError], doors: Doors) -> Outcome:
    codes = {day: end.exit_code if isinstance(end, ChurnError) else end.code for day, end in done.items()}
    errors = [day for day, end in done.items() if isinstance(end, ChurnError)]
    parts = {day: end.parts for day, end in done.items() if isinstance(end, Outcome)}
    alarms = [day for day, ends in parts.items() if ExitCode.DRIFT_ALARM in ends]
    owed = [day for day, ends in parts.items() if {*ends} - {ExitCode.OK, ExitCode.DRIFT_ALARM}]
    days = tuple(done)
    last = next((end.figures for end in reversed(done.values()) if isinstance(end, Outcome) and end.parts), {})
    return Outcome(
        code=gravest(codes.values()),
        headline=f"nightly {doors.settings.dataset.name}: {len(days)} nights from {days[0]} to {days[-1]}",
        figures={
            "done": f"{len(days) - len(errors)} of {len(days)} nights",
            "drift alarms": " ".join(map(str, alarms)) or "none",
            **{f"{name}, last night": last[name] for name in ("what to do", "done") if name in last},
            **({"not delivered": f"{' '.join(map(str, owed))}: {doors.command('deliver', 'auto')}"} if owed else {}),
        },
        table=Table(header=("night", "rows", "champion", "drift"), rows=tuple(_row(day, done[day]) for day in days)),
    )


def _row(day: date, end: Outcome | ChurnError) -> tuple[str, ...]:
    if isinstance(end, ChurnError):
        return (str(day), "-", "-", f"not done, {end.where}: {end.found}")
    return (str(day), end.figures["rows"], end.figures["champion"], end.figures["drift"])


def _night_or_error(settings: Settings, day: date, *, scored: bool, acts: bool) -> Outcome | ChurnError:
    """Returns how a night ended: one that cannot be made does not keep the next from being made."""
    try:
        return _night(settings, day, scored=scored, acts=acts)
    except ChurnError as error:
        require_going_on(error)
        log.error("night %s: %s", day, error)  # noqa: TRY400 - it is told, and no bug
        log.debug("night %s stopped", day, exc_info=True)
        return error


def _night(settings: Settings, night: date, *, scored: bool, acts: bool) -> Outcome:
    """Makes a night; one that is not `scored` gets features alone: it serves a training, and nobody asked for more."""
    stage, day = settings.stage_as(NightlyStage), night.isoformat()
    headline = f"nightly {settings.dataset.name}: {day}"
    built = features.run(settings.at(stage.features, day))
    if not scored:
        none = {"rows": "-", "champion": "-", "drift": "features alone, the night was never scored"}
        return Outcome(headline=headline, figures={"features": built.headline, **none})
    keeps = settings.date == STALE and stage.score.model == "current"
    scores = score.run(settings.at(replace(stage.score, model="same") if keeps else stage.score, day))
    watched = drift.run(settings.at(stage.drift, day), acts=acts)
    return Outcome(
        code=gravest([scores.code, watched.code]),
        parts=(scores.code, watched.code),
        headline=headline,
        figures={
            "features": built.headline,
            **{name: figure for name, figure in built.figures.items() if name == "accepted"},
            "scores": scores.headline,
            **scores.figures,
            "drift": watched.headline,
            **{name: watched.figures[name] for name in _TOLD if name in watched.figures},
        },
        table=watched.table,
    )
