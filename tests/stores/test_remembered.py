"""What was made once is not made again, unless its bytes are no longer whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from churn.stores.remembered import made_once


def made(folder: Path, name: str, content: bytes, calls: list[str], *, keep: int = 4) -> bytes:
    def make() -> bytes:
        calls.append(name)
        return content

    return made_once(folder, name, make, keep=keep)


def test_the_second_who_asks_gets_what_the_first_made(tmp_path: Path) -> None:
    calls: list[str] = []
    assert made(tmp_path / "new" / "cache", "a", b"rows", calls) == b"rows"
    assert made(tmp_path / "new" / "cache", "a", b"other", calls) == b"rows"
    assert calls == ["a"]


@pytest.mark.parametrize("damage", [b"", b"short", bytes(40)])
def test_bytes_that_are_not_whole_are_made_again(tmp_path: Path, damage: bytes) -> None:
    calls: list[str] = []
    made(tmp_path, "a", b"rows", calls)
    (tmp_path / "a").write_bytes(damage)
    assert made(tmp_path, "a", b"rows", calls) == b"rows"
    assert made(tmp_path, "a", b"rows", calls) == b"rows"
    assert calls == ["a", "a"]


def test_one_changed_byte_is_seen(tmp_path: Path) -> None:
    calls: list[str] = []
    made(tmp_path, "a", b"rows", calls)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-1] + b"z")
    made(tmp_path, "a", b"rows", calls)
    assert calls == ["a", "a"]


def test_the_newest_are_kept(tmp_path: Path) -> None:
    calls: list[str] = []
    for name in "abc":
        made(tmp_path, name, name.encode(), calls, keep=2)
    assert {path.name for path in tmp_path.glob("[!.]*")} == {"b", "c"}


def test_what_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> bytes:
        raise ValueError("no rows")

    with pytest.raises(ValueError, match="no rows"):
        made_once(tmp_path, "a", broken)
    assert list(tmp_path.glob("[!.]*")) == []
    assert made(tmp_path, "a", b"rows", []) == b"rows"


def test_a_disk_that_refuses_only_costs_making_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    calls: list[str] = []
    assert made(tmp_path, "a", b"rows", calls) == b"rows"
    assert made(tmp_path, "a", b"rows", calls) == b"rows"
    assert calls == ["a", "a"]


def test_of_processes_that_ask_at_once_one_makes_it(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from churn.stores.remembered import made_once

def make():
    with (Path(sys.argv[1]) / "calls").open("a") as file:
        file.write("x")
    time.sleep(0.3)
    return b"rows"

assert made_once(Path(sys.argv[1]) / "cache", "a", make) == b"rows"
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=Path(__file__).parent.parent.parent) for _ in range(4)]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert (tmp_path / "calls").read_text() == "x"
