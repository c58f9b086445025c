"""How is a command run hundreds of times, each in a process of its own, without paying for its imports each time?

One process imports the libraries and forks a run from itself when told to, so that kills and faults fall on the work
and not on the imports. Nothing of the libraries has run before the fork: after Polars was used, a fork would wait for
ever.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tests.faults.injector import Calls, Fault

ROOT = Path(__file__).parents[2]
_DRIVER = """
import ctypes, json, os, sys
import duckdb, lightgbm, mlflow, pandera.polars, polars, pyarrow.parquet
from churn.__main__ import main

injector = ctypes.CDLL(None) if "LD_PRELOAD" in os.environ else None

def run(asked):
    out = os.open(asked["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    fault = asked["fault"]
    if injector:
        folder = asked["folder"].encode()
        injector.fault_plan(folder, *(int(fault[name]) for name in ("calls", "at", "error", "stays", "halves")))
        injector.fault_clock(ctypes.c_long(fault["late_seconds"]))
    code = main(asked["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

def calls():
    if injector is None:
        return []
    injector.fault_call.restype = ctypes.c_char_p
    return [injector.fault_call(n).decode() for n in range(1, injector.fault_seen() + 1)]

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            run(json.loads(line))
        finally:
            os._exit(99)
    print(child, flush=True)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([code, calls()]), flush=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended: its exit code or minus the signal, what it said, the counted calls ("write /a/file")."""

    code: int
    said: str
    calls: tuple[str, ...]


class Runs:
    """Commands under one scratch folder, one after the other; faults where an injector is preloaded."""

    def __init__(self, scratch: Path, *, injector: Path | None = None) -> None:
        self._said = scratch / "said.txt"
        preloaded = {"LD_PRELOAD": str(injector)} if injector else {}
        self._driver = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _DRIVER],
            cwd=ROOT,
            env={**os.environ, **preloaded},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def start(self, *arguments: str, root: Path, fault: Fault | None = None) -> int:
        """Starts `python -m churn ARGUMENTS root=ROOT` and returns its process's number."""
        asked = {
            "arguments": [*arguments, f"root={root}"],
            "said": str(self._said),
            "folder": str(root.resolve()),
            "fault": asdict(fault or Fault(calls=Calls(0))),  # the plan is shared: one of an earlier run would stand
        }
        assert self._driver.stdin is not None
        self._driver.stdin.write(json.dumps(asked) + "\n")
        self._driver.stdin.flush()
        return int(self._answer())

    def ended(self) -> Ended:
        """Waits for the run."""
        code, calls = self._answer()
        return Ended(code=code, said=self._said.read_text(), calls=tuple(calls))

    def run(self, *arguments: str, root: Path, fault: Fault | None = None) -> Ended:
        self.start(*arguments, root=root, fault=fault)
        return self.ended()

    def _answer(self) -> Any:
        assert self._driver.stdout is not None
        return json.loads(self._driver.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._driver.kill()
        self._driver.communicate()
