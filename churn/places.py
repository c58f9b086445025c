"""Where do settings, SQL and declarations stand: those that come with the program, and a user's own?

Ours stand beside the package in a checkout and in it in a wheel. A user's own `conf/` goes in front of ours; `sql/` and
`datasets/` are looked for beside it. All of it is run, so that nobody else may be able to put it there.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from churn.errors import SettingsError

HERE = Path(__file__).parent
IS_INSTALLED = (HERE / "conf").is_dir()
SHIPPED = HERE if IS_INSTALLED else HERE.parent
CONF, SQL = SHIPPED / "conf", SHIPPED / "sql"
_FLAGS = ("--config-dir", "-cd")
_ROOT = 0


def own_conf(arguments: Sequence[str]) -> Path | None:
    """Returns the folder of a user's own YAML: what `--config-dir` names, or else `conf/` in the working directory.

    None where there is neither, or it is ours.

    Raises:
        SettingsError: the folder that is named is not there, or the one that was found could be somebody else's.
    """
    named = named_conf(arguments)
    found = Path(named or "conf").absolute()
    if named is not None and not found.is_dir():
        raise SettingsError(where=f"--config-dir {named}", found="no such folder", action="name the one with your YAML")
    if not found.is_dir() or found.samefile(CONF):
        return None
    if named is None:
        action = f"if it is yours to use, say so: --config-dir {found}"
        _require_safe(found, owners={os.geteuid(), _ROOT}, action=action)
    return found


def one_file() -> Path | None:
    """Returns the one file that this program came in, which pex unpacked for it; None of another installation."""
    name = os.environ.get("PEX")
    return Path(name) if name and (Path(sys.prefix) / "PEX-INFO").exists() else None


def beside(own: Path | None, name: str) -> Path | None:
    """Returns the folder `sql` or `datasets` beside a user's own YAML; None where there is none.

    Raises:
        SettingsError: it could be somebody else's than the YAML is.
    """
    if own is None or not (own.parent / name).is_dir():
        return None
    action = f"make it the same user's as {own} is, and nobody else's to write in (chmod o-w)"
    _require_safe(own.parent / name, owners={os.geteuid(), _ROOT, own.stat().st_uid}, action=action)
    return own.parent / name


def named_conf(arguments: Sequence[str]) -> str | None:
    """Returns the folder that the last flag names, as Hydra reads it; None where there is none.

    >>> named_conf(["stage=score", "--config-dir=mine"]), named_conf(["-cd", "mine", "stage=score"])
    ('mine', 'mine')
    """
    found: str | None = None
    for before, argument in zip(["", *arguments], arguments, strict=False):
        flag, _, value = argument.partition("=")
        found = argument if before in _FLAGS else value if flag in _FLAGS and value else found
    return found


def _require_safe(folder: Path, *, owners: Collection[int], action: str) -> None:
    status = folder.stat()
    if status.st_uid not in owners:
        raise SettingsError(where=str(folder), found=f"it is of another user ({status.st_uid})", action=action)
    if status.st_mode & stat.S_IWOTH:
        raise SettingsError(where=str(folder), found="anybody may write in it", action=action)
