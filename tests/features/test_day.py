"""Which raw days are refused, each limit from both of its sides; every figure is worked by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from churn.errors import SettingsError
from churn.features.day import IntakeLimits, Tally, day_faults
from churn.features.raw import Column, RawTable

FEED = RawTable(
    name="feed",
    day="date",
    columns=(Column(name="customer_id", dtype="integer"), Column(name="plan", dtype="text")),
    key=("customer_id", "plan"),
    daily=True,
)
NEWS = RawTable(name="news", day="date", columns=())
LIMITS = IntakeLimits(quarantine_share=0.01, quarantine_rows=10, fewest_rows_share=0.5, accept={})


def good(rows: int, *, rows_hash: int = 1) -> Tally:
    return Tally(read=rows, kept=rows, rows_hash=rows_hash)


def with_broken(rows: int, broken: int) -> Tally:
    return Tally(read=rows, kept=rows - broken, broken={"cents: null": broken}, rows_hash=1)


def history(*rows: int) -> list[Tally]:
    """Returns a tally a day before, the newest last, no two of the same rows."""
    return [good(count, rows_hash=number) for number, count in enumerate(rows, start=2)]


def faults(
    tally: Tally, *, before: Sequence[Tally] = (), table: RawTable = FEED, limits: IntakeLimits = LIMITS
) -> tuple[str, ...]:
    days: list[Mapping[str, Tally]] = [{table.name: day} for day in before]
    return day_faults([table], {table.name: tally}, before=days, limits=limits)


def test_a_day_as_the_days_before_may_be_read() -> None:
    assert faults(good(1000), before=history(990, 1010, 1000)) == ()


def test_a_day_without_any_table_may_be_read() -> None:
    assert day_faults([], {}, before=[], limits=LIMITS) == ()


# ---------------------------------------------------------------------------------------------------------------------
# Keys


@pytest.mark.parametrize("table", [FEED, NEWS])
def test_a_key_that_stands_twice_is_told_with_its_columns_and_a_count(table: RawTable) -> None:
    tally = Tally(read=100, kept=100, twice=1_002)
    told = f"{table.name}: the key {', '.join(table.key)} stands there more than once, n = 1,002"
    assert faults(tally, table=table) == (told,)


# ---------------------------------------------------------------------------------------------------------------------
# Rows that break a rule


@pytest.mark.parametrize(
    ("read", "broken", "refused"),
    [
        (2, 1, False),  # one row is one row
        (14, 10, True),  # ten rows are few, but not of 14
        (19, 2, True),
        (20, 2, False),  # up to a tenth of the rows
        (99, 10, True),
        (100, 10, False),
        (110, 11, True),
        (1_000, 10, False),  # both limits at once
        (1_000, 11, True),
        (5_000, 50, False),  # the share takes over where it is more rows
        (5_000, 51, True),
        (1_099, 11, True),  # 10.99 rows are the limit
        (1_100, 11, False),
        (5_000, 0, False),
    ],
)
@pytest.mark.parametrize("table", [FEED, NEWS])
def test_broken_rows_stop_the_night_above_the_share_unless_they_are_few(
    table: RawTable, read: int, broken: int, refused: bool
) -> None:
    assert bool(faults(with_broken(read, broken), table=table)) is refused


@pytest.mark.parametrize(("broken", "refused"), [(0, False), (1, True)])
def test_limits_of_nothing_let_no_broken_row_pass(broken: int, refused: bool) -> None:
    none = IntakeLimits(quarantine_share=0, quarantine_rows=0, fewest_rows_share=0, accept={})
    assert bool(faults(with_broken(1_000_000, broken), limits=none)) is refused


def test_a_share_of_all_lets_any_number_of_broken_rows_pass_while_one_row_is_kept() -> None:
    every = IntakeLimits(quarantine_share=1, quarantine_rows=0, fewest_rows_share=0, accept={})
    assert faults(with_broken(1_000, 999), limits=every) == ()
    assert len(faults(with_broken(1_000, 1_000), limits=every)) == 1


@pytest.mark.parametrize("rows", [1, 3, 10, 1_000])
def test_a_day_of_broken_rows_alone_is_refused_however_few_they_are(rows: int) -> None:
    assert len(faults(with_broken(rows, rows), table=NEWS)) == 1


def test_broken_rows_that_are_the_very_share_pass() -> None:
    limits = IntakeLimits(quarantine_share=0.29, quarantine_rows=0, fewest_rows_share=0, accept={})
    assert faults(with_broken(100, 29), limits=limits) == ()


def test_broken_rows_are_told_with_counts_limits_and_the_five_worst_rules() -> None:
    rules = {"a": 1_000, "b": 60, "c": 900, "d: null": 800, "e": 700, "f": 600}
    tally = Tally(read=20_000, kept=18_500, broken=rules)
    assert faults(tally) == (
        "feed: 1,500 of 20,000 rows (7.5%) break a rule, limit 1.0%, or 10 rows and 10%: a (1,000 rows), c (900 rows), "
        "d: null (800 rows), e (700 rows), f (600 rows)",
    )


# ---------------------------------------------------------------------------------------------------------------------
# Tables of every day


@pytest.mark.parametrize("usual", [1, 5, 16, 17, 25, 40, 1_000])
def test_the_chance_of_so_few_rows_is_that_of_the_poisson_distribution(usual: int) -> None:
    limits = IntakeLimits(quarantine_share=0, quarantine_rows=0, fewest_rows_share=1, accept={})
    for rows in range(1, usual):
        by_hand = math.fsum(
            math.exp(count * math.log(usual) - usual - math.lgamma(count + 1)) for count in range(rows + 1)
        )
        assert bool(faults(good(rows), before=history(usual), limits=limits)) is (by_hand < 1e-6)


@pytest.mark.parametrize(
    "before", [history(1_000), history(3), history(1_000, 0), history(0, 1_000), history(5, *[0] * 400)]
)
def test_no_row_is_refused_in_a_table_of_every_day_once_it_had_one(before: list[Tally]) -> None:
    assert faults(good(0), before=before) == ("feed: no row, and it brings rows every day",)


@pytest.mark.parametrize("before", [[], history(0), history(0, 0, 0), [with_broken(100, 100)]])
@pytest.mark.parametrize("rows", [0, 1, 1_000])
def test_the_first_days_of_history_may_bring_any_number_of_rows(before: list[Tally], rows: int) -> None:
    assert faults(good(rows), before=before) == ()


@pytest.mark.parametrize(
    ("rows", "before", "refused"),
    [
        (500, history(1_000), False),
        (499, history(1_000), True),
        (1, history(16), False),  # 17 exp(-16) is 1.9e-6: chance brings so few twice in a million days
        (1, history(17), True),  # 18 exp(-17) is 7.5e-7
        (1, history(*[25] * 7), True),
        (50, history(90, 100, 9_000), False),  # the median of 100, whatever the mean
        (49, history(90, 100, 9_000), True),
        (200, history(400, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000), False),  # as on the same weekday
        (199, history(400, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000), True),
        (499, history(4_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000), True),  # a busier weekday asks for no more
        (500, history(4_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000), False),
        (500, history(0, 0, 0, 1_000), False),  # days without rows count in the median, which is 0
        (499, history(0, 1_000, 1_000), True),
    ],
)
def test_far_fewer_rows_than_usual_are_refused(rows: int, before: list[Tally], refused: bool) -> None:
    assert bool(faults(good(rows), before=before)) is refused


def test_fewer_rows_are_told_with_the_usual_number_and_its_days() -> None:
    told = "feed: 499 rows, far fewer than the usual 1,000 of the 3 raw days before (limit 50%)"
    assert faults(good(499), before=history(900, 2_000, 1_000)) == (told,)


def test_only_the_seven_days_before_make_the_median() -> None:
    assert faults(good(50), before=history(*[1_000] * 20, *[100] * 7)) == ()
    assert faults(good(50), before=history(*[200] * 3, *[1_000] * 4))


def test_rows_count_for_the_median_as_they_came_not_as_they_were_kept() -> None:
    before = [replace(with_broken(1_000, 900), rows_hash=2)]
    assert faults(good(499), before=before)
    assert faults(with_broken(500, 4), before=before) == ()


def test_a_share_of_nothing_lets_any_number_of_rows_pass_but_none() -> None:
    anything = IntakeLimits(quarantine_share=0, quarantine_rows=0, fewest_rows_share=0, accept={})
    assert faults(good(1), before=history(1_000), limits=anything) == ()
    assert faults(good(0), before=history(1_000), limits=anything)


def test_rows_that_are_the_very_share_pass() -> None:
    limits = IntakeLimits(quarantine_share=0, quarantine_rows=0, fewest_rows_share=0.55, accept={})
    assert faults(good(55), before=history(100), limits=limits) == ()


@pytest.mark.parametrize(("rows", "refused"), [(10, True), (9, False), (1, False)])
def test_the_same_rows_as_the_day_before_are_refused_where_there_are_enough_to_tell(rows: int, refused: bool) -> None:
    found = faults(good(rows), before=[good(rows)])
    assert found == ((f"feed: the same {rows} rows as on the raw day before",) if refused else ())


def test_only_kept_rows_tell_that_two_days_are_the_same() -> None:
    every = IntakeLimits(quarantine_share=1, quarantine_rows=0, fewest_rows_share=0, accept={})
    assert faults(with_broken(19, 10), before=[good(19)], limits=every) == ()
    told = "feed: the same 10 rows as on the raw day before"
    assert faults(with_broken(20, 10), before=[good(20)], limits=every) == (told,)


def test_the_same_few_rows_as_the_day_before_are_told_once_as_too_few() -> None:
    before = [*history(1_000, 1_000), good(20)]
    assert faults(good(20), before=before) == (
        "feed: 20 rows, far fewer than the usual 1,000 of the 3 raw days before (limit 50%)",
    )


def test_a_day_of_broken_rows_alone_is_not_called_a_day_without_rows() -> None:
    assert [fault[:42] for fault in faults(with_broken(50, 50), before=history(50))] == [
        "feed: 50 of 50 rows (100.0%) break a rule,"
    ]


def test_rows_that_nothing_but_their_day_tells_apart_may_be_read() -> None:
    assert faults(good(100, rows_hash=0), before=[good(100, rows_hash=0)]) == ()


def test_the_same_rows_as_on_an_earlier_day_may_be_read() -> None:
    assert faults(good(100), before=[good(100), good(100, rows_hash=2)]) == ()


@pytest.mark.parametrize("tally", [good(0), good(1), good(1_000)])
def test_a_table_that_is_not_of_every_day_may_bring_any_number_of_rows_or_the_same(tally: Tally) -> None:
    assert faults(tally, before=[good(1_000), good(1_000)], table=NEWS) == ()


# ---------------------------------------------------------------------------------------------------------------------
# Several faults, several tables


def test_every_fault_of_every_table_is_told_in_one_run() -> None:
    feed = Tally(read=100, kept=80, broken={"cents: null": 20}, twice=1)
    news = Tally(read=1, broken={"topic: null": 1})
    before = [{"feed": good(1_000), "news": good(5)}]
    found = day_faults([FEED, NEWS], {"news": news, "feed": feed}, before=before, limits=LIMITS)
    assert [fault[:28] for fault in found] == [
        "feed: the key customer_id, p",
        "feed: 20 of 100 rows (20.0%)",
        "feed: 100 rows, far fewer th",
        "news: 1 of 1 rows (100.0%) b",
    ]


def test_a_table_is_held_against_its_own_days_before() -> None:
    before = [{"feed": good(1_000, rows_hash=2), "other": good(10)}]
    other = RawTable(name="other", day="date", columns=(), daily=True)
    tallies = {"feed": good(1_000), "other": good(10)}
    assert day_faults([FEED, other], tallies, before=before, limits=LIMITS) == (
        "other: the same 10 rows as on the raw day before",
    )


def test_a_table_that_the_days_before_did_not_have_yet_is_at_its_first_day() -> None:
    tallies = {"feed": good(1_000), "news": good(5)}
    assert day_faults([FEED, NEWS], tallies, before=[{"feed": good(990, rows_hash=2)}], limits=LIMITS) == ()


# ---------------------------------------------------------------------------------------------------------------------
# Limits


@pytest.mark.parametrize(("share", "rows", "fewest"), [(0, 0, 0), (1, 10**9, 1), (0.5, 3, 0.25)])
def test_limits_take_shares_from_0_to_1_and_rows_from_0_up(share: float, rows: int, fewest: float) -> None:
    assert (
        IntakeLimits(quarantine_share=share, quarantine_rows=rows, fewest_rows_share=fewest, accept={}).quarantine_rows
        == rows
    )


@pytest.mark.parametrize(
    ("share", "rows", "fewest"),
    [
        (-0.01, 0, 0),
        (1.01, 0, 0),
        (float("nan"), 0, 0),
        (0, 0, -0.01),
        (0, 0, 1.01),
        (0, 0, float("nan")),
        (0, -1, 0),
        (50, 10, 0.5),
    ],
)
def test_other_limits_are_refused_by_name(share: float, rows: int, fewest: float) -> None:
    with pytest.raises(SettingsError) as caught:
        IntakeLimits(quarantine_share=share, quarantine_rows=rows, fewest_rows_share=fewest, accept={})
    assert caught.value.where == "dataset.intake"
    assert "shares from 0 to 1, rows from 0 up" in caught.value.action
