"""What a model or a score was made from stays; the rest may go, and goes only when told to."""

from __future__ import annotations

import fcntl
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.stores.lake import Lake, Partition
from tests.command import FAST, TRAINED, churn, done, published

NIGHT = "2025-08-20"
TESTED = "2025-07-11"


def correct(root: Path, day: str, cents: int) -> None:
    path = root / "raw" / "subscription" / f"date={day}" / "payments.parquet"
    pl.read_parquet(path, hive_partitioning=False).with_columns(pl.col("amount_cents") + cents).write_parquet(path)


@pytest.fixture
def corrected(lake: Path) -> Path:
    """A root where features that the champion was tested on, and some that nobody used, were replaced."""
    correct(lake, "2025-07-10", 100)
    done("stage=features", f"date={TESTED}", root=lake)
    done("stage=features", f"date={NIGHT}", root=lake)
    return lake


def test_it_says_what_may_go_and_deletes_when_told_to_what_nobody_needs_and_nothing_that_the_champion_does(
    corrected: Path,
) -> None:
    before = published(corrected, "versions")
    ran = done("stage=prune", root=corrected)
    assert "1 of 3 earlier versions may go (dry run" in ran.out
    (goes,) = (corrected / "versions" / "features" / "subscription" / f"date={NIGHT}").iterdir()
    size = (goes / "features.parquet").stat().st_size
    assert [f"{size:,}", str(goes.relative_to(corrected))] == ran.out.splitlines()[-1].split()
    assert published(corrected, "versions") == before
    ran = done("stage=prune", "stage.dry_run=false", root=corrected)
    assert "1 of 3 earlier versions deleted" in ran.out
    left = {Path(name).parts[1:4] for name in published(corrected, "versions")}
    assert left == {
        ("features", "subscription", f"date={TESTED}"),
        ("tables", "subscription", "date=2025-07-10"),
    }
    assert "0 of 2 earlier versions" in done("stage=prune", root=corrected).out


def test_raw_days_that_a_models_labels_were_read_from_are_kept(lake: Path) -> None:
    correct(lake, "2025-07-20", 100)  # in the label window of the test date, and in no features of the model
    done("stage=features", f"date={NIGHT}", root=lake)
    ran = done("stage=prune", root=lake)
    assert "versions of tables 0 of 1; 1 older, and needed" in " ".join(ran.out.split())


@pytest.mark.parametrize("kind", ["drift", "shadow", "leaks"])
def test_of_many_that_may_go_the_largest_are_listed_and_the_others_counted(lake: Path, kind: str) -> None:
    partition = Partition(kind=kind, dataset="subscription", day=date(2025, 8, 1))
    for size in range(31):
        with Lake(lake).publish(partition, inputs={}) as staging:
            (staging.path / "drift.parquet").write_bytes(bytes(size))
    lines = done("stage=prune", root=lake).out.splitlines()
    assert [int(line.split()[0]) for line in lines[-21:-1]] == list(range(29, 9, -1))
    assert lines[-1].split() == ["and", "10", "more"]


@pytest.mark.slow
def test_scores_that_were_replaced_are_never_pruned(lake: Path) -> None:
    done("stage=score", f"date={NIGHT}", root=lake)
    correct(lake, "2025-08-10", 300)
    done("stage=features", f"date={NIGHT}", root=lake)
    done("stage=score", f"date={NIGHT}", root=lake)
    done("stage=prune", "stage.dry_run=false", root=lake)
    kinds = {Path(name).parts[1] for name in published(lake, "versions")}
    assert kinds == {"features", "predictions", "tables"}
    done("stage=lineage", f"date={NIGHT}", "stage.rebuild=true", root=lake)


def test_nothing_is_deleted_while_a_model_is_trained_and_what_is_trained_does_not_hinder_the_next(lake: Path) -> None:
    training = Partition(kind="training", dataset="subscription")
    with Lake(lake).lock(training, shared=True):  # as stage=train holds it
        ran = churn("stage=prune", "stage.dry_run=false", root=lake)
        assert ran.code == 6
        assert "training/subscription: another run is at work on it" in ran.err
        done("stage=train", f"date={TRAINED}", *FAST, root=lake)
    with Lake(lake).lock(training):  # as stage=prune holds it
        assert churn("stage=train", f"date={TRAINED}", *FAST, root=lake).code == 6


def test_a_kind_goes_after_its_days_and_never_what_a_kept_night_or_model_was_made_from(scored: Path) -> None:
    days = [f"stage.keep_days.{kind}=0" for kind in ("features", "tables")]
    ran = done("stage=prune", *days, "verbose=true", root=scored)
    assert "features 0 of 5; 5 older, and needed" in " ".join(ran.out.split())
    assert "tables 0 of 231; 231 older, and needed" in " ".join(ran.out.split())
    ran = done("stage=prune", *days, "stage.keep_days.predictions=0", "verbose=true", "dry_run=false", root=scored)
    assert "predictions 1 of 1, 2025-08-20 to 2025-08-20" in " ".join(ran.out.split())
    assert f"features/subscription/date={NIGHT}" in ran.out
    assert "features 1 of 5, 2025-08-20 to 2025-08-20" in " ".join(ran.out.split())
    left = {path.name for path in (scored / "tables" / "subscription").iterdir()}
    assert max(left) == "date=2025-08-09"  # the last of the test date's labels
    assert len(left) == 221
    assert not list((scored / "predictions" / "subscription").iterdir())


def test_the_log_of_a_run_at_work_is_never_pruned(tmp_path: Path) -> None:
    logs = tmp_path / "lake" / "logs"
    logs.mkdir(parents=True)
    written, over = logs / "20250801T000000-nightly-1.log", logs / "20250801T000000-nightly-2.log"
    over.touch()
    with written.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # as its run holds it
        ran = done("stage=prune", "stage.keep_days.logs=0", "dry_run=false", root=tmp_path / "lake")
    assert "logs 1 of 1" in " ".join(ran.out.split())
    assert written.exists()
    assert not over.exists()


def test_more_days_than_there_ever_were_keep_everything(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    with Lake(root).publish(
        Partition(kind="drift", dataset="subscription", day=date(2025, 8, 1)), inputs={}
    ) as staging:
        (staging.path / "drift.parquet").write_bytes(b"")
    ran = done("stage=prune", "stage.keep_days.drift=9999999999", root=root)
    assert "drift 0 of 1" in " ".join(ran.out.split())


def test_what_is_not_old_enough_stays(scored: Path) -> None:
    ran = done("stage=prune", "stage.keep_days.predictions=100000", root=scored)
    assert "predictions 0 of 1" in " ".join(ran.out.split())
