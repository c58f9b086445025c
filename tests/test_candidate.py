"""What the folds of a cross-validation say together."""

from __future__ import annotations

import math
from datetime import date

import pytest
from scipy.stats import t

from churn import candidate
from churn.promotion.metrics import Estimate
from churn.stages.train import _trial
from churn.training.split import Fold, Part

DAY = Part(dates=(date(2026, 1, 1),))
Z95 = 1.959963984540054


def folds_of(*figures: float | str, se: float) -> list[candidate.TestedFold]:
    return [
        candidate.TestedFold(
            fold=Fold(train=DAY, test=DAY),
            found=one
            if isinstance(one, str)
            else Estimate(figure=one, se=se, interval=(one - se, one + se), n=100, n_positive=10),
        )
        for one in figures
    ]


def interval(*figures: float, se: float, name: str = "auc") -> tuple[float, float]:
    found = _trial({**candidate._over_folds(folds_of(*figures, se=se), name=name), "leaves": 1}, judged_on="rows")
    assert found is not None
    return found.interval


def test_folds_that_agree_by_chance_are_no_surer_than_their_rows() -> None:
    found = candidate._over_folds(folds_of(0.8, 0.8, "one class", se=0.02), name="auc")
    assert found["cv_auc_std"] == 0
    assert found["cv_auc_se"] == pytest.approx(0.02 / math.sqrt(2))
    assert (found["cv_folds"], found["cv_rows"]) == (2, 200)


def test_folds_that_differ_by_more_than_their_rows_explain_are_as_unsure_as_they_differ() -> None:
    found = candidate._over_folds(folds_of(0.7, 0.9, se=0.001), name="auc")
    assert found["cv_auc_se"] == pytest.approx(0.1)


def test_the_interval_of_a_few_folds_takes_students_t_and_is_no_narrower_than_that_of_their_rows() -> None:
    assert interval(0.70, 0.71, se=0.0001) == pytest.approx((0.705 - 12.7062 * 0.005, 0.705 + 12.7062 * 0.005))
    four = t.ppf(0.975, 3) * math.sqrt(5 / 3) / math.sqrt(4)
    assert interval(10, 11, 12, 13, se=0.1, name="rmse") == pytest.approx((11.5 - four, 11.5 + four))
    assert interval(0.7, 0.7, se=0.02) == pytest.approx((0.7 - Z95 * 0.02 / 2**0.5, 0.7 + Z95 * 0.02 / 2**0.5))
    assert interval(0.7, se=0.02) == pytest.approx((0.7 - Z95 * 0.02, 0.7 + Z95 * 0.02))


def test_an_interval_holds_no_impossible_figure() -> None:
    assert interval(0.6, 0.9, se=0.01) == (0, 1)
