"""How are many values counted at once?

Each value is found in the frozen grid by halves without a branch, and its mantissa is added, as two integers, to those
of its own exponent: no rounding, no order, and no carry before 2^36 values. Compiled by Numba, which of this room this
file alone knows; without it `bins.py` finds the same counts by sorting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import binding
from numba import njit

Values = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

_ROWS = 1_024
"""Rows that are looked up together: their places stay in the processor's cache."""
_MANTISSA, _EXPONENT, _HALF = 52, 2_047, 26

_READY: list[Callable[..., None]] = []


def prepare(*, folder: Path) -> bool:
    """Makes `ready` ready, once a process; returns whether it had to be compiled, in seconds.

    The code is kept in `folder` (in `NUMBA_CACHE_DIR`, where that is set) by processor, version of Numba and source.
    """
    if _READY:
        return False
    given = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(Path(given or folder) / _version())
    try:
        compiled = njit(nogil=True, cache=True)(count)
    finally:
        numba.config.CACHE_DIR = given
    none = np.empty(0)
    compiled(none, np.full(1, np.nan), 0, np.zeros(2, np.int64), np.zeros((2, _EXPONENT + 1), np.int64), np.zeros(2))
    _READY.append(compiled)
    return not compiled.stats.cache_hits


def _version() -> str:
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return f"churn-drift-{numba.__version__}-{binding.get_host_cpu_name()}-{source[:16]}"


def ready() -> Callable[..., None]:
    """Returns `count`, compiled for this machine, after `prepare`."""
    return _READY[0]


def count(values: Values, grid: Values, steps: int, cells: Index, halves: Index, ends: Values) -> None:
    """Adds values (NaN is null) to `cells`, `halves` and `ends`.

    `grid` ascends, and is NaN from its end on up to 2^`steps` points; `cells` are null, below the first point, at it,
    … as in `NumberBins`. `halves` (2, 2048) hold the upper and lower 26 bits of the mantissas by exponent, `ends` the
    least and the greatest value.
    """
    place, number = np.empty(_ROWS, np.uint64), np.empty(_ROWS)
    for start in range(0, len(values), _ROWS):
        size = min(_ROWS, len(values) - start)
        for row in range(size):
            number[row] = values[start + row]
        _search(number, size, grid, steps, place)
        _fill(number, size, grid, place, cells)
    _extend(values, ends)
    _add(values.view(np.int64), halves)


@njit
def _search(number: Values, size: int, grid: Values, steps: int, place: npt.NDArray[np.uint64]) -> None:
    """Writes by row how many points of the grid lie below its number; what is compared with NaN is not below."""
    for row in range(size):
        place[row] = 0
    half = np.uint64(1) << np.uint64(steps)
    for _ in range(steps):
        half >>= np.uint64(1)
        for row in range(size):
            low = place[row]
            place[row] = low + half if grid[low + half - np.uint64(1)] < number[row] else low


@njit
def _fill(number: Values, size: int, grid: Values, place: npt.NDArray[np.uint64], cells: Index) -> None:
    for row in range(size):
        at_point = np.uint64(grid[place[row]] == number[row])
        cell = np.uint64(2) * place[row] + at_point + np.uint64(1)
        cells[np.uint64(0) if np.isnan(number[row]) else cell] += 1


@njit
def _extend(values: Values, ends: Values) -> None:
    least, greatest = ends[0], ends[1]
    for row in range(len(values)):
        least = values[row] if values[row] < least else least
        greatest = values[row] if values[row] > greatest else greatest
    ends[0], ends[1] = least, greatest


@njit
def _add(bits: Index, halves: Index) -> None:
    """Adds each mantissa, with its sign, to those of its exponent; infinities and NaN to one that nobody reads."""
    for row in range(len(bits)):
        exponent = (bits[row] >> _MANTISSA) & _EXPONENT
        hidden = min(exponent, 1) << _MANTISSA
        sign = bits[row] >> 63
        mantissa = (((bits[row] & ((1 << _MANTISSA) - 1)) | hidden) ^ sign) - sign
        halves[0, exponent] += mantissa >> _HALF
        halves[1, exponent] += mantissa & ((1 << _HALF) - 1)
