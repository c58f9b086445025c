"""How do reading, working and writing go on at the same time, in bounded memory?

One thread reads ahead and one writes behind, each by a set number of items; the libraries that they call let go of
Python's lock, so that a thread each is enough. An error of either reaches the caller as its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar, cast

T = TypeVar("T")


def ahead(items: Iterable[T], *, by: int = 1) -> Iterator[T]:
    """Yields the items in order; while one is worked on, the next `by` are made in a thread.

    >>> list(ahead(range(4), by=2))
    [0, 1, 2, 3]
    """
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, source, end) for _ in range(by))
        while (item := coming.popleft().result()) is not end:
            coming.append(thread.submit(next, source, end))
            yield cast("T", item)


@contextmanager
def behind(work: Callable[[T], object], *, by: int = 1) -> Iterator[Callable[[T], None]]:
    """Yields a function that hands an item over to `work`, which a thread does in order, at most `by` items behind.

    The body's end waits for all of it.

    >>> done: list[int] = []
    >>> with behind(done.append) as hand_over:
    ...     hand_over(1)
    ...     hand_over(2)
    >>> done
    [1, 2]
    """
    pending: deque[Future[object]] = deque()

    def hand_over(item: T) -> None:
        while len(pending) >= by:
            pending.popleft().result()
        pending.append(thread.submit(work, item))

    with ThreadPoolExecutor(1) as thread:
        yield hand_over
        while pending:
            pending.popleft().result()
