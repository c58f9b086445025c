"""What should be done about what was seen?

One answer for every combination of signs, in a fixed order: a broken feed goes before everything, since a model that
learns from it learns the fault; then what the labels say; then what moved; and what could not be told is said last.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from churn.drift.nights import MOST_NIGHTS
from churn.errors import SettingsError

Drifting: TypeAlias = Literal["yes", "once", "no", "insufficient"]
Estimated: TypeAlias = Literal["holds", "fell", "insufficient", "none"]
Realised: TypeAlias = Literal["holds", "calibration_off", "level_off", "loss", "insufficient", "none"]


class Action(StrEnum):
    """What a verdict calls for."""

    STOP = "stop"
    RETRAIN = "retrain"
    RECALIBRATE = "recalibrate"
    WATCH = "watch"
    INSUFFICIENT = "insufficient evidence"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A drifted column: its part in the model (0 to 1, of the trees' total gain) and its drifted nights in a row."""

    column: str
    weight: float
    nights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """All that the decision looks at.

    `faults` are the broken feeds in words, one each. `drifting`: did inputs or scores alarm on k of the last n nights,
    the last one included (once: this night failed, and not enough of the others)? `moved` are the columns that did.
    `estimated`: is the label-free estimate of the night within its limits (none: there is no estimate for such a
    model)? `realised`: what the newest ripe labels say (none: no label is ripe yet); `loss` is one of ranking,
    `calibration_off` of the probabilities alone, `level_off` of a regression's numbers.
    """

    faults: tuple[str, ...]
    drifting: Drifting
    moved: tuple[Moved, ...]
    estimated: Estimated
    realised: Realised


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageLimits:
    """When drift matters by itself: columns that hold `weight` of the model (0 to 1) moved for `nights` in a row.

    Raises:
        SettingsError: a weight that is no share, no night, or more nights than are looked back on.
    """

    weight: float
    nights: int

    def __post_init__(self) -> None:
        if not (0 < self.weight <= 1 and 1 <= self.nights <= MOST_NIGHTS):
            found = f"weight={self.weight}, nights={self.nights}"
            action = f"choose a weight over 0 and up to 1 (0.3 is 30 % of the model), and 1 to {MOST_NIGHTS} nights"
            raise SettingsError(where="stage.triage", found=found, action=action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """What to do, and why: the ground that decided stands first, then what else was looked at."""

    action: Action
    grounds: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The grounds as one sentence."""
        return "; ".join(self.grounds)


def triage(signs: Signs, limits: TriageLimits) -> Triage:
    """Returns the one action that the signs call for, and its grounds in words.

    The first of these that holds decides: a fault → stop; realised loss → retrain; columns that matter drifted for
    long → retrain; calibration alone off → recalibrate (of a regression: retrain); inputs moved and the estimate fell →
    retrain; something could not be told → insufficient evidence; inputs or the estimate moved → watch; nothing → none.
    Labels that hold speak for a night whose estimate cannot be told or does not exist: inputs that moved are then
    watched.

    >>> limits = TriageLimits(weight=0.3, nights=7)
    >>> moved = (Moved(column="spend", weight=0.4, nights=7),)
    >>> signs = Signs(faults=(), drifting="yes", moved=moved, estimated="holds", realised="none")
    >>> triage(signs, limits).action.value, triage(signs, limits).grounds[0]
    ('retrain', 'columns with 40 % of the model (limit 30 %) have drifted for 7 nights or more: spend')
    >>> triage(Signs(faults=("usage: null",), drifting="yes", moved=moved, estimated="fell", realised="loss"), limits)
    Triage(action=<Action.STOP: 'stop'>, grounds=('usage: null', 'what drifts in a broken feed tells nothing'))
    """
    if signs.faults:
        return Triage(action=Action.STOP, grounds=(*signs.faults, "what drifts in a broken feed tells nothing"))
    lasting = _lasting(signs, limits)
    action, first = _decided(signs, lasting)
    others = (*_DRIFTING[signs.drifting], _ESTIMATED[signs.estimated], _REALISED[signs.realised])
    return Triage(action=action, grounds=tuple(dict.fromkeys((first, *others))))


def _decided(signs: Signs, lasting: str | None) -> tuple[Action, str]:
    if signs.realised == "loss":
        return Action.RETRAIN, _REALISED["loss"]
    if lasting:
        return Action.RETRAIN, lasting
    if signs.realised == "calibration_off":
        return Action.RECALIBRATE, _REALISED["calibration_off"]
    if signs.realised == "level_off":
        return Action.RETRAIN, _REALISED["level_off"]
    if signs.drifting == "yes" and signs.estimated == "fell":
        return Action.RETRAIN, "the inputs moved, and the model is estimated to have lost by it"
    return _mild(signs)


def _mild(signs: Signs) -> tuple[Action, str]:
    """Returns the answer where nothing calls for another model."""
    untold = _untold(signs)
    if untold:
        return Action.INSUFFICIENT, untold
    if signs.drifting == "yes":
        return Action.WATCH, "the inputs moved, and nothing says that the model lost by it"
    if signs.drifting == "once":
        return Action.WATCH, "the night failed, and not enough of the last ones for an alarm"
    if signs.estimated == "fell":
        return Action.WATCH, "the estimate fell, though no input alarmed"
    return Action.NONE, "nothing calls for an action"


def _untold(signs: Signs) -> str | None:
    """Returns what could not be told; labels that hold make up for an estimate that cannot be had."""
    if signs.drifting == "insufficient":
        return "the rows cannot tell whether the inputs moved"
    if signs.realised == "insufficient":
        return "the ripe labels cannot tell whether the model holds"
    unknown = signs.estimated == "insufficient" or (signs.estimated == "none" and signs.drifting == "yes")
    if unknown and signs.realised != "holds":
        moved = "the inputs moved, and " if signs.drifting == "yes" else ""
        return f"{moved}nothing tells whether the model holds: no estimate that could, and no ripe label"
    return None


def _lasting(signs: Signs, limits: TriageLimits) -> str | None:
    """Returns in words which columns that matter have drifted for long; None where they hold too little of the model.

    The sum is compared as it is shown, to a millionth: 0.1 + 0.2 reaches a limit of 0.3.
    """
    long = [column for column in signs.moved if column.nights >= limits.nights]
    weight = round(sum(column.weight for column in long), 6)
    if not long or weight < limits.weight:
        return None
    ranked = sorted(long, key=lambda column: (-column.weight, column.column))
    names = ", ".join(column.column for column in ranked)
    held = f"columns with {100 * weight:.3g} % of the model (limit {100 * limits.weight:.3g} %)"
    return f"{held} have drifted for {limits.nights} nights or more: {names}"


_DRIFTING: dict[Drifting, tuple[str, ...]] = {
    "yes": ("inputs or scores alarmed on enough of the last nights",),
    "once": ("this night failed, and not enough of the last ones for an alarm",),
    "no": ("the night did not fail",),
    "insufficient": (),
}
_ESTIMATED: dict[Estimated, str] = {
    "holds": "the label-free estimate holds (it assumes no concept drift)",
    "fell": "the label-free estimate fell",
    "insufficient": "the scores cannot tell a fall of their AUC from chance",
    "none": "a regression has no label-free estimate",
}
_REALISED: dict[Realised, str] = {
    "holds": "on ripe labels the model holds",
    "calibration_off": "on ripe labels the model ranks as before, and its probabilities are off",
    "level_off": "on ripe labels the predicted numbers are off as a whole, which no calibrator mends",
    "loss": "on ripe labels the model does worse than it did",
    "insufficient": "the ripe labels cannot tell whether the model holds",
    "none": "no label is ripe yet",
}
