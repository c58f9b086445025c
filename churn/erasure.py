"""Where in the lake do customers stand, and how do they leave it for good?

Kind after kind, from the raw days on: each partition and each kept version that holds them is written anew without them
and takes the place of the old one in one step. What was made from it names its new content, so that nothing is stale
that would be made the same again. All that is needed to go on stands in the manifests: killed at any moment and run
again, it finds what is left to do.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from churn.doors import Doors
from churn.erased_facts import facts_without
from churn.errors import DataError
from churn.feeds import raw_contents
from churn.stores.disk import disk_errors, move_in
from churn.stores.partition import (
    ERASED,
    MANIFEST,
    File,
    Manifest,
    Partition,
    file_sha256,
    fingerprint,
    read_manifest,
    unlike,
    write_manifest,
)
from churn.stores.removal import drop, sweep
from churn.stores.rewriting import count_about, without

log = logging.getLogger(__name__)
KEYED = ("tables", "quarantine", "features", "predictions", "shadow")
"""The kinds that hold a row a customer, each after what it is made from."""
COUNTED = ("profiles", "drift", "outcomes", "feeds")
"""Those that are made from them and hold counts alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A partition, or a kept version of one, with how many rows about the customers each of its files has."""

    partition: Partition
    folder: Path
    manifest: Manifest
    rows: dict[str, int]

    @property
    def is_version(self) -> bool:
        """Whether it is what another content has replaced."""
        return not self.folder.name.startswith("date=")


def find(doors: Doors, keys: Collection[int]) -> Iterator[Held]:
    """Yields what holds rows about the customers, each kind after what it is made from.

    Raises:
        DataError: a file that holds customers is damaged, or a folder has no manifest to tell what it holds.
        TryAgainError: it may not be read.
    """
    for kind in KEYED:
        _require_manifests(doors, kind)
    for kind in KEYED:
        for partition, folder in _folders(doors, kind):
            held = _held(doors, partition, folder, keys=keys)
            if held and held.rows:
                yield held


def erase(doors: Doors, keys: Collection[int]) -> Iterator[Held]:
    """Erases the customers from all partitions and kept versions; yields what held them, each after it was done.

    Call it while `removing`, after `find`.

    Raises:
        DataError: a file that holds customers is damaged.
        TryAgainError: the disk refused.
    """
    for kind in (*KEYED, *COUNTED):
        with disk_errors(doors.partition(kind)):
            sweep(doors.lake, kind, doors.dataset.name)
    renamed: dict[str, str] = {}
    before = _raw_days_of_verdicts(doors)
    for kind in (*KEYED, *COUNTED):
        if kind == "drift":  # where a quarantine is gone whole, its day is known by another content
            renamed |= dict(zip(before, _raw_days_of_verdicts(doors), strict=True))
        yield from _erase_kind(doors, kind, keys, renamed=renamed)


def _require_manifests(doors: Doors, kind: str) -> None:
    strangers = [one for one in doors.lake.folders(kind, doors.dataset.name) if not (one / MANIFEST).exists()]
    if strangers:
        more = f", as {len(strangers) - 1:,} more" if len(strangers) > 1 else ""
        found = f"no {MANIFEST}{more}: whom it holds is not known"
        action = "restore its manifest from a backup, or delete the folder, and run again; nothing was erased"
        raise DataError(where=str(strangers[0]), found=found, action=action)


def _erase_kind(doors: Doors, kind: str, keys: Collection[int], *, renamed: dict[str, str]) -> Iterator[Held]:
    """Erases the customers from what a kind holds, and adds to `renamed` what is known by another content since."""
    for partition, folder in _folders(doors, kind):
        held = _held(doors, partition, folder, keys=keys if kind in KEYED else ())
        if held is None:
            continue
        with disk_errors(partition):
            now = _without(doors, held, keys, renamed=renamed)
        renamed |= dict.fromkeys([held.manifest.content, *now.contents], now.content)
        if held.rows:
            yield held


def _raw_days_of_verdicts(doors: Doors) -> list[str]:
    """Returns what the verdict about each judged night calls the raw days."""
    return [fingerprint(raw_contents(doors, day)) for day in doors.lake.days("drift", doors.dataset.name)]


def erased_before(doors: Doors, kind: str) -> Iterator[Manifest]:
    """Yields the manifests of a kind's partitions and kept versions that rows were ever erased from."""
    for _, folder in _folders(doors, kind):
        manifest = read_manifest(folder)
        if manifest and manifest.facts.get(ERASED, {}).get("rows"):
            yield manifest


