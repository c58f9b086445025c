"""What do the steps look like that work on bits of many rows at once?

Four steps of `kernel.py` that no compiler finds in a loop by itself, spelled for Numba in LLVM's own language. Vectors
there have any length, and each processor is given the instructions that it has. `planes.py` vouches for the places.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORDS = 16
"""Words of 64 rows in a plane."""
_BYTE, _SMALL, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_PLANE = ir.VectorType(_WORD, WORDS)
_ROWS_OF_WORD = ir.VectorType(_BYTE, 64)


def _at(builder: Any, array: Any, index: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(array, [index]), kind.as_pointer())


def _plane(builder: Any, array: Any, place: Any) -> Any:
    return _at(builder, array, builder.mul(place, place.type(WORDS)), _PLANE)


def _number(builder: Any, array: Any, index: Any) -> Any:
    return builder.sext(builder.load(builder.gep(array, [index])), index.type)


def _arrays(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """Returns the arguments with a pointer to the first item in the place of each array."""
    return [
        context.make_array(kind)(context, builder, one).data if isinstance(kind, types.Array) else one
        for kind, one in zip(signature.args, arguments, strict=True)
    ]


@intrinsic
def send(_: Any, reach: Any, answers: Any, plane: Any, left: Any, right: Any, first: Any, last: Any) -> Any:
    """Sends the rows that come to each node of a tree, parents first, on to its children by their answers."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        reach, answers, plane, left, right, first, last = _arrays(context, builder, signature, arguments)
        with cgutils.for_range_slice(builder, first, last, first.type(1)) as (index, _):
            here = builder.load(_plane(builder, reach, builder.sub(index, first)), align=8)
            yes = builder.and_(here, builder.load(_plane(builder, answers, _number(builder, plane, index)), align=8))
            builder.store(yes, _plane(builder, reach, _number(builder, left, index)), align=8)
            builder.store(builder.xor(here, yes), _plane(builder, reach, _number(builder, right, index)), align=8)
        return context.get_dummy_value()

    return types.void(reach, answers, plane, left, right, types.intp, types.intp), code


@intrinsic
def answer(_: Any, codes: Any, step: Any, count: Any, into: Any, first: Any) -> Any:
    """Writes from `first` on, as planes, the rows whose code, `step` steps on, is at most -128, -127, … of `count`.

    A step goes from 127, the last, to -128.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        codes, step, count, into, first = _arrays(context, builder, signature, arguments)
        step = builder.trunc(step, _BYTE)
        with cgutils.for_range(builder, count) as loop:
            most = builder.add(builder.trunc(loop.index, _BYTE), builder.add(step, _BYTE(-128)))
            plane = builder.mul(builder.add(first, loop.index), first.type(WORDS))
            for word in range(WORDS):
                rows = builder.load(_at(builder, codes, first.type(64 * word), _ROWS_OF_WORD), align=1)
                is_most = builder.icmp_signed("<=", builder.add(rows, _spread(builder, step)), _spread(builder, most))
                place = builder.gep(into, [builder.add(plane, first.type(word))])
                builder.store(builder.bitcast(is_most, _WORD), place)
        return context.get_dummy_value()

    return types.void(codes, types.intp, types.intp, into, types.intp), code


def _spread(builder: Any, byte: Any) -> Any:
    one = builder.insert_element(ir.Constant(_ROWS_OF_WORD, ir.Undefined), byte, _SMALL(0))
    none = ir.Constant(ir.VectorType(_SMALL, 64), [0] * 64)
    return builder.shuffle_vector(one, ir.Constant(_ROWS_OF_WORD, ir.Undefined), none)


@intrinsic
def unite(_: Any, planes: Any, members: Any, first: Any, last: Any, into: Any, place: Any) -> Any:
    """Writes, as a plane, the rows of any of the planes that `members[first:last]` names."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        planes, members, first, last, into, place = _arrays(context, builder, signature, arguments)
        some = cgutils.alloca_once_value(builder, ir.Constant(_PLANE, [0] * WORDS))
        with cgutils.for_range_slice(builder, first, last, first.type(1)) as (index, _):
            found = builder.load(_plane(builder, planes, _number(builder, members, index)), align=8)
            builder.store(builder.or_(builder.load(some), found), some)
        builder.store(builder.load(some), _plane(builder, into, place), align=8)
        return context.get_dummy_value()

    return types.void(planes, members, types.intp, types.intp, into, types.intp), code


@intrinsic
def spell(_: Any, digits: Any, count: Any, word: Any, leaf: Any, at: Any) -> Any:
    """Writes the numbers of 64 rows, a byte each, from the planes of their `count` digits."""
    own_byte = ir.Constant(ir.VectorType(_SMALL, 64), [row // 16 * 16 + row // 8 % 8 for row in range(64)])
    own_bit = ir.Constant(_ROWS_OF_WORD, [_BYTE(1 << row % 8) for row in range(64)])

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
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


def _eight_times(builder: Any, word: Any) -> Any:
    eight, none = ir.VectorType(_WORD, 8), ir.Constant(ir.VectorType(_SMALL, 8), [0] * 8)
    one = builder.insert_element(ir.Constant(eight, ir.Undefined), word, _SMALL(0))
    return builder.shuffle_vector(one, ir.Constant(eight, ir.Undefined), none)
