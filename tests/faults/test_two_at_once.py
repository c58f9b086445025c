"""Two nightly runs that are started at once make one night: one waits, or says who is at work and with which code."""

from __future__ import annotations

import random
import time
from pathlib import Path

from churn.errors import ExitCode
from tests.faults.ground import TURNS, Ground, heavy
from tests.faults.runs import Runs


@heavy
def test_two_runs_at_once_make_one_night(ground: Ground, tmp_path: Path) -> None:
    chance, refused = random.Random(1), 0
    with Runs(tmp_path) as others:
        for _ in range(TURNS):
            ground.reset()
            ground.start()
            time.sleep(chance.uniform(0, 1))
            second = others.run(*ground.command, root=ground.root)
            first = ground.runs.ended()
            assert {first.code, second.code} <= {ExitCode.OK, ExitCode.LOCKED}, first.said + second.said
            assert ExitCode.OK in {first.code, second.code}
            for ended in (first, second):
                assert ended.code == ExitCode.OK or "\n  do: " in ended.said
            refused += ExitCode.LOCKED in {first.code, second.code}
            ground.check_whole()
            ground.check_completed()
    assert refused > 0
