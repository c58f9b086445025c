"""Which commit is the code from?

Asked of git in the checkout that a folder stands in; a package that was installed elsewhere has none, though somebody's
own repository may lie around it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SECONDS = 10


def commit(folder: Path) -> str | None:
    """Returns the commit (hex) that `folder` is checked out from, with `-dirty` where the checkout differs from it.

    None where `folder` is not under git's eye, or git does not answer.
    """
    if not _git(folder, "ls-files", "--", "."):  # installed inside another project's checkout
        return None
    head, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain")
    if not head or changes is None:
        return None
    return f"{head}-dirty" if changes else head


def _git(folder: Path, *arguments: str) -> str | None:
    # a hook that runs churn has set these for its own repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *arguments]
    try:
        ran = subprocess.run(  # noqa: S603 - a fixed command, and arguments of our own
            command,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None
