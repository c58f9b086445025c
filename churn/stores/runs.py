"""What does MLflow show of a candidate, and of the sweep that it was a trial of?

A run holds the bundle, a model that plain MLflow loads without our code and without a pickle, and whatever else the
candidate brings. A sweep is one parent run, made by whichever trial comes first, and its trials are nested in it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from churn.stores.tracking import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo

T = TypeVar("T")
VERSION = "churn.version"
_PARENT = "mlflow.parentRunId"
_SWEEP = "churn.sweep"
_LONGEST_PARAMETER = 6_000  # characters; MLflow cuts the rest off without a word
_LONGEST_TAG = 5_000  # bytes; older servers take no more and refuse the whole batch
_LONG_PARAMETERS = "long_parameters.json"
_AT_ONCE = 100  # parameters or tags that MLflow takes in one batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What training hands over for registration.

    `fingerprint` is that of all it was trained from, `bundle` that of its files. `run_name`, `parameters` and `metrics`
    are shown in MLflow; `tags` stand on the run and on the version.
    `files` are the bundle's; `artifacts` are other files by their path among the run's artifacts. `booster` is the
    LightGBM model that plain MLflow users load; `inputs` names its columns in order, and `example` has a number for
    each: a made-up row, never a customer's. `sweep` names the sweep that the candidate is a trial of.
    """

    fingerprint: str
    bundle: str
    run_name: str
    files: Mapping[str, bytes]
    artifacts: Mapping[str, bytes]
    booster: Any
    inputs: tuple[str, ...]
    example: Mapping[str, float]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    sweep: str | None


Status: TypeAlias = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTrial:
    """What MLflow shows of a trial that has no run of its own: it failed, was skipped, or its candidate was there."""

    version: int | None
    run_name: str
    status: Status
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEnd:
    """How a sweep ended: all its trials, the version that won, tags and artifacts of the parent run."""

    name: str
    status: Status
    winner: int | None
    trials: tuple[SweepTrial, ...]
    tags: Mapping[str, str]
    artifacts: Mapping[str, bytes]


def log_candidate(
    client: MlflowClient, tracking: Tracking, *, experiment: str, candidate: Candidate
) -> tuple[RunInfo, str]:
    """Returns the candidate's run, ended, and the address of its plain model; call it under the lock."""
    nested = {_PARENT: sweep_run(client, experiment, candidate.sweep).run_id} if candidate.sweep else {}
    run = client.create_run(experiment, run_name=candidate.run_name, tags=nested).info
    with ended(client, run), tempfile.TemporaryDirectory() as folder:
        short, long = _by_length(candidate.parameters)
        log(client, run, parameters=short, metrics=candidate.metrics, tags=candidate.tags)
        bundle = {f"bundle/{name}": content for name, content in candidate.files.items()}
        write_files({**candidate.artifacts, **long, **bundle}, Path(folder))
        write_plain_model(candidate, Path(folder) / "model")
        return run, f"{tracking.upload(client, run, Path(folder))}/model"


def sweep_run(client: MlflowClient, experiment: str, sweep: str) -> RunInfo:
    """Returns the parent run of a sweep, made where there is none; call it under the lock."""
    for found in client.search_runs([experiment], f"tags.`{_SWEEP}` = '{sweep}'", max_results=1):
        return found.info
    return client.create_run(experiment, run_name=f"sweep {sweep}", tags={_SWEEP: sweep}).info


def log_trials(client: MlflowClient, experiment: str, parent: RunInfo, *, trials: Iterable[SweepTrial]) -> None:
    """Shows each trial whose version has no run nested in the parent as such a run."""
    nested = client.search_runs([experiment], f"tags.`{_PARENT}` = '{parent.run_id}'", max_results=10_000)
    there = {run.data.tags.get(VERSION) for run in nested}
    for trial in trials:
        if trial.version is None or str(trial.version) not in there:
            run = client.create_run(experiment, run_name=trial.run_name, tags={_PARENT: parent.run_id}).info
            version = {} if trial.version is None else {VERSION: str(trial.version)}
            short = {name: text[:_LONGEST_PARAMETER] for name, text in trial.parameters.items()}
            tags = {name: cut(text) for name, text in trial.tags.items()}
            log(client, run, parameters=short, metrics=trial.metrics, tags={**tags, **version})
            client.set_terminated(run.run_id, status=trial.status)


def log(
    client: MlflowClient,
    run: RunInfo,
    *,
    parameters: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> None:
    """Logs all of it in one batch, or in as few as MLflow's limits allow."""
    from mlflow.entities import Metric, Param, RunTag

    figures = _batches(Metric(name, figure, run.start_time, 0) for name, figure in metrics.items())
    texts = _batches(Param(name, text) for name, text in parameters.items())
    labels = _batches(RunTag(name, text) for name, text in tags.items())
    for some_figures, some_texts, some_labels in zip_longest(figures, texts, labels, fillvalue=()):
        client.log_batch(run.run_id, metrics=some_figures, params=some_texts, tags=some_labels)


def cut(text: str) -> str:
    """Returns as much of a text as a tag holds on any server."""
    return text.encode()[:_LONGEST_TAG].decode(errors="ignore")


def _by_length(parameters: Mapping[str, str]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Returns the parameters that MLflow can hold, and the file of those that it would cut."""
    long = {name: text for name, text in parameters.items() if len(text) > _LONGEST_PARAMETER}
    short = {name: f"see {_LONG_PARAMETERS}" if name in long else text for name, text in parameters.items()}
    return short, {_LONG_PARAMETERS: json.dumps(long, indent=1, sort_keys=True).encode()} if long else {}


def _batches(values: Iterable[T]) -> Iterator[list[T]]:
    left = iter(values)
    while batch := list(islice(left, _AT_ONCE)):
        yield batch


@contextmanager
def ended(client: MlflowClient, run: RunInfo) -> Iterator[None]:
    """Ends the run with its body, as failed where that failed, so that no run seems to be at work for ever."""
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the first error is the one to tell
            client.set_terminated(run.run_id, status="FAILED")
        raise
    client.set_terminated(run.run_id)


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Writes each content under its path below `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_plain_model(candidate: Candidate, folder: Path) -> None:
    """Writes the model as MLflow's own users load it: LightGBM's text, a signature, an input example."""
    import mlflow.lightgbm
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    columns = Schema([ColSpec("double", name) for name in candidate.inputs])
    mlflow.lightgbm.save_model(
        candidate.booster,
        str(folder),
        signature=ModelSignature(columns, Schema([ColSpec("double")])),
        input_example=pd.DataFrame([candidate.example], columns=list(candidate.inputs), dtype="float64"),
        pip_requirements=[f"lightgbm=={metadata.version('lightgbm')}"],
    )
