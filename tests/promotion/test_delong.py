"""Several rows a customer: oracles are a jackknife of customers, the spread over samples, DeLong for one row each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from churn.errors import DataError
from churn.promotion.comparison import compare_auc
from churn.promotion.delong import Owners, Placements, error_of_mean, standard_error
from churn.promotion.metrics import Vector, auc, calibration_in_the_large

Rows = tuple[Vector, Vector, Vector, Vector]


def _nights(seed: int, *, n_customers: int = 250, nights: int = 6) -> Rows:
    """Two equally good models on customers who come again: who they are and how each is misjudged lasts."""
    rng = np.random.default_rng(seed)
    customers = np.repeat(rng.permutation(n_customers) + 1000, nights)
    leaning, one, other = (np.repeat(rng.normal(size=n_customers), nights) for _ in range(3))
    labels = (rng.random(customers.size) < 1 / (1 + np.exp(2 - 3 * leaning))).astype(int)
    challenger, champion = (leaning + 0.8 * own + 0.5 * rng.normal(size=customers.size) for own in (one, other))
    return labels, challenger, champion, customers


def _jackknifed(customers: Vector, figure: Callable[[Vector], float]) -> float:
    """The standard error of a figure of some rows, from leaving out one customer after another."""
    left_out = np.array([figure(customers != one) for one in np.unique(customers)])
    count = left_out.size
    return float(np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()))


@pytest.mark.parametrize("digits", [9, 0])
def test_the_error_of_an_auc_is_that_of_leaving_out_one_customer_after_another(digits: int) -> None:
    labels, scores, _, customers = _nights(1)
    scores = np.round(scores, digits)
    brute = _jackknifed(customers, lambda kept: roc_auc_score(labels[kept], scores[kept]))
    assert auc(labels, scores, customers).se == pytest.approx(brute, rel=0.03)
    assert auc(labels, scores).se < 0.75 * brute


def test_the_error_of_a_difference_is_that_of_leaving_out_one_customer_after_another() -> None:
    labels, challenger, champion, customers = _nights(2)

    def difference(kept: Vector) -> float:
        aucs = [roc_auc_score(labels[kept], scores[kept]) for scores in (challenger, champion)]
        return float(aucs[0] - aucs[1])

    brute = _jackknifed(customers, difference)
    found = compare_auc(labels, challenger=challenger, champion=champion, customers=customers)
    assert found.se == pytest.approx(brute, rel=0.03)
    assert found.difference == compare_auc(labels, challenger=challenger, champion=champion).difference


def test_the_error_of_a_mean_is_that_of_leaving_out_one_customer_after_another() -> None:
    labels, scores, _, customers = _nights(3)
    chances = 1 / (1 + np.exp(-scores))
    brute = _jackknifed(customers, lambda kept: float((chances - labels)[kept].mean()))
    assert calibration_in_the_large(labels, chances, customers).se == pytest.approx(brute, rel=0.01)


def test_errors_are_the_spread_over_samples_and_equally_good_models_win_at_the_nominal_rate() -> None:
    samples = [_nights(seed) for seed in range(400)]
    found = [compare_auc(y, challenger=a, champion=b, customers=c) for y, a, b, c in samples]
    aucs = [auc(y, a, c) for y, a, _, c in samples]
    assert np.mean([f.se for f in found]) == pytest.approx(np.std([f.difference for f in found]), rel=0.08)
    assert np.mean([f.se for f in aucs]) == pytest.approx(np.std([f.figure for f in aucs]), rel=0.08)
    assert 0.025 <= np.mean([f.p_value < 0.05 for f in found]) <= 0.085
    as_if_apart = [compare_auc(y, challenger=a, champion=b).p_value < 0.05 for y, a, b, _ in samples]
    assert np.mean(as_if_apart) > 0.085


def test_with_one_row_a_customer_the_error_is_delongs() -> None:
    labels, challenger, champion, _ = _nights(4, nights=1)
    customers = np.random.default_rng(4).permutation(labels.size)
    gaps = challenger[labels == 1][:, None] - challenger[labels == 0][None, :]
    wins = (gaps > 0) + 0.5 * (gaps == 0)
    by_class = [wins.mean(axis=1), wins.mean(axis=0)]
    delong = np.sqrt(sum(one.var(ddof=1) / one.size for one in by_class))
    assert auc(labels, challenger, customers).se == pytest.approx(delong, rel=1e-12)
    assert auc(labels, challenger, customers).interval == pytest.approx(auc(labels, challenger).interval, rel=1e-12)
    paired = [compare_auc(labels, challenger=challenger, champion=champion, customers=c) for c in (customers, None)]
    assert (paired[0].se, paired[0].p_value) == pytest.approx((paired[1].se, paired[1].p_value), rel=1e-12)


def test_the_error_is_obuchowskis_three_terms() -> None:
    standing = Placements(positives=np.array([0.9, 0.6, 0.3]), negatives=np.array([0.2, 0.8, 0.7, 0.7]))
    owners = Owners(positives=np.array([0, 0, 1]), negatives=np.array([0, 2, 2, 3]))
    # by hand: customers' sums of what lies over the mean of 0.6, positives (2 customers) and negatives (3 of all 4)
    positives, negatives = np.array([0.3, -0.3, 0, 0]) / 3, np.array([-0.4, 0, 0.3, 0.1]) / 4
    expected = 2 * (positives**2).sum() + 3 / 2 * (negatives**2).sum() + 2 * 4 / 3 * (positives * negatives).sum()
    assert standard_error(standing, owners) == pytest.approx(np.sqrt(expected), rel=1e-12)


def test_a_table_that_is_loaded_six_times_proves_no_more_than_once() -> None:
    labels, challenger, champion, customers = _nights(5, nights=1)
    once = compare_auc(labels, challenger=challenger, champion=champion, customers=customers)
    labels, challenger, champion, customers = (
        np.tile(column, 6) for column in (labels, challenger, champion, customers)
    )
    again = compare_auc(labels, challenger=challenger, champion=champion, customers=customers)
    assert again.se == pytest.approx(once.se, rel=1e-9)


def test_a_perfect_order_of_a_few_customers_proves_little_however_many_rows_they_have() -> None:
    labels, customers = np.repeat([0, 1], [100, 40]), np.r_[np.arange(100), np.repeat(np.arange(4), 10)]
    found = auc(labels, np.linspace(0.1, 0.9, 140), customers)
    assert found.interval == pytest.approx((0.025**0.25, 1.0))


@pytest.mark.parametrize(
    ("customers", "says"),
    [
        (np.array([1, 2, 3, 3]), "one class, are of one customer"),
        (np.array([1, 1, 2, 3]), "one class, are of one customer"),
        (np.array([1, 2, 3]), r"shape \(3,\) for 4 rows"),
    ],
)
def test_customers_that_allow_no_error_are_refused(customers: Vector, says: str) -> None:
    with pytest.raises(DataError, match=says):
        auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]), customers)


def test_a_mean_of_one_customer_has_no_error() -> None:
    with pytest.raises(DataError, match="of one customer"):
        error_of_mean(np.array([0.1, 0.2]), np.array([0, 0]))
