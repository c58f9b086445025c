"""What a verdict sets going: only what calls for another model, never too often, and never at the verdict's cost."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn.action import Judged, Plan, Taken, Verbs, act, record
from churn.champion import Champion, find_champion, version_of
from churn.doors import Doors
from churn.drift.triage import Action, Triage
from churn.errors import DataError, SettingsError, TryAgainError
from churn.labelled import read_labelled
from churn.promotion.metrics import auc, brier
from churn.refit import candidate_of, gates_of_a_refit, refit
from churn.reports.outcome import Outcome
from churn.settings import Settings
from churn.settings.stages import DriftAction, PromoteStage, TrainStage
from churn.stages import promote, train
from churn.stores.decisions import Decision, Recorded
from churn.stores.registry import Registry
from churn.training.calibration import Platt
from churn.training.split import Part
from tests.command import FAST, done
from tests.decisions import crown

NIGHT = date(2025, 8, 20)  # ten days after the champion's first night
ACTION = DriftAction(kind="retrain", command=(), timeout_seconds=60, cooldown_days=7, monthly_budget=2)
NEVER = Verbs(train=lambda _: pytest.fail("a training"), promote=lambda _: pytest.fail("a promotion"))


def settings_of(stage: str, root: Path, *overrides: str) -> Settings:
    """Returns what a command is parsed to; nothing runs."""
    seen: list[Settings] = []

    def note(settings: Settings) -> Outcome:
        seen.append(settings)
        return Outcome(headline="noted")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"churn.stages.{stage}.run", note)
        done(f"stage={stage}", f"date={NIGHT}", *FAST, *overrides, root=root)
    return seen[0]


def plan(root: Path, action: DriftAction = ACTION, *promoting: str) -> tuple[Doors, Plan]:
    same_dates = ("model.seed=5", "dates=2025-04-11..2025-07-11/1mo")  # another model of features that are there
    trained, judged = settings_of("train", root, *same_dates), settings_of("promote", root, *promoting)
    plan = Plan(action=action, train=trained.stage_as(TrainStage), promote=judged.stage_as(PromoteStage))
    return Doors(trained), plan


def judged(doors: Doors, action: Action, *, day: date = NIGHT, champion: Champion | None = None) -> Judged:
    reigning = champion or find_champion(doors)
    assert reigning
    return Judged(day=day, champion=reigning, triage=Triage(action=action, grounds=("prices were cut", "it lasts")))


def last_evidence(doors: Doors) -> dict[str, Any]:
    found = doors.registry.decisions()[-1]
    evidence: dict[str, Any] = json.loads(Path(doors.registry.page_of(found.run, "decision.json")).read_text())
    return evidence


def answers(doors: Doors) -> list[str]:
    return [one.answer for one in doors.registry.decisions() if one.kind == "drift"]


def test_nothing_is_done_where_no_other_model_is_called_for(business: Path) -> None:
    doors, whole = plan(business, replace(ACTION, kind="command", command=("/no/such/program",)))
    for action in set(Action) - {Action.RETRAIN, Action.RECALIBRATE}:
        taken = act(doors, judged(doors, action), plan=whole, verbs=NEVER)
        assert (taken.state, taken.exit_code) == ("nothing", None)
    reports = replace(whole, action=replace(ACTION, kind="none"))
    for action in (Action.RETRAIN, Action.RECALIBRATE):
        assert act(doors, judged(doors, action), plan=reports, verbs=NEVER).state == "nothing"


def test_a_champion_that_is_new_or_another_is_not_replaced_yet(business: Path) -> None:
    doors, whole = plan(business)
    words = {
        day: act(doors, judged(doors, Action.RETRAIN, day=date(2025, 8, day)), plan=whole, verbs=NEVER).words
        for day in (9, 10, 16)
    }
    assert words[9] == "nothing yet: the champion reigns since 2025-08-10, after this night"
    assert words[10] == "nothing yet: the champion reigns since 2025-08-10, and 7 days have to pass (0 have)"
    assert words[16] == "nothing yet: the champion reigns since 2025-08-10, and 7 days have to pass (6 have)"
    other = replace(judged(doors, Action.RETRAIN).champion, version=7)
    taken = act(doors, judged(doors, Action.RETRAIN, champion=other), plan=whole, verbs=NEVER)
    assert taken.words == "nothing yet: version 1 is champion by now, and the verdict is about version 7"
    none = replace(whole, action=replace(ACTION, monthly_budget=0))
    assert "0 of 0 actions of 30 days" in act(doors, judged(doors, Action.RETRAIN), plan=none, verbs=NEVER).words


def test_a_training_that_fails_is_told_and_loses_nothing(lake: Path) -> None:
    def fails(_: Settings) -> Outcome:
        raise DataError(where="train", found="no rows", action="load some")

    doors, whole = plan(lake)
    taken = act(doors, judged(doors, Action.RETRAIN), plan=whole, verbs=replace(NEVER, train=fails))
    assert answers(doors) == ["retrain, begun", "retrain, failed"]
    assert taken == Taken(state="failed", words="retrain failed: train: no rows; do: load some", exit_code=3)


def test_a_registry_that_does_not_answer_is_told_and_loses_nothing(
    business: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    doors, whole = plan(business)
    one = judged(doors, Action.RETRAIN)

    def silent(*_: object) -> None:
        raise TryAgainError(where="registry", found="no answer", action="try again")

    monkeypatch.setattr(Registry, "decisions", silent)
    monkeypatch.setattr(Registry, "record", silent)
    taken = act(doors, one, plan=whole, verbs=NEVER)
    assert (taken.state, taken.exit_code) == ("failed", 75)
    record(doors, one, figures={}, pages={})
    assert "drift of 2025-08-20 is on no record in MLflow: registry: no answer" in caplog.text


def test_what_cannot_be_put_on_record_is_not_begun(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doors, whole = plan(business)

    def silent(*_: object) -> None:
        raise TryAgainError(where="registry", found="no answer", action="try again")

    monkeypatch.setattr(Registry, "record", silent)
    taken = act(doors, judged(doors, Action.RETRAIN), plan=whole, verbs=NEVER)
    assert (taken.state, taken.exit_code) == ("failed", 75)


def test_what_was_killed_has_begun_and_counts(lake: Path) -> None:
    def killed(_: Settings) -> Outcome:
        raise KeyboardInterrupt

    doors, whole = plan(lake)
    one = judged(doors, Action.RETRAIN)
    with pytest.raises(KeyboardInterrupt):
        act(doors, one, plan=whole, verbs=replace(NEVER, train=killed))
    assert answers(doors) == ["retrain, begun"]
    again = act(doors, one, plan=whole, verbs=NEVER)
    assert again.words.startswith("nothing more: retrain, begun for this night at 20")
    later = act(doors, judged(doors, Action.RETRAIN, day=date(2025, 8, 21)), plan=whole, verbs=NEVER)
    assert later.words == "nothing yet: the last action was on 2025-08-20, and 7 days have to pass (1 have)"


def test_of_two_machines_the_one_whose_record_came_first_goes_on(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doors, whole = plan(lake)
    one, own = judged(doors, Action.RETRAIN), Registry.record

    def the_others_first(registry: Registry, decision: Decision) -> Recorded:
        own(registry, decision)
        return own(registry, decision)

    monkeypatch.setattr(Registry, "record", the_others_first)
    taken = act(doors, one, plan=whole, verbs=NEVER)
    assert taken.state == "waits"
    assert taken.words.startswith("nothing yet: another run has begun it at 20")


def test_what_was_cut_off_counts(lake: Path) -> None:
    slow = replace(ACTION, kind="command", command=("sleep", "60"), timeout_seconds=1)
    doors, whole = plan(lake, slow)
    one = judged(doors, Action.RETRAIN)
    assert act(doors, one, plan=whole, verbs=NEVER).words == "sleep was killed after 1 seconds"
    assert act(doors, one, plan=whole, verbs=NEVER).words.startswith("nothing more: retrain, begun for this night")


def test_one_run_acts_at_a_time_and_what_a_lock_prevented_is_done_by_the_next(lake: Path) -> None:
    doors, whole = plan(lake, replace(ACTION, kind="command", command=("true",)))
    one = judged(doors, Action.RETRAIN)
    with doors.lake.lock(doors.partition("actions")):
        taken = act(doors, one, plan=whole, verbs=NEVER)
    assert (taken.state, taken.exit_code) == ("failed", 6)
    assert "another run is at work on it" in taken.words
    assert act(doors, one, plan=whole, verbs=NEVER).state == "done"


def test_a_retraining_that_gives_the_champion_itself_cools_down_and_spends_nothing(lake: Path) -> None:
    def again(_: Settings) -> Outcome:
        return Outcome(headline="version 1 was trained from the same inputs", version=1)

    doors, whole = plan(lake, replace(ACTION, monthly_budget=1))
    same = replace(NEVER, train=again)
    taken = act(doors, judged(doors, Action.RETRAIN), plan=whole, verbs=same)
    assert (taken.state, taken.version, taken.promoted) == ("unchanged", 1, False)
    assert taken.words.startswith("nothing new, version 1 is the champion itself: version 1 was trained from the same")
    assert answers(doors) == ["retrain, begun", "retrain, unchanged"]
    assert act(doors, judged(doors, Action.RETRAIN), plan=whole, verbs=NEVER).words.startswith("nothing more")
    later = {day: judged(doors, Action.RETRAIN, day=date(2025, 8, day)) for day in (26, 27)}
    assert "7 days have to pass (6 have)" in act(doors, later[26], plan=whole, verbs=NEVER).words
    assert act(doors, later[27], plan=whole, verbs=same).state == "unchanged"


def test_a_verdict_is_on_record_with_its_page_and_starts_no_cool_down(lake: Path) -> None:
    doors, _ = plan(lake)
    pages = {"drift.html": "<p>seen</p>"}
    record(doors, judged(doors, Action.NONE), figures={}, pages=pages)
    assert answers(doors) == []
    record(doors, judged(doors, Action.RETRAIN), figures={"drifted_share": 0.4}, pages=pages)
    assert answers(doors) == ["retrain"]
    evidence = last_evidence(doors)
    assert (evidence["version"], evidence["champion"], evidence["since"]) == (1, 1, "2025-08-20")
    assert (evidence["grounds"], evidence["taken"]) == (["prices were cut", "it lasts"], None)
    run = doors.registry.decisions()[-1].run
    assert Path(doors.registry.page_of(run, "drift.html")).read_text() == "<p>seen</p>"


def test_a_night_is_retrained_once_and_counts_from_then_on(lake: Path) -> None:
    doors, whole = plan(lake)
    one = judged(doors, Action.RETRAIN)
    taken = act(doors, one, plan=whole, verbs=Verbs(train=train.run, promote=promote.run))
    assert (taken.state, taken.version, taken.promoted) == ("done", 2, False), taken.words
    assert "registered version 2" in taken.words
    assert "the champion stays" in taken.words
    assert doors.registry.versions() == (1, 2)
    evidence = last_evidence(doors)
    assert answers(doors) == ["retrain, begun", "retrain, done"]
    assert (evidence["answer"], evidence["version"], evidence["champion"]) == ("retrain, done", 2, 1)
    assert evidence["grounds"] == ["prices were cut", "it lasts"]
    assert evidence["taken"] == taken.facts
    last = done("stage=history", root=lake).out.splitlines()[-1]
    assert "drift: retrain, done" in last
    assert "prices were cut; it lasts; " in last
    again = act(doors, one, plan=whole, verbs=NEVER)
    assert again.words.startswith("nothing more: retrain, done for this night at 20")
    spent = replace(whole, action=replace(ACTION, cooldown_days=0, monthly_budget=1))
    words = {
        day: act(doors, judged(doors, Action.RETRAIN, day=day), plan=spent, verbs=replace(NEVER, train=stopped)).words
        for day in (date(2025, 8, 21), date(2025, 9, 18), date(2025, 9, 19))
    }
    assert [f"{day}: {'spent' in text}" for day, text in words.items()] == [
        "2025-08-21: True",
        "2025-09-18: True",
        "2025-09-19: False",
    ]


def stopped(_: Settings) -> Outcome:
    raise DataError(where="train", found="stopped", action="nothing")


def test_a_command_gets_the_verdict_and_its_failure_does_not_count(lake: Path, tmp_path: Path) -> None:
    wrote = tmp_path / "wrote.json"
    code = (
        "import json, os, sys; "
        "told = {name: text for name, text in os.environ.items() if name.startswith('CHURN_')}; "
        f"json.dump(told, open({str(wrote)!r}, 'w')); sys.exit(3)"
    )
    action = replace(ACTION, kind="command", command=(sys.executable, "-c", code))
    doors, whole = plan(lake, action)
    one = judged(doors, Action.RECALIBRATE)
    failed = act(doors, one, plan=whole, verbs=NEVER)
    assert (failed.state, failed.exit_code) == ("failed", 3)
    assert json.loads(wrote.read_text()) == {
        "CHURN_VERDICT": "recalibrate",
        "CHURN_DATE": "2025-08-20",
        "CHURN_REASON": "prices were cut; it lasts",
        "CHURN_DATASET": "subscription",
        "CHURN_MODEL_VERSION": "1",
        "CHURN_ROOT": str(lake),
    }
    assert last_evidence(doors)["answer"] == "recalibrate, failed"
    works = replace(whole, action=replace(action, command=(sys.executable, "-c", "")))
    taken = act(doors, one, plan=works, verbs=NEVER)
    assert (taken.state, taken.exit_code) == ("done", 0)
    assert act(doors, one, plan=works, verbs=NEVER).state == "waits"


def reign_of_an_uncalibrated_twin(root: Path) -> None:
    """Makes the champion's own trees, with probabilities four times as high in odds, champion as version 2."""
    doors, _ = plan(root)
    champion = find_champion(doors)
    assert champion
    high = replace(champion.bundle, calibrator=Platt(slope=1.0, intercept=float(np.log(4))))
    lineage = high.lineage | {"recalibrated": {"from_version": 1, "from_bundle": "a twin"}}
    assert doors.registry.register(candidate_of(replace(high, lineage=lineage))) == 2
    crown(doors.registry, 2, since="2025-08-10")


