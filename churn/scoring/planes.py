"""How are trees laid out so that many rows walk them at once?

One bit a row. The answer of many rows to one question (`spend <= 12.5`) is a *plane*, a word of bits; all nodes that ask
it, in whatever tree, share it. The rows that come to a node are a plane too: those of its parent, and its answer. The
number of a row's leaf has one plane a digit: those of a digit that is 1 are united from as few nodes as there can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from churn.scoring.forest import MISSING_NONE, Forest, Ints
from churn.training.encoding import Floats

DIGITS = 8
Small = npt.NDArray[np.int32]


class Numbers(NamedTuple):
    """The questions to columns that are numbers, by column, of its thresholds in ascending order.

    `feature`, `missing`; `steps` of a binary search among 2 ** steps - 1 thresholds that begin at `first` in
    `thresholds` (filled with infinity), `count` of them real; the first plane where missing goes right, or left (-1:
    no node asks so).
    """

    feature: Small
    missing: Small
    steps: Small
    first: Small
    count: Small
    right: Small
    left: Small
    thresholds: Floats


class Categories(NamedTuple):
    """The questions to columns that are categories.

    By column: `feature`; the codes of its levels, `table[table_first:]` for levels under `limit`; `count`, the code of
    all that no node asks for; its sets, `set_first[column]` to the next. By set: its codes in `members`, from
    `member_first[set]` to the next, and its `plane`.
    """

    feature: Small
    table_first: Small
    limit: Small
    count: Small
    set_first: Small
    member_first: Small
    plane: Small
    members: Small
    table: Small


class Trees(NamedTuple):
    """Trees one after the other. Rows that come to node n stand in place n, to leaf l (left to right) in nodes + l.

    By tree: its first `node` and its first leaf value, with one more at the end, and the first of its `DIGITS` + 1
    bounds in `bounds`. By node: its `plane`, the places of its children. `members` are places whose rows have a digit.
    """

    node: Small
    leaf: Small
    plane: Small
    left: Small
    right: Small
    bounds: Small
    members: Small
    value: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All that a walk needs; `planes` is how many questions there are, `codes` the most that one column has."""

    numbers: Numbers
    categories: Categories
    trees: Trees
    planes: int
    codes: int
    features: int


def lay_out(forest: Forest) -> Layout:
    """Returns the layout of a forest."""
    plane = np.zeros(len(forest.feature), dtype=np.int64)
    numbers, after = _numbers(forest, plane)
    categories, planes = _categories(forest, plane, after=after)
    counts = [*numbers.count, *categories.count, 0]
    return Layout(
        numbers=numbers,
        categories=categories,
        trees=_trees(forest, plane),
        planes=planes,
        codes=int(max(counts)) + 2,
        features=forest.features,
    )


def _numbers(forest: Forest, plane: Ints) -> tuple[Numbers, int]:
    is_number, columns, thresholds, after = ~forest.is_category, [], [np.empty(0)], 0
    keys = sorted({*zip(forest.feature[is_number].tolist(), forest.missing[is_number].tolist(), strict=True)})
    for feature, missing in keys:
        nodes = np.flatnonzero(is_number & (forest.feature == feature) & (forest.missing == missing))
        own, rank = np.unique(forest.threshold[nodes], return_inverse=True)
        left = forest.default_left[nodes] & (missing != MISSING_NONE)
        sides = []
        for side in (~left, left):
            plane[nodes[side]] = after + rank[side]
            sides.append(after if side.any() else -1)
            after += len(own) if side.any() else 0
        steps = len(own).bit_length()
        columns.append((feature, missing, steps, sum(map(len, thresholds)), len(own), *sides))
        thresholds.append(np.pad(own, (0, 2**steps - 1 - len(own)), constant_values=np.inf))
    by_field = np.array(columns, dtype=np.int32).reshape(-1, 7).T
    return Numbers(*map(np.ascontiguousarray, by_field), np.concatenate(thresholds)), after


