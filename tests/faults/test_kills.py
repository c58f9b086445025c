"""A run that is killed at any moment leaves no half partition, and the next run completes it to the byte."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from churn.stores.lake import Lake, Partition
from tests.command import done, published
from tests.faults.runs import Runs

KILLS = max(2, int(os.environ.get("CHURN_KILLS", "8")) // 2)  # a test, of two
NIGHTS = "2025-08-19..2025-08-20"


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
    lake: Path, tmp_path: Path, stage: str, kind: str
) -> None:
    if stage == "score":
        done("stage=features", f"date={NIGHTS}", "resources.chunk_rows=1000", root=lake)
    forget(lake, kind)
    chance, killed = random.Random(1), 0
    with Runs(tmp_path) as runs:

        def start(chunk_rows: int) -> int:
            return runs.start(f"stage={stage}", f"date={NIGHTS}", f"resources.chunk_rows={chunk_rows}", root=lake)

        start(1000)
        began = time.perf_counter()
        assert runs.ended().code == 0
        longest = time.perf_counter() - began
        expected = published(lake, kind, "tables")
        for turn in range(KILLS):
            if turn % 3 == 0:
                forget(lake, kind)
            # Another chunk size makes every partition stale, so that the kill falls on a replacement.
            process = start(1000 + turn % 2)
            time.sleep(chance.uniform(0, longest))
            with contextlib.suppress(ProcessLookupError):  # it was faster
                os.kill(process, signal.SIGKILL)
            killed += runs.ended().code == -signal.SIGKILL
            check_whole(Lake(lake), kind)
            check_whole(Lake(lake), "tables")
    assert killed >= KILLS // 2
    done(f"stage={stage}", f"date={NIGHTS}", "resources.chunk_rows=1000", root=lake)
    assert published(lake, kind, "tables") == expected
    assert not list(lake.rglob(".staging*"))
