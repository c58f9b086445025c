from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import DataError, SettingsError
from churn.training.split import BUCKETS, ByHash, ByTime, Part, Shares, Split

START = date(2024, 1, 1)
SHARES = Shares(validation=10, calibration=10, test=20)
EVERYONE = set(range(BUCKETS))


def plan(
    calibration_dates: int = 1,
    test_dates: int = 1,
    *,
    validation_dates: int = 0,
    folds: int = 0,
    shares: Shares | None = None,
) -> ByTime:
    return ByTime(
        kind="by_time",
        validation_dates=validation_dates,
        calibration_dates=calibration_dates,
        test_dates=test_dates,
        folds=folds,
        shares=shares,
    )


def days(*offsets: int) -> list[date]:
    return [START + timedelta(days=offset) for offset in offsets]


def touches(earlier: date, later: date, horizon_days: int) -> bool:
    """Brute force: does a day of the earlier date's label window reach the later date?"""
    return any(earlier + timedelta(days=n) >= later for n in range(horizon_days))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[date], int, ByTime]:
    offsets = draw(st.lists(st.integers(0, 120), unique=True, max_size=25))
    by = plan(
        draw(st.integers(1, 4)),
        draw(st.integers(1, 4)),
        validation_dates=draw(st.integers(0, 3)),
        folds=draw(st.sampled_from([0, 2, 3, 6])),
        shares=draw(st.sampled_from([None, SHARES])),
    )
    return days(*offsets), draw(st.integers(1, 30)), by


Case = tuple[list[date], int, ByTime]


def assign_or_none(dates: list[date], horizon_days: int, by: ByTime) -> Split | None:
    try:
        return by.assign(dates, horizon_days=horizon_days)
    except DataError:
        return None


@given(_cases())
def test_no_label_window_reaches_a_later_part_or_the_test_of_a_fold(case: Case) -> None:
    dates, horizon, by = case
    split = assign_or_none(dates, horizon, by)
    if split is not None:
        pairs = [(split.train, split.calibration), (split.train, split.test), (split.calibration, split.test)]
        inner = [*split.folds, *([split.validation] if split.validation else [])]
        pairs += [(fold.train, fold.test) for fold in inner]
        for earlier, later in pairs:
            assert not any(touches(d, later.dates[0], horizon) for d in earlier.dates)


@given(_cases())
def test_every_date_is_in_one_part_in_order_and_parts_have_the_size_asked_for(case: Case) -> None:
    dates, horizon, by = case
    split = assign_or_none(dates, horizon, by)
    if split is not None:
        parts = (split.train.dates, split.calibration.dates, split.test.dates, split.left_out)
        assert sorted(d for part in parts for d in part) == sorted(dates)
        assert all(list(part) == sorted(part) for part in parts)
        assert (len(split.calibration.dates), len(split.test.dates)) == (by.calibration_dates, by.test_dates)
        assert split.test.dates == tuple(sorted(dates)[-by.test_dates :])
        assert (split.validation is None) is (by.validation_dates == 0)
        if split.validation:
            assert split.validation.test.dates == split.train.dates[-by.validation_dates :]
            assert split.validation.train.dates


@given(_cases())
def test_folds_are_tested_on_the_newest_training_dates_that_something_lies_before(case: Case) -> None:
    dates, horizon, by = case
    split = assign_or_none(dates, horizon, by)
    if split is not None:
        train = split.train.dates
        possible = [d for d in train if any(not touches(e, d, horizon) for e in train if e < d)]
        assert [fold.test.dates for fold in split.folds] == [(d,) for d in possible[max(0, len(possible) - by.folds) :]]
        for fold in split.folds:
            before = tuple(d for d in train if d < fold.test.dates[0] and not touches(d, fold.test.dates[0], horizon))
            assert fold.train.dates == before


@given(_cases())
def test_with_shares_no_customer_is_in_two_parts_or_on_both_sides_of_a_fold(case: Case) -> None:
    dates, horizon, by = case
    split = assign_or_none(dates, horizon, by)
    if split is None:
        return
    whole = (split.train, split.calibration, split.test)
    inner = [*split.folds, *([split.validation] if split.validation else [])]
    if by.shares is None:
        assert all(part.buckets is None for part in (*whole, *(p for fold in inner for p in (fold.train, fold.test))))
    else:
        buckets = [set(part.buckets or ()) for part in whole]
        assert [len(found) for found in buckets] == [70, 10, 20]
        assert set.union(*buckets) == EVERYONE
        for fold in inner:
            one, other = set(fold.train.buckets or ()), set(fold.test.buckets or ())
            assert one
            assert other
            assert not one & other
            assert one | other == buckets[0]


@given(_cases())
def test_only_a_date_whose_window_reaches_the_next_part_is_left_out(case: Case) -> None:
    dates, horizon, by = case
    split = assign_or_none(dates, horizon, by)
    if split is not None:
        nexts = (split.calibration.dates[0], split.test.dates[0])
        assert all(any(d < n and touches(d, n, horizon) for n in nexts) for d in split.left_out)


@given(_cases())
def test_a_split_is_refused_only_where_no_choice_of_dates_would_do(case: Case) -> None:
    dates, horizon, by = case
    if assign_or_none(dates, horizon, by) is None:
        ordered = sorted(dates)
        test = ordered[-by.test_dates :]
        ready = [d for d in ordered if len(test) == by.test_dates and not touches(d, test[0], horizon)]
        candidates = ready[-by.calibration_dates :] if len(ready) >= by.calibration_dates else []
        train = [d for d in ready if candidates and not touches(d, candidates[0], horizon)]
        if by.validation_dates:
            chosen = train[-by.validation_dates :] if len(train) >= by.validation_dates else []
            train = [d for d in train if chosen and not touches(d, chosen[0], horizon)]
        assert not train


