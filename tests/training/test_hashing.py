from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from churn.training.hashing import buckets


def splitmix64(seed: int, draw: int) -> int:
    """The oracle: the generator as its authors give it, one step after the other, in Python's own integers."""
    state = seed % 2**64
    for _ in range(draw + 1):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
    mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    return mixed ^ (mixed >> 31)


def test_the_draws_of_a_key_are_the_published_outputs_of_splitmix64() -> None:
    # The first five for seed 1234567, as Rosetta Code lists them.
    known = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert [int(buckets(np.array([1234567]), 2**63, draw=draw)[0]) for draw in range(5)] == [k % 2**63 for k in known]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(1, 2**32), st.integers(0, 9))
def test_a_bucket_is_the_hash_modulo_the_count(keys: list[int], count: int, draw: int) -> None:
    found = buckets(np.array(keys, dtype=np.int64), count, draw=draw)
    assert found.tolist() == [splitmix64(key, draw) % count for key in keys]


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint16, np.uint64])
def test_the_width_of_the_integers_changes_no_bucket(dtype: Any) -> None:
    keys = np.arange(100)
    assert buckets(keys.astype(dtype), 10).tolist() == buckets(keys, 10).tolist()
    if np.issubdtype(dtype, np.signedinteger):
        assert buckets(-keys.astype(dtype), 10).tolist() == buckets(-keys, 10).tolist()


@pytest.mark.parametrize("step", [1, 10, 1 << 20])
def test_keys_in_a_row_spread_evenly(step: int) -> None:
    sizes = np.bincount(buckets(np.arange(20_000) * step, 10), minlength=10)
    assert chisquare(sizes).pvalue > 1e-3


def test_the_buckets_of_two_draws_tell_nothing_of_each_other() -> None:
    keys = np.arange(20_000)
    table = np.zeros((5, 5), dtype=np.int64)
    np.add.at(table, (buckets(keys, 5, draw=0), buckets(keys, 5, draw=1)), 1)
    assert chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("keys", [np.array([1.5]), np.array(["7"]), np.array([True])])
def test_keys_that_are_no_integers_are_refused(keys: Any) -> None:
    with pytest.raises(TypeError, match="expected integers"):
        buckets(keys, 10)
