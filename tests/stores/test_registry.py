"""The versions and the champion, on a real MLflow over SQLite; what is stored is read back with sqlite3 alone."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from churn.errors import SettingsError, TryAgainError
from churn.stores import runs
from churn.stores.aliases import Registered
from churn.stores.registry import Registry
from churn.stores.runs import Candidate, SweepEnd, SweepTrial
from churn.training.fit import Trees
from tests.decisions import A_DECISION, crown

ROWS = np.arange(80.0).reshape(40, 2)
FILES = {"model.txt": b"tree\r\nend\n\n", "reference.parquet": bytes(range(256)), "empty": b"", "sums.json": b"{}"}

# LightGBM takes seconds to import and has no part in creating a database: the four register a stand-in for its model.
# They are forked from a process that has imported MLflow and used nothing of it, so that they start at one instant.
FOUR_AT_ONCE = """
import multiprocessing, sys
from pathlib import Path
import mlflow.store.tracking.sqlalchemy_store
from churn.stores import registry, runs

def plain_model(candidate, folder):
    folder.mkdir()
    (folder / "MLmodel").write_text("")

def register(number, folder, start):
    candidate = runs.Candidate(
        fingerprint=str(number), bundle="", run_name="race", files={"number": bytes([number])}, artifacts={},
        booster=None, inputs=(), example={}, parameters={}, metrics={}, tags={}, sweep="of four",
    )
    store = registry.Registry(folder=Path(folder), uri=None, model=f"race-{number}", experiment="churn")
    start.wait()
    store.register(candidate)

