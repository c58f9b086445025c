"""The README cannot drift from what the commands do."""

from __future__ import annotations

import re
from pathlib import Path

from churn.places import CONF
from tests.readme import README

ROOT = README.parent


def test_the_transcripts_are_what_the_commands_print(shown: Path) -> None:
    assert (shown / README.name).read_text() == README.read_text(), "run: just readme"


def test_ci_runs_the_second_command() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README.read_text(), re.MULTILINE)
    assert len(commands) == 2
    *_, check = commands[1].split(" && ")
    assert check == ".venv/bin/just check"
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == check


def test_every_path_and_setting_that_is_named_exists() -> None:
    text = README.read_text()
    for path in re.findall(r"`((?:churn|conf|sql|tests)/[\w/.]*)`", text):
        assert (ROOT / path).exists() or "/x" in path, path
    for stage in re.findall(r"stage=([a-z]+)", text):
        assert (CONF / "stage" / f"{stage}.yaml").exists()
    for recipe in re.findall(r"`just (\w+)`", text):
        assert re.search(rf"^{recipe}\b.*:", (ROOT / "justfile").read_text(), re.MULTILINE), recipe


def test_it_is_short() -> None:
    assert len(README.read_text().splitlines()) < 150


def test_the_pinned_files_name_no_host_and_hold_a_hash_for_every_package() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        packages = re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==.*$", text, re.MULTILINE)
        assert len(packages) > 50
        assert all(line.endswith("\\") for line in packages)
