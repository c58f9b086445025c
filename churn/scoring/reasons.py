"""Why does a customer score so high?

TreeSHAP says what each feature adds to the raw score; the features of one template add up to one reason. A long table,
one row a reason, in a file of its own: scores stay narrow, and few customers have reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from churn.errors import DataError
from churn.scoring.templates import Template, completed
from churn.training.bundle import Bundle
from churn.training.encoding import Floats
from churn.training.fit import Trees
from churn.training.model_text import require_columns

TOLERANCE = 1e-8
"""How far contributions may add up beside the raw score, for each unit of their sizes' sum (and one)."""

Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """The reasons of some rows, the strongest of each row first: one entry a reason in each of the arrays.

    `row` and `reason` are positions, `rank` begins at 1 in each row, `effect` is signed and in the raw score's unit.
    """

    row: Ints
    rank: Ints
    reason: Ints
    effect: Floats


def ranked(effects: Floats, *, at_most: int, lowering: npt.NDArray[np.bool_]) -> Ranked:
    """Returns at most so many reasons of each row of `effects` (rows, reasons): those that raise its score most.

    Where a reason may tell what is `lowering` (one truth a reason), it counts by the size of its effect, whichever way.
    Of equal ones the earlier reason comes first; one without effect is none.

    >>> found = ranked(np.array([[0.1, -3.0, 2.0, 0.1]]), at_most=2, lowering=np.zeros(4, dtype=bool))
    >>> found.reason.tolist(), found.rank.tolist(), found.effect.tolist()
    ([2, 0], [1, 2], [2.0, 0.1])
    """
    weights = np.where(lowering, np.abs(effects), effects)
    order = np.argsort(-weights, axis=1, kind="stable")[:, :at_most]
    row, place = np.nonzero(np.take_along_axis(weights, order, axis=1) > 0)
    reason = order[row, place]
    return Ranked(row=row, rank=place + 1, reason=reason, effect=effects[row, reason])


def check_sums(contributions: Floats, raw: Floats) -> None:
    """Returns nothing where each row of `contributions` (rows, features + 1) adds up to its raw score.

    It may be off by `TOLERANCE` for each unit of the sizes of its contributions, and one: rounding is a million times
    less, and what is more would be another model's, or none.

    Raises:
        DataError: with the number of rows, and how far the worst is off.
    """
    off = np.abs(contributions.sum(axis=1) - raw)
    wrong = ~(off <= TOLERANCE * (1 + np.abs(contributions).sum(axis=1)))  # NaN is wrong, too
    if wrong.any():
        found = f"the contributions of {int(wrong.sum())} of {len(raw)} rows do not add up to the raw score"
        worst = f"off by {off[wrong].max():.3g} at most"
        raise DataError(where="reasons", found=f"{found}, {worst}", action="publish nothing and report this")


class Explainer:
    """A bundle's model, ready to say why; `lowering` tells also what lowers a score, where a template has words."""

    def __init__(
        self, bundle: Bundle, *, templates: Mapping[str, Template], at_most: int, lowering: bool, num_threads: int
    ) -> None:
        self._bundle, self._at_most, self._num_threads = bundle, at_most, num_threads
        self._templates = completed(templates, bundle.dictionary)
        self._lowering = np.array([lowering and one.lowers is not None for one in self._templates.values()])
        self._trees = Trees.load(bundle.model_text)
        require_columns(bundle.model_text, bundle.encoding)

    @property
    def schema(self) -> pl.Schema:
        """The columns of a reasons table, in order."""
        types = {"rank": pl.Int64(), "code": pl.String(), "text": pl.String(), "contribution": pl.Float64()}
        return pl.Schema({self._bundle.key: pl.Int64(), **types})

    def explain(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Returns the reasons of rows of features with their `raw_score`: one row a reason, in the rows' order.

        `rank` runs from 1 to `at_most` in each row, `contribution` is what the reason adds to the raw score (of a
        classifier in log-odds) and signed. A row that nothing raises has none. No column is ever null.

        Raises:
            DataError: the contributions of a row do not add up to its raw score.
        """
        if not rows.height:
            return pl.DataFrame(schema=self.schema)
        matrix = self._bundle.encoding.matrix(rows)
        contributions = self._trees.contributions(matrix, num_threads=self._num_threads)
        check_sums(contributions, rows["raw_score"].to_numpy())
        found = ranked(self._effects(contributions), at_most=self._at_most, lowering=self._lowering)
        codes = pl.Series(list(self._templates), dtype=pl.String)
        return pl.DataFrame(
            {
                self._bundle.key: rows[self._bundle.key].gather(found.row),
                "rank": found.rank,
                "code": codes.gather(found.reason),
                "text": self._texts(rows, found),
                "contribution": found.effect,
            },
            schema=self.schema,
        )

    def _effects(self, contributions: Floats) -> Floats:
        at = {name: position for position, name in enumerate(self._bundle.encoding.features)}
        known = [[at[name] for name in one.features if name in at] for one in self._templates.values()]
        return np.column_stack([contributions[:, positions].sum(axis=1) for positions in known])

    def _texts(self, rows: pl.DataFrame, found: Ranked) -> list[str]:
        values, templates = rows.to_dicts(), list(self._templates.values())
        told = zip(found.row.tolist(), found.reason.tolist(), (found.effect > 0).tolist(), strict=True)
        return [templates[reason].text(values[row], raises=raises) for row, reason, raises in told]
