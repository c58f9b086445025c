"""Working in several threads changes no order, hides no error, and holds no more than was asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from churn.stores.overlap import across


def test_results_come_in_the_order_of_their_items_whichever_is_done_first() -> None:
    first_may_end = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(10)
        elif number == 1:
            first_may_end.set()  # the second ends before the first
        return number

    assert list(across(work, range(20), threads=2)) == list(range(20))


def test_no_more_items_are_read_ahead_than_twice_the_threads() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    coming = across(lambda number: number, items(), threads=2)
    assert next(coming) == 0
    assert read == [0, 1, 2, 3, 4]
    assert next(coming) == 1
    assert read == [0, 1, 2, 3, 4, 5]


def test_an_error_while_reading_or_working_ends_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("no space left")

    def fail(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(OSError, match="no space left"):
        list(across(lambda number: number, items(), threads=2))
    done: list[int] = []
    with pytest.raises(ValueError, match="three"):
        done.extend(across(fail, range(10), threads=2))
    assert done == [0, 1, 2]


def test_nothing_to_work_on_gives_nothing() -> None:
    assert list(across(lambda number: number, iter(()), threads=3)) == []
