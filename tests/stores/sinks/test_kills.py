"""A delivery that is killed, at whatever line, leaves one of the two nights whole, and the next one brings its own."""

from __future__ import annotations

import base64
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn.stores.sinks import Sink
from tests.stores.sinks.nights import FIRST, courier, publish, scores
from tests.stores.sinks.places import Place

ROOT = Path(__file__).parents[3]
# One process imports the libraries and forks a delivery from itself when told to. The delivery kills itself, as nobody
# can tell from outside, when it comes to the n-th line that it runs for the first time (in `_copy`, of a second chunk).
DRIVER = """
import base64, os, pickle, signal, sys
import duckdb, obstore, polars, pyarrow.parquet
from adbc_driver_postgresql import dbapi
from churn.stores import parquet, postgres, s3
from tests.stores.sinks.nights import FIRST, courier

STEPS = {"deliver", "_replace", "_copy", "transaction", "put_file", "put_bytes", "delete_others"}
STEPS |= {"remove_file", "whole_file", "_note"}

def run(root, sink, last):
    seen, count = {}, 0

    def trace(frame, event, _):
        nonlocal count
        if event == "line":
            place = frame.f_code.co_filename, frame.f_lineno
            seen[place] = seen.get(place, 0) + 1
            count += seen[place] == (2 if frame.f_code.co_name == "_copy" else 1)
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace if "/churn/" in frame.f_code.co_filename and frame.f_code.co_name in STEPS else None

    sys.settrace(trace)
    went = courier(root, sink=sink)
    went.bring(FIRST)
    return len(went.due([FIRST]))

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        environment, *asked = pickle.loads(base64.b64decode(line))
        os.environ.update(environment)
        os._exit(run(*asked))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Driver:
    """Deliveries of a lake's night to a sink, each in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", DRIVER],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def killed(self, root: Path, sink: Sink, *, at: int) -> bool:
        """Delivers and returns whether it came to that line, and died there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = base64.b64encode(pickle.dumps((dict(os.environ), root, sink, at)))
        self._process.stdin.write(told.decode() + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        assert code in {0, -signal.SIGKILL}
        return code < 0

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.end()


@pytest.mark.slow
def test_a_delivery_killed_at_any_line_leaves_a_whole_night_and_the_next_one_brings_its_own(
    driver: Driver, place: Place, tmp_path: Path
) -> None:
    publish(tmp_path, scores())
    courier(tmp_path, sink=place.sink).bring(FIRST)
    held, line, undone = scores().rows(), 1, 0
    while True:
        coming = scores(version=line + 1)  # another one each time, so that every delivery replaces a night
        publish(tmp_path, coming)
        if not driver.killed(tmp_path, place.sink, at=line):
            break
        found = place.held()
        assert found in (held, coming.rows())
        if found == coming.rows() and courier(tmp_path, sink=place.sink).due([FIRST]):
            undone += 1  # it died between the night's arrival and its receipt
            courier(tmp_path, sink=place.sink).bring(FIRST)
            assert place.held() == coming.rows()
        held, line = found, line + 1
    assert line > 15
    assert undone > 0
    assert place.held() == coming.rows()
    assert courier(tmp_path, sink=place.sink).due([FIRST]) == ()
