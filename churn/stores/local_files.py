"""Which local files are there, and have they changed?

A file's sha256 is remembered beside what the system said of it (modification time, size, inode), so that a night reads
only what is new. An entry made within two seconds of a change of its file is not trusted, since a second change could
hide in the same tick of the clock (git's rule for its index).
"""

from __future__ import annotations

import difflib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from churn.errors import SettingsError, TryAgainError
from churn.stores.globs import Found, fixed_folder, has_wildcard, name_matches, no_match, parts
from churn.stores.partition import file_sha256
from churn.stores.remembered import recall, remember

_RACY_NS = 2_000_000_000


def list_files(pattern: str) -> tuple[Found, ...]:
    """Returns the files that the pattern means, in the order of their paths.

    Raises:
        DataError: there is none.
        SettingsError: a folder on the way may not be read.
        TryAgainError: the disk refused otherwise.
    """
    folder = fixed_folder(pattern)
    paths = dict.fromkeys(_walk(folder, parts(pattern[len(folder) :])))
    found = tuple(file for path in sorted(paths) if (file := _look(path)))
    if not found:
        raise no_match(pattern, hint=_nearest(pattern))
    return found


def versions(files: Sequence[Found], cache: Path) -> dict[str, str]:
    """Returns the sha256 (hex) of each file by its path; those that have not changed are not read again.

    Raises:
        SettingsError: a file may not be read.
        TryAgainError: a file has gone, or the disk refused.
    """
    known = _trusted(cache)
    stamps = {file.path: [file.mtime_ns, file.size, file.inode] for file in files}
    fresh = {path: [*stamp, _hash(path)] for path, stamp in stamps.items() if known.get(path, [None])[:-1] != stamp}
    if fresh:
        kept = {path: entry for path, entry in known.items() if path in stamps or _is_there(path)}
        remember(cache, {**kept, **fresh})
    found = {**known, **fresh}
    return {path: found[path][-1] for path in stamps}


def require_same(files: Sequence[Found], *, readable: bool = False) -> None:
    """Returns nothing where every file stands as it was found; opens each to be sure of it where `readable` is asked.

    Raises:
        SettingsError: a file may not be read.
        TryAgainError: a file has gone or changed.
    """
    for file in files:
        if readable:
            open_file(file.path).close()
        if _look(file.path) != file:
            found = "it changed, or went, while it was read"
            raise TryAgainError(where=file.path, found=found, action="run the same command again")


def open_file(path: str) -> BinaryIO:
    """Returns the file, open for reading.

    Raises:
        SettingsError: it may not be read.
        TryAgainError: it has gone, or the disk refused.
    """
    with disk_errors(path):
        return Path(path).open("rb")


@contextmanager
def disk_errors(path: str) -> Iterator[None]:
    """Turns what the system says of a path into an error that says what to do."""
    try:
        yield
    except PermissionError as error:
        found, action = "this user may not read it", "give the user that runs churn the right to read it"
        raise SettingsError(where=path, found=found, action=action) from error
    except FileNotFoundError as error:
        action = "run the same command again, when nobody moves files there"
        raise TryAgainError(where=path, found="it has gone since it was listed", action=action) from error
    except OSError as error:
        found = error.strerror or errno.errorcode.get(error.errno or 0, "the disk refused")
        raise TryAgainError(where=path, found=found, action="mend the disk, then run the same command again") from error


def _walk(folder: str, patterns: Sequence[str]) -> Iterator[str]:
    """Yields the paths below `folder` ("" or with its slash) whose parts match, whether something is there or not."""
    first, *rest = patterns
    if first == "**":
        yield from _walk_deep(folder, patterns)
    else:
        names = [first] if not has_wildcard(first) else _names(folder, first)
        for name in names:
            yield from _walk(f"{folder}{name}/", rest) if rest else [folder + name]


def _walk_deep(folder: str, patterns: Sequence[str]) -> Iterator[str]:
    yield from _walk(folder, patterns[1:])
    for entry in _entries(folder):
        if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):  # a link may lead back up
            yield from _walk_deep(f"{folder}{entry.name}/", patterns)


def _names(folder: str, pattern: str) -> list[str]:
    return [entry.name for entry in _entries(folder) if name_matches(entry.name, pattern)]


def _entries(folder: str) -> list[os.DirEntry[str]]:
    # glob of the standard library would skip a folder that it may not read, and so its days
    with disk_errors(folder):
        try:
            with os.scandir(folder or ".") as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []


def _look(path: str) -> Found | None:
    with disk_errors(path):
        try:
            seen = os.stat(path)  # noqa: PTH116 - a Path for each of thousands of files takes longer than all else
        except (FileNotFoundError, NotADirectoryError):
            return None
    if stat.S_ISDIR(seen.st_mode):
        return None
    return Found(path=path, size=seen.st_size, mtime_ns=seen.st_mtime_ns, inode=seen.st_ino)


def _is_there(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - as above


def _nearest(pattern: str) -> str:
    """Returns which name comes nearest to the first one in the pattern that is not there."""
    with suppress(OSError):
        for at in reversed((Path(pattern), *Path(pattern).parents)):
            if has_wildcard(at.name):
                return ""
            if at.name and not at.exists():
                names = {path.name.lower(): path.name for path in at.parent.iterdir()}
                near = difflib.get_close_matches(at.name.lower(), names, n=1)
                return f"did you mean {str(at.parent / names[near[0]])!r}?" if near else ""
    return ""


def _hash(path: str) -> str:
    with disk_errors(path):
        return file_sha256(Path(path))


def _trusted(cache: Path) -> dict[str, list[Any]]:
    try:
        written = cache.stat().st_mtime_ns
    except OSError:
        return {}
    return {
        path: entry
        for path, entry in recall(cache).items()
        if isinstance(entry, list) and len(entry) == 4 and isinstance(entry[0], int) and entry[0] + _RACY_NS < written
    }
