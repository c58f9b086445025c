"""What was asked for?

The whole configuration as frozen typed values, parsed once, before any I/O: an unknown key, a wrong type or a missing
value stops the run with the file, the key and the nearest valid name. No default stands here: YAML holds them all.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Day  # noqa: N812 - `date` is a field here
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from churn.dates import parse_dates, parse_day
from churn.errors import SettingsError
from churn.features.day import IntakeLimits
from churn.scoring.templates import Template
from churn.settings.mistakes import explained
from churn.settings.operation import Positive
from churn.settings.secrets import check_addresses
from churn.settings.stages import (
    NIGHTS,
    ONE_DATE,
    SCHEDULED,
    WITHOUT_DATE,
    DeliverStage,
    DemoStage,
    DriftStage,
    OutcomesStage,
    Stage,
    TrainStage,
)
from churn.stores.mail import Mail
from churn.stores.sinks import Sink
from churn.stores.sources import Source
from churn.training.model import ModelSettings
from churn.training.split import SplitPlan

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one run may use: threads, DuckDB's memory (such as `4GB`), the folder that it spills to, rows at a time.

    A relative `spill` stands under the root.
    """

    threads: Positive
    memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)?(MB|GB|MiB|GiB)$")]
    spill: Path
    chunk_rows: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """Where MLflow stands (None: SQLite under the root), and how long a night does without it.

    The kept champion scores for `unconfirmed_days` after the registry last named it.
    """

    uri: str | None
    unconfirmed_days: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """Whether the first trial that fails ends a sweep; `name` is the command line's to give, None of a single run."""

    name: str | None
    fail_fast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """The folder of the files that Prometheus reads, under the root where it is relative; None: none are written."""

    folder: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """Who hears of an end that calls for a person: a webhook (its address stands in the environment), mail addresses.

    After `within_seconds` a run waits no longer for its notices, and ends without them.
    """

    webhook: bool
    mail: Mail
    within_seconds: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSettings:
    """Where a dataset's raw tables stand, when they are refused, what its model is called in the registry, and where
    its scores go beyond the lake.

    No raw row lies before `first_day`; `max_gap_days` without any may precede a date. Where the newest raw day is more
    than `newest_day_within_days` before today, `date=auto` stops; None for days that are long past. `reasons` names
    features that are told together, and how.
    """

    name: Annotated[str, Field(pattern=r"^\w+$")]  # folders and files bear it
    model_name: Annotated[str, Field(pattern=r"^[\w .-]+$")]  # MLflow's filters quote it
    experiment: str
    first_day: Day
    max_gap_days: Annotated[int, Field(ge=0)]
    newest_day_within_days: Positive | None
    folder: str
    intake: IntakeLimits
    reasons: dict[str, Template]
    tables: dict[str, Annotated[Source, Field(discriminator="kind")]]
    sinks: dict[Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$")], Annotated[Sink, Field(discriminator="kind")]]


AUTO, STALE = "auto", "stale"
"""Words for dates that the lake knows: the missed nights, and those whose inputs changed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration of one run.

    Given by the command line: `run` (its name in logs), `today` (UTC) and `own` (the folder of a user's own YAML).
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    run: str
    today: Day
    own: Path | None
    date: str | None
    catch_up_days: Positive
    root: Path
    keep_logs: Positive
    resources: Resources
    registry: RegistrySettings
    sweep: SweepSettings
    metrics: MetricsSettings
    notify: NotifySettings
    dataset: DatasetSettings
    model: ModelSettings
    split: Annotated[SplitPlan, Field(discriminator="kind")]
    stage: Annotated[Stage, Field(discriminator="name")]

    @cached_property
    def dates(self) -> tuple[Day, ...]:
        """The dates that `date=` names, in order."""
        if self.date is None:
            raise SettingsError(where="date", found="missing", action="say which date, such as date=2026-01-05")
        return parse_dates(self.date)

    @property
    def day(self) -> Day:
        """The one date of a stage that takes one date."""
        if len(self.dates) != 1:
            found = f"{len(self.dates)} dates in {self.date!r}"
            where = f"stage={self.stage.name}"
            raise SettingsError(where=where, found=found, action="name one date, such as date=2026-01-05")
        return self.dates[0]

    @property
    def is_scheduled(self) -> bool:
        """Whether this is a run that a schedule may start: no trial of a sweep, and nothing that only looks."""
        return isinstance(self.stage, SCHEDULED) and self.sweep.name is None and not _replays(self.stage)

    def stage_as(self, kind: type[S]) -> S:
        """Returns the stage's own settings, typed; a stage that asks for another's is our bug.

        Raises:
            TypeError: the run is of another stage.
        """
        if not isinstance(self.stage, kind):
            raise TypeError(f"settings of stage={self.stage.name} where {kind.__name__} was expected")
        return self.stage

    def at(self, stage: Stage, day: str | None = None) -> Settings:
        """Returns the same settings for another stage, and another date where one is given."""
        return dataclasses.replace(self, stage=stage, date=day or self.date)


def parse(raw: Mapping[str, Any], *, files: Mapping[str, str]) -> Settings:
    """Returns the settings that a composed configuration stands for.

    `files` maps a top-level key to the YAML file that it came from, for the error message.

    Raises:
        SettingsError: a secret in an address, an unknown key, a wrong type, a missing value, dates that the stage
            cannot take, or a sweep that could not tell which of its trials is better.
    """
    plain = dict(raw) | {"date": None if raw.get("date") is None else str(raw["date"])}
    check_addresses(plain)
    try:
        settings = _adapter().validate_json(json.dumps(plain))
    except ValidationError as error:
        raise explained(error, plain, files) from error
    _check_dates(settings)
    _check_sweep(settings)
    _check_root(settings.root)
    return dataclasses.replace(settings, root=settings.root.absolute())


def composed(settings: Settings) -> dict[str, Any]:
    """Returns the settings as values that JSON knows, but for sinks, logs and those of one command or machine.

    A path under the root begins with `<root>`, so that the same settings are the same wherever the lake stands.
    Nothing here is secret: passwords stand in the environment, and settings name the variable.
    """
    ours = {"run", "today", "own", "root", "sweep", "metrics", "notify", "keep_logs"}
    names = [field.name for field in dataclasses.fields(settings) if field.name not in ours]
    fields: dict[str, Any] = _adapter().dump_python(settings, mode="json", include=set(names))
    dataset = fields["dataset"]
    del dataset["sinks"]  # where scores go makes no other model
    for holder, key in ((dataset, "folder"), *((table, "path") for table in dataset["tables"].values())):
        if key in holder:
            holder[key] = _from_root(holder[key], settings.root)
    return fields


@cache
def _adapter() -> TypeAdapter[Settings]:
    """Returns what reads and writes settings; making it takes longer than a hundred uses."""
    return TypeAdapter(Settings)


def _from_root(text: str, root: Path) -> str:
    path = Path(text).absolute()
    return str(Path("<root>") / path.relative_to(root)) if path.is_relative_to(root) else text


def _check_dates(settings: Settings) -> None:
    stage = settings.stage
    if isinstance(stage, DemoStage):
        parse_dates(stage.raw_days)
        parse_day(stage.night)
    if isinstance(stage, TrainStage) and stage.dates is not None:
        parse_dates(stage.dates)
    if isinstance(stage, ONE_DATE):
        _ = settings.day if settings.date is not None else None
    elif isinstance(stage, WITHOUT_DATE):
        _refuse_date(settings)
    elif settings.date not in _words(stage) and not (_replays(stage) and settings.date is None):
        _ = settings.dates


def _replays(stage: Stage) -> bool:
    """Returns whether a stage looks back on all nights there are, where no date is named."""
    return isinstance(stage, DriftStage) and stage.replay


def _words(stage: Stage) -> set[str]:
    """Returns the words that `date=` may be for a stage, beside days."""
    return (
        {AUTO, STALE}
        if isinstance(stage, NIGHTS)
        else {AUTO}
        if isinstance(stage, DeliverStage | OutcomesStage)
        else set()
    )


def _refuse_date(settings: Settings) -> None:
    if settings.date is not None:
        name = settings.stage.name
        action = f"leave date= out; conf/stage/{name}.yaml holds what may be set"
        raise SettingsError(where=f"stage={name}", found=f"date={settings.date}, and it takes none", action=action)


def _check_sweep(settings: Settings) -> None:
    if settings.sweep.name is not None and isinstance(settings.stage, TrainStage) and settings.split.folds == 0:
        action = "a sweep is compared by cross-validation: set split.folds to 1 or more"
        raise SettingsError(where="split.folds", found="0, and so no figure to compare trials by", action=action)


def _check_root(root: Path) -> None:
    strange = sorted(set(str(root.absolute())) & set("%?#*[="))
    if strange:
        action = (
            "choose a folder without %, ?, #, *, [ and =, which mean something else in globs, partitions and addresses"
        )
        raise SettingsError(where="root", found=f"{' '.join(strange)} in {root}", action=action)
