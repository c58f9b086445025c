"""Who is to be champion, decided by whom, and in which order is it written down?

First the decision, as a run of its own, then the alias, then the reign: a run that dies in between keeps the champion,
or leaves an alias whose reign `stage=promote` notes.
"""

from __future__ import annotations

import getpass
import os
import socket

from churn import kept_champion
from churn.champion import find_champion
from churn.doors import Doors
from churn.errors import SettingsError
from churn.stores.decisions import Decision, Recorded


def carry_out(doors: Doors, decision: Decision) -> Recorded:
    """Records a decision, and moves the alias where it says so; call it under the lock of `promotion`."""
    recorded = doors.registry.record(decision)
    if decision.moves:
        enthrone(doors, recorded)
    return recorded


def enthrone(doors: Doors, recorded: Recorded) -> None:
    """Does what a recorded decision says: the alias moves, and the new champion's verified copy is kept."""
    kept_champion.withdraw(doors)  # whatever happens now, the old one does not stay behind as the last champion known
    doors.registry.crown(recorded)
    shadow = doors.registry.shadow()
    if shadow and shadow.version == recorded.version:
        doors.registry.set_shadow(None)
    find_champion(doors)


def unfinished(doors: Doors, version: int) -> Recorded | None:
    """Returns the newest decision where it made `version` champion and was cut off before its reign was noted."""
    moves = [found for found in doors.registry.decisions() if found.moves]
    noted = {reign.decision for reign in doors.registry.reigns()}
    return moves[-1] if moves and moves[-1].version == version and moves[-1].run not in noted else None


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
    """Returns the version that reigned before `champion` did and was not rolled back itself.

    Raises:
        SettingsError: none did.
    """
    before = [reign.version for reign in doors.registry.reigns() if reign.version != champion]
    for version in reversed(before):
        if rolled_back(doors, version) is None:
            return version
    found = f"no version reigned before version {champion} that was not rolled back"
    others = ", ".join(str(version) for version in doors.registry.versions() if version != champion)
    action = f"name the version that is to reign: version=N (there are: {others})" if others else "train another first"
    raise SettingsError(where=f"registry {doors.registry.model}", found=found, action=action)


def rolled_back(doors: Doors, version: int) -> Recorded | None:
    """Returns the decision that took a version off the throne, where none has put it there again since.

    A rollback counts from its record on, though it was cut off before the alias moved.
    """
    concerning = [found for found in _in_order(doors) if version in {found.version, found.champion}]
    last = concerning[-1] if concerning else None
    return last if last and last.kind == "rollback" and last.champion == version else None


def _in_order(doors: Doors) -> list[Recorded]:
    """Returns what was carried out in the order of the reigns, which no clock decides, and cut-off rollbacks after."""
    recorded = {found.run: found for found in doors.registry.decisions()}
    order = [recorded[reign.decision] for reign in doors.registry.reigns() if reign.decision in recorded]
    cut_off = [found for found in recorded.values() if found.kind == "rollback" and found not in order]
    for rollback in cut_off:
        place = sum(found.decided <= rollback.decided for found in order)
        order.insert(place, rollback)
    return order
