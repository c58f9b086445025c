"""What the suite of faults shares, and the figures that it ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import copied
from tests.faults.ground import FIGURES, Ground
from tests.faults.injector import built, missing
from tests.faults.runs import Runs
from tests.stores.sinks.conftest import bucket_server, postgres, postgres_server, s3

__all__ = ["bucket_server", "postgres", "postgres_server", "s3"]  # fixtures


@pytest.fixture(scope="module")
def ground(business: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A lake with a night to be made, on a disk that fails when it is told to."""
    if missing():
        pytest.skip(missing())
    folder = tmp_path_factory.mktemp("faults")
    root = copied(business, folder / "lake")
    with Runs(folder, injector=built(folder)) as runs:
        yield Ground(root=root, runs=runs)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what the tests recorded as `faults`, added up by their names."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, figures in report.user_properties:
            if name == FIGURES:
                counts.update(figures)
    for name, count in sorted(counts.items()):
        terminalreporter.write_line(f"faults: {name} {count:,}")
