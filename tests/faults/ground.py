"""What does a night have to be after whatever befell it?

A lake with one night still to be made, and that night as an undisturbed run makes it: every published byte, the rows
that the sinks hold and the records of the night are held against it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar, cast

import duckdb
import pytest

from churn.stores.lake import Lake, Partition
from tests.command import copied, published
from tests.faults.injector import Fault
from tests.faults.runs import Ended, Runs

FAULTS = int(os.environ.get("CHURN_FAULTS", "1"))  # of each kind
TURNS = max(2, int(os.environ.get("CHURN_KILLS", "8")) // 20)  # of what comes at a random moment
FIGURES = "faults"
"""As what a test records its counts, which are added up at the end."""
_Test = TypeVar("_Test", bound=Callable[..., None])
KINDS = ("tables", "quarantine", "features", "predictions", "profiles", "drift", "feeds")
NAME, NIGHT = "subscription", date(2025, 8, 20)
_BROUGHT = ("2025-08-18", "2025-08-19")  # the raw days that the night brings


def heavy(test: _Test) -> _Test:
    """Marks a test as one for `just faults` alone."""
    unasked = pytest.mark.skipif("CHURN_FAULTS" not in os.environ, reason="takes minutes: just faults")
    return cast("_Test", pytest.mark.slow(unasked(test)))


@dataclass(kw_only=True)
class Ground:
    """A lake under `root` with the night undone, again and again; an undisturbed run publishes what is `expected`.

    `rows` and `csv` are what its sinks hold, `calls` those that change what lies under the root.
    """

    root: Path
    runs: Runs
    expected: dict[str, bytes] = field(default_factory=dict)
    rows: list[tuple[object, ...]] = field(default_factory=list)
    csv: bytes = b""
    calls: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        return ("stage=nightly", f"date={NIGHT}", "resources.chunk_rows=500", *sinks(self.root))

    def _prepare(self) -> None:
        """Makes the night twice, undisturbed, and keeps what the second made: what is made once a lake is there."""
        self._undo()
        first = self.night()
        assert first.code == 0, first.said
        self._undo()
        copied(self.root, self.root.with_name("before"))
        again = self.night(Fault())
        assert again.code == 0, again.said
        self.calls = again.calls
        self.expected, self.rows = published(self.root, *KINDS), held(self.root)
        self.csv = _csv(self.root).read_bytes()

    def night(self, fault: Fault | None = None) -> Ended:
        return self.runs.run(*self.command, root=self.root, fault=fault)

    def start(self) -> int:
        """Starts the night and returns its process's number."""
        return self.runs.start(*self.command, root=self.root)

    def reset(self) -> None:
        """Puts the lake back to before the night; what is large, and not touched by it, stays where it is."""
        if not self.expected:
            self._prepare()
        self._undo()
        before = self.root.with_name("before")
        for path in before.iterdir():
            if path.name not in {"raw", "tables", "truth", "code"}:
                shutil.rmtree(self.root / path.name, ignore_errors=True)
                copied(path, self.root / path.name)

    def _undo(self) -> None:
        for kind in (*KINDS[1:-1], "deliveries", "versions"):
            shutil.rmtree(self.root / kind, ignore_errors=True)
        for kind in ("tables", "feeds"):
            for day in _BROUGHT:
                shutil.rmtree(self.root / kind / NAME / f"date={day}", ignore_errors=True)
        shutil.rmtree(self.root / "out", ignore_errors=True)
        (self.root / "out").mkdir()
        for left in self.root.rglob(".staging*"):
            shutil.rmtree(left)

    def check_whole(self) -> None:
        """Nothing is half published: every folder has its manifest and bytes, a sink all rows or none of the night."""
        lake = Lake(self.root)
        for kind in KINDS:
            days = lake.days(kind, NAME)
            assert len(days) == len([*(self.root / kind / NAME).glob("date=*")]), kind
            for day in days:
                lake.open(Partition(kind=kind, dataset=NAME, day=day), made_by="")
        assert held(self.root) in ([], self.rows)
        assert not _csv(self.root).exists() or _csv(self.root).read_bytes() == self.csv

    def check_completed(self) -> None:
        """The next run makes the night as if nothing had been: nothing is lost, and nothing is there twice."""
        again = self.night()
        assert again.code == 0, again.said
        now = published(self.root, *KINDS)
        assert now.keys() == self.expected.keys()
        assert [name for name, content in now.items() if content != self.expected[name]] == []
        assert held(self.root) == self.rows
        assert _csv(self.root).read_bytes() == self.csv
        assert [path.name for path in self.root.rglob(".staging*")] == []


def sinks(root: Path) -> tuple[str, ...]:
    """Returns the settings of two sinks under the root, which the faults meet, too."""
    table = {"kind": "duckdb", "path": root / "out" / "warehouse.duckdb", "table": "scores"}
    files = {"kind": "csv", "folder": root / "out", "columns": "[customer_id,churn_score]"}
    given = {"table": table, "files": files}
    return tuple(f"+dataset.sinks.{name}.{key}={text}" for name, sink in given.items() for key, text in sink.items())


def held(root: Path) -> list[tuple[object, ...]]:
    """Returns the rows of the DuckDB sink."""
    path = root / "out" / "warehouse.duckdb"
    if not path.exists():
        return []
    with duckdb.connect(path) as connection:
        if not connection.execute("select 1 from duckdb_tables()").fetchall():
            return []
        return connection.execute("select * from scores order by all").fetchall()


def _csv(root: Path) -> Path:
    return root / "out" / f"{NAME}_{NIGHT}.csv"
