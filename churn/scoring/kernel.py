"""How do many rows walk all trees at once?

As `planes.py` lays them out, compiled by Numba, which this file and `vectors.py` alone know. Leaves are added tree by
tree, as LightGBM adds them, so that the sums are the same to the bit. Signatures name Python's types for Numba's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import binding
from numba import njit

from churn.scoring.forest import MAX_LEAVES, MISSING_NONE, MISSING_ZERO
from churn.scoring.planes import DIGITS, Categories, Layout, Numbers, Trees
from churn.scoring.vectors import WORDS, answer, send, spell, unite
from churn.training.encoding import Floats

ROWS = 64 * WORDS
"""Rows that walk together: what they need stays in the processor's cache."""
TOGETHER = 8
"""Trees whose leaves are found before their values are added."""
_ZERO = float(np.float32(1e-35))
"""LightGBM reads a number no further from 0 than this as 0."""


class Buffers(NamedTuple):
    """What one thread writes to on its way: planes of answers, codes, places and digits; a byte or number a row."""

    answers: npt.NDArray[np.uint64]
    asked: npt.NDArray[np.uint64]
    reach: npt.NDArray[np.uint64]
    digits: npt.NDArray[np.uint64]
    leaf: npt.NDArray[np.uint8]
    small: npt.NDArray[np.int8]
    number: Floats
    code: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, layout: Layout) -> Buffers:
        """Returns buffers for a layout: all rows come to the first place, and nothing is asked before a column is."""
        counts = (layout.planes, layout.codes, 2 * MAX_LEAVES, DIGITS)
        answers, asked, reach, digits = (np.zeros(count * WORDS, dtype=np.uint64) for count in counts)
        reach[:WORDS] = ~np.uint64(0)
        leaf = np.zeros(TOGETHER * ROWS, dtype=np.uint8)
        small, code = np.zeros(ROWS, dtype=np.int8), np.zeros(ROWS, dtype=np.uint64)
        return cls(answers, asked, reach, digits, leaf, small, np.zeros(ROWS), code)


_READY: list[Callable[..., None]] = []


def prepare(layout: Layout, *, folder: Path) -> bool:
    """Makes `ready` ready, once a process, whatever `layout`; returns whether it had to be compiled, in seconds.

    The code is kept in `folder` (in `NUMBA_CACHE_DIR`, where that is set) by processor, version of Numba and source;
    processes may do so at once. Where the folder cannot be written, Numba looks for a place of its own.
    """
    if _READY:
        return False
    given = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(Path(given or folder) / _version())
    try:
        compiled = njit(nogil=True, cache=True)(walk)
    finally:
        numba.config.CACHE_DIR = given
    none = np.empty(0)
    compiled(none.reshape(1, 0), 0, 0, layout.numbers, layout.categories, layout.trees, Buffers.of(layout), none)
    _READY.append(compiled)
    return not compiled.stats.cache_hits


def _version() -> str:
    # Numba itself looks at the file of the function alone, and not at what that calls
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return f"churn-{numba.__version__}-{binding.get_host_cpu_name()}-{hashlib.sha256(sources).hexdigest()[:16]}"


def ready() -> Callable[..., None]:
    """Returns `walk`, compiled for this machine, after `prepare`."""
    return _READY[0]


def walk(
    columns: Floats,
    first: int,
    last: int,
    numbers: Numbers,
    categories: Categories,
    trees: Trees,
    buffers: Buffers,
    scores: Floats,
) -> None:
    """Writes the raw scores of rows `first` to `last` of `columns` (features, rows) to their places in `scores`."""
    for start in range(first, last, ROWS):
        stop = min(start + ROWS, last)
        for column in range(len(numbers.feature)):
            _code_numbers(columns, start, stop, column, numbers, buffers)
            _answer_numbers(column, numbers, buffers)
        for column in range(len(categories.feature)):
            _code_levels(columns, start, stop, column, categories, buffers)
            _scatter(buffers)
            _answer_levels(column, categories, buffers)
        _walk_trees(trees, buffers)
        for row in range(stop - start):
            scores[start + row] = buffers.number[row]


@njit
def _code_numbers(columns: Floats, start: int, stop: int, place: int, numbers: Numbers, buffers: Buffers) -> None:
    """Writes by row how many thresholds its number exceeds, less 128; 127 where it is missing."""
    column, number, code = columns[numbers.feature[place], start:stop], buffers.number, buffers.code
    for row in range(len(column)):
        number[row] = column[row] if abs(column[row]) > _ZERO else 0.0
    if numbers.limit[place] and _are_whole(number):
        first, limit = np.uint64(numbers.table_first[place]), float(numbers.limit[place])
        for row in range(len(code)):
            code[row] = numbers.table[first + np.uint64(np.int32(min(number[row], limit)))]
    else:
        _search(place, numbers, buffers)
    for row in range(len(code)):
        buffers.small[row] = np.int64(code[row]) - 128
    if numbers.missing[place] != MISSING_NONE:
        _code_missing(column, numbers.missing[place], buffers)


@njit
def _are_whole(number: Floats) -> bool:
    """Returns whether all are whole numbers from 0 on."""
    others = 0
    for row in range(len(number)):
        others += (number[row] != np.floor(number[row])) | (number[row] < 0.0)
    return others == 0


