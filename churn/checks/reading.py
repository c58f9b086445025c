"""How is a root looked at without a trace in it?

Doors whose lake keeps no texts, and whose DuckDB spills, and remembers what it hashed, in a folder of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from churn.doors import Doors
from churn.settings import Settings
from churn.stores.duck import Bench
from churn.stores.lake import Lake
from churn.stores.partition import fingerprint


@contextmanager
def reading(settings: Settings) -> Iterator[Doors]:
    """Yields doors for looking."""
    with tempfile.TemporaryDirectory(prefix="churn-") as scratch:
        yield _ReadingDoors(settings, Path(scratch))


class _ReadingLake(Lake):
    """A lake that says under which fingerprint texts would be kept, and keeps none."""

    def keep_texts(self, texts: Mapping[str, str]) -> str:
        """Returns the fingerprint of some texts."""
        return fingerprint(dict(texts))


class _ReadingDoors(Doors):
    """Doors through which nothing is brought in."""

    def __init__(self, settings: Settings, scratch: Path) -> None:
        super().__init__(settings)
        self.lake, self._scratch = _ReadingLake(settings.root), scratch

    @cached_property
    def bench(self) -> Bench:
        """What DuckDB may use; what the lake remembers of its sources is known here, too."""
        resources = self.settings.resources
        with suppress(OSError):
            shutil.copy(self.lake.root / ".cache" / "files.json", self._scratch)
        return Bench(
            threads=resources.threads,
            memory=resources.memory,
            spill=self._scratch / "spill",
            chunk_rows=resources.chunk_rows,
            cache=self._scratch,
        )
