"""May features read this raw day?

A day is judged as a whole, from counts alone: how many rows break a rule, whether keys stand twice, whether a table
that brings rows every day brings none, far fewer than before, or the very rows of the day before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median

import polars as pl

from churn.dates import parse_dates
from churn.errors import SettingsError
from churn.features.raw import RawTable

_DAYS_BEFORE = 7
# Two days of a handful of rows are alike by chance.
_ROWS_THAT_TELL = 10
# So few independent events chance brings once in a million days.
_CHANCE = 1e-6
# Few broken rows are excused where they are one row, or at most this share of those that came.
_EXCUSED_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """When faults of rows stop the night.

    For each raw table and day: above `quarantine_share` (0 to 1) of its rows, unless they are at most `quarantine_rows`
    rows and a tenth of those that came (or one row). A daily table also stops it below `fewest_rows_share` (0 to 1) of
    its usual rows: the median of the 7 raw days before or the same weekday's, whichever is less, where chance does not
    explain it. `accept` names days, or ranges of them, that are taken as they are, each with the reason.
    """

    quarantine_share: float
    quarantine_rows: int
    fewest_rows_share: float
    accept: dict[str, str]

    def __post_init__(self) -> None:
        """Raises SettingsError for a share that is not from 0 to 1, a negative number of rows, or what is no day."""
        shares = (self.quarantine_share, self.fewest_rows_share)
        if not all(0 <= share <= 1 for share in shares) or self.quarantine_rows < 0:
            found = f"shares {shares[0]} and {shares[1]}, {self.quarantine_rows} rows"
            raise SettingsError(where="dataset.intake", found=found, action="give shares from 0 to 1, rows from 0 up")
        for days in self.accept:
            try:
                parse_dates(days)
            except SettingsError as error:
                raise SettingsError(where="dataset.intake.accept", found=error.found, action=error.action) from error

    def reason(self, day: date) -> str | None:
        """Returns why a day is taken as it is; None where nothing is accepted of it.

        >>> accept = {"2026-01-03..2026-01-31": "prices in cents from now on"}
        >>> limits = IntakeLimits(quarantine_share=0.01, quarantine_rows=10, fewest_rows_share=0.5, accept=accept)
        >>> limits.reason(date(2026, 1, 31)), limits.reason(date(2026, 2, 1))
        ('prices in cents from now on', None)
        """
        return next((reason for days, reason in self.accept.items() if day in parse_dates(days)), None)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one raw table brought on one day.

    `read` rows came, `kept` of them kept the contract; `broken` counts rows by rule, `twice` keys that stand there more
    than once (their customers are named nowhere); `sha256` is that of the kept rows' file, `rows_hash` a hash of the
    kept rows whatever their order, without the day that they say (0 where nothing else is declared).
    """

    read: int = 0
    kept: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    twice: int = 0
    sha256: str = ""
    rows_hash: int = 0


def row_hashes(rows: pl.DataFrame, table: RawTable) -> pl.Series:
    """Returns a hash a row (UInt64), of all its values but the day; a moment counts by its time of day.

    No row at all where there is no other column.
    """
    day = rows.select(pl.selectors.by_name(table.day, require_all=False) & pl.selectors.datetime())
    others = rows.drop(table.day, strict=False).with_columns(day.select(pl.all().dt.time()))
    return others.hash_rows() if others.width else pl.Series(dtype=pl.UInt64)


def day_faults(
    tables: Sequence[RawTable],
    tallies: Mapping[str, Tally],
    *,
    before: Sequence[Mapping[str, Tally]],
    limits: IntakeLimits,
) -> tuple[str, ...]:
    """Returns what forbids to read the day, one text a fault; none where it may be read.

    `tallies` are the day's by table, `before` those of all raw days before it, the newest last.

    >>> table = RawTable(name="usage", day="date", columns=(), daily=True)
    >>> limits = IntakeLimits(quarantine_share=0.01, quarantine_rows=10, fewest_rows_share=0.5, accept={})
    >>> day_faults([table], {"usage": Tally()}, before=[{"usage": Tally(read=9, kept=9)}], limits=limits)
    ('usage: no row, and it brings rows every day',)
    """
    return tuple(
        f"{table.name}: {fault}"
        for table in tables
        for fault in _table_faults(
            table, tallies[table.name], before=[day.get(table.name, Tally()) for day in before], limits=limits
        )
    )


def _table_faults(table: RawTable, tally: Tally, *, before: Sequence[Tally], limits: IntakeLimits) -> Iterator[str]:
    if tally.twice:
        yield f"the key {', '.join(table.key)} stands there more than once, n = {tally.twice:,}"
    if _too_many_broken(tally, limits):
        yield _broken_text(tally, limits)
    if table.daily and any(day.kept for day in before):
        yield from _daily_faults(tally, before, limits)


def _too_many_broken(tally: Tally, limits: IntakeLimits) -> bool:
    broken = tally.read - tally.kept
    excused = min(limits.quarantine_rows, max(1, int(_EXCUSED_SHARE * tally.read)))
    too_many = broken > excused and broken / tally.read > limits.quarantine_share
    return too_many or (broken > 0 and not tally.kept)


def _broken_text(tally: Tally, limits: IntakeLimits) -> str:
    broken = tally.read - tally.kept
    worst = sorted(tally.broken.items(), key=lambda item: -item[1])[:5]
    rules = ", ".join(f"{rule} ({count:,} rows)" for rule, count in worst)
    return (
        f"{broken:,} of {tally.read:,} rows ({broken / tally.read:.1%}) break a rule, limit "
        f"{limits.quarantine_share:.1%}, or {limits.quarantine_rows:,} rows and {_EXCUSED_SHARE:.0%}: {rules}"
    )


def _usual_rows(before: Sequence[Tally]) -> float:
    week = before[-_DAYS_BEFORE:]
    usual = median(day.read for day in week)
    return min(usual, week[0].read) if len(week) == _DAYS_BEFORE else usual


def _chance_of_so_few(rows: int, usual: float) -> float:
    """Returns the probability of at most `rows` independent events (Poisson) where `usual` are expected."""
    from scipy.special import pdtr  # what only reads status does without it

    return float(pdtr(rows, usual))


def _daily_faults(tally: Tally, before: Sequence[Tally], limits: IntakeLimits) -> Iterator[str]:
    usual = _usual_rows(before)
    if not tally.read:
        yield "no row, and it brings rows every day"
    elif usual and tally.read / usual < limits.fewest_rows_share and _chance_of_so_few(tally.read, usual) < _CHANCE:
        yield (
            f"{tally.read:,} rows, far fewer than the usual {usual:,.0f} of the {len(before[-_DAYS_BEFORE:])} raw "
            f"days before (limit {limits.fewest_rows_share:.0%})"
        )
    elif tally.kept >= _ROWS_THAT_TELL and tally.rows_hash and tally.rows_hash == before[-1].rows_hash:
        yield f"the same {tally.kept:,} rows as on the raw day before"