def _categories(forest: Forest, plane: Ints, *, after: int) -> tuple[Categories, int]:
    columns, set_first, member_first, planes, members, tables = [], [0], [0], [], [], [np.empty(0, dtype=np.int32)]
    for feature in np.unique(forest.feature[forest.is_category]).tolist():
        nodes = np.flatnonzero(forest.is_category & (forest.feature == feature))
        asked = [forest.sets[int(place)] for place in forest.threshold[nodes]]
        own = sorted({level for levels in asked for level in levels})
        code = {level: position for position, level in enumerate(own)}
        table = np.full(own[-1] + 1 if own else 0, len(own), dtype=np.int32)
        table[own] = np.arange(len(own))
        place = {levels: after + position for position, levels in enumerate(dict.fromkeys(asked))}
        plane[nodes] = [place[levels] for levels in asked]
        for levels in place:
            members += [code[level] for level in levels]
            member_first.append(len(members))
        planes += place.values()
        after += len(place)
        columns.append((feature, sum(map(len, tables)), len(table), len(own)))
        tables.append(table)
        set_first.append(len(planes))
    by_field = np.array(columns, dtype=np.int32).reshape(-1, 4).T
    lists = (np.array(one, dtype=np.int32) for one in (set_first, member_first, planes, members))
    return Categories(*map(np.ascontiguousarray, by_field), *lists, np.concatenate(tables)), after


def _trees(forest: Forest, plane: Ints) -> Trees:
    ends = np.cumsum(forest.leaves)
    first_leaf, first_node = np.r_[0, ends], np.r_[0, ends - np.arange(1, len(ends) + 1)]
    left, right, bounds, members, value = [], [], [], [], np.empty_like(forest.value)
    for tree, leaves in enumerate(forest.leaves.tolist()):
        nodes, own = slice(first_node[tree], first_node[tree + 1]), slice(first_leaf[tree], first_leaf[tree + 1])
        low, high, children = _ordered(forest.left[nodes].tolist(), forest.right[nodes].tolist())
        value[first_leaf[tree] + np.array(low[leaves - 1 :])] = forest.value[own]
        places = [[child if child < leaves - 1 else leaves - 1 + low[child] for child in side] for side in children]
        left += places[0]
        right += places[1]
        for digit in range(DIGITS):
            bounds.append(len(members))
            members += _places_with(digit, low, high, children=children, leaves=leaves)
        bounds.append(len(members))
    lists = [np.array(one, dtype=np.int32) for one in (left, right, bounds, members)]
    return Trees(first_node.astype(np.int32), first_leaf.astype(np.int32), plane.astype(np.int32), *lists, value)


def _ordered(left: list[int], right: list[int]) -> tuple[list[int], list[int], tuple[list[int], list[int]]]:
    """Returns the range of leaves, counted from left to right, below each node and then each leaf; and the children.

    A child is a node, or where it is a leaf, the number of nodes and its own. Every node stands after its parent.
    """
    nodes = len(left)
    children = tuple([child if child >= 0 else nodes + ~child for child in side] for side in (left, right))
    below = [0] * nodes + [1] * (nodes + 1)
    for node in reversed(range(nodes)):
        below[node] = below[children[0][node]] + below[children[1][node]]
    low = [0] * len(below)
    for node in range(nodes):
        low[children[0][node]] = low[node]
        low[children[1][node]] = low[node] + below[children[0][node]]
    return low, [start + count for start, count in zip(low, below, strict=True)], (children[0], children[1])


def _places_with(
    digit: int, low: list[int], high: list[int], *, children: tuple[list[int], list[int]], leaves: int
) -> list[int]:
    """Returns the highest places all of whose leaves have a digit that is 1 in their number."""
    nodes, found, todo = leaves - 1, [], [0]
    while todo:
        place = todo.pop()
        ones = _ones_under(high[place], digit) - _ones_under(low[place], digit)
        if ones == high[place] - low[place]:
            found.append(place if place < nodes else nodes + low[place])
        elif ones:
            todo += [children[1][place], children[0][place]]
    return found


def _ones_under(number: int, digit: int) -> int:
    """Returns how many of 0 … number - 1 have a digit that is 1.

    >>> [_ones_under(number, 1) for number in range(6)]
    [0, 0, 0, 1, 2, 2]
    """
    half = 1 << digit
    return number // (2 * half) * half + max(0, number % (2 * half) - half)
