"""A terminal shows one line that comes and goes; a log collector gets whole lines, and logs do not pile up."""

from __future__ import annotations

import contextlib
import fcntl
import io
import logging
import os
import pty
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

import pytest

from churn import progress
from churn.__main__ import main
from churn.errors import ExitCode
from churn.journal import screen, start_journal, tell
from churn.progress import Progress
from tests.command import FAST, churn

log = logging.getLogger("churn.tests")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Terminal:
    """A pseudo-terminal in the place of standard error."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w")

    def written(self) -> str:
        """Returns what was written since the last time; the little that tests write fits into its buffer."""
        self.stream.flush()
        os.set_blocking(self._master, False)
        try:
            return os.read(self._master, 65_536).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        self.stream.close()
        os.close(self._master)


def shown(written: str) -> list[str]:
    """Returns what stands on a terminal in the end, by line, as carriage returns and new lines leave it."""
    lines, column = [""], 0
    for sign in written:
        if sign == "\r":
            column = 0
        elif sign == "\n":
            lines.append("")
        else:
            lines[-1] = lines[-1][:column] + sign + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    return found


@pytest.fixture(autouse=True)
def _same_handlers() -> Iterator[None]:
    """Takes back the journal that a test starts."""
    root = logging.getLogger("churn")
    before = root.handlers[:]
    yield
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    found = Terminal()
    yield found
    found.close()


def begun(folder: Path, stream: TextIO, *, keep: int = 200) -> Path:
    """Starts a journal that writes to a stream in the place of standard error."""
    with contextlib.redirect_stderr(stream):
        return start_journal(folder / "logs" / "20260105T030000-score-7.log", keep=keep)


def test_on_a_terminal_the_line_is_drawn_over_below_what_is_logged_and_gone_at_the_end(
    terminal: Terminal, clock: Clock, tmp_path: Path
) -> None:
    path = begun(tmp_path, terminal.stream)
    with Progress("score 2026-01-05", total=10_000_000) as step:
        assert shown(terminal.written()) == ["score 2026-01-05: 0 rows"]
        clock.now += 4
        step.add(3_000_000)
        drawn = terminal.written()
        line = "score 2026-01-05: 3,000,000 of 10,000,000 rows, 750,000 rows/s, 9 s left"
        assert shown(drawn) == [line]
        log.warning("the disk is nearly full")
        above, below = shown(drawn + terminal.written())
        assert above.endswith(" WARNING the disk is nearly full")
        assert below == line
        clock.now += 10
        step.add(7_000_000)
        assert "left" in terminal.written()
    assert shown("longer than nothing\r" + terminal.written())[-1] == ""
    assert "10,000,000 of 10,000,000 rows" in path.read_text()


def test_a_line_is_cut_to_the_terminal_and_drawn_a_few_times_a_second_at_most(
    terminal: Terminal, clock: Clock, tmp_path: Path
) -> None:
    fcntl.ioctl(terminal.stream, 0x5414, b"\x18\x00\x14\x00\x00\x00\x00\x00")  # TIOCSWINSZ: 24 lines of 20 columns
    begun(tmp_path, terminal.stream)
    with Progress("score 2026-01-05", total=1_000) as step:
        terminal.written()
        step.add()
        first = terminal.written()
        assert shown(first) == ["score 2026-01-05: 1"]
        for _ in range(900):
            step.add()
        assert not terminal.written()
        clock.now += 1
        step.add()
        assert terminal.written()


def test_elsewhere_a_long_step_logs_whole_lines_now_and_then_and_a_short_one_none(clock: Clock, tmp_path: Path) -> None:
    stream = io.StringIO()
    begun(tmp_path, stream)
    with Progress("score 2026-01-05", total=40) as step:
        for _ in range(40):
            clock.now += 1
            step.add()
    with Progress("score 2026-01-06", total=9) as step:
        for _ in range(9):
            clock.now += 1
            step.add()
    lines = stream.getvalue().splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        f"{done} of 40 rows, 1 rows/s, {40 - done} s left" for done in (10, 20, 30, 40)
    ]
    assert not {"\r", "\x1b"} & set("".join(lines))


def test_what_is_still_to_come_may_be_corrected_and_a_wrong_guess_is_not_shown(
    clock: Clock, tmp_path: Path, terminal: Terminal
) -> None:
    begun(tmp_path, terminal.stream)
    with Progress("train", unit="trees") as step:
        terminal.written()
        clock.now += 1
        step.add(left=799)
        assert shown(terminal.written()) == ["train: 1 of 800 trees, 1 trees/s, 13 min 19 s left"]
        clock.now += 1
        step.add(left=0)
        assert shown(terminal.written()) == ["train: 2 of 2 trees, 1 trees/s, 0 s left"]
        clock.now += 1
        step.add()
        assert shown(terminal.written()) == ["train: 3 trees, 1 trees/s"]


def test_every_line_has_its_priority_where_the_journal_of_systemd_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "read"
    with path.open("w") as stream, contextlib.redirect_stderr(stream):
        there = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino}")
        file = begun(tmp_path, stream)
        log.info("a night")
        log.warning("a column drifted\n  do: look at it")
        log.error("a sink failed")
        tell("error: no champion\n  do: train")
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino + 1}")  # inherited, and of another stream
        log.warning("not for it")
    lines = path.read_text().splitlines()
    assert [line[:3] for line in lines[:-1]] == ["<6>", "<4>", "<4>", "<3>", "<3>", "<3>"]
    assert not lines[-1].startswith("<")
    assert "<" not in file.read_text()


def test_the_oldest_logs_go_but_for_those_that_a_process_has_open(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(5):
        (logs / f"2026010{number}T030000-nightly-1.log").write_text("a night\n")
    (logs / "notes-of-mine-1.log").write_text("not a run's")
    with (logs / "20260100T030000-nightly-1.log").open("a") as running:
        fcntl.flock(running, fcntl.LOCK_SH)
        begun(tmp_path, io.StringIO(), keep=3)
        assert len([*logs.iterdir()]) == 6  # nothing is said yet
        log.info("a night")
    assert sorted(path.name for path in logs.iterdir()) == [
        "20260100T030000-nightly-1.log",
        "20260103T030000-nightly-1.log",
        "20260104T030000-nightly-1.log",
        "20260105T030000-score-7.log",
        "notes-of-mine-1.log",
    ]


def test_a_log_is_locked_while_its_run_lasts(tmp_path: Path) -> None:
    path = begun(tmp_path, io.StringIO())
    log.info("a night")
    with path.open("r+b") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_interruption_while_it_draws_keeps_no_other_thread_from_logging(terminal: Terminal, tmp_path: Path) -> None:
    begun(tmp_path, terminal.stream)
    drawn = screen()
    assert drawn is not None

    class Stream:
        def write(self, _: str) -> None:
            raise KeyboardInterrupt

        def fileno(self) -> int:
            return terminal.stream.fileno()

    drawn.stream = Stream()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        drawn.draw("half")
    assert drawn.lock is not None
    with ThreadPoolExecutor(1) as other:
        assert other.submit(drawn.lock.acquire, timeout=1).result()


def facts(text: str) -> dict[str, str]:
    """Returns the facts of a run's last line."""
    return dict(word.partition("=")[::2] for word in shlex.split(text.splitlines()[-1]) if "=" in word)


