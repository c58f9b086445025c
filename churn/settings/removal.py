"""What is asked of the stages that take something out of the lake?

Both say only what they would do, unless they are told to do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from churn.errors import SettingsError

Prunable: TypeAlias = Literal[
    "tables",
    "quarantine",
    "features",
    "predictions",
    "shadow",
    "drift",
    "outcomes",
    "profiles",
    "feeds",
    "leaks",
    "deliveries",
    "versions",
    "code",
    "logs",
]
"""The kinds that may be kept for a while alone: partitions, what was replaced of them, SQL and code, logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneStage:
    """Settings of `stage=prune`: whether to say only what may go, and whether to name all of it, not the largest alone.

    `keep_days` is by kind how many days before today are kept; None keeps for ever.
    """

    name: Literal["prune"]
    dry_run: bool
    verbose: bool
    keep_days: dict[Prunable, Annotated[int, Field(ge=0)] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetStage:
    """Settings of `stage=forget`: a customer's key, or a file with one a line; whether to say only where they stand."""

    name: Literal["forget"]
    dry_run: bool
    key: Annotated[int, Field(gt=-(2**63), lt=2**63)] | None
    file: Path | None

    def __post_init__(self) -> None:
        """Raises SettingsError where nobody is named, or customers are named twice over."""
        if (self.key is None) == (self.file is None):
            found = "neither key nor file" if self.key is None else "both key and file"
            action = "name one customer, key=1234, or a file with one key a line, file=requests.txt"
            raise SettingsError(where="stage=forget", found=found, action=action)
