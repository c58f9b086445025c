"""What does LightGBM's text say of a model's trees?

Read once into flat arrays, nodes and leaves of all trees one after the other. What our engine cannot walk is recognised
here, from the text alone: a model that says more than this file knows is left to LightGBM.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from churn.training.encoding import Floats

Ints: TypeAlias = npt.NDArray[np.int64]

MAX_LEAVES = 256
"""Of one tree: the number of a leaf is one byte."""
MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 1, 2
"""What counts as missing at a node, as LightGBM numbers it: nothing, what is 0 or NaN, NaN alone."""

_ONE = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1"}
_HEADER = {*_ONE, "label_index", "max_feature_idx", "objective", "feature_names", "feature_infos", "tree_sizes"}
_HEADER |= {"tree", "monotone_constraints"}
_NODES = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_UNUSED = {"split_gain", "leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count"}
_TREE = {"num_leaves", "num_cat", "leaf_value", "cat_boundaries", "cat_threshold", "is_linear", "shrinkage"}
_TREE |= {*_NODES, *_UNUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """The trees of a model with one score a row.

    By tree: `leaves`. By node, a tree's own one after the other, each after its parent: `feature` (column of the
    matrix), `left` and `right` (a node of the same tree; where negative, `~` of a leaf), `is_category`, `missing`,
    `default_left`, and `threshold`: `value <= threshold` goes left, or of a category the position in `sets` of the
    levels that go left. By leaf: `value`, with the learning rate in it.
    """

    features: int
    leaves: Ints
    feature: Ints
    threshold: Floats
    is_category: npt.NDArray[np.bool_]
    default_left: npt.NDArray[np.bool_]
    missing: Ints
    left: Ints
    right: Ints
    value: Floats
    sets: tuple[tuple[int, ...], ...]

    @classmethod
    def read(cls, text: str) -> Forest:
        """Returns the trees of a text of which `why_not` says nothing."""
        header, trees = _parts(text)
        sets = [_sets(tree) for tree in trees]
        decision = _ints(trees, "decision_type")
        is_category = (decision & 1).astype(bool)
        first = np.repeat([0, *accumulate(map(len, sets))][:-1], _lengths(trees) - 1)
        threshold = _floats(trees, "threshold")
        return cls(
            features=int(header["max_feature_idx"]) + 1,
            leaves=_lengths(trees),
            feature=_ints(trees, "split_feature"),
            threshold=np.where(is_category, threshold + first, threshold),
            is_category=is_category,
            default_left=(decision & 2).astype(bool),
            missing=decision >> 2 & 3,
            left=_ints(trees, "left_child"),
            right=_ints(trees, "right_child"),
            value=_floats(trees, "leaf_value"),
            sets=tuple(levels for tree in sets for levels in tree),
        )


def engine_of(text: str) -> str:
    """Returns who will walk the trees of a model's text: "numba", or "lightgbm: " and why our engine cannot.

    >>> engine_of("tree\\nversion=v3\\n")
    'lightgbm: version is v3, not v4'
    """
    reason = why_not(text)
    return f"lightgbm: {reason}" if reason else "numba"


def why_not(text: str) -> str | None:
    """Returns why our engine cannot walk the trees of a model's text; None where it can.

    >>> why_not("tree\\nversion=v4\\nnum_class=3\\nnum_tree_per_iteration=3\\n")
    'num_class is 3, not 1'
    """
    header, trees = _parts(text)
    return next((reason for reason in (*_of_header(header), *map(_of_tree, trees)) if reason), None)


def _of_header(header: Mapping[str, str]) -> Iterable[str | None]:
    for name, known in _ONE.items():
        yield None if header.get(name) == known else f"{name} is {header.get(name, 'not given')}, not {known}"
    yield "its trees are averaged (average_output)" if "average_output" in header else None
    yield _strange(header, _HEADER, "the model")


def _of_tree(tree: Mapping[str, str]) -> str | None:
    leaves = int(tree["num_leaves"])
    if tree.get("is_linear", "0") != "0":
        return "a tree is linear (linear_tree)"
    if leaves > MAX_LEAVES:
        return f"a tree has {leaves} leaves, more than {MAX_LEAVES}"
    if leaves > 1 and not _in_order(tree):
        return "a node of a tree stands before its parent"
    if "nan" in tree.get("threshold", ""):
        return "a threshold is no number"
    return _strange(tree, _TREE, "a tree")


def _in_order(tree: Mapping[str, str]) -> bool:
    children = [list(map(int, tree[side].split())) for side in ("left_child", "right_child")]
    return all(child < 0 or child > node for side in children for node, child in enumerate(side))


def _strange(fields: Mapping[str, str], known: set[str], whose: str) -> str | None:
    strange = [name for name in fields if name not in known]
    return f"{whose} says {strange[0]}, which the engine does not know" if strange else None


def _parts(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    header, *trees = text.partition("\nend of trees")[0].split("\nTree=")
    return _fields(header), [_fields(tree.partition("\n")[2]) for tree in trees]


def _fields(lines: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines.splitlines() if line)}


def _lengths(trees: Iterable[Mapping[str, str]]) -> Ints:
    return np.array([int(tree["num_leaves"]) for tree in trees], dtype=np.int64)


def _floats(trees: Iterable[Mapping[str, str]], name: str) -> Floats:
    return np.array([float(word) for tree in trees for word in tree.get(name, "").split()], dtype=np.float64)


def _ints(trees: Iterable[Mapping[str, str]], name: str) -> Ints:
    return np.array([int(word) for tree in trees for word in tree.get(name, "").split()], dtype=np.int64)


def _sets(tree: Mapping[str, str]) -> list[tuple[int, ...]]:
    """Returns the levels that go left, by the number that a node of the tree knows them by."""
    bounds = list(map(int, tree.get("cat_boundaries", "0").split()))
    words = list(map(int, tree.get("cat_threshold", "").split()))
    return [_levels(words[first:last]) for first, last in pairwise(bounds)]


def _levels(words: list[int]) -> tuple[int, ...]:
    return tuple(32 * place + bit for place, word in enumerate(words) for bit in range(32) if word >> bit & 1)
