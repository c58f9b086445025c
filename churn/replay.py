"""On which nights of the past would today's settings have alarmed?

Read off the profiles that are kept; no verdict is published.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn.champion import Champion, champion_tonight, version_of
from churn.doors import Doors
from churn.drift.nights import NightRule
from churn.errors import ChurnError, DataError
from churn.findings import Answer
from churn.profiles import KIND as PROFILES
from churn.profiles import past_profile_of
from churn.progress import Progress
from churn.reports.outcome import Outcome, Table
from churn.settings import AUTO, STALE
from churn.settings.stages import DriftStage
from churn.watch import judged

if TYPE_CHECKING:
    from churn.drift.verdict import DriftVerdict

_ALARM, _LOST = "alarm", "not judged"


def replayed(doors: Doors) -> Outcome:
    """Returns what today's settings say of the nights whose profiles are kept; no verdict is published.

    Raises:
        DataError: no such night has a profile.
    """
    settings, stage = doors.settings, doors.settings.stage_as(DriftStage)
    asked = settings.dates if settings.date not in {None, AUTO, STALE} else None
    kept = frozenset(doors.lake.days(PROFILES, settings.dataset.name))
    days = sorted(kept if asked is None else kept.intersection(asked))
    if not days:
        action = f"run stage=drift on the nights first, such as {doors.command('drift', 'auto')}"
        raise DataError(where="drift replay", found="no night has a profile", action=action)
    again = _Again(doors, champion_tonight(doors), kept)
    rows = []
    with Progress("replay", total=len(days), unit="nights") as progress:
        for day in days:
            rows.append(again.row(day, rule=stage.alarm))
            progress.add()
    alarms, lost = (sum(row[3] == word for row in rows) for word in (_ALARM, _LOST))
    return Outcome(
        headline=f"drift {settings.dataset.name}: today's settings alarm on {alarms} of {len(days)} past nights",
        figures={
            **(
                {"not judged": f"{lost} nights, whose model or profile cannot be had: the table says why"}
                if lost
                else {}
            ),
            "left out": "broken feeds and outcomes, which these settings do not decide on",
        },
        table=Table(header=("date", "answer then", "answer now", "alarm", "grounds"), rows=tuple(rows)),
    )


class _Again:
    """Past nights under today's settings, each judged once, those before the asked ones too."""

    def __init__(self, doors: Doors, champion: Champion, kept: Collection[date]) -> None:
        self._doors, self._kept = doors, kept
        self._champions = {champion.version: champion}
        self._found: dict[date, DriftVerdict | ChurnError] = {}

    def row(self, day: date, *, rule: NightRule) -> tuple[str, ...]:
        """Returns a night's line of the table: what was said then, what is said now, whether it is an alarm, why."""
        published = self._doors.lake.manifest(self._doors.partition("drift", day))
        then, verdict = published.facts["answer"] if published else "-", self._verdict(day)
        if isinstance(verdict, ChurnError):
            return str(day), then, "-", _LOST, f"{verdict.where}: {verdict.found}"
        nights = [day - timedelta(days=count) for count in range(rule.n - 1, -1, -1)]
        word = _ALARM if rule.alarms([self._answer(night) for night in nights]) else "-"
        return str(day), then, str(verdict.answer), word, verdict.reason

    def _answer(self, day: date) -> Answer | None:
        verdict = self._verdict(day) if day in self._kept else None
        return None if isinstance(verdict, ChurnError) or verdict is None else verdict.answer

    def _verdict(self, day: date) -> DriftVerdict | ChurnError:
        if day not in self._found:
            try:
                self._found[day] = self._judged(day)
            except ChurnError as error:
                self._found[day] = error
        return self._found[day]

    def _judged(self, day: date) -> DriftVerdict:
        profile = self._doors.lake.manifest(self._doors.partition(PROFILES, day))
        if profile is None:
            raise DataError(where=f"profile of {day}", found="gone meanwhile", action="run again")
        version = profile.facts["model_version"]
        if version not in self._champions:
            self._champions[version] = version_of(self._doors, version)
        champion = self._champions[version]
        return judged(self._doors, champion, past_profile_of(self._doors, champion, day))
