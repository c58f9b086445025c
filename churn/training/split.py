"""Which rows train the model, which choose how long it trains, which calibrate it, which test it?

Later dates test what earlier ones taught, and between two parts lies a gap as long as the label's horizon: a label
window that reaches into the next part would tell the model what it is about to be asked. Where dates do not exist, or
a customer must not be on both sides, a stable hash of the key puts every customer into one of 100 buckets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias

from churn.errors import DataError, SettingsError

BUCKETS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of some dates, in order, whose customers fall into some of the 100 buckets; None is all of them."""

    dates: tuple[date, ...]
    buckets: tuple[int, ...] | None = None

    def overlaps(self, other: Part, *, horizon_days: int) -> bool:
        """Returns whether a row of one part tells the label of a row of the other.

        It does where their label windows [d, d + horizon_days) share a day and a customer may be in both.

        >>> one, other = Part(dates=(date(2026, 1, 1),)), Part(dates=(date(2026, 1, 30),))
        >>> one.overlaps(other, horizon_days=29), one.overlaps(other, horizon_days=30)
        (False, True)
        """
        apart = self.buckets is not None and other.buckets is not None and not {*self.buckets} & {*other.buckets}
        near = any(abs(one - two).days < horizon_days for one in self.dates for two in other.dates)
        return near and not apart

    def to_json(self) -> dict[str, Any]:
        """Returns the part as values that JSON knows."""
        return {"dates": [day.isoformat() for day in self.dates], "buckets": self.buckets and list(self.buckets)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Part:
        """Returns the part that `to_json` was given."""
        buckets = fields["buckets"]
        return cls(dates=tuple(map(date.fromisoformat, fields["dates"])), buckets=buckets and tuple(buckets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One part to learn from and a later one, or other customers, to be held against."""

    train: Part
    test: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What every row is for.

    `train` teaches the model, `calibration` turns its scores into probabilities, `test` judges both. Inside `train` lie
    `validation`, which chooses the number of trees (None: it is set), and the `folds` of the cross-validation.
    `left_out` are the dates that fell into a gap.
    """

    train: Part
    validation: Fold | None
    folds: tuple[Fold, ...]
    calibration: Part
    test: Part
    left_out: tuple[date, ...]

    @property
    def dates(self) -> tuple[date, ...]:
        """All dates that are read, in order."""
        return tuple(sorted({*self.train.dates, *self.calibration.dates, *self.test.dates}))

    def to_json(self) -> dict[str, Any]:
        """Returns the parts by name as values that JSON knows; `Part.from_json` reads each."""
        inner = {"validation": self.validation} if self.validation else {}
        inner |= {f"fold {number}": fold for number, fold in enumerate(self.folds, start=1)}
        return {
            "train": self.train.to_json(),
            "calibration": self.calibration.to_json(),
            "test": self.test.to_json(),
            "left_out": [day.isoformat() for day in self.left_out],
            "inside_train": {
                name: {"train": fold.train.to_json(), "test": fold.test.to_json()} for name, fold in inner.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Percent of the customers (0 to 100) in each part but `train`, which gets the rest and holds `validation`."""

    validation: int
    calibration: int
    test: int

    def __post_init__(self) -> None:
        """Raises SettingsError where a part would hold nobody."""
        asked = (self.validation, self.calibration, self.test)
        if min(self.calibration, self.test) < 1 or self.validation < 0 or sum(asked) >= BUCKETS:
            found = f"validation={self.validation}, calibration={self.calibration}, test={self.test}"
            action = "give percents of at least 1 (validation 0 or more) that leave some to train"
            raise SettingsError(where="split.shares", found=found, action=action)

    @property
    def test_buckets(self) -> tuple[int, ...]:
        """Who tests."""
        return tuple(range(self.test))

    @property
    def calibration_buckets(self) -> tuple[int, ...]:
        """Who calibrates."""
        return tuple(range(self.test, self.test + self.calibration))

    @property
    def train_buckets(self) -> tuple[int, ...]:
        """Who trains, the validation among them."""
        return tuple(range(self.test + self.calibration, BUCKETS))

    @property
    def validation_buckets(self) -> tuple[int, ...]:
        """Who chooses the number of trees."""
        return self.train_buckets[: self.validation]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByTime:
    """The latest `test_dates` dates test, the latest `calibration_dates` before their gap calibrate, the rest train.

    The latest `validation_dates` of the rest choose the number of trees, learned before their own gap (0: the number is
    set). Rolling-origin cross-validation: each of the latest `folds` dates of the rest is tested by what lies before
    its gap; there are fewer folds where the dates allow fewer. `shares`: no customer is in two parts; None: a customer
    may come again on later dates. Another plan is a class with the same `assign` and its word in the union `SplitPlan`.
    """

    kind: Literal["by_time"]
    validation_dates: int
    calibration_dates: int
    test_dates: int
    folds: int
    shares: Shares | None

    def __post_init__(self) -> None:
        """Raises SettingsError where a part would hold no date."""
        if min(self.calibration_dates, self.test_dates) < 1 or min(self.validation_dates, self.folds) < 0:
            asked = (self.validation_dates, self.calibration_dates, self.test_dates, self.folds)
            names = ("validation_dates", "calibration_dates", "test_dates", "folds")
            raise SettingsError(
                where="split",
                found=", ".join(f"{name}={number}" for name, number in zip(names, asked, strict=True)),
                action="give calibration and test at least 1, validation and folds at least 0",
            )
        if self.shares:
            _require_folds(self.folds, self.shares)
        if self.shares and self.validation_dates and not self.shares.validation:
            action = "give validation some of the customers, or set split.validation_dates=0"
            raise SettingsError(where="split.shares", found="validation=0", action=action)

    def assign(self, dates: Sequence[date], *, horizon_days: int) -> Split:
        """Returns every date of `dates`, in any order, in exactly one of train, calibration, test and left_out.

        The label window [d, d + horizon_days) of a date ends before the first date of any later part.

        Raises:
            DataError: where a part would be short of dates: how many there are, and which are needed.

        >>> months = [date(2026, month, 1) for month in range(1, 8)]
        >>> plan = ByTime(kind="by_time", validation_dates=1, calibration_dates=1, test_dates=1, folds=2, shares=None)
        >>> split = plan.assign(months, horizon_days=31)
        >>> parts = (split.train.dates, split.left_out, split.calibration.dates, split.test.dates)
        >>> [[day.month for day in part] for part in parts]
        [[1, 2, 3], [4, 6], [5], [7]]
        >>> [(fold.train.dates[-1].month, fold.test.dates[0].month) for fold in split.folds]
        [(1, 2), (1, 3)]
        """
        ordered = tuple(sorted(set(dates)))
        test = _newest(ordered, self.test_dates)
        calibration = _newest(_ripe_before(test, ordered, horizon_days=horizon_days), self.calibration_dates)
        train = _ripe_before(calibration, ordered, horizon_days=horizon_days)
        validation = _newest(train, self.validation_dates)
        early = _ripe_before(validation, train, horizon_days=horizon_days)
        if not train or (self.validation_dates and not early):
            raise self._too_few(ordered, horizon_days)
        shares = self.shares
        return Split(
            train=Part(dates=train, buckets=shares.train_buckets if shares else None),
            validation=_apart(early, validation, shares, tests=shares.validation_buckets if shares else None)
            if early
            else None,
            folds=tuple(self._rolling(train, horizon_days=horizon_days)),
            calibration=Part(dates=calibration, buckets=shares.calibration_buckets if shares else None),
            test=Part(dates=test, buckets=shares.test_buckets if shares else None),
            left_out=tuple(day for day in ordered if day not in {*train, *calibration, *test}),
        )

    def _rolling(self, dates: Sequence[date], *, horizon_days: int) -> Iterator[Fold]:
        before = {day: _ripe_before([day], dates, horizon_days=horizon_days) for day in dates}
        tested = [day for day in dates if before[day]][-self.folds :] if self.folds else []
        slices = _slices(self.shares.train_buckets, self.folds) if self.shares else (None,) * self.folds
        for day, chosen in zip(tested, slices, strict=False):  # there may be fewer dates than folds
            yield _apart(before[day], (day,), self.shares, tests=chosen)

    def _too_few(self, dates: Sequence[date], horizon_days: int) -> DataError:
        span = f"{len(dates)} dates from {dates[0]} to {dates[-1]}" if dates else "no dates"
        needed = self.validation_dates + self.calibration_dates + self.test_dates + 1
        gaps = 3 if self.validation_dates else 2
        span_days = gaps * horizon_days + needed - gaps - 1
        without = ", or set split.validation_dates=0 and model.num_iterations" if self.validation_dates else ""
        return DataError(
            where="split",
            found=f"{span} cannot give {self.test_dates} to test, {self.calibration_dates} to calibrate, "
            f"{self.validation_dates} to validate and 1 to train",
            action=f"give at least {needed} dates over at least {span_days} days, since from the last of a part to the "
            f"first of the next lie {horizon_days} or more{without}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHash:
    """A stable hash of the key puts each customer into one part, whatever the date: for data without dates.

    `folds` slices of the training customers are each tested by the others (0: no cross-validation).
    """

    kind: Literal["by_hash"]
    shares: Shares
    folds: int

    def __post_init__(self) -> None:
        """Raises SettingsError for one fold, or more than can be told apart."""
        _require_folds(self.folds, self.shares)

    def assign(self, dates: Sequence[date], *, horizon_days: int) -> Split:  # noqa: ARG002 - one shape for every plan
        """Returns all of `dates` in every part, each with its own customers.

        Raises:
            DataError: there is no date.
        """
        days = tuple(sorted(set(dates)))
        if not days:
            raise DataError(where="split", found="no dates", action="give one date at least")
        shares, everyone = self.shares, self.shares.train_buckets
        slices = _slices(everyone, self.folds) if self.folds else ()
        return Split(
            train=Part(dates=days, buckets=everyone),
            validation=_apart(days, days, shares, tests=shares.validation_buckets) if shares.validation else None,
            folds=tuple(_apart(days, days, shares, tests=chosen) for chosen in slices),
            calibration=Part(dates=days, buckets=shares.calibration_buckets),
            test=Part(dates=days, buckets=shares.test_buckets),
            left_out=(),
        )


def _require_folds(folds: int, shares: Shares) -> None:
    most = len(shares.train_buckets)
    if folds == 1 or not 0 <= folds <= most:
        action = f"give 0, or 2 to {most}: the customers of one fold are tested by those of the others"
        raise SettingsError(where="split.folds", found=str(folds), action=action)


def _apart(train: Sequence[date], test: Sequence[date], shares: Shares | None, *, tests: Sequence[int] | None) -> Fold:
    """Returns a fold; with `shares` the customers in the buckets `tests` test, and the other training ones teach."""
    if shares is None or tests is None:
        return Fold(train=Part(dates=tuple(train)), test=Part(dates=tuple(test)))
    others = tuple(bucket for bucket in shares.train_buckets if bucket not in {*tests})
    return Fold(train=Part(dates=tuple(train), buckets=others), test=Part(dates=tuple(test), buckets=tuple(tests)))


def _slices(buckets: Sequence[int], count: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(buckets[start::count]) for start in range(count))


def _newest(dates: tuple[date, ...], count: int) -> tuple[date, ...]:
    """Returns the newest `count` dates, or none where there are fewer: nothing lies before all of them."""
    return dates[len(dates) - count :] if count <= len(dates) else ()


def _ripe_before(part: Sequence[date], dates: Sequence[date], *, horizon_days: int) -> tuple[date, ...]:
    return tuple(day for day in dates if part and day + timedelta(days=horizon_days) <= part[0])


SplitPlan: TypeAlias = ByTime | ByHash
