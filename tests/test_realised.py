"""What was realised is read as it was written, and nights that share customers are not taken for independent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from churn.promotion.hindsight import Hindsight
from churn.realised import Figure, Foresight, Pooled, Realised, from_table, to_facts, to_table
from churn.stores.partition import Manifest

AUC = Figure(figure=0.79, se=0.01, low=0.77, high=0.81, n=100, n_positive=30, estimated=0.8, estimated_se=0.009)
RMSE = Figure(figure=3.0, se=0.1, low=2.8, high=3.2, n=100, n_positive=None, estimated=None, estimated_se=None)
NIGHT = Realised(
    day=date(2026, 1, 5),
    version=3,
    verdict=Hindsight.CALIBRATION_OFF,
    reason="AUC 0.79",
    n=100,
    unlabelled=2,
    unscored=1,
    at_training=0.81,
    learned=False,
    absent={"calibration_slope": "scores: a score is not strictly between 0 and 1"},
    figures={"auc": AUC, "rmse": RMSE},
)


@pytest.mark.parametrize("night", [NIGHT, replace(NIGHT, figures={})])
def test_a_night_is_read_as_it_was_written(night: Realised) -> None:
    manifest = Manifest(
        kind="outcomes", dataset="x", date="2026-01-05", code_version="1", inputs={}, files={}, facts=to_facts(night)
    )
    assert from_table(to_table(night), manifest, day=night.day) == night


def test_the_error_so_far_counts_neither_learned_nights_nor_those_without_an_auc() -> None:
    nights = [replace(NIGHT, figures={"auc": replace(AUC, figure=0.8 + error)}) for error in (-0.01, 0.03)]
    flattered, without = replace(nights[0], learned=True), replace(NIGHT, figures={"rmse": RMSE})
    found = Foresight.of([*nights, flattered, without])
    assert found
    assert (round(found.mean, 9), round(found.sd or 0, 9), found.nights) == (0.01, 0.028284271, 2)
    one = Foresight.of(nights[:1])
    assert one
    assert (one.sd, one.nights) == (None, 1)
    assert Foresight.of([flattered, without]) is None


def test_ten_nights_alike_are_as_sure_as_one_of_them() -> None:
    days = [replace(NIGHT, day=NIGHT.day + timedelta(days=count)) for count in range(10)]
    pooled = Pooled.of([night.figures["auc"] for night in days])
    assert pooled
    assert (round(pooled.low, 6), round(pooled.high, 6), pooled.nights) == (0.7704, 0.8096, 10)
    assert Pooled.of([]) is None
