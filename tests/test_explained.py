"""A night's reasons stand beside its scores, in the words of that night."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.scoring import reasons
from churn.stores.lake import Lake, Manifest, Partition
from tests.command import churn, done

NIGHT = "2025-08-20"
SCORE = ("stage=score", f"date={NIGHT}")
PLACE = Path("predictions") / "subscription" / f"date={NIGHT}"
OTHER_WORDS = "dataset.reasons.tenure.raises='since {tenure_days} days'"


def manifest(lake: Path) -> Manifest:
    found = Lake(lake).manifest(Partition(kind="predictions", dataset="subscription", day=date.fromisoformat(NIGHT)))
    assert found is not None
    return found


def test_the_highest_scores_of_the_top_segment_are_explained_in_the_words_of_the_dataset(lake: Path) -> None:
    ran = done(*SCORE, "stage.reasons.rows=20", root=lake)
    scores = pl.read_parquet(lake / PLACE / "scores.parquet")
    high = scores.filter(pl.col("segment") == "high").sort("churn_score", "raw_score", descending=True)
    found = pl.read_parquet(lake / PLACE / "reasons.parquet")
    assert found["customer_id"].unique().sort().to_list() == high.head(20)["customer_id"].sort().to_list()
    assert found.select("customer_id", "rank").equals(found.select("customer_id", "rank").sort("customer_id", "rank"))
    assert found["rank"].max() == 4
    assert (found["contribution"] > 0).all()
    features = pl.read_parquet(lake / f"features/subscription/date={NIGHT}/features.parquet")
    usage = found.filter(pl.col("code") == "usage").join(features, on="customer_id")
    assert usage.height > 0
    assert all(
        text.startswith(f"sessions in 30 days: {n}, ") for text, n in usage.select("text", "sessions_30d").iter_rows()
    )
    (figure,) = [line for line in ran.out.splitlines() if line.startswith("  reasons ")]
    assert "of 20 customers; first of all " in figure
    assert manifest(lake).rows == 1500
    assert sum(manifest(lake).facts["reasons"]["first"].values()) == 20


def test_other_words_make_a_night_stale_that_has_reasons_and_the_old_ones_are_kept_for_a_rebuild(lake: Path) -> None:
    done(*SCORE, OTHER_WORDS, root=lake)
    scores = (lake / PLACE / "scores.parquet").read_bytes()
    assert "scores: templates: changed" in done("stage=status", root=lake).out
    assert "the same bytes" in done("stage=lineage", f"date={NIGHT}", "stage.rebuild=true", root=lake).out
    done(*SCORE, "stage.reasons.rows=0", root=lake)
    assert list(manifest(lake).files) == ["scores.parquet"]
    assert (lake / PLACE / "scores.parquet").read_bytes() == scores
    assert "nothing to do" in done(*SCORE, "stage.reasons.rows=0", OTHER_WORDS, root=lake).err


def test_where_contributions_do_not_add_up_nothing_is_published(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "TOLERANCE", -1.0)
    ran = churn(*SCORE, root=lake)
    assert ran.code == 3
    assert "do not add up to the raw score" in ran.err
    assert not (lake / PLACE).exists()


def test_an_unknown_feature_in_a_reason_stops_the_run_before_anything_is_read(tmp_path: Path) -> None:
    ran = churn(*SCORE, "dataset.reasons.tenure.features=[tenure_day]", root=tmp_path / "lake")
    assert ran.code == 2
    assert "dataset.reasons.tenure: no feature 'tenure_day'\n  do: did you mean 'tenure_days'?" in ran.err
    assert not (tmp_path / "lake" / "predictions").exists()
