"""Will the registry name a champion tonight, and can it score without a network?"""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.checks.checked import Checked, fail, ok, warn
from churn.doors import Doors
from churn.errors import DataError, ExitCode
from churn.kept_champion import named_on
from churn.stores import mlflow_database
from churn.stores.aliases import Registered

if TYPE_CHECKING:
    from churn.training.bundle import Bundle

_BETWEEN = 0.2  # seconds between two looks at a lock


def check_database(doors: Doors) -> Checked:
    """Returns whether MLflow's database is whole and of the schema that the installed MLflow wants, or its server up.

    Raises:
        TryAgainError: the database cannot be read, or the server does not answer.
    """
    uri, place = doors.settings.registry.uri, _database(doors)
    if uri is not None:
        mlflow_database.require_server(uri)
        return ok(f"{uri} answers; the schema of its database is the server's own to look after")
    if not place.exists():
        return warn("no database yet, and so no champion", doors.command("train", doors.settings.today))
    left = place.with_name(f"{place.name}-journal")
    if left.exists() and mlflow_database.writer(place) is None:
        return warn(
            f"a writer died and left {left.name}; who opens it next undoes that", doors.command("history", None)
        )
    damaged = mlflow_database.faults(place)
    if damaged:
        mend = f"restore {place} from a backup"
        return fail(f"{place} is damaged: {damaged[0]}", mend, ExitCode.TRY_AGAIN)
    return _schema(place)


def _schema(place: Path) -> Checked:
    found, wanted = mlflow_database.schema(place), mlflow_database.wanted_schema()
    if found == wanted:
        return ok(f"whole, {place.stat().st_size / 1e6:,.1f} MB, schema {found} as the installed MLflow wants it")
    mend = f"cp {place} {place}.before && mlflow db upgrade sqlite:///{place} (or install the pinned mlflow again)"
    return fail(f"schema {found or 'unknown'}, and the installed MLflow wants {wanted}", mend, ExitCode.SETTINGS)


def check_locks(doors: Doors, *, seconds: float) -> Checked:
    """Returns whether MLflow's database is free to be written; a writer may hold it for `seconds`."""
    place = _database(doors)
    if doors.settings.registry.uri is not None or not place.exists():
        return ok("no database here to be locked")
    holder, waited = mlflow_database.writer(place), 0.0
    while holder is not None and waited < seconds:
        time.sleep(_BETWEEN)
        holder, waited = mlflow_database.writer(place), waited + _BETWEEN
    if holder is not None:
        mend = f"wait for process {holder} to end (ps {holder} tells what it is)"
        return fail(f"process {holder} holds {place} for writing, {seconds:g} s long", mend, ExitCode.LOCKED)
    return ok("no writer holds the database")


def check_champion(doors: Doors) -> Checked:
    """Returns whether a champion is named, and its copy in the lake is whole and scores a row without the network.

    Raises:
        TryAgainError: the registry cannot tell.
        DataError: the copy's manifest cannot be read, or its bundle cannot score.
    """
    registered = doors.registry.named()
    if registered is None:
        mend = f"{doors.command('train', doors.settings.today)}, then stage=promote"
        return fail("nobody was promoted yet", mend, ExitCode.SETTINGS)
    told = f"version {registered.version} of {doors.registry.model}"
    reason = _unlike(doors, registered)
    if reason:
        folder = doors.lake.path(doors.partition("champion"))
        mend = f"rm -r {folder} (the next night takes it from the registry again, which is not tried here)"
        return warn(f"{told}, and its copy in the lake {reason}", mend)
    score = _score_of_example(_bundle(doors))
    return _confirmed(doors, f"{told}; its copy is whole and scores a row ({score:.4f}) without the registry")


def _confirmed(doors: Doors, told: str) -> Checked:
    if doors.settings.registry.uri is None:
        return ok(told)
    allowed, on = doors.settings.registry.unconfirmed_days, named_on(doors)
    if on is None or doors.settings.today - on > timedelta(days=allowed):
        since = f"was last named by a night on {on}" if on else "was never named by a night"
        mend = f"score one night while the registry is up: {doors.command('score', 'auto')}"
        return warn(f"{told}; it {since}, so that no night can do without the registry ({allowed} days)", mend)
    return ok(f"{told}; named on {on}, trusted for {allowed} days")


def _unlike(doors: Doors, registered: Registered) -> str | None:
    """Returns how the copy differs from the bundle that was registered; None where it does not."""
    partition = doors.partition("champion")
    manifest = doors.lake.manifest(partition)
    if manifest is None:
        return "is not there yet"
    if (manifest.inputs.get("model_version"), manifest.inputs.get("bundle")) != (
        str(registered.version),
        registered.bundle,
    ):
        return f"is version {manifest.inputs.get('model_version')}"
    try:
        doors.lake.open(partition, made_by="stage=score")
        return None if _bundle(doors).fingerprint == registered.bundle else "is not the bundle that was registered"
    except DataError as error:
        return f"is damaged ({error.where}: {error.found})"


def _bundle(doors: Doors) -> Bundle:
    from churn.training.bundle import Bundle

    partition = doors.partition("champion")
    manifest = doors.lake.manifest(partition)
    folder = doors.lake.path(partition)
    return Bundle.from_files({name: (folder / name).read_bytes() for name in (manifest.files if manifest else ())})


def _score_of_example(bundle: Bundle) -> float:
    """Returns the score of the bundle's made-up row, by what walks its trees at night."""
    import numpy as np

    from churn.scoring.forest import engine_of
    from churn.scoring.stepwise import Stepwise

    walker = Stepwise(bundle.model_text) if engine_of(bundle.model_text) == "numba" else None
    scorer = bundle.scorer(num_threads=1, walker=walker)
    row = np.array([list(bundle.example.values())])
    score = float(scorer.calibrator.scores(scorer.of_matrix(row))[0])
    if not np.isfinite(score):
        raise DataError(where="champion", found=f"it scores its example row {score}", action="train and promote anew")
    return score


def _database(doors: Doors) -> Path:
    return doors.settings.root / "mlflow" / "mlflow.db"
