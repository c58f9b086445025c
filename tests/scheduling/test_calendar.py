"""A calendar means to cron, and to our own reckoning, what systemd takes it for."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from churn.errors import SettingsError
from churn.scheduling.calendar import require_simple, simple
from churn.stores.systemd import due_after
from tests.programs import needs_systemd

CALENDARS = (
    "04:30",
    "*-*-* 02:30",
    "*-*-* 00:00:00",
    "Sun *-*-* 02:00",
    "Mon,Thu,Sat 23:59",
    "*-*-31 12:00",
    "*-*-1 00:05",
)


@needs_systemd
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tokyo"])
@pytest.mark.parametrize("calendar", CALENDARS)
def test_the_next_time_is_the_one_that_systemd_reckons(calendar: str, zone: str) -> None:
    found = simple(calendar)
    assert found
    for moment in (
        datetime(2026, 3, 28, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 0, 31, tzinfo=UTC),  # Berlin's clock goes forward half an hour later
        datetime(2026, 10, 3, 14, 59, 59, tzinfo=UTC),  # Lord Howe's, by half an hour, a day later
        datetime(2026, 10, 24, 22, 0, tzinfo=UTC),
        datetime(2027, 12, 31, 23, 59, tzinfo=UTC),
    ):
        known = due_after(moment, f"{calendar} {zone}", times=1, where="test")
        assert known == (found.next_after(moment, ZoneInfo(zone)),), moment


@pytest.mark.parametrize(
    ("calendar", "fields"),
    [
        ("*-*-* 04:30", "30 4 * * *"),
        ("Sun 4:05", "5 4 * * 0"),
        ("Mon,Sat *-*-* 00:00:00", "0 0 * * 1,6"),
        ("*-*-15 23:59", "59 23 15 * *"),
    ],
)
def test_cron_is_told_the_same(calendar: str, fields: str) -> None:
    assert require_simple(calendar, where="test").cron() == fields


@pytest.mark.parametrize(
    "calendar",
    [
        "hourly",
        "Mon..Fri 04:30",
        "*-*-* 04:30:30",
        "*-*-* 24:00",
        "*-*-* 04:60",
        "Sun *-*-1 04:30",
        "*-*-0 1:00",
        "Foo 1:00",
    ],
)
def test_what_cron_cannot_be_told_is_refused_with_what_it_can(calendar: str) -> None:
    with pytest.raises(SettingsError) as refused:
        require_simple(calendar, where="stage.jobs.nightly.calendar")
    assert "that cron can be told" in str(refused.value)
    assert "Mon,Thu *-*-* 04:30" in str(refused.value)


@needs_systemd
def test_several_times_come_in_their_order() -> None:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    found = due_after(moment, "hourly UTC", times=3, where="test")
    assert found == tuple(moment + timedelta(hours=hours) for hours in (1, 2, 3))


@needs_systemd
@pytest.mark.parametrize(
    ("calendar", "found"),
    [("no day UTC", "Failed to parse"), ("--help", "Failed to parse"), ("2020-01-01 UTC", "never due again")],
)
def test_a_calendar_that_systemd_refuses_or_that_is_over_is_a_mistake(calendar: str, found: str) -> None:
    with pytest.raises(SettingsError, match=found):
        due_after(datetime(2026, 1, 5, tzinfo=UTC), calendar, times=1, where="test")


def test_without_systemd_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert due_after(datetime(2026, 1, 5, tzinfo=UTC), "no day", times=1, where="test") is None
