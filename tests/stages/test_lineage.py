"""From a published score one can walk back to all that it was made from, and make it again to the byte."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.stores.lake import Lake, Partition
from tests.command import churn, copied, done

NIGHT = "2025-08-20"
LINEAGE = ("stage=lineage", f"date={NIGHT}")


def correct_a_raw_day(root: Path, day: str = "2025-07-10") -> None:
    path = root / "raw" / "subscription" / f"date={day}" / "payments.parquet"
    pl.read_parquet(path, hive_partitioning=False).with_columns(pl.col("amount_cents") + 100).write_parquet(path)


@pytest.fixture(scope="module")
def mended(night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scored night, whose features were made again of a raw day that was corrected; not to be written to."""
    root = copied(night, tmp_path_factory.mktemp("mended") / "lake")
    correct_a_raw_day(root)
    done("stage=features", f"date={NIGHT}", root=root)
    return root


@pytest.fixture
def corrected(mended: Path, tmp_path: Path) -> Path:
    """A copy of `mended` that a test may change."""
    return copied(mended, tmp_path / "lake")


def test_a_night_is_walked_back_to_files_that_hold_its_sql_and_code(scored: Path) -> None:
    ran = done(*LINEAGE, root=scored)
    places = [Path(line.split()[-1]) for line in ran.out.splitlines() if line.rstrip().endswith(".json")]
    texts = [json.loads(place.read_text()) for place in places]
    assert any("sql/subscription/snapshot.sql" in found for found in texts)
    assert any("churn/scoring/predictor.py" in found for found in texts)
    assert any("churn/night.py" in found for found in texts)
    assert any("churn/datasets/subscription.py" in found for found in texts)
    assert "usage: raw/subscription/date=*/usage.parquet" in ran.out
    raw = Lake(scored).manifest(Partition(kind="tables", dataset="subscription", day=date(2025, 8, 19)))
    assert raw is not None
    kept = json.loads(Lake(scored).texts_path(raw.inputs["contract"]).read_text())
    assert "a paid amount is above 0" in kept["contract"]
    assert "churn/features/intake.py" in kept
    assert "231 from 2025-01-01 to 2025-08-19: 0 replaced since and kept, 0 gone" in ran.out
    assert "num_leaves=15" in ran.out


def test_the_model_lists_the_features_that_it_was_trained_on(scored: Path) -> None:
    ran = done(*LINEAGE, root=scored)
    content = Lake(scored).manifest(Partition(kind="features", dataset="subscription", day=date(2025, 7, 11)))
    assert content is not None
    (line,) = [line for line in ran.out.splitlines() if line.split()[:2] == ["test", "2025-07-11"]]
    assert line.split()[2:] == [content.content[:16], "features/subscription/date=2025-07-11"]


def test_a_night_is_made_again_to_the_byte_after_its_raw_data_were_corrected(corrected: Path) -> None:
    ran = done(*LINEAGE, "stage.rebuild=true", root=corrected)
    assert "1 replaced since and kept, 0 gone" in ran.out
    assert "the same bytes, features and scores" in ran.out
    assert not list(corrected.glob(".rebuild*"))


def test_a_rebuild_notices_other_bytes(scored: Path) -> None:
    place = scored / "predictions" / "subscription" / f"date={NIGHT}"
    table = pl.read_parquet(place / "scores.parquet").with_columns(pl.col("churn_score") * 0.5)
    lake, partition = Lake(scored), Partition(kind="predictions", dataset="subscription", day=date.fromisoformat(NIGHT))
    manifest = lake.manifest(partition)
    assert manifest is not None
    with lake.publish(partition, inputs=manifest.inputs) as staging:
        table.write_parquet(staging.path / "scores.parquet")
        staging.facts |= manifest.facts
    ran = churn(*LINEAGE, "stage.rebuild=true", root=scored)
    assert ran.code == 3
    assert "NOT the same bytes" in ran.out


def test_a_night_whose_raw_days_were_pruned_says_so(corrected: Path) -> None:
    shutil.rmtree(corrected / "versions" / "tables")
    assert "0 replaced since and kept, 1 gone" in done(*LINEAGE, root=corrected).out
    ran = churn(*LINEAGE, "stage.rebuild=true", root=corrected)
    assert ran.code == 3
    assert "tables/subscription/date=2025-07-10: pruned: its content" in ran.err
    assert "is gone" in ran.err


HELD = "tables/subscription/date=2025-07-10"


@pytest.mark.slow
def test_a_raw_day_that_was_damaged_is_not_called_pruned_and_is_made_again_as_told(scored: Path) -> None:
    file = scored / HELD / "usage.parquet"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # of the same size
    assert "0 replaced since and kept, 1 gone (1 damaged)" in done(*LINEAGE, root=scored).out
    ran = churn(*LINEAGE, "stage.rebuild=true", root=scored)
    assert ran.code == 3
    assert f"{HELD}: damaged: not the bytes that were published: {file}\n" in ran.err
    assert f"delete the folder {scored / HELD}, then run: python -m churn stage=features" in ran.err
    assert "pruned" not in ran.err
    shutil.rmtree(scored / HELD)
    done("stage=features", f"date={NIGHT}", root=scored)
    assert "the same bytes, features and scores" in done(*LINEAGE, "stage.rebuild=true", root=scored).out


def test_a_raw_day_that_is_missing_is_not_called_pruned(scored: Path) -> None:
    shutil.rmtree(scored / HELD)
    ran = churn(*LINEAGE, "stage.rebuild=true", root=scored)
    assert ran.code == 3
    assert f"{HELD}: missing: nothing is published there\n  do: run: python -m churn stage=features" in ran.err
    for path in (scored / "raw" / "subscription").glob("date=2025-0[1-7]-*"):
        shutil.rmtree(path)
    ran = churn(*LINEAGE, "stage.rebuild=true", root=scored)
    assert f"restore {scored / HELD} from a backup: its source no longer has that day" in ran.err


@pytest.mark.slow
def test_features_and_kept_versions_that_were_damaged_are_told_as_such(scored: Path) -> None:
    features = scored / "features" / "subscription" / f"date={NIGHT}"
    (features / "features.parquet").write_bytes(b"cut")
    ran = churn(*LINEAGE, root=scored)
    assert ran.code == 3
    assert f"features/subscription/date={NIGHT}: damaged: not the bytes" in ran.err
    healed = done("stage=features", f"date={NIGHT}", "resources.chunk_rows=1000", root=scored)  # as they were made
    assert f"WARNING features/subscription/date={NIGHT} is damaged, and not taken as there" in healed.err
    correct_a_raw_day(scored)
    done("stage=features", f"date={NIGHT}", root=scored)
    (kept,) = (scored / "versions" / HELD).iterdir()
    (kept / "payments.parquet").write_bytes(b"cut")
    ran = churn(*LINEAGE, "stage.rebuild=true", root=scored)
    assert ran.code == 3
    assert f"{HELD}: damaged: " in ran.err
    assert f"restore {kept} from a backup" in ran.err


def test_a_date_that_was_never_scored_names_the_command(lake: Path) -> None:
    ran = churn(*LINEAGE, root=lake)
    assert ran.code == 3
    assert f"python -m churn stage=score dataset=subscription date={NIGHT}" in ran.err
