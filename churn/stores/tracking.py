"""Where does MLflow stand, and who may write there at once?

By default SQLite and a folder under the root: no server, no telemetry. The database is born under a file lock, since
two processes that create it at once would destroy each other's; whatever must not happen twice takes the same lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from churn.errors import SettingsError, TryAgainError
from churn.stores.aliases import Registered, in_database, on_server

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo

_PERMANENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "PERMISSION_DENIED"}


class Tracking:
    """MLflow's database and artifacts in `folder`, or on the server `uri` where one is set."""

    def __init__(self, *, folder: Path, uri: str | None) -> None:
        self.uri = uri
        self._folder = folder
        self._opened: MlflowClient | None = None

    @property
    def is_born(self) -> bool:
        """Whether there is anything to ask: a server, or a database that some run has made."""
        return self.uri is not None or self._database.exists()

    def bearer(self, model: str, alias: str) -> Registered | None:
        """Returns the version that bears an alias, without loading MLflow; None where the model has no such alias.

        Raises:
            UnknownError: only MLflow itself can tell.
        """
        if self.uri:
            return on_server(self.uri, model=model, alias=alias)
        return in_database(self._database, model=model, alias=alias)

    @contextmanager
    def talk(self) -> Iterator[MlflowClient]:
        """Yields the client; what it says of a failure becomes an error that says what to do."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if self._opened is None:
                self._opened = self._open()
            yield self._opened
        except (MlflowException, SQLAlchemyError, OSError) as error:
            where, found = (
                f"registry {self.uri or self._database}",
                (str(error) or type(error).__name__).splitlines()[0],
            )
            if getattr(error, "error_code", "") in _PERMANENT:
                action = "see what the registry holds (mlflow ui), and what this command names"
                raise SettingsError(where=where, found=found, action=action) from error
            action = "see that the registry is up and its disk is writable, then run the same command again"
            raise TryAgainError(where=where, found=found, action=action) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Waits until no other process of this machine is writing here, and keeps them waiting; not to be nested."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def experiment_id(self, client: MlflowClient, name: str) -> str:
        """Returns the experiment of that name, made where there is none; call it under the lock."""
        found = client.get_experiment_by_name(name)
        if found:
            return str(found.experiment_id)
        place = None if self.uri else (self._folder / "artifacts").absolute().as_uri()
        return str(client.create_experiment(name, artifact_location=place))

    def artifacts(self, run_id: str) -> Path:
        """Returns the folder that a run's artifacts stand in where no server keeps them."""
        return self._folder / "artifacts" / run_id / "artifacts"

    def upload(self, client: MlflowClient, run: RunInfo, folder: Path) -> str:
        """Makes what is in `folder` the run's artifacts and returns their address."""
        if self.uri:
            client.log_artifacts(run.run_id, str(folder))
            return str(run.artifact_uri)
        # MLflow keeps the absolute path of the root's first place; a root that was moved or copied is another one.
        target = self.artifacts(run.run_id)
        shutil.copytree(folder, target)
        return target.absolute().as_uri()

    def _open(self) -> MlflowClient:
        from mlflow import MlflowClient

        if self.uri:
            return MlflowClient(self.uri, registry_uri=self.uri)
        if self._database.exists() and self._database.stat().st_size == 0:
            raise OSError("the database is an empty file; restore it, or delete it to start anew")
        if not self._database.exists():
            with self.lock():
                self._create()
        return MlflowClient(_sqlite(self._database), registry_uri=_sqlite(self._database))

    def _create(self) -> None:
        from mlflow import MlflowClient

        if not self._database.exists():  # another process may have made it before this one had the lock
            unborn = self._database.with_suffix(".unborn")
            unborn.unlink(missing_ok=True)
            MlflowClient(_sqlite(unborn), registry_uri=_sqlite(unborn)).search_experiments()
            unborn.rename(self._database)

    @property
    def _database(self) -> Path:
        return self._folder / "mlflow.db"


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path.absolute()}?timeout=60"
