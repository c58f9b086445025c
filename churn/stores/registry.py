"""Which model versions exist, and which one is champion?

"Nobody was ever promoted" is an answer (None); a registry that does not answer is an error, and never reads as the
former. MLflow itself is known to this file and two more: `tracking` (where it stands) and `runs` (what it shows).
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn.errors import SettingsError, TryAgainError
from churn.stores import decisions, runs
from churn.stores.aliases import BUNDLE, FINGERPRINT, Registered, UnknownError
from churn.stores.decisions import Decision, Recorded
from churn.stores.runs import Candidate, SweepEnd
from churn.stores.tracking import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION = "champion"
_SHADOW = "shadow"
_SHADOWED = "churn.shadow."
_REIGN = "churn.champion."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """A version that was made champion for the nights from the date `since` (ISO) on, by the decision of that run."""

    version: int
    since: str
    decision: str


class Registry:
    """The versions of one registered model.

    `folder` holds the embedded database and its artifacts; `uri` names a server instead, where one is set.
    """

    def __init__(self, *, folder: Path, uri: str | None, model: str, experiment: str) -> None:
        self.model = model
        self._tracking, self._experiment = Tracking(folder=folder, uri=uri), experiment

    def champion(self) -> Registered | None:
        """Returns the version that bears the alias `champion`; None where none does.

        Raises:
            TryAgainError: the registry did not answer.
        """
        try:  # absence is for MLflow itself to tell
            return self._tracking.bearer(self.model, CHAMPION) or self._bearer(CHAMPION)
        except UnknownError:
            return self._bearer(CHAMPION)

    def named(self) -> Registered | None:
        """Returns the same as `champion`, read without loading MLflow, which writes where it stands.

        Raises:
            TryAgainError: the registry cannot be read, or knows no such model; only MLflow itself tells which.
        """
        try:
            return self._tracking.bearer(self.model, CHAMPION) if self._tracking.is_born else None
        except UnknownError as error:
            where, found = f"registry {self.model}", "it cannot be read, or knows no model of that name"
            action = "see that it is up; where nothing was trained yet: stage=train, then stage=promote"
            raise TryAgainError(where=where, found=found, action=action) from error

    def shadow(self) -> Registered | None:
        """Returns the version that bears the alias `shadow`; None where none does."""
        try:
            return self._tracking.bearer(self.model, _SHADOW)
        except UnknownError:
            return self._bearer(_SHADOW)

    def set_shadow(self, version: int | None, *, since: str = "") -> None:
        """Lets a version score beside the champion from the night `since` (ISO) on; None ends whichever does."""
        with self._tracking.talk() as client:
            if version is not None:
                client.set_registered_model_tag(self.model, f"{_SHADOWED}{version}", since)
                client.set_registered_model_alias(self.model, _SHADOW, str(version))
            elif self.shadow():
                client.delete_registered_model_alias(self.model, _SHADOW)

    def shadowed_since(self, version: int) -> str | None:
        """Returns the night (ISO) since which a version was last let score in the shadow; None where it never was."""
        found = self._registered_model()
        return found.tags.get(f"{_SHADOWED}{version}") if found else None

    def _bearer(self, alias: str) -> Registered | None:
        found = self._registered_model()
        version = found.aliases.get(alias) if found else None
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
        return Registered.of(version, known[version])

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
        same = [found for found in self._versions() if found.tags.get(FINGERPRINT) == fingerprint]
        return max((int(found.version) for found in same), default=None)

    def register(self, candidate: Candidate) -> int:
        """Logs a run with the bundle and a plain MLflow model, registers it, and returns its version.

        What was trained from the very same inputs is not registered a second time, though two runs end at one instant:
        the version that is there already is returned.
        """
        with self._tracking.talk() as client, self._tracking.lock():
            there = self.trained_from(candidate.fingerprint)
            return self._register(client, candidate) if there is None else there

    def _register(self, client: MlflowClient, candidate: Candidate) -> int:
        experiment = self._tracking.experiment_id(client, self._experiment)
        run, source = runs.log_candidate(client, self._tracking, experiment=experiment, candidate=candidate)
        if self._registered_model() is None:
            client.create_registered_model(self.model)
        tags = {**candidate.tags, FINGERPRINT: candidate.fingerprint, BUNDLE: candidate.bundle}
        version = int(client.create_model_version(self.model, source, run.run_id, tags=tags).version)
        client.set_tag(run.run_id, runs.VERSION, str(version))
        return version

    def metrics(self, version: int) -> dict[str, float]:
        """Returns the metrics that a version was registered with.

        Raises:
            SettingsError: there is no such version.
        """
        self.registered(version)
        with self._tracking.talk() as client:
            return dict(self._run_of(client, version).data.metrics)

    def tags(self, version: int) -> dict[str, str]:
        """Returns the tags that a version was registered with; none where there is no such version."""
        return next((dict(found.tags) for found in self._versions() if int(found.version) == version), {})

    def place(self, version: int, artifact: str) -> str:
        """Returns where a person finds an artifact of a version: its path, or the page of its run on the server."""
        with self._tracking.talk() as client:
            run = self._run_of(client, version).info.run_id
        return self.page_of(run, artifact)

    def end_sweep(self, end: SweepEnd) -> None:
        """Ends the parent run of a sweep: the winner's parameters and metrics, and the trials that have no run yet."""
        with self._tracking.talk() as client:
            with self._tracking.lock():
                experiment = self._tracking.experiment_id(client, self._experiment)
                parent = runs.sweep_run(client, experiment, end.name)
            runs.log_trials(client, experiment, parent, trials=end.trials)
            won = self._run_of(client, end.winner).data if end.winner is not None else None
            figures = dict(won.metrics) if won else {}
            runs.log(client, parent, parameters=dict(won.params) if won else {}, metrics=figures, tags=end.tags)
            with tempfile.TemporaryDirectory() as folder:
                runs.write_files(end.artifacts, Path(folder))
                self._tracking.upload(client, parent, Path(folder))
            client.set_terminated(parent.run_id, status=end.status)

    def _run_of(self, client: MlflowClient, version: int) -> Run:
        return client.get_run(str(client.get_model_version(self.model, str(version)).run_id))

    def bundle_files(self, number: int) -> dict[str, bytes]:
        """Returns the bundle's files by name, as they were registered.

        Raises:
            SettingsError: there is no such version.
        """
        import mlflow.artifacts

        self.registered(number)
        with self._tracking.talk() as client, tempfile.TemporaryDirectory() as folder:
            run = str(client.get_model_version(self.model, str(number)).run_id)
            path = self._tracking.artifacts(run) / "bundle"
            if self._tracking.uri:
                root = client.get_run(run).info.artifact_uri
                address = {"artifact_uri": f"{root}/bundle", "tracking_uri": self._tracking.uri}
                path = Path(mlflow.artifacts.download_artifacts(**address, dst_path=folder))
            files = (file for file in path.iterdir() if file.is_file() and not file.is_symlink())
            return {file.name: file.read_bytes() for file in files}

    def record(self, decision: Decision) -> Recorded:
        """Writes a decision down as a run of its own, whatever its answer; nothing moves."""
        with self._tracking.talk() as client, self._tracking.lock():
            experiment = self._tracking.experiment_id(client, self._experiment)
            return decisions.record(client, self._tracking, experiment=experiment, model=self.model, decision=decision)

    def decisions(self) -> tuple[Recorded, ...]:
        """Returns all decisions on record, in the order in which they were made."""
        if not self._tracking.is_born:
            return ()
        with self._tracking.talk() as client:
            found = client.get_experiment_by_name(self._experiment)
            return decisions.recorded(client, experiment=str(found.experiment_id), model=self.model) if found else ()

    def page_of(self, run: str, name: str) -> str:
        """Returns where a person finds an artifact of a run, a decision's too: its path, or its page on the server."""
        if self._tracking.uri is None:
            return str(self._tracking.artifacts(run) / name)
        with self._tracking.talk() as client:
            experiment = client.get_run(run).info.experiment_id
        return f"{self._tracking.uri.rstrip('/')}/#/experiments/{experiment}/runs/{run}, {name}"

    def crown(self, recorded: Recorded) -> None:
        """Moves the alias `champion` as a recorded decision says, then notes the reign; call it under a lock.

        In this order, a run that is killed between the two leaves no reign that never was: the last reign then names
        another version than the alias, which whoever asks for reigns can see. Reigns are appended and never rewritten,
        so that an old night can be scored by the champion of that night.
        """
        self._require_unmoved(recorded)
        with self._tracking.talk() as client:
            client.set_registered_model_alias(self.model, CHAMPION, str(recorded.version))
            reign = {"version": recorded.version, "since": recorded.since, "decision": recorded.run}
            name = f"{_REIGN}{len(self.reigns()):06d}.{recorded.run[:8]}"
            client.set_registered_model_tag(self.model, name, json.dumps(reign))

    def _require_unmoved(self, recorded: Recorded) -> None:
        found = self.champion()
        champion = found.version if found else None
        if champion not in {recorded.champion, recorded.version}:
            what = f"version {champion}" if champion else "nobody"
            action = "another machine decided meanwhile: run the same command again, which judges against it"
            raise TryAgainError(where=f"registry {self.model}", found=f"{what} is champion by now", action=action)

    def _registered_model(self) -> RegisteredModel | None:
        if not self._tracking.is_born:
            return None
        from mlflow.exceptions import MlflowException

        with self._tracking.talk() as client:
            try:
                return client.get_registered_model(self.model)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise

    def _versions(self) -> list[ModelVersion]:
        if self._registered_model() is None:
            return []
        with self._tracking.talk() as client:
            return list(client.search_model_versions(f"name='{self.model}'", max_results=10_000))
