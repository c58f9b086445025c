"""Which nights does `date=` mean?

Days and ranges mean themselves. `auto` is every night that was missed, oldest first, up to the day after the newest raw
day; `stale` is every published night that was made from other raw days, SQL or code than there are now. Both are read
off the manifests and the sources, so there is no second book to disagree with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from churn.doors import Doors
from churn.raw_days import RawDays, bring
from churn.reports.outcome import Outcome
from churn.settings import AUTO, STALE, Settings

FEATURE_CODE = ("features/feature.py", "features/table.py", "features/contract.py", "stages/features.py")
SCORE_CODE = ("training", "scoring")
_IN_ORDER = ("features", "predictions", "drift")


def nights(doors: Doors, *, kind: str) -> tuple[date, ...]:
    """Returns the nights that a stage publishing `kind` works on, oldest first; none where there is nothing to do."""
    if doors.settings.date == AUTO:
        return _missed(doors, kind)
    if doors.settings.date == STALE:
        raw = bring(doors, doors.newest_night)
        return tuple(day for day in doors.lake.days(kind, doors.dataset.name) if changes(doors, day, raw, kind=kind))
    return doors.settings.dates


def _missed(doors: Doors, kind: str) -> tuple[date, ...]:
    newest, name = doors.newest_night, doors.dataset.name
    doors.require_fed()
    published = set(doors.lake.days(kind, name))
    scored = doors.lake.days("predictions", name)
    first = max(scored[0], newest - timedelta(days=doors.settings.catch_up_days - 1)) if scored else newest
    span = (first + timedelta(days=count) for count in range((newest - first).days + 1))
    return tuple(day for day in span if day not in published)


def changes(doors: Doors, day: date, raw: RawDays, *, kind: str) -> tuple[str, ...]:
    """Returns what changed since a night was made, one text an input; none where it is as it would be made now.

    `kind` is the last of features, predictions and drift to look at. Another champion than that night's is no change:
    what was scored stays scored.
    """
    features, scores, drift = (doors.lake.manifest(doors.partition(name, day)) for name in _IN_ORDER)
    found = differences(features.inputs, inputs_at(doors, day, raw)) if features else ()
    if features and scores and kind != "features":
        now = {"features": features.content, "code": doors.code(*SCORE_CODE), "chunk_rows": _chunk_rows(doors)}
        found += tuple(f"scores: {text}" for text in differences(scores.inputs, scores.inputs | now))
    if features and scores and drift and kind == "drift":
        now = {"features": features.content, "predictions": scores.content, "code": doors.code("drift")}
        found += tuple(f"drift: {text}" for text in differences(drift.inputs, drift.inputs | now))
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


def no_night(settings: Settings) -> Outcome:
    """Returns the outcome of a run whose `date=` means no night."""
    what = "was missed" if settings.date == AUTO else "is stale"
    return Outcome(headline=f"{settings.stage.name} {settings.dataset.name}: nothing to do, no night {what}")
