"""What may be set about a model?

LightGBM's own parameters under their own names, so that `model.num_leaves=15` means what its documentation says. Their
values stand in YAML, none here; a file of its own, since every command reads settings and few need LightGBM.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """LightGBM's parameters; fractions in (0, 1], `min_data_in_leaf` in rows."""

    num_iterations: int
    learning_rate: float
    num_leaves: int
    min_data_in_leaf: int
    feature_fraction: float
    bagging_fraction: float
    bagging_freq: int
    lambda_l2: float
    max_bin: int
    seed: int
