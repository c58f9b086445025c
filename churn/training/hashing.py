"""Which part does a key belong to?

The same one on every machine and in every year: a split must not move because Python, NumPy or the order of the rows
did. So the hash is spelled out here, in integers.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15


def buckets(keys: npt.NDArray[np.integer[Any]], count: int, *, draw: int = 0) -> Ints:
    """Returns the bucket of each key, 0 to `count` - 1, one per row: equal keys fall into the same one.

    It is output number `draw` of splitmix64 seeded with the key (its 64 bits, so a negative one will do), modulo
    `count`. Where rows were split by one draw, split a part again by another: under the same draw the parts of a part
    are lopsided.

    Raises:
        TypeError: for keys that are no integers; they would be cut to some.

    Source: Steele, Lea & Flood 2014 (OOPSLA), with the constants of Vigna's splitmix64.c.

    >>> buckets(np.array([7, 8, 9, 7]), 10).tolist()
    [7, 2, 8, 7]
    """
    if not np.issubdtype(keys.dtype, np.integer):
        raise TypeError(f"keys are {keys.dtype}, expected integers")
    return (_splitmix64(keys.astype(np.uint64), draw) % np.uint64(count)).astype(np.int64)


def _splitmix64(seeds: npt.NDArray[np.uint64], draw: int) -> npt.NDArray[np.uint64]:
    mixed = seeds + np.uint64((draw + 1) * _GOLDEN_GAMMA % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
