"""What was found out before, and need not be found out again?

Small JSON files that may be lost, damaged or written by two runs at once, at the price of finding out again: a file is
replaced whole or not at all, the last writer wins, and what cannot be read counts as never known.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
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
    unborn = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
    try:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            unborn.write_text(json.dumps(known))
            unborn.replace(path)
    finally:
        with suppress(OSError):
            unborn.unlink(missing_ok=True)
