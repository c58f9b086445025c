"""The truth, worked by hand: who decided when, and what that makes known at D."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.simulation import days
from churn.simulation.business import Business
from churn.simulation.days import Day, simulate
from churn.simulation.hazard import NoticeWindow, hazard
from churn.simulation.market import Market, market_on
from churn.simulation.population import Array, Population, newcomers

FIRST = date(2025, 1, 1)
SMALL = Business(customers=400, seed=5, scenario="steady", change_date=None, fault=None)
DECISION = FIRST + timedelta(days=5)
TODAY = 739_000


def someone(**traits: Any) -> Population:
    """Returns one customer of a year's standing, average in all else."""
    person = newcomers(np.random.default_rng(0), 1, day=TODAY - 365, market=MARKET)
    traits = {"plan": 1, "addons": 0, "channel": 0, "region": 0, "frailty": 0.0, "last_session_day": TODAY} | traits
    for name, value in traits.items():
        getattr(person, name)[:] = value
    return person


MARKET: Market = market_on(SMALL, FIRST)


def log_hazard(**traits: Any) -> float:
    return math.log(hazard(someone(**traits), day=TODAY, market=MARKET)[0])


def test_the_hazard_of_an_average_customer_is_the_formula_worked_by_hand() -> None:
    effects = MARKET.effects
    average = effects.intercept - effects.usage * math.log(0.48 * 2 + 0.1) + effects.channel[0] + effects.region[0]
    assert log_hazard() == pytest.approx(average + effects.newness * math.exp(-365 / 90), abs=1e-5)


@pytest.mark.parametrize(
    ("traits", "worth"),
    [
        ({"frailty": 0.5}, 0.5),
        ({"complaints": 2.0}, 2 * MARKET.effects.complaint),
        ({"complaints": 9.0}, 3 * MARKET.effects.complaint),
        ({"failures": 1.0}, MARKET.effects.failure),
        ({"failures": 9.0}, 2 * MARKET.effects.failure),
        ({"downgrades": 0.5}, 0.5 * MARKET.effects.downgrade),
        ({"last_session_day": TODAY - 15}, 0.5 * MARKET.effects.recency),
        ({"last_session_day": TODAY - 90}, MARKET.effects.recency),
        ({"fast": 0.19}, MARKET.effects.trend * math.log(0.58 / 0.29)),
        ({"plan": 2}, MARKET.effects.price * (2499 - 1499) / 1499),
        ({"addons": 3}, MARKET.effects.price * 3 * 299 / 1499),
        ({"channel": 3}, MARKET.effects.channel[3] - MARKET.effects.channel[0]),
        ({"region": 1}, MARKET.effects.region[1] - MARKET.effects.region[0]),
        ({"signup_day": TODAY}, MARKET.effects.newness * (1 - math.exp(-365 / 90))),
    ],
)
def test_each_trait_adds_its_worth_to_the_log_of_the_hazard(traits: dict[str, Any], worth: float) -> None:
    assert log_hazard(**traits) - log_hazard() == pytest.approx(worth, abs=1e-5)


def test_a_hazard_never_passes_a_quarter() -> None:
    assert log_hazard(frailty=9.0) == pytest.approx(math.log(0.25))


def test_a_dearer_market_counts_as_a_higher_price() -> None:
    dear = hazard(someone(), day=TODAY, market=replace(MARKET, price_factor=1.5))[0]
    assert math.log(dear) - log_hazard() == pytest.approx(MARKET.effects.price * (2248 / 1499 - 1), abs=1e-3)


@given(st.lists(st.floats(0, 0.25), min_size=1, max_size=80))
def test_the_window_is_the_product_over_the_last_thirty_days(hazards: list[float]) -> None:
    window = NoticeWindow(1)
    for value in hazards:
        window.push(np.array([value]))
    staying = math.prod(1 - value for value in hazards[-30:])
    assert window.churn_probability()[0] == pytest.approx(1 - staying, abs=1e-6)


def test_a_newcomer_starts_with_an_empty_window_and_leaves_the_others_alone() -> None:
    window = NoticeWindow(2)
    window.push(np.array([0.1, 0.1]))
    window.clear(np.array([1]))
    window.push(np.array([0.1, 0.1]))
    assert window.churn_probability() == pytest.approx([0.19, 0.1])


def with_coins(monkeypatch: pytest.MonkeyPatch, *decisions: date) -> list[Day]:
    """Returns the days of a business where everyone tosses a coin on some days, and never thinks of leaving else."""
    ordinals = {day.toordinal() for day in decisions}

    def coin(population: Population, *, day: int, market: Market) -> Array:
        return np.full(len(population.plan), 0.5 if day in ordinals else 0.0)

    monkeypatch.setattr(days, "hazard", coin)
    return list(simulate(SMALL, first=FIRST, last=DECISION + timedelta(days=60)))


@pytest.fixture
def one_day_of_decisions(monkeypatch: pytest.MonkeyPatch) -> list[Day]:
    return with_coins(monkeypatch, DECISION)


def test_a_decision_takes_effect_thirty_days_later_and_at_no_other_time(one_day_of_decisions: list[Day]) -> None:
    left = {day.day: day.tables["cancellations"].height for day in one_day_of_decisions}
    (effective,) = [day for day, count in left.items() if count]
    assert effective == DECISION + timedelta(days=30)
    assert 150 < left[effective] < 250


def test_the_truth_knows_a_decision_from_the_day_after_it_until_the_day_it_takes_effect(
    one_day_of_decisions: list[Day],
) -> None:
    for day in one_day_of_decisions:
        expected = 0.5 if 1 <= (day.day - DECISION).days <= 30 else 0.0
        assert day.truth["churn_probability"].to_list() == pytest.approx([expected] * SMALL.customers), day.day


def test_behaviour_does_not_change_between_decision_and_leaving(one_day_of_decisions: list[Day]) -> None:
    gone = pl.concat([day.tables["cancellations"] for day in one_day_of_decisions])["customer_id"].implode()
    use = pl.concat([day.tables["usage"] for day in one_day_of_decisions[6:35]])
    by_group = use.group_by(pl.col("customer_id").is_in(gone).alias("leaves")).agg(
        (pl.col("sessions").sum() / pl.col("customer_id").n_unique()).alias("mean")
    )
    means = dict(by_group.iter_rows())
    assert means[True] == pytest.approx(means[False], rel=0.35)


def test_a_second_thought_does_not_postpone_leaving_and_a_newcomer_inherits_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ahead = {(day.day - DECISION).days: day for day in with_coins(monkeypatch, DECISION, DECISION + timedelta(days=29))}
    left = {
        after: day.tables["cancellations"].height for after, day in ahead.items() if day.tables["cancellations"].height
    }
    assert left.keys() == {30, 59}
    assert 150 < left[30] < 250
    assert ahead[30].truth["churn_probability"].to_list() == pytest.approx([0.75] * SMALL.customers)
    next_day = ahead[31].truth["churn_probability"].round(6).value_counts().sort("churn_probability")
    assert next_day.rows() == [(0.0, left[30]), (0.5, SMALL.customers - left[30])]
