"""Which dates does a run mean?

`date` is the only word for now: a strict ISO day, a range `2026-01-01..2026-01-31`, or a range with a step
`2010-06-01..2011-06-01/1mo` (units d, w, mo). Nothing below the command line reads a clock.
"""

from __future__ import annotations

import calendar
import itertools
import re
from collections.abc import Iterable
from datetime import date, timedelta

from churn.errors import SettingsError

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_STEP = re.compile(r"([1-9]\d{0,3})(d|w|mo)")
_FORMS = "write date=2026-01-05, date=2026-01-01..2026-01-31 or date=2026-01-01..2026-12-01/1mo"


def parse_day(text: str) -> date:
    """Returns the day that a strict ISO text names.

    Raises:
        SettingsError: for any other text; a compact day such as 20260105 is answered with its right spelling.

    >>> parse_day("2026-01-05")
    datetime.date(2026, 1, 5)
    """
    compact = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text)
    if compact:
        iso = "-".join(compact.groups())
        raise SettingsError(where="date", found=f"{text!r} is not an ISO date", action=f"write {iso}")
    if not _ISO.fullmatch(text):
        raise SettingsError(where="date", found=f"{text!r} is not an ISO date", action=_FORMS)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(where="date", found=f"{text!r}: {error}", action=_FORMS) from error


def add_months(day: date, months: int) -> date:
    """Returns the same day of the month `months` later (earlier where negative), or that month's last day.

    >>> add_months(date(2026, 1, 31), 1)
    datetime.date(2026, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def step_from(start: date, step: str, times: int) -> date:
    """Returns `start` moved by `times` steps such as `1d`, `2w` or `1mo`; backwards where `times` is negative.

    >>> step_from(date(2026, 1, 31), "1mo", -2)
    datetime.date(2025, 11, 30)
    """
    match = _STEP.fullmatch(step)
    if not match:
        raise SettingsError(where="date", found=f"step {step!r}", action="use a number of d, w or mo, such as 1mo")
    count, unit = int(match[1]) * times, match[2]
    try:
        return add_months(start, count) if unit == "mo" else start + timedelta(days=count * (7 if unit == "w" else 1))
    except (OverflowError, ValueError) as error:
        raise SettingsError(where="date", found=f"{step!r} leaves the calendar", action="use a smaller step") from error


def first_gap(days: Iterable[date], *, allowed_days: int) -> tuple[date, date] | None:
    """Returns the first two neighbours with more than `allowed_days` between them; None where there are none.

    >>> days = [date(2026, 1, 5), date(2026, 1, 1), date(2026, 1, 2)]
    >>> first_gap(days, allowed_days=2)
    >>> [str(day) for day in first_gap(days, allowed_days=1)]
    ['2026-01-02', '2026-01-05']
    """
    pairs = itertools.pairwise(sorted(days))
    return next(((one, other) for one, other in pairs if (other - one).days > 1 + allowed_days), None)


def parse_dates(text: str) -> tuple[date, ...]:
    """Returns the days that a date, a range or a range with a step names, in order; both ends belong to a range.

    Raises:
        SettingsError: for another form, or a range that ends before it starts.

    >>> [str(d) for d in parse_dates("2025-12-31..2026-02-28/1mo")]
    ['2025-12-31', '2026-01-31', '2026-02-28']
    """
    span, slash, step = text.partition("/")
    first_text, dots, last_text = span.partition("..")
    first = parse_day(first_text)
    if not dots:
        if slash:
            raise SettingsError(where="date", found=f"{text!r} has a step but no range", action=_FORMS)
        return (first,)
    last = parse_day(last_text)
    if last < first:
        raise SettingsError(where="date", found=f"{text!r} ends before it starts", action="swap the two dates")
    return _walk(first, last, step if slash else "1d")


def _walk(first: date, last: date, step: str) -> tuple[date, ...]:
    days: list[date] = []
    day = first
    while day <= last:
        days.append(day)
        day = step_from(first, step, len(days))
    return tuple(days)
