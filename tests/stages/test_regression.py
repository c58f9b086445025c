"""A dataset whose label is a number trains, is registered and scores: here the minutes of use in the next 30 days."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.stores.registry import Registry
from churn.training.bundle import Bundle
from churn.training.calibration import Exponential
from tests.command import FAST, TRAINED, churn, copied, done

HERE = Path(__file__).parent.parent.parent
DECLARATION = """
from dataclasses import replace

from churn.datasets import subscription

DATASET = replace(subscription.DATASET, name="minutes", task="regression", score="minutes_30d")
"""
LABELS = """
-- grain: one row per customer of as_of; label = minutes of use in [as_of, as_of + horizon_days)
with
used as (
    select customer_id, sum(minutes) as minutes
    from usage
    where
        date >= cast(getvariable('as_of') as date)
        and date < cast(getvariable('as_of') as date) + cast(getvariable('horizon_days') as integer)
    group by customer_id
)

select population.customer_id, cast(coalesce(used.minutes, 0) as integer) as label
from population
left join used on population.customer_id = used.customer_id
"""


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, ...]:
    """A dataset in folders of its own, as a user would add it; returns what a command needs to find it."""
    for folder in ("datasets", "sql", "conf/dataset"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "datasets" / "minutes.py").write_text(DECLARATION)
    shutil.copytree(HERE / "sql" / "subscription", tmp_path / "sql" / "minutes")
    (tmp_path / "sql" / "minutes" / "labels.sql").write_text(LABELS)
    text = (HERE / "conf" / "dataset" / "subscription.yaml").read_text()
    own = text.replace("name: subscription", "name: minutes").replace("churn-predictor", "minutes")
    (tmp_path / "conf" / "dataset" / "minutes.yaml").write_text(own)
    return ("--config-dir", str(tmp_path / "conf"), "dataset=minutes")


def registry(root: Path) -> Registry:
    return Registry(folder=root / "mlflow", uri=None, model="minutes", experiment="churn-prediction")


def test_a_regression_trains_scores_better_than_the_mean_and_is_promoted_over_its_own_gates(
    place: tuple[str, ...], taken: Path, tmp_path: Path
) -> None:
    root = copied(taken, tmp_path / "lake")
    (root / "tables" / "subscription").rename(root / "tables" / "minutes")  # the same raw days, and so the same rows
    ran = done(*place, "stage=train", f"date={TRAINED}", "model.objective=tweedie", *FAST, root=root)
    made = Bundle.from_files(registry(root).bundle_files(1))
    assert (made.task, made.calibrator) == ("regression", Exponential())
    assert made.metrics["r2_test"] > 0.3
    assert made.metrics["rmse_test_low"] < made.metrics["rmse_test"] < made.metrics["rmse_test_high"]
    assert "auc_test" not in made.metrics
    assert re.search(rf"RMSE +{made.metrics['rmse_test']:.4g} ", ran.out)
    refused = churn(*place, "stage=promote", f"date={TRAINED}", "stage.gates.r2_floor.minimum=0.99", root=root)
    assert (refused.code, "r2_floor: fail" in refused.out, "auc_floor" in refused.out) == (4, True, False)
    assert "version 1 is champion now" in done(*place, "stage=promote", f"date={TRAINED}", root=root).out
    done(*place, "stage=features", "date=2025-08-20", *FAST, root=root)
    done(*place, "stage=score", "date=2025-08-20", "stage.uncertainty=true", *FAST, root=root)
    scores = pl.read_parquet(root / "predictions" / "minutes" / "date=2025-08-20" / "scores.parquet")
    assert scores["minutes_30d"].quantile(0.9) > 10  # type: ignore[operator]
    np.testing.assert_array_equal(scores["minutes_30d"], Exponential().scores(scores["raw_score"].to_numpy()))
    held = pl.col("minutes_30d").is_between("minutes_30d_low", "minutes_30d_high")
    assert scores.select(held.all() & (pl.col("minutes_30d_high") > pl.col("minutes_30d_low")).all()).item()
    done(*place, "stage=score", "date=2025-07-11", *FAST, root=root)  # its test date
    wide = ("stage.limits.rmse_rise=0.5", "stage.limits.calibration_gap=0.5")
    outcomes = done(*place, "stage=outcomes", "date=2025-07-11", *wide, *FAST, root=root).out
    assert "1 holds" in outcomes
    assert f"  {made.metrics['rmse_test']:.4g} (" in outcomes  # its test once more, by other means
    curve = churn(*place, "stage=train", f"date={TRAINED}", "stage.calibration=platt", *FAST, root=root)
    assert (curve.code, "stage.calibration: platt for a regression" in curve.err) == (2, True)
