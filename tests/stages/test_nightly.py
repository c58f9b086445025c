"""One command does a night whole, and goes on where it stopped."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.errors import DataError, ExitCode, LockedError, TryAgainError, gravest
from churn.reports.outcome import Outcome
from churn.settings import Settings
from tests.command import churn, done, published
from tests.exposition import read_all, values

NIGHT = ("stage=nightly", "date=2025-08-18..2025-08-20")


def test_a_night_is_built_scored_and_watched_and_goes_on_where_it_stopped(lake: Path) -> None:
    ran = done(*NIGHT, root=lake)
    for kind in ("features", "predictions", "drift"):
        days = sorted(path.name for path in (lake / kind / "subscription").iterdir())
        assert days[-3:] == ["date=2025-08-18", "date=2025-08-19", "date=2025-08-20"]
    assert "version 1 of churn-predictor" in ran.out
    found = read_all((lake / "metrics").glob("*.prom"))
    assert values(found, "churn_run_exit_code", stage="nightly") == [0]
    assert values(found, "churn_night_rows", kind="predictions") == [1500]
    (psi,) = values(found, "churn_drift_psi_max")
    table = pl.read_parquet(lake / "drift/subscription/date=2025-08-20/drift.parquet")
    assert psi == table.filter(pl.col("answer") != "not watched")["psi"].max()
    whole = published(lake, "features", "predictions", "drift")
    for kind in ("predictions", "drift"):
        (lake / kind / "subscription" / "date=2025-08-19").rename(lake / kind / "subscription" / ".gone")
    ran = done(*NIGHT, root=lake)
    scored = [line.split("date=")[1][:10] for line in ran.err.splitlines() if " rows by version 1" in line]
    assert scored == ["2025-08-19"]
    again = published(lake, "features", "predictions", "drift")
    assert {name: content for name, content in again.items() if ".gone" not in name} == whole


def test_of_several_nights_the_gravest_end_is_the_exit_code(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter((TryAgainError, DataError, LockedError))

    def fail(*_: object, **__: object) -> None:
        raise next(ends)(where="x", found="y", action="z")

    monkeypatch.setattr("churn.stages.nightly._night", fail)
    assert churn(*NIGHT, root=lake).code == 3


def test_nights_that_a_sink_has_not_had_are_named_beside_those_that_drifted(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, alarm, well = ExitCode.TRY_AGAIN, ExitCode.DRIFT_ALARM, ExitCode.OK
    ends = iter(((away, alarm), (well, alarm), (away, well)))

    def end(*_: object, **__: object) -> Outcome:
        parts = next(ends)
        return Outcome(headline="", code=gravest(parts), parts=parts, figures={"rows": "", "champion": "", "drift": ""})

    monkeypatch.setattr("churn.stages.nightly._night", end)
    ran = churn(*NIGHT, root=lake)
    assert ran.code == 75
    assert "drift alarms   2025-08-18 2025-08-19\n" in ran.out
    assert (
        "not delivered  2025-08-18 2025-08-20: python -m churn stage=deliver dataset=subscription date=auto" in ran.out
    )


@pytest.mark.parametrize("fails", [None, "2025-08-20"])
def test_of_several_nights_the_last_that_was_judged_decides_what_is_done(
    fails: str | None, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acted: list[tuple[str | None, bool]] = []

    def watched(settings: Settings, *, acts: bool) -> Outcome:
        acted.append((settings.date, acts))
        if settings.date == fails:
            raise DataError(where="drift", found="no bytes", action="mend it")
        told = {"alarm": "no", "what to do": f"retrain: {settings.date}", "done": "nothing yet"}
        return Outcome(headline="drift: pass", figures=told)

    days = ["2025-08-18", "2025-08-19", "2025-08-20"]

    plain = {"rows": "1", "champion": "1"}
    monkeypatch.setattr("churn.stages.features.run", lambda _: Outcome(headline="built"))
    monkeypatch.setattr("churn.stages.score.run", lambda _: Outcome(headline="scored", figures=plain))
    monkeypatch.setattr("churn.stages.drift.run", watched)
    told = churn(*NIGHT, root=lake).out
    again = [("2025-08-19", True)] if fails else []
    assert acted == [*((day, day == days[-1]) for day in days), *again]
    assert f"what to do, last night  retrain: {days[1] if fails else days[2]}" in told


def test_a_night_that_is_published_stays_so_where_acting_upon_it_fails(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(_: Settings, night: date, *, scored: bool, acts: bool) -> Outcome:
        if night.day == 20 or acts:
            raise LockedError(where=str(night), found="another run", action="wait for it")
        code, figures = ExitCode.DRIFT_ALARM, {"rows": "1,500", "champion": "1", "drift": "fail", "done": "nothing"}
        return Outcome(headline="", code=code, parts=(ExitCode.OK, code), figures=figures)

    monkeypatch.setattr("churn.stages.nightly._night", end)
    ran = churn(*NIGHT, root=lake)
    assert ran.code == gravest([ExitCode.LOCKED, ExitCode.DRIFT_ALARM])
    assert "drift alarms      2025-08-18 2025-08-19\n" in ran.out
    assert "done              2 of 3 nights\n" in ran.out
    assert "done, last night  2025-08-19: another run" in ran.out


def test_settings_of_its_parts_can_be_set(lake: Path) -> None:
    ran = churn("stage=nightly", "date=2025-08-20", "stage.drift.limits.psi=none", root=lake)
    assert ran.code == 2
    assert "stage.drift.limits.psi" in ran.err
