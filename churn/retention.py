"""What in the lake is older than it has to be kept, and what of that does something kept need?

Each kind has its days; what has passed them goes, unless a kept night or model was made from it: a night needs its
features and the models that scored it, a model the features and labels that it learned, features all their raw days.
Models are those that reigned, reign or may yet: of the others nothing is kept that is not kept for its age.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from churn.doors import Doors
from churn.journal import is_written
from churn.stores.partition import Manifest, Partition, read_manifest

PARTITIONS = (
    "predictions",
    "shadow",
    "features",
    "tables",
    "quarantine",
    "drift",
    "outcomes",
    "profiles",
    "feeds",
    "leaks",
)
"""The kinds of partitions, each before what it is made from: in this order they may go."""
_OF_A_MODEL = ("predictions", "shadow")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """Something that may leave the lake by itself: a folder, or a file (`partition` None), its day and its bytes.

    `version` says that it is kept of what was replaced since.
    """

    kind: str
    place: Path
    day: date
    bytes: int
    partition: Partition | None = None
    manifest: Manifest | None = None
    version: bool = False

    @property
    def rule(self) -> str:
        """The kind whose days hold for it: scores that were replaced are kept as long as those that stand."""
        return "versions" if self.version and self.kind != "predictions" else self.kind


class Retention:
    """What there is, what may go and what is needed, by the days that each kind is kept (None: for ever)."""

    def __init__(self, doors: Doors, keep_days: Mapping[Any, int | None], *, models: Mapping[int, Mapping[str, Any]]):
        """`models` is the lineage of every registered version."""
        self._doors, self._keep_days, self._models = doors, keep_days, models

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """All that there is, of kinds that go first before what they are made from."""
        parts = [piece for kind in PARTITIONS for piece in _partitions(self._doors, kind)]
        return (*parts, *_receipts(self._doors), *_files(self._doors, "code", "*.json"), *_logs(self._doors))

    @cached_property
    def going(self) -> tuple[Piece, ...]:
        """What is old enough and not needed, in the order in which it may go."""
        return tuple(piece for piece in self.old if piece not in self.needed)

    @cached_property
    def old(self) -> tuple[Piece, ...]:
        """What has passed its days, needed or not."""
        return tuple(piece for piece in self.pieces if self._is_old(piece))

    @cached_property
    def needed(self) -> frozenset[Piece]:
        """What has passed its days, and something needs."""
        nights = [piece for piece in self.pieces if piece.kind in _OF_A_MODEL and not self._is_old(piece)]
        inputs = [self._models[version]["inputs"] for version in self._versions(nights)]
        features = {piece.manifest.inputs.get("features", "") for piece in nights if piece.manifest}
        features |= {content for made_from in inputs for content in _named(made_from, "features/")}
        kept = [piece for piece in self._of("features") if not self._is_old(piece) or _holds(piece, features)]
        labels = {content for made_from in inputs for content in _named(made_from, "tables/")}
        tables = labels | {c for piece in kept if piece.manifest for c in _named(piece.manifest.inputs, "tables/")}
        found = [piece for piece in self._of("features") if _holds(piece, features)]
        found += [piece for piece in self._of("tables") if _holds(piece, tables)]
        found += [*self._receipts_of(nights), *self._code_of(found)]
        return frozenset(piece for piece in found if self._is_old(piece))

    def _of(self, kind: str) -> Iterator[Piece]:
        return (piece for piece in self.pieces if piece.kind == kind)

    def _is_old(self, piece: Piece) -> bool:
        days = self._keep_days.get(piece.rule)
        return days is not None and (self._doors.settings.today - piece.day).days >= days

    def _versions(self, nights: Iterable[Piece]) -> set[int]:
        """Returns the versions that reigned, reign, may yet, or scored a kept night."""
        registry = self._doors.registry
        bearers = [found.version for found in (registry.champion(), registry.shadow()) if found]
        reigned = {*bearers, *(reign.version for reign in registry.reigns())}
        scored = {piece.manifest.facts.get("model_version") for piece in nights if piece.manifest}
        return {one for one in self._models if one in reigned | scored or one > max(bearers, default=0)}

    def _receipts_of(self, nights: Iterable[Piece]) -> Iterator[Piece]:
        days = {piece.day for piece in nights if piece.kind == "predictions" and not piece.version}
        return (piece for piece in self._of("deliveries") if piece.day in days)

    def _code_of(self, needed: Iterable[Piece]) -> Iterator[Piece]:
        """Yields the SQL and code that a registered version names, or something that stays."""
        stays = {*needed, *(piece for piece in self.pieces if not self._is_old(piece))}
        named = {text for piece in stays if piece.manifest for text in piece.manifest.inputs.values()}
        models = json.dumps([*self._models.values()])
        return (piece for piece in self._of("code") if piece.place.stem in named or piece.place.stem in models)


def _holds(piece: Piece, contents: set[str]) -> bool:
    return piece.manifest is not None and not contents.isdisjoint(piece.manifest.contents)


def _named(inputs: Mapping[str, str], prefix: str) -> set[str]:
    return {content for name, content in inputs.items() if name.startswith(prefix)}


def _partitions(doors: Doors, kind: str) -> Iterator[Piece]:
    lake, name = doors.lake, doors.settings.dataset.name
    now = [(lake.path(doors.partition(kind, day)), False) for day in lake.days(kind, name)]
    kept = [(folder, True) for folder in lake.version_folders(kind, name)]
    for place, version in (*now, *kept):
        manifest = read_manifest(place)
        if manifest is None or manifest.date is None:
            continue
        day = date.fromisoformat(manifest.date)
        size = sum(file.bytes for file in manifest.files.values())
        partition = doors.partition(kind, day)
        yield Piece(
            kind=kind, place=place, day=day, bytes=size, partition=partition, manifest=manifest, version=version
        )


def _receipts(doors: Doors) -> Iterator[Piece]:
    for place in sorted((doors.lake.root / "deliveries" / doors.settings.dataset.name).glob("date=????-??-??")):
        day = date.fromisoformat(place.name.removeprefix("date="))
        size = sum(path.stat().st_size for path in place.iterdir())
        yield Piece(kind="deliveries", place=place, day=day, bytes=size, partition=doors.partition("deliveries", day))


def _files(doors: Doors, kind: str, pattern: str) -> Iterator[Piece]:
    for place in sorted((doors.lake.root / kind).glob(pattern)):
        try:
            seen = place.stat()
        except FileNotFoundError:  # a log that another run has just dropped
            continue
        day = datetime.fromtimestamp(seen.st_mtime, tz=UTC).date()
        yield Piece(kind=kind, place=place, day=day, bytes=seen.st_size)


def _logs(doors: Doors) -> Iterator[Piece]:
    return (piece for piece in _files(doors, "logs", "*.log") if not is_written(piece.place))
