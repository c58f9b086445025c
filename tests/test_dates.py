"""`date` is strict, and never misread."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.dates import add_months, parse_dates, parse_day, step_from
from churn.errors import SettingsError

DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 1, 1))


@given(DAYS)
def test_every_iso_day_means_itself(day: date) -> None:
    assert parse_dates(day.isoformat()) == (day,)


@given(DAYS, st.integers(0, 400))
def test_a_range_holds_every_day_of_it_once(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    assert parse_dates(f"{first}..{last}") == tuple(first + timedelta(days=n) for n in range(days + 1))


@given(DAYS, st.integers(1, 30))
def test_a_monthly_range_keeps_its_day_where_the_month_has_it(first: date, months: int) -> None:
    last = add_months(first, months)
    dates = parse_dates(f"{first}..{last}/1mo")
    assert len(dates) == months + 1
    assert all(day.day == first.day or (day + timedelta(days=1)).day == 1 for day in dates)
    assert len({(day.year, day.month) for day in dates}) == len(dates)


def test_a_step_may_be_weeks_or_days() -> None:
    assert [day.day for day in parse_dates("2026-01-01..2026-01-20/1w")] == [1, 8, 15]
    assert [day.day for day in parse_dates("2026-01-01..2026-01-20/9d")] == [1, 10, 19]


def test_a_compact_date_is_refused_with_its_right_spelling() -> None:
    with pytest.raises(SettingsError, match="write 2026-01-05"):
        parse_day("20260105")


@pytest.mark.parametrize(
    "text",
    [
        "2026-1-5", "05.01.2026", "2026-02-30", "2026-13-01", "today", "", "2026-01-05T00:00", " 2026-01-05",
        "2026-01-05..", "..2026-01-05", "2026-01-05/1mo", "2026-01-01..2026-02-01/0d", "2026-01-01..2026-02-01/1y",
        "2026-01-01..2026-02-01/", "2026-01-05..2026-01-01", "2026-W02-1", "45000", "１９９９-01-01",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_dates(text)
    assert caught.value.exit_code == 2


def test_a_step_that_leaves_the_calendar_is_refused() -> None:
    with pytest.raises(SettingsError, match="leaves the calendar"):
        step_from(date(9999, 12, 1), "1mo", 1)
