"""Holds scored nights against their model's reference: what moved, does it matter, and what should be done.

Each night is judged by itself, in the bins that were frozen with the version that scored it; it is an alarm (exit code
5) where k of the last n nights failed. What should be done is decided on all that is known (`churn.drift.triage`), done
where the settings say so, and told in a report. What a killed run left undone (its verdict's record in MLflow, what is
done about it) the next one on that night does. `replay=true` shows on which past nights today's settings would alarm.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from churn.action import Judged, Plan, Taken, Verbs, act, record
from churn.apart import in_words
from churn.champion import Champion, champion_tonight, scored_by
from churn.doors import Doors
from churn.drift.triage import Action, Triage, triage
from churn.errors import ChurnError, ExitCode
from churn.findings import Answer, worst
from churn.nights import Nights, nights, no_night
from churn.profiles import opened, profile_of
from churn.progress import Progress
from churn.replay import replayed
from churn.reports.outcome import Outcome, Table
from churn.settings import AUTO, Settings
from churn.settings.stages import DriftStage
from churn.stages import promote, train
from churn.stores.partition import Manifest, Partition
from churn.verdict_inputs import verdict_inputs
from churn.watch import Watched, judged, watch

if TYPE_CHECKING:
    from churn.drift.feeds import Fault

PAGE = "report.html"
_CALM = {Action.NONE, Action.WATCH, Action.INSUFFICIENT}
log = logging.getLogger(__name__)


def run(settings: Settings, *, acts: bool = True) -> Outcome:
    """Publishes `drift/<dataset>/date=D` for every date; exit code 5 where one alarms, or cannot be told at all.

    Something is done about the last night that could be judged alone, once its verdict is published, and only where
    this run `acts`.
    """
    doors = Doors(settings)
    if settings.stage_as(DriftStage).replay:
        return replayed(doors)
    found, unscored = _with_scores(doors, nights(doors, "drift"))
    if not found.dates:
        return _beside(unscored, no_night(settings, found), doors)
    champion = champion_tonight(doors)
    for day in found.dates:  # before any night is judged
        opened(doors, day)
    facts, stopped = _judge(doors, champion, found.dates)
    last = max(facts, default=None)
    taken = _act(doors, scored_by(doors, champion, last), last, facts=facts[last]) if acts and last else None
    if stopped:
        raise stopped
    return _beside(unscored, found.told(_told(doors, champion, facts, taken=taken)), doors)


def _with_scores(doors: Doors, found: Nights) -> tuple[Nights, tuple[date, ...]]:
    """Returns the nights to judge, and of the missed ones those that were never scored, which keep no other waiting."""
    if doors.settings.date != AUTO:
        return found, ()
    scored = {*doors.lake.days("predictions", doors.dataset.name)}
    there = tuple(day for day in found.dates if day in scored)
    return replace(found, dates=there), tuple(day for day in found.dates if day not in scored)


def _beside(unscored: Sequence[date], outcome: Outcome, doors: Doors) -> Outcome:
    if not unscored:
        return outcome
    told = f"{len(unscored):,} nights, {unscored[0]} to {unscored[-1]}: {doors.command('nightly', 'auto')}"
    return replace(outcome, figures=outcome.figures | {"never scored": told})


def _judge(
    doors: Doors, champion: Champion, days: Sequence[date]
) -> tuple[dict[date, Mapping[str, Any]], ChurnError | None]:
    """Returns the facts of each night, in order, up to the first that cannot be judged, and why it cannot."""
    facts: dict[date, Mapping[str, Any]] = {}
    with Progress("drift", total=len(days), unit="nights") as progress:
        for day in days:
            try:
                facts[day] = _publish(doors, scored_by(doors, champion, day), day)
            except ChurnError as error:
                return facts, error
            progress.add()
    return facts, None


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
            "what to do": f"{last['action']}: {'; '.join(last['grounds'])}{_way_out(doors, days[-1], last)}",
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


def _way_out(doors: Doors, day: date, fact: Mapping[str, Any]) -> str:
    if Action(fact["action"]) is not Action.STOP:
        return ""
    accepted = f"""'+dataset.intake.accept={{{fact["broken_days"]}: "the reason"}}'"""
    taken = f"{doors.command('drift', day)} {accepted} (in YAML for good, and to a later day for what is to come)"
    return f"; mend the feed and run again, or take its days as they are: {taken}"


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


def _publish(doors: Doors, champion: Champion, day: date) -> Mapping[str, Any]:
    """Publishes a verdict, records it where MLflow has not got it, and returns its facts."""
    partition, sources = doors.partition("drift", day), opened(doors, day)
    features, scores = (sources[doors.partition(kind, day)] for kind in ("features", "predictions"))
    inputs = verdict_inputs(doors, day, features=features, scores=scores)
    is_current = doors.lake.is_current(partition, inputs)
    if is_current:
        log.info("%s: already there for the same inputs, nothing to do", partition)
    else:
        _make(doors, champion, day, sources=sources, inputs=inputs)
    facts = _facts(doors, day)
    page = {PAGE: (doors.lake.path(partition) / PAGE).read_text(encoding="utf-8")}
    judged = _judged(champion, day, facts)
    record(doors, judged, figures={"psi_most": facts["psi_most"]}, pages=page, is_new=not is_current)
    return facts


def _make(
    doors: Doors, champion: Champion, day: date, *, sources: Mapping[Partition, Manifest], inputs: Mapping[str, str]
) -> None:
    from churn.drift.table import to_table
    from churn.drift_page import page_of
    from churn.stores.parquet import write_table

    stage, watched = doors.settings.stage_as(DriftStage), watch(doors, champion, day)
    decided, partition = triage(watched.signs(stage), stage.triage), doors.partition("drift", day)
    html = page_of(doors, watched, decided)
    table = to_table(watched.verdict, gain_shares=watched.weights)
    with doors.lake.publish(partition, inputs=inputs) as staging:
        for source, manifest in sources.items():
            doors.lake.require_unchanged(source, manifest)
        write_table(staging.path / "drift.parquet", table)
        (staging.path / PAGE).write_text(html, encoding="utf-8")
        staging.rows["drift.parquet"] = table.height
        staging.facts |= _facts_of(watched, decided, stage=stage)
    level = logging.INFO if decided.action in _CALM else logging.WARNING
    grounds = f"{decided.action}: {decided.reason}"
    log.log(level, "%s: %s (%s); %s", partition, watched.verdict.answer, watched.verdict.reason, grounds)


def _act(doors: Doors, champion: Champion, day: date, *, facts: Mapping[str, Any]) -> Taken:
    """Returns what was done about a night whose verdict is published, by its facts."""
    stage = doors.settings.stage_as(DriftStage)
    plan = Plan(action=stage.action, train=stage.train, promote=stage.promote)
    verbs = Verbs(train=train.run, promote=promote.run)
    return act(doors, _judged(champion, day, facts), plan=plan, verbs=verbs)


def _judged(champion: Champion, day: date, facts: Mapping[str, Any]) -> Judged:
    called_for = Triage(action=Action(facts["action"]), grounds=tuple(facts["grounds"]))
    return Judged(day=day, champion=champion, triage=called_for)


def _broken_days(faults: Sequence[Fault]) -> str | None:
    """Returns the raw days of all faults, from the first to the last, as `date=` takes them; None without a fault."""
    if not faults:
        return None
    first, last = min(fault.since for fault in faults), max(fault.until for fault in faults)
    return str(first) if first == last else f"{first}..{last}"


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
        "psi_most": _psi_most(watched),
        "broken_days": _broken_days(watched.faults),
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
