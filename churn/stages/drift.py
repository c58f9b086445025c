"""Holds scored nights against their model's reference: what moved, does it matter, and what should be done.

Each night is judged by itself, in the bins that were frozen with the version that scored it; it is an alarm (exit code
5) where k of the last n nights failed. What should be done is decided on all that is known (`churn.drift.triage`), done
where the settings say so, and told in a report. `replay=true` shows which past nights today's settings would alarm on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from churn.action import Judged, Plan, Taken, Verbs, act, record
from churn.apart import in_words
from churn.champion import Champion, champion_tonight, scored_by
from churn.doors import Doors
from churn.drift.triage import Action, Triage, triage
from churn.errors import ExitCode
from churn.feeds import raw_contents
from churn.findings import Answer, worst
from churn.nights import DRIFT_CODE, nights, no_night
from churn.profiles import opened, profile_of
from churn.progress import Progress
from churn.realised import realised
from churn.replay import replayed
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import DriftStage
from churn.stages import promote, train
from churn.stores.partition import Manifest, Partition, fingerprint
from churn.watch import Watched, judged, nights_before, watch

PAGE = "report.html"
_CALM = {Action.NONE, Action.WATCH, Action.INSUFFICIENT}
log = logging.getLogger(__name__)


def run(settings: Settings, *, acts: bool = True) -> Outcome:
    """Publishes `drift/<dataset>/date=D` for every date; exit code 5 where one alarms, or cannot be told at all.

    Something is done about the last night alone, once its verdict is published, and only where this run `acts`.
    """
    doors = Doors(settings)
    if settings.stage_as(DriftStage).replay:
        return replayed(doors)
    found = nights(doors, "drift")
    if not found.dates:
        return no_night(settings, found)
    champion = champion_tonight(doors)
    for day in found.dates:  # before any night is judged
        opened(doors, day)
    with Progress("drift", total=len(found.dates), unit="nights") as progress:
        for day in found.dates:
            _publish(doors, scored_by(doors, champion, day), day)
            progress.add()
    facts = {day: _facts(doors, day) for day in found.dates}
    last = found.dates[-1]
    taken = _act(doors, scored_by(doors, champion, last), last, facts=facts[last]) if acts else None
    return found.told(_told(doors, champion, facts, taken=taken))


def _told(doors: Doors, champion: Champion, facts: Mapping[date, Mapping[str, Any]], *, taken: Taken | None) -> Outcome:
    days, name = tuple(facts), doors.settings.dataset.name
    last = facts[days[-1]]
    answer = worst(Answer(fact["answer"]) for fact in facts.values())
    return Outcome(
        code=ExitCode.DRIFT_ALARM if any(_calls(fact) for fact in facts.values()) else ExitCode.OK,
        headline=f"drift {name}: {answer} over {_nights(len(facts))}; {last['action']}",
        figures={
            **_merged(doors, champion, days),
            "alarm": f"{'yes' if last['alarm'] else 'no'}, {last['failed']}",
            **({"told apart": last["told_apart"]} if last["told_apart"] else {}),
            **_outcomes_told(last),
            "what to do": f"{last['action']}: {'; '.join(last['grounds'])}{_way_out(last)}",
            **({"done": taken.words} if taken else {}),
            "files": str(doors.lake.path(doors.partition("drift", days[-1]))),
        },
        table=Table(
            header=("date", "version", "answer", "alarm", "to do", "rows", "grounds"),
            rows=tuple(_row(day, fact) for day, fact in facts.items()),
        ),
    )


def _row(day: date, fact: Mapping[str, Any]) -> tuple[str, ...]:
    told = (fact["answer"], "yes" if fact["alarm"] else "no", fact["action"], f"{fact['rows']:,}", fact["reason"])
    return (str(day), str(fact["model_version"]), *told)


def _nights(count: int) -> str:
    return "one night" if count == 1 else f"{count} nights"


def _way_out(fact: Mapping[str, Any]) -> str:
    if Action(fact["action"]) is not Action.STOP:
        return ""
    return "; mend the feed and run again, or take its days as they are: dataset.intake.accept (conf/dataset/README.md)"


def _outcomes_told(fact: Mapping[str, Any]) -> dict[str, str]:
    """Returns the AUC as the scores let expect it, and as it came true on the newest ripe night of the version."""
    estimated, ripe = fact["estimated_auc"], fact["realised"]
    told = {"realised": f"{ripe['night']}: {ripe['reason']}"} if ripe else {}
    if estimated:
        told["estimated AUC"] = f"{estimated['figure']:.4f} ± {estimated['se']:.4f} (n = {fact['rows']:,}, no labels)"
    return told


def _calls(fact: Mapping[str, Any]) -> bool:
    """Returns whether somebody has to look at a night."""
    return fact["alarm"] or fact["answer"] == Answer.INSUFFICIENT or Action(fact["action"]) not in _CALM


def _facts(doors: Doors, day: date) -> dict[str, Any]:
    manifest = doors.lake.open(doors.partition("drift", day), made_by=doors.command("drift", day))
    return manifest.facts


def _publish(doors: Doors, champion: Champion, day: date) -> None:
    partition = doors.partition("drift", day)
    sources = opened(doors, day)
    inputs = _inputs(doors, champion, day, sources=sources)
    if doors.lake.is_current(partition, inputs):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return
    from churn.drift.table import to_table
    from churn.drift_page import page_of
    from churn.stores.parquet import write_table

    stage, watched = doors.settings.stage_as(DriftStage), watch(doors, champion, day)
    decided = Judged(day=day, champion=champion, triage=triage(watched.signs(stage), stage.triage))
    html = page_of(doors, watched, decided.triage)
    table = to_table(watched.verdict, gain_shares=watched.weights)
    with doors.lake.publish(partition, inputs=inputs) as staging:
        for source, manifest in sources.items():
            doors.lake.require_unchanged(source, manifest)
        write_table(staging.path / "drift.parquet", table)
        (staging.path / PAGE).write_text(html, encoding="utf-8")
        staging.rows["drift.parquet"] = table.height
        staging.facts |= _facts_of(watched, decided.triage, stage=stage)
    record(doors, decided, figures={"psi_most": _psi_most(watched)}, pages={PAGE: html})
    level = logging.INFO if decided.triage.action in _CALM else logging.WARNING
    grounds = f"{decided.triage.action}: {decided.triage.reason}"
    log.log(level, "%s: %s (%s); %s", partition, watched.verdict.answer, watched.verdict.reason, grounds)


def _act(doors: Doors, champion: Champion, day: date, *, facts: Mapping[str, Any]) -> Taken:
    """Returns what was done about a night whose verdict is published, by its facts."""
    stage = doors.settings.stage_as(DriftStage)
    plan = Plan(action=stage.action, train=stage.train, promote=stage.promote)
    called_for = Triage(action=Action(facts["action"]), grounds=tuple(facts["grounds"]))
    decided = Judged(day=day, champion=champion, triage=called_for)
    return act(doors, decided, plan=plan, verbs=Verbs(train=train.run, promote=promote.run))


def _psi_most(watched: Watched) -> float:
    return max((column.psi.distance for column in watched.verdict.columns if column.psi), default=0.0)


def _facts_of(watched: Watched, decided: Triage, *, stage: DriftStage) -> dict[str, Any]:
    verdict = watched.verdict
    return {
        "answer": str(verdict.answer),
        "reason": verdict.reason,
        "rows": watched.now.rows,
        "model_version": watched.champion.version,
        "drifted": list(verdict.drifted),
        "alarm": stage.alarm.alarms(watched.answers),
        "estimated_auc": asdict(watched.estimates[1]) if watched.estimates[1] else None,
        "told_apart": in_words(watched.apart) if watched.apart else None,
        "realised": watched.newest,
        "failed": stage.alarm.words(watched.answers),
        "action": str(decided.action),
        "grounds": list(decided.grounds),
    }


def _inputs(doors: Doors, champion: Champion, day: date, *, sources: dict[Partition, Manifest]) -> dict[str, str]:
    stage = doors.settings.stage_as(DriftStage)
    before = {str(night): facts for night, facts in nights_before(doors, day).items()}
    limits = [asdict(stage.limits), asdict(stage.alarm), asdict(stage.triage), stage.weights, stage.estimate_drop]
    return {
        **{source.kind: manifest.content for source, manifest in sources.items()},
        "bundle": champion.bundle.fingerprint,
        "code": doors.code(*DRIFT_CODE),
        "limits": fingerprint(limits),
        "nights_before": fingerprint(before),
        "outcomes": fingerprint([asdict(found) for found in realised(doors, day)]),
        "raw_days": fingerprint(raw_contents(doors, day)),
        "accepted": fingerprint(doors.settings.dataset.intake.accept),
    }


def _merged(doors: Doors, champion: Champion, days: tuple[date, ...]) -> dict[str, str]:
    """Returns the verdict over all nights of the last one's version, added up; nothing for a single night.

    The nights hold largely the same customers, so that chance is judged as of one night: counts are means a night.
    """
    if len(days) == 1:
        return {}
    last = scored_by(doors, champion, days[-1])
    same = [day for day in days if scored_by(doors, champion, day).version == last.version]
    first, *others = (profile_of(doors, last, day) for day in same)
    now = sum(others, first)
    verdict = judged(doors, last, now.averaged(len(same)))
    rows = f"{len(same)} nights of version {last.version} with n = {now.rows:,} rows, judged as one night of their mean"
    return {"all nights added": f"{verdict.answer} ({verdict.reason}); {rows}"}
