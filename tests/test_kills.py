"""A run that is killed at any moment leaves no half partition, and the next run completes it to the byte."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from churn.stores.lake import Lake, Partition
from tests.command import done, published

KILLS = 13  # a test; four tests make 52
NIGHTS = "2025-08-15..2025-08-20"
# Libraries are imported before the clock starts, so that the kills fall on the work and not on the imports.
DRIVER = """
import sys
import duckdb, pandera.polars, polars, pyarrow.parquet
if "stage=score" in sys.argv:
    import lightgbm, mlflow
from churn.__main__ import main
print("ready", flush=True)
sys.exit(main(sys.argv[1:]))
"""


def started(root: Path, stage: str, chunk_rows: int) -> subprocess.Popen[str]:
    command = [f"stage={stage}", f"date={NIGHTS}", f"root={root}", f"resources.chunk_rows={chunk_rows}"]
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *command],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> int:
    with process:
        assert process.stdout is not None
        process.stdout.read()
    return process.returncode


def seconds_undisturbed(root: Path, stage: str) -> float:
    process = started(root, stage, 400)
    start = time.perf_counter()
    assert ended(process) == 0
    return time.perf_counter() - start


def forget(root: Path, kind: str) -> None:
    """Takes the nights away, and before features also the newest raw days, so that kills fall on bringing them, too."""
    shutil.rmtree(root / kind / "subscription", ignore_errors=True)
    if kind == "features":
        for path in (root / "tables" / "subscription").glob("date=2025-08-*"):
            shutil.rmtree(path)


def check_whole(lake: Lake, kind: str) -> None:
    folders = list((lake.root / kind / "subscription").glob("date=*"))
    days = lake.days(kind, "subscription")
    assert len(folders) == len(days)
    for day in days:
        lake.open(Partition(kind=kind, dataset="subscription", day=day), made_by="")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("stage", "kind"), [("features", "features"), ("score", "predictions")])
def test_a_killed_run_leaves_whole_partitions_and_the_next_run_completes_them(
    lake: Path, stage: str, kind: str, seed: int
) -> None:
    if stage == "score":
        done("stage=features", f"date={NIGHTS}", "resources.chunk_rows=400", root=lake)
    forget(lake, kind)
    longest = seconds_undisturbed(lake, stage)
    expected = published(lake, kind, "tables")
    chance = random.Random(seed)
    killed = 0
    for turn in range(KILLS):
        if turn % 3 == 0:
            forget(lake, kind)
        # Another chunk size makes every partition stale, so that the kill falls on a replacement.
        process = started(lake, stage, 400 + turn % 2)
        time.sleep(chance.uniform(0, longest))
        process.send_signal(signal.SIGKILL)
        killed += ended(process) == -signal.SIGKILL
        check_whole(Lake(lake), kind)
        check_whole(Lake(lake), "tables")
    assert killed >= KILLS // 2
    done(f"stage={stage}", f"date={NIGHTS}", "resources.chunk_rows=400", root=lake)
    assert published(lake, kind, "tables") == expected
    assert not list(lake.rglob(".staging*"))
