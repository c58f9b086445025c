"""Features at a date know what happened before it, and nothing else."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.stores.lake import Lake, Partition
from tests.command import FAST, churn, copied, done, published

NIGHT = "2025-07-15"


@pytest.fixture
def root(taken: Path, tmp_path: Path) -> Path:
    return copied(taken, tmp_path / "lake")


@pytest.fixture(scope="module")
def night(taken: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with features of the night; not to be written to."""
    root = copied(taken, tmp_path_factory.mktemp("night") / "lake")
    done("stage=features", f"date={NIGHT}", root=root)
    return root


@pytest.fixture
def built(night: Path, tmp_path: Path) -> Path:
    """A copy of `night` that a test may change."""
    return copied(night, tmp_path / "lake")


def test_a_second_run_with_the_same_inputs_does_nothing_and_says_so(built: Path) -> None:
    before = published(built, "features")
    again = done("stage=features", f"date={NIGHT}", root=built)
    assert "nothing to do" in again.err
    assert published(built, "features") == before


def test_the_same_date_gives_the_same_bytes_from_scratch(built: Path) -> None:
    before = published(built, "features")
    shutil.rmtree(built / "features")
    done("stage=features", f"date={NIGHT}", root=built)
    assert published(built, "features") == before


def test_forgetting_the_future_changes_no_feature(built: Path) -> None:
    before = published(built, "features", "tables")
    shutil.rmtree(built / "features")
    forgotten = [path for path in (built / "raw" / "subscription").iterdir() if path.name >= f"date={NIGHT}"]
    brought = [path for path in (built / "tables" / "subscription").iterdir() if path.name >= "date=2025-07-01"]
    assert len(forgotten) > 30
    for path in (*forgotten, *brought):
        shutil.rmtree(path)
    done("stage=features", f"date={NIGHT}", root=built)
    after = published(built, "features", "tables")
    assert after == {name: before[name] for name in before if name in after}
    gone = {name.split("/")[2] for name in before if name not in after}
    assert gone == {path.name for path in forgotten} - {"date=2025-08-20"}  # which nobody had brought


def test_changed_raw_data_is_noticed_and_the_date_is_built_again(built: Path) -> None:
    before = Lake(built).manifest(Partition(kind="features", dataset="subscription", day=date.fromisoformat(NIGHT)))
    path = built / "raw" / "subscription" / "date=2025-07-10" / "payments.parquet"
    pl.read_parquet(path, hive_partitioning=False).with_columns(pl.col("amount_cents") + 100).write_parquet(path)
    assert "nothing to do" not in done("stage=features", f"date={NIGHT}", root=built).err
    after = Lake(built).manifest(Partition(kind="features", dataset="subscription", day=date.fromisoformat(NIGHT)))
    assert before is not None
    assert after is not None
    assert {name for name in after.inputs if after.inputs[name] != before.inputs[name]} == {"tables/2025-07-10"}
    assert after.content != before.content


def test_chunks_of_any_size_hold_the_same_rows(root: Path) -> None:
    tables = []
    for rows in (64, 100_000):
        done("stage=features", f"date={NIGHT}", f"resources.chunk_rows={rows}", root=root)
        tables.append(pl.read_parquet(root / f"features/subscription/date={NIGHT}/features.parquet"))
    assert tables[0].equals(tables[1])


def test_a_range_builds_every_date_of_it(root: Path) -> None:
    done("stage=features", "date=2025-06-01..2025-08-01/1mo", *FAST, root=root)
    days = Lake(root).days("features", "subscription")
    assert days == (date(2025, 6, 1), date(2025, 7, 1), date(2025, 8, 1))


def test_raw_days_that_are_missing_stop_the_night(root: Path) -> None:
    ran = churn("stage=features", "date=2025-08-25", root=root)
    assert ran.code == 3
    assert "no raw day between 2025-08-20 and 2025-08-25" in ran.err
    assert not (root / "features").exists()


def test_a_date_before_all_raw_days_is_refused(root: Path) -> None:
    ran = churn("stage=features", "date=2024-06-01", root=root)
    assert ran.code == 3
    assert "raw tables before 2024-06-01: no raw day with rows" in ran.err


def test_a_truncated_raw_file_stops_the_night_by_name(root: Path) -> None:
    path = root / "raw" / "subscription" / "date=2025-07-10" / "usage.parquet"
    path.write_bytes(path.read_bytes()[:300])
    ran = churn("stage=features", f"date={NIGHT}", root=root)
    assert ran.code == 3
    assert "date=2025-07-10/usage.parquet" in ran.err
    assert not list(root.glob("features/*/*/*.parquet"))


def test_a_missing_raw_column_is_named(root: Path) -> None:
    for path in (root / "raw" / "subscription").glob("date=*/usage.parquet"):
        pl.read_parquet(path, hive_partitioning=False).drop("minutes").write_parquet(path)
    ran = churn("stage=features", f"date={NIGHT}", root=root)
    assert ran.code == 3
    assert "usage.parquet" in ran.err
    assert "no column 'minutes'" in ran.err


def test_two_runs_on_one_date_are_told_apart(root: Path) -> None:
    day = Partition(kind="features", dataset="subscription", day=date.fromisoformat(NIGHT))
    with Lake(root).lock(day):
        ran = churn("stage=features", f"date={NIGHT}", root=root)
    assert ran.code == 6
    assert "another run is at work" in ran.err


def test_the_manifest_counts_what_was_read(night: Path) -> None:
    manifest = Lake(night).manifest(Partition(kind="features", dataset="subscription", day=date.fromisoformat(NIGHT)))
    assert manifest is not None
    assert manifest.facts["audit"]["customers"] == manifest.rows == 1500


def test_a_raw_day_that_is_missing_inside_the_history_stops_the_night(root: Path) -> None:
    for kind in ("raw", "tables"):
        shutil.rmtree(root / kind / "subscription" / "date=2025-05-03")
    ran = churn("stage=features", f"date={NIGHT}", root=root)
    assert ran.code == 3
    assert "no raw day between 2025-05-02 and 2025-05-04" in ran.err


def test_a_date_without_the_history_that_features_look_at_is_refused(root: Path) -> None:
    ran = churn("stage=features", "date=2025-02-01", root=root)
    assert ran.code == 3
    assert "the raw days begin on 2025-01-01, and features look 90 days back" in ran.err


def test_a_folder_that_no_run_has_published_is_not_replaced(root: Path) -> None:
    mine = root / "features" / "subscription" / f"date={NIGHT}" / "notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    ran = churn("stage=features", f"date={NIGHT}", root=root)
    assert ran.code == 3
    assert "no run has published it" in ran.err
    assert mine.read_text() == "precious"


def test_a_file_that_was_cut_short_is_made_again(built: Path) -> None:
    before = published(built, "features")
    path = built / "features" / "subscription" / f"date={NIGHT}" / "features.parquet"
    path.write_bytes(path.read_bytes()[:100])
    done("stage=features", f"date={NIGHT}", root=built)
    assert published(built, "features") == before
