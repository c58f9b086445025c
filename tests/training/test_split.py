from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import DataError, SettingsError
from churn.training.split import ByTime, Split

START = date(2024, 1, 1)


def plan(calibration_dates: int = 1, test_dates: int = 1) -> ByTime:
    return ByTime(kind="by_time", calibration_dates=calibration_dates, test_dates=test_dates)


def days(*offsets: int) -> list[date]:
    return [START + timedelta(days=offset) for offset in offsets]


def touches(earlier: date, later: date, horizon_days: int) -> bool:
    """Brute force: does a day of the earlier date's label window reach the later date?"""
    return any(earlier + timedelta(days=n) >= later for n in range(horizon_days))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[date], int, ByTime]:
    offsets = draw(st.lists(st.integers(0, 120), unique=True, max_size=25))
    return days(*offsets), draw(st.integers(1, 30)), plan(draw(st.integers(1, 4)), draw(st.integers(1, 4)))


def assign_or_none(dates: list[date], horizon_days: int, by: ByTime) -> Split | None:
    try:
        return by.assign(dates, horizon_days=horizon_days)
    except DataError:
        return None


@given(_cases())
def test_no_label_window_reaches_a_later_part(case: tuple[list[date], int, ByTime]) -> None:
    dates, horizon, by = case
    split = assign_or_none(dates, horizon, by)
    if split is not None:
        assert not any(touches(d, split.calibration[0], horizon) for d in split.train)
        assert not any(touches(d, split.test[0], horizon) for d in split.train + split.calibration)


@given(_cases())
def test_every_date_is_in_one_part_in_order_and_parts_have_the_size_asked_for(
    case: tuple[list[date], int, ByTime],
) -> None:
    dates, horizon, by = case
    split = assign_or_none(dates, horizon, by)
    if split is not None:
        parts = (split.train, split.calibration, split.test, split.left_out)
        assert sorted(d for part in parts for d in part) == sorted(dates)
        assert all(list(part) == sorted(part) for part in parts)
        assert (len(split.calibration), len(split.test)) == (by.calibration_dates, by.test_dates)
        assert split.train
        assert split.test == tuple(sorted(dates)[-by.test_dates :])


@given(_cases())
def test_only_a_date_whose_window_reaches_the_next_part_is_left_out(case: tuple[list[date], int, ByTime]) -> None:
    dates, horizon, by = case
    split = assign_or_none(dates, horizon, by)
    if split is not None:
        nexts = (split.calibration[0], split.test[0])
        assert all(any(d < n and touches(d, n, horizon) for n in nexts) for d in split.left_out)


@given(_cases())
def test_a_split_is_refused_only_where_no_choice_of_dates_would_do(case: tuple[list[date], int, ByTime]) -> None:
    dates, horizon, by = case
    if assign_or_none(dates, horizon, by) is None:
        ordered = sorted(dates)
        test = ordered[-by.test_dates :]
        ready = [d for d in ordered if len(test) == by.test_dates and not touches(d, test[0], horizon)]
        candidates = ready[-by.calibration_dates :] if len(ready) >= by.calibration_dates else []
        assert not any(not touches(d, candidates[0], horizon) for d in ready if candidates)


def test_a_window_that_ends_the_day_before_the_next_part_is_no_overlap() -> None:
    split = plan().assign(days(0, 30, 60), horizon_days=30)
    assert (split.train, split.calibration, split.test) == tuple((day,) for day in days(0, 30, 60))


def test_one_day_less_is_an_overlap() -> None:
    with pytest.raises(DataError, match=r"3 dates from 2024-01-01 to 2024-02-29.*\n.*span of at least 60 days"):
        plan().assign(days(0, 30, 59), horizon_days=30)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9))
def test_the_span_that_the_error_names_is_enough_and_one_day_less_is_not(cal: int, test: int, horizon: int) -> None:
    span = 2 * horizon + cal + test - 2
    assert plan(cal, test).assign(days(*range(span + 1)), horizon_days=horizon).train == (START,)
    with pytest.raises(DataError, match=f"at least {cal + test + 1} dates.*at least {span} days"):
        plan(cal, test).assign(days(*range(span)), horizon_days=horizon)


def test_no_dates_at_all_are_refused_in_words() -> None:
    with pytest.raises(DataError, match="no dates cannot give"):
        plan().assign([], horizon_days=30)


@pytest.mark.parametrize(("calibration_dates", "test_dates"), [(0, 1), (1, 0), (-1, 1)])
def test_a_part_without_dates_cannot_be_asked_for(calibration_dates: int, test_dates: int) -> None:
    with pytest.raises(SettingsError):
        plan(calibration_dates, test_dates)
