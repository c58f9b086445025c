"""`date=auto` does the nights that were missed, `date=stale` those whose raw data changed."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.stores.lake import Lake
from churn.stores.registry import Registry
from tests.command import churn, done, published

NIGHTLY = "stage=nightly"
CHUNKS = "resources.chunk_rows=1000"  # as the features of `lake` were made, which would be stale otherwise
EASY = ("stage.gates.champion.kind=non_inferior", "+stage.gates.champion.margin=0.4", "on_insufficient=allow")


def hide(root: Path, first: str) -> list[Path]:
    """Moves raw days from `first` on out of the source, as if they had not come yet; returns where they are."""
    days = sorted((root / "raw" / "subscription").glob("date=*"))
    return [path.rename(root / f"later-{path.name}") for path in days if path.name >= f"date={first}"]


def come(root: Path, hidden: list[Path]) -> None:
    for path in hidden:
        path.rename(root / "raw" / "subscription" / path.name.removeprefix("later-"))


def correct(root: Path, day: str) -> None:
    path = root / "raw" / "subscription" / f"date={day}" / "usage.parquet"
    pl.read_parquet(path, hive_partitioning=False).with_columns(pl.col("minutes") + 1).write_parquet(path)


def test_auto_does_the_newest_night_first_and_after_downtime_every_missed_one_oldest_first(lake: Path) -> None:
    hidden = hide(lake, "2025-08-18")
    assert "2025-08-18" in done(NIGHTLY, "date=auto", root=lake).out
    assert Lake(lake).days("predictions", "subscription") == (date(2025, 8, 18),)
    assert "nothing to do, no night was missed" in done(NIGHTLY, "date=auto", root=lake).out
    come(lake, hidden)
    ran = done(NIGHTLY, "date=auto", root=lake)
    assert "3 nights from 2025-08-19 to 2025-08-21" in ran.out
    assert Lake(lake).days("drift", "subscription") == tuple(date(2025, 8, number) for number in range(18, 22))
    order = [line for line in ran.err.splitlines() if "INFO predictions/" in line]
    assert order == sorted(order)


@pytest.mark.slow
def test_auto_fills_a_hole_and_looks_no_farther_back_than_told(lake: Path) -> None:
    done(NIGHTLY, "date=2025-08-17..2025-08-21/2d", root=lake)
    caught_up = done(NIGHTLY, "date=auto", "catch_up_days=3", root=lake)
    days = Lake(lake).days("predictions", "subscription")
    assert date(2025, 8, 20) in days
    assert date(2025, 8, 18) not in days
    assert "1 missed nights, 2025-08-18 to 2025-08-18: raise catch_up_days" in caught_up.out
    assert "1 nights before 2025-08-19 were missed and are left out" in caught_up.err
    again = done(NIGHTLY, "date=auto", "catch_up_days=3", root=lake)
    assert "nothing to do, no night was missed in the last 3 days" in again.out
    assert "left out 1 missed nights" in " ".join(again.out.split())


def test_a_corrected_raw_day_makes_later_nights_stale_and_stale_rebuilds_those_alone(lake: Path) -> None:
    done(NIGHTLY, "date=2025-08-18..2025-08-20", CHUNKS, root=lake)
    fresh = done("stage=status", "stage.last=3", CHUNKS, root=lake).out
    assert fresh.count("as it would be made now") == 3
    before = published(lake, "predictions")
    correct(lake, "2025-08-18")
    shown = done("stage=status", "stage.last=3", CHUNKS, root=lake).out.splitlines()[-3:]
    assert ["stale: raw day 2025-08-18" in line for line in shown] == [False, True, True]
    ran = done(NIGHTLY, "date=stale", CHUNKS, root=lake)
    assert "2 nights from 2025-08-19 to 2025-08-20" in ran.out
    after = published(lake, "predictions")
    changed = {name.split("/")[2] for name in after if after[name] != before[name]}
    assert changed == {"date=2025-08-19", "date=2025-08-20"}
    assert "nothing to do, no night is stale" in done(NIGHTLY, "date=stale", CHUNKS, root=lake).out


@pytest.mark.slow
def test_status_and_a_stale_nightly_name_the_same_nights(lake: Path) -> None:
    done(NIGHTLY, "date=2025-08-18..2025-08-19", CHUNKS, root=lake)
    shutil.rmtree(lake / "drift" / "subscription" / "date=2025-08-19")
    before = published(lake, "features", "predictions")
    correct(lake, "2025-08-18")
    shown = done("stage=status", "stage.last=3", CHUNKS, root=lake).out.splitlines()[-3:]
    assert ["stale: raw day 2025-08-18" in line for line in shown] == [False, True, True]
    assert "2 nights from 2025-08-19 to 2025-08-20" in done(NIGHTLY, "date=stale", CHUNKS, root=lake).out
    after = published(lake, "features", "predictions")
    nights = {
        (kind, day) for kind, _, day in (name.split("/")[:3] for name in after if after[name] != before.get(name))
    }
    never_scored = ("features", "date=2025-08-20")
    assert nights == {never_scored, ("features", "date=2025-08-19"), ("predictions", "date=2025-08-19")}
    assert Lake(lake).days("drift", "subscription")[-1] == date(2025, 8, 19)
    assert "no night is stale" in done(NIGHTLY, "date=stale", CHUNKS, root=lake).out


def test_a_raw_day_that_cannot_be_brought_stops_the_nights_after_it_alone(lake: Path) -> None:
    hidden = hide(lake, "2025-08-17")
    for day in ("2025-08-17", "2025-08-18", "2025-08-19"):
        shutil.rmtree(lake / "tables" / "subscription" / f"date={day}")
    shutil.rmtree(lake / "features" / "subscription" / "date=2025-08-20")
    done(NIGHTLY, "date=2025-08-16..2025-08-17", CHUNKS, root=lake)
    come(lake, hidden)
    correct(lake, "2025-08-16")
    path = lake / "raw" / "subscription" / "date=2025-08-18" / "usage.parquet"
    path.write_bytes(path.read_bytes()[:300])
    for command in (("stage=features", "date=stale"), (NIGHTLY, "date=stale")):
        ran = churn(*command, CHUNKS, root=lake)
        assert ran.code == 3
        assert "date=2025-08-18/usage.parquet" in ran.err
        assert "stopped" in ran.out
    assert "predictions/subscription/date=2025-08-17: replaces scores" in ran.err
    ran = churn("stage=features", "date=2025-08-17..2025-08-20", CHUNKS, root=lake)
    assert ran.code == 3
    assert Lake(lake).days("features", "subscription")[-2:] == (date(2025, 8, 17), date(2025, 8, 18))


def test_scoring_a_night_again_says_what_moves_before_it_replaces(lake: Path) -> None:
    done(NIGHTLY, "date=2025-08-20", root=lake)
    old = pl.read_parquet(lake / "predictions/subscription/date=2025-08-20/scores.parquet")
    correct(lake, "2025-08-18")
    done("stage=features", "date=2025-08-20", root=lake)
    ran = done("stage=score", "date=2025-08-20", root=lake)
    new = pl.read_parquet(lake / "predictions/subscription/date=2025-08-20/scores.parquet")
    both = old.join(new, on="customer_id")
    scores = int((both["churn_score"] != both["churn_score_right"]).sum())
    segments = int((both["segment"] != both["segment_right"]).sum())
    assert scores > 0
    assert "replaces scores of version 1 by version 1" in ran.err
    assert f"{scores:,} of 1,500 scores move" in ran.err
    assert f"{segments:,} segments change, 0 customers come, 0 leave" in ran.err


def test_a_backfill_scores_each_night_with_the_champion_of_that_night_or_with_todays(lake: Path) -> None:
    done("stage=train", "date=2025-08-15", "model.num_iterations=20", "split.test_dates=1", root=lake)
    done("stage=promote", "date=2025-08-15", *EASY, root=lake)
    done("stage=features", "date=2025-08-12..2025-08-16/2d", root=lake)
    done("stage=score", "date=2025-08-12..2025-08-16/2d", "stage.model=as_of", root=lake)
    assert versions(lake) == {12: 1, 14: 1, 16: 2}
    done("stage=drift", "date=2025-08-12..2025-08-16/2d", root=lake)
    done("stage=score", "date=2025-08-12..2025-08-16/2d", root=lake)
    assert versions(lake) == {12: 2, 14: 2, 16: 2}


@pytest.mark.slow
def test_who_reigned_is_not_guessed_where_the_alias_was_moved_by_hand(lake: Path) -> None:
    done("stage=train", "date=2025-08-15", "model.num_iterations=20", root=lake)
    done("stage=promote", "date=2025-08-15", *EASY, root=lake)
    registry = Registry(folder=lake / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    with registry._tracking.talk() as client:
        client.set_registered_model_alias("churn-predictor", "champion", "1")
    score = ("stage=score", "date=2025-08-20", "stage.model=as_of")
    ran = churn(*score, root=lake)
    assert ran.code == 2
    assert "version 1 bears the alias champion, and since when is on no record" in ran.err
    assert "stage=promote dataset=subscription date=" in ran.err
    ran = done("stage=promote", "date=2025-08-18", "stage.version=1", root=lake)
    assert "version 1 is champion already, its reign is noted from 2025-08-18 on" in ran.out
    done("stage=features", "date=2025-08-16", root=lake)
    done(*score, root=lake)
    done("stage=score", "date=2025-08-16", "stage.model=as_of", root=lake)
    assert versions(lake) == {16: 2, 20: 1}


def versions(root: Path) -> dict[int, int]:
    days = Lake(root).days("predictions", "subscription")
    place = root / "predictions" / "subscription"
    return {day.day: pl.read_parquet(place / f"date={day}" / "scores.parquet")["model_version"][0] for day in days}


def test_a_night_before_the_first_champion_is_refused_with_a_way_out(lake: Path) -> None:
    done("stage=features", "date=2025-08-09", root=lake)
    ran = churn("stage=score", "date=2025-08-09", "stage.model=as_of", root=lake)
    assert ran.code == 2
    assert "the first reign began on 2025-08-10" in ran.err
    assert "stage.model=current" in ran.err


def test_words_for_dates_are_for_nights_alone(lake: Path) -> None:
    ran = churn("stage=train", "date=auto", root=lake)
    assert ran.code == 2
    assert "'auto' is not an ISO date" in ran.err
