"""Where do raw files stand, and what is in them now?

Two places, told apart by their paths: local folders, and S3 where a path begins with `s3://`. What follows is the same
for both: files are listed by a pattern, fingerprinted, and read by DuckDB in a session that knows which failure was
the place's (a file that changed meanwhile, a server that fell silent) and not the file's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from churn.errors import ChurnError
from churn.stores import local_files
from churn.stores.duck import lock, text
from churn.stores.globs import Found

if TYPE_CHECKING:
    from churn.stores.duck import Bench, Connection
    from churn.stores.s3 import ObjectFiles

_HASHES = "files.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A connection that can open the files of a place, and the same files for Python."""

    connection: Connection
    _objects: ObjectFiles | None

    def open(self, file: Found) -> BinaryIO:
        """Returns the file, open for reading.

        Raises:
            SettingsError: it may not be read.
            TryAgainError: it has gone, or its place did not answer.
        """
        if self._objects is None:
            return local_files.open_file(file.path)
        return io.BufferedReader(self._objects.open(file.path), buffer_size=1 << 20)


def find(pattern: str) -> tuple[Found, ...]:
    """Returns the files that a pattern means, in the order of their paths.

    Raises:
        DataError: there is none.
        SettingsError: the folder or bucket may not be read, or there is no such bucket.
        TryAgainError: the disk or the server refused.
    """
    if not is_object(pattern):
        return local_files.list_files(pattern)
    from churn.stores.s3 import list_objects

    return list_objects(pattern)


def is_object(path: str) -> bool:
    """Returns whether a path is one of S3."""
    return path.startswith("s3://")


def versions(files: Sequence[Found], bench: Bench) -> dict[str, str]:
    """Returns what tells each file's content by its path: sha256 (hex) of a local file, ETag of an object.

    Raises:
        SettingsError: a file may not be read.
        TryAgainError: a file has gone, or the disk refused.
    """
    there = {file.path: file.etag for file in files if file.etag}
    local = [file for file in files if not is_object(file.path)]
    return there | local_files.versions(local, bench.cache / _HASHES) if local else there


@contextmanager
def session(files: Sequence[Found], bench: Bench) -> Iterator[Session]:
    """Yields a session at UTC that reads these files, and sees at its end that they still are what was found.

    Raises:
        SettingsError: a file may not be read.
        TryAgainError: a file has gone or changed, or the server did not answer: whatever DuckDB made of it.
    """
    objects = _object_files(files)
    local = [file for file in files if not is_object(file.path)]
    with bench.unlocked() as connection:
        if objects is not None:
            connection.register_filesystem(objects)
        lock(connection, files={spelled for file in files for spelled in (file.path, _without_wildcards(file.path))})
        try:
            yield Session(connection=connection, _objects=objects)
        except ChurnError:
            if objects is not None and objects.failure is not None:
                raise objects.failure from None
            local_files.require_same(local, readable=True)
            raise
        local_files.require_same(local)


def literal(path: str) -> str:
    """Returns the path as an SQL text that means this file alone, whatever wildcards are in its name.

    >>> print(literal("raw/it's [new].csv"))
    'raw/it''s [[]new].csv'
    """
    return text(path if is_object(path) else _without_wildcards(path))


def _without_wildcards(path: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _object_files(files: Sequence[Found]) -> ObjectFiles | None:
    remote = [file for file in files if is_object(file.path)]
    if not remote:
        return None
    from churn.stores.s3 import ObjectFiles

    return ObjectFiles(remote)
