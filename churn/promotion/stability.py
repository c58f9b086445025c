"""How many customers would change places in the list that the campaign works through?

A better model may well change the list; whoever works with it should know before. One question for a first champion has
no answer and needs none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from churn.findings import Answer, Finding
from churn.promotion.delong import Booleans, error_of_mean
from churn.promotion.evidence import Evidence
from churn.promotion.judging import TWO_SIDED_80, require_limits, under_ceilings, without_figure
from churn.promotion.metrics import Z95, Vector
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Rows on the champion's list that stay, leave, and those that enter it with the challenger."""

    stay: int
    leave: int
    enter: int


def on_list(scores: Vector, share: float) -> Booleans:
    """Returns which rows are among the `share` that score highest, one a row; all that are tied at the end are.

    >>> on_list(np.array([0.1, 0.9, 0.5, 0.4]), 0.5).tolist()
    [False, True, True, False]
    """
    values = np.asarray(scores, dtype=np.float64)
    place = values.size - max(1, round(share * values.size))
    return np.asarray(values >= np.partition(values, place)[place], dtype=np.bool_)


def moves(challenger: Vector, champion: Vector, *, share: float) -> Moves:
    """Returns how the list of the `share` of rows that score highest changes.

    >>> moves(np.array([3, 2, 1, 0]), np.array([3, 1, 2, 0]), share=0.5)
    Moves(stay=1, leave=1, enter=1)
    """
    after, before = on_list(challenger, share), on_list(champion, share)
    return Moves(
        stay=int((after & before).sum()), leave=int((before & ~after).sum()), enter=int((after & ~before).sum())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """The share of the list that is new with the challenger is not surely over `warn_over`, nor over `fail_over`.

    The list is the campaign's share of the rows. Insufficient where these rows could not have shown `fail_over`.
    """

    kind: Literal["stability"]
    warn_over: float
    fail_over: float
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")

    def __post_init__(self) -> None:
        require_limits(self.kind, warn_over=self.warn_over, fail_over=self.fail_over)

    def judge(self, evidence: Evidence) -> Finding:
        """Returns the share of the challenger's list that the champion's does not hold."""
        if evidence.champion is None:
            reason = "no champion yet, and so no list that would change"
            return without_figure(self.kind, Answer.PASS, evidence, unit="share of the list", reason=reason)
        share = evidence.campaign.share
        after = on_list(evidence.challenger, share)
        new = (~on_list(evidence.champion, share))[after].astype(np.float64)
        owners = np.unique(evidence.owners[after], return_inverse=True)[1]
        if owners.max() < 1:
            reason = "all rows on the list are of one customer"
            return without_figure(self.kind, Answer.INSUFFICIENT, evidence, unit="share of the list", reason=reason)
        return self._found(float(new.mean()), error_of_mean(new, owners), n=new.size)

    def _found(self, figure: float, error: float, *, n: int) -> Finding:
        interval = (max(0.0, figure - Z95 * error), min(1.0, figure + Z95 * error))
        smallest, limits = TWO_SIDED_80 * error, {"warn_over": self.warn_over, "fail_over": self.fail_over}
        return Finding(
            check=self.kind,
            answer=under_ceilings(interval, **limits, smallest=smallest),
            figure=figure,
            interval=interval,
            limit=self.fail_over if interval[0] > self.fail_over else self.warn_over,
            n=n,
            smallest_effect=smallest,
            unit="share of the list",
            reason=f"{figure:.1%} of the {n:,} rows on the list are not on the champion's; "
            f"limits {self.warn_over:.0%} and {self.fail_over:.0%}",
        )
