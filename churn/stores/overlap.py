"""How do reading, working and writing go on at the same time, in order and in bounded memory?

The caller's thread reads and writes, and threads of their own do the work between; the libraries that they call let go
of Python's lock. No more items are under way than twice as many as there are threads, and one: what is read ahead
keeps them busy while the caller writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
A = TypeVar("A")


def across(work: Callable[[A], T], items: Iterable[A], *, threads: int) -> Iterator[T]:
    """Yields what `work` makes of each item, in their order; an error of either comes out as it is.

    >>> list(across(lambda number: number**2, range(4), threads=2))
    [0, 1, 4, 9]
    """
    pending: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
