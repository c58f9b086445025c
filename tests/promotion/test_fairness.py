"""Groups are judged by intervals: surely unequal is a breach, maybe is a warning, and few rows are no judgement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats.contingency import relative_risk

from churn.errors import DataError, SettingsError
from churn.findings import Answer
from churn.promotion.evidence import Evidence
from churn.promotion.fairness import (
    CalibrationByGroup,
    DemographicParity,
    EqualOpportunity,
    FairnessGate,
)
from churn.promotion.groups import group_rates, groups
from churn.promotion.metrics import Vector
from tests.promotion.campaign import CAMPAIGN

PASS, WARN, FAIL, INSUFFICIENT = Answer.PASS, Answer.WARN, Answer.FAIL, Answer.INSUFFICIENT
PARITY = DemographicParity(kind="demographic_parity", minimum_ratio=0.8, minimum_n=50, breach="fail")
OPPORTUNITY = EqualOpportunity(kind="equal_opportunity", maximum_gap=0.1, minimum_n=50, breach="fail")
CALIBRATED = CalibrationByGroup(kind="calibration_by_group", maximum_gap=0.05, minimum_n=50, breach="fail")
GATES: list[FairnessGate] = [PARITY, OPPORTUNITY, CALIBRATED]


def _rows(listed: dict[str, tuple[int, int]], *, label: float = 1.0) -> Evidence:
    """Evidence of groups, each with (rows on the list, rows); half of those off the list have label 0."""
    names = [name for name, (_, size) in listed.items() for _ in range(size)]
    on = np.array([place < hits for hits, size in listed.values() for place in range(size)])
    labels = np.where(on, label, np.arange(on.size) % 2)
    scores = np.where(on, 0.9, 0.2)
    share = float(on.mean())
    return Evidence(
        labels=labels,
        challenger=scores,
        champion=None,
        campaign=replace(CAMPAIGN, share=share),
        protected=pl.DataFrame({"region": names}),
    )


@pytest.mark.parametrize(
    ("listed", "answer"),
    [
        ({"a": (500, 5000), "b": (500, 5000)}, PASS),
        ({"a": (500, 5000), "b": (300, 5000)}, FAIL),
        ({"a": (50, 500), "b": (45, 500)}, WARN),
        ({"a": (500, 5000), "b": (500, 5000), "c": (0, 49)}, WARN),
        ({"a": (500, 5000), "b": (300, 5000), "c": (0, 49)}, FAIL),
        ({"a": (500, 5000), "b": (3, 49)}, INSUFFICIENT),
    ],
)
def test_parity_gives_each_of_its_answers(listed: dict[str, tuple[int, int]], answer: Answer) -> None:
    assert PARITY.judge(_rows(listed)).answer is answer


def test_groups_that_are_too_small_are_named() -> None:
    found = PARITY.judge(_rows({"a": (500, 5000), "b": (500, 5000), "c": (0, 49)}))
    assert "too few customers to judge: region c (49)" in found.reason


def test_the_ratio_and_its_interval_are_those_of_scipy_but_for_half_a_row() -> None:
    found = PARITY.judge(_rows({"a": (500, 5000), "b": (400, 5000)}))
    expected = relative_risk(400, 5000, 500, 5000)
    low, high = expected.confidence_interval(0.95)
    assert found.figure == pytest.approx(expected.relative_risk)
    assert found.interval == pytest.approx((low, high), abs=0.001)
    assert found.n == 5000


def test_the_interval_is_wider_for_every_group_that_is_compared() -> None:
    three = PARITY.judge(_rows({"a": (500, 5000), "b": (400, 5000), "c": (500, 5000)}))
    low, high = relative_risk(400, 5000, 500, 5000).confidence_interval(0.975)
    assert three.interval == pytest.approx((low, high), abs=0.001)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(("nulls", "told"), [(1.0, "100%"), (0.51, "51%"), (0.5, None)])
def test_an_attribute_that_is_mostly_null_is_no_evidence(gate: FairnessGate, nulls: float, told: str | None) -> None:
    evidence = _rows({"a": (500, 5000), "b": (500, 5000)})
    region = pl.Series("region", np.tile(["a", "b"], 5000))
    known = pl.int_range(10000, eager=True) >= nulls * 10000
    frame = pl.DataFrame({"age": np.tile(["x", "y"], 5000)}).with_columns(region.zip_with(known, region.clear(10000)))
    found = replace(gate, breach="warn").judge(replace(evidence, protected=frame))
    assert (found.answer is INSUFFICIENT) is bool(told)
    assert (f"not known of most rows: region ({told} null)" in found.reason) is bool(told)
    alone = gate.judge(replace(evidence, protected=pl.DataFrame({"region": region.clear(10000)})))
    assert alone.answer is INSUFFICIENT


def test_a_calibration_that_is_no_number_is_a_failure() -> None:
    evidence = _rows({"a": (500, 5000), "b": (500, 5000)})
    scores = evidence.challenger.copy()
    scores[0] = np.nan
    assert replace(CALIBRATED, breach="warn").judge(replace(evidence, challenger=scores)).answer is FAIL


def test_a_breach_can_be_a_warning() -> None:
    unequal = _rows({"a": (500, 5000), "b": (300, 5000)})
    assert replace(PARITY, breach="warn").judge(unequal).answer is WARN


@pytest.mark.parametrize(("hits", "answer"), [((400, 400), PASS), ((400, 200), FAIL), ((400, 325), WARN)])
def test_equal_opportunity_looks_at_label_1_alone(hits: tuple[int, int], answer: Answer) -> None:
    """Of 1,000 rows a group, `hits` are on the list; all of those and half of the others have label 1."""
    evidence = _rows({"a": (hits[0], 1000), "b": (hits[1], 1000)})
    truth, listed = evidence.labels == 1, evidence.challenger > 0.5
    first = np.arange(2000) < 1000
    rates = [listed[truth & first].mean(), listed[truth & ~first].mean()]
    found = OPPORTUNITY.judge(evidence)
    assert found.answer is answer
    assert found.figure == pytest.approx(rates[0] - rates[1])


def test_the_interval_of_a_gap_holds_the_truth_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        evidence = _rows({"a": (int(rng.binomial(80, 0.6)), 80), "b": (int(rng.binomial(60, 0.3)), 60)})
        low, high = OPPORTUNITY.judge(replace(evidence, labels=np.ones(140))).interval or (0, 0)
        held += low <= 0.3 <= high
    assert 0.935 <= held / 1000 <= 0.975


def test_calibration_by_group_takes_off_what_all_rows_are_off_by() -> None:
    rng = np.random.default_rng(1)
    truth, names = rng.uniform(0.1, 0.5, 8000), np.repeat(["a", "b"], 4000)
    labels = (rng.random(8000) < truth).astype(float)

    def judged(scores: Vector, answer: Answer) -> float:
        protected = pl.DataFrame({"sex": names})
        found = CALIBRATED.judge(
            Evidence(labels=labels, challenger=scores, champion=None, campaign=CAMPAIGN, protected=protected)
        )
        assert found.answer is answer
        return found.figure or 0.0

    as_it_is = judged(truth, PASS)
    assert as_it_is == pytest.approx(0, abs=0.02)
    assert judged(truth + 0.3, PASS) == pytest.approx(as_it_is)
    assert judged(truth + np.where(names == "a", 0.2, 0.0), FAIL) == pytest.approx(0.1, abs=0.02)
    assert judged(truth - np.where(names == "a", 0.1, 0.0), WARN) == pytest.approx(-0.05, abs=0.02)


def test_the_error_of_a_groups_calibration_is_its_spread_over_samples() -> None:
    rng, names = np.random.default_rng(2), np.repeat(["a", "b", "c"], [200, 300, 500])
    shown, widths = [], []
    for _ in range(300):
        truth = rng.uniform(0.1, 0.5, 1000)
        labels = (rng.random(1000) < truth).astype(float)
        found = replace(CALIBRATED, minimum_n=250).judge(
            Evidence(
                labels=labels,
                challenger=truth,
                champion=None,
                campaign=CAMPAIGN,
                protected=pl.DataFrame({"g": np.where(names == "c", "b", names)}),
            )
        )
        shown.append(found.figure or 0.0)
        widths.append((found.interval or (0, 0))[1] - (found.interval or (0, 0))[0])
    assert np.mean(widths) / (2 * 1.96) == pytest.approx(np.std(shown), rel=0.1)


@pytest.mark.parametrize("gate", GATES)
def test_customers_are_the_witnesses_and_not_their_rows(gate: FairnessGate) -> None:
    once = _rows({"a": (100, 1000), "b": (80, 1000)})
    protected = once.protected
    assert protected is not None
    four = replace(
        once,
        labels=np.tile(once.labels, 4),
        challenger=np.tile(once.challenger, 4),
        customers=np.tile(np.arange(2000), 4),
        protected=pl.concat([protected] * 4),
    )
    found, again = gate.judge(once), gate.judge(four)
    assert again.interval == pytest.approx(found.interval, rel=0.01)
    assert again.n == 4 * found.n


@pytest.mark.parametrize("gate", GATES)
def test_without_a_declared_attribute_there_is_nothing_to_judge(gate: FairnessGate) -> None:
    for protected in (None, pl.DataFrame()):
        found = gate.judge(replace(_rows({"a": (100, 1000)}), protected=protected))
        assert (found.answer, found.figure, found.reason) == (PASS, None, "no protected attribute is declared")


@pytest.mark.parametrize("gate", GATES)
def test_a_limit_out_of_range_is_refused(gate: FairnessGate) -> None:
    name = "minimum_ratio" if gate is PARITY else "maximum_gap"
    for wrong in ({name: 0.0}, {name: 1.0}, {"minimum_n": 1}):
        with pytest.raises(SettingsError, match=gate.kind):
            replace(gate, **wrong)


@pytest.mark.parametrize("gate", GATES)
def test_one_group_alone_is_unequal_to_nobody(gate: FairnessGate) -> None:
    found = gate.judge(_rows({"a": (100, 1000)}))
    assert (found.answer, found.figure, found.reason) == (PASS, None, "each attribute has one group alone")


def test_null_is_a_group_and_rates_are_those_of_its_rows() -> None:
    evidence = replace(_rows({"a": (10, 100), "b": (5, 50)}), protected=pl.DataFrame({"g": ["x"] * 100 + [None] * 50}))
    rates = group_rates(evidence)
    assert [(one.name, one.n, one.selected) for one in rates] == [("missing", 50, 0.1), ("x", 100, 0.1)]
    last = evidence.labels[100:]
    assert rates[0].mean_label == last.mean()
    assert rates[0].true_positive_rate == pytest.approx(5 / last.sum())
    assert rates[0].mean_score == pytest.approx(0.27)


def test_not_one_attribute_a_row_is_an_error() -> None:
    with pytest.raises(DataError, match="3 rows for 100 labels"):
        groups(replace(_rows({"a": (10, 100)}), protected=pl.DataFrame({"g": ["x"] * 3})))
