"""Which champion's bundle stands in the lake, and may it score a night when the registry does not answer?

A verified copy, so that a night reads local files. It goes before the alias moves and comes back after, so that what
was rolled back never stays behind as the last champion known; and it is trusted for as many days as the settings say
since the registry last named it.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path

from churn.doors import Doors
from churn.errors import ChurnError, DataError, LockedError, TryAgainError
from churn.stores.aliases import Registered
from churn.training.bundle import Bundle

log = logging.getLogger(__name__)


def bundle_of(doors: Doors, registered: Registered) -> Bundle:
    """Returns the bundle of the version that the registry calls champion: its kept copy, or fetched and kept anew.

    Raises:
        TryAgainError: there is no such copy, and the registry's artifacts cannot be had.
        DataError: the bundle is not the one that was registered.
    """
    found = _kept(doors, registered) or _fetched(doors, registered)
    _confirm(doors, registered)
    return found


def last_known(doors: Doors) -> tuple[int, Bundle, date] | None:
    """Returns version and bundle of the kept copy, and when the registry last named it; None where none may score."""
    partition = doors.partition("champion")
    try:
        manifest = doors.lake.manifest(partition)
        if manifest is None:
            return None
        folder = doors.lake.path(partition)
        bundle = Bundle.from_files({name: (folder / name).read_bytes() for name in manifest.files})
        version, on = _confirmed(doors)
    except (ChurnError, OSError, ValueError) as error:
        log.warning("the kept copy of the champion is damaged: %s", error)
        return None
    if (str(version), bundle.fingerprint) != (manifest.inputs.get("model_version"), manifest.inputs.get("bundle")):
        log.warning("the kept copy of the champion is another than the registry named last")
        return None
    allowed = doors.settings.registry.unconfirmed_days
    if doors.settings.today - on > timedelta(days=allowed):
        log.warning("the registry last named the kept champion on %s, over %d days ago", on, allowed)
        return None
    return version, bundle, on


def named_on(doors: Doors) -> date | None:
    """Returns the day on which the registry last named the kept copy champion to a night; None where none is noted."""
    try:
        return _confirmed(doors)[1]
    except (OSError, ValueError):
        return None


def withdraw(doors: Doors) -> None:
    """Takes the kept copy away, before another version becomes champion."""
    _note(doors).unlink(missing_ok=True)
    doors.lake.withdraw(doors.partition("champion"))


def download(doors: Doors, registered: Registered) -> tuple[Bundle, dict[str, bytes]]:
    """Returns a registered version's bundle, and its files.

    Raises:
        DataError: it is not the one that was registered.
    """
    files = doors.registry.bundle_files(registered.version)
    where = f"registry {doors.registry.model} version {registered.version}"
    action = "restore its artifacts from a backup; until then another version can reign: stage=rollback version=N"
    try:
        bundle = Bundle.from_files(files)
    except DataError as error:
        raise DataError(where=where, found=f"{error.where}: {error.found}", action=action) from error
    if bundle.fingerprint != registered.bundle:
        raise DataError(where=where, found="its bundle is not the one that was registered", action=action)
    return bundle, bundle.to_files()


def _inputs(registered: Registered) -> dict[str, str]:
    return {
        "model_version": str(registered.version),
        "training": registered.fingerprint,
        "bundle": registered.bundle,
    }


def _kept(doors: Doors, registered: Registered) -> Bundle | None:
    partition = doors.partition("champion")
    try:
        if not doors.lake.is_current(partition, _inputs(registered)):
            return None
        manifest = doors.lake.open(partition, made_by="stage=promote")
        folder = doors.lake.path(partition)
        return Bundle.from_files({name: (folder / name).read_bytes() for name in manifest.files})
    except DataError as error:
        log.warning("the champion's copy is damaged and fetched again from the registry: %s", error.found)
        return None


def _fetched(doors: Doors, registered: Registered) -> Bundle:
    bundle, files = download(doors, registered)
    if (
        doors.registry.champion() == registered
    ):  # a night that began before a rollback keeps nothing of what it rolled back
        try:
            _keep(doors, registered, files, bundle=bundle)
        except (LockedError, TryAgainError) as error:  # another run keeps the same, or the disk refuses: it can score
            log.warning("the champion's bundle is not kept in the lake: %s", error.found)
    return bundle


def _keep(doors: Doors, registered: Registered, files: dict[str, bytes], *, bundle: Bundle) -> None:
    with doors.lake.publish(doors.partition("champion"), inputs=_inputs(registered)) as staging:
        for name, content in files.items():
            (staging.path / name).write_bytes(content)
        staging.facts |= {"model_version": registered.version, "metrics": bundle.metrics}


def _confirm(doors: Doors, registered: Registered) -> None:
    """Notes that the registry names this version champion today."""
    text = f"{registered.version} {doors.settings.today}"
    try:
        if not _note(doors).exists() or _note(doors).read_text() != text:
            _note(doors).parent.mkdir(parents=True, exist_ok=True)
            _note(doors).write_text(text)
    except OSError as error:
        log.warning("the champion's confirmation is not noted: %s", error)


def _confirmed(doors: Doors) -> tuple[int, date]:
    version, day = _note(doors).read_text().split()
    return int(version), date.fromisoformat(day)


def _note(doors: Doors) -> Path:
    return doors.lake.root / ".cache" / f"champion-{doors.settings.dataset.name}"
