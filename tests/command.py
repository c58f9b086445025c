"""How tests run a command: in this process, as a user types it."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from churn.__main__ import main

# A business small enough for tests, and large enough for an AUC that passes its floor.
SMALL = ("stage.business.customers=1500", "stage.business.seed=7")
RAW_DAYS = "2025-01-01..2025-08-20"
TRAINED = "2025-08-10"
FAST = ("model.num_iterations=60", "resources.chunk_rows=1000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command's exit code and what it wrote."""

    code: int
    out: str
    err: str


def churn(*arguments: str, root: Path) -> Ran:
    """Runs `python -m churn ARGUMENTS root=ROOT` in this process."""
    out, err = io.StringIO(), io.StringIO()
    umask = os.umask(0o022)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*arguments, f"root={root}"])
    finally:
        os.umask(umask)
    return Ran(code=code, out=out.getvalue(), err=err.getvalue())


def done(*arguments: str, root: Path) -> Ran:
    """Runs a command that has to end well."""
    ran = churn(*arguments, root=root)
    assert ran.code == 0, ran.out + ran.err
    return ran


def copied(root: Path, target: Path) -> Path:
    """Copies a folder, by `cp`, which takes a third of the time that Python takes for thousands of files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", root, target], check=True)
    return target


def published(root: Path, *kinds: str) -> dict[str, bytes]:
    """Returns every published file of the kinds, by its path under the root."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for kind in kinds
        for path in sorted((root / kind).rglob("*"))
        if path.is_file()
    }
