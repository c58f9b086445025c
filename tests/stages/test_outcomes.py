"""Ripe labels meet the scores that were published; a realised loss is exit code 5, a half-ripe night is not used."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.drift.cbpe import Levels, expected
from churn.ripe_night import join
from tests.command import FAST, churn, copied, done, published
from tests.exposition import read_all, values

NIGHT = date(2025, 7, 21)  # ripe on the last night that there may be but one, and not learned from
LEARNED = date(2025, 6, 11)  # the champion's calibration date
KEY = "customer_id"


@pytest.fixture(scope="module")
def ripe(business: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with scores of a ripe night, of one that the champion learned from and of one that is not ripe."""
    root = copied(business, tmp_path_factory.mktemp("ripe") / "lake")
    done("stage=features", f"date={NIGHT}", *FAST, root=root)
    for day in (LEARNED, NIGHT, "2025-08-20"):
        done("stage=score", f"date={day}", *FAST, root=root)
    return root


@pytest.fixture
def place(ripe: Path, tmp_path: Path) -> Path:
    return copied(ripe, tmp_path / "own")


def rows(root: Path, day: date) -> dict[str, dict[str, float]]:
    table = pl.read_parquet(root / f"outcomes/subscription/date={day}/outcomes.parquet")
    return {row["metric"]: row for row in table.to_dicts()}


def cancellations(root: Path) -> Iterator[Path]:
    """Yields the raw files of the night's label window."""
    for count in range(30):
        yield root / f"raw/subscription/date={NIGHT + timedelta(days=count)}/cancellations.parquet"


def test_auto_joins_every_ripe_night_to_the_scores_that_were_published_then(place: Path) -> None:
    ran = churn("stage=outcomes", "date=auto", *FAST, root=place)
    assert ran.code == 0, ran.err
    assert "joined 2 of 2 dates" in ran.out
    scores = pl.read_parquet(place / f"predictions/subscription/date={NIGHT}/scores.parquet")
    left = pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in cancellations(place)])[KEY].unique()
    is_churn, score = scores[KEY].is_in(left.implode()).to_numpy(), scores["churn_score"].to_numpy()
    higher = score[is_churn][:, None] - score[~is_churn]
    found = rows(place, NIGHT)
    assert found["auc"]["figure"] == pytest.approx(((higher > 0) + (higher == 0) / 2).mean(), rel=1e-12)
    assert found["brier"]["figure"] == pytest.approx(((score - is_churn) ** 2).mean(), rel=1e-12)
    assert (found["auc"]["n"], found["auc"]["n_positive"]) == (1500, is_churn.sum())
    told = read_all((place / "metrics").glob("*.prom"))
    assert values(told, "churn_outcomes_auc") == [found["auc"]["figure"]]
    assert values(told, "churn_outcomes_verdict", verdict="insufficient") == [1]
    estimate = expected(Levels.of(score), share=0.1)["auc"]
    assert (found["auc"]["estimated"], found["auc"]["estimated_se"]) == (estimate.figure, estimate.se)
    assert f"{NIGHT}  1        insufficient" in ran.out  # 1,500 customers cannot tell a drop of 0.03
    assert "version 1 learned labels of these days" in ran.err
    before = published(place, "outcomes")
    assert "nothing to do, no ripe night" in done("stage=outcomes", "date=auto", *FAST, root=place).out
    assert "was there already" in done("stage=outcomes", f"date={NIGHT}", *FAST, root=place).out
    assert published(place, "outcomes") == before


def test_other_limits_judge_again_and_status_shows_the_verdict(place: Path) -> None:
    wide = ("stage.limits.auc_drop=0.2", "stage.limits.calibration_gap=5", "stage.limits.slope_gap=5")
    ran = done("stage=outcomes", f"date={NIGHT}", *wide, *FAST, root=place)
    assert "1 holds" in ran.out
    assert "nothing to do" not in done("stage=outcomes", f"date={NIGHT}", *FAST, root=place).err
    (line,) = [line for line in done("stage=status", *FAST, root=place).out.splitlines() if str(NIGHT) in line]
    assert "insufficient" in line


def test_leavers_whom_nothing_foretold_are_a_realised_loss(place: Path) -> None:
    ever = pl.read_parquet(place / "raw/subscription/date=*/cancellations.parquet", hive_partitioning=False)[KEY]
    scores = pl.read_parquet(place / f"predictions/subscription/date={NIGHT}/scores.parquet")
    stayed = scores.filter(~pl.col(KEY).is_in(ever.implode()))[KEY].shuffle(seed=1).to_list()
    for file in cancellations(place):
        table = pl.read_parquet(file, hive_partitioning=False)
        others = [stayed.pop() for _ in range(table.height)]
        table.with_columns(pl.Series(KEY, others, dtype=table.schema[KEY])).write_parquet(file)
    ran = churn("stage=outcomes", f"date={NIGHT}", *FAST, root=place)
    assert ran.code == 5
    assert "1 loss" in ran.out
    found = rows(place, NIGHT)["auc"]
    assert found["high"] < found["estimated"] - 0.03


def test_a_night_that_is_not_ripe_is_refused_and_none_of_its_range_is_used(place: Path) -> None:
    ran = churn("stage=outcomes", f"date={NIGHT}..2025-08-20/30d", *FAST, root=place)
    assert ran.code == 3
    assert "1 of 2 dates not ripe at 2025-08-21: 2025-08-20" in ran.err
    assert published(place, "outcomes") == {}


def test_auto_leaves_out_a_night_whose_window_has_a_hole_and_says_so(place: Path) -> None:
    for count in range(5, 15):
        for kind in ("raw", "tables"):
            shutil.rmtree(place / kind / "subscription" / f"date={NIGHT + timedelta(days=count)}")
    ran = done("stage=outcomes", "date=auto", *FAST, root=place)
    assert f"nights left out  1, {NIGHT}: no raw day between 2025-07-25 and 2025-08-05" in ran.out
    assert {file.split("/")[2] for file in published(place, "outcomes")} == {f"date={LEARNED}"}


def test_a_night_without_scores_names_the_command_that_makes_them(ripe: Path) -> None:
    ran = churn("stage=outcomes", "date=2025-07-20", root=ripe)
    assert ran.code == 3
    assert "python -m churn stage=score dataset=subscription date=2025-07-20" in ran.err


def test_customers_whom_one_side_alone_knows_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    scores = pl.DataFrame({KEY: [1, 2, 3, 4], "score": [0.1, 0.2, 0.3, 0.4]})
    labels = pl.DataFrame({KEY: [2, 3, 4, 5, 6, 7], "label": [1, 0, None, 1, None, 0]})
    joined = join(scores, labels, key=KEY, where="outcomes x")
    assert joined.rows.to_dict(as_series=False) == {KEY: [2, 3], "score": [0.2, 0.3], "label": [1, 0]}
    assert (joined.unlabelled, joined.unscored) == (2, 2)
    assert caplog.messages == [
        "outcomes x: 2 customers with a score and no label are left out",
        "outcomes x: 2 customers with a label and no score are left out",
    ]
    np.testing.assert_array_equal(joined.scores, [0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("setting", ["auc_drop=0", "auc_drop=0.5", "slope_gap=-1"])
def test_limits_that_make_no_sense_are_refused(setting: str, tmp_path: Path) -> None:
    assert churn("stage=outcomes", "date=auto", f"stage.limits.{setting}", root=tmp_path).code == 2
