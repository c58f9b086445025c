from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import DataError
from churn.features.feature import Feature
from churn.training.encoding import Encoding

AGE = Feature(name="age", expr=pl.col("age"), dtype="integer", unit="years", meaning="", nullable=True)
PLAN = Feature(name="plan", expr=pl.col("plan"), dtype="category", unit="", meaning="", levels=("plus", "basic"))
CITY = Feature(name="city", expr=pl.col("city"), dtype="category", unit="", meaning="", nullable=True)
FRAME = pl.DataFrame({"city": ["b", None, "a"], "plan": ["basic", "plus", "basic"], "age": [30, None, 50]})
ENCODING = Encoding.learn([PLAN, AGE, CITY], FRAME)


def test_declared_levels_keep_their_order_and_observed_ones_are_sorted() -> None:
    assert ENCODING.levels == (("plan", ("plus", "basic")), ("city", ("a", "b")))


def test_categorical_columns_are_named_by_position() -> None:
    assert ENCODING.categorical == (0, 2)


def test_a_matrix_holds_codes_numbers_and_nan_in_the_frozen_order() -> None:
    matrix = ENCODING.matrix(FRAME)
    np.testing.assert_array_equal(matrix, [[1, 30, 1], [0, np.nan, np.nan], [1, 50, 0]])
    assert matrix.dtype == np.float64
    assert matrix.flags.f_contiguous


def test_the_order_of_the_frame_and_its_other_columns_do_not_matter() -> None:
    shuffled = FRAME.select("age", pl.lit(1).alias("extra"), "city", "plan")
    np.testing.assert_array_equal(ENCODING.matrix(shuffled), ENCODING.matrix(FRAME))


def test_an_unseen_level_has_a_code_of_its_own_which_null_does_not_share() -> None:
    frame = pl.DataFrame({"plan": ["gold", "plus"], "age": [1, 1], "city": [None, "zz"]})
    np.testing.assert_array_equal(ENCODING.matrix(frame), [[2, 1, np.nan], [0, 1, 2]])
    assert ENCODING.unseen(ENCODING.matrix(frame)) == {"plan": 1, "city": 1}


@given(st.lists(st.sampled_from(["a", "b", "c", "ü", "", None]), min_size=1), st.lists(st.text("abdü", max_size=2)))
def test_codes_equal_a_look_up_by_hand(seen: list[str | None], later: list[str]) -> None:
    encoding = Encoding.learn([CITY], pl.DataFrame({"city": seen}, schema={"city": pl.String}))
    known = sorted({level for level in seen if level is not None}, key=str.encode)
    values = [*later, *seen]
    expected = [np.nan if v is None else known.index(v) if v in known else len(known) for v in values]
    frame = pl.DataFrame({"city": values}, schema={"city": pl.String})
    np.testing.assert_array_equal(encoding.matrix(frame)[:, 0], expected)
    assert encoding.unseen(encoding.matrix(frame)) == {"city": sum(v is not None and v not in known for v in values)}


def test_a_missing_column_is_named() -> None:
    for use in (ENCODING.matrix, lambda f: Encoding.learn([PLAN], f)):
        with pytest.raises(DataError, match="no column plan"):
            use(FRAME.drop("plan"))


@pytest.mark.parametrize(("column", "values"), [("age", ["1", "2", "3"]), ("plan", [1, 2, 3])])
def test_text_for_a_number_and_a_number_for_text_are_refused(column: str, values: list[object]) -> None:
    with pytest.raises(DataError, match=f"column {column} is"):
        ENCODING.matrix(FRAME.with_columns(pl.Series(column, values)))


def test_a_column_of_nulls_alone_becomes_nan() -> None:
    frame = FRAME.with_columns(age=None, city=None)
    assert np.isnan(ENCODING.matrix(frame)[:, 1:]).all()


def test_no_rows_give_a_matrix_of_no_rows() -> None:
    assert ENCODING.matrix(FRAME.clear()).shape == (0, 3)


def test_an_encoding_comes_back_from_json_as_it_was() -> None:
    assert Encoding.from_json(json.loads(json.dumps(ENCODING.to_json()))) == ENCODING
