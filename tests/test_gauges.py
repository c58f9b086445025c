"""What Prometheus reads is what stands in the lake, whole at any time, and no run loses another's figures."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

from benchmarks.model_quality import settings_of
from churn.errors import ExitCode
from churn.gauges import LastRun, write_gauges
from churn.reports.exposition import HELP
from churn.settings import MetricsSettings, Settings
from churn.stores.host import memory_peak
from churn.stores.lake import Lake, Partition
from tests.exposition import Samples, read, read_all, values

NIGHT = date(2026, 1, 5)
WELL = LastRun(code=ExitCode.OK, at=1_767_600_000.25, seconds=1.5)


@pytest.fixture(scope="module")
def composed() -> Settings:
    return settings_of("stage=nightly", f"date={NIGHT}")


@pytest.fixture
def settings(composed: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "lake").mkdir()
    return dataclasses.replace(composed, root=tmp_path / "lake")


def publish(root: Path, kind: str, day: date | None, facts: dict[str, Any], **tables: pl.DataFrame) -> None:
    partition = Partition(kind=kind, dataset="subscription", day=day)
    with Lake(root).publish(partition, inputs={}) as staging:
        staging.facts |= facts
        for name, table in tables.items():
            table.write_parquet(staging.path / f"{name}.parquet")
            staging.rows[f"{name}.parquet"] = table.height


def verdict(**changed: Any) -> dict[str, Any]:
    return {"alarm": True, "answer": "fail", "action": "retrain", "rows": 90, **changed}


def drifted(*columns: tuple[str, float | None]) -> pl.DataFrame:
    return pl.DataFrame({"answer": [answer for answer, _ in columns], "psi": [psi for _, psi in columns]})


def fill(root: Path) -> None:
    """Publishes nights of every kind, each newest one with other figures than the one before."""
    for day, rows in ((date(2026, 1, 4), 7), (NIGHT, 100)):
        publish(root, "features", day, {}, features=pl.DataFrame({"x": range(rows)}))
        publish(root, "predictions", day, {"model_version": 3}, scores=pl.DataFrame({"x": range(rows - 1)}))
    publish(root, "drift", NIGHT, verdict(), drift=drifted(("pass", 0.1), ("not watched", 9.0), ("warn", 0.3)))
    figures = pl.DataFrame({"metric": ["base_rate", "auc"], "figure": [0.07, 0.81]})
    publish(root, "outcomes", date(2025, 12, 1), {"verdict": "loss", "n": 80}, outcomes=figures)
    publish(root, "champion", None, {"model_version": 4})


def written(settings: Settings, ended: LastRun = WELL) -> Samples:
    write_gauges(settings, ended)
    return read_all((settings.root / "metrics").glob("*.prom"))


def test_every_metric_is_written_with_what_the_lake_holds(settings: Settings) -> None:
    fill(settings.root)
    found = written(settings)
    assert {name for name, _ in found} == HELP.keys()
    assert all(("dataset", "subscription") in labels for _, labels in found)
    assert values(found, "churn_run_end_timestamp_seconds", stage="nightly") == [WELL.at]
    assert values(found, "churn_run_duration_seconds") == [1.5]
    rows = {
        kind: values(found, "churn_night_rows", kind=kind) for kind in ("features", "predictions", "drift", "outcomes")
    }
    assert rows == {"features": [100], "predictions": [99], "drift": [90], "outcomes": [80]}
    (midnight,) = values(found, "churn_night_timestamp_seconds", kind="predictions")
    assert datetime.fromtimestamp(midnight, UTC) == datetime(2026, 1, 5, tzinfo=UTC)
    assert values(found, "churn_champion_version") == [4]
    assert values(found, "churn_drift_alarm") == [1]
    assert values(found, "churn_drift_psi_max") == [0.3]
    assert values(found, "churn_drift_answer", answer="fail") == [1]
    assert sum(values(found, "churn_drift_answer")) == sum(values(found, "churn_drift_action")) == 1
    assert values(found, "churn_drift_action", action="retrain") == [1]
    assert values(found, "churn_outcomes_verdict", verdict="loss") == [1]
    assert values(found, "churn_outcomes_auc") == [0.81]
    (free,) = values(found, "churn_disk_free_bytes")
    assert 0 < free <= shutil.disk_usage(settings.root).total


def test_what_is_not_there_is_left_out_and_never_0(settings: Settings) -> None:
    names = {name for name, _ in written(settings)}
    assert names == {name for name in HELP if name.startswith("churn_run_")} | {"churn_disk_free_bytes"}


def test_a_psi_that_is_no_number_hides_behind_no_other(settings: Settings) -> None:
    publish(settings.root, "drift", NIGHT, verdict(alarm=False), drift=drifted(("pass", None)))
    assert values(written(settings), "churn_drift_psi_max") == []
    publish(settings.root, "drift", NIGHT, verdict(), drift=drifted(("pass", 0.1), ("fail", math.nan)))
    (psi,) = values(written(settings), "churn_drift_psi_max")
    assert math.isnan(psi)


@pytest.mark.parametrize("code", [*ExitCode])
def test_the_last_success_outlives_a_failure(settings: Settings, code: ExitCode) -> None:
    failed = code not in {ExitCode.OK, ExitCode.PROMOTION_REFUSED, ExitCode.DRIFT_ALARM}
    found = written(settings, LastRun(code=code, at=5.0, seconds=1))
    assert values(found, "churn_run_success_timestamp_seconds") == ([] if failed else [5.0])
    written(settings, WELL)
    found = written(settings, LastRun(code=code, at=WELL.at + 60, seconds=1))
    assert values(found, "churn_run_exit_code") == [code]
    assert values(found, "churn_run_end_timestamp_seconds") == [WELL.at + 60]
    assert values(found, "churn_run_success_timestamp_seconds") == [WELL.at + (0 if failed else 60)]


@pytest.mark.parametrize("damaged", [b"churn_run_success_timestamp_seconds{} 17\x00", b"\xff\xfe"])
def test_a_damaged_file_is_written_anew(settings: Settings, damaged: bytes) -> None:
    written(settings)
    (settings.root / "metrics" / "churn-subscription-nightly.prom").write_bytes(damaged)
    found = written(settings, LastRun(code=ExitCode.DATA, at=9.0, seconds=1))
    assert values(found, "churn_run_end_timestamp_seconds") == [9.0]
    assert values(found, "churn_run_success_timestamp_seconds") == []


@pytest.mark.parametrize("damaged", ["_manifest.json", "drift.parquet"])
def test_a_damaged_night_leaves_out_its_own_figures_alone(
    settings: Settings, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(settings.root)
    (settings.root / "drift" / "subscription" / f"date={NIGHT}" / damaged).write_bytes(b"{")
    found = written(settings)
    assert values(found, "churn_drift_psi_max") == values(found, "churn_drift_alarm") == []
    assert values(found, "churn_outcomes_auc") == [0.81]
    assert values(found, "churn_champion_version") == [4]
    assert "metrics leave out what drift say of the newest night" in caplog.text


def test_stages_and_datasets_do_not_lose_each_others_figures(settings: Settings) -> None:
    train = dataclasses.replace(settings, stage=settings.stage.drift.train)  # type: ignore[union-attr]
    other = dataclasses.replace(settings, dataset=dataclasses.replace(settings.dataset, name="online_retail"))
    runs = [Thread(target=write_gauges, args=(one, WELL)) for one in (settings, train, other) for _ in range(5)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    found = read_all((settings.root / "metrics").glob("*.prom"))
    ended = [dict(labels) for name, labels in found if name == "churn_run_end_timestamp_seconds"]
    assert sorted((labels["dataset"], labels["stage"]) for labels in ended) == [
        ("online_retail", "nightly"),
        ("subscription", "nightly"),
        ("subscription", "train"),
    ]
    assert {path.suffix for path in (settings.root / "metrics").iterdir()} == {".prom"}


def test_a_disk_that_refuses_leaves_the_figures_before(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(settings)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_gauges(settings, LastRun(code=ExitCode.DATA, at=9, seconds=1))
    assert read_all((settings.root / "metrics").glob("*.prom")) == before


def test_the_folder_may_be_elsewhere_or_none_and_a_root_that_is_not_there_is_not_made(
    settings: Settings, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "textfile"
    write_gauges(dataclasses.replace(settings, metrics=MetricsSettings(folder=elsewhere)), WELL)
    assert read((elsewhere / "churn-subscription-nightly.prom").read_text())
    write_gauges(dataclasses.replace(settings, metrics=MetricsSettings(folder=None)), WELL)
    write_gauges(dataclasses.replace(settings, root=tmp_path / "typo"), WELL)
    assert not (settings.root / "metrics").exists()
    assert not (tmp_path / "typo").exists()


def test_the_peak_of_memory_is_this_processes_own(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "status").write_text("Name:\tpython\nVmPeak:\t  900 kB\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\n")
    assert memory_peak(tmp_path) == 300 * 1024
    assert memory_peak(tmp_path / "none") is None
    peak = memory_peak()
    assert peak is not None
    assert peak > 1e6
