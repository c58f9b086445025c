"""What does every gate look at?

Ripe out-of-time rows that neither model was trained on, scored by both now, and what else is known about the two. What
is absent is None, and each gate says what that means to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from churn.errors import SettingsError
from churn.promotion.delong import Ints, Owners, customer_numbers
from churn.promotion.recalibrated import Empc
from churn.promotion.resampling import Resampling
from churn.promotion.suspicion import Leaks
from churn.training.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a score is for: a list of the `share` of customers that score highest, and what contacting one is worth.

    Money in one unit; `alpha` and `beta` are those of the chance that a customer who takes the incentive stays.

    Raises:
        SettingsError: a share that is not between 0 and 1, or money that is not over 0.
    """

    share: float
    lifetime_value: float
    incentive: float
    contact: float
    alpha: float
    beta: float

    def __post_init__(self) -> None:
        numbers = (self.lifetime_value, self.incentive, self.contact, self.alpha, self.beta)
        if not (0 < self.share < 1 and min(numbers) > 0 and self.incentive < self.lifetime_value):
            action = "choose a share between 0 and 1, amounts over 0, and an incentive under the lifetime value"
            raise SettingsError(where="campaign", found=str(self), action=action)

    @property
    def profit(self) -> Empc:
        """The metric of its expected maximum profit."""
        return Empc(
            lifetime_value=self.lifetime_value,
            incentive=self.incentive,
            contact=self.contact,
            alpha=self.alpha,
            beta=self.beta,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a bundle costs a night: its size, and the time to score a row, both as measured."""

    bytes: int
    microseconds_per_row: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One label and one score of each model a row; of a binary task 0 or 1, and calibrated probabilities.

    `champion` is None where nobody was ever promoted. `customers` says whose each row is; None: each row is a customer
    of its own. `protected` holds attributes of the rows that no model saw, `features` what the models saw, one row
    each; `leaks` what the leak check found, None where it did not run; `cost` is the challenger's.
    """

    labels: npt.NDArray[Any] = field(repr=False)
    challenger: npt.NDArray[Any] = field(repr=False)
    champion: npt.NDArray[Any] | None = field(repr=False)
    campaign: Campaign
    customers: npt.NDArray[Any] | None = field(repr=False, default=None)
    task: Task = "binary"
    protected: pl.DataFrame | None = field(repr=False, default=None)
    features: pl.DataFrame | None = field(repr=False, default=None)
    leaks: Leaks | None = None
    cost: Cost | None = None
    resampling: Resampling = field(default_factory=Resampling)

    @property
    def n(self) -> int:
        """How many rows."""
        return int(np.size(self.labels))

    @property
    def owners(self) -> Ints:
        """Each row's customer as a number from 0 on without a gap."""
        return customer_numbers(self.n, self.customers)

    @property
    def rarer(self) -> int:
        """Customers with a row of the rarer class (regression: all): what the normal approximations here live on."""
        if self.task == "regression":
            return int(np.unique(self.owners).size)
        return Owners.of(np.asarray(self.labels) == 1, self.customers).fewest

    @property
    def size(self) -> str:
        """How many rows, and of how many customers where those are fewer."""
        customers = self.n if self.customers is None else int(np.unique(self.customers).size)
        return f"{self.n:,} rows" + (f" of {customers:,} customers" if customers < self.n else "")
