"""Does the classifier stay at chance where nothing moved, and name what did?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from churn.drift.classifier import Sample, _stand, tell_apart
from churn.errors import DataError
from churn.training.encoding import Encoding, Floats

ENCODING = Encoding(features=("age", "spend", "visits", "plan"), levels=(("plan", ("basic", "plus", "pro")),))


def _customers(draw: np.random.Generator, count: int) -> Floats:
    return np.column_stack([draw.normal(size=(count, 3)), draw.integers(0, 3, count)])


def _night(draw: np.random.Generator, base: Floats, *, stay: float = 0.98, spend: float = 0.0) -> Sample:
    here = np.flatnonzero(draw.random(len(base)) < stay)
    rows = base[here].copy()
    rows[:, :3] += 0.1 * draw.normal(size=(len(here), 3))
    rows[:, 1] += spend
    rows[draw.random(len(here)) < 0.05, 2] = np.nan
    return Sample(matrix=rows, customers=here)


def test_without_change_the_auc_is_a_half_and_its_standard_error_is_true() -> None:
    found = []
    for seed in range(30):
        draw, stay = np.random.default_rng(seed), (0.98, 0.6)[seed % 2]
        base = _customers(draw, 300)
        night_one, night_two = _night(draw, base, stay=stay), _night(draw, base, stay=stay)
        found.append(tell_apart(night_one, night_two, encoding=ENCODING, seed=seed, num_threads=1))
    z = [(one.auc - one.expected) / one.standard_error for one in found]
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.015)
    assert abs(np.mean(z)) < 3 / np.sqrt(30)
    assert 0.6 < np.std(z) < 1.4
    assert np.mean([one.p_value < 0.05 for one in found]) <= 0.2


def test_what_moved_is_named_and_the_answer_is_the_same_each_time() -> None:
    draw = np.random.default_rng(1)
    base = _customers(draw, 1_000)
    then, now = _night(draw, base), _night(draw, base, spend=0.5)
    one, two = (tell_apart(then, now, encoding=ENCODING, seed=3, num_threads=1) for _ in range(2))
    assert one == two
    assert one.auc > 0.6 > one.critical(0.05)
    assert one.p_value < 1e-9
    assert one.parts[0][0] == "spend"
    assert one.parts[0][1] > 0.6
    assert sum(share for _, share in one.parts) == pytest.approx(1)


def test_a_change_that_no_column_shows_alone_is_found() -> None:
    draw = np.random.default_rng(2)
    base = _customers(draw, 2_000)
    then, now = (Sample(matrix=base.copy(), customers=np.arange(2_000) + first) for first in (0, 10_000))
    order = np.argsort(now.matrix[:, 3], kind="stable")
    now.matrix[order, 0] = np.sort(now.matrix[:, 0])  # the same ages and plans, now the old have the high ones
    assert stats.ks_2samp(then.matrix[:, 0], now.matrix[:, 0]).pvalue == pytest.approx(1)
    found = tell_apart(then, now, encoding=ENCODING, seed=1, num_threads=1)
    assert found.auc > 0.7
    assert {name for name, _ in found.parts[:2]} == {"age", "plan"}


def test_columns_that_never_differ_tell_nothing() -> None:
    same = Sample(matrix=np.ones((100, 4)), customers=np.arange(100))
    found = tell_apart(same, same, encoding=ENCODING, seed=1, num_threads=1)
    assert (found.auc, found.expected, found.p_value) == (0.5, 0.5, 1.0)
    assert all(share == 0 for _, share in found.parts)


def test_without_twins_the_standing_is_mann_and_whitneys() -> None:
    draw = np.random.default_rng(3)
    scores, is_now = np.round(draw.normal(size=90), 1), np.arange(90) >= 50
    found = _stand(scores, is_now, np.arange(90))
    oracle = stats.mannwhitneyu(
        scores[is_now], scores[~is_now], alternative="greater", use_continuity=False, method="asymptotic"
    )
    assert found.auc == pytest.approx(oracle.statistic / (50 * 40))
    assert found.expected == pytest.approx(0.5)
    assert stats.norm.sf((found.auc - 0.5) / np.sqrt(found.variance)) == pytest.approx(oracle.pvalue, abs=1e-12)


def test_with_twins_the_standing_is_that_of_all_ways_to_deal_their_rows() -> None:
    scores = np.array([0.1, 0.5, 0.2, 0.9, 0.4, 0.4, 0.8, 0.3])
    customers, is_now = np.array([0, 1, 2, 3, 0, 1, 4, 5]), np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
    found, aucs = _stand(scores, is_now, customers), []
    for swap_0, swap_1, came in itertools.product((0, 4), (1, 5), itertools.combinations((2, 3, 6, 7), 2)):
        now = np.zeros(8, dtype=bool)
        now[[swap_0, swap_1, *came]] = True
        ordered = np.lexsort((now, customers))  # a customer's row of then stands first
        aucs.append(_stand(scores[ordered], now[ordered], customers[ordered]).auc)
    assert found.expected == pytest.approx(np.mean(aucs))
    assert found.variance == pytest.approx(np.var(aucs))


@pytest.mark.parametrize(
    ("rows", "customers", "said"),
    [(120, np.zeros(120), "1 customers"), (120, np.arange(119), "119 keys"), (99, np.arange(99), "99 rows")],
)
def test_samples_that_cannot_be_judged_are_refused(rows: int, customers: Floats, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Sample(matrix=np.ones((rows, 4)), customers=customers)
