"""Calibration is a matter of size and certainty: chance makes gaps, and a gap that matters is not chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from churn.errors import SettingsError
from churn.findings import Answer
from churn.promotion.calibrated import Calibration
from churn.promotion.evidence import Evidence
from churn.promotion.metrics import Vector
from tests.promotion.campaign import CAMPAIGN

GATE = Calibration(kind="calibration", warn_over=0.02, fail_over=0.06)


def _evidence(n: int, *, off: float = 0.0, slope: float = 1.0, seed: int = 0) -> Evidence:
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1, n)
    labels: Vector = (rng.random(n) < expit(logits)).astype(float)
    return Evidence(labels=labels, challenger=expit(slope * logits + off), champion=None, campaign=CAMPAIGN)


@pytest.mark.parametrize(
    ("n", "off", "slope", "answer"),
    [
        (5000, 0.0, 1.0, Answer.PASS),
        (5000, 0.25, 1.0, Answer.WARN),
        (5000, 0.6, 1.0, Answer.FAIL),
        (5000, 0.0, 2.5, Answer.FAIL),
        (80, 0.0, 1.0, Answer.INSUFFICIENT),
    ],
)
def test_each_answer_is_given(n: int, off: float, slope: float, answer: Answer) -> None:
    assert GATE.judge(_evidence(n, off=off, slope=slope)).answer is answer


def test_what_a_calibrated_model_shows_by_chance_is_no_alarm_however_low_the_limit() -> None:
    """Chance alone makes gaps of 0.03 here: a limit of a thousandth is held to be broken 5 % of the time at most."""
    strict = replace(GATE, warn_over=0.001)
    found = [strict.judge(_evidence(1000, seed=seed)) for seed in range(100)]
    assert np.mean([one.figure for one in found]) > 0.025
    assert np.mean([(one.interval or (0, 0))[0] > 0.001 for one in found]) > 0.9  # the interval alone would cry wolf
    assert sum(one.answer is Answer.WARN for one in found) <= 11  # 5 are expected; more than 11 come once in 250 times


def test_the_reason_says_what_chance_would_show() -> None:
    found = GATE.judge(_evidence(5000, off=0.25))
    assert found.figure == pytest.approx(0.25 * 0.17, abs=0.012)  # the mean of p (1 - p) is about 0.17
    assert "a calibrated model shows 0.01" in found.reason


@pytest.mark.parametrize("limits", [{"warn_over": 0.0}, {"warn_over": 0.07}])
def test_limits_out_of_order_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="gate calibration"):
        replace(GATE, **limits)
