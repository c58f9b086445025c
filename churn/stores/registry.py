"""Which model versions exist, and which one is champion?

The door to MLflow: by default SQLite and a folder under the root, no server, no telemetry. "Nobody was ever promoted"
is an answer (None); a registry that does not answer is an error, and never reads as the former.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.errors import SettingsError, TryAgainError

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION = "champion"
_FINGERPRINT = "churn.fingerprint"
_BUNDLE = "churn.bundle"
_REIGN = "churn.champion."
_PERMANENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "PERMISSION_DENIED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What training hands over for registration.

    `fingerprint` is that of all it was trained from, `bundle` that of its files. `run_name`, `parameters` and `metrics`
    are shown in MLflow.
    `files` are the bundle's; `booster` is the LightGBM model that plain MLflow users load; `inputs` names its columns
    in order.
    """

    fingerprint: str
    bundle: str
    run_name: str
    files: Mapping[str, bytes]
    booster: Any
    inputs: tuple[str, ...]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A version in the registry, the fingerprint of all that it was trained from, and that of its bundle."""

    version: int
    fingerprint: str
    bundle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """A version that was made champion, for the nights from the date `since` (ISO) on."""

    version: int
    since: str


class Registry:
    """The versions of one registered model.

    `folder` holds the embedded database and its artifacts; `uri` names a server instead, where one is set.
    """

    def __init__(self, *, folder: Path, uri: str | None, model: str, experiment: str) -> None:
        self.model = model
        self._folder, self._uri, self._experiment = folder, uri, experiment
        self._opened: MlflowClient | None = None

    def champion(self) -> Registered | None:
        """Returns the version that bears the alias `champion`; None where none does.

        Raises:
            TryAgainError: the registry did not answer.
        """
        found = self._registered_model()
        version = found.aliases.get(CHAMPION) if found else None
        return None if version is None else self.registered(int(version))

    def registered(self, version: int) -> Registered:
        """Returns what is registered under a version.

        Raises:
            SettingsError: there is no such version.
        """
        known = {int(found.version): found.tags for found in self._versions()}
        if version not in known:
            there_are = f"there are: {', '.join(map(str, sorted(known))) or 'none'}"
            raise SettingsError(where=self.model, found=f"no version {version}", action=there_are)
        tags = known[version]
        return Registered(version=version, fingerprint=tags.get(_FINGERPRINT, ""), bundle=tags.get(_BUNDLE, ""))

    def versions(self) -> tuple[int, ...]:
        """Returns all registered versions, in order."""
        return tuple(sorted(int(found.version) for found in self._versions()))

    def reigns(self) -> tuple[Reign, ...]:
        """Returns who was made champion, and for which date, in the order in which it was decided."""
        found = self._registered_model()
        tags = {name: text for name, text in found.tags.items() if name.startswith(_REIGN)} if found else {}
        return tuple(Reign(**json.loads(tags[name])) for name in sorted(tags))

    def newest(self) -> int | None:
        """Returns the highest version; None where nothing was registered."""
        return max((int(found.version) for found in self._versions()), default=None)

    def trained_from(self, fingerprint: str) -> int | None:
        """Returns the version that was trained from the very same inputs; None where none was."""
        same = [found for found in self._versions() if found.tags.get(_FINGERPRINT) == fingerprint]
        return max((int(found.version) for found in same), default=None)

    def register(self, candidate: Candidate) -> int:
        """Logs a run with the bundle and a plain MLflow model, registers it, and returns its version."""
        with self._talk() as client, tempfile.TemporaryDirectory() as folder:
            run = client.create_run(self._experiment_id(client), run_name=candidate.run_name).info
            for name, value in candidate.parameters.items():
                client.log_param(run.run_id, name, value)
            for name, figure in candidate.metrics.items():
                client.log_metric(run.run_id, name, figure)
            _write_files(candidate.files, Path(folder) / "bundle")
            _write_plain_model(candidate, Path(folder) / "model")
            source = f"{self._upload(client, run, Path(folder))}/model"
            client.set_terminated(run.run_id)
            self._create_model(client)
            tags = {_FINGERPRINT: candidate.fingerprint, _BUNDLE: candidate.bundle}
            return int(client.create_model_version(self.model, source, run.run_id, tags=tags).version)

    def bundle_files(self, number: int) -> dict[str, bytes]:
        """Returns the bundle's files by name, as they were registered.

        Raises:
            SettingsError: there is no such version.
        """
        import mlflow.artifacts

        self.registered(number)
        with self._talk() as client, tempfile.TemporaryDirectory() as folder:
            run = str(client.get_model_version(self.model, str(number)).run_id)
            path = self._artifacts(run) / "bundle"
            if self._uri:
                root = client.get_run(run).info.artifact_uri
                path = Path(mlflow.artifacts.download_artifacts(f"{root}/bundle", dst_path=folder))
            return {file.name: file.read_bytes() for file in path.iterdir()}

    def record(self, version: int, *, decision: Mapping[str, object]) -> None:
        """Writes a decision on the version, whatever its answer."""
        with self._talk() as client:
            text = json.dumps(decision, sort_keys=True)
            client.set_model_version_tag(self.model, str(version), "churn.decision", text)

    def set_champion(self, version: int, *, since: date) -> None:
        """Moves the alias `champion`, then notes the reign that begins with `since`; call it under a lock.

        In this order, a run that is killed between the two leaves no reign that never was: the last reign then names
        another version than the alias, which whoever asks for reigns can see.
        """
        with self._talk() as client:
            client.set_registered_model_alias(self.model, CHAMPION, str(version))
        self.note_reign(version, since=since)

    def note_reign(self, version: int, *, since: date) -> None:
        """Notes that a version reigns for the nights from `since` on; call it under a lock.

        Reigns are appended and never rewritten, so that an old night can be scored by the champion of that night.
        """
        reign = json.dumps({"version": version, "since": since.isoformat()})
        name = f"{_REIGN}{len(self.reigns()):06d}"
        with self._talk() as client:
            client.set_registered_model_tag(self.model, name, reign)

    def _registered_model(self) -> RegisteredModel | None:
        from mlflow.exceptions import MlflowException

        if self._uri is None and not self._database.exists():
            return None
        with self._talk() as client:
            try:
                return client.get_registered_model(self.model)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise

    def _versions(self) -> list[ModelVersion]:
        if self._registered_model() is None:
            return []
        with self._talk() as client:
            return list(client.search_model_versions(f"name='{self.model}'", max_results=10_000))

    def _upload(self, client: MlflowClient, run: RunInfo, folder: Path) -> str:
        if self._uri:
            client.log_artifacts(run.run_id, str(folder))
            return str(run.artifact_uri)
        # MLflow keeps the absolute path of the root's first place; a root that was moved or copied is another one.
        target = self._artifacts(run.run_id)
        shutil.copytree(folder, target)
        return target.absolute().as_uri()

    def _artifacts(self, run_id: str) -> Path:
        return self._folder / "artifacts" / run_id / "artifacts"

    def _create_model(self, client: MlflowClient) -> None:
        with self._lock():
            if self._registered_model() is None:
                client.create_registered_model(self.model)

    def _experiment_id(self, client: MlflowClient) -> str:
        with self._lock():
            found = client.get_experiment_by_name(self._experiment)
            if found:
                return str(found.experiment_id)
            place = None if self._uri else (self._folder / "artifacts").absolute().as_uri()
            return str(client.create_experiment(self._experiment, artifact_location=place))

    @contextmanager
    def _talk(self) -> Iterator[MlflowClient]:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if self._opened is None:
                self._opened = self._open()
            yield self._opened
        except (MlflowException, SQLAlchemyError, OSError) as error:
            where, found = (
                f"registry {self._uri or self._database}",
                (str(error) or type(error).__name__).splitlines()[0],
            )
            if getattr(error, "error_code", "") in _PERMANENT:
                action = "see what the registry holds (mlflow ui), and what this command names"
                raise SettingsError(where=where, found=found, action=action) from error
            action = "see that the registry is up and its disk is writable, then run the same command again"
            raise TryAgainError(where=where, found=found, action=action) from error

    def _open(self) -> MlflowClient:
        from mlflow import MlflowClient

        if self._uri:
            return MlflowClient(self._uri, registry_uri=self._uri)
        if self._database.exists() and self._database.stat().st_size == 0:
            raise OSError("the database is an empty file; restore it, or delete it to start anew")
        with self._lock():
            if not self._database.exists():
                unborn = self._database.with_suffix(".unborn")
                unborn.unlink(missing_ok=True)
                MlflowClient(_sqlite(unborn), registry_uri=_sqlite(unborn)).search_experiments()
                unborn.rename(self._database)
        return MlflowClient(_sqlite(self._database), registry_uri=_sqlite(self._database))

    @property
    def _database(self) -> Path:
        return self._folder / "mlflow.db"

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path.absolute()}?timeout=60"


def _write_files(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _write_plain_model(candidate: Candidate, folder: Path) -> None:
    import mlflow.lightgbm
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    columns = Schema([ColSpec("double", name) for name in candidate.inputs])
    signature = ModelSignature(columns, Schema([ColSpec("double")]))
    requirements = [f"lightgbm=={metadata.version('lightgbm')}"]
    mlflow.lightgbm.save_model(candidate.booster, str(folder), signature=signature, pip_requirements=requirements)
