"""What does a night show beside its model's reference, the nights before it, its feeds and its outcomes?

All that is known is brought together here, once, for the verdict, the decision and the report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from churn.apart import told_apart
from churn.champion import Champion
from churn.doors import Doors
from churn.drift.nights import nights_in_a_row
from churn.drift.triage import Drifting, Moved, Signs
from churn.drift.triage import Realised as Became
from churn.findings import Answer
from churn.profiles import profile_of
from churn.promotion.hindsight import Hindsight
from churn.promotion.metrics import Z95
from churn.realised import Realised, realised
from churn.settings.stages import DriftStage
from churn.verdict_inputs import nights_before

if TYPE_CHECKING:
    from churn.drift.cbpe import Estimated
    from churn.drift.classifier import ToldApart
    from churn.drift.feeds import Fault
    from churn.drift.profile import Profile
    from churn.drift.verdict import DriftVerdict

_TOLD: dict[Answer, Drifting] = {Answer.FAIL: "once", Answer.INSUFFICIENT: "insufficient"}


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A night with its verdict. `before` are the facts of the 29 nights before it, oldest first, None: not there.

    `then` is the reference's profile, `now` the night's, `weights` the parts of the trees' gain by feature, `outcomes`
    those of the nights whose labels are ripe, in order; `apart` of a night that failed, by what it is told apart.
    """

    day: date
    champion: Champion
    then: Profile
    now: Profile
    verdict: DriftVerdict
    weights: Mapping[str, float]
    before: Mapping[date, Mapping[str, Any] | None]
    faults: tuple[Fault, ...]
    outcomes: tuple[Realised, ...]
    apart: ToldApart | None

    @cached_property
    def answers(self) -> tuple[Answer | None, ...]:
        """The answers of the last 30 nights, oldest first, this one last."""
        earlier = (Answer(facts["answer"]) if facts else None for facts in self.before.values())
        return (*earlier, self.verdict.answer)

    def signs(self, stage: DriftStage) -> Signs:
        """Returns what the decision looks at."""
        return Signs(
            faults=tuple(str(fault) for fault in self.faults),
            drifting="yes" if stage.alarm.alarms(self.answers) else _TOLD.get(self.verdict.answer, "no"),
            moved=tuple(self._moved()),
            estimated=self._estimated(stage.estimate_drop),
            realised=self._realised(),
        )

    @cached_property
    def estimates(self) -> tuple[Estimated | None, Estimated | None]:
        """The AUC that the scores alone let expect, of the reference and of the night; None where they allow none."""
        from churn.drift.bins import NumberBins
        from churn.drift.cbpe import expected, levels_of

        bundle = self.champion.bundle
        at = [column.name for column in self.then.bins.columns].index(bundle.score_name)
        bins = self.then.bins.columns[at]
        if bundle.task != "binary" or not isinstance(bins, NumberBins):
            return None, None
        found = (levels_of(bins, profile.counts[at]) for profile in (self.then, self.now))
        then, now = (expected(levels, share=0.1).get("auc") if levels else None for levels in found)
        return then, now

    def _estimated(self, drop: float) -> Literal["holds", "fell", "insufficient", "none"]:
        """Says whether the AUC to be expected fell by `drop` or more, beyond what outcomes alone make of it."""
        then, now = self.estimates
        if self.champion.bundle.task != "binary":
            return "none"
        if then is None or now is None:
            return "insufficient"
        noise = Z95 * math.hypot(then.se, now.se)
        if noise > drop and then.figure - now.figure < noise:
            return "insufficient"
        return "fell" if then.figure - now.figure >= max(drop, noise) else "holds"

    @cached_property
    def _own(self) -> Realised | None:
        """The newest ripe night that the same version scored, without having learned its labels."""
        own = [found for found in self.outcomes if found.version == self.champion.version and not found.learned]
        return own[-1] if own else None

    @property
    def newest(self) -> dict[str, str] | None:
        """What became of the newest ripe night that the same version scored; None where there is none."""
        return {"night": self._own.day.isoformat(), "reason": self._own.reason} if self._own else None

    def _realised(self) -> Became:
        if self._own is None:
            return "none"
        if self._own.verdict is Hindsight.CALIBRATION_OFF and self.champion.bundle.task == "regression":
            return "level_off"
        return self._own.verdict.value

    def _moved(self) -> list[Moved]:
        earlier = (facts.get("drifted", ()) if facts else None for facts in self.before.values())
        drifted = [*earlier, self.verdict.drifted]
        return [
            Moved(column=name, weight=self.weights[name], nights=nights_in_a_row(drifted, name))
            for name in self.verdict.drifted
            if name in self.weights
        ]


def watch(doors: Doors, champion: Champion, day: date) -> Watched:
    """Returns what a scored night shows.

    Raises:
        DataError: the night is not there, or not as it was published.
    """
    from churn.drift.profile import from_parquet
    from churn.feeds import find_faults
    from churn.training.model_text import gain_shares

    _, then = from_parquet(champion.bundle.reference)
    now = profile_of(doors, champion, day)
    verdict = judged(doors, champion, now)
    return Watched(
        day=day,
        champion=champion,
        then=then,
        now=now,
        verdict=verdict,
        weights=gain_shares(champion.bundle.model_text),
        before=nights_before(doors, day),
        faults=find_faults(doors, day),
        outcomes=realised(doors, day),
        apart=told_apart(doors, champion, day) if verdict.answer is Answer.FAIL else None,
    )


def judged(doors: Doors, champion: Champion, now: Profile) -> DriftVerdict:
    """Returns the verdict about one night, or about several added up, under today's settings."""
    from churn.drift.bins import segment_column
    from churn.drift.profile import from_parquet
    from churn.drift.verdict import judge
    from churn.training.model_text import gain_shares

    bundle, stage = champion.bundle, doors.settings.stage_as(DriftStage)
    _, then = from_parquet(bundle.reference)
    segments = segment_column(bundle.score_name)
    return judge(
        then,
        now,
        limits=stage.limits,
        watched=[entry.name for entry in bundle.dictionary if entry.watched],
        score=bundle.score_name,
        segments=segments if any(column.name == segments for column in then.bins.columns) else None,
        weights=gain_shares(bundle.model_text) if stage.weights == "model" else None,
    )
