"""How does a folder come to its place whole, and what does the disk refuse?

A folder is flushed, then moved by one system call: a plain rename where nothing stands, an atomic exchange (Linux
`renameat2`) where an older one does.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churn.errors import TryAgainError
from churn.stores.partition import Partition

_EXCHANGE = 2
_AT_FDCWD = -100
_HELP = {
    errno.ENOSPC: "free space on the disk, then run the same command again",
    errno.EDQUOT: "free space within the quota, then run the same command again",
    errno.EROFS: "mount the root writable, or set root= to a folder that is",
    errno.EACCES: "give this user write access, or set root= to a folder of theirs",
    errno.EINVAL: "set root= to a Linux file system that can exchange two folders (ext4, xfs, btrfs, tmpfs)",
}

_OF_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


def move_in(hidden: Path, target: Path) -> None:
    """Flushes a folder and puts it where `target` stands; what stood there is then in `hidden`.

    Raises:
        OSError: the disk or the file system refused.
    """
    _flush_all(hidden)
    if target.exists():
        _exchange(hidden, target)
    else:
        hidden.rename(target)
    flush(target.parent)


def _exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(other))


def _flush_all(folder: Path) -> None:
    # one call for the file system costs less than one for each of a partition's files
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        if libc.syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(handle)


def flush(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk.

    Raises:
        OSError: the disk refused.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(partition: Partition) -> Iterator[None]:
    """Turns what the disk refuses into an error that names the partition and what to do.

    Raises:
        TryAgainError: the disk or the file system refused.
    """
    try:
        yield
    except OSError as error:
        raise refused(error, where=str(partition)) from error


def refused(error: OSError, *, where: str) -> TryAgainError:
    """Returns what to say of something that the disk refused."""
    found = f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
    action = _HELP.get(error.errno or 0, "mend the disk, then run the same command again")
    return TryAgainError(where=where, found=found, action=action)


def is_of_disk(error: OSError) -> bool:
    """Returns whether only a disk fails so: it is full, closed or broken, and the code is not wrong."""
    return error.errno in _OF_DISK
