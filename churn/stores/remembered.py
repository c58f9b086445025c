"""What was found out before, and need not be found out again?

Files that may be lost, damaged or written by two runs at once, at the price of finding out again: a file is replaced
whole or not at all, the last writer wins, and what cannot be read counts as never known.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import get_ident
from typing import Any


def recall(path: Path) -> dict[str, Any]:
    """Returns what was remembered there; nothing where there is no whole file."""
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(path: Path, known: Mapping[str, Any]) -> None:
    """Replaces what is remembered there; a disk that is full or closed only costs the memory."""
    _replace(path, json.dumps(known).encode())


def made_once(folder: Path, name: str, make: Callable[[], bytes], *, keep: int = 4) -> bytes:
    """Returns what `make` makes, or made before under the same name; of runs that ask at once, one makes it.

    Behind the sha256 of the bytes lie the bytes themselves, and what does not fit together is made again. The `keep`
    newest are kept in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _whole(folder / name)
        if known is not None:
            return known
        content = make()
        _replace(folder / name, hashlib.sha256(content).digest() + content)
        for old in sorted(folder.glob("[!.]*"), key=lambda path: -path.stat().st_mtime_ns)[keep:]:
            old.unlink()
        return content


def _whole(path: Path) -> bytes | None:
    try:
        found = path.read_bytes()
    except OSError:
        return None
    content = found[hashlib.sha256().digest_size :]
    return content if found.startswith(hashlib.sha256(content).digest()) else None


def _replace(path: Path, content: bytes) -> None:
    unborn = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
    try:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            unborn.write_bytes(content)
            unborn.replace(path)
    finally:
        with suppress(OSError):
            unborn.unlink(missing_ok=True)
