"""The rows worth explaining: the highest scores of one segment, however the night was cut."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from churn.scoring.shortlist import Shortlist

ROW = st.tuples(st.sampled_from(["high", "low"]), st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([1.0, 2.0]))


@given(st.lists(ROW, max_size=12), st.integers(0, 5), st.integers(1, 5))
def test_it_holds_what_a_sort_of_the_whole_night_would_put_first(
    night: list[tuple[str, float, float]], size: int, chunk: int
) -> None:
    shortlist = Shortlist(segment="high", key="id", score="risk", size=size)
    features = pl.DataFrame({"id": range(len(night)), "plan": [str(key) for key in range(len(night))]})
    predictions = pl.DataFrame(night, schema=["segment", "risk", "raw_score"], orient="row")
    scored = pl.concat([features.select("id"), predictions], how="horizontal")
    for start in range(0, len(night), chunk):
        shortlist.show(features.slice(start, chunk), scored.slice(start, chunk))
    best = sorted((-risk, -raw, key) for key, (segment, risk, raw) in enumerate(night) if segment == "high")[:size]
    expected = sorted((key, str(key), -risk, -raw) for risk, raw, key in best)
    assert shortlist.rows.rows() == expected
