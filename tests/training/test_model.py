"""Settings that no model could have are refused by themselves, before LightGBM or any row is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from churn.errors import SettingsError
from churn.training.fit import fit
from tests.training.test_fit import ENCODING, LABELS, MATRIX, SETTINGS


@pytest.mark.parametrize(
    ("name", "wrong", "action"),
    [
        ("num_iterations", 0, "give 1 or more"),
        ("early_stopping_rounds", 0, "give 1 or more"),
        ("learning_rate", 0.0, "give more than 0"),
        ("num_leaves", 1, "give 2 or more, at most 131072"),
        ("num_leaves", 131_073, "give 2 or more, at most 131072"),
        ("min_data_in_leaf", -1, "give 0 or more"),
        ("feature_fraction", 0.0, "give more than 0, at most 1"),
        ("feature_fraction", 1.01, "give more than 0, at most 1"),
        ("bagging_fraction", 1.01, "give more than 0, at most 1"),
        ("bagging_freq", -1, "give 0 or more"),
        ("lambda_l2", -0.1, "give 0 or more"),
        ("max_bin", 1, "give 2 or more"),
        ("scale_pos_weight", 0.0, "give more than 0"),
    ],
)
def test_a_number_that_lightgbm_would_refuse_is_refused_by_its_key(name: str, wrong: Any, action: str) -> None:
    with pytest.raises(SettingsError, match=rf"^model\.{name}: {wrong:g}\n  do: {action}$"):
        replace(SETTINGS, **{name: wrong})


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("learning_rate", 1e-6),
        ("num_leaves", 2),
        ("num_leaves", 131_072),
        ("min_data_in_leaf", 0),
        ("feature_fraction", 1.0),
        ("bagging_fraction", 1.0),
        ("bagging_freq", 0),
        ("lambda_l2", 0.0),
        ("max_bin", 2),
        ("scale_pos_weight", 0.1),
    ],
)
def test_what_lightgbm_takes_is_taken(name: str, least: Any) -> None:
    settings = replace(SETTINGS, num_iterations=1, **{name: least})
    assert fit(MATRIX, LABELS, encoding=ENCODING, settings=settings, num_threads=1)


def test_a_constraint_has_a_sign_and_one_on_what_is_no_number_names_the_nearest() -> None:
    features, categories = ("spend_30d", "plan", "tenure_days"), ("plan",)
    settings = replace(SETTINGS, monotone_constraints={"spend_30d": "increasing", "tenure_days": "decreasing"})
    assert settings.signs(features, categories=categories) == [1, 0, -1]
    for wrong, action in (("tenure_day", "did you mean 'tenure_days'"), ("plan", "there are: spend_30d, tenure_days")):
        settings = replace(SETTINGS, monotone_constraints={wrong: "increasing"})
        with pytest.raises(SettingsError, match=action):
            settings.signs(features, categories=categories)
