"""How tests have a schedule written, and read what is in its files."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.command import done


def written(root: Path, *overrides: str) -> dict[str, str]:
    done("stage=schedule", *overrides, root=root)
    return {path.name: path.read_text() for path in sorted((root / "schedule").iterdir())}


def lines(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


def started(unit: str) -> list[str]:
    """Returns the words of what a service starts, as systemd reads them."""
    (line,) = lines(unit, "ExecStart")
    return [word.removeprefix(":") for word in shlex.split(line.replace("%%", "%"))]
