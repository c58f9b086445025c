"""Disk, memory, clock, time zone and timers: each is broken, and told."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta, timezone
from pathlib import Path

import pytest

from benchmarks.model_quality import settings_of
from churn.checks.checked import State
from churn.checks.machine import bytes_of_nights, check_clock, check_disk, check_memory, check_timers, check_zone
from churn.doors import Doors
from churn.errors import DataError, ExitCode
from churn.stores.lake import Lake
from churn.stores.partition import Partition

TODAY = date(2026, 1, 10)


def doors_at(root: Path, *arguments: str, run: str = "20260110T031500-doctor-1") -> Doors:
    return Doors(replace(settings_of("stage=doctor", f"root={root}", *arguments), today=TODAY, run=run))


def put(root: Path, kind: str, day: date, *, size: int = 1000) -> Path:
    partition = Partition(kind=kind, dataset="subscription", day=day)
    with Lake(root).publish(partition, inputs={}) as staging:
        (staging.path / "rows.parquet").write_bytes(bytes(size))
    return Lake(root).path(partition)


def aged(place: Path, *, seconds: float) -> None:
    os.utime(place / "_manifest.json", (seconds, seconds))


def night(root: Path, day: date, *, features: int, scores: int, raw: int) -> None:
    put(root, "features", day, size=features)
    put(root, "predictions", day, size=scores)
    put(root, "tables", day - timedelta(days=1), size=raw)


def test_a_night_takes_what_its_partitions_and_its_raw_day_take_and_older_nights_do_not_count(tmp_path: Path) -> None:
    for count in range(3):
        night(tmp_path, TODAY - timedelta(days=3 - count), features=1000 * count, scores=10, raw=1)
    assert bytes_of_nights(doors_at(tmp_path), 2) == (1011, 2011)


@pytest.mark.parametrize(
    ("free", "state"), [(4_020, State.FAIL), (4_022, State.WARN), (1511 * 30 - 1, State.WARN), (1511 * 30, State.OK)]
)
def test_the_disk_is_told_in_nights_and_fails_where_one_night_does_not_fit(
    tmp_path: Path, free: int, state: State
) -> None:
    night(tmp_path, date(2026, 1, 8), features=1000, scores=10, raw=1)
    night(tmp_path, date(2026, 1, 9), features=2000, scores=10, raw=1)
    checked = check_disk(doors_at(tmp_path), nights=14, wanted=30, free=free)
    assert checked.state is state
    assert f"(mean of n = 2): {free // 1511} nights left" in checked.found
    assert (checked.code is ExitCode.TRY_AGAIN) == (state is State.FAIL)


def test_without_a_night_the_forecast_is_unknown_and_a_manifest_that_cannot_be_read_stops_it(tmp_path: Path) -> None:
    assert check_disk(doors_at(tmp_path / "unborn"), nights=14, wanted=30).state is State.WARN
    (put(tmp_path, "predictions", TODAY) / "_manifest.json").write_text("{")
    with pytest.raises(DataError, match="not a manifest"):
        check_disk(doors_at(tmp_path), nights=14, wanted=30)


# 27 features of subscription and the key: 304 bytes a row, so 1,000,000 rows of two threads, twice, are 1.216 GB
@pytest.mark.parametrize(
    ("available", "state", "mend"),
    [
        (5_466_000_000, State.OK, ""),
        (5_465_999_999, State.WARN, "resources.memory=3999MB"),
        (1_465_999_999, State.FAIL, "resources.chunk_rows=999999, or free memory"),
        (250_000_000, State.FAIL, "free memory: the libraries alone do not fit"),
        (None, State.WARN, "compare with `free -m`"),
    ],
)
def test_memory_is_held_against_the_chunk_and_duckdbs_limit(
    tmp_path: Path, available: int | None, state: State, mend: str
) -> None:
    doors = doors_at(tmp_path, "resources.chunk_rows=1000000", "resources.memory=4GB")
    checked = check_memory(doors, available)
    assert (checked.state, checked.mend) == (state, mend)


def test_a_clock_that_stands_behind_the_newest_manifest_fails(tmp_path: Path) -> None:
    doors = doors_at(tmp_path)
    assert check_clock(doors).state is State.OK
    began = 1_768_014_900  # 2026-01-10 03:15 UTC
    place = put(tmp_path, "features", date(2026, 1, 9))
    aged(place, seconds=began + 200)  # another run published meanwhile
    assert check_clock(doors).state is State.OK
    aged(place, seconds=began + 400)
    checked = check_clock(doors)
    assert (checked.state, checked.code) == (State.FAIL, ExitCode.DATA)
    assert (
        "2026-01-10 03:15 UTC, and features/subscription/date=2026-01-09 was written at 2026-01-10 03:21"
        in checked.found
    )
    assert "timedatectl" in checked.mend


def test_a_night_of_a_day_that_has_not_come_says_that_the_clock_was_set_back(tmp_path: Path) -> None:
    aged(put(tmp_path, "predictions", TODAY), seconds=0)
    assert check_clock(doors_at(tmp_path)).state is State.OK
    aged(put(tmp_path, "predictions", TODAY + timedelta(days=1)), seconds=0)
    checked = check_clock(doors_at(tmp_path))
    assert (checked.state, "the night of 2026-01-11 is published" in checked.found) == (State.FAIL, True)


def test_a_zone_other_than_utc_is_told_with_where_raw_days_end_in_it(tmp_path: Path) -> None:
    doors = doors_at(tmp_path)
    assert check_zone(doors, timezone.utc).state is State.OK  # noqa: UP017 - as a zone of a machine is
    checked = check_zone(doors, timezone(timedelta(hours=-5), "EST"))
    assert checked.state is State.WARN
    assert "EST (-0500), and raw days end at midnight UTC, which is 19:00 here" in checked.found


def test_timers_are_unknown_where_nobody_answers_and_fail_where_one_is_off() -> None:
    assert check_timers(None, "churn*.timer").found.startswith("unknown")
    assert check_timers(None, "churn*.timer").state is State.WARN
    assert check_timers({}, "churn*.timer").state is State.WARN
    assert check_timers({"churn.timer": "enabled"}, "churn*.timer").state is State.OK
    off = check_timers({"churn.timer": "enabled", "churn-train.timer": "masked"}, "churn*.timer")
    assert (off.state, off.found, off.code) == (State.FAIL, "churn-train.timer not enabled", ExitCode.SETTINGS)
