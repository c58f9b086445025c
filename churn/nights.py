"""Which nights does `date=` mean?

Days and ranges mean themselves. `auto` is every night that was missed, oldest first, up to the day after the newest raw
day; `stale` is every published night that was made from other raw days, SQL or code than there are now, or judged by
other outcomes, limits or earlier nights. Both are read off the manifests and the sources, so there is no second book to
disagree with. A raw day that cannot be brought stops the nights after it alone: those before it are done, and the run
then ends with its error.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from churn.doors import Doors
from churn.drift.nights import MOST_NIGHTS
from churn.errors import DataError, gravest
from churn.explained import TEMPLATES, keep_templates
from churn.raw_days import RawDays, bring
from churn.reports.outcome import Outcome
from churn.settings import AUTO, STALE, Settings
from churn.verdict_inputs import verdict_inputs

FEATURE_CODE = ("features/feature.py", "features/table.py", "features/contract.py", "stages/features.py")
SCORE_CODE = ("training", "scoring", "explained.py", "night.py")
KINDS = ("features", "predictions", "drift")
_LOOK_BACK = timedelta(days=MOST_NIGHTS)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """What a run works on: its dates, oldest first.

    `too_old` were missed and are left out by `catch_up_days`; `stopped` is why no later night can be worked on.
    `newest` is the newest of the nights that there may be, where missed ones were looked for.
    """

    dates: tuple[date, ...]
    too_old: tuple[date, ...] = ()
    stopped: DataError | None = None
    newest: date | None = None

    def told(self, outcome: Outcome) -> Outcome:
        """Returns the outcome of the dates with what became of the others."""
        if self.stopped:
            stop = {"stopped": f"{self.stopped.where}: {self.stopped.found}"}
            code = gravest([outcome.code, self.stopped.exit_code])
            outcome = replace(outcome, code=code, figures=outcome.figures | stop)
        return replace(outcome, figures=outcome.figures | self._left_out()) if self.too_old else outcome

    def _left_out(self) -> dict[str, str]:
        nights = f"{len(self.too_old):,} missed nights, {self.too_old[0]} to {self.too_old[-1]}"
        named = f"date={self.too_old[0]}..{self.too_old[-1]}"
        return {"left out": f"{nights}: raise catch_up_days, or name them with {named}"}


def nights(doors: Doors, *kinds: str) -> Nights:
    """Returns the nights that a stage publishing `kinds`, in their order, works on; none where there is nothing to do.

    Missed is a night without the last kind; stale one that has any of them, made from other inputs than there are now.
    """
    if doors.settings.date == AUTO:
        return _missed(doors, kinds[-1])
    if doors.settings.date == STALE:
        return _stale(doors, kinds)
    return Nights(dates=doors.settings.dates)


def with_raw_days(doors: Doors, found: Nights) -> tuple[Nights, RawDays]:
    """Returns those of the nights whose raw days could be brought, and the raw days in the lake.

    Raises:
        DataError: there is none; what stops later nights stands in `stopped`.
        LockedError: another run is bringing raw days of this dataset.
        TryAgainError: a source, or the disk, failed.
    """
    try:
        return found, bring(doors, found.dates[-1])
    except DataError:
        if len(found.dates) == 1:
            raise
        return _one_by_one(doors, found)


def _one_by_one(doors: Doors, found: Nights) -> tuple[Nights, RawDays]:
    """A file that cannot be read stops all raw days that are brought with it, so each night asks for its own alone."""
    first, *later = found.dates
    raw = bring(doors, first)
    for position, day in enumerate(later, start=1):
        try:
            raw = bring(doors, day)
        except DataError as error:
            log.error("nights from %s on are not done: %s", day, error)  # noqa: TRY400 - it is told, and no bug
            return replace(found, dates=found.dates[:position], stopped=error), raw
    return found, raw


def _missed(doors: Doors, kind: str) -> Nights:
    newest, name = doors.newest_night, doors.dataset.name
    doors.require_fed()
    published = set(doors.lake.days(kind, name))
    begun = doors.lake.days("predictions", name)[:1] or (newest,)
    span = (begun[0] + timedelta(days=count) for count in range((newest - begun[0]).days + 1))
    missed = [day for day in span if day not in published]
    first = newest - timedelta(days=doors.settings.catch_up_days - 1)
    too_old = tuple(day for day in missed if day < first)
    if too_old:
        log.warning("%s: %d nights before %s were missed and are left out", name, len(too_old), first)
    return Nights(dates=tuple(day for day in missed if day >= first), too_old=too_old, newest=newest)


def _stale(doors: Doors, kinds: Sequence[str]) -> Nights:
    published = {day for kind in kinds for day in doors.lake.days(kind, doors.dataset.name)}
    found, raw = with_raw_days(doors, Nights(dates=tuple(sorted({*published, doors.newest_night}))))
    there = [day for day in found.dates if day in published]
    stale = [day for day in there if changes(doors, day, raw, kind=kinds[-1])]
    after = _judged_after(doors, stale) if kinds[-1] == "drift" else set()
    return replace(found, dates=tuple(day for day in there if day in {*stale, *after}))


def _judged_after(doors: Doors, stale: Sequence[date]) -> set[date]:
    """Returns the nights whose verdict looks back on one that is made again: it may be found to be another."""
    judged = doors.lake.days("drift", doors.dataset.name)
    return {day for day in judged if any(one < day < one + _LOOK_BACK for one in stale)}


def changes(doors: Doors, day: date, raw: RawDays, *, kind: str) -> tuple[str, ...]:
    """Returns what changed since a night was made, one text an input; none where it is as it would be made now.

    `kind` is the last of features, predictions and drift to look at. Another champion than that night's is no change:
    what was scored stays scored.
    """
    features, scores, drift = (doors.lake.manifest(doors.partition(name, day)) for name in KINDS)
    found = differences(features.inputs, inputs_at(doors, day, raw)) if features else ()
    if features and scores and kind != "features":
        now = {"features": features.content, "code": doors.code(*SCORE_CODE), "chunk_rows": _chunk_rows(doors)}
        if TEMPLATES in scores.inputs:
            now[TEMPLATES] = keep_templates(doors, doors.settings.dataset.reasons)
        found += tuple(f"scores: {text}" for text in differences(scores.inputs, scores.inputs | now))
    if features and scores and drift and kind == "drift":
        now = verdict_inputs(doors, day, features=features, scores=scores)
        found += tuple(f"drift: {text}" for text in differences(drift.inputs, now))
    return found


def inputs_at(doors: Doors, day: date, raw: RawDays) -> dict[str, str]:
    """Returns the fingerprints of all that the features of a date are made from."""
    return raw.inputs(day) | {
        "sql": doors.lake.keep_texts(doors.sql.texts()),
        "code": doors.code(*FEATURE_CODE),
        "chunk_rows": _chunk_rows(doors),
    }


def _chunk_rows(doors: Doors) -> str:
    return str(doors.settings.resources.chunk_rows)


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Returns how the inputs of a partition differ from those of today, one text an input.

    >>> differences({"tables/2026-01-01": "a", "sql": "b"}, {"tables/2026-01-01": "c", "sql": "b", "code": "d"})
    ('code: new', 'tables/2026-01-01: changed')
    """
    words = {name: _word(then.get(name), now.get(name)) for name in sorted({*then, *now})}
    return tuple(f"{name}: {word}" for name, word in words.items() if word)


def _word(then: str | None, now: str | None) -> str:
    if then == now:
        return ""
    if then is None:
        return "new"
    return "changed" if now is not None else "gone"


def no_night(settings: Settings, found: Nights) -> Outcome:
    """Returns the outcome of a run whose `date=` means no night."""
    what = "was missed" if settings.date == AUTO else "is stale"
    within = f" in the last {settings.catch_up_days} days" if found.too_old else ""
    before = ", of those before it was stopped" if found.stopped else ""
    headline = f"{settings.stage.name} {settings.dataset.name}: nothing to do, no night {what}{within}{before}"
    return found.told(Outcome(headline=headline, figures=_newest(settings, found)))


def _newest(settings: Settings, found: Nights) -> dict[str, str]:
    if found.newest is None:
        return {}
    day = found.newest - timedelta(days=1)
    return {"newest raw day": f"{day}, {(settings.today - day).days:,} days before today"}
