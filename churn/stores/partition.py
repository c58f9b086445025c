"""What is one unit of work called, and what does it say that it holds?

A manifest stands beside the files that it describes, and is all that is known of them. It carries no time of day, so
that the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import churn
from churn.errors import DataError, TryAgainError
from churn.typed import require_typed

MANIFEST = "_manifest.json"
_PIECE = 2**24  # after each piece a thread waits for its turn, which takes long beside one that imports
ERASED = "erased"
"""The fact of a partition that customers were erased from: how many rows, by which runs, and its contents before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The name of one unit of work; `day` is None for what has no date (the champion's local copy).

    >>> str(Partition(kind="features", dataset="subscription", day=date(2026, 1, 5)))
    'features/subscription/date=2026-01-05'
    """

    kind: str
    dataset: str
    day: date | None = None

    def __str__(self) -> str:
        return f"{self.kind}/{self.dataset}" + (f"/date={self.day}" if self.day else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One published file: its sha256 (hex), its size in bytes, its rows where they count as the partition's."""

    sha256: str
    bytes: int
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a partition holds, what it was made from, and by which code.

    `inputs` maps each input's name to its fingerprint; `facts` holds figures worth reading without opening the files.
    """

    kind: str
    dataset: str
    date: str | None
    code_version: str
    inputs: dict[str, str]
    files: dict[str, File]
    facts: dict[str, Any]

    @property
    def content(self) -> str:
        """The version of what the partition holds: a hash over its files' hashes."""
        return fingerprint({name: file.sha256 for name, file in self.files.items()})

    @property
    def contents(self) -> tuple[str, ...]:
        """Its content, then those that it had before rows of customers were erased from it."""
        return (self.content, *self.facts.get(ERASED, {}).get("was", ()))

    @property
    def original(self) -> str:
        """Its content before rows of customers were ever erased from it: what counts was made from, and holds still."""
        return (*self.contents[1:], self.content)[0]

    def remembering(self, old: Manifest | None) -> Manifest:
        """Returns this one; what was erased before stands in it, where it says of the same content once more.

        Models name the contents before that, and the old manifest is kept nowhere.
        """
        if old is None or old.content != self.content or ERASED not in old.facts:
            return self
        return replace(self, facts={**self.facts, ERASED: old.facts[ERASED]})

    @property
    def rows(self) -> int:
        """Rows over all files whose rows count."""
        return sum(file.rows or 0 for file in self.files.values())


def fingerprint(value: object) -> str:
    """Returns the sha256 (hex) of a JSON value, whatever the order of its keys.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Returns the sha256 (hex) of a file's bytes."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        digest, piece = hashlib.sha256(), memoryview(bytearray(max(1, min(size, _PIECE))))
        while count := file.readinto(piece):
            digest.update(piece[:count])
    return digest.hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """Returns the manifest in a folder, published or kept; None where there is none.

    Raises:
        DataError: what is there is no manifest.
        TryAgainError: it may not be read.
    """
    path = folder / MANIFEST
    try:
        return _parsed(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        found = error.strerror or str(error)
        raise TryAgainError(where=str(path), found=found, action="make it readable, or set another root=") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        action = f"delete the folder {path.parent} and run the stage again"
        raise DataError(where=str(path), found=f"not a manifest ({error})", action=action) from error


@lru_cache(maxsize=4096)  # a night asks several times what each of its raw days holds; all share it, nobody changes it
def _parsed(text: str) -> Manifest:
    raw = json.loads(text)
    files = {name: File(**file) for name, file in raw.pop("files").items()}
    manifest = Manifest(files=files, **raw)
    outside = [name for name in files if name in {"", ".", ".."} or "/" in name or "\0" in name]
    if outside:
        raise ValueError(f"its file {outside[0]!r} is not one of its folder")
    require_typed(manifest)
    if ERASED in manifest.facts:
        set(manifest.contents)  # raises where what was erased is spelled in another way
    return manifest


def describe(
    partition: Partition, folder: Path, *, inputs: Mapping[str, str], rows: Mapping[str, int], facts: dict[str, Any]
) -> Manifest:
    """Returns the manifest of the files in a folder, made by this version of the code."""
    files = {
        path.name: File(sha256=file_sha256(path), bytes=path.stat().st_size, rows=rows.get(path.name))
        for path in sorted(folder.iterdir())
    }
    return Manifest(
        kind=partition.kind,
        dataset=partition.dataset,
        date=partition.day.isoformat() if partition.day else None,
        code_version=churn.__version__,
        inputs=dict(inputs),
        files=files,
        facts=facts,
    )


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Writes the manifest beside the files of a folder."""
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n")


def has_size(path: Path, size: int) -> bool:
    """Returns whether a file is there, of that many bytes; a link is none, since it may lead out of the root."""
    return path.is_file() and not path.is_symlink() and path.stat().st_size == size


def unlike(folder: Path, manifest: Manifest) -> tuple[Path, ...]:
    """Returns the files of a folder that are missing, or have not the bytes that a manifest promises."""
    return tuple(folder / name for name, file in manifest.files.items() if not holds(folder / name, file))


def damage(path: Path, size: int) -> str:
    """Returns in words what is wrong with a file that has not the size that a manifest promises."""
    if path.is_symlink():
        return f"{path} is a link"
    return f"{path} holds {path.stat().st_size:,} of {size:,} bytes" if path.is_file() else f"{path} is missing"


def holds(path: Path, file: File) -> bool:
    """Returns whether a file is there, with the bytes that a manifest promises."""
    return has_size(path, file.bytes) and file_sha256(path) == file.sha256
