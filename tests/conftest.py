"""A small simulated business with a champion, made once a run of tests and copied by those who change it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import hypothesis
import pytest

from tests.command import FAST, RAW_DAYS, SMALL, TRAINED, copied, done
from tests.mlflow_server import MlflowServer, running_mlflow
from tests.readme import README, rendered

# Before LightGBM is loaded: threads that spin while they wait make two test processes on two cores many times as slow.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before Polars is: threads of its own for a thousand rows cost two test processes a third of their time.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
# Before Numba is: the engine is compiled once, and not once a root.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parent.parent / ".numba_cache"))
# Test processes share the cores and do not quarrel over them: threads of the one would wait for those of the other.
if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    _cores = sorted(os.sched_getaffinity(0))
    _own = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    os.sched_setaffinity(0, _cores[_own :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])] or _cores)
# A test asserts no time: the machine is shared, and a first call imports.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=50)
hypothesis.settings.load_profile("untimed")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Returns this test process's copy of a root that the first process to ask for it makes; others wait for that."""
    own = factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / f"made-{name}"
    with shared.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not shared.exists():
            making = factory.mktemp(name) / "lake"
            make(making)
            making.rename(shared)
    return copied(shared, factory.mktemp(name) / "lake")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts tests of a lake first: one process makes it while the other does what needs none, and neither waits."""
    items.sort(key=lambda item: not {"raw", "shown"} & set(getattr(item, "fixturenames", ())))


@pytest.fixture(autouse=True)
def _same_umask() -> Iterator[None]:
    """Takes back what a command sets for its process, so that the next test makes files that others can read."""
    umask = os.umask(0o022)
    os.umask(umask)
    yield
    os.umask(umask)


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that holds raw days alone; not to be written to."""

    def make(root: Path) -> None:
        done("stage=simulate", f"date={RAW_DAYS}", *SMALL, root=root)
        shutil.rmtree(root / "truth")  # nobody asks for it, and everybody would copy it

    return made_once(tmp_path_factory, "raw", make)


@pytest.fixture(scope="session")
def taken(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose raw days are in the lake, and nothing else; not to be written to."""

    def make(root: Path) -> None:
        copied(raw, root)
        done("stage=features", "date=2025-08-20", root=root)
        shutil.rmtree(root / "features")

    return made_once(tmp_path_factory, "taken", make)


@pytest.fixture(scope="session")
def business(taken: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a champion, features of one night, 2025-08-20, and what its feeds bring; not to be written to."""

    def make(root: Path) -> None:
        from benchmarks.model_quality import settings_of  # here, since it loads what is to find its threads set
        from churn.doors import Doors
        from churn.feeds import find_faults

        copied(taken, root)
        done("stage=train", f"date={TRAINED}", *FAST, root=root)
        done("stage=promote", f"date={TRAINED}", root=root)
        done("stage=features", "date=2025-08-20", *FAST, root=root)
        before = os.umask(0o027)  # as a command has it
        for night in (date(2025, 8, 16), date(2025, 8, 21)):  # a night counts the 56 raw days before it
            find_faults(Doors(settings_of("stage=status", f"root={root}")), night)
        os.umask(before)

    return made_once(tmp_path_factory, "business", make)


@pytest.fixture(scope="session")
def night(business: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The business with scores of 2025-08-20; not to be written to."""

    def make(root: Path) -> None:
        copied(business, root)
        done("stage=score", "date=2025-08-20", root=root)

    return made_once(tmp_path_factory, "night", make)


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the README's commands ran, and the README.md that they make; not to be written to."""

    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / README.name).write_text(rendered(README.read_text(), folder))

    return made_once(tmp_path_factory, "shown", make)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """An MLflow server, empty at first; who stops it starts it again."""
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def lake(business: Path, tmp_path: Path) -> Path:
    """A copy of `business` that a test may change."""
    return copied(business, tmp_path / "lake")


@pytest.fixture
def scored(night: Path, tmp_path: Path) -> Path:
    """A copy of `night` that a test may change."""
    return copied(night, tmp_path / "lake")
