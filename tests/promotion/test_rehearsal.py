"""The gates' own error rates: clones get through at the nominal rate, where a bare comparison lets half of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from churn.errors import DataError
from churn.promotion.duels import NonInferior, Superior
from churn.promotion.evidence import Evidence
from churn.promotion.gates import Gate
from churn.promotion.rehearsal import Challenger, rehearse
from churn.promotion.slices import WeakSlices
from churn.promotion.stability import Stability
from tests.promotion.campaign import CAMPAIGN

SUPERIOR = Superior(kind="superior", alpha=0.05, metric=None)
RNG = np.random.default_rng(8)
N = 400
LOGITS = RNG.normal(-1, 1.5, N)
LABELS = (RNG.random(N) < expit(LOGITS)).astype(float)
SCORES = expit(LOGITS)
EVIDENCE = Evidence(labels=LABELS, challenger=SCORES, champion=SCORES, campaign=CAMPAIGN)


def test_clones_are_promoted_at_the_nominal_rate_and_by_a_bare_comparison_half_the_time() -> None:
    clone, worse, shuffled = rehearse({"better": SUPERIOR}, EVIDENCE, trials=200, worse_by=0.03, seed=1)
    assert [one.challenger for one in (clone, worse, shuffled)] == list(Challenger)
    assert 0.01 <= clone.promoted / 200 <= 0.09  # 5 % ± 2.6 standard errors
    assert 0.39 <= clone.promoted_by_at_least / 200 <= 0.61
    assert clone.gap == pytest.approx(0, abs=0.003)
    assert worse.promoted < clone.promoted
    assert worse.gap == pytest.approx(0.03, abs=0.006)
    assert shuffled.gap == pytest.approx(0.28, abs=0.08)
    assert (shuffled.promoted, shuffled.promoted_by_at_least) == (0, 0)
    assert clone.interval[0] < clone.promoted / 200 < clone.interval[1]


def test_several_rows_a_customer_do_not_let_more_clones_through() -> None:
    labels, scores, customers = (np.tile(column, 4) for column in (LABELS, SCORES, np.arange(N)))
    evidence = Evidence(labels=labels, challenger=scores, champion=scores, campaign=CAMPAIGN, customers=customers)
    clone, *_ = rehearse({"better": SUPERIOR}, evidence, trials=60, worse_by=0.03, seed=2)
    assert clone.promoted <= 9  # 5 % are 3; more than 9 come once in a thousand times


def test_models_of_a_number_are_rehearsed_alike() -> None:
    amounts = LOGITS + np.random.default_rng(1).normal(size=N)
    evidence = Evidence(labels=amounts, challenger=LOGITS, champion=LOGITS, campaign=CAMPAIGN, task="regression")
    quick = replace(evidence, resampling=replace(evidence.resampling, replicates=50))
    clone, worse, shuffled = rehearse({"better": SUPERIOR}, quick, trials=80, worse_by=0.05, seed=3)
    assert clone.promoted <= 11
    assert worse.gap == pytest.approx(0.05 * 1.04, abs=0.02)
    assert (worse.promoted <= 2, shuffled.promoted) == (True, 0)


def test_every_gate_is_asked_and_the_same_seed_says_the_same() -> None:
    features = pl.DataFrame({"x": LOGITS})
    evidence = replace(EVIDENCE, features=features, protected=pl.DataFrame({"g": ["a"] * N}))
    lenient = NonInferior(kind="non_inferior", margin=0.3, alpha=0.05, metric=None)
    gates: dict[str, Gate] = {
        "slices": WeakSlices(kind="weak_slices", minimum_n=20, warn_over=5.0, fail_over=9.0),
        "same": lenient,
    }
    tried = list[None]()
    first = rehearse(gates, evidence, trials=8, worse_by=0.03, seed=4)
    again = rehearse(gates, evidence, trials=8, worse_by=0.03, seed=4, on_trial=lambda: tried.append(None))
    assert first == again
    assert len(tried) == 3 * 8
    assert first[0].promoted == 8
    strict = gates | {"list": Stability(kind="stability", warn_over=0.001, fail_over=0.002)}
    assert rehearse(strict, evidence, trials=8, worse_by=0.03, seed=4)[0].promoted == 0


def test_without_a_champion_or_with_too_much_asked_there_is_nothing_to_rehearse() -> None:
    with pytest.raises(DataError, match="no champion"):
        rehearse({"better": SUPERIOR}, replace(EVIDENCE, champion=None), trials=1, worse_by=0.01, seed=1)
    with pytest.raises(DataError, match="ask for a smaller worse_by"):
        rehearse({"better": SUPERIOR}, EVIDENCE, trials=1, worse_by=0.49, seed=1)
