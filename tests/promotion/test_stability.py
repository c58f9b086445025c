"""The list's changes are counted, judged with an interval, and need no answer where nothing was listed before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from churn.errors import SettingsError
from churn.findings import Answer
from churn.promotion.evidence import Evidence
from churn.promotion.stability import Moves, Stability, moves, on_list
from tests.promotion.campaign import CAMPAIGN

N = 2000
GATE = Stability(kind="stability", warn_over=0.3, fail_over=0.6)
CHAMPION = np.linspace(0.01, 0.99, N)


def _evidence(new: int) -> Evidence:
    """Of the 200 rows on the list, `new` are not on the champion's."""
    challenger = CHAMPION.copy()
    challenger[N - 200 : N - 200 + new] = 0.001
    challenger[:new] = 0.995
    return Evidence(labels=np.arange(N) % 2, challenger=challenger, champion=CHAMPION, campaign=CAMPAIGN)


@pytest.mark.parametrize(
    ("new", "answer"),
    [(0, Answer.PASS), (40, Answer.PASS), (65, Answer.PASS), (90, Answer.WARN), (130, Answer.WARN), (160, Answer.FAIL)],
)
def test_the_share_of_the_list_that_is_new_is_held_against_both_limits(new: int, answer: Answer) -> None:
    found = GATE.judge(_evidence(new))
    assert (found.answer, found.n) == (answer, 200)
    assert found.figure == pytest.approx(new / 200)
    assert found.limit == (0.6 if answer is Answer.FAIL else 0.3)


def test_the_limits_that_are_shipped_refuse_another_list_altogether() -> None:
    written = yaml.safe_load((Path(__file__).parents[2] / "conf" / "stage" / "promote.yaml").read_text())
    shipped = Stability(**written["gates"]["stability"])
    assert [shipped.judge(_evidence(new)).answer for new in (200, 170)] == [Answer.FAIL, Answer.WARN]


def test_the_interval_is_that_of_a_share() -> None:
    found = GATE.judge(_evidence(50))
    reach = 1.959964 * np.sqrt(0.25 * 0.75 / 199)
    assert found.interval == pytest.approx((0.25 - reach, 0.25 + reach))


def test_a_list_of_few_customers_cannot_show_the_limit() -> None:
    evidence = replace(_evidence(100), customers=np.arange(N) // 100)
    assert GATE.judge(evidence).answer is Answer.INSUFFICIENT
    assert GATE.judge(replace(evidence, customers=np.zeros(N))).figure is None


def test_a_first_champion_changes_no_list() -> None:
    found = GATE.judge(replace(_evidence(10), champion=None))
    assert (found.answer, found.figure) == (Answer.PASS, None)


def test_moves_count_who_stays_leaves_and_enters() -> None:
    evidence = _evidence(30)
    assert moves(evidence.challenger, CHAMPION, share=0.1) == Moves(stay=170, leave=30, enter=30)


def test_all_rows_that_are_tied_at_the_end_are_on_the_list_and_one_at_least() -> None:
    assert on_list(np.array([1, 1, 1, 0]), 0.25).tolist() == [True, True, True, False]
    assert on_list(np.array([3, 2, 1, 0]), 0.01).tolist() == [True, False, False, False]


@pytest.mark.parametrize("wrong", [{"warn_over": 0.0}, {"warn_over": 0.7}])
def test_limits_out_of_order_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="stability"):
        replace(GATE, **wrong)  # type: ignore[arg-type]
