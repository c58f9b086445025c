"""Makes the champion before this one, or `version=N`, champion again; takes a reason, and writes both down."""

from __future__ import annotations

import logging
from datetime import date

from churn.champion import version_of
from churn.decision import carry_out, previous, require_reason, who
from churn.doors import Doors
from churn.errors import ChurnError, SettingsError
from churn.reports.outcome import Outcome
from churn.settings import Settings
from churn.settings.stages import RollbackStage
from churn.stores.decisions import Decision

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Moves the alias `champion` back, for the nights from the date on; nothing is judged."""
    doors, stage = Doors(settings), settings.stage_as(RollbackStage)
    reason = require_reason("rollback", stage.reason)
    with doors.lake.lock(doors.partition("promotion")):
        champion = _champion(doors)
        version = stage.version or previous(doors, champion or 0)
        if version == champion:
            headline = f"rollback {settings.dataset.name}: version {version} is champion already, nothing to do"
            return Outcome(headline=headline)
        version_of(doors, version)  # a bundle that is gone or damaged is refused before anything moves
        recorded = carry_out(doors, _decision(doors, version, champion=champion, reason=reason))
    before = f"version {champion}" if champion else "none"
    return Outcome(
        headline=f"rollback {settings.dataset.name}: version {version} is champion again, from {recorded.since} on",
        figures={"champion before": before, "reason": reason, "decided by": recorded.by},
    )


def _champion(doors: Doors) -> int | None:
    """Returns who is champion; None where the alias is gone, and there were reigns to go back to."""
    champion = doors.registry.champion()
    if champion is None and not doors.registry.reigns():
        action = "there is nothing to roll back to; run stage=train, then stage=promote"
        raise SettingsError(where=f"registry {doors.registry.model}", found="no champion yet", action=action)
    return champion.version if champion else None


def _since(doors: Doors) -> date:
    """Returns the night from which on the version reigns; in an emergency no source has to answer."""
    try:
        return doors.day
    except ChurnError as error:
        log.warning("%s: %s; it reigns from today on (date= says otherwise)", error.where, error.found)
        return doors.settings.today


def _decision(doors: Doors, version: int, *, champion: int | None, reason: str) -> Decision:
    return Decision(
        kind="rollback",
        version=version,
        champion=champion,
        moves=True,
        answer="not judged",
        reason=reason,
        by=who(),
        since=_since(doors).isoformat(),
        figures={},
        evidence={},
        pages={},
    )
