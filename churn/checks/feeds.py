"""Do the sources answer, would a bad row be caught, and did the last nights happen?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from churn.checks.checked import Checked, fail, ok, warn
from churn.doors import Doors
from churn.features.raw import RAW_DAY, TYPES, Column, RawTable


def check_source(doors: Doors, name: str) -> Checked:
    """Returns which raw days the source of a table has, up to today, how old the newest is, and whether it can be read.

    Raises:
        ChurnError: it does not answer, or not with what is declared.
    """
    source, table = doors.settings.dataset.tables[name], _table(doors, name)
    if table is None:
        names = ", ".join(known.name for known in doors.dataset.tables)
        return fail("the dataset declares no such table", f"conf/dataset/{doors.dataset.name}.yaml: name {names}")
    days = [day for day in source.days(table, doors.bench) if day <= doors.settings.today]
    if not days:
        return fail("it answers, and has no raw day", f"load raw days into {source.where}")
    age, allowed = (doors.settings.today - max(days)).days, doors.settings.dataset.newest_day_within_days
    told = f"{len(days):,} raw days, {min(days)} to {max(days)}, {age:,} days before today"
    first = doors.settings.dataset.first_day
    if min(days) < first:
        return fail(f"{told}; the dataset's first day is {first}", "correct their day there, or set dataset.first_day")
    if table.daily and allowed is not None and age > allowed:
        return fail(f"{told}, limit {allowed}", "mend the feed: date=auto stops there")
    next(iter(source.read(table, first=max(days), last=max(days), bench=doors.bench)), None)
    return ok(f"{told}; the newest can be read")


def _table(doors: Doors, name: str) -> RawTable | None:
    return next((table for table in doors.dataset.tables if table.name == name), None)


def check_contract(doors: Doors, name: str) -> Checked:
    """Returns whether each promise of a table's columns is held against rows that break it, made in memory alone.

    Raises:
        SettingsError: the environment switches pandera's checks off.
    """
    from churn.features.intake import sort_rows

    table = _table(doors, name)
    if table is None:
        return fail("the dataset declares no such table", f"correct conf/dataset/{doors.dataset.name}.yaml")
    planted = list(_planted(table, doors.settings.today))
    if not planted:
        return warn("no column promises anything that a row could break", "declare what its columns may hold")
    missed = []
    for what, rows in planted:
        held = sort_rows(rows, table, as_text=False, where=f"planted rows of {name}")
        if held.kept.height or not _about(held.counts, what.partition(": ")[0]):
            missed.append(what)
    if missed:
        found = f"{len(missed)} of {len(planted)} planted bad rows were let through: {'; '.join(missed[:3])}"
        return fail(found, "install the pinned polars and pandera again, then run the tests of churn/features")
    return _check_good(table, doors.settings.today, told=f"{len(planted)} planted bad rows, all caught")


def _check_good(table: RawTable, day: date, *, told: str) -> Checked:
    """A contract that refuses whatever comes catches bad rows, too; rules between columns do not count here."""
    from churn.features.intake import sort_rows

    row = _row(table, {column.name: _good(column, day) for column in table.columns}, day)
    held = sort_rows(row, table, as_text=False, where=f"planted rows of {table.name}")
    refused = [rule for column in table.columns for rule in _about(held.counts, column.name)]
    if refused:
        return fail(f"a planted good row is refused: {'; '.join(refused)}", f"mend the declaration of {table.name}")
    return ok(told)


def _about(rules: Iterable[str], column: str) -> list[str]:
    return [rule for rule in rules if rule.startswith(f"{column}: ")]


def _planted(table: RawTable, day: date) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yields rows, one at a time, each bad in one column, and what is bad about it."""
    good = {column.name: _good(column, day) for column in table.columns}
    for column in table.columns:
        for what, value in _bad(column):
            yield f"{column.name}: {what}", _row(table, good | {column.name: value}, day)


def _row(table: RawTable, values: Mapping[str, Any], day: date) -> pl.DataFrame:
    cells = [pl.Series(column.name, [values[column.name]], TYPES[column.dtype]) for column in table.columns]
    return pl.DataFrame([pl.Series(RAW_DAY, [day], pl.Date), *cells])


def _good(column: Column, day: date) -> object:
    if column.dtype in {"integer", "number"}:
        least = min(0, math.inf if column.maximum is None else column.maximum)
        value = least if column.minimum is None else column.minimum
        return math.ceil(value) if column.dtype == "integer" else float(value)
    return {
        "text": column.levels[0] if column.levels else "a",
        "boolean": True,
        "date": day,
        "timestamp": datetime(day.year, day.month, day.day),  # noqa: DTZ001 - timestamps are kept without a zone, at UTC
    }[column.dtype]


def _bad(column: Column) -> Iterator[tuple[str, object]]:
    number = int if column.dtype == "integer" else float
    if not column.nullable:
        yield "null", None
    if column.minimum is not None:
        yield f"under {column.minimum}", number(column.minimum - 1)
    if column.maximum is not None:
        yield f"over {column.maximum}", number(column.maximum + 1)
    if column.levels:
        yield "a level that is not declared", "".join(column.levels) + "?"
    if column.dtype == "number":
        yield "infinite", float("inf")


def check_last_night(doors: Doors) -> Checked:
    """Returns how old the newest published night is, against what the dataset allows of its newest raw day."""
    days, today = doors.lake.days("predictions", doors.settings.dataset.name), doors.settings.today
    mend = doors.command("nightly", "auto")
    if not days:
        return warn("no night is published yet", mend)
    age, allowed = (today - days[-1]).days, doors.settings.dataset.newest_day_within_days
    told = f"{days[-1]}, {age:,} days before today (n = {len(days):,} published)"
    if allowed is None:
        return ok(f"{told}; dataset.newest_day_within_days sets no limit")
    return fail(f"{told}, limit {allowed}", mend) if age > allowed else ok(f"{told}, limit {allowed}")
