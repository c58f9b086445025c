"""What is done about a verdict that calls for another model, and why is it not done at once?

A training or a refit runs here, or a command of the user's, held back by a cool-down and a budget. Both are read off
the decisions and reigns that the registry keeps: there is no second book. What is begun is on record before it begins,
so that it counts however it ends, and what cannot be recorded is not begun. The verdict is published before, and
nothing that fails here loses it: it is told as a value.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from churn.champion import Champion
from churn.decision import who
from churn.doors import Doors
from churn.drift.triage import Action, Triage
from churn.errors import ChurnError, ExitCode
from churn.reports.outcome import Outcome
from churn.settings import Settings
from churn.settings.stages import DriftAction, PromoteStage, TrainStage
from churn.stores.decisions import Decision, Recorded
from churn.stores.program import run_program
from churn.stores.runs import cut

log = logging.getLogger(__name__)

State: TypeAlias = Literal["nothing", "waits", "begun", "done", "unchanged", "failed"]
_MONTH = timedelta(days=30)
_ON_RECORD: tuple[State, ...] = ("begun", "done", "unchanged", "failed")
_ANOTHER_MODEL = (Action.RETRAIN, Action.RECALIBRATE)
_NOT_WORTH_A_RECORD = (Action.NONE, Action.INSUFFICIENT)
_LONGEST_REASON = 1000  # that stage=promote takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A night, the version that scored it, and what its verdict calls for."""

    day: date
    champion: Champion
    triage: Triage


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the settings allow to be done, and those of the stages that would do it."""

    action: DriftAction
    train: TrainStage
    promote: PromoteStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbs:
    """The stages that make another model champion; they stand on a higher floor, and are handed in."""

    train: Callable[[Settings], Outcome]
    promote: Callable[[Settings], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was done: nothing, as nobody asked for more; it waits for the cool-down or the budget; done; or it failed.

    On record it is `begun` first. `unchanged`: what came out is the champion itself.

    `words` say what, or why not. `version` is the one that was made, `promoted` whether it reigns now. `exit_code` is
    the user's command's, or that of the stage that failed; None where there is none.
    """

    state: State
    words: str
    version: int | None = None
    promoted: bool = False
    exit_code: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What stands on record, in values that JSON knows."""
        return asdict(self)


def act(doors: Doors, judged: Judged, *, plan: Plan, verbs: Verbs) -> Taken:
    """Returns what was done about the verdict of a night.

    Only retrain and recalibrate are acted upon: a fault, say, never trains anything, nor calls the user's command.
    """
    called_for, day = judged.triage.action, judged.day
    if called_for not in _ANOTHER_MODEL:
        return Taken(state="nothing", words="nothing: it calls for no other model")
    if plan.action.kind == "none":
        words = f"nothing: action.kind=none only reports; to act: {doors.command('drift', day)} action.kind=retrain"
        return Taken(state="nothing", words=words)
    try:
        with doors.lake.lock(doors.partition("actions")):
            taken = _held_back(doors, judged, plan.action) or _on_record(doors, judged, plan=plan, verbs=verbs)
    except ChurnError as error:
        taken = _failed(called_for, error)
    log.log(logging.ERROR if taken.state == "failed" else logging.INFO, "drift of %s: %s", day, taken.words)
    return taken


def record(
    doors: Doors, judged: Judged, *, figures: Mapping[str, float], pages: Mapping[str, str], is_new: bool = True
) -> None:
    """Keeps the verdict about a night in MLflow, where it calls for something; one that does not answer is warned of.

    `figures` are numbers by name, `pages` HTML by file name. One that is not new is kept where its run could not.
    """
    if judged.triage.action in _NOT_WORTH_A_RECORD:
        return
    decision = _decision(judged, figures=figures, pages=pages)
    try:
        if is_new or not _stands_last(doors, decision):
            doors.registry.record(decision)
    except ChurnError as error:
        log.warning("drift of %s is on no record in MLflow: %s: %s", judged.day, error.where, error.found)


def _stands_last(doors: Doors, verdict: Decision) -> bool:
    """Returns whether the last verdict on record about a night is this one."""
    about = [one for one in doors.registry.decisions() if one.kind == "drift" and one.since == verdict.since]
    last = next((one for one in reversed(about) if one.answer in set(Action)), None)
    words = (verdict.answer, verdict.champion, cut(verdict.reason))
    return last is not None and (last.answer, last.champion, last.reason) == words


def _decision(
    judged: Judged,
    taken: Taken | None = None,
    *,
    figures: Mapping[str, float] = MappingProxyType({}),
    pages: Mapping[str, str] = MappingProxyType({}),
) -> Decision:
    """Returns what is put on record: the verdict, or what was taken in hand about it."""
    triage, champion = judged.triage, judged.champion
    return Decision(
        kind="drift",
        version=(taken.version if taken else None) or champion.version,
        champion=champion.version,
        moves=False,
        answer=_answer(triage.action, taken.state) if taken else str(triage.action),
        reason=f"{triage.reason}; {taken.words}" if taken else triage.reason,
        by=who(),
        since=judged.day.isoformat(),
        figures=figures,
        evidence={"grounds": list(triage.grounds), "taken": taken.facts if taken else None},
        pages=pages,
    )


def _answer(action: Action, state: State) -> str:
    return f"{action}, {state}"


def _failed(action: Action, error: ChurnError) -> Taken:
    words = f"{action} failed: {error.where}: {error.found}; do: {error.action}"
    return Taken(state="failed", words=words, exit_code=int(error.exit_code))


def _held_back(doors: Doors, judged: Judged, limits: DriftAction) -> Taken | None:
    """Returns why nothing is done yet; None where nothing stands in the way."""
    reigning, version, day = doors.registry.champion(), judged.champion.version, judged.day
    done = _counted(doors)
    if day in done:
        return Taken(state="waits", words=f"nothing more: {done[day].answer} for this night at {done[day].decided}")
    if reigning is None or reigning.version != version:
        now = f"version {reigning.version} is champion by now" if reigning else "nobody is champion"
        return _waits(f"{now}, and the verdict is about version {version}")
    spent = [night for night, one in done.items() if not one.answer.endswith(", unchanged")]
    within = [night for night in spent if day - _MONTH < night <= day]
    if len(within) >= limits.monthly_budget:
        nights = f" ({', '.join(map(str, within))})" if within else ""
        return _waits(f"{len(within)} of {limits.monthly_budget} actions of 30 days are spent{nights}")
    return _cooling(doors, tuple(done), day=day, days=limits.cooldown_days)


def _cooling(doors: Doors, done: Sequence[date], *, day: date, days: int) -> Taken | None:
    reigns = [date.fromisoformat(reign.since) for reign in doors.registry.reigns()[-1:]]
    known = [
        *((night, "the champion reigns since") for night in reigns),
        *((night, "the last action was on") for night in done),
    ]
    last, why = max(known, default=(date.min, ""))
    if last > day:
        return _waits(f"{why} {last}, after this night")
    passed = (day - last).days
    return _waits(f"{why} {last}, and {days} days have to pass ({passed} have)") if passed < days else None


def _waits(why: str) -> Taken:
    return Taken(state="waits", words=f"nothing yet: {why}")


def _counted(doors: Doors) -> dict[date, Recorded]:
    """Returns what was begun about drift and did not fail, by its night, in the order of the nights.

    What gave the champion itself is among it: the next night would give the same, so it cools down, too.
    """
    answers = {_answer(action, state): state for action in _ANOTHER_MODEL for state in _ON_RECORD}
    latest = {one.since: one for one in doors.registry.decisions() if one.kind == "drift" and one.answer in answers}
    counted = {night: one for night, one in latest.items() if answers[one.answer] != "failed"}
    return {date.fromisoformat(night): counted[night] for night in sorted(counted)}


def _on_record(doors: Doors, judged: Judged, *, plan: Plan, verbs: Verbs) -> Taken:
    """Carries it out between two records; where the second fails it stays begun, and counts.

    Another machine on the same registry may have begun meanwhile: the one whose record came first goes on.
    """
    begun = Taken(state="begun", words=f"{plan.action.kind} has begun")
    mine = doors.registry.record(_decision(judged, begun))
    first = _first_to_begin(doors, mine)
    if first.run != mine.run:
        return _waits(f"another run has begun it at {first.decided}")
    try:
        taken = _carry_out(doors, judged, plan=plan, verbs=verbs)
    except ChurnError as error:
        taken = _failed(judged.triage.action, error)
    try:
        doors.registry.record(_decision(judged, taken))
    except ChurnError as error:
        log.warning("what became of it is on no record, so it counts as begun: %s: %s", error.where, error.found)
    return taken


def _first_to_begin(doors: Doors, mine: Recorded) -> Recorded:
    """Returns the first record since the last failure that says what `mine` says of the same night."""
    first = mine
    for one in reversed(doors.registry.decisions()):
        if one.kind == "drift" and one.since == mine.since:
            if one.answer.endswith(", failed"):
                break
            first = one if one.answer == mine.answer else first
    return first


def _carry_out(doors: Doors, judged: Judged, *, plan: Plan, verbs: Verbs) -> Taken:
    if plan.action.kind == "command":
        return _command(doors, judged, plan.action)
    make = _recalibrate if judged.triage.action is Action.RECALIBRATE else _retrain
    return make(doors, judged, plan=plan, verbs=verbs)


def _retrain(doors: Doors, judged: Judged, *, plan: Plan, verbs: Verbs) -> Taken:
    trained = verbs.train(doors.settings.at(plan.train, judged.day.isoformat()))
    if trained.unpromotable or trained.version is None:
        return Taken(state="done", words=f"{trained.headline}; {trained.unpromotable}", version=trained.version)
    if trained.version == judged.champion.version:
        return _unchanged(trained.headline, trained.version)
    promoted = verbs.promote(_judging(doors, judged, replace(plan.promote, version=trained.version)))
    return _made(trained.headline, trained.version, promoted=promoted)


def _recalibrate(doors: Doors, judged: Judged, *, plan: Plan, verbs: Verbs) -> Taken:
    from churn.refit import gates_of_a_refit, refit

    champion, promote = judged.champion, plan.promote
    version = refit(doors, champion, day=judged.day, kind=plan.train.calibration)
    if version == champion.version:
        return _unchanged("its curve was fitted on these very rows", version)
    by_brier = replace(promote, version=version, gates=gates_of_a_refit(promote.gates))
    promoted = verbs.promote(_judging(doors, judged, by_brier))
    return _made(f"version {version} is version {champion.version} recalibrated", version, promoted=promoted)


def _judging(doors: Doors, judged: Judged, promote: PromoteStage) -> Settings:
    reason = f"drift of {judged.day}: {judged.triage.reason}"[:_LONGEST_REASON]
    return doors.settings.at(replace(promote, reason=reason), judged.day.isoformat())


def _unchanged(why: str, version: int) -> Taken:
    return Taken(
        state="unchanged", words=f"nothing new, version {version} is the champion itself: {why}", version=version
    )


def _made(words: str, version: int, *, promoted: Outcome) -> Taken:
    """Returns what the gates made of a version: a refusal is an end like any other."""
    is_champion = promoted.code is ExitCode.OK
    return Taken(state="done", words=f"{words}; {promoted.headline}", version=version, promoted=is_champion)


def _command(doors: Doors, judged: Judged, action: DriftAction) -> Taken:
    variables = {
        "CHURN_VERDICT": str(judged.triage.action),
        "CHURN_DATE": judged.day.isoformat(),
        "CHURN_REASON": judged.triage.reason,
        "CHURN_DATASET": doors.settings.dataset.name,
        "CHURN_MODEL_VERSION": str(judged.champion.version),
        "CHURN_ROOT": str(doors.settings.root),
    }
    ended = run_program(action.command, variables=variables, timeout_seconds=action.timeout_seconds)
    cut_off: State = "begun" if ended.is_cut_off else "failed"  # what it did until then is not known: it counts
    return Taken(state="done" if ended.is_well else cut_off, words=ended.words, exit_code=ended.code)
