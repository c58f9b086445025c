"""A user's program: no shell, its own time, and whatever it does is told as a value."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from churn.stores.program import run_program

PYTHON = sys.executable


def test_it_gets_the_variables_and_no_shell(tmp_path: Path) -> None:
    wrote = tmp_path / "wrote"
    code = f"import os, sys; open({str(wrote)!r}, 'w').write(os.environ['CHURN_REASON'] + '|' + sys.argv[1])"
    ended = run_program([PYTHON, "-c", code, "$HOME; true"], variables={"CHURN_REASON": "a; b"}, timeout_seconds=60)
    assert (ended.code, ended.is_well) == (0, True)
    assert wrote.read_text() == "a; b|$HOME; true"
    assert "CHURN_REASON" not in os.environ


def test_a_failure_is_told_with_its_exit_code_and_its_last_words_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "churn")
    code = "import sys; print('x' * 100_000); sys.exit('no disk, password 1234')"
    ended = run_program([PYTHON, "-c", code], variables={}, timeout_seconds=60)
    assert (ended.code, ended.is_well) == (1, False)
    assert ended.words == f"{PYTHON} ended with exit code 1"  # what it said may be a secret, and stands in no record
    (line,) = caplog.messages
    assert line.endswith("no disk, password 1234")
    assert "(the last 500 of 100,024 bytes, the others are not kept): xxx" in line
    assert len(line) < 700


def test_of_what_it_says_nothing_is_kept_on_disk_and_it_never_waits_to_be_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "churn")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    code = "import os\nfor _ in range(200): os.write(1, b'x' * 100_000)"
    assert run_program([PYTHON, "-c", code], variables={}, timeout_seconds=60).is_well
    assert "of 20,000,000 bytes" in caplog.messages[0]


def test_what_it_leaves_running_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "churn")
    assert run_program(["sh", "-c", "echo begun; sleep 20 &"], variables={}, timeout_seconds=10).is_well
    assert caplog.messages[0].endswith("begun")


def test_one_that_cannot_be_started_is_told() -> None:
    ended = run_program(["/no/such/program"], variables={}, timeout_seconds=60)
    assert (ended.code, ended.is_well) == (None, False)
    assert "could not be started: No such file" in ended.words


def test_one_whose_time_is_up_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    ended = run_program(["sh", "-c", f"sleep 600 & echo $! > {pid}; wait"], variables={}, timeout_seconds=2)
    assert (ended.code, ended.is_well) == (None, False)
    assert "was killed after 2 seconds" in ended.words
    state = Path(f"/proc/{int(pid.read_text())}/stat")
    for _ in range(1_000):  # it dies a moment after the signal; one that was not killed would sleep for ten minutes
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("what it had started is still alive")
