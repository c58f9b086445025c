"""What is to be scheduled, under which limits, and what does it need of the machine?

The values alone, in a file of their own: every command reads settings, and few write a schedule.
"""

from __future__ import annotations

import re
import shlex
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from churn.errors import SettingsError, did_you_mean

_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(MB|GB|MiB|GiB)")
_BYTES = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@%-]+\.(service|target|socket|timer|path)")
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_MAIL = re.compile(r"[A-Za-z0-9_.+@-]+")
_SECRET = re.compile("pass|pwd|secret|token|key|credential|webhook", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """When something is done, and by which commands: each begins where the one before it ended well.

    A step is what stands behind `python -m churn`; `dataset=` and the root are added to it.
    """

    calendar: str
    steps: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises SettingsError for a job without a step, or a step that names no stage."""
        where = "stage.jobs"
        if not self.steps:
            raise SettingsError(where=where, found="a job without steps", action="name one: steps: [stage=train]")
        for step in self.steps:
            if not any(word.startswith("stage=") for word in words(step)):
                action = "begin it with one, such as stage=nightly date=auto"
                raise SettingsError(where=where, found=f"the step {step!r} names no stage", action=action)


def words(step: str) -> list[str]:
    """Returns the arguments of a step, as a shell would.

    Raises:
        SettingsError: a quote is not closed.

    >>> words("stage=promote 'reason=as agreed'")
    ['stage=promote', 'reason=as agreed']
    """
    try:
        return shlex.split(step)
    except ValueError as error:
        found = f"the step {step!r}: {str(error).lower()}"
        raise SettingsError(where="stage.jobs", found=found, action="close the quote") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often what could not be done is tried again (0: never), after how long, counted within how long.

    Starts by the calendar count, too.
    """

    times: int
    delay_minutes: int
    within_hours: int

    def __post_init__(self) -> None:
        """Raises SettingsError for figures that do not allow the last try to be counted."""
        least = self.times * self.delay_minutes / 60
        if min(self.times, self.delay_minutes - 1) < 0 or not least < self.within_hours:
            found = f"times={self.times}, delay_minutes={self.delay_minutes}, within_hours={self.within_hours}"
            action = "choose times from 0, a delay from 1 minute, and hours that hold all tries"
            raise SettingsError(where="stage.service.retry", found=found, action=action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How each command is run: by whom, under which limits, with which variables, and who hears of a failure.

    `memory` is a figure such as `8GB`; `network` None goes by what the settings name. `credentials` maps the name of an
    environment variable to the file that its secret is read from when the job runs.
    """

    user: str | None
    memory: str | None
    timeout_hours: int
    retry: Retry
    on_failure: str | None
    mail_to: str | None
    network: bool | None
    variables: dict[str, str]
    credentials: dict[str, Path]

    def __post_init__(self) -> None:
        """Raises SettingsError for a figure or a name that neither systemd nor cron would take."""
        _require(_ACCOUNT, user=self.user, action="name an account of this machine")
        _require(_MEMORY, memory=self.memory, action="write a figure such as 8GB or 512MiB, or null for no limit")
        _require(_UNIT, on_failure=self.on_failure, action="name a unit, such as mail@%n.service")
        _require(_MAIL, mail_to=self.mail_to, action="name an account or a mail address")
        if self.timeout_hours < 1:
            _refuse("timeout_hours", str(self.timeout_hours), "choose 1 or more")
        _check_variables(self.variables, self.credentials)

    @property
    def memory_bytes(self) -> int | None:
        """The limit in bytes; None where there is none."""
        return None if self.memory is None else bytes_of(self.memory)


def bytes_of(figure: str) -> int:
    """Returns the bytes of a memory figure.

    Raises:
        SettingsError: it is none.

    >>> bytes_of("1.5GB")
    1500000000
    """
    found = _MEMORY.fullmatch(figure)
    if not found:
        raise SettingsError(where="memory", found=repr(figure), action="write a figure such as 8GB or 512MiB")
    return int(float(found[1]) * _BYTES[found[2]])


def _require(form: re.Pattern[str], *, action: str, **named: str | None) -> None:
    for name, text in named.items():
        if text is not None and not form.fullmatch(text):
            _refuse(name, repr(text), action)


def _refuse(name: str, found: str, action: str) -> None:
    raise SettingsError(where=f"stage.service.{name}", found=found, action=action)


def _check_variables(variables: Mapping[str, str], credentials: Mapping[str, Path]) -> None:
    for name in (*variables, *credentials):
        key = "variables" if name in variables else "credentials"
        _require(_VARIABLE, **{key: name}, action="name an environment variable, such as PGPASSWORD")
    open_to_all = [name for name in variables if _SECRET.search(name)]
    if open_to_all:
        action = f"put it into a file, and name that: +stage.service.credentials.{open_to_all[0]}=/etc/churn/secret"
        _refuse("variables", f"{open_to_all[0]} sounds like a secret, and this is written into a file", action)
    for name, path in credentials.items():
        if not path.is_absolute():
            _refuse(f"credentials.{name}", str(path), "name the file by its whole path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A job with its name and whole commands."""

    name: str
    calendar: str
    commands: tuple[tuple[str, ...], ...]

    @property
    def catches_up(self) -> bool:
        """Whether it finds by itself what was missed, so that running it once more does no harm."""
        return all("date=auto" in command for command in self.commands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where commands run, what they may write, and what of the machine they have to see."""

    working: Path
    folder: Path
    writable: tuple[Path, ...]
    sees_home: bool
    sees_tmp: bool
    network: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a schedule's files are written from; `name` begins the name of each, `variables` are all there are."""

    name: str
    timezone: str
    user: str
    service: Service
    tasks: tuple[Task, ...]
    place: Place
    variables: dict[str, str]


def check_names(prefix: str, jobs: Iterable[str]) -> None:
    """Returns nothing where names can be part of a unit's.

    Raises:
        SettingsError: naming the first that cannot, or that there is no job.
    """
    names = tuple(jobs)
    wrong = [name for name in (prefix, *names) if not _NAME.fullmatch(name)]
    if wrong or not names:
        found = f"{wrong[0]!r} as part of a unit's name" if wrong else "no job"
        action = "write letters from a to z, digits and _, a letter first" if wrong else "name one in stage.jobs"
        raise SettingsError(where="stage.jobs", found=found, action=action)


def check_timezone(name: str) -> None:
    """Returns nothing where there is a time zone of that name.

    Raises:
        SettingsError: there is none.
    """
    known = zoneinfo.available_timezones()
    if name not in known:
        raise SettingsError(
            where="stage.timezone", found=f"no such time zone {name!r}", action=did_you_mean(name, known)
        )
