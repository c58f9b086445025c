"""What is each stage asked to do?

One class a stage, named after it by `name`; the union at the foot lists all there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from churn.drift.limits import DriftLimits
from churn.drift.nights import NightRule
from churn.drift.triage import TriageLimits
from churn.errors import SettingsError
from churn.promotion.evidence import Campaign
from churn.promotion.gates import Gate
from churn.promotion.hindsight import OutcomeLimits
from churn.promotion.suspicion import LeakLimits
from churn.promotion.verdict import OnInsufficient
from churn.settings.operation import DoctorStage, Positive, ScheduleStage
from churn.settings.removal import ForgetStage, PruneStage
from churn.simulation.business import Business

Reason = Annotated[str, Field(max_length=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateStage:
    """Settings of `stage=simulate`."""

    name: Literal["simulate"]
    business: Business


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesStage:
    """Settings of `stage=features`."""

    name: Literal["features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStage:
    """Settings of `stage=train`: which dates it reads, and how scores become probabilities."""

    name: Literal["train"]
    run_name: str
    every: str
    at_most: Positive
    dates: str | None
    calibration: Literal["auto", "none", "platt", "isotonic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteStage:
    """Settings of `stage=promote`: which version, for which campaign, held against which gates, and a person's word.

    `on_insufficient`: what a gate that cannot judge means, but for the floors and comparisons that decide.
    """

    name: Literal["promote"]
    version: Positive | None
    campaign: Campaign
    on_insufficient: OnInsufficient
    needs_approval: bool
    approve: bool
    shadow_nights: Annotated[int, Field(ge=0)]
    reason: Reason | None
    gates: dict[str, Annotated[Gate, Field(discriminator="kind")]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearseStage:
    """Settings of `stage=rehearse`: the gates, how many trials, how much worse the slightly worse challenger is."""

    name: Literal["rehearse"]
    promote: PromoteStage
    trials: Positive
    worse_by: Annotated[float, Field(gt=0, lt=0.5)]
    seed: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStage:
    """Settings of `stage=rollback`: which version is to reign again, and why."""

    name: Literal["rollback"]
    version: Positive | None
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStage:
    """Settings of `stage=history`."""

    name: Literal["history"]
    last: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonSettings:
    """Why customers score so high: the `rows` highest scores of the top segment (0: none), `at_most` reasons each.

    `lowering` tells what lowers a score, too.
    """

    rows: Annotated[int, Field(ge=0)]
    at_most: Positive
    lowering: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreStage:
    """Settings of `stage=score`: today's champion, that of each night or that which scored it before; the engine.

    `uncertainty`: each score gets its 95 % band. `profile`: the night is counted for drift while it is scored.
    """

    name: Literal["score"]
    model: Literal["current", "as_of", "same"]
    engine: Literal["numba", "lightgbm"]
    cluster: str | None
    uncertainty: bool
    profile: bool
    reasons: ReasonSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverStage:
    """Settings of `stage=deliver`: whether to send what a sink has had already."""

    name: Literal["deliver"]
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAction:
    """What a verdict that calls for another model sets going: nothing, a training here, or the user's own command.

    `command` is a program and its arguments, run without a shell and killed after `timeout_seconds`. Nothing is done
    within `cooldown_days` of the last such action or of the champion's first night, nor more than `monthly_budget`
    times in 30 days.
    """

    kind: Literal["none", "retrain", "command"]
    command: tuple[str, ...]
    timeout_seconds: Positive
    cooldown_days: Annotated[int, Field(ge=0)]
    monthly_budget: Annotated[int, Field(ge=0)]

    def __post_init__(self) -> None:
        """Raises SettingsError for kind=command without a command."""
        if self.kind == "command" and not self.command:
            words = "stage.action.command='[/opt/retrain,--big]' (of stage=nightly: stage.drift.action.command=…)"
            action = f"name a program and its arguments: {words}"
            raise SettingsError(where="stage.action", found="kind=command without a command", action=action)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftStage:
    """Settings of `stage=drift`: what counts as drift, when it is an alarm, what is then to be done, and what is done.

    `weights`: whether a column counts by its part in the model. `estimate_drop`: the fall of the label-free AUC that
    matters. `replay`: only show what the past would have been.
    """

    name: Literal["drift"]
    replay: bool
    weights: Literal["model", "equal"]
    estimate_drop: Annotated[float, Field(gt=0, lt=0.5)]
    limits: DriftLimits
    alarm: NightRule
    triage: TriageLimits
    action: DriftAction
    train: TrainStage
    promote: PromoteStage


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomesStage:
    """Settings of `stage=outcomes`: the campaign of `promote`, and what counts as a loss."""

    name: Literal["outcomes"]
    promote: PromoteStage
    limits: OutcomeLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyStage:
    """Settings of `stage=nightly`: those of its three parts."""

    name: Literal["nightly"]
    features: FeaturesStage
    score: ScoreStage
    drift: DriftStage


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStage:
    """Settings of `stage=demo`: the raw days to simulate, the night to score, those of its parts."""

    name: Literal["demo"]
    raw_days: str
    night: str
    simulate: SimulateStage
    train: TrainStage
    promote: PromoteStage
    nightly: NightlyStage


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakcheckStage:
    """Settings of `stage=leakcheck`: the training table, the trees of a model, and when something is suspicious."""

    name: Literal["leakcheck"]
    train: TrainStage
    num_iterations: Positive
    limits: LeakLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageStage:
    """Settings of `stage=lineage`: whether to make the night again and compare the bytes."""

    name: Literal["lineage"]
    rebuild: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusStage:
    """Settings of `stage=status`: how many dates are shown, and the limits that their verdicts are held against."""

    name: Literal["status"]
    last: Positive
    drift: DriftStage


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStage:
    """Settings of `stage=plan`: which stage, by which limits of drift, and by how many of the newest nights."""

    name: Literal["plan"]
    of: Literal["features", "score", "drift", "nightly"]
    nights: Positive
    drift: DriftStage


Stage = (
    SimulateStage
    | FeaturesStage
    | TrainStage
    | PromoteStage
    | RehearseStage
    | RollbackStage
    | HistoryStage
    | ScoreStage
    | DeliverStage
    | DriftStage
    | OutcomesStage
    | NightlyStage
    | DemoStage
    | LeakcheckStage
    | LineageStage
    | PruneStage
    | ForgetStage
    | StatusStage
    | ScheduleStage
    | DoctorStage
    | PlanStage
)

WITHOUT_DATE = (DemoStage, DoctorStage, ForgetStage, HistoryStage, PruneStage, ScheduleStage, StatusStage)
NIGHTS = (FeaturesStage, ScoreStage, DriftStage, NightlyStage, PlanStage)
"""Those that take words for dates that the lake knows, too."""
SCHEDULED = (
    *(FeaturesStage, ScoreStage, DriftStage, NightlyStage),
    *(TrainStage, PromoteStage, OutcomesStage, DeliverStage),
)
"""Those that run by themselves: how they end is told outside (metrics, notices)."""
ONE_DATE = (TrainStage, PromoteStage, RehearseStage, RollbackStage, LeakcheckStage)
"""Those that take one date, or none for the newest night."""


def reads_only(stage: Stage) -> bool:
    """Says whether a stage leaves nothing behind, a log included."""
    if isinstance(stage, LineageStage):
        return not stage.rebuild
    return isinstance(stage, DoctorStage | HistoryStage | PlanStage | StatusStage)
