"""Shows who was champion from when to when, and every decision about it: by whom, why, what was refused."""

from __future__ import annotations

from collections.abc import Sequence

from churn.champion import reign_to_note
from churn.doors import Doors
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import HistoryStage
from churn.stores.decisions import Recorded
from churn.stores.registry import Reign

_LET_THROUGH = {"pass", "warn"}  # by the gates; a person's yes or the nights of its shadow are lacking
_DONE = {"promote": "promoted", "rollback": "rolled back to", "note": "noted"}


def run(settings: Settings) -> Outcome:
    """Returns a row a decision, the newest last; nights are those that a version was champion of."""
    doors, stage = Doors(settings), settings.stage_as(HistoryStage)
    decisions, nights = doors.registry.decisions(), _nights(doors.registry.reigns())
    shown = decisions[-stage.last :]
    unnoted = reign_to_note(doors)
    off_record = {"alias": f"version {unnoted.version} bears it, on no record"} if unnoted else {}
    return Outcome(
        headline=f"history {doors.registry.model}: {len(decisions)} decisions, the last {len(shown)} shown",
        figures={"champion": _champion(doors), **off_record},
        table=Table(
            header=("decided (UTC)", "decision", "version", "before", "nights", "by", "why"),
            rows=tuple(_row(decision, nights) for decision in shown),
        ),
    )


def _champion(doors: Doors) -> str:
    found, reigns = doors.registry.champion(), doors.registry.reigns()
    if found is None:
        return "none yet"
    since = f" since {reigns[-1].since}" if reigns and reigns[-1].version == found.version else ""
    return f"version {found.version}{since}"


def _nights(reigns: Sequence[Reign]) -> dict[str, str]:
    """Returns the nights of each reign by its decision, as `as_of` reads them: up to the first that another took."""
    spans = {}
    for place, reign in enumerate(reigns):
        end = min((later.since for later in reigns[place + 1 :]), default=None)
        until = "now" if end is None else f"before {end}"
        spans[reign.decision] = "none" if end is not None and end <= reign.since else f"{reign.since} to {until}"
    return spans


def _row(decision: Recorded, nights: dict[str, str]) -> tuple[str, ...]:
    done = _done(decision, carried_out=decision.run in nights)
    before = "-" if decision.champion is None else str(decision.champion)
    span = nights.get(decision.run, "-")
    return decision.decided, done, str(decision.version), before, span, decision.by, decision.reason


def _done(decision: Recorded, *, carried_out: bool) -> str:
    if decision.kind == "drift":
        return f"drift: {decision.answer}"
    if carried_out:
        return _DONE[decision.kind]
    return "not carried out" if decision.moves else "waits" if decision.answer in _LET_THROUGH else "refused"
