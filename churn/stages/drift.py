"""Holds scored nights against their model's reference: what moved, does it matter, and what should be done.

Each night is judged by itself, in the bins that were frozen with the version that scored it; it is an alarm (exit code
5) where k of the last n nights failed. What should be done is decided on all that is known (`churn.drift.triage`), done
where the settings say so, and told in a report. `replay=true` shows which past nights today's settings would alarm on.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from churn.action import Judged, Plan, Taken, Verbs, act, record
from churn.apart import in_words
from churn.champion import Champion, champion_tonight, scored_by
from churn.doors import Doors
from churn.drift.nights import NightRule
from churn.drift.triage import Action, triage
from churn.errors import DataError, ExitCode
from churn.findings import Answer, worst
from churn.nights import nights, no_night
from churn.profiles import KIND as PROFILES
from churn.profiles import opened, past_profile_of, profile_of
from churn.realised import KIND as OUTCOMES
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import DriftStage
from churn.stages import promote, train
from churn.stores.partition import Manifest, Partition, fingerprint
from churn.watch import Watched, judged, nights_before, watch

if TYPE_CHECKING:
    from churn.drift.verdict import DriftVerdict

PAGE = "report.html"
_ALARM = "alarm"
_LATER = "nothing: a later night of the same run decides"
_CALM = {Action.NONE, Action.WATCH, Action.INSUFFICIENT}
log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `drift/<dataset>/date=D` for every date; exit code 5 where one alarms, or cannot be told at all."""
    doors = Doors(settings)
    if settings.stage_as(DriftStage).replay:
        return _replayed(doors)
    found = nights(doors, "drift")
    if not found.dates:
        return no_night(settings, found)
    champion = champion_tonight(doors)
    for day in found.dates:  # before any night is judged: the last one decides what is done
        opened(doors, day)
    for day in found.dates:
        _publish(doors, scored_by(doors, champion, day), day, acts=day == found.dates[-1])
    facts = {day: _facts(doors, day) for day in found.dates}
    last = facts[found.dates[-1]]
    answer = worst(Answer(fact["answer"]) for fact in facts.values())
    outcome = Outcome(
        code=ExitCode.DRIFT_ALARM if any(_calls(fact) for fact in facts.values()) else ExitCode.OK,
        headline=f"drift {settings.dataset.name}: {answer} over {_nights(len(facts))}; {last['action']}",
        figures={
            **_merged(doors, champion, found.dates),
            "alarm": f"{'yes' if last['alarm'] else 'no'}, {last['failed']}",
            **({"told apart": last["told_apart"]} if last["told_apart"] else {}),
            **_outcomes_told(last),
            "what to do": f"{last['action']}: {'; '.join(last['grounds'])}{_way_out(last)}",
            "done": last["taken"]["words"],
            "files": str(doors.lake.path(doors.partition("drift", found.dates[-1]))),
        },
        table=Table(
            header=("date", "version", "answer", "rows", "grounds"),
            rows=tuple(
                (str(day), str(fact["model_version"]), fact["answer"], f"{fact['rows']:,}", fact["reason"])
                for day, fact in facts.items()
            ),
        ),
    )
    return found.told(outcome)


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


def _publish(doors: Doors, champion: Champion, day: date, *, acts: bool) -> None:
    partition = doors.partition("drift", day)
    sources = opened(doors, day)
    inputs = _inputs(doors, champion, day, sources=sources)
    before = doors.lake.manifest(partition)
    done = (before.facts.get("taken") or {}) if before else {}
    put_off = done.get("words") == _LATER
    if doors.lake.is_current(partition, inputs) and not (acts and put_off):
        log.info("%s: already there for the same inputs, nothing to do", partition)
        return
    from churn.drift.table import to_table
    from churn.drift_page import page_of
    from churn.stores.parquet import write_table

    stage, watched = doors.settings.stage_as(DriftStage), watch(doors, champion, day)
    decided = Judged(day=day, champion=champion, triage=triage(watched.signs(stage), stage.triage))
    with doors.lake.publish(partition, inputs=inputs) as staging:
        taken = _act(doors, decided) if acts else Taken(state="nothing", words=_LATER)
        if done.get("state") == "done" and taken.state != "done":
            taken = Taken(**done)  # what was done about a night stays done, however it is judged again
        html = page_of(doors, watched, decided.triage, taken=taken)
        for source, manifest in sources.items():
            doors.lake.require_unchanged(source, manifest)
        record(doors, decided, taken, figures={"psi_most": _psi_most(watched)}, pages={PAGE: html})
        table = to_table(watched.verdict, gain_shares=watched.weights)
        write_table(staging.path / "drift.parquet", table)
        (staging.path / PAGE).write_text(html, encoding="utf-8")
        staging.rows["drift.parquet"] = table.height
        staging.facts |= _told(watched, decided, taken, stage=stage)
    level = logging.INFO if decided.triage.action in _CALM else logging.WARNING
    grounds = f"{decided.triage.action}: {decided.triage.reason}"
    log.log(level, "%s: %s (%s); %s", partition, watched.verdict.answer, watched.verdict.reason, grounds)


