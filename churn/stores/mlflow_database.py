"""Will MLflow's own store answer tonight?

Asked without loading MLflow, and without a byte written: the embedded database is opened read-only, and whether a
writer holds it is asked of the kernel, which also names the process.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import struct
from collections.abc import Iterable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from churn.errors import TryAgainError

_REVISION = re.compile(r"^(down_)?revision\b[^=\n]*=\s*['\"](\w+)['\"]", re.MULTILINE)
# SQLite's own lock bytes: pending and reserved, which a writer holds, from 1 GiB on.
_WRITERS, _LENGTH = 0x40000000, 2
_LOCK = "hhqqi4x"
_SECONDS = 10


def faults(database: Path) -> tuple[str, ...]:
    """Returns what SQLite finds damaged in a database, the first line of each; none where it is whole.

    Raises:
        TryAgainError: it cannot be read at all.
    """
    return tuple(text for (text,) in _asked(database, "pragma quick_check(5)") if text != "ok")


def schema(database: Path) -> str | None:
    """Returns the revision of MLflow's schema that a database has; None where it names none.

    Raises:
        TryAgainError: it cannot be read, or is not MLflow's.
    """
    return next((str(revision) for (revision,) in _asked(database, "select version_num from alembic_version")), None)


def _asked(database: Path, query: str) -> list[tuple[str]]:
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error as error:
        action = "restore it from a backup, or move it away to start anew without a champion"
        raise TryAgainError(where=str(database), found=str(error), action=action) from error


def wanted_schema() -> str:
    """Returns the newest revision that the installed MLflow knows: the one that it wants of a database.

    Raises:
        TryAgainError: MLflow is not installed, or keeps its revisions elsewhere.
    """
    spec = find_spec("mlflow")
    places = list(spec.submodule_search_locations or ()) if spec else []
    files = [path for place in places for path in (Path(place) / "store/db_migrations/versions").glob("*.py")]
    heads = _heads(path.read_text() for path in files)
    if len(heads) != 1:
        action = "install the pinned mlflow again: python -m pip install -r requirements.txt"
        raise TryAgainError(where="mlflow", found=f"{len(heads)} newest revisions of its schema", action=action)
    return heads.pop()


def _heads(texts: Iterable[str]) -> set[str]:
    """Returns the revisions that no other one follows.

    >>> _heads(['revision = "a"', 'revision = "b"' + chr(10) + 'down_revision = "a"'])
    {'b'}
    """
    found = [match for text in texts for match in _REVISION.findall(text)]
    return {name for down, name in found if not down} - {name for down, name in found if down}


def writer(database: Path) -> int | None:
    """Returns the process that holds the database for writing at this moment; None where none does, this one aside."""
    handle = os.open(database, os.O_RDONLY)
    try:
        asked = struct.pack(_LOCK, fcntl.F_RDLCK, os.SEEK_SET, _WRITERS, _LENGTH, 0)
        kind, _, _, _, process = struct.unpack(_LOCK, fcntl.fcntl(handle, fcntl.F_GETLK, asked))
    finally:
        os.close(handle)
    return None if kind == fcntl.F_UNLCK else process


def require_server(uri: str) -> None:
    """Returns nothing where an MLflow server says that it is well.

    Raises:
        TryAgainError: it does not answer, or not well.
    """
    address, action = f"{uri.rstrip('/')}/health", "start the server, or correct registry.uri"
    if not address.startswith(("http://", "https://")):
        raise TryAgainError(where=f"registry {uri}", found="no address of a server", action=action)
    try:
        with urlopen(address, timeout=_SECONDS):  # noqa: S310 - checked above
            return
    except HTTPError as error:
        if error.code in {401, 403}:  # it is up, and what it is asked with at night is another matter
            return
        raise TryAgainError(where=f"registry {uri}", found=f"HTTP status {error.code}", action=action) from error
    except OSError as error:
        raise TryAgainError(where=f"registry {uri}", found=str(error), action=action) from error