def _folders(doors: Doors, kind: str) -> list[tuple[Partition, Path]]:
    """Returns the partitions of a kind and their kept versions, each with its folder."""
    lake, name = doors.lake, doors.dataset.name
    now = [doors.partition(kind, day) for day in lake.days(kind, name)]
    kept = [(_version_of(doors, kind, folder), folder) for folder in lake.version_folders(kind, name)]
    return [*((partition, lake.path(partition)) for partition in now), *kept]


def _version_of(doors: Doors, kind: str, folder: Path) -> Partition:
    return doors.partition(kind, date.fromisoformat(folder.parent.name.removeprefix("date=")))


def _held(doors: Doors, partition: Partition, folder: Path, *, keys: Collection[int]) -> Held | None:
    manifest, chunk = read_manifest(folder), doors.settings.resources.chunk_rows
    if manifest is None:
        return None
    files = [name for name in manifest.files if name.endswith(".parquet") and keys]
    with disk_errors(partition):
        counts = {name: count_about(folder / name, keys, key=doors.dataset.key, rows=chunk) for name in files}
    rows = {name: count for name, count in counts.items() if count}
    return Held(partition=partition, folder=folder, manifest=manifest, rows=rows)


def _without(doors: Doors, held: Held, keys: Collection[int], *, renamed: Mapping[str, str]) -> Manifest:
    """Returns the manifest of a folder once it holds nothing about the customers, and names its inputs as they are now.

    One that nothing would be left of, and that may be absent, is deleted.
    """
    now, then = {name: renamed.get(content, content) for name, content in held.manifest.inputs.items()}, held.manifest
    if not held.rows and now == then.inputs and not _counts_them(doors, held, keys):
        return then
    damaged = unlike(held.folder, then)
    if damaged:
        action = f"restore it from a backup, or delete the folder {held.folder}, and run again"
        raise DataError(where=str(damaged[0]), found="missing, or not the bytes that were published", action=action)
    lock = nullcontext() if held.is_version else doors.lake.lock(held.partition, wait=True)
    with lock:
        if held.partition.kind == "quarantine" and then.rows == sum(held.rows.values()):
            drop(held.folder)
            return then
        return _rewrite(doors, replace(held, manifest=replace(then, inputs=now)), keys)


def _counts_them(doors: Doors, held: Held, keys: Collection[int]) -> bool:
    """Says whether the manifest of a raw day counts rows about the customers that stand in its quarantine."""
    if held.partition.kind != "tables" or held.is_version:
        return False
    quarantine = doors.partition("quarantine", held.partition.day)
    bad = _held(doors, quarantine, doors.lake.path(quarantine), keys=keys)
    return bool(bad and bad.rows)


def _rewrite(doors: Doors, held: Held, keys: Collection[int]) -> Manifest:
    hidden = held.folder.with_name(f".staging-{held.folder.name}")
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir()
    for name in held.manifest.files:
        if name in held.rows:
            chunk = doors.settings.resources.chunk_rows
            without(held.folder / name, hidden / name, keys, key=doors.dataset.key, rows=chunk)
        else:
            os.link(held.folder / name, hidden / name)
    now = _described(doors, held, hidden, keys=keys)
    write_manifest(now, hidden)
    move_in(hidden, held.folder)
    shutil.rmtree(hidden)
    return now


def _described(doors: Doors, held: Held, folder: Path, *, keys: Collection[int]) -> Manifest:
    then = held.manifest
    files = {name: _file(folder / name, file, less=held.rows.get(name, 0)) for name, file in then.files.items()}
    erased = then.facts.get(ERASED, {"rows": 0, "runs": [], "was": []})
    now = replace(then, files=files)
    if held.partition.kind in KEYED:
        now = replace(now, facts=facts_without(doors, held.partition, then, folder=folder, keys=keys))
    noted = {
        "rows": erased["rows"] + sum(held.rows.values()),
        "runs": [*erased["runs"], doors.settings.run],  # whose name begins with the time at UTC
        "was": [*erased["was"], *([then.content] if now.content != then.content else [])],
    }
    return replace(now, facts=now.facts | {ERASED: noted})


def _file(path: Path, then: File, *, less: int) -> File:
    if not less:
        return then
    rows = None if then.rows is None else then.rows - less
    return File(sha256=file_sha256(path), bytes=path.stat().st_size, rows=rows)
