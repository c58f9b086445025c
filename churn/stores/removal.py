"""How does something leave the lake, so that it is there whole or not at all?

A folder is renamed to a hidden name by one system call and deleted there. Who deletes holds a lock alone that every
run shares while it publishes: nothing is taken away that a night is just being made from, and of two who delete one
is refused. What a killed run left under hidden names is swept by the next.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churn.stores.disk import disk_errors
from churn.stores.lake import REMOVAL, VERSIONS, Lake
from churn.stores.partition import Partition

_GONE = ".gone-"


@contextmanager
def removing(lake: Lake, dataset: str) -> Iterator[None]:
    """Holds the lock without which nothing may leave a dataset's partitions; publish nothing meanwhile.

    Raises:
        LockedError: a run is publishing, deleting or erasing.
        TryAgainError: the disk refused.
    """
    place = Partition(kind=REMOVAL, dataset=dataset)
    with disk_errors(place), lake.lock(place):
        yield


def drop(folder: Path) -> None:
    """Deletes a partition or a kept version; one that is half deleted counts as gone at once (see `sweep`)."""
    gone = folder.with_name(f"{_GONE}{folder.name}")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone)


def drop_tree(folder: Path) -> None:
    """Deletes a scratch folder, where there is one."""
    if folder.exists():
        shutil.rmtree(folder)


def sweep(lake: Lake, kind: str, dataset: str) -> None:
    """Deletes what killed runs left of a kind under hidden names; call it while `removing`."""
    for pattern in (f"{kind}/{dataset}/.*", f"{VERSIONS}/{kind}/{dataset}/date=*/.*"):
        for left in lake.root.glob(pattern):
            if left.is_dir() and not left.is_symlink():  # a file (`.nfs…`, `.DS_Store`) is no run's
                shutil.rmtree(left)
