"""How do many rows walk all trees at once?

The one file that knows Numba, and the place to read `planes.py` beside. A few steps need vectors of bits, which no
compiler finds by itself: they are spelled in LLVM's own language. Sums are taken tree by tree, as LightGBM takes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from churn.scoring.forest import MAX_LEAVES, MISSING_NONE, MISSING_ZERO
from churn.scoring.planes import DIGITS, Categories, Layout, Numbers, Trees
from churn.training.encoding import Floats

WORDS = 8
ROWS = 64 * WORDS
"""Rows that walk together: what they need stays in the processor's cache."""
TOGETHER = 8
"""Trees whose leaves are found before their values are added."""
_ZERO = float(np.float32(1e-35))
"""LightGBM reads a number no further from 0 than this as 0."""

_BYTE, _SMALL, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_PLANE = ir.VectorType(_WORD, WORDS)
_ROWS_OF_WORD = ir.VectorType(_BYTE, 64)


class Buffers(NamedTuple):
    """What one thread writes to on its way: planes of answers, codes, places and digits; a byte or number a row."""

    answers: npt.NDArray[np.uint64]
    asked: npt.NDArray[np.uint64]
    reach: npt.NDArray[np.uint64]
    digits: npt.NDArray[np.uint64]
    leaf: npt.NDArray[np.uint8]
    number: Floats
    code: npt.NDArray[np.int64]

    @classmethod
    def of(cls, layout: Layout) -> Buffers:
        """Returns buffers for a layout; `asked` is 0 wherever no column is being asked."""
        counts = (layout.planes, layout.codes, 2 * MAX_LEAVES, DIGITS)
        planes = (np.zeros(count * WORDS, dtype=np.uint64) for count in counts)
        leaf = np.zeros(TOGETHER * ROWS, dtype=np.uint8)
        return cls(*planes, leaf, np.zeros(ROWS), np.zeros(ROWS, dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The compiled walk; `is_new` where no earlier run had left its code in the folder."""

    walk: Callable[..., None]
    is_new: bool


@cache
def load(folder: Path) -> Kernel:
    """Returns the walk, compiled for this machine, its code kept in `folder` by processor, Numba's version and source.

    Compiled in seconds where it is not there yet; processes may do so at once. `NUMBA_CACHE_DIR` goes before `folder`.
    """
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    given = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(
        Path(given or folder) / f"churn-{numba.__version__}-{binding.get_host_cpu_name()}-{source}"
    )
    try:
        compiled = njit(nogil=True, cache=True)(walk)
    finally:
        numba.config.CACHE_DIR = given
    _warm(compiled)
    return Kernel(walk=compiled, is_new=not compiled.stats.cache_hits)


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
            _scatter(buffers)
            _answer_numbers(column, numbers, buffers)
        for column in range(len(categories.feature)):
            _code_levels(columns, start, stop, column, categories, buffers)
            _scatter(buffers)
            _answer_levels(column, categories, buffers)
        _walk_trees(trees, buffers)
        for row in range(stop - start):
            scores[start + row] = buffers.number[row]


@njit
def _code_numbers(columns, start, stop, place, numbers, buffers):
    """Writes by row how many thresholds its number exceeds; `count` + 1 where it is missing."""
    feature, missing, count = numbers.feature[place], numbers.missing[place], numbers.count[place]
    number, code, thresholds = buffers.number, buffers.code, numbers.thresholds
    for row in range(ROWS):
        code[row] = 0
    for row in range(stop - start):
        found = columns[feature, start + row]
        number[row] = found if abs(found) > _ZERO else 0.0
    half = 1 << numbers.steps[place]
    for _ in range(numbers.steps[place]):
        half >>= 1
        middle = numbers.first[place] + half - 1
        for row in range(ROWS):
            low = code[row]
            code[row] = low + half if thresholds[middle + low] < number[row] else low
    if missing != MISSING_NONE:
        for row in range(stop - start):
            found = columns[feature, start + row]
            if found != found or (missing == MISSING_ZERO and abs(found) <= _ZERO):
                code[row] = count + 1


@njit
def _code_levels(columns, start, stop, place, categories, buffers):
    """Writes by row the code of its level; what is no level, or one that no node asks for, has the last."""
    feature, limit, first = categories.feature[place], categories.limit[place], categories.table_first[place]
    for row in range(ROWS):
        buffers.code[row] = categories.count[place]
    for row in range(stop - start):
        level = columns[feature, start + row]
        if -1.0 < level < limit:
            buffers.code[row] = categories.table[first + int(level)]


@njit
def _scatter(buffers):
    """Sets the bit of each row in the plane of its code."""
    for word in range(WORDS):
        for bit in range(64):
            buffers.asked[buffers.code[64 * word + bit] * WORDS + word] |= np.uint64(1) << np.uint64(bit)


@njit
def _answer_numbers(place, numbers, buffers):
    """Answers `number <= threshold` for all thresholds of a column, from the lowest, and clears what was asked."""
    count, right, left = numbers.count[place], numbers.right[place], numbers.left[place]
    asked, answers = buffers.asked, buffers.answers
    for word in range(WORDS):
        some, missing = np.uint64(0), asked[(count + 1) * WORDS + word]
        for code in range(count + 2):
            some |= asked[code * WORDS + word]
            asked[code * WORDS + word] = 0
            if right >= 0 and code < count:
                answers[(right + code) * WORDS + word] = some
            if left >= 0 and code < count:
                answers[(left + code) * WORDS + word] = some | missing


@njit
def _answer_levels(place, categories, buffers):
    """Answers `level in set` for all sets of a column, and clears what was asked."""
    first, asked, answers = categories.member_first, buffers.asked, buffers.answers
    for each in range(categories.set_first[place], categories.set_first[place + 1]):
        _unite(asked, categories.members, first[each], first[each + 1], answers, categories.plane[each])
    for word in range((categories.count[place] + 1) * WORDS):
        asked[word] = 0


@njit
def _walk_trees(trees, buffers):
    """Adds up the leaves of all trees for the rows at hand."""
    count = len(trees.node) - 1
    for row in range(ROWS):
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
def _find_leaves(tree, trees, buffers, at):
    """Writes by row the number of its leaf, counted from left to right, from `at` on."""
    first, last, bound = trees.node[tree], trees.node[tree + 1], tree * (DIGITS + 1)
    for word in range(WORDS):
        buffers.reach[word] = ~np.uint64(0)
    _send(buffers.reach, buffers.answers, trees.plane, trees.left, trees.right, first, last)
    count = 0
    while last - first >> count:
        begin, end = trees.bounds[bound + count], trees.bounds[bound + count + 1]
        _unite(buffers.reach, trees.members, begin, end, buffers.digits, count)
        count += 1
    for word in range(WORDS):
        _spell(buffers.digits, count, word, buffers.leaf, at + 64 * word)


@njit
def _add_one(tree, trees, buffers, at):
    for row in range(ROWS):
        buffers.number[row] += trees.value[trees.leaf[tree] + buffers.leaf[at + row]]


@njit
def _add_eight(tree, trees, buffers):
    """Adds the leaves of `TOGETHER` trees, in their order, with the sum held in a register."""
    first, value, leaf = trees.leaf, trees.value, buffers.leaf
    a, b, c, d = first[tree], first[tree + 1], first[tree + 2], first[tree + 3]
    e, f, g, h = first[tree + 4], first[tree + 5], first[tree + 6], first[tree + 7]
    for row in range(ROWS):
        total = buffers.number[row] + value[a + leaf[row]]
        total += value[b + leaf[ROWS + row]]
        total += value[c + leaf[2 * ROWS + row]]
        total += value[d + leaf[3 * ROWS + row]]
        total += value[e + leaf[4 * ROWS + row]]
        total += value[f + leaf[5 * ROWS + row]]
        total += value[g + leaf[6 * ROWS + row]]
        buffers.number[row] = total + value[h + leaf[7 * ROWS + row]]


def _at(builder, array, index, kind):
    return builder.bitcast(builder.gep(array, [index]), kind.as_pointer())


def _plane(builder, array, place):
    return _at(builder, array, builder.mul(place, place.type(WORDS)), _PLANE)


def _number(builder, array, index):
    return builder.sext(builder.load(builder.gep(array, [index])), index.type)


def _arrays(context, builder, signature, arguments):
    """Returns the arguments with a pointer to the first item in the place of each array."""
    return [
        context.make_array(kind)(context, builder, one).data if isinstance(kind, types.Array) else one
        for kind, one in zip(signature.args, arguments, strict=True)
    ]


@intrinsic
def _send(typing, reach, answers, plane, left, right, first, last):
    """Sends the rows that come to each node of a tree, parents first, on to its children by their answers."""

    def code(context, builder, signature, arguments):
        reach, answers, plane, left, right, first, last = _arrays(context, builder, signature, arguments)
        with cgutils.for_range_slice(builder, first, last, first.type(1)) as (index, _):
            here = builder.load(_plane(builder, reach, builder.sub(index, first)), align=8)
            yes = builder.and_(here, builder.load(_plane(builder, answers, _number(builder, plane, index)), align=8))
            builder.store(yes, _plane(builder, reach, _number(builder, left, index)), align=8)
            builder.store(builder.xor(here, yes), _plane(builder, reach, _number(builder, right, index)), align=8)
        return context.get_dummy_value()

    return types.void(reach, answers, plane, left, right, types.intp, types.intp), code


@intrinsic
def _unite(typing, planes, members, first, last, into, place):
    """Writes, as a plane, the rows of any of the planes that `members[first:last]` names."""

    def code(context, builder, signature, arguments):
        planes, members, first, last, into, place = _arrays(context, builder, signature, arguments)
        some = cgutils.alloca_once_value(builder, ir.Constant(_PLANE, [0] * WORDS))
        with cgutils.for_range_slice(builder, first, last, first.type(1)) as (index, _):
            found = builder.load(_plane(builder, planes, _number(builder, members, index)), align=8)
            builder.store(builder.or_(builder.load(some), found), some)
        builder.store(builder.load(some), _plane(builder, into, place), align=8)
        return context.get_dummy_value()

    return types.void(planes, members, types.intp, types.intp, into, types.intp), code


@intrinsic
def _spell(typing, digits, count, word, leaf, at):
    """Writes the numbers of 64 rows, a byte each, from the planes of their `count` digits."""
    own_byte = ir.Constant(ir.VectorType(_SMALL, 64), [row // 16 * 16 + row // 8 % 8 for row in range(64)])
    own_bit = ir.Constant(_ROWS_OF_WORD, [_BYTE(1 << row % 8) for row in range(64)])

    def code(context, builder, signature, arguments):
        digits, count, word, leaf, at = _arrays(context, builder, signature, arguments)
        number = cgutils.alloca_once_value(builder, ir.Constant(_ROWS_OF_WORD, [_BYTE(0)] * 64))
        with cgutils.for_range(builder, count) as loop:
            digit = builder.sub(builder.sub(count, loop.index), count.type(1))
            bits = builder.load(builder.gep(digits, [builder.add(builder.mul(digit, digit.type(WORDS)), word)]))
            bytes_ = builder.bitcast(_eight_times(builder, bits), _ROWS_OF_WORD)
            bytes_ = builder.shuffle_vector(bytes_, ir.Constant(_ROWS_OF_WORD, ir.Undefined), own_byte)
            minus_bit = builder.sext(builder.icmp_unsigned("==", builder.and_(bytes_, own_bit), own_bit), _ROWS_OF_WORD)
            before = builder.load(number)
            builder.store(builder.sub(builder.add(before, before), minus_bit), number)
        builder.store(builder.load(number), _at(builder, leaf, at, _ROWS_OF_WORD), align=1)
        return context.get_dummy_value()

    return types.void(digits, types.intp, types.intp, leaf, types.intp), code


def _eight_times(builder, word):
    eight, none = ir.VectorType(_WORD, 8), ir.Constant(ir.VectorType(_SMALL, 8), [0] * 8)
    one = builder.insert_element(ir.Constant(eight, ir.Undefined), word, _SMALL(0))
    return builder.shuffle_vector(one, ir.Constant(eight, ir.Undefined), none)


def _warm(compiled: Any) -> None:
    """Compiles the walk, or loads its code, by walking no row."""
    small, no_number = np.zeros(1, dtype=np.int32), np.zeros(1)
    numbers = Numbers(*[small[:0]] * 7, no_number)
    categories = Categories(*[small[:0]] * 9)
    trees = Trees(*[small] * 7, no_number)
    buffers = Buffers(*[np.zeros(1, dtype=np.uint64)] * 4, np.zeros(1, dtype=np.uint8), no_number, np.zeros(1, np.int64))
    compiled(np.zeros((1, 0)), 0, 0, numbers, categories, trees, buffers, no_number)
