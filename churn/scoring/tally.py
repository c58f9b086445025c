"""What is counted of a night while it streams by: segments, unseen levels, nulls that the model reads as 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(slots=True, kw_only=True)
class Tally:
    """Rows by segment; by column those of an unseen level, and the nulls where training had none."""

    segments: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)
    nulls: Counter[str] = field(default_factory=Counter)

    def add(self, scored: pl.DataFrame, *, unseen: Mapping[str, int], nulls: Mapping[str, int]) -> None:
        """Adds one chunk of predictions.

        >>> tally = Tally()
        >>> tally.add(pl.DataFrame({"segment": ["high", "low", "low"]}), unseen={"plan": 0}, nulls={"age": 0})
        >>> tally.segments["low"], dict(tally.unseen), dict(tally.nulls)
        (2, {'plan': 0}, {})
        """
        self.segments.update(dict(scored["segment"].value_counts().iter_rows()))
        self.unseen.update(unseen)
        self.nulls.update({name: count for name, count in nulls.items() if count})
