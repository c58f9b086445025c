"""When is a job due?

A calendar is written as systemd writes it. Of its forms those that say a day and a minute can be said to cron, too, and
be reckoned here, where there is no systemd to ask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from churn.errors import SettingsError

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FORM = re.compile(
    r"(?:(?P<week>[A-Z][a-z]{2}(?:,[A-Z][a-z]{2})*) )?(?:\*-\*-(?P<day>\*|\d{1,2}) )?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::00)?"
)
_LONGEST = 3000  # days; 29 February, and an hour that a change of the clock takes away


@dataclass(frozen=True, slots=True, kw_only=True)
class Simple:
    """A minute of the day, every day or on some days of the week (0: Monday) or on one of the month."""

    minute: int
    hour: int
    weekdays: tuple[int, ...]
    day: int | None

    def cron(self) -> str:
        """Returns the five fields of a crontab.

        >>> simple("Mon,Sun *-*-* 04:30").cron()
        '30 4 * * 1,0'
        """
        week = ",".join(str((day + 1) % 7) for day in self.weekdays) or "*"
        return f"{self.minute} {self.hour} {self.day or '*'} * {week}"

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Returns the first time after a moment at which it is due, at UTC; an hour that a day has not is passed over.

        >>> simple("*-*-* 02:30").next_after(datetime(2026, 3, 28, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
        datetime.datetime(2026, 3, 30, 0, 30, tzinfo=datetime.timezone.utc)
        """
        first = moment.astimezone(zone).date()
        days = (first + timedelta(days=count) for count in range(_LONGEST))
        times = (datetime(day.year, day.month, day.day, self.hour, self.minute, tzinfo=zone) for day in days)
        return next(due for due in (one.astimezone(UTC) for one in times if self._is(one)) if due > moment)

    def _is(self, time: datetime) -> bool:
        there = time.astimezone(UTC).astimezone(time.tzinfo).replace(fold=0) == time
        return there and (not self.weekdays or time.weekday() in self.weekdays) and self.day in {None, time.day}


def simple(text: str) -> Simple | None:
    """Returns what a calendar says, where it is of the forms that cron knows: `[Mon,Thu] [*-*-*|*-*-1] 04:30`.

    >>> simple("*-*-1 06:00")
    Simple(minute=0, hour=6, weekdays=(), day=1)
    >>> simple("hourly")
    """
    found = _FORM.fullmatch(text)
    week = found["week"].split(",") if found and found["week"] else []
    if not found or not {*week} <= {*_DAYS}:
        return None
    day = int(found["day"]) if found["day"] not in {None, "*"} else None
    minute, hour = int(found["minute"]), int(found["hour"])
    possible = minute < 60 and hour < 24 and (day is None or (1 <= day <= 31 and not week))
    weekdays = tuple(_DAYS.index(name) for name in week)
    return Simple(minute=minute, hour=hour, weekdays=weekdays, day=day) if possible else None


def require_simple(text: str, *, where: str) -> Simple:
    """Returns what a calendar says.

    Raises:
        SettingsError: it is of a form that cron does not know.
    """
    found = simple(text)
    if found is None:
        action = "write *-*-* 04:30, Mon,Thu *-*-* 04:30 or *-*-1 04:30; kind=systemd knows more forms"
        raise SettingsError(where=where, found=f"{text!r} is no calendar that cron can be told", action=action)
    return found
