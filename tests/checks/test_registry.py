"""A registry that will not answer, and a champion that will not score, are told before the night."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.model_quality import settings_of
from churn.checks.checked import State
from churn.checks.registry import check_champion, check_database, check_locks
from churn.doors import Doors
from churn.errors import ChurnError, ExitCode, TryAgainError
from tests.command import done
from tests.stores.test_mlflow_database import database, held, server


def doors_of(root: Path, *arguments: str) -> Doors:
    return Doors(settings_of("stage=doctor", f"root={root}", *arguments))


def changed(root: Path, statement: str) -> None:
    with closing(sqlite3.connect(root / "mlflow" / "mlflow.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_schema_that_the_installed_mlflow_does_not_want_fails(scored: Path) -> None:
    assert check_database(doors_of(scored)).state is State.OK
    changed(scored, "update alembic_version set version_num = '0a8213491aaa'")
    checked = check_database(doors_of(scored))
    assert (checked.state, checked.code) == (State.FAIL, ExitCode.SETTINGS)
    assert "schema 0a8213491aaa, and the installed MLflow wants" in checked.found
    assert "mlflow db upgrade sqlite:///" in checked.mend


def test_no_database_yet_is_told_and_one_that_is_none_fails(tmp_path: Path) -> None:
    assert check_database(doors_of(tmp_path)).state is State.WARN
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(b"no database" * 100)
    with pytest.raises(TryAgainError, match="not a database"):
        check_database(doors_of(tmp_path))


def test_a_server_that_does_not_answer_fails(tmp_path: Path) -> None:
    with server(200) as uri:
        assert check_database(doors_of(tmp_path, f"registry.uri={uri}")).state is State.OK
    with pytest.raises(TryAgainError, match="refused"):
        check_database(doors_of(tmp_path, f"registry.uri={uri}"))


def test_a_writer_that_does_not_let_go_fails_by_its_process_and_one_that_does_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    path = database(tmp_path / "mlflow" / "mlflow.db")
    doors = doors_of(tmp_path)
    assert check_locks(doors, seconds=0).state is State.OK
    with held(path) as process:
        checked = check_locks(doors, seconds=0.3)
        assert (checked.state, checked.code) == (State.FAIL, ExitCode.LOCKED)
        assert f"process {process.pid} holds" in checked.found
        assert process.stdin
        process.stdin.close()  # and so it ends
        assert check_locks(doors, seconds=60).state is State.OK


def test_a_writer_that_died_is_told_and_its_journal_left_to_who_writes_next(tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    path = database(tmp_path / "mlflow" / "mlflow.db")
    with held(path, "writes") as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    checked = check_database(doors_of(tmp_path))
    assert (checked.state, "a writer died and left mlflow.db-journal" in checked.found) == (State.WARN, True)


def test_a_champion_is_loaded_and_scores_without_a_network(scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refused)
    checked = check_champion(doors_of(scored))
    assert checked.state is State.OK
    assert checked.found.startswith("version 1 of churn-predictor; its copy is whole and scores a row (0.")


def test_no_champion_fails_with_what_makes_one(scored: Path, tmp_path: Path) -> None:
    changed(scored, "delete from registered_model_aliases")
    for root in (scored, tmp_path / "empty"):
        checked = check_champion(doors_of(root))
        assert (checked.state, checked.code) == (State.FAIL, ExitCode.SETTINGS)
        assert "stage=train" in checked.mend


def test_a_registry_that_cannot_be_read_fails(scored: Path) -> None:
    changed(scored, "drop table registered_model_aliases")
    with pytest.raises(TryAgainError, match="cannot be read, or knows no model"):
        check_champion(doors_of(scored))


@pytest.mark.parametrize("name", ["model.txt", "bundle.json", "checksums.json", "reference.parquet"])
def test_a_copy_with_another_byte_is_told_by_its_file(scored: Path, name: str) -> None:
    path = scored / "champion" / "subscription" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    checked = check_champion(doors_of(scored))
    assert (checked.state, f"{path}: missing, or not the bytes" in checked.found) == (State.WARN, True)


def test_a_copy_that_is_gone_or_another_versions_is_told(scored: Path) -> None:
    changed(scored, "update registered_model_aliases set version = 2")
    assert "its copy in the lake is version 1" in check_champion(doors_of(scored)).found
    shutil.rmtree(scored / "champion")
    assert "its copy in the lake is not there yet" in check_champion(doors_of(scored)).found


def test_what_it_says_mends_a_copy(scored: Path) -> None:
    (scored / "champion" / "subscription" / "model.txt").unlink()
    mend = check_champion(doors_of(scored)).mend
    assert os.system(mend.partition(" (")[0]) == 0
    shutil.rmtree(scored / "predictions")
    done("stage=score", "date=2025-08-20", root=scored)
    assert check_champion(doors_of(scored)).state is State.OK


def test_a_model_that_cannot_score_fails(scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from churn.scoring.stepwise import Stepwise

    monkeypatch.setattr(Stepwise, "raw_scores", lambda *_, **__: np.array([np.nan]))
    with pytest.raises(ChurnError, match="scores its example row nan"):
        check_champion(doors_of(scored))


def test_behind_a_server_the_copy_is_trusted_only_for_days(scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doors = doors_of(scored, "registry.uri=http://127.0.0.1:1")
    registered = doors_of(scored).registry.named()
    monkeypatch.setattr(type(doors.registry), "named", lambda _: registered)
    assert check_champion(doors).state is State.OK
    later = Doors(replace(doors.settings, today=doors.settings.today + timedelta(days=8)))
    checked = check_champion(later)
    assert (checked.state, "was last named by a night on" in checked.found) == (State.WARN, True)
    (scored / ".cache" / "champion-subscription").unlink()
    assert "was never named by a night" in check_champion(doors).found
