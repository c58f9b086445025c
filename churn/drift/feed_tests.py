"""What tells each fault of a feed from an ordinary day?

One test a fault, each a function of the day and of the whole days before it; it yields what it saw, in words, where the
fault is there. Thresholds are no settings: they stand far beyond what the days before show, whatever feed it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from statistics import median
from typing import TypeAlias

from churn.drift.bins import plain
from churn.drift.raw_figures import BINS_A_POWER, ColumnFigures, Counts, TableFigures

Sign: TypeAlias = str

_CHANCE = 1e-6  # so rarely may chance alone bring what is called a fault
_HALF = 0.5
_LARGEST_POWER = 6
_SHARE_THAT_TELLS = 0.9
_FEWEST_SHARE = 0.5
_WEEKS = 4  # of a weekday that tell how many rows it brings, and how far that varies
_HOURS_THAT_TELL = 1.5
_NO_ROWS = ColumnFigures()


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A raw day of one table: its figures, and those of the raw day before it (None for the first)."""

    day: date
    figures: TableFigures
    last: TableFigures | None

    def column(self, name: str) -> ColumnFigures:
        """Returns the figures of a column; those of no rows where the day has not got it."""
        return self.figures.columns.get(name, _NO_ROWS)

    @property
    def repeats(self) -> bool:
        """Whether these are the very rows of the raw day before."""
        then = self.last
        return then is not None and self.figures.rows_hash == then.rows_hash and self.figures.rows == then.rows

    @property
    def doubled(self) -> bool:
        """Whether each row stands there an even number of times."""
        return self.figures.unpaired == 0 and self.figures.rows_hash != 0


TableTest: TypeAlias = Callable[[Past, Sequence[Past]], Iterator[Sign]]
ColumnTest: TypeAlias = Callable[[str, Past, Sequence[Past]], Iterator[Sign]]


