"""What has been published, and how does a partition get there whole or not at all?

A partition `<root>/<kind>/<dataset>/date=D/` is made in a hidden folder beside its place, hashed, and moved in by one
system call. A reader sees the old partition or the new one, and a killed run leaves a hidden folder that the next run
sweeps away. What a new content replaces is kept under `versions/`, so that a model or a score can be walked back to the
bytes that it was made from.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from churn.errors import DataError, LockedError, TryAgainError
from churn.stores.disk import disk_errors, flush, move_in
from churn.stores.partition import (
    MANIFEST,
    Manifest,
    Partition,
    damage,
    describe,
    fingerprint,
    has_size,
    holds,
    read_manifest,
    unlike,
    write_manifest,
)

__all__ = ["MANIFEST", "VERSIONS", "Lake", "Manifest", "Partition", "Staging"]

log = logging.getLogger(__name__)
VERSIONS = "versions"
REMOVAL = "removal"
"""The kind of the lock that whoever publishes shares, and who deletes or erases (`removal`) holds alone."""


@dataclass(slots=True, kw_only=True)
class Staging:
    """The hidden folder that a partition is made in; `rows` and `facts` end up in its manifest."""

    path: Path
    rows: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


class Lake:
    """All partitions under one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, partition: Partition) -> Path:
        """Returns the folder that the partition has, or would have."""
        return self.root / str(partition)

    def days(self, kind: str, dataset: str) -> tuple[date, ...]:
        """Returns the published dates of a kind, in order.

        Raises:
            DataError: a folder with a manifest is named after what is no day.
        """
        found = (self.root / kind / dataset).glob(f"date=????-??-??/{MANIFEST}")
        return tuple(sorted(_day_of(path.parent) for path in found))

    def manifest(self, partition: Partition) -> Manifest | None:
        """Returns the partition's manifest; None where nothing is published.

        Raises:
            DataError: the manifest is there and cannot be read.
        """
        return read_manifest(self.path(partition))

    def is_current(self, partition: Partition, inputs: Mapping[str, str]) -> bool:
        """Returns whether the partition is there, made from these very inputs, with no file gone or cut short.

        A file that is gone or cut short is told, since whoever asks makes the partition again.
        """
        return self.stands(partition, self.manifest(partition), inputs=inputs)

    def stands(self, partition: Partition, manifest: Manifest | None, *, inputs: Mapping[str, str]) -> bool:
        """Returns the same as `is_current`, of a partition whose manifest was read a moment ago."""
        if manifest is None or manifest.inputs != dict(inputs):
            return False
        places = {self.path(partition) / name: file.bytes for name, file in manifest.files.items()}
        damaged = [damage(path, size) for path, size in places.items() if not has_size(path, size)]
        if damaged:
            log.warning("%s is damaged, and not taken as there: %s", partition, "; ".join(damaged))
        return not damaged

    def open(self, partition: Partition, *, made_by: str) -> Manifest:
        """Returns the manifest after every file was seen to hold the bytes that it promises.

        Raises:
            DataError: nothing is published there (`made_by` names the command that makes it), or a byte has changed.
        """
        manifest = self.manifest(partition)
        if manifest is None:
            raise DataError(where=str(partition), found="not published", action=f"run: {made_by}")
        for name, file in manifest.files.items():
            path = self.path(partition) / name
            if not holds(path, file):
                action = f"delete the folder {path.parent} and run: {made_by}"
                raise DataError(where=str(path), found="missing, or not the bytes that were published", action=action)
        return manifest

    def version(self, partition: Partition, content: str) -> Path | None:
        """Returns the folder where the partition holds, or once held, this very content; None where it is gone.

        What holds it less the rows of customers that were erased since counts as holding it.
        """
        kept = (self.root / VERSIONS / str(partition)).glob("[0-9a-f]*")
        for folder in (self.path(partition), self.kept_at(partition, content), *sorted(kept)):
            then = read_manifest(folder)
            if then is not None and content in then.contents and self.holds(folder, then):
                return folder
        return None

    def holds(self, folder: Path, manifest: Manifest) -> bool:
        """Returns whether every file in a folder has the bytes that a manifest promises."""
        return not unlike(folder, manifest)

    def version_folders(self, kind: str, dataset: str) -> tuple[Path, ...]:
        """Returns the folders of all earlier contents of a kind that are kept."""
        return tuple(sorted((self.root / VERSIONS / kind / dataset).glob("date=????-??-??/[0-9a-f]*")))

    def folders(self, kind: str, dataset: str) -> tuple[Path, ...]:
        """Returns the folders of a kind, published and kept of what was replaced, with and without a manifest."""
        return (*sorted((self.root / kind / dataset).glob("date=????-??-??")), *self.version_folders(kind, dataset))

    def kept_at(self, partition: Partition, content: str) -> Path:
        """Returns the folder that an earlier content of the partition is kept in, or would be."""
        return self.root / VERSIONS / str(partition) / _hex(content)[:16]

    def withdraw(self, partition: Partition) -> None:
        """Takes a partition away, whole, where there is one, and keeps it under `versions/`.

        Raises:
            LockedError: another run is making it.
            TryAgainError: the disk or the file system refused.
        """
        target = self.path(partition)
        if not target.exists():
            return
        with disk_errors(partition), self.lock(partition):
            _refuse_strangers(target)
            self._keep_replaced(partition, by=None)
            hidden = target.parent / f".staging-{target.name}"
            shutil.rmtree(hidden, ignore_errors=True)
            target.rename(hidden)
            shutil.rmtree(hidden)

    def keep_texts(self, texts: Mapping[str, str]) -> str:
        """Keeps some texts (SQL, code) under `code/<fingerprint>.json` and returns that fingerprint.

        Raises:
            TryAgainError: the disk or the file system refused.
        """
        name = fingerprint(dict(texts))
        path = self.texts_path(name)
        if not path.exists():
            with disk_errors(Partition(kind="code", dataset=name[:16])):
                path.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
                    unborn = Path(folder) / path.name
                    unborn.write_text(json.dumps(dict(texts), indent=1, sort_keys=True))
                    flush(unborn)
                    unborn.rename(path)
        return name

    def texts_path(self, name: str) -> Path:
        """Returns where the texts of a fingerprint are kept, or would be."""
        return self.root / "code" / f"{_hex(name)}.json"

    def require_unchanged(self, partition: Partition, manifest: Manifest) -> None:
        """Returns nothing where what was opened still stands; call it after reading, before publishing.

        Raises:
            TryAgainError: another run replaced the partition meanwhile.
        """
        if self.manifest(partition) != manifest:
            found = "another run replaced it while it was read"
            raise TryAgainError(where=str(partition), found=found, action="run the same command again")

    @contextmanager
    def publish(self, partition: Partition, *, inputs: Mapping[str, str]) -> Iterator[Staging]:
        """Yields a staging folder and publishes what the body wrote there, once the body has ended well.

        Raises:
            LockedError: another run is making the same partition.
            TryAgainError: the disk or the file system refused.
            DataError: a folder stands in its place that no run has published, or whose manifest cannot be read.
        """
        removal = Partition(kind=REMOVAL, dataset=partition.dataset)
        with disk_errors(partition), self.lock(removal, shared=True, wait=True), self.lock(partition):
            target = self.path(partition)
            _refuse_strangers(target)
            self.manifest(partition)  # one that cannot be read stops here, before the work
            hidden = target.parent / f".staging-{target.name}"
            shutil.rmtree(hidden, ignore_errors=True)
            hidden.mkdir(parents=True)
            try:
                staging = Staging(path=hidden)
                yield staging
                manifest = describe(partition, hidden, inputs=inputs, rows=staging.rows, facts=staging.facts)
                manifest = manifest.remembering(self.manifest(partition))
                write_manifest(manifest, hidden)
                self._keep_replaced(partition, by=manifest)
                move_in(hidden, target)
            finally:
                shutil.rmtree(hidden, ignore_errors=True)

    def _keep_replaced(self, partition: Partition, *, by: Manifest | None) -> None:
        """Links what stands there under `versions/` before other content takes its place."""
        old = self.manifest(partition) if partition.day else None
        if old is None or (by is not None and old.content == by.content):
            return
        kept = self.kept_at(partition, old.content)
        then = read_manifest(kept)
        if then is not None and self.holds(kept, then):
            return
        if not self.holds(self.path(partition), old):
            log.warning("%s was damaged: what is replaced cannot be kept under %s/", partition, VERSIONS)
            return
        shutil.rmtree(kept, ignore_errors=True)
        unborn = kept.with_name(f".{kept.name}")
        shutil.rmtree(unborn, ignore_errors=True)
        unborn.mkdir(parents=True)
        for name in (*old.files, MANIFEST):
            os.link(self.path(partition) / name, unborn / name)
        unborn.rename(kept)

    @contextmanager
    def lock(self, partition: Partition, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
        """Holds the partition's lock; the kernel lets go of it when the process ends, however it ends.

        Many runs may hold it `shared` at once, and then none may hold it alone; `wait` is for its turn.

        Raises:
            LockedError: another run holds it, and this one does not wait.
        """
        path = self.root / ".locks" / (str(partition).replace("/", "-") + ".lock")
        with disk_errors(partition):
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+") as file:
            how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = (file.read().split() or ["unknown"])[-1]
                found = f"another run is at work on it (process {holder})"
                if not wait:
                    raise LockedError(where=str(partition), found=found, action="wait for it to end") from error
                log.info("%s: %s, and this one waits for its turn", partition, found)
                fcntl.flock(file, how)
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield


def _hex(found: str) -> str:
    """Returns the fingerprint, which may come from a manifest, where it is one: what else it says could be a path."""
    if not re.fullmatch("[0-9a-f]+", found):
        action = "the manifest that names it was changed by hand: delete that partition, and make it again"
        raise DataError(where="lake", found=f"{found!r} is no fingerprint", action=action)
    return found


def _day_of(folder: Path) -> date:
    try:
        return date.fromisoformat(folder.name.removeprefix("date="))
    except ValueError as error:
        found = "a folder named after what is no day"
        raise DataError(where=str(folder), found=found, action="rename it, or move it away") from error


def _refuse_strangers(target: Path) -> None:
    if target.exists() and not (target / MANIFEST).exists():
        found = f"it has no {MANIFEST}, so no run has published it"
        raise DataError(where=str(target), found=found, action="move it away, or set another root=")
