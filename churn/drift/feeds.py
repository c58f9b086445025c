"""Is a feed broken, and how?

Each fault has one cheap test of a raw day against the whole days before it, and each test asks for more than those days
differ among themselves: a feed that is wild by nature raises no alarm, and one that is quiet is judged strictly. What a
name says is exact (every row twice, a factor of 10^k); how far a figure moved without a name is for drift to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, TypeAlias

from churn.drift import feed_tests
from churn.drift.feed_tests import Past, Sign
from churn.drift.raw_figures import TableFigures

FaultName: TypeAlias = Literal[
    "null-filled", "frozen", "scaled", "sign flipped", "truncated", "loaded twice", "time zone shifted"
]
FEWEST_DAYS = 7
"""So many whole days before are needed to judge one."""
MOST_DAYS = 28
"""Of the whole days before, those that are looked at: four weeks, so that each weekday is there."""

_ROWS_THAT_TELL = 10  # so few are alike, negative or null by chance

_TABLE_TESTS: Mapping[FaultName, feed_tests.TableTest] = {
    "frozen": feed_tests.frozen,
    "loaded twice": feed_tests.loaded_twice,
    "truncated": feed_tests.truncated,
}
_COLUMN_TESTS: Mapping[FaultName, feed_tests.ColumnTest] = {
    "null-filled": feed_tests.null_filled,
    "sign flipped": feed_tests.sign_flipped,
    "scaled": feed_tests.scaled,
    "time zone shifted": feed_tests.shifted,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A broken feed: what its fault is called, where it is, what was `found` on its last day, and since when.

    `column` is None where the whole table is meant. `since` and `until` are the first and the last of the raw days in a
    row that show it, `n` the rows of the last one.

    >>> print(Fault(name="scaled", table="payments", column="amount_cents", found="median about 990 → 99,000 (×100)",
    ...             since=date(2026, 1, 3), until=date(2026, 1, 4), n=1204))
    scaled: payments.amount_cents: median about 990 → 99,000 (×100) since 2026-01-03, n = 1,204 rows
    """

    name: FaultName
    table: str
    column: str | None
    found: str
    since: date
    until: date
    n: int

    def __str__(self) -> str:
        place = self.table if self.column is None else f"{self.table}.{self.column}"
        return f"{self.name}: {place}: {self.found} since {self.since}, n = {self.n:,} rows"


def recognise(
    days: Mapping[date, Mapping[str, TableFigures]], *, judged: Collection[date], excused: Collection[date] = ()
) -> tuple[Fault, ...]:
    """Returns the faults of the `judged` days, by table, then by first day.

    `days` maps raw days, oldest first, to the figures of each table. Each is held against the whole days before it; a
    broken one is none, and neither is one that is `excused` (a person took it as it is), which is not judged itself.

    >>> week = {date(2026, 1, n): {"t": TableFigures(rows=20, rows_hash=n, unpaired=n)} for n in range(1, 8)}
    >>> monday = {date(2026, 1, 8): {"t": TableFigures(rows=40, rows_hash=16, unpaired=0)}}
    >>> [str(fault) for fault in recognise(week | monday, judged=monday)]
    ['loaded twice: t: every row stands an even number of times since 2026-01-08, n = 40 rows']
    """
    names = sorted({name for tables in days.values() for name in tables})
    found = [fault for name in names for fault in _of_table(name, days, excused=excused)]
    return tuple(fault for fault in found if any(fault.since <= day <= fault.until for day in judged))


def _of_table(
    table: str, days: Mapping[date, Mapping[str, TableFigures]], *, excused: Collection[date]
) -> Iterator[Fault]:
    whole: list[Past] = []
    open_faults: dict[tuple[str, str | None], Fault] = {}
    last: TableFigures | None = None
    for day, tables in days.items():
        now = Past(day=day, figures=tables.get(table, TableFigures()), last=last)
        last = now.figures
        if day in excused:
            continue
        shown = {(one.name, one.column): one for one in _of_day(table, now, whole[-MOST_DAYS:])}
        yield from (fault for what, fault in open_faults.items() if what not in shown)
        open_faults = {
            what: replace(fault, since=open_faults[what].since) if what in open_faults else fault
            for what, fault in shown.items()
        }
        whole += [] if shown else [now]
    yield from open_faults.values()


def _of_day(table: str, now: Past, before: Sequence[Past]) -> Iterator[Fault]:
    before = [past for past in before if past.figures.rows]
    if len(before) < FEWEST_DAYS or not now.figures.rows:  # whether a table may bring no row is intake's question
        return
    few = now.figures.rows < _ROWS_THAT_TELL
    tests = {name: test for name, test in _TABLE_TESTS.items() if name == "truncated" or not few}
    signs: list[tuple[FaultName, str | None, Iterator[Sign]]] = [
        *((name, None, test(now, before)) for name, test in tests.items()),
        *(
            (name, column, test(column, now, before))
            for column in now.figures.columns
            for name, test in _COLUMN_TESTS.items()
            if not few
        ),
    ]
    for name, column, found in signs:
        for sign in found:
            yield Fault(
                name=name, table=table, column=column, found=sign, since=now.day, until=now.day, n=now.figures.rows
            )
