"""Every customer of a night is scored once, by a version that the row names."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from churn.errors import TryAgainError
from churn.stores.aliases import Registered
from churn.stores.lake import Lake, Partition
from churn.stores.registry import Registry
from churn.training.bundle import Bundle
from churn.training.fit import Trees
from tests.command import churn, copied, done, published

NIGHT = "2025-08-20"
SCORE = ("stage=score", f"date={NIGHT}")
FILE = f"predictions/subscription/date={NIGHT}/scores.parquet"


def test_every_customer_is_scored_once_with_the_columns_of_the_reference_design(night: Path) -> None:
    scores = pl.read_parquet(night / FILE, hive_partitioning=False)
    features = pl.read_parquet(night / f"features/subscription/date={NIGHT}/features.parquet", hive_partitioning=False)
    assert scores["customer_id"].to_list() == features["customer_id"].to_list()
    assert scores.columns[:4] == ["customer_id", "churn_score", "score_date", "model_version"]
    assert scores["score_date"].unique().to_list() == [date(2025, 8, 20)]
    assert scores["model_version"].unique().to_list() == [1]
    assert scores["churn_score"].is_between(0, 1).all()
    assert scores["churn_score"].n_unique() > 100
    assert sum(scores.null_count().row(0)) == 0


def test_a_score_is_the_calibrated_probability_of_the_registered_model(night: Path) -> None:
    scores = pl.read_parquet(night / FILE)
    features = pl.read_parquet(night / f"features/subscription/date={NIGHT}/features.parquet")
    registry = Registry(folder=night / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    bundle = Bundle.from_files(registry.bundle_files(1))
    raw = Trees.load(bundle.model_text).raw_scores(bundle.encoding.matrix(features), num_threads=1)
    assert bundle.lineage["engine"] == "numba"
    assert np.array_equal(scores["raw_score"].to_numpy(), raw)
    assert np.array_equal(scores["churn_score"].to_numpy(), bundle.calibrator.scores(raw))


def test_the_band_about_each_score_stands_beside_it_where_it_is_asked_for(scored: Path) -> None:
    plain = pl.read_parquet(scored / FILE, hive_partitioning=False)
    done(*SCORE, "stage.uncertainty=true", root=scored)
    scores = pl.read_parquet(scored / FILE, hive_partitioning=False)
    assert scores.columns[-2:] == ["churn_score_low", "churn_score_high"]
    assert scores.drop("churn_score_low", "churn_score_high").equals(plain)
    score = pl.col("churn_score")
    assert scores.select(score.is_between("churn_score_low", "churn_score_high").all()).item()
    assert scores.select((pl.col("churn_score_high") - pl.col("churn_score_low")).min()).item() > 0
    done("stage=lineage", f"date={NIGHT}", "stage.rebuild=true", root=scored)
    done(*SCORE, root=scored)
    assert pl.read_parquet(scored / FILE, hive_partitioning=False).equals(plain)


def test_plain_mlflow_loads_the_same_model_without_our_code(business: Path) -> None:
    import mlflow.lightgbm
    import pandas as pd

    registry = Registry(folder=business / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    (version,) = registry._versions()
    features = pl.read_parquet(business / f"features/subscription/date={NIGHT}/features.parquet")
    bundle = Bundle.from_files(registry.bundle_files(1))
    matrix = bundle.encoding.matrix(features)
    frame = pd.DataFrame(matrix, columns=list(bundle.encoding.features))
    model = business / "mlflow" / str(version.source).partition("/mlflow/")[2]  # it was made in another place
    plain = mlflow.lightgbm.load_model(str(model)).predict(frame, raw_score=True)
    assert np.array_equal(plain, Trees.load(bundle.model_text).raw_scores(matrix, num_threads=1))


def test_a_second_run_with_the_same_inputs_does_nothing_and_says_so(scored: Path) -> None:
    before = published(scored, "predictions")
    assert "nothing to do" in done(*SCORE, root=scored).err
    assert published(scored, "predictions") == before


def test_an_old_date_again_gives_the_same_bytes(scored: Path) -> None:
    before = published(scored, "predictions")
    shutil.rmtree(scored / "predictions")
    done(*SCORE, root=scored)
    assert published(scored, "predictions") == before


def test_chunks_and_threads_make_no_difference_to_a_score(lake: Path) -> None:
    tables = []
    for overrides in (["resources.chunk_rows=7"], ["resources.chunk_rows=5000", "resources.threads=1"]):
        done(*SCORE, *overrides, root=lake)
        tables.append(pl.read_parquet(lake / FILE))
    assert tables[0].equals(tables[1])


def test_all_engines_give_the_same_bytes_and_the_manifest_names_the_one(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for name, engine in {"numpy": "numba", "numba": "numba", "lightgbm": "lightgbm"}.items():
        monkeypatch.setattr("churn.scoring.stepwise.ROWS", 20_000 if name == "numpy" else 0)
        done(*SCORE, f"engine={engine}", "resources.chunk_rows=300", root=lake)
        assert facts(lake)["engine"] == name
        found[name] = published(lake, "predictions")[FILE]
        shutil.rmtree(lake / "predictions")
    assert len(set(found.values())) == 1


def test_lightgbm_scores_what_the_engine_cannot_walk_and_says_so(scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = published(scored, "predictions")[FILE]
    shutil.rmtree(scored / "predictions")
    monkeypatch.setattr("churn.scoring.forest.MAX_LEAVES", 3)
    ran = done(*SCORE, root=scored)
    assert "more than 3" in ran.err
    assert facts(scored)["engine"].startswith("lightgbm: a tree has ")
    assert published(scored, "predictions")[FILE] == before


def facts(root: Path) -> dict[str, Any]:
    partition = Partition(kind="predictions", dataset="subscription", day=date.fromisoformat(NIGHT))
    manifest = Lake(root).manifest(partition)
    assert manifest is not None
    return manifest.facts


def test_without_a_champion_nothing_is_scored(raw: Path, tmp_path: Path) -> None:
    root = copied(raw, tmp_path / "lake")
    ran = churn(*SCORE, root=root)
    assert ran.code == 2
    assert "no champion yet" in ran.err
    assert not (root / "predictions").exists()


def test_without_features_the_command_that_makes_them_is_named(lake: Path) -> None:
    ran = churn("stage=score", "date=2025-08-19", root=lake)
    assert ran.code == 3
    assert "python -m churn stage=features dataset=subscription date=2025-08-19" in ran.err


def test_a_changed_features_file_is_not_scored(lake: Path) -> None:
    path = lake / f"features/subscription/date={NIGHT}/features.parquet"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    ran = churn(*SCORE, root=lake)
    assert ran.code == 3
    assert "features.parquet" in ran.err
    assert not (lake / "predictions").exists()


def test_the_champions_local_copy_is_mended_from_the_registry(scored: Path) -> None:
    before = published(scored, "predictions")
    (scored / "champion/subscription/model.txt").write_text("damaged")
    shutil.rmtree(scored / "predictions")
    done(*SCORE, root=scored)
    assert published(scored, "predictions") == before
    assert Lake(scored).open(Partition(kind="champion", dataset="subscription"), made_by="").facts["model_version"] == 1


def test_nulls_that_the_model_reads_as_zero_are_counted_and_told(lake: Path) -> None:
    partition = Partition(kind="features", dataset="subscription", day=date.fromisoformat(NIGHT))
    store = Lake(lake)
    before = store.manifest(partition)
    assert before
    features = pl.read_parquet(store.path(partition) / "features.parquet", hive_partitioning=False)
    with store.publish(partition, inputs=before.inputs) as staging:
        gone = features.with_columns(tenure_days=pl.when(pl.int_range(pl.len()) >= 7).then("tenure_days"))
        gone.write_parquet(staging.path / "features.parquet")
        staging.rows["features.parquet"] = gone.height
    ran = done(*SCORE, "resources.chunk_rows=5", root=lake)
    assert ran.err.count("tenure_days: 7 nulls, and training saw none: the model reads them as 0") == 1
    manifest = store.manifest(replace(partition, kind="predictions"))
    assert manifest
    assert manifest.facts["nulls_read_as_zero"] == {"tenure_days": 7}


def test_the_manifest_names_the_model_and_the_features_it_was_made_from(night: Path) -> None:
    day = date.fromisoformat(NIGHT)
    manifest = Lake(night).manifest(Partition(kind="predictions", dataset="subscription", day=day))
    features = Lake(night).manifest(Partition(kind="features", dataset="subscription", day=day))
    assert manifest is not None
    assert features is not None
    assert manifest.inputs["model_version"] == "1"
    assert manifest.inputs["features"] == features.content
    assert sum(manifest.facts["segments"].values()) == manifest.rows == 1500


DOWN = "registry.uri=http://127.0.0.1:9"


def test_a_registry_that_is_down_costs_no_night_and_the_night_says_so(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ran = done(*SCORE, DOWN, root=lake)
    assert "version 1 of churn-predictor (the last champion known: the registry does not answer)" in ran.out
    manifest = Lake(lake).manifest(Partition(kind="predictions", dataset="subscription", day=date(2025, 8, 20)))
    assert manifest is not None
    assert (manifest.facts["model_version"], manifest.facts["champion_confirmed"]) == (1, False)
    watched = churn("stage=drift", f"date={NIGHT}", DOWN, root=lake)
    assert watched.code in {0, 5}


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_registry_that_is_down_and_a_copy_that_is_damaged_score_nothing(
    lake: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    copy = next((lake / "champion" / "subscription").rglob("model.txt"))
    if damage == "gone":
        shutil.rmtree(lake / "champion")
    else:
        copy.write_text(copy.read_text().replace("threshold=", "threshold=9", 1))
    ran = churn(*SCORE, DOWN, root=lake)
    assert ran.code == 75
    assert "127.0.0.1:9" in ran.err
    assert not (lake / "predictions" / "subscription").exists()


def test_a_registry_that_answers_is_believed_whatever_the_lake_kept(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kept copy is of version 1; the registry says version 2, and its artifacts cannot be had."""
    registry = Registry(folder=lake / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    other = Registered(version=2, fingerprint="f2", bundle="b2")
    monkeypatch.setattr(Registry, "champion", lambda _: other)
    ran = churn(*SCORE, root=lake)
    assert ran.code == 2
    assert registry.registered(1).version == 1
    assert not (lake / "predictions" / "subscription").exists()


def test_a_champion_that_the_registry_named_too_long_ago_scores_no_night(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    note = lake / ".cache" / "champion-subscription"
    assert note.read_text().startswith("1 ")
    note.write_text("1 2020-01-01")
    ran = churn(*SCORE, DOWN, root=lake)
    assert (ran.code, "on 2020-01-01, over 7 days ago" in ran.err) == (75, True)
    note.unlink()
    assert churn(*SCORE, DOWN, root=lake).code == 75


def test_a_lake_that_cannot_keep_the_champion_is_scored_by_it_all_the_same(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise TryAgainError(where="champion", found="no space left", action="make room")

    shutil.rmtree(lake / "champion")
    monkeypatch.setattr("churn.kept_champion._keep", full)
    assert "is not kept in the lake: no space left" in done(*SCORE, root=lake).err