@njit
def _search(place: int, numbers: Numbers, buffers: Buffers) -> None:
    """Writes by row how many thresholds its number exceeds, by halves without a branch."""
    number, code, thresholds = buffers.number, buffers.code, numbers.thresholds
    for row in range(len(code)):
        code[row] = 0
    half = np.uint64(1) << np.uint64(numbers.steps[place])
    for _ in range(numbers.steps[place]):
        half >>= np.uint64(1)
        middle = np.uint64(numbers.first[place]) + half - np.uint64(1)
        for row in range(len(code)):
            low = code[row]
            code[row] = low + half if thresholds[middle + low] < number[row] else low


@njit
def _code_missing(column: Floats, missing: int, buffers: Buffers) -> None:
    is_zero_missing = missing == MISSING_ZERO
    for row in range(len(column)):
        if np.isnan(column[row]) or (is_zero_missing and abs(column[row]) <= _ZERO):
            buffers.small[row] = 127


@njit
def _answer_numbers(place: int, numbers: Numbers, buffers: Buffers) -> None:
    """Answers `number <= threshold` for all thresholds of a column, from the lowest."""
    if numbers.right[place] >= 0:
        answer(buffers.small, 0, numbers.size[place], buffers.answers, numbers.right[place])
    if numbers.left[place] >= 0:
        answer(buffers.small, 1, numbers.size[place], buffers.answers, numbers.left[place])


@njit
def _code_levels(columns: Floats, start: int, stop: int, place: int, categories: Categories, buffers: Buffers) -> None:
    """Writes by row the code of its level; what is no level, or one that no node asks for, has the last."""
    column, limit = columns[categories.feature[place], start:stop], categories.limit[place]
    first = np.uint64(categories.table_first[place])
    for row in range(len(buffers.code)):
        buffers.code[row] = categories.size[place]
    for row in range(len(column)):
        if -1.0 < column[row] < limit:
            buffers.code[row] = categories.table[first + np.uint64(np.int32(max(column[row], 0.0)))]


@njit
def _scatter(buffers: Buffers) -> None:
    """Sets the bit of each row in the plane of its code."""
    code, asked, one, words = buffers.code, buffers.asked, np.uint64(1), np.uint64(WORDS)
    for row in range(len(code)):
        asked[code[row] * words + np.uint64(row >> 6)] |= one << np.uint64(row & 63)


@njit
def _clear(planes: int, asked: npt.NDArray[np.uint64]) -> None:
    for word in range(planes * WORDS):
        asked[word] = 0


@njit
def _answer_levels(place: int, categories: Categories, buffers: Buffers) -> None:
    """Answers `level in set` for all sets of a column, and clears what was asked."""
    first, asked, answers = categories.member_first, buffers.asked, buffers.answers
    for each in range(categories.set_first[place], categories.set_first[place + 1]):
        unite(asked, categories.members, first[each], first[each + 1], answers, categories.plane[each])
    _clear(categories.size[place] + 1, asked)


@njit
def _walk_trees(trees: Trees, buffers: Buffers) -> None:
    """Adds up the leaves of all trees for the rows at hand."""
    count = len(trees.node) - 1
    for row in range(len(buffers.code)):
        buffers.number[row] = 0.0
    for first in range(0, count, TOGETHER):
        last = min(first + TOGETHER, count)
        for tree in range(first, last):
            _find_leaves(tree, trees, buffers, (tree - first) * ROWS)
        if last - first == TOGETHER:
            _add_eight(first, trees, buffers)
        else:
            for tree in range(first, last):
                _add_one(tree, trees, buffers, (tree - first) * ROWS)


@njit
def _find_leaves(tree: int, trees: Trees, buffers: Buffers, at: int) -> None:
    """Writes by row the number of its leaf, counted from left to right, from `at` on."""
    first, last, bound = trees.node[tree], trees.node[tree + 1], tree * (DIGITS + 1)
    send(buffers.reach, buffers.answers, trees.plane, trees.left, trees.right, first, last)
    count = 0
    while last - first >> count:
        begin, end = trees.bounds[bound + count], trees.bounds[bound + count + 1]
        unite(buffers.reach, trees.members, begin, end, buffers.digits, count)
        count += 1
    for word in range(len(buffers.code) >> 6):
        spell(buffers.digits, count, word, buffers.leaf, at + 64 * word)


@njit
def _add_one(tree: int, trees: Trees, buffers: Buffers, at: int) -> None:
    first, leaf = np.uint64(trees.leaf[tree]), buffers.leaf[at : at + ROWS]
    for row in range(len(leaf)):
        buffers.number[row] += trees.value[first + np.uint64(leaf[row])]


@njit
def _add_eight(tree: int, trees: Trees, buffers: Buffers) -> None:
    """Adds the leaves of `TOGETHER` trees, in their order, with the sum held in a register."""
    place, value, leaf = np.uint64, trees.value, buffers.leaf
    first = trees.leaf[tree : tree + TOGETHER]
    a, b, c, d = place(first[0]), place(first[1]), place(first[2]), place(first[3])
    e, f, g, h = place(first[4]), place(first[5]), place(first[6]), place(first[7])
    for row in range(len(buffers.code)):
        total = buffers.number[row] + value[a + place(leaf[row])]
        total += value[b + place(leaf[ROWS + row])]
        total += value[c + place(leaf[2 * ROWS + row])]
        total += value[d + place(leaf[3 * ROWS + row])]
        total += value[e + place(leaf[4 * ROWS + row])]
        total += value[f + place(leaf[5 * ROWS + row])]
        total += value[g + place(leaf[6 * ROWS + row])]
        buffers.number[row] = total + value[h + place(leaf[7 * ROWS + row])]