if __name__ == "__main__":
    runs.write_plain_model = plain_model
    context = multiprocessing.get_context("fork")
    start = context.Barrier(4)
    racers = [context.Process(target=register, args=(number, sys.argv[1], start)) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    sys.exit(sum(racer.exitcode != 0 for racer in racers))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry that four processes created at the same instant; each test has a model of its own in it."""
    folder = tmp_path_factory.mktemp("registry") / "registry"
    command = [sys.executable, "-W", "ignore", "-c", FOUR_AT_ONCE, str(folder)]
    race = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    import mlflow.lightgbm  # noqa: F401 - it takes as long as the race does, so both at once

    _, errors = race.communicate(timeout=300)
    assert race.returncode == 0, errors
    return folder


@pytest.fixture
def registry(folder: Path, request: pytest.FixtureRequest) -> Registry:
    return opened(folder, model=request.node.name)


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    parameters = {"verbose": -1, "min_data_in_leaf": 1, "num_threads": 1, "objective": "binary"}
    data = lgb.Dataset(ROWS, np.arange(40) % 3 == 0, feature_name=["age", "visits"])
    return lgb.train(parameters, data, num_boost_round=3)


@pytest.fixture
def candidate(booster: lgb.Booster) -> Candidate:
    return Candidate(
        fingerprint="f1",
        bundle="b1",
        run_name="2026-01-05",
        files=FILES,
        artifacts={"settings.json": b"{}", "report/training.html": b"<h1>"},
        booster=booster,
        inputs=("age", "visits"),
        example={"age": 40.0, "visits": 1.0},
        parameters={"num_leaves": "31"},
        metrics={"auc": 0.8123456789012345},
        tags={"churn.data": "d1"},
        sweep=None,
    )


def opened(folder: Path, *, model: str = "m", experiment: str = "churn") -> Registry:
    return Registry(folder=folder, uri=None, model=model, experiment=experiment)


def stored(folder: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        return connection.execute(query, values).fetchall()


def model_folder(folder: Path, model: str) -> Path:
    ((source,),) = stored(folder, "select source from model_versions where name = ?", model)
    return Path(str(source).removeprefix("file://"))


def runs_of(folder: Path, model: str) -> list[object]:
    """The runs behind the versions of a model."""
    return [run for (run,) in stored(folder, "select run_id from model_versions where name = ?", model)]


@contextmanager
def answering(status: int, body: str, *, kind: str) -> Iterator[str]:
    """The address of a server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so it is named above
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_before_anything_was_registered_all_answers_are_none_and_no_database_is_made(tmp_path: Path) -> None:
    registry = opened(tmp_path / "registry")
    assert (registry.champion(), registry.newest(), registry.trained_from("f1")) == (None, None, None)
    with pytest.raises(SettingsError, match="no version 1") as caught:
        registry.bundle_files(1)
    assert caught.value.action == "there are: none"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_four_processes_that_create_the_database_at_once_all_register(folder: Path) -> None:
    for number in range(4):
        racer = opened(folder, model=f"race-{number}")
        assert racer.newest() == racer.trained_from(str(number)) == 1
        assert racer.bundle_files(1) == {"number": bytes([number])}
    assert stored(folder, "select count(*) from experiments where name = 'churn'") == [(1,)]
    assert {path.name for path in folder.iterdir()} <= {
        "mlflow.db",
        "mlflow.db-wal",
        "mlflow.db-shm",
        "artifacts",
        ".lock",
    }


def test_a_model_that_was_never_registered_has_no_champion_in_a_database_of_others(registry: Registry) -> None:
    assert (registry.champion(), registry.newest(), registry.trained_from("0")) == (None, None, None)


def test_a_bundle_comes_back_byte_for_byte(folder: Path, registry: Registry, candidate: Candidate) -> None:
    version = registry.register(candidate)
    other = registry.register(replace(candidate, fingerprint="f2", files={"model.txt": b"another"}))
    assert (version, other) == (1, 2)
    fresh = opened(folder, model=registry.model)
    assert fresh.bundle_files(version) == FILES
    assert fresh.bundle_files(other) == {"model.txt": b"another"}


def test_the_newest_is_the_highest_number_and_not_the_last_in_the_alphabet(
    registry: Registry, candidate: Candidate
) -> None:
    for number in range(1, 11):
        assert registry.register(replace(candidate, fingerprint=f"f{number}")) == number
    assert registry.newest() == 10
    assert (registry.trained_from("f2"), registry.trained_from("f10"), registry.trained_from("f")) == (2, 10, None)


def test_four_trials_that_begin_at_once_are_nested_in_one_parent_run(folder: Path) -> None:
    ((parent,),) = stored(folder, "select run_uuid from tags where key = 'churn.sweep' and value = 'of four'")
    nested = "select name from runs join tags using (run_uuid) where key = 'mlflow.parentRunId' and value = ?"
    assert stored(folder, nested, parent) == [("race",)] * 4
    assert stored(folder, "select name, status from runs where run_uuid = ?", parent) == [("sweep of four", "RUNNING")]


def test_the_same_inputs_are_registered_once_though_four_runs_end_at_one_instant(
    folder: Path, registry: Registry, candidate: Candidate
) -> None:
    start = threading.Barrier(4)

    def register() -> int:
        one = opened(folder, model=registry.model)
        one.newest()  # connected before the start
        start.wait()
        return one.register(replace(candidate, run_name="one instant"))

    with ThreadPoolExecutor(4) as pool:
        versions = [future.result() for future in [pool.submit(register) for _ in range(4)]]
    assert versions == [1, 1, 1, 1]
    assert registry.versions() == (1,)
    assert stored(folder, "select count(*) from runs where name = 'one instant'") == [(1,)]


def test_metrics_come_back_with_their_version(registry: Registry, candidate: Candidate) -> None:
    registry.register(candidate)
    assert registry.metrics(1) == {"auc": 0.8123456789012345}
    with pytest.raises(SettingsError, match="no version 2"):
        registry.metrics(2)


def test_artifacts_stand_under_their_paths_and_tags_on_run_and_version(
    folder: Path, registry: Registry, candidate: Candidate
) -> None:
    registry.register(candidate)
    artifacts = model_folder(folder, registry.model).parent
    assert {name: (artifacts / name).read_bytes() for name in candidate.artifacts} == candidate.artifacts
    (run,) = runs_of(folder, registry.model)
    assert ("churn.data", "d1") in stored(folder, "select key, value from tags where run_uuid = ?", run)
    tags = stored(folder, "select key, value from model_version_tags where name = ?", registry.model)
    assert sorted(tags) == [("churn.bundle", "b1"), ("churn.data", "d1"), ("churn.fingerprint", "f1")]


def test_no_parameter_is_lost_though_it_be_long_or_one_of_many(
    folder: Path, registry: Registry, candidate: Candidate
) -> None:
    many = {f"p{number}": str(number) for number in range(250)}
    registry.register(replace(candidate, parameters={**many, "whole": "x" * 6_000, "long": "x" * 6_001}))
    (run,) = runs_of(folder, registry.model)
    shown = stored(folder, "select key, value from params where run_uuid = ?", run)
    expected = {**many, "whole": "x" * 6_000, "long": "see long_parameters.json"}
    assert sorted(shown, key=str) == sorted(expected.items(), key=str)
    kept = model_folder(folder, registry.model).parent / "long_parameters.json"
    assert json.loads(kept.read_text()) == {"long": "x" * 6_001}


def test_a_sweep_ends_with_the_winners_figures_and_shows_what_failed(
    folder: Path, registry: Registry, candidate: Candidate
) -> None:
    registry.register(replace(candidate, sweep="one"))
    failed = SweepTrial(
        version=None,
        run_name="trial 1",
        status="FAILED",
        parameters={"model.num_leaves": "1"},
        metrics={},
        tags={"churn.error": "model: num_leaves"},
    )
    registry.end_sweep(
        SweepEnd(
            name="one",
            status="FINISHED",
            winner=1,
            trials=(replace(failed, version=1, status="FINISHED"), failed),
            tags={"churn.winner": "1"},
            artifacts={"trials.txt": b"a table"},
        )
    )
    ((parent,),) = stored(folder, "select run_uuid from tags where key = 'churn.sweep' and value = 'one'")
    assert stored(folder, "select status from runs where run_uuid = ?", parent) == [("FINISHED",)]
    assert stored(folder, "select key, value from params where run_uuid = ?", parent) == [("num_leaves", "31")]
    assert stored(folder, "select key, value from metrics where run_uuid = ?", parent) == [("auc", 0.8123456789012345)]
    assert (folder / "artifacts" / str(parent) / "artifacts" / "trials.txt").read_bytes() == b"a table"
    nested = "select name, status from runs join tags using (run_uuid) where key = 'mlflow.parentRunId' and value = ?"
    assert sorted(stored(folder, nested, parent)) == [("2026-01-05", "FINISHED"), ("trial 1", "FAILED")]


def test_a_sweep_ends_though_the_error_of_a_trial_is_longer_than_a_tag_may_be(
    folder: Path, registry: Registry, candidate: Candidate
) -> None:
    registry.register(replace(candidate, sweep="with a long error"))
    failed = SweepTrial(
        version=None,
        run_name="long error",
        status="FAILED",
        parameters={},
        metrics={},
        tags={"churn.error": "é" * 9_000},
    )
    registry.end_sweep(
        SweepEnd(name="with a long error", status="FAILED", winner=None, trials=(failed,), tags={}, artifacts={})
    )
    query = "select value from tags join runs using (run_uuid) where name = 'long error' and key = 'churn.error'"
    assert stored(folder, query) == [("é" * 2_500,)]


def test_a_run_whose_upload_fails_is_shown_as_failed(
    folder: Path, registry: Registry, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(runs, "write_files", full)
    with pytest.raises(TryAgainError, match="no space left"):
        registry.register(replace(candidate, run_name="on a full disk"))
    assert stored(folder, "select status from runs where name = 'on a full disk'") == [("FAILED",)]
    assert registry.newest() is None


def test_a_registered_model_is_no_champion_until_it_is_called_one(registry: Registry, candidate: Candidate) -> None:
    registry.register(candidate)
    registry.record(A_DECISION)
    assert registry.champion() is None


def test_the_champion_is_the_last_that_was_called_one(folder: Path, registry: Registry, candidate: Candidate) -> None:
    for number in (1, 2):
        registry.register(replace(candidate, fingerprint=f"f{number}"))
    for number in (1, 2, 1):
        crown(registry, number, since=f"2026-01-0{number}")
        assert registry.champion() == Registered(version=number, fingerprint=f"f{number}", bundle="b1")
    assert opened(folder, model=registry.model).champion() == Registered(version=1, fingerprint="f1", bundle="b1")
    assert registry.newest() == 2


def test_each_decision_is_a_run_of_its_own_that_no_later_one_changes(
    folder: Path, registry: Registry, candidate: Candidate
) -> None:
    registry.register(candidate)
    refused = replace(A_DECISION, moves=False, champion=1, answer="fail", reason="é" * 900)
    first = registry.record(A_DECISION)
    second = registry.record(refused)
    assert registry.decisions() == (first, second)
    assert (first.moves, first.champion, second.moves, second.champion) == (True, None, False, 1)
    assert (second.reason, second.by, second.answer) == ("é" * 900, "ann@office", "fail")
    assert first.run != second.run
    case = Path(registry.page_of(first.run, "case.html"))
    assert case.read_text() == "<h1>"
    written = json.loads(case.with_name("decision.json").read_text())
    assert (written["rows"], written["version"], written["moves"]) == ({"features": "f"}, 1, True)
    ((figure,),) = stored(folder, f"select value from metrics where run_uuid = '{first.run}'")
    assert figure == 0.8


def test_a_decision_that_was_cut_off_is_none(
    registry: Registry, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(candidate)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "log", kill)
        with pytest.raises(KeyboardInterrupt):
            registry.record(A_DECISION)
    assert registry.decisions() == ()


@pytest.mark.parametrize("number", [-1, 0, 2, 99])
def test_a_version_that_does_not_exist_is_refused_with_those_that_do(
    folder: Path, candidate: Candidate, number: int
) -> None:
    registry = opened(folder, model="one version")
    if registry.newest() is None:
        registry.register(candidate)
    with pytest.raises(SettingsError, match=f"one version: no version {number}") as caught:
        registry.bundle_files(number)
    assert caught.value.action == "there are: 1"


def test_the_run_shows_its_name_parameters_and_metrics(folder: Path, registry: Registry, candidate: Candidate) -> None:
    registry.register(candidate)
    query = "select run_id, runs.name from model_versions join runs on run_uuid = run_id where model_versions.name = ?"
    ((run, name),) = stored(folder, query, registry.model)
    assert name == "2026-01-05"
    assert stored(folder, "select key, value from params where run_uuid = ?", run) == [("num_leaves", "31")]
    assert stored(folder, "select key, value from metrics where run_uuid = ?", run) == [("auc", 0.8123456789012345)]
    assert stored(folder, "select status from runs where run_uuid = ?", run) == [("FINISHED",)]


def test_artifacts_stand_at_an_absolute_place_wherever_the_command_was_run(
    folder: Path, candidate: Candidate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder.parent)
    opened(Path(folder.name), model="relative", experiment="relative").register(candidate)
    monkeypatch.chdir(tmp_path)
    assert opened(folder, model="relative").bundle_files(1) == FILES
    locations = stored(folder, "select name, artifact_location from experiments where name <> 'Default' order by name")
    assert locations == [(name, (folder / "artifacts").as_uri()) for name in ("churn", "relative")]
    assert list(tmp_path.iterdir()) == []


def test_plain_mlflow_loads_the_model_and_predicts_the_same(
    folder: Path, registry: Registry, candidate: Candidate
) -> None:
    import mlflow.lightgbm

    registry.register(candidate)
    path = model_folder(folder, registry.model)
    loaded = mlflow.lightgbm.load_model(str(path))
    assert loaded.predict(ROWS).tolist() == candidate.booster.predict(ROWS).tolist()
    assert [column["name"] for column in json.loads(_signature_inputs(path))] == ["age", "visits"]


def _signature_inputs(path: Path) -> str:
    from mlflow.models import Model

    return str(Model.load(str(path)).signature.to_dict()["inputs"])


OUTSIDER = """
import json, os, sys
import mlflow.lightgbm, mlflow.pyfunc
mlflow.set_tracking_uri(sys.argv[1])
plain, native = mlflow.pyfunc.load_model(sys.argv[2]), mlflow.lightgbm.load_model(sys.argv[2])
example = plain.input_example
both = [plain.predict(example).tolist(), native.predict(example).tolist()]
assert "churn" not in sys.modules
print(json.dumps([example.to_dict("records"), *both]))
"""


@pytest.mark.slow
def test_a_stranger_loads_the_version_by_its_address_without_our_code_and_without_a_pickle(
    folder: Path, registry: Registry, candidate: Candidate, tmp_path: Path
) -> None:
    registry.register(candidate)
    address, model = f"sqlite:///{folder}/mlflow.db", f"models:/{registry.model}/1"
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-I", "-c", OUTSIDER, address, model],
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    example, by_pyfunc, by_lightgbm = json.loads(ran.stdout.splitlines()[-1])
    assert example == [candidate.example]
    raw = Trees(candidate.booster).raw_scores(np.array([[40.0, 1.0]]), num_threads=1)
    assert by_pyfunc == by_lightgbm == pytest.approx(1 / (1 + np.exp(-raw)), rel=1e-12)


def test_no_artifact_is_a_pickle(folder: Path, registry: Registry, candidate: Candidate) -> None:
    registry.register(candidate)
    artifacts = model_folder(folder, registry.model).parent
    found = {str(path.relative_to(artifacts)): path.read_bytes() for path in artifacts.rglob("*") if path.is_file()}
    assert {"model/model.lgb", "model/MLmodel", "bundle/model.txt"} <= set(found)
    assert {Path(name).suffix for name in found if name.startswith("model/")} <= {".lgb", ".yaml", ".txt", ".json", ""}
    assert not any(content.startswith(b"\x80") or b"pickle" in content for content in found.values())


def test_nothing_of_the_environment_enters_the_registry(
    folder: Path, registry: Registry, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "DATABASE_URL"):
        monkeypatch.setenv(name, "hunter2-and-more")
    registry.register(candidate)
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert any(registry.model.encode() in content for content in files)
    assert not any(b"hunter2-and-more" in content for content in files)


def test_a_promotion_cut_short_leaves_no_reign_that_never_was(
    registry: Registry, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fingerprint in ("one", "two"):
        registry.register(replace(candidate, fingerprint=fingerprint))
    crown(registry, 1)
    with registry._tracking.talk() as client:
        for name in ("set_registered_model_tag", "set_registered_model_alias"):
            with monkeypatch.context() as patch:
                patch.setattr(client, name, kill)
                with pytest.raises(KeyboardInterrupt):
                    crown(registry, 2)
            assert [reign.version for reign in registry.reigns()] == [1]


def kill(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_reigns_are_appended_and_never_rewritten(registry: Registry, candidate: Candidate) -> None:
    for number in (1, 2):
        registry.register(replace(candidate, fingerprint=f"f{number}"))
    assert registry.reigns() == ()
    for number in (1, 2, 1):
        crown(registry, number)
    assert [reign.version for reign in registry.reigns()] == [1, 2, 1]
    assert {reign.since for reign in registry.reigns()} == {"2026-01-05"}


ASK: dict[str, Callable[[Registry], object]] = {
    "champion": lambda registry: registry.champion(),
    "newest": lambda registry: registry.newest(),
    "trained_from": lambda registry: registry.trained_from("f1"),
    "bundle_files": lambda registry: registry.bundle_files(1),
    "record": lambda registry: registry.record(A_DECISION),
    "decisions": lambda registry: registry.decisions(),
}


@pytest.mark.parametrize("question", ASK)
def test_a_corrupt_database_is_to_be_tried_again_and_no_absence(tmp_path: Path, question: str) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(TryAgainError, match=r"mlflow\.db.*not a database") as caught:
        ASK[question](opened(tmp_path))
    assert caught.value.exit_code == 75


@pytest.mark.parametrize("question", ["champion", "newest"])
def test_a_database_cut_short_is_to_be_tried_again_and_no_absence(folder: Path, tmp_path: Path, question: str) -> None:
    content = (folder / "mlflow.db").read_bytes()
    (tmp_path / "mlflow.db").write_bytes(content[: len(content) // 2])
    with pytest.raises(TryAgainError, match="malformed"):
        ASK[question](opened(tmp_path, model="race-1"))


def test_a_bundle_whose_files_are_gone_is_to_be_tried_again(
    folder: Path, registry: Registry, candidate: Candidate
) -> None:
    registry.register(candidate)
    shutil.rmtree(model_folder(folder, registry.model).with_name("bundle"))
    with pytest.raises(TryAgainError, match=r"mlflow\.db"):
        registry.bundle_files(1)


@pytest.mark.parametrize("question", ASK)
def test_a_server_that_refuses_is_to_be_tried_again_and_no_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry = Registry(folder=tmp_path / "registry", uri="http://127.0.0.1:9", model="m", experiment="e")
    with pytest.raises(TryAgainError, match="Connection refused") as caught:
        ASK[question](registry)
    assert caught.value.where == "registry http://127.0.0.1:9"
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.parametrize(
    ("status", "body"), [(404, "<h1>not here</h1>"), (404, ""), (200, "<h1>log in</h1>"), (401, ""), (500, "")]
)
def test_a_server_that_is_no_registry_is_to_be_tried_again_and_no_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with answering(status, body, kind="text/html") as uri, pytest.raises(TryAgainError):
        Registry(folder=tmp_path, uri=uri, model="m", experiment="e").champion()


def test_a_server_that_knows_no_such_model_has_no_champion(tmp_path: Path) -> None:
    body = '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Registered Model with name=m not found"}'
    with answering(404, body, kind="application/json") as uri:
        assert Registry(folder=tmp_path, uri=uri, model="m", experiment="e").champion() is None
