"""A program in Python's place, so that tests see what a schedule starts."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

FAKE = """#!/bin/sh
echo "$@" >> {folder}/asked
echo "what it said, $CHURN_ROOT, $SECRET"
n=$(wc -l < {folder}/asked)
exit "$(sed -n "${{n}}p" {folder}/codes)"
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a program in Python's place, which notes how it is called and ends with the next of `codes`."""
    folder = tmp_path / "100 %d of $HOME"
    folder.mkdir()
    (folder / "python").write_text(FAKE.format(folder=shlex.quote(str(folder))))
    (folder / "python").chmod(0o755)
    (folder / "sleep").write_text(f'#!/bin/sh\necho "$1" >> {shlex.quote(str(folder / "slept"))}\n')
    (folder / "sleep").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


def called(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()
