"""The doctor makes every check, whatever the others find, and leaves no trace."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from churn.errors import DataError, ExitCode
from churn.redaction import looks_secret
from churn.stores import host
from tests.command import Ran, churn

SILENT = "stage.lock_seconds=0"


def tree(root: Path) -> dict[str, tuple[int, int, int]]:
    """Returns mode, size and time of change of all that stands under a folder, and of the folder itself."""
    found = [root, *root.rglob("*")]
    return {str(path): (path.lstat().st_mode, path.lstat().st_size, path.lstat().st_mtime_ns) for path in found}


def state(ran: Ran, check: str) -> str:
    """Returns the state that a check is told with."""
    (line,) = [line for line in ran.out.partition("to mend")[0].splitlines() if line.startswith(f"  {check}  ")]
    return line.removeprefix(f"  {check}").split()[0]


@pytest.fixture
def healthy(scored: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root where no check fails, in an environment without secrets of this machine."""
    for name in [name for name in os.environ if looks_secret(name)]:
        monkeypatch.delenv(name)
    for path in [scored, *scored.rglob("*")]:
        path.chmod(0o750 if path.is_dir() else 0o640)
    return scored


def test_a_healthy_root_ends_well_and_keeps_every_byte_and_time(healthy: Path) -> None:
    before = tree(healthy)
    ran = churn("stage=doctor", SILENT, root=healthy)
    assert ran.code == ExitCode.OK, ran.out + ran.err
    assert "0 fail" in ran.out
    assert tree(healthy) == before


def test_what_is_broken_fails_is_told_with_its_mend_and_stops_no_other_check(healthy: Path) -> None:
    shutil.rmtree(healthy / "raw")
    (healthy / "logs").mkdir(exist_ok=True)
    before = tree(healthy)
    ran = churn("stage=doctor", SILENT, "dataset.newest_day_within_days=2", root=healthy)
    assert ran.code == ExitCode.DATA
    assert "last night" in ran.out.partition("to mend")[2]
    assert (state(ran, "source usage"), state(ran, "last night")) == ("fail", "fail")
    assert (state(ran, "contract usage"), state(ran, "champion")) == ("ok", "ok")
    assert tree(healthy) == before


def test_the_gravest_of_what_fails_is_the_exit_code(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2-hunter2")
    (healthy / "logs").mkdir(exist_ok=True)
    (healthy / "logs" / "x.log").write_text("hunter2-hunter2")
    ran = churn("stage=doctor", SILENT, "dataset.newest_day_within_days=2", root=healthy)
    assert ran.code == ExitCode.SETTINGS
    assert "hunter2" not in ran.out + ran.err


def test_an_empty_root_is_told_and_not_made(tmp_path: Path) -> None:
    root = tmp_path / "unborn"
    ran = churn("stage=doctor", SILENT, root=root)
    assert ran.code == ExitCode.SETTINGS  # no champion
    assert "nobody was promoted yet" in ran.out
    assert not root.exists()


def test_a_check_that_stops_or_has_a_bug_says_so_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise DataError(where="the machine", found="no answer", action="ask again")

    monkeypatch.setattr(host, "memory_available", broken)
    monkeypatch.setattr(host, "timers", lambda _: 1 / 0)
    ran = churn("stage=doctor", SILENT, root=tmp_path / "lake")
    assert ran.code == ExitCode.BUG
    assert "the machine: no answer" in ran.out
    assert "the check could not be made: ZeroDivisionError" in ran.out
    assert (state(ran, "memory"), state(ran, "timers"), state(ran, "contract usage")) == ("fail", "fail", "ok")


def test_it_takes_no_date(tmp_path: Path) -> None:
    ran = churn("stage=doctor", "date=2026-01-05", root=tmp_path)
    assert (ran.code, "it takes none" in ran.err) == (ExitCode.SETTINGS, True)