def test_a_window_that_ends_the_day_before_the_next_part_is_no_overlap() -> None:
    split = plan().assign(days(0, 30, 60), horizon_days=30)
    parts = (split.train.dates, split.calibration.dates, split.test.dates)
    assert parts == tuple((day,) for day in days(0, 30, 60))


def test_one_day_less_is_an_overlap() -> None:
    told = r"3 dates from 2024-01-01 to 2024-02-29.*\n.*at least 3 dates over at least 60 days"
    with pytest.raises(DataError, match=told):
        plan().assign(days(0, 30, 59), horizon_days=30)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 3), st.integers(1, 9))
def test_the_span_that_the_error_names_is_enough_and_one_day_less_is_not(
    cal: int, test: int, valid: int, horizon: int
) -> None:
    parts = 3 if valid else 2
    span = parts * horizon + cal + test + valid - parts
    by = plan(cal, test, validation_dates=valid)
    assert by.assign(days(*range(span + 1)), horizon_days=horizon).train.dates[0] == START
    with pytest.raises(DataError, match=f"at least {cal + test + valid + 1} dates.*at least {span} days"):
        by.assign(days(*range(span)), horizon_days=horizon)


def test_too_few_dates_for_a_validation_are_told_how_to_do_without() -> None:
    with pytest.raises(DataError, match=r"set split\.validation_dates=0 and model\.num_iterations"):
        plan(validation_dates=1).assign(days(0, 30, 60), horizon_days=30)


def test_no_dates_at_all_are_refused_in_words() -> None:
    with pytest.raises(DataError, match="no dates cannot give"):
        plan().assign([], horizon_days=30)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: plan(0, 1),
        lambda: plan(1, 0),
        lambda: plan(-1, 1),
        lambda: plan(validation_dates=-1),
        lambda: plan(folds=-1),
        lambda: plan(folds=1, shares=SHARES),
        lambda: plan(validation_dates=1, shares=Shares(validation=0, calibration=10, test=10)),
        lambda: Shares(validation=0, calibration=0, test=10),
        lambda: Shares(validation=0, calibration=10, test=0),
        lambda: Shares(validation=-1, calibration=10, test=10),
        lambda: Shares(validation=50, calibration=25, test=25),
        lambda: ByHash(kind="by_hash", shares=SHARES, folds=1),
        lambda: ByHash(kind="by_hash", shares=SHARES, folds=-1),
        lambda: ByHash(kind="by_hash", shares=SHARES, folds=71),
    ],
)
def test_a_part_that_would_hold_nobody_cannot_be_asked_for(wrong: Callable[[], Any]) -> None:
    with pytest.raises(SettingsError, match="split"):
        wrong()


@given(st.integers(0, 20), st.integers(1, 20), st.integers(1, 20), st.sampled_from([0, 2, 5, 40]))
def test_by_hash_every_customer_is_in_one_part_on_all_dates(valid: int, cal: int, test: int, folds: int) -> None:
    by = ByHash(kind="by_hash", shares=Shares(validation=valid, calibration=cal, test=test), folds=folds)
    split = by.assign(days(3, 0), horizon_days=90)
    whole = (split.train, split.calibration, split.test)
    assert all(part.dates == tuple(days(0, 3)) for part in whole)
    found = [set(part.buckets or ()) for part in whole]
    assert [len(part) for part in found] == [100 - cal - test, cal, test]
    assert set.union(*found) == EVERYONE
    assert len(split.folds) == folds
    tested = [bucket for fold in split.folds for bucket in fold.test.buckets or ()]
    assert sorted(tested) == (sorted(found[0]) if folds else [])
    for fold in (*split.folds, *([split.validation] if split.validation else [])):
        assert set(fold.train.buckets or ()) == found[0] - set(fold.test.buckets or ())
    assert (split.validation is None) is (valid == 0)


def test_by_hash_without_a_date_is_refused() -> None:
    with pytest.raises(DataError, match="no dates"):
        ByHash(kind="by_hash", shares=SHARES, folds=2).assign([], horizon_days=1)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (Part(dates=(START,)), Part(dates=tuple(days(30))), False),
        (Part(dates=(START,)), Part(dates=tuple(days(29))), True),
        (Part(dates=tuple(days(29))), Part(dates=(START,)), True),
        (Part(dates=(START,), buckets=(1, 2)), Part(dates=(START,), buckets=(3,)), False),
        (Part(dates=(START,), buckets=(1, 2)), Part(dates=(START,), buckets=(2, 3)), True),
        (Part(dates=(START,)), Part(dates=(START,), buckets=(3,)), True),
    ],
)
def test_parts_overlap_where_a_label_window_and_a_customer_are_shared(one: Part, other: Part, overlap: bool) -> None:
    assert one.overlaps(other, horizon_days=30) is overlap


@given(_cases())
def test_parts_come_back_from_their_json_as_they_were(case: Case) -> None:
    split = assign_or_none(*case)
    if split is not None:
        fields = split.to_json()
        parts = (split.train, split.calibration, split.test)
        assert tuple(Part.from_json(fields[name]) for name in ("train", "calibration", "test")) == parts
