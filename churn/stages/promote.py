"""Judges a candidate against the champion on rows that neither was trained on, and promotes it if the gates say so.

Both models score the same published rows now; stored metrics are never compared. The decision is recorded as a run of
its own before the alias moves, whatever it is.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from churn.champion import Champion, find_champion, reign_to_note, version_of
from churn.decision import carry_out, require_reason, rolled_back, unfinished, who
from churn.doors import Doors
from churn.errors import ExitCode, SettingsError
from churn.raw_days import bring
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import PromoteStage
from churn.shadow import ShadowNight, shadow_nights
from churn.stores.decisions import Decision, Recorded

if TYPE_CHECKING:
    from churn.case import Case
    from churn.promotion.verdict import Verdict

log = logging.getLogger(__name__)

_PAGE = "case.html"


def run(settings: Settings) -> Outcome:
    """Moves the alias `champion` to the candidate, or says why not (exit code 4)."""
    doors, stage = Doors(settings), settings.stage_as(PromoteStage)
    if stage.approve:
        require_reason("promote", stage.reason)
        _require_version(stage)
    bring(doors, doors.day)
    with doors.lake.lock(doors.partition("promotion")):
        version = _version(doors)
        champion, noted = find_champion(doors), _note_reign(doors)
        if champion is None:
            _require_no_reign(doors)
        if champion and champion.version == version:
            done = f"its reign is noted from {doors.day} on" if noted else "nothing to do"
            return Outcome(headline=f"promote {settings.dataset.name}: version {version} is champion already, {done}")
        return _judge(doors, version, champion)


def _require_version(stage: PromoteStage) -> None:
    if stage.version is None:
        action = "name the version whose case file was read: version=N"
        raise SettingsError(where="stage=promote", found="approve=true without a version", action=action)


def _require_no_reign(doors: Doors) -> None:
    """A first champion is judged by its floors alone, so that a champion whose alias was lost must not read as none."""
    reigns = doors.registry.reigns()
    if reigns:
        last = reigns[-1].version
        found = f"nobody bears the alias champion, though version {last} was the last to reign"
        action = f"""set it back: python -m churn stage=rollback version={last} 'reason="the alias was lost"'"""
        raise SettingsError(where=f"registry {doors.registry.model}", found=found, action=action)


def _note_reign(doors: Doors) -> bool:
    """Notes the champion's reign where its alias was moved without one; returns whether it was."""
    champion = reign_to_note(doors)
    if champion is None:
        return False
    cut_off = unfinished(doors, champion.version)
    if cut_off:
        doors.registry.crown(cut_off)
        return True
    reason = doors.settings.stage_as(PromoteStage).reason or "the alias was set by hand"
    note = Decision(
        kind="note",
        version=champion.version,
        champion=champion.version,
        moves=True,
        answer="not judged",
        reason=reason,
        by=who(),
        since=doors.day.isoformat(),
        figures={},
        evidence={},
        pages={},
    )
    carry_out(doors, note)
    log.warning("%s: version %d was champion on no record", doors.registry.model, champion.version)
    return True


def _version(doors: Doors) -> int:
    stage = doors.settings.stage_as(PromoteStage)
    version = stage.version or doors.registry.newest()
    if version is None:
        action = f"run: {doors.command('train', doors.day)}"
        raise SettingsError(where=f"registry {doors.registry.model}", found="no candidate yet", action=action)
    return version


def _judge(doors: Doors, version: int, champion: Champion | None) -> Outcome:
    from churn.case import case_of, lay_out
    from churn.promotion.verdict import decide

    stage = doors.settings.stage_as(PromoteStage)
    case = lay_out(doors, version_of(doors, version), champion=champion)
    verdict = decide(stage.gates, case.evidence, on_insufficient=stage.on_insufficient)
    beside = _beside(doors, case.challenger, champion)
    waits = _waits_for(doors, version, beside) if verdict.promote else None
    told = _told(doors, verdict, waits)
    page = case_of(doors, case, verdict, reason=told, shadow=tuple(map(str, beside)))
    decision = Decision(
        kind="promote",
        version=version,
        champion=champion.version if champion else None,
        moves=verdict.promote and waits is None,
        answer=str(verdict.answer),
        reason=told,
        by=who(),
        since=doors.day.isoformat(),
        figures=_figures(verdict),
        evidence=_evidence(doors, case, verdict, beside=beside),
        pages={_PAGE: page},
    )
    recorded = carry_out(doors, decision)
    _set_shadow(doors, verdict, version, beside=beside)
    return _outcome(doors, verdict, recorded, beside=beside)


