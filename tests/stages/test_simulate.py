"""The same seed writes the same bytes, and the truth stands apart from the raw tables."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.command import churn, done, published

DAYS = "2025-01-01..2025-01-10"
TINY = ("stage.business.customers=300", "stage.business.seed=7")


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        done(
            "stage=simulate",
            f"date={DAYS}",
            "stage.business.customers=300",
            f"stage.business.seed={seed}",
            root=tmp_path / name,
        )
    one, two, three = (published(tmp_path / name, "raw", "truth") for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_a_longer_range_continues_a_shorter_one(tmp_path: Path) -> None:
    done("stage=simulate", f"date={DAYS}", *TINY, root=tmp_path)
    before = published(tmp_path, "raw", "truth")
    ran = done("stage=simulate", "date=2025-01-01..2025-01-15", *TINY, root=tmp_path)
    assert "wrote 5 of 15 dates, 10 were there already" in ran.out
    after = published(tmp_path, "raw", "truth")
    assert {name: after[name] for name in before} == before
    assert "nothing to do" in done("stage=simulate", "date=2025-01-01..2025-01-15", *TINY, root=tmp_path).err


def test_two_businesses_are_not_mixed(tmp_path: Path) -> None:
    done("stage=simulate", f"date={DAYS}", *TINY, root=tmp_path)
    before = published(tmp_path, "raw", "truth")
    ran = churn("stage=simulate", "date=2025-01-01..2025-01-05", "stage.business.seed=8", root=tmp_path)
    assert ran.code == 3
    assert "belong to another business" in ran.err
    assert "leave them as they are, and simulate under another root=" in ran.err
    assert published(tmp_path, "raw", "truth") == before


def test_another_first_day_is_told_how_to_go_on_and_deletes_nothing(tmp_path: Path) -> None:
    done("stage=simulate", f"date={DAYS}", *TINY, root=tmp_path)
    before = published(tmp_path, "raw", "truth")
    ran = churn("stage=simulate", "date=2025-01-11..2025-01-15", *TINY, root=tmp_path)
    assert ran.code == 3
    assert "belong to another business, which begins on 2025-01-01" in ran.err
    assert "go on with it by a range that begins there, date=2025-01-01.." in ran.err
    assert "delete" not in ran.err
    assert published(tmp_path, "raw", "truth") == before


def test_the_truth_is_no_raw_table(tmp_path: Path) -> None:
    done("stage=simulate", f"date={DAYS}", *TINY, root=tmp_path)
    truth = pl.read_parquet(tmp_path / "truth/subscription/date=2025-01-10/truth.parquet")
    assert truth["churn_probability"].is_between(0, 1).all()
    for path in (tmp_path / "raw").rglob("*.parquet"):
        assert "churn_probability" not in pl.read_parquet_schema(path)


def test_a_range_with_a_step_is_refused(tmp_path: Path) -> None:
    ran = churn("stage=simulate", "date=2025-01-01..2025-03-01/1mo", root=tmp_path)
    assert ran.code == 2
    assert "without a step" in ran.err
    assert not (tmp_path / "raw").exists()
