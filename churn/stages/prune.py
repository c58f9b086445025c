"""Deletes what is past its days or was replaced, and no kept night or model was made from; a dry run by default."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from churn.champion import lineages
from churn.doors import Doors
from churn.errors import SettingsError
from churn.reports.outcome import Outcome, Table
from churn.retention import PARTITIONS, Piece, Retention
from churn.settings import Settings
from churn.settings.removal import PruneStage
from churn.stores.disk import disk_errors
from churn.stores.partition import Manifest
from churn.stores.removal import drop, removing, sweep
from churn.stores.whole import remove_file

log = logging.getLogger(__name__)
_SHOWN = 20


def run(settings: Settings) -> Outcome:
    """Returns what may go and what has to stay; deletes the former where `stage.dry_run=false`."""
    stage, doors = settings.stage_as(PruneStage), Doors(settings)
    with ExitStack() as locks:
        for name in ("intake", "training") if not stage.dry_run else ():
            locks.enter_context(doors.lake.lock(doors.partition(name)))
        _require_registry(doors)
        models = lineages(doors)
        if not stage.dry_run:
            locks.enter_context(removing(doors.lake, settings.dataset.name))
        found = Retention(doors, stage.keep_days, models=models)
        going = found.going
        if not stage.dry_run:
            _delete(doors, going)
    return Outcome(
        headline=_headline(settings, found, dry_run=stage.dry_run),
        figures={"space": f"{_bytes(going) / 1e6:,.1f} MB", **_counts(found, stage)},
        table=_table(going, under=doors.lake.root, shown=len(going) if stage.verbose else _SHOWN) if going else None,
    )


def _delete(doors: Doors, going: Sequence[Piece]) -> None:
    """Deletes what depends on other pieces before those, so that whatever kills this leaves nothing without its own."""
    for piece in going:
        with disk_errors(doors.partition(piece.kind)):
            if piece.partition is None:
                remove_file(piece.place)
            elif piece.version:
                drop(piece.place)
            else:
                with doors.lake.lock(piece.partition, wait=True):  # a delivery may be reading it
                    drop(piece.place)
        log.info("deleted %s", piece.place)
    for kind in (*PARTITIONS, "deliveries"):
        with disk_errors(doors.partition(kind)):
            sweep(doors.lake, kind, doors.settings.dataset.name)


def _headline(settings: Settings, found: Retention, *, dry_run: bool) -> str:
    all_versions = sum(piece.version for piece in found.pieces)
    versions = sum(piece.version for piece in found.going)
    others = len(found.going) - versions
    what = f"{others:,} partitions and files, " if others else ""
    verb = "may go (dry run: stage.dry_run=false deletes them)" if dry_run else "deleted"
    return f"prune {settings.dataset.name}: {what}{versions:,} of {all_versions:,} earlier versions {verb}"


def _counts(found: Retention, stage: PruneStage) -> dict[str, str]:
    """Returns by kind how many go of how many, from when to when, their bytes, and how many would but are needed."""
    ruled = [kind for kind, days in stage.keep_days.items() if days is not None and kind != "versions"]
    counts = {}
    for version in (False, True):
        for kind in PARTITIONS if version else ruled:
            there = [piece for piece in found.pieces if piece.kind == kind and piece.version == version]
            if there:
                counts[f"versions of {kind}" if version else kind] = _count(found, there)
    return counts


def _count(found: Retention, there: Sequence[Piece]) -> str:
    all_going = set(found.going)
    going = [piece for piece in there if piece in all_going]
    needed = sum(piece in found.needed for piece in there)
    text = f"{len(going):,} of {len(there):,}"
    if going:
        days = sorted(piece.day for piece in going)
        text += f", {days[0]} to {days[-1]}, {_bytes(going):,} bytes"
    return text + (f"; {needed:,} older, and needed" if needed else "")


def _table(going: Sequence[Piece], *, under: Path, shown: int) -> Table:
    """Returns what goes, the largest first; a few of many."""
    ordered = sorted(going, key=lambda piece: (-piece.bytes, piece.place))
    rows = [(f"{piece.bytes:,}", str(piece.place.relative_to(under))) for piece in ordered]
    more = [("", f"and {len(rows) - shown:,} more")] if len(rows) > shown else []
    return Table(header=("bytes", f"place under {under}"), rows=(*rows[:shown], *more))


def _require_registry(doors: Doors) -> None:
    """Raises SettingsError where the registry does not know the versions that the lake's own files name."""
    copy = doors.lake.manifest(doors.partition("champion"))
    days = doors.lake.days("predictions", doors.settings.dataset.name)
    scores = (doors.lake.manifest(doors.partition("predictions", day)) for day in days)
    named = [found.facts["model_version"] for found in (*scores, copy) if isinstance(found, Manifest)]
    strange = sorted(set(named) - set(doors.registry.versions()))
    if strange:
        where, found = f"registry {doors.registry.model}", f"no version {strange[0]}, and the lake was scored by it"
        raise SettingsError(where=where, found=found, action="name the registry that the lake belongs to")


def _bytes(pieces: Sequence[Piece]) -> int:
    return sum(piece.bytes for piece in pieces)
