"""How are trees laid out so that many rows walk them at once?

One bit a row. The answer of many rows to one question (`spend <= 12.5`) is a *plane*; all nodes that ask it, in any
tree, share it. The rows that come to a node are a plane too: those of its parent, and its answer. So are the rows whose
leaf has a number with a digit that is 1; they are united from as few nodes as there can be. See Lucchese et al. (2015),
QuickScorer, and Ye et al. (2018), RapidScorer, for bits that are leaves: here they are rows, and any tree fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from churn.scoring.forest import MISSING_NONE, Forest, Ints
from churn.training.encoding import Floats

DIGITS = 8
SIZE = 254
"""Thresholds whose codes, and that of what is missing, fit into a byte."""
_FEW, _FAR = 4, 4096
Small = npt.NDArray[np.int32]


class Numbers(NamedTuple):
    """The questions to columns that are numbers, by column, of its thresholds in ascending order.

    `feature`, `missing`; `steps` of a binary search among 2 ** steps - 1 thresholds that begin at `first` in
    `thresholds` (filled with infinity), `size` of them real; the first plane where missing goes right, or left (-1:
    no node asks so); where whole numbers from 0 find their code without a search, `table[table_first:]` for those up to
    `limit` (0: no table), from where on all have the same. One of more than `SIZE` thresholds is several columns.
    """

    feature: Small
    missing: Small
    steps: Small
    first: Small
    size: Small
    right: Small
    left: Small
    table_first: Small
    limit: Small
    thresholds: Floats
    table: Small


class Categories(NamedTuple):
    """The questions to columns that are categories.

    By column: `feature`; the codes of its levels, `table[table_first:]` for levels under `limit`; `size`, the code of
    all that no node asks for; its sets, `set_first[column]` to the next. By set: its codes in `members`, from
    `member_first[set]` to the next, and its `plane`.
    """

    feature: Small
    table_first: Small
    limit: Small
    size: Small
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
    """All that a walk needs; `planes` is how many questions there are, `codes` more than one column has."""

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
    return Layout(
        numbers=numbers,
        categories=categories,
        trees=_trees(forest, plane),
        planes=planes,
        codes=int(max([*categories.size, 0])) + 1,
        features=forest.features,
    )


def _numbers(forest: Forest, plane: Ints) -> tuple[Numbers, int]:
    """Writes to `plane` what nodes ask of numbers; returns the columns, and how many planes there are."""
    is_number, columns, thresholds, after = ~forest.is_category, [], [np.empty(0)], 0
    tables: list[Small] = [np.empty(0, dtype=np.int32)]
    keys = sorted({*zip(forest.feature[is_number].tolist(), forest.missing[is_number].tolist(), strict=True)})
    for key in keys:
        nodes = np.flatnonzero(is_number & (forest.feature == key[0]) & (forest.missing == key[1]))
        own, rank = np.unique(forest.threshold[nodes], return_inverse=True)
        left = forest.default_left[nodes] & (key[1] != MISSING_NONE)
        firsts = []
        for side in (~left, left):
            plane[nodes[side]] = after + rank[side]
            firsts.append(after if side.any() else -1)
            after += len(own) if side.any() else 0
        for start in range(0, len(own), SIZE):
            part = own[start : start + SIZE]
            steps, table = len(part).bit_length(), _table(part)
            places = [first + start if first >= 0 else -1 for first in firsts]
            starts = sum(map(len, thresholds)), sum(map(len, tables))
            columns.append((*key, steps, starts[0], len(part), *places, starts[1], max(len(table) - 1, 0)))
            thresholds.append(np.pad(part, (0, 2**steps - 1 - len(part)), constant_values=np.inf))
            tables.append(table)
    feature, missing, steps_, first, size, right, left_, table_first, limit = _by_field(columns, fields=9)
    searched = (feature, missing, steps_, first, size, right, left_)
    return Numbers(*searched, table_first, limit, np.concatenate(thresholds), np.concatenate(tables)), after


def _table(thresholds: Floats) -> Small:
    """Returns how many thresholds 0, 1, 2, … exceed, up to the first that exceeds all; nothing where searching is fast.

    >>> _table(np.array([-0.5, 0.5, 0.7, 2.5])).tolist()
    [1, 3, 3, 4]
    """
    if len(thresholds) < _FEW or thresholds[-1] >= _FAR:
        return np.empty(0, dtype=np.int32)
    numbers = np.arange(max(int(np.floor(thresholds[-1])) + 2, 2))
    return _small(np.searchsorted(thresholds, numbers, side="left"))


def _categories(forest: Forest, plane: Ints, *, after: int) -> tuple[Categories, int]:
    """Writes to `plane` what nodes ask of categories; returns the columns, and how many planes there are in all."""
    columns, codes, set_first, first_plane = [], [], [0], after
    tables: list[Small] = [np.empty(0, dtype=np.int32)]
    for feature in np.unique(forest.feature[forest.is_category]).tolist():
        nodes = np.flatnonzero(forest.is_category & (forest.feature == feature))
        asked = [forest.sets[int(place)] for place in forest.threshold[nodes]]
        place = {levels: after + position for position, levels in enumerate(dict.fromkeys(asked))}
        plane[nodes] = [place[levels] for levels in asked]
        after += len(place)
        own = sorted({level for levels in place for level in levels})
        table = np.full(own[-1] + 1 if own else 0, len(own), dtype=np.int32)
        table[own] = np.arange(len(own))
        columns.append((feature, sum(map(len, tables)), len(table), len(own)))
        tables.append(table)
        codes += [table[list(levels)] for levels in place]
        set_first.append(len(codes))
    features, table_first, limit, size = _by_field(columns, fields=4)
    member_first, planes = np.cumsum([0, *map(len, codes)]), np.arange(first_plane, after)
    return Categories(
        feature=features,
        table_first=table_first,
        limit=limit,
        size=size,
        set_first=_small(set_first),
        member_first=_small(member_first),
        plane=_small(planes),
        members=np.concatenate([tables[0], *codes]),
        table=np.concatenate(tables),
    ), after


def _by_field(columns: Sequence[tuple[int, ...]], *, fields: int) -> list[Small]:
    return [_small(values) for values in np.array(columns, dtype=np.int32).reshape(-1, fields).T]


def _small(values: npt.ArrayLike) -> Small:
    return np.array(values, dtype=np.int32, order="C")


def _trees(forest: Forest, plane: Ints) -> Trees:
    first_leaf = np.cumsum([0, *forest.leaves])
    first_node = first_leaf - np.arange(len(first_leaf))
    left, right, bounds, value = [], [], [], np.empty_like(forest.value)
    members: list[int] = []
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
    return Trees(
        node=_small(first_node),
        leaf=_small(first_leaf),
        plane=_small(plane),
        left=_small(left),
        right=_small(right),
        bounds=_small(bounds),
        members=_small(members),
        value=value,
    )


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
