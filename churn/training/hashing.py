"""Which bucket does a customer fall into?

A fixed hash of the key alone: the same customer falls into the same bucket tomorrow, on another machine and in another
version of any library, so that a part of a split never changes under a champion.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]


def buckets(keys: npt.NDArray[Any], count: int) -> Ints:
    """Returns for each integer key a bucket from 0 to `count` - 1, as if drawn by lot.

    Source: the mixing function of SplitMix64 (Steele, Lea and Flood 2014).

    >>> buckets(np.array([1, 2, 3, 1]), 100).tolist()
    [65, 10, 53, 65]
    """
    z = keys.astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z % np.uint64(count)).astype(np.int64)