@pytest.mark.slow
def test_a_calibration_that_is_off_is_refitted_with_the_same_trees_and_judged_by_the_brier_score(lake: Path) -> None:
    reign_of_an_uncalibrated_twin(lake)
    doors, whole = plan(
        lake, ACTION, "on_insufficient=allow"
    )  # half of a business so small tells little of groups and slices
    one = judged(doors, Action.RECALIBRATE)
    assert one.champion.version == 2
    taken = act(doors, one, plan=whole, verbs=replace(NEVER, promote=promote.run))
    assert (taken.state, taken.version, taken.promoted) == ("done", 3, True), taken.words
    assert taken.words.startswith("version 3 is version 2 recalibrated; promote subscription: version 3 is champion")
    old, new = one.champion.bundle, version_of(doors, 3).bundle
    assert (new.model_text, new.encoding) == (old.model_text, old.encoding)
    assert new.calibrator != old.calibrator
    assert new.lineage["recalibrated"]["from_version"] == 2
    assert new.lineage["parts"]["train"] == old.lineage["parts"]["train"]
    test, fitted = (Part.from_json(new.lineage["parts"][name]) for name in ("test", "calibration"))
    assert test.dates == fitted.dates == (date(2025, 7, 11),)
    assert not {*(test.buckets or ())} & {*(fitted.buckets or ())}
    rows = read_labelled(doors, test, known_at=NIGHT)
    before, after = (bundle.scorer(num_threads=1).scores(rows.features) for bundle in (old, new))
    assert auc(rows.labels, after).figure == pytest.approx(auc(rows.labels, before).figure, abs=1e-12)
    assert brier(rows.labels, after).figure < brier(rows.labels, before).figure - 0.01
    assert new.metrics["brier_test"] == pytest.approx(brier(rows.labels, after).figure, abs=1e-12)
    assert float(np.mean(after)) == pytest.approx(float(np.mean(rows.labels)), abs=0.03)
    assert refit(doors, one.champion, day=NIGHT, kind="auto") == 3
    done("stage=score", f"date={NIGHT}", root=lake)
    done("stage=lineage", f"date={NIGHT}", root=lake)


