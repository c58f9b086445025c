"""Which business is simulated, and what happens to it?

Parameters only, and nothing imported that is slow to load: the settings read this file at every start. All defaults
stand in YAML.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from churn.dates import parse_day
from churn.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """One simulated subscription business.

    `customers` is the base at the start of every day: newcomers replace leavers one for one. `scenario` says what
    differs from `change_date` on (an ISO day; None in a steady business alone): nothing (`steady`), who comes, what
    they pay and how much they use (`drift`), why they leave (`concept`), or the raw feed (`broken_feed`, by `fault`).

    Raises:
        SettingsError: for parameters that contradict one another.

    >>> tiny = Business(customers=300, seed=1, scenario="concept", change_date="2025-06-01", fault=None)
    >>> tiny.changed(date(2025, 5, 31)), tiny.changed(date(2025, 6, 1))
    (False, True)
    """

    customers: int
    seed: int
    scenario: Literal["steady", "drift", "concept", "broken_feed"]
    change_date: str | None
    fault: Literal["null_column", "scaled", "sign", "frozen", "truncated", "duplicated", "shifted"] | None

    def __post_init__(self) -> None:
        self._check_numbers()
        if self.change_date is not None:
            parse_day(self.change_date)
        elif self.scenario != "steady":
            raise _wrong(f"scenario={self.scenario} without change_date", "name its first day, change_date=2025-06-01")
        if (self.scenario == "broken_feed") != (self.fault is not None):
            raise _wrong(
                f"scenario={self.scenario} with fault={self.fault}", "name a fault for broken_feed, and only there"
            )

    def changed(self, day: date) -> bool:
        """Returns whether `day` is one on which the scenario shows."""
        if self.scenario == "steady" or self.change_date is None:
            return False
        return day >= parse_day(self.change_date)

    def _check_numbers(self) -> None:
        if self.customers < 1:
            raise _wrong(f"customers={self.customers}", "simulate at least one customer")
        if self.seed < 0:
            raise _wrong(f"seed={self.seed}", "use a seed of 0 or more")


def _wrong(found: str, action: str) -> SettingsError:
    return SettingsError(where="simulated business", found=found, action=action)
