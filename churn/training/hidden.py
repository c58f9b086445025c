"""How does a library come without those that it would import only to accept their objects?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Lets libraries seem to be missing while the body imports others; what was imported before stays in sight.

    >>> with hidden("antigravity"):
    ...     import antigravity
    Traceback (most recent call last):
    ModuleNotFoundError: import of antigravity halted; None in sys.modules
    """
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment] # as importlib spells what may not be imported
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