def test_a_run_ends_with_one_line_of_its_facts(scored: Path) -> None:
    ran = churn(
        "stage=score", "date=2025-08-20", "stage.engine=lightgbm", *FAST, "resources.chunk_rows=300", root=scored
    )
    found = facts(ran.err)
    assert (found["stage"], found["dataset"], found["date"]) == ("score", "subscription", "2025-08-20")
    assert (found["code"], found["end"], found["score_rows"]) == ("0", "ok", "1500")
    assert float(found["score_seconds"]) <= float(found["seconds"])
    assert facts((scored / "logs" / f"{found['run']}.log").read_text()) == found
    again = facts(churn("stage=score", "date=2025-08-20", *FAST, "resources.chunk_rows=300", root=scored).err)
    assert "score_rows" not in again


def test_a_run_that_fails_says_why_in_its_last_line_too_and_at_a_terminal_in_words_alone(
    tmp_path: Path, terminal: Terminal
) -> None:
    ran = churn("stage=score", "date=2026-01-05", root=tmp_path)
    found = facts(ran.err)
    assert (found["code"], found["end"]) == ("2", "settings")
    assert found["error"].endswith("no champion yet")
    assert " WARNING run=" in ran.err
    with contextlib.redirect_stderr(terminal.stream):
        assert main(["stage=score", "date=2026-01-05", f"root={tmp_path}"]) == ExitCode.SETTINGS
    text = terminal.written()
    assert text.startswith("error: ")
    assert "run=" not in text


def test_without_a_journal_a_step_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    handlers = logging.getLogger("churn").handlers
    for handler in handlers[:]:
        logging.getLogger("churn").removeHandler(handler)
    assert screen() is None
    with Progress("score") as step:
        step.add(3)
    assert step.done == 3
    assert capsys.readouterr() == ("", "")