def _evidence(doors: Doors, case: Case, verdict: Verdict, *, beside: Sequence[ShadowNight]) -> dict[str, Any]:
    return {
        "date": doors.day.isoformat(),
        "rows": case.rows.inputs,
        "shadow": [asdict(night) | {"night": night.night.isoformat()} for night in beside],
        **asdict(verdict),
    }


def _set_shadow(doors: Doors, verdict: Verdict, version: int, *, beside: Sequence[ShadowNight]) -> None:
    """Lets a version that the gates let through score its nights, and ends those of one that they refuse."""
    shadow, champion = doors.registry.shadow(), doors.registry.champion()
    is_shadow = shadow is not None and shadow.version == version
    if not verdict.promote and is_shadow:
        doors.registry.set_shadow(None)
    lacking = len(beside) < doors.settings.stage_as(PromoteStage).shadow_nights
    if verdict.promote and lacking and champion and champion.version != version and not is_shadow:
        doors.registry.set_shadow(version, since=doors.day.isoformat())


def _beside(doors: Doors, challenger: Champion, champion: Champion | None) -> tuple[ShadowNight, ...]:
    """Returns the nights that both scored, where the setting asks for any."""
    wanted = doors.settings.stage_as(PromoteStage).shadow_nights
    return shadow_nights(doors, challenger, champion=champion.version, at_most=wanted) if champion else ()


def _waits_for(doors: Doors, version: int, beside: Sequence[ShadowNight]) -> str | None:
    """Returns why the gates' yes is not enough; None where it is."""
    stage, fallen = doors.settings.stage_as(PromoteStage), rolled_back(doors, version)
    if len(beside) < stage.shadow_nights and doors.registry.champion():
        nights = f"{len(beside)} of {stage.shadow_nights} nights"
        return f"in the shadow it has scored {nights} beside the champion: run stage=nightly, then stage=promote again"
    if stage.approve or not (stage.needs_approval or fallen):
        return None
    command = f"{doors.command('promote', doors.day)} version={version} approve=true 'reason=\"…\"'"
    why = f"it was rolled back on {fallen.decided} ({fallen.reason})" if fallen else "stage.needs_approval is true"
    return f"{why}, so that a person has to say yes, with the same settings as now and: {command}"


def _told(doors: Doors, verdict: Verdict, waits: str | None) -> str:
    said = doors.settings.stage_as(PromoteStage).reason
    return "; ".join(filter(None, (verdict.reason, waits, said)))


def _figures(verdict: Verdict) -> dict[str, float]:
    """Returns each gate's figure, its interval, its limit and n, as MLflow shows them."""
    figures: dict[str, float] = {}
    for name, found in verdict.findings.items():
        low, high = found.interval or (None, None)
        named = {"": found.figure, "_low": low, "_high": high, "_limit": found.limit, "_n": found.n}
        figures |= {f"{name}{end}": float(figure) for end, figure in named.items() if figure is not None}
    return figures


def _outcome(doors: Doors, verdict: Verdict, recorded: Recorded, *, beside: Sequence[ShadowNight]) -> Outcome:
    before = f"version {recorded.champion}" if recorded.champion else "none"
    waits = verdict.promote and not recorded.moves
    done = "is champion now" if recorded.moves else f"{'waits' if waits else 'is refused'}, the champion stays"
    reason = verdict.reason if recorded.moves else recorded.reason
    return Outcome(
        code=ExitCode.OK if recorded.moves else ExitCode.PROMOTION_REFUSED,
        headline=f"promote {doors.settings.dataset.name}: version {recorded.version} {done} ({reason})",
        figures={
            "champion before": before,
            "case file": doors.registry.page_of(recorded.run, _PAGE),
            **{f"shadow {number}": str(night) for number, night in enumerate(beside, start=1)},
        },
        table=Table(
            header=("gate", "answer", "evidence"),
            rows=tuple((name, str(found.answer), found.reason) for name, found in verdict.findings.items()),
        ),
    )
