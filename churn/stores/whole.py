"""How does one file get to its place whole or not at all, and away from it?

It is written under a hidden name beside its place, flushed to disk and renamed. Whoever writes holds a lock: the hidden
name is always the same, so that what a killed run left is written over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yields a file that takes its place at `path` once the body has ended well; its folder has to be there.

    Raises:
        OSError: the disk refused; what stood at `path` still stands.
    """
    hidden = path.with_name(f".{path.name}.part")
    try:
        with hidden.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
        _flush_folder(path.parent)
    finally:
        hidden.unlink(missing_ok=True)


def remove_file(path: Path) -> None:
    """Removes a file, where there is one, so that it is gone after a power cut, too.

    Raises:
        OSError: the disk refused.
    """
    if path.exists():
        path.unlink()
        _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
