"""Which dates teach, and which ask: does any label window reach into a later part?

Each date is a mark, and the thin bar behind it is its label window [date, date + horizon_days). A dashed line stands at
the first date of every later part: no bar before it may cross it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from churn.reports.axis import place
from churn.reports.charts import ROW_HEIGHT, Alt, chart, row_text, upright
from churn.reports.markup import Markup, element, joined, words

_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)  # between two ticks
_SIGNS = {  # a shape for each role, so that nobody needs to tell the colours apart
    "train": "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1-5 0Z",
    "validation": "M0-6.5 6 5-6 5Z",
    "calibration": "M-4.5-4.5H4.5V4.5H-4.5Z",
    "test": "M0-6.5 6.5 0 0 6.5-6.5 0Z",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Dates with one role: train, validation, calibration or test."""

    role: str
    dates: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The runs of one row of the timeline; rows of one `group` are held against each other."""

    name: str
    note: str
    group: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """The axis: whole months from the first date to the end of the last label window."""

    first: date
    end: date

    @classmethod
    def around(cls, dates: Sequence[date], *, horizon_days: int) -> Months:
        """Returns the months that hold all dates and their label windows.

        >>> Months.around([date(2026, 1, 15)], horizon_days=30)
        Months(first=datetime.date(2026, 1, 1), end=datetime.date(2026, 3, 1))
        """
        last = max(dates) + timedelta(days=max(horizon_days, 1) - 1)
        return cls(first=min(dates).replace(day=1), end=_month_after(last, months=1))

    def percent(self, day: date) -> float:
        """Returns how far along the axis a day begins: 0 to 100."""
        return 100 * (day - self.first).days / (self.end - self.first).days

    def ticks(self) -> tuple[date, ...]:
        """Returns first days of months, at most six, equally many months apart.

        >>> [day.month for day in Months(first=date(2026, 1, 1), end=date(2027, 1, 1)).ticks()]
        [1, 3, 5, 7, 9, 11]
        """
        total = 12 * (self.end.year - self.first.year) + self.end.month - self.first.month
        step = next(months for months in _MONTHS if months * 6 >= total)
        return tuple(_month_after(self.first, months=count) for count in range(0, total, step))


def timeline(alt: Alt, rows: Sequence[Row], *, horizon_days: int) -> Markup:
    """Returns one row a part over an axis in months; there has to be at least one date."""
    months = Months.around([day for row in rows for run in row.runs for day in run.dates], horizon_days=horizon_days)
    height = ROW_HEIGHT * len(rows)
    drawn = (
        _row(row, months=months, horizon_days=horizon_days, top=ROW_HEIGHT * number) for number, row in enumerate(rows)
    )
    return chart(alt, _axis(months, height=height), *_borders(rows, months), *drawn, class_="chart rows", height=height)


def _axis(months: Months, *, height: int) -> Markup:
    marks = []
    for day in months.ticks():
        at = place(months.percent(day))
        marks.append(element("line", x1=at, x2=at, y1=0, y2=height, class_="grid"))
        marks.append(element("text", words(f"{day:%Y-%m}"), x=at, y=height + 16))
    marks.append(element("text", words("month"), x="50%", y=height + 34, text_anchor="middle", class_="axis"))
    return joined(marks)


def _borders(rows: Sequence[Row], months: Months) -> list[Markup]:
    """Returns the dashed lines: where a later run of a group begins, through all rows of that group."""
    found, first = [], 0
    for _, members in groupby(rows, key=lambda row: row.group):
        group = list(members)
        begins = sorted({run.dates[0] for row in group for run in row.runs if run.dates})
        found += [
            upright(months.percent(day), row=number, class_="border")
            for day in begins[1:]
            for number in range(first, first + len(group))
        ]
        first += len(group)
    return found


def _row(row: Row, *, months: Months, horizon_days: int, top: int) -> Markup:
    y = top + 28
    windows = (
        _window(day, run.role, months=months, horizon_days=horizon_days, y=y) for run in row.runs for day in run.dates
    )
    marks = (_mark(day, run.role, months=months, y=y) for run in row.runs for day in run.dates)
    return joined(
        [
            row_text(row.name, row.note, top=top),
            *windows,
            *marks,
        ]
    )


def _window(day: date, role: str, *, months: Months, horizon_days: int, y: int) -> Markup:
    start, end = months.percent(day), months.percent(day + timedelta(days=horizon_days))
    return element("rect", x=place(start), width=place(end - start), y=y - 2, height=4, class_=f"window {_role(role)}")


def _mark(day: date, role: str, *, months: Months, y: int) -> Markup:
    known = _role(role)
    sign = element("path", element("title", words(f"{role} {day}")), d=_SIGNS[known], class_=f"mark {known}")
    return element("svg", sign, x=place(months.percent(day)), y=y, width=1, height=1, class_="at")


def _role(role: str) -> str:
    """Returns the role whose sign and colour are drawn: that of train for one that nobody drew yet."""
    return role if role in _SIGNS else "train"


def _month_after(day: date, *, months: int) -> date:
    count = 12 * day.year + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
