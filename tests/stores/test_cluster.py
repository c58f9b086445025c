"""Nights that a Dask cluster scores have the bytes of those scored here, and a worker that is killed loses none."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from churn.errors import DataError, TryAgainError
from churn.stores.cluster import over_cluster
from tests.command import FAST, churn, done, published

NIGHTS = "2025-08-17..2025-08-20"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])  # the workers find the tests' own tasks
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:  # type: ignore[no-untyped-call]
        yield str(cluster.scheduler_address)
    del os.environ["PYTHONPATH"]


def test_a_cluster_scores_the_same_bytes_as_this_machine(lake: Path, address: str) -> None:
    done("stage=features", f"date={NIGHTS}", *FAST, root=lake)
    score = ("stage=score", f"date={NIGHTS}", "reasons.rows=20", *FAST)
    done(*score, root=lake)
    expected = files(lake)
    shutil.rmtree(lake / "predictions")
    ran = done(*score, f"cluster={address}", root=lake)
    assert "scored 4 of 4 dates" in ran.out
    assert files(lake) == expected
    shutil.rmtree(lake / "features" / "subscription" / "date=2025-08-18")
    failed = churn(*score, f"cluster={address}", "engine=lightgbm", root=lake)
    assert failed.code == 3
    assert "features/subscription/date=2025-08-18" in failed.err


def files(root: Path) -> dict[str, bytes]:
    return {name: content for name, content in published(root, "predictions").items() if name.endswith(".parquet")}


def mark(folder: Path) -> int:
    """Waits to be killed the first time, and is done at once the second."""
    first = not (folder / "pid").exists()
    if first:
        (folder / "new").write_text(str(os.getpid()))
        (folder / "new").rename(folder / "pid")
        time.sleep(60)
    return os.getpid()


def refuse(_: int) -> int:
    raise DataError(where="a", found="b", action="c")


@pytest.mark.slow
def test_the_task_of_a_killed_worker_is_done_by_another(address: str, tmp_path: Path) -> None:
    def kill() -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.05)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    (pid,) = over_cluster(address, mark, [tmp_path])
    killer.join()
    assert pid != int((tmp_path / "pid").read_text())


def test_a_tasks_own_error_comes_out_as_it_is(address: str) -> None:
    with pytest.raises(DataError, match="a: b"):
        list(over_cluster(address, refuse, [1]))


def test_a_cluster_that_does_not_answer_is_to_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn.stores.cluster._SECONDS", 1)
    with pytest.raises(TryAgainError, match=r"127\.0\.0\.1:9") as caught:
        list(over_cluster("tcp://127.0.0.1:9", len, ["a"]))
    assert "stage.cluster=null" in caught.value.action
