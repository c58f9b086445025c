"""What was asked for?

The whole configuration as frozen typed values, parsed once, before any I/O: an unknown key, a wrong type or a missing
value stops the run with the file, the key and the nearest valid name. No default stands here: YAML holds them all.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Day  # noqa: N812 - `date` is a field here
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import unquote

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from churn.dates import parse_dates, parse_day
from churn.drift.limits import DriftLimits
from churn.errors import SettingsError, did_you_mean
from churn.features.day import IntakeLimits
from churn.promotion.gates import Gate
from churn.promotion.suspicion import LeakLimits
from churn.simulation.business import Business
from churn.stores.sources import Source
from churn.training.model import ModelSettings
from churn.training.split import SplitPlan

SQL = Path(__file__).parent.parent / "sql"

Positive = Annotated[int, Field(ge=1)]
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
    """Where MLflow stands; None is SQLite under the root."""

    uri: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """Whether the first trial that fails ends a sweep; `name` is the command line's to give, None of a single run."""

    name: str | None
    fail_fast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSettings:
    """Where a dataset's raw tables stand, when they are refused, and what its model is called in the registry.

    No raw row lies before `first_day`; `max_gap_days` without any may precede a date.
    """

    name: str
    model_name: str
    experiment: str
    first_day: Day
    max_gap_days: Annotated[int, Field(ge=0)]
    folder: str
    intake: IntakeLimits
    tables: dict[str, Annotated[Source, Field(discriminator="kind")]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateStage:
    """Settings of `stage=simulate`."""

    name: Literal["simulate"]
    business: Business


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesStage:
    """Settings of `stage=features`."""

    name: Literal["features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStage:
    """Settings of `stage=train`: which dates it reads, and how scores become probabilities."""

    name: Literal["train"]
    run_name: str
    every: str
    at_most: Positive
    dates: str | None
    calibration: Literal["auto", "none", "platt", "isotonic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteStage:
    """Settings of `stage=promote`: which version, held against which gates."""

    name: Literal["promote"]
    version: Positive | None
    gates: dict[str, Annotated[Gate, Field(discriminator="kind")]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreStage:
    """Settings of `stage=score`: today's champion, that of each night, or what scored it before; by whom."""

    name: Literal["score"]
    model: Literal["current", "as_of", "same"]
    engine: Literal["numba", "lightgbm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftStage:
    """Settings of `stage=drift`: what counts as drift."""

    name: Literal["drift"]
    limits: DriftLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyStage:
    """Settings of `stage=nightly`: those of its three parts."""

    name: Literal["nightly"]
    features: FeaturesStage
    score: ScoreStage
    drift: DriftStage


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStage:
    """Settings of `stage=demo`: the raw days to simulate, the night to score, those of its parts."""

    name: Literal["demo"]
    raw_days: str
    night: str
    simulate: SimulateStage
    train: TrainStage
    promote: PromoteStage
    nightly: NightlyStage


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakcheckStage:
    """Settings of `stage=leakcheck`: the training table, the trees of a model, and when something is suspicious."""

    name: Literal["leakcheck"]
    train: TrainStage
    num_iterations: Positive
    limits: LeakLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageStage:
    """Settings of `stage=lineage`: whether to make the night again and compare the bytes."""

    name: Literal["lineage"]
    rebuild: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneStage:
    """Settings of `stage=prune`: whether to say only what may go."""

    name: Literal["prune"]
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusStage:
    """Settings of `stage=status`."""

    name: Literal["status"]
    last: Positive


Stage = (
    SimulateStage
    | FeaturesStage
    | TrainStage
    | PromoteStage
    | ScoreStage
    | DriftStage
    | NightlyStage
    | DemoStage
    | LeakcheckStage
    | LineageStage
    | PruneStage
    | StatusStage
)
_WITHOUT_DATE = (DemoStage, PruneStage, StatusStage)
_NIGHTS = (FeaturesStage, ScoreStage, DriftStage, NightlyStage)
AUTO, STALE = "auto", "stale"
"""Words for dates that the lake knows: the missed nights, and those whose inputs changed."""
# A secret may hold a slash, as Amazon's do; a colon before anything but a port shows that one has begun.
_USER = re.compile(r"[^/?#]*@|[^/?#\[]*:(?!\d*(?:[/?#]|$)).*@")
_PARAMETER = re.compile(r"[?&;#]([^=&;#/?]+)=")
_SECRET = re.compile("pass|pwd|secret|token|key|credential|^sig|signature", re.IGNORECASE)
_SECRETS_STAND = (
    "leave it out, and set in the environment: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD for an MLflow "
    "server, PGUSER and PGPASSWORD for PostgreSQL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3"
)
_ONE_DATE = (TrainStage, PromoteStage, LeakcheckStage)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration of one run; `run` (its name in logs) and `today` (UTC) are given by the command line."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    run: str
    today: Day
    date: str | None
    catch_up_days: Positive
    root: Path
    resources: Resources
    registry: RegistrySettings
    sweep: SweepSettings
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
    _check_addresses(plain)
    try:
        settings = TypeAdapter(Settings).validate_json(json.dumps(plain))
    except ValidationError as error:
        raise _explained(error, plain, files) from error
    _check_dates(settings)
    _check_sweep(settings)
    _check_root(settings.root)
    return dataclasses.replace(settings, root=settings.root.absolute())


def composed(settings: Settings) -> dict[str, Any]:
    """Returns the settings as values that JSON knows, without those of one command: run, today, root, sweep.

    A path under the root begins with `<root>`, so that the same settings are the same wherever the lake stands.
    Nothing here is secret: passwords stand in the environment, and settings name the variable.
    """
    ours = {"run", "today", "root", "sweep"}
    names = [field.name for field in dataclasses.fields(settings) if field.name not in ours]
    fields: dict[str, Any] = TypeAdapter(Settings).dump_python(settings, mode="json", include=set(names))
    dataset = fields["dataset"]
    for holder, key in ((dataset, "folder"), *((table, "path") for table in dataset["tables"].values())):
        if key in holder:
            holder[key] = _from_root(holder[key], settings.root)
    return fields


def _from_root(text: str, root: Path) -> str:
    path = Path(text).absolute()
    return str(Path("<root>") / path.relative_to(root)) if path.is_relative_to(root) else text


def _check_addresses(node: object, where: str = "") -> None:
    """Refuses an address with a secret, before an error could repeat it."""
    if isinstance(node, Mapping):
        for key, child in node.items():
            _check_addresses(child, f"{where}.{key}".lstrip("."))
    elif isinstance(node, list | tuple):
        for child in node:
            _check_addresses(child, where)
    elif isinstance(node, str) and "://" in node:
        _check_address(node.partition("://")[2], where)


def _check_address(address: str, where: str) -> None:
    names = [unquote(name) for name in _PARAMETER.findall(address)]
    secret = next((name for name in names if _SECRET.search(name)), None)
    if _USER.match(address) or secret:
        found = f"the parameter {secret}" if secret else "a user or password"
        raise SettingsError(where=where, found=f"{found} in the address", action=_SECRETS_STAND)


def _check_dates(settings: Settings) -> None:
    stage = settings.stage
    if isinstance(stage, DemoStage):
        parse_dates(stage.raw_days)
        parse_day(stage.night)
    if isinstance(stage, TrainStage) and stage.dates is not None:
        parse_dates(stage.dates)
    if isinstance(stage, _ONE_DATE):
        _ = settings.day if settings.date is not None else None
    elif not isinstance(stage, _WITHOUT_DATE) and not (isinstance(stage, _NIGHTS) and settings.date in {AUTO, STALE}):
        _ = settings.dates


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


def _explained(error: ValidationError, raw: Mapping[str, Any], files: Mapping[str, str]) -> SettingsError:
    faults = {".".join(_keys(fault["loc"], raw)): fault for fault in error.errors(include_url=False)}
    unknown = [key for key, fault in faults.items() if fault["type"] == "unexpected_keyword_argument"]
    key = unknown[0] if unknown else next(iter(faults))
    fault = faults[key]
    file = files.get(key.partition(".")[0], "conf/config.yaml")
    if unknown:
        found, action = f"unknown key {key!r}", did_you_mean(key, _beside(key, raw, faults))
    elif "missing" in fault["type"]:
        found, action = f"{key!r} is missing", f"add it there, or on the command line: +{key}=…"
    else:
        found, action = f"{key}={fault.get('input')!r}: {fault['msg'].lower()}", f"set {key} to a value of that kind"
    return SettingsError(where=file, found=found, action=action)


def _keys(location: tuple[int | str, ...], raw: Mapping[str, Any]) -> list[str]:
    # pydantic names the chosen member of a union as a step of its own, which is no key of the YAML
    keys: list[str] = []
    node: Any = raw
    for step in map(str, location):
        inside = isinstance(node, Mapping) and step in node
        if inside or step == location[-1]:
            keys.append(step)
        node = node[step] if inside else node
    return keys


def _beside(key: str, raw: Mapping[str, Any], faults: Mapping[str, object]) -> list[str]:
    *parents, _ = key.split(".")
    node: Any = raw
    for parent in parents:
        node = node[parent]
    present = [".".join([*parents, name]) for name in node]
    missing = [other for other in faults if other.split(".")[:-1] == parents]
    return [name for name in {*present, *missing} if name != key]
