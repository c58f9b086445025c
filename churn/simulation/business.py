"""Which business is simulated, and what happens to it?

The fields are the choices that YAML makes and nothing else: how the business works is code (`conditions.py`). A scenario
that needs a date or a fault refuses to start without it, rather than quietly running as `steady`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from churn.errors import SettingsError

Scenario = Literal["steady", "drift", "concept", "broken_feed"]
Fault = Literal["null_column", "scaled", "frozen", "truncated", "duplicated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """A subscription business: its size in customers, its seed and what happens to it from `change_date` on.

    `drift` moves the inputs, `concept` moves the reasons to leave, `broken_feed` leaves the business alone and breaks its
    raw files by `fault`. `steady` reads neither the date nor the fault; the first two read no fault.

    Raises:
        SettingsError: no customer, a negative seed, or a scenario without the date or fault that it needs.

    >>> Business(customers=100, seed=1, scenario="steady", change_date=None, fault=None).customers
    100
    """

    customers: int
    seed: int
    scenario: Scenario
    change_date: date | None
    fault: Fault | None

    def __post_init__(self) -> None:
        if self.customers < 1:
            raise _refused("customers", self.customers, "simulate at least 1 customer")
        if self.seed < 0:
            raise _refused("seed", self.seed, "use a seed of 0 or more")
        if self.scenario != "steady" and self.change_date is None:
            raise _refused("change_date", self.change_date, f"give the first day of {self.scenario!r}")
        if self.scenario == "broken_feed" and self.fault is None:
            raise _refused(
                "fault", self.fault, "name the fault of the feed; null_column, scaled, frozen, truncated or duplicated"
            )

    def in_force(self, day: date) -> Scenario:
        """Returns the scenario that holds on a day: `steady` before `change_date`."""
        changed = self.change_date is not None and day >= self.change_date
        return self.scenario if changed else "steady"


def _refused(field: str, value: object, action: str) -> SettingsError:
    return SettingsError(where=f"simulation.{field}", found=repr(value), action=action)
