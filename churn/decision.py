"""Who is to be champion, decided by whom, and in which order is it written down?

First the decision, as a run of its own, then the alias, then the reign: a run that dies in between keeps the champion,
or leaves an alias whose reign `stage=promote` notes.
"""

from __future__ import annotations

import getpass
import os
import socket

from churn.champion import find_champion
from churn.doors import Doors
from churn.errors import SettingsError
from churn.stores.decisions import Decision, Recorded


def carry_out(doors: Doors, decision: Decision) -> Recorded:
    """Records a decision, and moves the alias where it says so; call it under the lock of `promotion`."""
    recorded = doors.registry.record(decision)
    if decision.moves:
        doors.registry.crown(recorded)
        if (shadow := doors.registry.shadow()) and shadow.version == decision.version:
            doors.registry.set_shadow(None)
        find_champion(doors)  # keeps the new champion's verified copy, so that tonight needs no registry artifacts
    return recorded


def who() -> str:
    """Returns the user and the machine that decide."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a service's user may have no name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def require_reason(stage: str, reason: str | None) -> str:
    """Returns the reason that a person gave.

    Raises:
        SettingsError: there is none.
    """
    if reason and reason.strip():
        return reason.strip()
    action = f"""say why, for whoever asks in a year: python -m churn stage={stage} … 'reason="…"'"""
    raise SettingsError(where=f"stage={stage}", found="no reason", action=action)


def previous(doors: Doors, champion: int) -> int:
    """Returns the version that reigned before `champion` did.

    Raises:
        SettingsError: none did.
    """
    before = [reign.version for reign in doors.registry.reigns() if reign.version != champion]
    if before:
        return before[-1]
    found = f"version {champion} is the first champion that is on record"
    versions = ", ".join(map(str, doors.registry.versions()))
    action = f"name the version that is to reign: version=N (there are: {versions})"
    raise SettingsError(where=f"registry {doors.registry.model}", found=found, action=action)


def rolled_back(doors: Doors, version: int) -> Recorded | None:
    """Returns the decision that took a version off the throne, where none has put it there again since."""
    carried = {reign.decision for reign in doors.registry.reigns()}
    moves = [found for found in doors.registry.decisions() if found.run in carried]
    concerning = [found for found in moves if version in {found.version, found.champion}]
    last = concerning[-1] if concerning else None
    return last if last and last.kind == "rollback" and last.champion == version else None