def test_a_refit_without_ripe_labels_is_told(business: Path) -> None:
    doors, _ = plan(business)
    champion = judged(doors, Action.RECALIBRATE).champion
    with pytest.raises(DataError, match="no night with features has labels that are ripe at 2025-02-01"):
        refit(doors, champion, day=date(2025, 2, 1), kind="auto")
    with pytest.raises(DataError, match="the champion learned labels of 2025-06-11"):
        refit(doors, champion, day=date(2025, 7, 12), kind="auto")


def test_a_refit_is_compared_by_brier_unless_the_settings_name_another_such_measure(business: Path) -> None:
    _, whole = plan(business)
    assert gates_of_a_refit(whole.promote.gates).keys() == whole.promote.gates.keys()
    for metric, expected in {"null": "brier", "auc": "brier", "log_loss": "log_loss"}.items():
        _, named = plan(business, ACTION, f"gates.champion.metric={metric}")
        gate: Any = gates_of_a_refit(named.promote.gates)["champion"]
        assert (gate.kind, gate.alpha, gate.metric) == ("superior", 0.05, expected)
    others = gates_of_a_refit(whole.promote.gates)
    assert {name: gate for name, gate in others.items() if name != "champion"} == {
        name: gate for name, gate in whole.promote.gates.items() if name != "champion"
    }


def test_a_command_has_to_be_named() -> None:
    with pytest.raises(SettingsError, match="kind=command without a command"):
        replace(ACTION, kind="command")


def test_a_dataset_of_amounts_has_no_calibration(business: Path) -> None:
    doors, _ = plan(business)
    champion = judged(doors, Action.RECALIBRATE).champion
    amounts = replace(champion, bundle=replace(champion.bundle, task="regression"))
    with pytest.raises(DataError, match="a regression, whose scores have no calibration"):
        refit(doors, amounts, day=NIGHT, kind="auto")
