"""What may be set of the stages that see to it that nights happen?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from churn.scheduling.plan import Job, Service

Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStage:
    """Settings of `stage=schedule`: what is written, where, when each job is due, and how its commands are run.

    A relative `folder` stands under the root; `timezone` is that of all calendars.
    """

    name: Literal["schedule"]
    kind: Literal["systemd", "cron"]
    folder: Path
    prefix: str
    timezone: str
    jobs: dict[str, Job]
    service: Service


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorStage:
    """Settings of `stage=doctor`: what the forecast of the disk is made from, and when a state is worth a word.

    The mean of the newest `nights` is what a night takes; room for fewer than `disk_nights` is told. A writer may hold
    the registry's database for `lock_seconds`; `timers` is the pattern of the systemd timers that start the nights.
    """

    name: Literal["doctor"]
    nights: Positive
    disk_nights: Positive
    lock_seconds: Annotated[float, Field(ge=0)]
    timers: Annotated[str, Field(pattern=r"^[\w@*?.:\[\]-]+$")]
