"""Which rows of a night are worth explaining?

A reason costs hundreds of scores, so only the rows of the top segment that score highest get some, as many as a person
can call. They are picked while the night streams by: memory is set by their number, and nothing is read twice.
"""

from __future__ import annotations

from typing import Self

import polars as pl
import polars.selectors as cs

from churn.training.bundle import Bundle


class Shortlist:
    """The rows with the highest scores in one segment, of all that it was shown; at most `size`.

    The raw score decides between equal scores, and the lower key between equal raw scores, so that it makes no
    difference how the night was cut into chunks.

    >>> short = Shortlist(segment="high", key="id", score="risk", size=1)
    >>> features = pl.DataFrame({"id": [1, 2, 3], "plan": ["a", "b", "c"]})
    >>> scored = {"id": [1, 2, 3], "risk": [0.7, 0.8, 0.9], "raw_score": [1.0, 2.0, 3.0]}
    >>> short.show(features, pl.DataFrame(scored | {"segment": ["high", "high", "low"]}))
    >>> short.rows.select("id", "plan", "raw_score").to_dicts()
    [{'id': 2, 'plan': 'b', 'raw_score': 2.0}]
    """

    def __init__(self, *, segment: str, key: str, score: str, size: int) -> None:
        self._segment, self._key, self._score, self._size = segment, key, score, size
        self._kept = pl.DataFrame()

    @classmethod
    def of(cls, bundle: Bundle, *, size: int) -> Self:
        """Returns an empty list for the top segment of a model."""
        return cls(segment=bundle.segments[0][0], key=bundle.key, score=bundle.score_name, size=size)

    def show(self, features: pl.DataFrame, scored: pl.DataFrame) -> None:
        """Takes what belongs on the list from a chunk of features and its predictions, row by row the same keys."""
        if not self._size:
            return
        rows = ((scored["segment"] == self._segment) & (scored[self._score] >= self._least)).arg_true()
        if not len(rows):
            return
        found = features[rows].with_columns(cs.categorical().cast(pl.String))
        found = found.with_columns(scored[rows].select(self._score, "raw_score"))
        both = pl.concat([self._kept, found]) if self._kept.height else found
        order = [self._score, "raw_score", self._key]
        self._kept = both.sort(order, descending=[True, True, False]).head(self._size)

    @property
    def rows(self) -> pl.DataFrame:
        """Features with `raw_score`, one row a key, ordered by key; without any column where nothing was found."""
        return self._kept.sort(self._key) if self._kept.height else self._kept

    @property
    def _least(self) -> float:
        return float(self._kept[self._score][-1]) if self._kept.height == self._size else float("-inf")
