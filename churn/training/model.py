"""What may be set about a model?

LightGBM's own parameters under their own names, so that `model.num_leaves=15` means what its documentation says. Their
values stand in YAML, none here; a file of its own, since every command reads settings and few need LightGBM.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from churn.errors import SettingsError, did_you_mean

Task: TypeAlias = Literal["binary", "regression"]
Objective: TypeAlias = Literal["binary", "regression", "poisson", "tweedie"]

# What LightGBM itself takes. It prints a fatal line of its own before it refuses, so that it never gets to see others.
_AT_LEAST = {
    "num_iterations": 1,
    "early_stopping_rounds": 1,
    "num_leaves": 2,
    "min_data_in_leaf": 0,
    "bagging_freq": 0,
    "lambda_l2": 0,
    "max_bin": 2,
}
_OVER_ZERO = ("learning_rate", "feature_fraction", "bagging_fraction", "scale_pos_weight")
_AT_MOST = {"num_leaves": 131_072, "feature_fraction": 1, "bagging_fraction": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """LightGBM's parameters; fractions in (0, 1], `min_data_in_leaf` in rows.

    `objective`: None is the task's own; `poisson` and `tweedie` are for a regression of counts and of sums, never under
    0. `num_iterations` trees at most, fewer where the validation does not gain for `early_stopping_rounds`.
    `scale_pos_weight` weighs label 1 (1: as label 0). `monotone_constraints` names features whose score never falls, or
    never rises, as they grow.
    """

    objective: Objective | None
    num_iterations: int
    early_stopping_rounds: int
    learning_rate: float
    num_leaves: int
    min_data_in_leaf: int
    feature_fraction: float
    bagging_fraction: float
    bagging_freq: int
    lambda_l2: float
    max_bin: int
    scale_pos_weight: float
    monotone_constraints: dict[str, Literal["increasing", "decreasing"]]
    seed: int

    def __post_init__(self) -> None:
        """Raises SettingsError for a number that LightGBM would refuse."""
        for name in (*_AT_LEAST, *_OVER_ZERO):
            number, least, most = getattr(self, name), _AT_LEAST.get(name), _AT_MOST.get(name)
            under = number <= 0 if least is None else number < least
            if under or (most is not None and number > most):
                low = "more than 0" if least is None else f"{least} or more"
                action = f"give {low}" + (f", at most {most}" if most is not None else "")
                raise SettingsError(where=f"model.{name}", found=f"{number:g}", action=action)

    def signs(self, features: Sequence[str], *, categories: Collection[str]) -> list[int]:
        """Returns for each feature 1 where the score never falls as it grows, -1 where it never rises, else 0.

        Raises:
            SettingsError: a constraint is on none of the features, or on one of the `categories`.
        """
        numbers = [name for name in features if name not in categories]
        strange = [name for name in self.monotone_constraints if name not in numbers]
        if strange:
            found, action = f"{strange[0]!r} is no feature that is a number", did_you_mean(strange[0], numbers)
            raise SettingsError(where="model.monotone_constraints", found=found, action=action)
        signs = {"increasing": 1, "decreasing": -1}
        return [signs[self.monotone_constraints[name]] if name in self.monotone_constraints else 0 for name in features]

    def objective_of(self, task: Task) -> Objective:
        """Returns the objective for a task.

        Raises:
            SettingsError: the objective, or a weight of label 1, is of another task.
        """
        objective = self.objective or task
        if (objective == "binary") != (task == "binary"):
            fitting = "binary" if task == "binary" else "regression, poisson or tweedie"
            action = f"set model.objective to null or {fitting}"
            raise SettingsError(where="model.objective", found=f"{objective} for a {task} task", action=action)
        if task != "binary" and self.scale_pos_weight != 1:
            found = f"{self.scale_pos_weight} for a regression, which has no label 1"
            raise SettingsError(where="model.scale_pos_weight", found=found, action="set it to 1")
        return objective
