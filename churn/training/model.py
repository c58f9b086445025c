"""What may be set about a model?

LightGBM's own parameters under their own names, so that `model.num_leaves=15` means what its documentation says. Their
values stand in YAML, none here; a file of its own, since every command reads settings and few need LightGBM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from churn.errors import SettingsError

Task: TypeAlias = Literal["binary", "regression"]
Objective: TypeAlias = Literal["binary", "regression", "poisson", "tweedie"]


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
