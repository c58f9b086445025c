"""Who is champion, and where is its bundle?

The registry's alias decides; a verified copy of the champion's bundle is kept in the lake, so that a night reads local
files and `status` needs no registry.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from churn import kept_champion
from churn.doors import Doors
from churn.errors import SettingsError, TryAgainError
from churn.stores.aliases import Registered
from churn.training.bundle import Bundle
from churn.training.split import Part

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The registry's number of the champion, and its bundle; `confirmed` where the registry says so tonight."""

    version: int
    bundle: Bundle
    confirmed: bool = True


def find_champion(doors: Doors) -> Champion | None:
    """Returns the champion; None where nobody was ever promoted.

    Raises:
        TryAgainError: the registry did not answer.
        DataError: its bundle was changed since it was registered.
    """
    registered = doors.registry.champion()
    return _ready(doors, registered) if registered else None


def require_champion(doors: Doors) -> Champion:
    """Returns the champion.

    Raises:
        SettingsError: nobody was ever promoted.
    """
    return _ready(doors, doors.registry.champion())


def champion_tonight(doors: Doors) -> Champion:
    """Returns the champion; where the registry does not answer, the last that it named, from its copy in the lake.

    A night is scored by an earlier decision rather than by none; it is told, and stands in the night's manifest.

    Raises:
        SettingsError: nobody was ever promoted.
        TryAgainError: the registry did not answer and no copy may score, or the champion's own bundle cannot be had.
    """
    try:
        registered = doors.registry.champion()
    except TryAgainError as error:
        known = kept_champion.last_known(doors)
        if known is None:
            raise
        version, bundle, on = known
        what = "tonight's scores are by version %d, which it named champion on %s"
        log.warning(f"%s: %s; {what}", error.where, error.found, version, on)
        return Champion(version=version, bundle=bundle, confirmed=False)
    return _ready(doors, registered)


def _ready(doors: Doors, registered: Registered | None) -> Champion:
    if registered is None:
        action = f"run: {doors.command('train', None)} && {doors.command('promote', None)}"
        raise SettingsError(where=f"registry {doors.registry.model}", found="no champion yet", action=action)
    return Champion(version=registered.version, bundle=kept_champion.bundle_of(doors, registered))


def champion_of(doors: Doors, day: date) -> Champion:
    """Returns the version that was champion on the night of `day`, by the reigns that the registry keeps.

    Raises:
        SettingsError: nobody was champion yet, or the alias was moved without a reign.
    """
    _require_noted(doors)
    reigns = doors.registry.reigns()
    past = [reign for reign in reigns if date.fromisoformat(reign.since) <= day]
    if not past:
        first = (
            f"the first reign began on {min(reign.since for reign in reigns)}" if reigns else "no reign is on record"
        )
        action = f"score it with today's champion: {doors.command('score', day)} stage.model=current"
        raise SettingsError(where=f"champion of {day}", found=f"none: {first}", action=action)
    return version_of(doors, past[-1].version)


def reign_to_note(doors: Doors) -> Registered | None:
    """Returns the champion where its reign is on no record: its alias was set by hand, or a promotion was killed."""
    champion, reigns = doors.registry.champion(), doors.registry.reigns()
    return champion if champion and champion.version != (reigns[-1].version if reigns else None) else None


def _require_noted(doors: Doors) -> None:
    champion = reign_to_note(doors)
    if champion is None:
        return
    version = champion.version
    raise SettingsError(
        where=f"registry {doors.registry.model}",
        found=f"version {version} bears the alias champion, and since when is on no record",
        action=f"name the night since which it reigns: {doors.command('promote', doors.settings.today)} "
        f"stage.version={version}; or set the alias back",
    )


def version_of(doors: Doors, version: int) -> Champion:
    """Returns a registered version, ready to score; the champion's own comes from its local copy."""
    registered = doors.registry.registered(version)
    reigning = doors.registry.champion()
    if reigning == registered:
        return _ready(doors, registered)
    bundle, _ = kept_champion.download(doors, registered)
    return Champion(version=version, bundle=bundle)


def scored_by(doors: Doors, champion: Champion, day: date) -> Champion:
    """Returns the version that scored a night; the champion where none did."""
    scores = doors.lake.manifest(doors.partition("predictions", day))
    version = scores.facts["model_version"] if scores else champion.version
    return champion if version == champion.version else version_of(doors, version)


def learned_dates(champion: Champion, test: Part, *, horizon_days: int) -> tuple[date, ...]:
    """Returns the dates of a part of whose labels the champion learned some, so that it cannot be judged there.

    `horizon_days` are those of the part's labels; the longer horizon of both counts.
    """
    parts = [Part.from_json(champion.bundle.lineage["parts"][name]) for name in ("train", "calibration")]
    longer = max(horizon_days, champion.bundle.horizon_days)

    def knows(day: date) -> bool:
        return any(part.overlaps(replace(test, dates=(day,)), horizon_days=longer) for part in parts)

    return tuple(filter(knows, test.dates))


def lineages(doors: Doors) -> dict[int, dict[str, Any]]:
    """Returns what every registered version was made from; the champion's local copy may be published on the way."""
    return {version: version_of(doors, version).bundle.lineage for version in doors.registry.versions()}
