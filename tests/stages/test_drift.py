"""A night is held against the champion's reference; an alarm is exit code 5 and loses nothing."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.model_quality import settings_of
from churn.champion import Champion, champion_tonight
from churn.doors import Doors
from churn.errors import TryAgainError
from churn.nights import changes, nights
from churn.profiles import NightTally, keep
from churn.raw_days import in_lake
from churn.realised import to_facts, to_table
from churn.stages import drift
from churn.stores.parquet import write_table
from churn.stores.registry import Registry
from tests.command import churn, copied, done, published
from tests.test_hints import FAULT
from tests.test_realised import NIGHT as PAST

NIGHT = "2025-08-20"
DRIFT = ("stage=drift", f"date={NIGHT}")
FILE = f"drift/subscription/date={NIGHT}/drift.parquet"
ALWAYS = (
    "stage.limits.drifted_share=0",
    "stage.limits.psi=0.0001",
    "stage.limits.ks=0.0001",
    "stage.limits.alpha=0.9",
    "stage.alarm.k=1",
)


def quoted(code: str) -> str:
    return '"' + code.replace('"', '\\"') + '"'


def test_a_steady_night_does_not_alarm(scored: Path) -> None:
    ran = done(*DRIFT, root=scored)
    assert "drift subscription: pass" in ran.out or "drift subscription: warn" in ran.out
    table = pl.read_parquet(scored / FILE)
    assert set(table["answer"]) <= {"pass", "warn", "not watched", "insufficient evidence"}
    assert table["rows_current"].unique().to_list() == [1500]
    assert table["gain_share"].sum() == pytest.approx(1.0)
    assert table.filter(pl.col("column").str.starts_with("churn_score"))["gain_share"].to_list() == [None, None]


def test_inputs_that_moved_alarm_with_exit_code_5(scored: Path) -> None:
    for path in (scored / "raw" / "subscription").glob("date=2025-0[678]-*/usage.parquet"):
        table = pl.read_parquet(path, hive_partitioning=False)
        table.with_columns(pl.col("sessions", "minutes") * 3).write_parquet(path)
    for stage in ("features", "score"):
        done(f"stage={stage}", f"date={NIGHT}", root=scored)
    fails = (*DRIFT, "stage.limits.drifted_share=0.1")
    ran = done(*fails, root=scored)
    assert "1 of the last 3 nights failed, an alarm is 2" in ran.out
    assert "told from the test's by" in ran.out
    assert "sessions_" in ran.out.split("told from the test's by")[1].split("of the gain")[0]
    ran = churn(*fails, "stage.alarm.k=1", root=scored)
    assert ran.code == 5
    drifted = pl.read_parquet(scored / FILE).filter(pl.col("answer") == "warn")["column"].to_list()
    assert "sessions_30d" in drifted
    assert "plan" not in drifted
    before = published(scored, "drift")
    replay = ("stage=drift", "stage.replay=true")
    assert "settings alarm on 0 of 1 past nights" in done(*replay, root=scored).out
    keen = ("stage.limits.drifted_share=0.1", "stage.alarm.k=1")
    assert "settings alarm on 1 of 1 past nights" in done(*replay, *keen, root=scored).out
    assert published(scored, "drift") == before
    is_done_once_after_its_verdict_is_published(scored, (*fails, "stage.alarm.k=1"))


def is_done_once_after_its_verdict_is_published(root: Path, fails: tuple[str, ...]) -> None:
    wrote, seen = root / "wrote", f"{root / FILE}"
    code = f"import os; open({str(wrote)!r}, 'a').write(os.environ['CHURN_VERDICT'] + str(os.path.exists({seen!r})))"
    shutil.rmtree((root / FILE).parent)
    command = (f"stage.action.command=[{sys.executable},-c,{quoted(code)}]", "stage.action.kind=command")
    lasting = (*fails, "stage.triage.nights=1", "stage.triage.weight=0.01", *command)
    first, second = (churn(*lasting, root=root) for _ in range(2))
    assert (first.code, second.code) == (5, 5), first.err
    assert wrote.read_text() == "retrainTrue", first.out
    assert f"{sys.executable} ended with exit code 0" in first.out
    assert "nothing more: retrain, done for this night at 20" in second.out
    told = done("stage=history", root=root).out
    assert ("drift: retrain, begun" in told, "drift: retrain, done" in told) == (True, True)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (lambda *_: {"2025-07-01": ["realised", {}]}, "_outcomes"),
        (lambda *_: {"2025-08-01": ["mended"]}, "raw_contents"),
        (lambda *_: (date(2025, 8, 1),), "excused_days"),
    ],
)
def test_what_is_known_later_judges_the_night_again(
    found: Callable[..., object], name: str, scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(*DRIFT, root=scored)
    assert "nothing to do" in done(*DRIFT, root=scored).err
    monkeypatch.setattr(f"churn.verdict_inputs.{name}", found)
    assert "nothing to do" not in done(*DRIFT, root=scored).err


def test_a_verdict_is_stale_where_outcomes_limits_or_an_earlier_night_would_judge_it_anew(scored: Path) -> None:
    done(*DRIFT, root=scored)
    assert changed(scored) == ()
    assert changed(scored, "stage.drift.limits.psi=0.3") == ("drift: limits: changed",)
    copied((scored / FILE).parent, (scored / FILE).parent.with_name("date=2025-08-19"))
    assert changed(scored) == ("drift: nights_before: changed",)
    doors, past = Doors(settings_of("stage=status", f"root={scored}")), date(2025, 7, 21)
    for day in (past, past + timedelta(days=1)):  # the second was not ripe on the night
        with doors.lake.publish(doors.partition("outcomes", day), inputs={}) as staging:
            write_table(staging.path / "outcomes.parquet", to_table(PAST))
            staging.facts |= to_facts(PAST)
        assert changed(scored) == ("drift: nights_before: changed", "drift: outcomes: changed")
    done(*DRIFT, root=scored)
    assert changed(scored) == ()
    assert "nothing to do" in done(*DRIFT, root=scored).err


def changed(root: Path, *overrides: str) -> tuple[str, ...]:
    doors = Doors(settings_of("stage=status", f"root={root}", *overrides))
    found = changes(doors, date.fromisoformat(NIGHT), in_lake(doors), kind="drift")
    return tuple(text for text in found if text.startswith("drift"))


def test_nights_that_look_back_on_a_stale_one_are_looked_at_again(
    scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(*DRIFT, root=scored)
    for day in ("2025-07-22", "2025-08-19"):  # 29 nights before and 1
        for kind in ("features", "predictions", "drift"):
            folder = scored / kind / "subscription" / f"date={NIGHT}"
            copied(folder, folder.with_name(f"date={day}"))
    doors = Doors(settings_of("stage=nightly", "date=stale", f"root={scored}"))

    def stale(*days: str) -> list[str]:
        monkeypatch.setattr("churn.nights.changes", lambda _, day, *__, **___: ("changed",) if str(day) in days else ())
        return [str(day) for day in nights(doors, "features", "predictions", "drift").dates]

    assert stale("2025-07-21") == []
    assert stale("2025-07-22") == ["2025-07-22", "2025-08-19", NIGHT]
    assert stale(NIGHT) == [NIGHT]


def test_a_verdict_whose_record_failed_is_on_record_once_a_later_run_can(
    scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn.feeds.find_faults", lambda *_: (FAULT,))

    def silent(*_: object) -> None:
        raise TryAgainError(where="registry", found="no answer", action="try again")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "record", silent)
        ran = churn(*DRIFT, root=scored)
    assert "is on no record in MLflow" in ran.err
    registry = Doors(settings_of(*DRIFT, f"root={scored}")).registry
    assert [one for one in registry.decisions() if one.kind == "drift"] == []
    for _ in range(2):
        assert "nothing to do" in churn(*DRIFT, root=scored).err
        (one,) = [one for one in registry.decisions() if one.kind == "drift"]
        assert (one.since, one.answer) == (NIGHT, "stop")
    assert (
        Path(registry.page_of(one.run, "report.html")).read_text()
        == (scored / FILE).with_name("report.html").read_text()
    )


def test_of_a_range_whose_last_night_cannot_be_judged_the_one_before_decides(
    scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("features", "predictions"):
        folder = scored / kind / "subscription" / f"date={NIGHT}"
        copied(folder, folder.with_name("date=2025-08-19"))
    acted: list[date] = []
    own = drift._make

    def make(doors: Doors, champion: Champion, day: date, **made_from: Any) -> None:
        if str(day) == NIGHT:
            raise TryAgainError(where="disk", found="full", action="make room")
        own(doors, champion, day, **made_from)

    monkeypatch.setattr("churn.stages.drift._make", make)
    monkeypatch.setattr("churn.stages.drift._act", lambda _, __, day, **___: acted.append(day))
    ran = churn("stage=drift", f"date=2025-08-19..{NIGHT}", root=scored)
    assert (ran.code, "disk: full" in ran.err) == (75, True)
    assert acted == [date(2025, 8, 19)]


def test_a_verdict_of_before_there_were_actions_hinders_no_later_night(scored: Path) -> None:
    done(*DRIFT, root=scored)
    folder = (scored / FILE).parent
    earlier = copied(folder, folder.with_name("date=2025-08-19"))
    manifest = json.loads((earlier / "_manifest.json").read_text())
    manifest["facts"] = {name: manifest["facts"][name] for name in ("answer", "reason", "rows", "model_version")}
    (earlier / "_manifest.json").write_text(json.dumps(manifest))
    assert "drift subscription: " in done(*DRIFT, root=scored).out


def test_an_alarm_is_raised_again_by_a_second_run(scored: Path) -> None:
    codes = [churn(*DRIFT, *ALWAYS, root=scored).code for _ in range(2)]
    assert codes == [5, 5]


def test_a_second_run_with_the_same_inputs_does_nothing_and_says_so(scored: Path) -> None:
    done(*DRIFT, root=scored)
    before = published(scored, "drift")
    assert "nothing to do" in done(*DRIFT, root=scored).err
    assert published(scored, "drift") == before


def test_other_limits_judge_again_from_the_profile_that_is_kept(scored: Path) -> None:
    done(*DRIFT, root=scored)
    before = published(scored, "profiles")
    assert "nothing to do" not in done(*DRIFT, "stage.limits.psi=0.3", root=scored).err
    assert published(scored, "profiles") == before
    assert len(before) == 2


def test_a_profile_that_is_damaged_is_made_again_from_the_night(scored: Path) -> None:
    done(*DRIFT, root=scored)
    before = published(scored, "profiles")
    path = scored / f"profiles/subscription/date={NIGHT}/profile.parquet"
    path.write_bytes(path.read_bytes()[:-5] + b"xxxxx")
    assert "made again from the night" in done(*DRIFT, "stage.limits.psi=0.3", root=scored).err
    assert published(scored, "profiles") == before


def test_a_replay_without_any_profile_says_what_to_run(lake: Path) -> None:
    ran = churn("stage=drift", "stage.replay=true", root=lake)
    assert (ran.code, "no night has a profile" in ran.err) == (3, True)


def test_the_report_of_a_night_names_the_score_and_needs_nothing_else(scored: Path) -> None:
    done(*DRIFT, root=scored)
    page = (scored / f"drift/subscription/date={NIGHT}/report.html").read_text()
    assert "churn_score" in page
    assert "n = 1,500 rows" in page
    assert not re.search(r"https?:|//|url\(|@import|\b(src|href)=", page)


def test_without_scores_the_command_that_makes_them_is_named(lake: Path) -> None:
    ran = churn(*DRIFT, root=lake)
    assert ran.code == 3
    assert f"python -m churn stage=score dataset=subscription date={NIGHT}" in ran.err


def test_scores_of_other_features_are_not_judged(scored: Path) -> None:
    done("stage=features", f"date={NIGHT}", "resources.chunk_rows=123", root=scored)
    ran = churn(*DRIFT, root=scored)
    assert ran.code == 3
    assert "stage=score" in ran.err


def test_a_replay_reads_profiles_alone(scored: Path) -> None:
    done(*DRIFT, root=scored)
    shutil.rmtree(scored / "features")
    ran = done("stage=drift", "stage.replay=true", f"date={NIGHT}", root=scored)
    assert "settings alarm on 0 of 1 past nights" in ran.out


def test_a_tally_of_scored_chunks_keeps_the_profile_that_drift_would_make(scored: Path) -> None:
    done(*DRIFT, root=scored)
    before = published(scored, "profiles")
    shutil.rmtree(scored / "profiles")
    doors, night = Doors(settings_of(*DRIFT, f"root={scored}")), date.fromisoformat(NIGHT)
    features, scores = (
        pl.read_parquet(scored / f"{kind}/subscription/date={NIGHT}/{name}.parquet", hive_partitioning=False)
        for kind, name in (("features", "features"), ("predictions", "scores"))
    )
    champion = champion_tonight(doors)
    content = doors.lake.open(doors.partition("features", night), made_by="").content
    for of in ("other features", content):
        tally = NightTally(doors, champion, rows=features.height, features=of)
        for start in (1000, 0):
            tally.add(features.slice(start, 1000), scores.slice(start, 1000))
        keep(doors, champion, night, counted=tally)
        assert published(scored, "profiles") == (before if of == content else {})
    done(*DRIFT, "stage.limits.psi=0.3", root=scored)
    assert published(scored, "profiles") == before