def _act(doors: Doors, decided: Judged) -> Taken:
    stage = doors.settings.stage_as(DriftStage)
    plan = Plan(action=stage.action, train=stage.train, promote=stage.promote)
    return act(doors, decided, plan=plan, verbs=Verbs(train=train.run, promote=promote.run))


def _psi_most(watched: Watched) -> float:
    return max((column.psi.distance for column in watched.verdict.columns if column.psi), default=0.0)


def _told(watched: Watched, decided: Judged, taken: Taken, *, stage: DriftStage) -> dict[str, Any]:
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
        "action": str(decided.triage.action),
        "grounds": list(decided.triage.grounds),
        "taken": taken.facts,
    }


def _inputs(doors: Doors, champion: Champion, day: date, *, sources: dict[Partition, Manifest]) -> dict[str, str]:
    stage = doors.settings.stage_as(DriftStage)
    before = {str(night): facts and facts["answer"] for night, facts in nights_before(doors, day).items()}
    limits = [asdict(stage.limits), asdict(stage.alarm), asdict(stage.triage), stage.weights, stage.estimate_drop]
    ripe = [night for night in doors.lake.days(OUTCOMES, doors.settings.dataset.name) if night <= day][-1:]
    outcomes = [(str(night), doors.lake.open(doors.partition(OUTCOMES, night), made_by="").content) for night in ripe]
    return {
        **{source.kind: manifest.content for source, manifest in sources.items()},
        "bundle": champion.bundle.fingerprint,
        "code": doors.code("drift"),
        "limits": fingerprint(limits),
        "nights_before": fingerprint(before),
        "outcomes": fingerprint(outcomes),
        "accepted": fingerprint(doors.settings.dataset.intake.accept),
    }


def _merged(doors: Doors, champion: Champion, days: tuple[date, ...]) -> dict[str, str]:
    """Returns the verdict over all nights of the last one's version, added up; nothing for a single night."""
    if len(days) == 1:
        return {}
    last = scored_by(doors, champion, days[-1])
    same = [day for day in days if scored_by(doors, champion, day).version == last.version]
    first, *others = (profile_of(doors, last, day) for day in same)
    now = sum(others, first)
    verdict = judged(doors, last, now)
    words = f"{verdict.answer} ({verdict.reason}); {len(same)} nights of version {last.version}, n = {now.rows:,} rows"
    return {"all nights added": words}


def _replayed(doors: Doors) -> Outcome:
    """Returns what today's settings say of the nights whose profiles are kept; nothing is published."""
    settings, stage = doors.settings, doors.settings.stage_as(DriftStage)
    asked = settings.dates if settings.date else None
    kept = frozenset(doors.lake.days(PROFILES, settings.dataset.name))
    days = sorted(kept if asked is None else kept.intersection(asked))
    if not days:
        action = f"run stage=drift on the nights first, such as {doors.command('drift', 'auto')}"
        raise DataError(where="drift replay", found="no night has a profile", action=action)
    champion = champion_tonight(doors)
    again = _Again(doors, champion, kept)
    rows = [again.row(day, rule=stage.alarm) for day in days]
    alarms = sum(row[3] == _ALARM for row in rows)
    return Outcome(
        headline=f"drift {settings.dataset.name}: today's settings alarm on {alarms} of {len(days)} past nights",
        figures={"left out": "broken feeds and outcomes, which these settings do not decide on"},
        table=Table(header=("date", "answer then", "answer now", "alarm", "grounds"), rows=tuple(rows)),
    )


class _Again:
    """Past nights under today's settings, each judged once, those before the asked ones too."""

    def __init__(self, doors: Doors, champion: Champion, kept: Collection[date]) -> None:
        self._doors, self._champion, self._kept = doors, champion, kept
        self._found: dict[date, DriftVerdict] = {}

    def row(self, day: date, *, rule: NightRule) -> tuple[str, ...]:
        """Returns a night's line of the table: what was said then, what is said now, whether it is an alarm, why."""
        nights = [day - timedelta(days=count) for count in range(rule.n - 1, -1, -1)]
        answers = [self._verdict(night).answer if night in self._kept else None for night in nights]
        then = self._doors.lake.manifest(self._doors.partition("drift", day))
        word, verdict = _ALARM if rule.alarms(answers) else "-", self._verdict(day)
        return str(day), then.facts["answer"] if then else "-", str(verdict.answer), word, verdict.reason

    def _verdict(self, day: date) -> DriftVerdict:
        if day not in self._found:
            champion = scored_by(self._doors, self._champion, day)
            self._found[day] = judged(self._doors, champion, past_profile_of(self._doors, champion, day))
        return self._found[day]
