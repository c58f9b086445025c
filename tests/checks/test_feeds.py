"""A source that is away, a contract that lets bad rows through and nights that did not happen are told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from pandera.config import config_context

from benchmarks.model_quality import settings_of
from churn import datasets
from churn.checks import feeds
from churn.checks.checked import State
from churn.checks.feeds import check_contract, check_last_night, check_source
from churn.doors import Doors
from churn.errors import ChurnError, DataError, ExitCode, SettingsError
from churn.features import intake
from churn.features.raw import Column, RawTable
from tests.checks.test_machine import doors_at, put

TABLES = [("subscription", table.name) for table in datasets.load("subscription").tables]
TABLES += [("online_retail", table.name) for table in datasets.load("online_retail").tables]


def doors_of(root: Path, *arguments: str, today: date = date(2025, 8, 21)) -> Doors:
    return Doors(replace(settings_of("stage=doctor", f"root={root}", *arguments), today=today))


@pytest.fixture
def fed(tmp_path: Path) -> Path:
    for day in ("2025-08-19", "2025-08-20"):
        place = tmp_path / "raw" / "subscription" / f"date={day}"
        place.mkdir(parents=True)
        pl.DataFrame({"customer_id": [1], "sessions": [2], "minutes": [3]}).write_parquet(place / "usage.parquet")
    return tmp_path


def test_a_source_tells_its_raw_days_and_the_age_of_the_newest(fed: Path) -> None:
    checked = check_source(doors_of(fed), "usage")
    assert (checked.state, checked.found) == (
        State.OK,
        "2 raw days, 2025-08-19 to 2025-08-20, 1 days before today; the newest can be read",
    )
    limited = ("dataset.newest_day_within_days=2",)
    assert check_source(doors_of(fed, *limited, today=date(2025, 8, 22)), "usage").state is State.OK
    old = check_source(doors_of(fed, *limited, today=date(2025, 8, 23)), "usage")
    assert (old.state, old.code) == (State.FAIL, ExitCode.DATA)
    early = check_source(doors_of(fed, "dataset.first_day=2025-08-20"), "usage")
    assert (early.state, "first day is 2025-08-20" in early.found) == (State.FAIL, True)
    assert check_source(doors_of(fed, today=date(2025, 8, 1)), "usage").state is State.FAIL


def test_a_newest_raw_day_that_was_cut_short_stops_with_its_file(fed: Path) -> None:
    path = fed / "raw" / "subscription" / "date=2025-08-20" / "usage.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"date=2025-08-20/usage\.parquet"):
        check_source(doors_of(fed), "usage")


def test_a_source_that_is_gone_stops_with_what_it_says(fed: Path) -> None:
    shutil.rmtree(fed / "raw")
    with pytest.raises(ChurnError, match="usage"):
        check_source(doors_of(fed), "usage")


def test_a_table_that_nobody_declared_fails(fed: Path) -> None:
    doors = doors_of(fed, "+dataset.tables.orders={kind: parquet, path: x.parquet}")
    assert "no such table" in check_source(doors, "orders").found
    assert check_contract(doors, "orders").state is State.FAIL


@pytest.mark.parametrize(("dataset", "table"), TABLES)
def test_every_declared_table_catches_what_is_planted(tmp_path: Path, dataset: str, table: str) -> None:
    checked = check_contract(doors_of(tmp_path, f"dataset={dataset}"), table)
    assert checked.state is State.OK
    assert "planted bad rows, all caught" in checked.found
    assert not list(tmp_path.iterdir())


def test_a_contract_without_ranges_and_levels_lets_rows_through_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_rules", lambda _: iter(()))
    checked = check_contract(doors_of(tmp_path), "usage")
    assert (checked.state, checked.code) == (State.FAIL, ExitCode.DATA)
    assert "were let through: customer_id: under 1; sessions: under 1; sessions: over 200" in checked.found


def test_a_contract_that_forgets_nulls_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pa.Column.__init__

    def forgetful(self: pa.Column, dtype: Any, checks: Any, **_: Any) -> None:
        made(self, dtype, checks, nullable=True)

    monkeypatch.setattr(pa.Column, "__init__", forgetful)
    assert "customer_id: null" in check_contract(doors_of(tmp_path), "usage").found


def test_a_contract_that_refuses_every_row_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Column) -> Iterator[pa.Check]:
        yield pa.Check(lambda data: data.lazyframe.select(pl.lit(value=False).repeat_by(1).explode()), error="never")

    monkeypatch.setattr(intake, "_rules", never)
    checked = check_contract(doors_of(tmp_path), "usage")
    assert (checked.state, "a planted good row is refused" in checked.found) == (State.FAIL, True)


def test_checks_that_are_switched_off_stop_it(tmp_path: Path) -> None:
    with config_context(validation_enabled=False), pytest.raises(SettingsError, match="switched off"):
        check_contract(doors_of(tmp_path), "usage")


def test_a_table_that_promises_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = RawTable(name="usage", day="date", columns=(Column(name="note", dtype="text", nullable=True),))
    monkeypatch.setattr(feeds, "_table", lambda *_: table)
    assert check_contract(doors_of(tmp_path), "usage").state is State.WARN


def test_the_last_night_is_as_old_as_the_newest_that_is_published(tmp_path: Path) -> None:
    limited = ("dataset.newest_day_within_days=2",)
    assert check_last_night(doors_at(tmp_path)).state is State.WARN
    put(tmp_path, "predictions", date(2026, 1, 7))
    put(tmp_path, "features", date(2026, 1, 9))  # no score
    assert check_last_night(doors_at(tmp_path)).state is State.OK
    checked = check_last_night(doors_at(tmp_path, *limited))
    assert (checked.state, checked.found) == (
        State.FAIL,
        "2026-01-07, 3 days before today (n = 1 published), limit 2",
    )
    assert "stage=nightly dataset=subscription date=auto" in checked.mend
    put(tmp_path, "predictions", date(2026, 1, 8))
    assert check_last_night(doors_at(tmp_path, *limited)).state is State.OK
