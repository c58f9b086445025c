"""The whole loop on real invoices, as the README tells it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from churn.stores.registry import Registry
from churn.training.bundle import Bundle
from tests.command import churn, done

FOLDER = Path(__file__).parent.parent.parent / "shared" / "data"
TRAINING = ("stage.train.dates=2010-06-01..2011-06-01/1mo",)
SHOP = ("dataset=online_retail", f"dataset.folder={FOLDER / 'online_retail'}")


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the real data do not lie in ../shared/data beside this checkout")
def test_online_retail_is_trained_promoted_scored_and_watched(tmp_path: Path) -> None:
    done("stage=train", *SHOP, "date=2011-09-01", "stage.dates=2010-06-01..2011-06-01/1mo", root=tmp_path)
    done("stage=promote", *SHOP, "date=2011-09-01", root=tmp_path)
    done("stage=nightly", *SHOP, "date=2011-09-01", root=tmp_path)
    later = churn("stage=nightly", *SHOP, "date=2011-11-15", root=tmp_path)
    assert later.code in {0, 5}

    leaks = done("stage=leakcheck", *SHOP, "date=2011-09-01", *TRAINING, root=tmp_path)
    assert "leakcheck online_retail: 0 suspicions" in leaks.out

    registry = Registry(folder=tmp_path / "mlflow", uri=None, model="online-retail-churn", experiment="x")
    metrics = Bundle.from_files(registry.bundle_files(1)).metrics
    assert metrics["rows_test"] == 2659
    assert 0.73 < metrics["auc_test"] < 0.80

    scores = pl.read_parquet(tmp_path / "predictions/online_retail/date=2011-09-01/scores.parquet")
    assert scores.height == 2772
    assert scores["customer_id"].is_unique().all()
    audit = json.loads((tmp_path / "features/online_retail/date=2011-09-01/_manifest.json").read_text())["facts"][
        "audit"
    ]
    assert audit["overlap_lines"] == 22_523
    assert audit["lines_without_customer"] > 0
    drift = pl.read_parquet(tmp_path / "drift/online_retail/date=2011-11-15/drift.parquet")
    assert {"column", "psi", "ks", "reason"} <= set(drift.columns)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the real data do not lie in ../shared/data beside this checkout")
def test_real_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    ran = churn(
        "stage=features", "dataset=online_retail", f"dataset.folder={tmp_path}", "date=2011-09-01", root=tmp_path
    )
    assert ran.code == 3
    assert "year_2009_2010" in ran.err
