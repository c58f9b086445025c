"""Runs the commands of the README's console blocks and writes what they print: `just readme`."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from tests.command import churn

README = Path(__file__).parent.parent / "README.md"
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_LOG_LINE = re.compile(r"^\d{4}-\d{2}-\d{2} .*\n", re.MULTILINE)


def rendered(text: str, folder: Path) -> str:
    """Returns the README's text with each console block's commands run, in order, in `folder`."""
    with contextlib.chdir(folder):
        return _BLOCK.sub(lambda block: _transcript(block[1], folder), text)


def _transcript(block: str, folder: Path) -> str:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{_printed(command, folder)}" for command in commands)


def _printed(command: str, folder: Path) -> str:
    _, python, m, name, *arguments = command.split()
    assert (python, m, name) == ("python", "-m", "churn")
    ran = churn(*arguments, root=Path("lake")) if "--help" not in arguments else churn("--help", root=Path("lake"))
    text = (_LOG_LINE.sub("", ran.err) + ran.out).replace(f"{folder}/", "")
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def main() -> None:
    """Writes the README anew."""
    with tempfile.TemporaryDirectory() as folder:
        README.write_text(rendered(README.read_text(), Path(os.path.realpath(folder))))


if __name__ == "__main__":
    main()
