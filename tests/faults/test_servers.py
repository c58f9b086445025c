"""A server that dies, or whose line is cut, in the middle of a nightly run loses no night and brings none twice."""

from __future__ import annotations

import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from churn.errors import ExitCode
from tests.command import FAST, TRAINED, done, published
from tests.faults.ground import FIGURES, KINDS, NAME, NIGHT, TURNS, heavy
from tests.faults.runs import Ended, Runs
from tests.line import Line
from tests.mlflow_server import MlflowServer
from tests.stores.sinks.places import VARIABLE, PostgresPlace, S3Place
from tests.stores.sources.postgres_server import Server
from tests.stores.sources.s3_server import BUCKET

_MADE = tuple(kind for kind in KINDS if kind not in {"tables", "quarantine", "feeds"})


@dataclass(kw_only=True)
class Nights:
    """A night that is made anew each time, by a command that reaches a server through a line."""

    lake: Path
    runs: Runs
    line: Line
    settings: tuple[str, ...]
    server: Server | MlflowServer | None = None
    empty: Callable[[], None] = lambda: None
    first: dict[str, bytes] = field(default_factory=dict)
    passed: int = 0
    codes: list[int] = field(default_factory=list)
    killer: threading.Thread | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, *stage: str) -> Ended:
        """Runs a stage, which may fail, if it says how as a person is to be told; then all is up again."""
        ended = self.runs.run(*stage, *FAST, *self.settings, root=self.lake)
        self.line.fail_after(None)
        self.over.set()
        if self.killer:
            self.killer.join()
        if self.server and self.server.process.poll() is not None:
            self.server.start()
        assert ended.code in {ExitCode.OK, ExitCode.TRY_AGAIN}, ended.said
        assert ended.code == ExitCode.OK or "\n  do: " in ended.said
        assert "Traceback" not in ended.said
        return ended

    def again(self) -> Ended:
        """Makes the night, which is taken away before, from where it was sent, too."""
        self.empty()
        for kind in (*_MADE, "deliveries", "versions"):
            shutil.rmtree(self.lake / kind / NAME / f"date={NIGHT}", ignore_errors=True)
        return self.run("stage=nightly", f"date={NIGHT}")

    def prepare(self) -> None:
        """Makes the night undisturbed, twice, for what it publishes and how many bytes pass."""
        assert self.again().code == ExitCode.OK
        self.first = published(self.lake, *_MADE)
        self.line.passed = 0
        assert self.again().code == ExitCode.OK
        self.passed = self.line.passed
        assert self.passed > 0

    def befallen(self, *, killed: bool) -> Iterator[Ended]:
        """Yields nights whose line was cut, or whose server was killed, at the first byte, then at random ones."""
        chance = random.Random(1)
        for count in (0, *(chance.randrange(self.passed) for _ in range(TURNS - 1))):
            if killed:
                self._kill_after(count)
            else:
                self.line.fail_after(count)
            ended = self.again()
            self.codes.append(ended.code)
            yield ended

    def _kill_after(self, count: int) -> None:
        """Kills the server as soon as so many bytes have passed, or at the end of the run."""
        server = self.server
        assert server is not None

        def kill() -> None:
            while self.line.passed <= count and not self.over.wait(0.0005):
                pass
            server.stop(signal.SIGKILL)

        self.line.passed = 0
        self.over.clear()
        self.killer = threading.Thread(target=kill)
        self.killer.start()


@heavy
@pytest.mark.parametrize("how", ["postgres cut", "postgres killed", "s3 cut"])
def test_a_sink_that_goes_away_at_any_byte_gets_its_night_by_the_next_delivery(
    lake: Path,
    tmp_path: Path,
    how: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    place: PostgresPlace | S3Place = request.getfixturevalue(how.split()[0])
    with closing(Line(place.server.port, both_ways=True)) as line:
        fields, server = reached_by(place, line, monkeypatch)
        with Runs(tmp_path) as runs:
            settings = tuple(f"+dataset.sinks.far.{name}={text}" for name, text in fields.items())
            nights = Nights(lake=lake, runs=runs, line=line, settings=settings, server=server, empty=place.clear)
            nights.prepare()
            rows = place.held()
            for ended in nights.befallen(killed=how.endswith("killed")):
                assert published(lake, *_MADE) == nights.first  # the lake has the night, whatever became of the place
                assert place.held() in (rows, [])
                assert ended.code == ExitCode.OK or "stage=deliver" in ended.said
                assert nights.run("stage=deliver", "date=auto").code == ExitCode.OK
                assert place.held() == rows
    assert len(rows) > 0
    assert ExitCode.TRY_AGAIN in nights.codes
    record_property(FIGURES, {how: len(nights.codes), "sent by the next run": len(nights.codes)})


def reached_by(
    place: PostgresPlace | S3Place, line: Line, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, str], Server | None]:
    """Lets a sink at the place be reached through the line; returns its settings, and its server if that can die."""
    if isinstance(place, S3Place):
        monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
        return {"kind": "s3", "path": f"s3://{BUCKET}/{place.folder}"}, None
    monkeypatch.setenv(VARIABLE, place.server.dsn().replace(str(place.server.port), str(line.port)))
    return {"kind": "postgres", "dsn_variable": VARIABLE, "table": "marts.scores"}, place.server


@heavy
@pytest.mark.parametrize("how", ["cut", "killed"])
def test_a_registry_that_goes_away_in_the_middle_of_a_night_costs_no_score(
    lake: Path,
    tmp_path: Path,
    mlflow_server: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    how: str,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shutil.rmtree(lake / "champion")
    with closing(Line(mlflow_server.port, both_ways=True)) as line:
        there = (f"registry.uri={line.endpoint}", f"dataset.model_name=of-{how}")
        for stage in ("train", "promote"):
            done(f"stage={stage}", f"date={TRAINED}", *FAST, *there, root=lake)
        with Runs(tmp_path) as runs:
            nights = Nights(lake=lake, runs=runs, line=line, settings=there, server=mlflow_server)
            nights.prepare()
            for _ in nights.befallen(killed=how == "killed"):
                found = published(lake, "predictions")
                scores = [name for name in nights.first if name.endswith("scores.parquet")]
                assert [name for name in scores if found[name] != nights.first[name]] == []
                assert nights.run("stage=nightly", f"date={NIGHT}").code == ExitCode.OK
    record_property(FIGURES, {f"registry {how}": len(nights.codes), "scored all the same": len(nights.codes)})
