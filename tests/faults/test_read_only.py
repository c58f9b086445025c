"""A root that went read-only under the program: what only looks still answers, and the rest says so and is code 75."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn.errors import ExitCode
from tests.command import FAST, churn
from tests.faults.ground import NIGHT, heavy

_LOOKS = (
    ("stage=status",),
    ("stage=history",),
    ("stage=plan", f"date={NIGHT}"),
    ("stage=drift", "replay=true"),
    ("stage=prune",),
    ("stage=forget", "key=16"),
)
_MAKES = (
    ("stage=nightly", "date=2025-08-21"),
    ("stage=features", "date=2025-08-19"),
    ("stage=score", f"date={NIGHT}", "stage.engine=lightgbm"),
    ("stage=train", "date=2025-08-11"),
    ("stage=promote", "date=2025-08-10", "version=1"),
    ("stage=prune", "dry_run=false"),
    ("stage=forget", "key=16", "dry_run=false"),
)


@pytest.fixture
def closed(scored: Path) -> Iterator[Path]:
    """A lake on a file system that is mounted read-only."""
    if os.geteuid() or subprocess.run(["mount", "--bind", scored, scored], capture_output=True, check=False).returncode:
        pytest.skip("mounting takes root's rights")
    subprocess.run(["mount", "-o", "remount,ro,bind", scored], check=True)
    yield scored
    subprocess.run(["umount", "--lazy", scored], check=True)


@heavy
@pytest.mark.parametrize("command", _LOOKS, ids=" ".join)
def test_what_only_looks_answers(closed: Path, command: tuple[str, ...]) -> None:
    ran = churn(*command, *FAST[1:], root=closed)
    assert ran.code == ExitCode.OK, ran.out + ran.err


@heavy
@pytest.mark.parametrize("command", _MAKES, ids=" ".join)
def test_what_would_write_says_that_the_root_is_read_only(closed: Path, command: tuple[str, ...]) -> None:
    ran = churn(*command, *FAST[1:], root=closed)
    assert ran.code == ExitCode.TRY_AGAIN, ran.out + ran.err
    (error,) = (line for line in ran.err.splitlines() if line.startswith("error: "))  # and not what is told of metrics
    assert "read-only" in error.lower()
    assert ran.err.count("\n  do: ") == 1
    assert "Traceback" not in ran.err