def frozen(now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    """The very rows of the raw day before, in a table whose rows change from day to day."""
    if now.figures.rows_hash and now.repeats and not any(past.repeats for past in before):
        yield "the very rows of the raw day before"


def loaded_twice(now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    """Every row an even number of times, which no day before was."""
    if now.doubled and not any(past.doubled for past in before):
        yield "every row stands an even number of times"


def truncated(now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    """Far fewer rows than on the same weekday before: as a ratio, three times as far below as the worst of those days.

    Each of the days before is held against the others of its weekday, as this day is.
    """
    usual, rows = _usual_rows(now, before, weeks=_WEEKS), now.figures.rows
    if usual is None or rows >= _FEWEST_SHARE * usual:
        return
    if rows < _worst_share(before) ** 3 * usual and _chance_of_at_most(rows, usual) < _CHANCE:
        yield f"rows {usual:,.0f} → {rows:,} ({rows / usual:.0%} of the usual)"


def null_filled(column: str, now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    """Null in nearly all of the rows that never were before."""
    rows, nulls = now.figures.rows, now.column(column).nulls
    if nulls / rows < _SHARE_THAT_TELLS:
        return
    most = max(past.column(column).nulls / past.figures.rows for past in before)
    is_beyond = nulls / rows > most + _SHARE_THAT_TELLS * (1 - most)
    if is_beyond and _tail(nulls, rows, _at_most(most, before)) < _CHANCE:
        usual = sum(past.column(column).nulls for past in before) / sum(past.figures.rows for past in before)
        yield f"null {usual:.0%} → {nulls / rows:.0%}"


def sign_flipped(column: str, now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    """The share of negative values is that of the positive ones before, in a column that has nearly one sign."""
    figures = now.column(column)
    shares = [_negative_share(past.column(column)) for past in before if past.column(column).sizes]
    if not shares or not figures.sizes:
        return
    share, usual = _negative_share(figures), median(shares)
    sides = [abs(one - round(usual)) for one in (share, *shares)]
    values, most = sum(figures.sizes.values()), max(sides[1:])
    flipped = sides[0] >= _SHARE_THAT_TELLS and most < _HALF
    if flipped and _tail(round(sides[0] * values), values, _at_most(most, before)) < _CHANCE:
        yield f"negative {usual:.0%} → {share:.0%} of the values other than 0"


def scaled(column: str, now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    """A power of ten larger or smaller, and else of the shape of before."""
    then = [past.column(column).sizes for past in before if past.column(column).sizes]
    sizes = now.column(column).sizes
    # What lies over a half from the usual, and twice as far as any day before, lies over a quarter from each of them:
    # by the last of them most days are let go cheaply.
    if not then or not sizes or _distance(_shares(sizes), _shares(then[-1])) <= _HALF / 2:
        return
    usual = _mean_shares(then)
    at_rest = _distance(_shares(sizes), usual)
    if at_rest <= _HALF:
        return
    ordinary = max(_distance(_shares(day), usual) for day in then)
    powers = range(-_LARGEST_POWER, _LARGEST_POWER + 1)
    distances = {power: _distance(_shares(_moved(sizes, -power * BINS_A_POWER)), usual) for power in powers}
    power = min(distances, key=lambda one: (distances[one], abs(one)))
    fits = distances[power] <= ordinary + _ks_noise(sum(sizes.values()))
    if power and fits and at_rest > 2 * ordinary:
        factor = f"×{10**power:,}" if power > 0 else f"÷{10**-power:,}"
        yield f"median about {_median(usual)} → {_median(_shares(sizes))} ({factor})"


def shifted(column: str, now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    """The hours of the day turned round as a whole, or rows filed a day beside the one that they say, as none were."""
    yield from _turned(column, now, before)
    yield from _misfiled(column, now, before)


def _turned(column: str, now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    then = [past.column(column).hours for past in before if past.column(column).hours]
    hours = now.column(column).hours
    if not then or not hours:
        return
    usual = _mean_shares(then)
    at_rest = _hours_moved(_shares(hours), usual)
    if at_rest <= _HOURS_THAT_TELL:
        return
    ordinary = max(_hours_moved(_shares(day), usual) for day in then)
    moved = {by: _hours_moved(_shares(_turned_by(hours, -by)), usual) for by in range(-11, 13)}
    by = min(moved, key=lambda one: (moved[one], abs(one)))
    if by and moved[by] <= ordinary and at_rest > 3 * max(ordinary, moved[by]):
        yield f"its hours of the day moved by {by:+d}"


def _misfiled(column: str, now: Past, before: Sequence[Past]) -> Iterator[Sign]:
    lags = [past.column(column).lags for past in before if past.column(column).lags]
    today = now.column(column).lags
    if not lags or not today:
        return
    at = max({lag for day in lags for lag in day}, key=lambda lag: median(_shares(day).get(lag, 0) for day in lags))
    if median(_shares(day).get(at, 0) for day in lags) < _SHARE_THAT_TELLS:
        return
    for beside in (at - 1, at + 1):
        count, rows = today.get(beside, 0), sum(today.values())
        usual = (sum(day.get(beside, 0) for day in lags) + _HALF) / (sum(sum(day.values()) for day in lags) + 1)
        if count / rows > max(_shares(day).get(beside, 0) for day in lags) and _tail(count, rows, usual) < _CHANCE:
            words = "before" if beside < at else "after"
            yield f"filed on the day {words} the usual one: {usual:.1%} → {count / rows:.0%} of the rows"


def _usual_rows(now: Past, others: Sequence[Past], *, weeks: int) -> float | None:
    """Returns the median of the rows on the same weekday; None where they are of fewer than so many weeks."""
    same = [past.figures.rows for past in others if past.day.weekday() == now.day.weekday()]
    return median(same) if len(same) >= weeks else None


def _worst_share(before: Sequence[Past]) -> float:
    """Returns the least share of its usual rows that any of the days had, each held against the others."""
    usual = {past.day: _usual_rows(past, [o for o in before if o is not past], weeks=_WEEKS - 1) for past in before}
    return min(past.figures.rows / (usual[past.day] or past.figures.rows) for past in before)


def _negative_share(column: ColumnFigures) -> float:
    return column.negatives / sum(column.sizes.values()) if column.sizes else 0.0


def _shares(counts: Counts) -> dict[int, float]:
    total = sum(counts.values())
    return {at: count / total for at, count in counts.items()}


def _mean_shares(days: Sequence[Counts]) -> dict[int, float]:
    """Returns the mean of the days' shares: a day of very many rows counts as any other."""
    mean: dict[int, float] = {}
    for day in days:
        for at, share in _shares(day).items():
            mean[at] = mean.get(at, 0.0) + share / len(days)
    return dict(sorted(mean.items()))


def _moved(counts: Counts, by: int) -> dict[int, int]:
    return {at + by: count for at, count in counts.items()}


def _turned_by(hours: Counts, by: int) -> dict[int, int]:
    return {(hour + by) % 24: count for hour, count in hours.items()}


def _distance(one: dict[int, float], other: dict[int, float]) -> float:
    """Returns the largest difference of two distribution functions (Kolmogorov–Smirnov), 0 to 1."""
    steps = (one.get(at, 0.0) - other.get(at, 0.0) for at in sorted({*one, *other}))
    return max(map(abs, accumulate(steps)))


def _hours_moved(one: dict[int, float], other: dict[int, float]) -> float:
    """Returns how many hours the mean row lies from where it lay, round the clock (Wasserstein on a circle), 0 to 12.

    Source: Rabin, Delon, Gousseau (2011), Journal of Mathematical Imaging and Vision 41.
    """
    ahead = list(accumulate(one.get(hour, 0.0) - other.get(hour, 0.0) for hour in range(24)))
    middle = median(ahead)
    return sum(abs(share - middle) for share in ahead)


def _ks_noise(rows: int) -> float:
    """Returns what chance exceeds once in a million days (Dvoretzky, Kiefer, Wolfowitz, with Massart's constant)."""
    return math.sqrt(math.log(2 / _CHANCE) / (2 * rows))


def _median(shares: dict[int, float]) -> str:
    """Returns the middle of the bin that holds the median, to two digits."""
    reached = accumulate(shares.values())
    middle = next(at for at, share in zip(shares, reached, strict=True) if share >= _HALF - 1e-9)
    return plain(float(f"{10 ** ((middle + _HALF) / BINS_A_POWER):.2g}"))


def _chance_of_at_most(rows: int, usual: float) -> float:
    from scipy.special import pdtr

    return float(pdtr(rows, usual))


def _at_most(share: float, before: Iterable[Past]) -> float:
    """Returns a share that the days before did not exceed, smoothed: what none of them showed may yet be."""
    known = sum(past.figures.rows for past in before)
    return (share * known + _HALF) / (known + 1)


def _tail(count: int, rows: int, share: float) -> float:
    """Returns the binomial probability of `count` or more of `rows`, where each is one by `share`."""
    from scipy.special import bdtrc

    return float(bdtrc(count - 1, rows, share)) if count else 1.0
