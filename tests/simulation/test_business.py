from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from datetime import date
from typing import Any

import pytest

from churn.errors import SettingsError
from churn.simulation.business import Business
from churn.simulation.market import market_on

STEADY: dict[str, Any] = {"customers": 300, "seed": 1, "scenario": "steady", "change_date": None, "fault": None}
CHANGE = "2025-03-01"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"scenario": "drift"}, "scenario=drift without change_date"),
        ({"scenario": "concept"}, "scenario=concept without change_date"),
        ({"scenario": "broken_feed", "fault": "scaled"}, "scenario=broken_feed without change_date"),
        ({"scenario": "broken_feed", "change_date": CHANGE}, "scenario=broken_feed with fault=None"),
        ({"scenario": "drift", "change_date": CHANGE, "fault": "scaled"}, "scenario=drift with fault=scaled"),
        ({"fault": "scaled"}, "scenario=steady with fault=scaled"),
        ({"scenario": "drift", "change_date": "20250301"}, "write 2025-03-01"),
        ({"customers": 0}, "customers=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_parameters_that_contradict_one_another_are_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        Business(**STEADY | fields)


def test_a_steady_business_never_changes_even_with_a_date() -> None:
    assert not Business(**STEADY | {"change_date": CHANGE}).changed(date(2026, 1, 1))


@pytest.mark.parametrize("scenario", ["drift", "concept", "broken_feed"])
def test_a_change_shows_from_its_date_on(scenario: str) -> None:
    fault = "frozen" if scenario == "broken_feed" else None
    business = Business(**STEADY | {"scenario": scenario, "change_date": CHANGE, "fault": fault})
    assert [business.changed(date(2025, 2, 28)), business.changed(date(2025, 3, 1))] == [False, True]


@pytest.mark.parametrize(
    ("scenario", "moved"),
    [
        ("drift", {"plan_mix", "channel_mix", "price_factor", "usage_factor"}),
        ("concept", {"effects"}),
        ("broken_feed", set()),
    ],
)
def test_a_scenario_moves_the_market_in_its_own_parts_alone(scenario: str, moved: set[str]) -> None:
    fault = "frozen" if scenario == "broken_feed" else None
    business = Business(**STEADY | {"scenario": scenario, "change_date": CHANGE, "fault": fault})
    before, after = (asdict(market_on(business, day)) for day in (date(2025, 2, 28), date(2025, 3, 1)))
    assert {name for name in before if before[name] != after[name]} == moved


@pytest.mark.parametrize("scenario", ["steady", "drift"])
def test_the_shares_of_newcomers_sum_to_one(scenario: str) -> None:
    market = market_on(Business(**STEADY | {"scenario": scenario, "change_date": CHANGE}), date(2025, 3, 1))
    assert sum(market.plan_mix) == pytest.approx(1)
    assert sum(market.channel_mix) == pytest.approx(1)


def test_the_parameters_load_without_numpy_and_polars() -> None:
    code = "import sys, churn.simulation.business; sys.exit(bool({'numpy', 'polars'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
