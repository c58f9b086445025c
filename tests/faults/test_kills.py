"""A run that is killed at any moment leaves no half partition, and the next run completes it to the byte."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from churn.stores.lake import Lake, Partition
from tests.command import done, published

KILLS = max(2, int(os.environ.get("CHURN_KILLS", "8")) // 2)  # a test, of two
NIGHTS = "2025-08-19..2025-08-20"
# One process imports the libraries and forks a run from itself when told to, so that the kills fall on the work and not
# on the imports. Nothing of the libraries has run before the fork: after Polars was used, a fork would wait for ever.
DRIVER = """
import os, sys
import duckdb, lightgbm, mlflow, pandera.polars, polars, pyarrow.parquet
from churn.__main__ import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(main(line.split()))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runs:
    """Runs of one stage over the nights, one after the other, each in a process of its own."""

    def __init__(self, root: Path, stage: str) -> None:
        self._command = f"stage={stage} date={NIGHTS} root={root}"
        self._driver = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", DRIVER],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def start(self, chunk_rows: int) -> int:
        """Starts a run and returns its process's number."""
        assert self._driver.stdin is not None
        self._driver.stdin.write(f"{self._command} resources.chunk_rows={chunk_rows}\n")
        self._driver.stdin.flush()
        return int(self._line())

    def ended(self) -> int:
        """Waits for the run and returns its exit code, or minus the signal that ended it."""
        return int(self._line())

    def seconds_undisturbed(self) -> float:
        self.start(1000)
        start = time.perf_counter()
        assert self.ended() == 0
        return time.perf_counter() - start

    def _line(self) -> str:
        assert self._driver.stdout is not None
        return self._driver.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._driver.kill()
        self._driver.communicate()


def forget(root: Path, kind: str) -> None:
    """Takes the nights away, and before features also the newest raw days, so that kills fall on bringing them, too."""
    shutil.rmtree(root / kind / "subscription", ignore_errors=True)
    if kind == "features":
        for path in (root / "tables" / "subscription").glob("date=2025-08-1[7-9]"):
            shutil.rmtree(path)


def check_whole(lake: Lake, kind: str) -> None:
    folders = list((lake.root / kind / "subscription").glob("date=*"))
    days = lake.days(kind, "subscription")
    assert len(folders) == len(days)
    for day in days:
        lake.open(Partition(kind=kind, dataset="subscription", day=day), made_by="")


@pytest.mark.parametrize(
    ("stage", "kind"), [pytest.param("features", "features", marks=pytest.mark.slow), ("score", "predictions")]
)
def test_a_killed_run_leaves_whole_partitions_and_the_next_run_completes_them(
    lake: Path, stage: str, kind: str
) -> None:
    if stage == "score":
        done("stage=features", f"date={NIGHTS}", "resources.chunk_rows=1000", root=lake)
    forget(lake, kind)
    chance, killed = random.Random(1), 0
    with Runs(lake, stage) as runs:
        longest = runs.seconds_undisturbed()
        expected = published(lake, kind, "tables")
        for turn in range(KILLS):
            if turn % 3 == 0:
                forget(lake, kind)
            # Another chunk size makes every partition stale, so that the kill falls on a replacement.
            process = runs.start(1000 + turn % 2)
            time.sleep(chance.uniform(0, longest))
            with contextlib.suppress(ProcessLookupError):  # it was faster
                os.kill(process, signal.SIGKILL)
            killed += runs.ended() == -signal.SIGKILL
            check_whole(Lake(lake), kind)
            check_whole(Lake(lake), "tables")
    assert killed >= KILLS // 2
    done(f"stage={stage}", f"date={NIGHTS}", "resources.chunk_rows=1000", root=lake)
    assert published(lake, kind, "tables") == expected
    assert not list(lake.rglob(".staging*"))
