"""Judges a candidate against the champion on rows that neither was trained on, and promotes it if the gates say so.

Both models score the same published rows now; stored metrics are never compared. The decision is written on the version
before the alias moves, whatever it is.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from churn.champion import Champion, find_champion, learned_dates, reign_to_note
from churn.doors import Doors
from churn.errors import DataError, ExitCode, SettingsError
from churn.labelled import read_labelled
from churn.raw_days import bring
from churn.reports.outcome import Outcome, Table
from churn.settings import PromoteStage, Settings
from churn.training.split import Part

if TYPE_CHECKING:
    import numpy.typing as npt

    from churn.labelled import Labelled
    from churn.promotion.gates import Evidence
    from churn.promotion.verdict import Verdict
    from churn.training.bundle import Bundle

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Moves the alias `champion` to the candidate, or says why not (exit code 4)."""
    doors = Doors(settings)
    bring(doors, doors.day)
    with doors.lake.lock(doors.partition("promotion")):
        version = _version(doors)
        champion, noted = find_champion(doors), _note_reign(doors)
        if champion and champion.version == version:
            done = f"its reign is noted from {doors.day} on" if noted else "nothing to do"
            return Outcome(headline=f"promote {settings.dataset.name}: version {version} is champion already, {done}")
        return _judge(doors, version, champion)


def _note_reign(doors: Doors) -> bool:
    """Notes the champion's reign where its alias was moved without one; returns whether it was."""
    champion = reign_to_note(doors)
    if champion is None:
        return False
    doors.registry.note_reign(champion.version, since=doors.day)
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
    from churn.promotion.verdict import decide
    from churn.training.bundle import Bundle

    stage, day = doors.settings.stage_as(PromoteStage), doors.day
    challenger = Bundle.from_files(doors.registry.bundle_files(version))
    rows = read_labelled(doors, _test_part(challenger, champion), known_at=day)
    verdict = decide(stage.gates, _evidence(rows, challenger, champion, threads=doors.settings.resources.threads))
    doors.registry.record(version, decision=_decision(doors, verdict, champion, rows=rows))
    if verdict.promote:
        doors.registry.set_champion(version, since=day)
        find_champion(doors)  # keeps the new champion's verified copy, so that tonight needs no registry artifacts
    return _outcome(doors.settings, verdict, champion, version=version)


def _test_part(challenger: Bundle, champion: Champion | None) -> Part:
    """Returns the challenger's test rows, of which the champion must not have learned a label."""
    test = Part.from_json(challenger.lineage["parts"]["test"])
    if champion is None:
        return test
    known = learned_dates(champion, test)
    if known:
        found = f"the champion (version {champion.version}) learned labels of the test dates "
        after = (
            f"split=by_time, so that it tests at least {challenger.horizon_days} days after what the champion learned"
        )
        raise DataError(
            where="promote", found=found + ", ".join(map(str, known)), action=f"train the challenger {after}"
        )
    return test


def _evidence(rows: Labelled, challenger: Bundle, champion: Champion | None, *, threads: int) -> Evidence:
    from churn.promotion.gates import Evidence

    return Evidence(
        labels=rows.labels,
        challenger=_scores(challenger, rows, threads=threads),
        champion=_scores(champion.bundle, rows, threads=threads) if champion else None,
        customers=rows.customers,
    )


def _scores(bundle: Bundle, rows: Labelled, *, threads: int) -> npt.NDArray[Any]:
    return bundle.scorer(num_threads=threads).scores(rows.features)


def _decision(doors: Doors, verdict: Verdict, champion: Champion | None, *, rows: Labelled) -> dict[str, Any]:
    return {
        "date": doors.day.isoformat(),
        "champion": champion.version if champion else None,
        "rows": rows.inputs,
        **asdict(verdict),
    }


def _outcome(settings: Settings, verdict: Verdict, champion: Champion | None, *, version: int) -> Outcome:
    before = f"version {champion.version}" if champion else "none"
    done = "is champion now" if verdict.promote else "is refused, the champion stays"
    return Outcome(
        code=ExitCode.OK if verdict.promote else ExitCode.PROMOTION_REFUSED,
        headline=f"promote {settings.dataset.name}: version {version} {done} ({verdict.reason})",
        figures={"champion before": before},
        table=Table(
            header=("gate", "answer", "evidence"),
            rows=tuple((name, str(found.answer), found.reason) for name, found in verdict.findings.items()),
        ),
    )
