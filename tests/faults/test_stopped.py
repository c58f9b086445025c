"""A run that is told to end ends by itself in good time, says so, and the next one goes on from there."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from churn.errors import DataError
from churn.stopping import TERMINATED
from tests.command import churn
from tests.faults.ground import TURNS, Ground, heavy
from tests.faults.runs import ROOT

_SYSTEMD_WAITS = 60  # seconds, of the units of stage=schedule


@pytest.mark.parametrize("becomes", [None, DataError(where="a query", found="interrupted", action="look")])
def test_a_stage_that_is_told_to_end_is_no_failure_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: Exception | None
) -> None:
    def told(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)  # the signal comes before it is over
        except KeyboardInterrupt:
            if becomes is None:
                raise
        raise becomes or AssertionError

    monkeypatch.setattr("churn.stages.nightly._night", told)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so that the tests outlive a run that would not
    try:
        ran = churn("stage=nightly", "date=2025-08-18..2025-08-20", root=tmp_path)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ran.code == TERMINATED
    assert ran.err.count("stopped; whatever was published is whole") == 1
    assert "error" not in ran.err.lower()
    assert re.search(
        r"stage=nightly dataset=subscription date=\S+ seconds=\S+ code=143 end=stopped$", ran.err, re.MULTILINE
    )


@heavy
def test_the_command_dies_by_the_signal_once_it_has_tidied_up(ground: Ground) -> None:
    ground.reset()
    command = [sys.executable, "-m", "churn", *ground.command, f"root={ground.root}"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()  # something is published
        process.terminate()
        said += process.communicate(timeout=_SYSTEMD_WAITS)[1]
    assert process.returncode == -signal.SIGTERM, said
    assert "stopped; whatever was published is whole" in said
    ground.check_whole()
    ground.check_completed()


@heavy
def test_a_night_is_told_to_end_at_any_moment(ground: Ground) -> None:
    ground.reset()
    start = time.perf_counter()
    assert ground.night().code == 0
    longest, chance, stopped = time.perf_counter() - start, random.Random(1), 0
    for _ in range(TURNS):
        ground.reset()
        process = ground.start()
        time.sleep(chance.uniform(0, longest))
        late = threading.Timer(_SYSTEMD_WAITS, os.kill, (process, signal.SIGKILL))
        with suppress(ProcessLookupError):  # it was faster
            os.kill(process, signal.SIGTERM)
        late.start()
        ended = ground.runs.ended()
        late.cancel()
        # minus the signal: it came before the stage began
        assert ended.code in {0, TERMINATED, -signal.SIGTERM}, (ended.code, ended.said)
        assert ended.code != TERMINATED or "stopped; whatever was published is whole" in ended.said
        stopped += ended.code == TERMINATED
        assert [*ground.root.rglob(".staging*")] == []
        ground.check_whole()
        ground.check_completed()
    assert stopped > 0
