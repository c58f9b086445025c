"""What others measured is told as it is; what nobody measured is never a pass."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from churn.findings import Answer
from churn.promotion.bundle_gates import LeakFree, Size, Speed
from churn.promotion.evidence import Cost, Evidence
from churn.promotion.suspicion import Kind, Leaks, Suspicion
from tests.promotion.campaign import CAMPAIGN

EVIDENCE = Evidence(labels=np.arange(100) % 2, challenger=np.linspace(0, 1, 100), champion=None, campaign=CAMPAIGN)
LEAK_FREE = LeakFree(kind="leak_free", found="fail", not_run="warn")
SPEED = Speed(kind="speed", warn_over=10.0, fail_over=100.0)
SIZE = Size(kind="size", warn_over=1e6, fail_over=1e7)
REFUND = Suspicion(
    feature="refund", kind=Kind.ALONE, figure=0.2, interval=(0.1, 0.3), limit=0.03, n=80, unit="AUC added", reason="why"
)


@pytest.mark.parametrize(("time", "answer"), [(10.0, Answer.PASS), (10.1, Answer.WARN), (100.1, Answer.FAIL)])
def test_speed_and_size_are_held_against_their_limits(time: float, answer: Answer) -> None:
    evidence = replace(EVIDENCE, cost=Cost(bytes=int(time * 1e5), microseconds_per_row=time))
    for gate, figure in ((SPEED, time), (SIZE, time * 1e5)):
        found = gate.judge(evidence)
        assert (found.answer, found.interval) == (answer, None)
        assert found.figure == pytest.approx(figure)


def test_a_time_that_is_no_number_is_a_failure() -> None:
    cost = Cost(bytes=1, microseconds_per_row=math.nan)
    assert SPEED.judge(replace(EVIDENCE, cost=cost)).answer is Answer.FAIL


def test_what_was_not_measured_is_no_evidence() -> None:
    assert SPEED.judge(EVIDENCE).answer is SIZE.judge(EVIDENCE).answer is Answer.INSUFFICIENT


@pytest.mark.parametrize("found", ["warn", "fail"])
def test_a_suspicion_is_told_with_its_evidence(found: str) -> None:
    gate = replace(LEAK_FREE, found=found)  # type: ignore[arg-type]
    told = gate.judge(replace(EVIDENCE, leaks=Leaks(suspicions=(REFUND, REFUND), nearest=(), settings="alpha=0.1")))
    assert (told.answer, told.figure, told.interval, told.limit, told.n) == (Answer(found), 0.2, (0.1, 0.3), 0.03, 80)
    assert told.reason == "suspicions: 2, the first: refund: ranks alone beyond belief, why (checked with alpha=0.1)"


def test_a_clean_leak_check_passes_with_what_came_nearest() -> None:
    told = LEAK_FREE.judge(replace(EVIDENCE, leaks=Leaks(suspicions=(), nearest=(REFUND,))))
    assert (told.answer, told.figure, "nearest to one: refund" in told.reason) == (Answer.PASS, 0.2, True)
    nothing = LEAK_FREE.judge(replace(EVIDENCE, leaks=Leaks(suspicions=(), nearest=(), settings="alpha=0.1")))
    assert (nothing.answer, nothing.reason) == (Answer.PASS, "no suspicion (checked with alpha=0.1)")


@pytest.mark.parametrize("not_run", ["warn", "insufficient evidence"])
def test_a_leak_check_that_did_not_run_is_what_the_setting_says(not_run: str) -> None:
    gate = replace(LEAK_FREE, not_run=not_run)  # type: ignore[arg-type]
    assert gate.judge(EVIDENCE).answer is Answer(not_run)
