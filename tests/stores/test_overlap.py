"""Reading ahead and writing behind change no order, hide no error, and hold no more than was asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from churn.stores.overlap import ahead, behind


def test_no_more_than_the_next_items_are_made_before_they_are_asked_for() -> None:
    made: list[int] = []
    second = threading.Event()

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    coming = ahead(items(), by=1)
    assert next(coming) == 0
    assert second.wait(10)  # the next one is made while nobody asks
    assert made == [0, 1]
    assert list(coming) == list(range(1, 10))


def test_an_error_while_reading_comes_after_what_was_read_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("no space left")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(OSError, match="no space left"):
        next(coming)


def test_an_error_while_writing_ends_the_body_or_the_block() -> None:
    def full(_: int) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"), behind(full) as write:
        write(1)
    handed: list[int] = []
    with pytest.raises(OSError, match="no space left"), behind(full) as write:
        handed.extend(number for number in range(5) if write(number) is None)
    assert len(handed) <= 1


def test_items_are_written_in_order_and_whole_before_the_block_ends() -> None:
    written: list[int] = []
    with behind(written.append, by=3) as write:
        for number in range(100):
            write(number)
    assert written == list(range(100))


def test_what_is_written_behind_is_never_more_than_was_asked_for() -> None:
    gate, waiting, most = threading.Semaphore(0), [0], [0]

    def slow(_: int) -> None:
        gate.acquire()
        waiting[0] -= 1

    with behind(slow, by=2) as write:
        for number in range(6):
            if number >= 2:
                gate.release()
            write(number)
            waiting[0] += 1
            most[0] = max(most[0], waiting[0])
        for _ in range(6):
            gate.release()
    assert most[0] <= 3
