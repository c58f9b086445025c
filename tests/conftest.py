"""A small simulated business with a champion, made once a test process and copied by those who change it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import FAST, RAW_DAYS, SMALL, TRAINED, done
from tests.mlflow_server import MlflowServer, running_mlflow

# Before LightGBM is loaded: threads that spin while they wait make two test processes on two cores many times as slow.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before Numba is: the engine is compiled once, and not once a root.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parent.parent / ".numba_cache"))


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that holds raw days alone; not to be written to."""
    root = tmp_path_factory.mktemp("raw") / "lake"
    done("stage=simulate", f"date={RAW_DAYS}", *SMALL, root=root)
    return root


@pytest.fixture(scope="session")
def taken(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose raw days are in the lake, and nothing else; not to be written to."""
    root = tmp_path_factory.mktemp("taken") / "lake"
    shutil.copytree(raw, root)
    done("stage=features", "date=2025-08-20", root=root)
    shutil.rmtree(root / "features")
    return root


@pytest.fixture(scope="session")
def business(taken: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a champion and features of one night, 2025-08-20; not to be written to."""
    root = tmp_path_factory.mktemp("business") / "lake"
    shutil.copytree(taken, root)
    done("stage=train", f"date={TRAINED}", *FAST, root=root)
    done("stage=promote", f"date={TRAINED}", root=root)
    done("stage=features", "date=2025-08-20", *FAST, root=root)
    return root


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """An MLflow server, empty at first; who stops it starts it again."""
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def lake(business: Path, tmp_path: Path) -> Path:
    """A copy of `business` that a test may change."""
    return Path(shutil.copytree(business, tmp_path / "lake"))
