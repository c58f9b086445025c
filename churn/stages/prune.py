"""Deletes earlier versions of partitions that no model and no published night was made from; a dry run by default."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from churn.champion import version_of
from churn.doors import Doors
from churn.errors import SettingsError
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import PruneStage
from churn.stores.partition import Manifest, read_manifest

log = logging.getLogger(__name__)
_SHOWN = 20
_KINDS = (
    "tables",
    "features",
    "predictions",
    "shadow",
    "drift",
    "profiles",
    "outcomes",
    "quarantine",
    "feeds",
    "leaks",
)


def run(settings: Settings) -> Outcome:
    """Returns which kept versions may go and which may not; deletes the former where `stage.dry_run=false`."""
    stage, doors = settings.stage_as(PruneStage), Doors(settings)
    with ExitStack() as locks:
        for name in ("intake", "training") if not stage.dry_run else ():
            locks.enter_context(doors.lake.lock(doors.partition(name)))
        _require_registry(doors)
        needed, kept = _needed(doors), _versions(doors)
        free = {place: manifest for place, manifest in kept.items() if not _is_needed(manifest, needed)}
        for place in free if not stage.dry_run else ():
            doors.lake.drop_version(place)
            log.info("deleted %s", place)
        for kind in _KINDS if not stage.dry_run else ():
            doors.lake.sweep_versions(kind, settings.dataset.name)
    freed = sum(_bytes(place_manifest) for place_manifest in free.values())
    verb = "may go (dry run: stage.dry_run=false deletes them)" if stage.dry_run else "deleted"
    return Outcome(
        headline=f"prune {settings.dataset.name}: {len(free):,} of {len(kept):,} earlier versions {verb}",
        figures={"space": f"{freed / 1e6:,.1f} MB", **_counts(kept, free)},
        table=_table(free, under=doors.lake.root) if free else None,
    )


def _counts(kept: dict[Path, Manifest], free: dict[Path, Manifest]) -> dict[str, str]:
    def count(found: dict[Path, Manifest], kind: str) -> int:
        return sum(manifest.kind == kind for manifest in found.values())

    return {kind: f"{count(free, kind):,} of {count(kept, kind):,}" for kind in _KINDS if count(kept, kind)}


def _table(free: dict[Path, Manifest], *, under: Path) -> Table:
    """Returns what goes, the largest first; a few of many."""
    places = sorted(free, key=lambda place: (-_bytes(free[place]), place))
    rows = [(f"{_bytes(free[place]):,}", str(place.relative_to(under))) for place in places]
    more = [("", f"and {len(rows) - _SHOWN:,} more")] if len(rows) > _SHOWN else []
    return Table(header=("bytes", f"folder under {under}"), rows=(*rows[:_SHOWN], *more))


def _require_registry(doors: Doors) -> None:
    """Raises SettingsError where the registry does not know the versions that the lake's own files name."""
    copy = doors.lake.manifest(doors.partition("champion"))
    named = [found.facts["model_version"] for found in (*_published(doors), copy) if found and _is_scored(found)]
    strange = sorted(set(named) - set(doors.registry.versions()))
    if strange:
        where, found = f"registry {doors.registry.model}", f"no version {strange[0]}, and the lake was scored by it"
        raise SettingsError(where=where, found=found, action="name the registry that the lake belongs to")


def _is_scored(manifest: Manifest) -> bool:
    return manifest.kind in {"champion", "predictions"}


def _versions(doors: Doors) -> dict[Path, Manifest]:
    found: dict[Path, Manifest] = {}
    for kind in _KINDS:
        for place in doors.lake.version_folders(kind, doors.settings.dataset.name):
            manifest = read_manifest(place)
            if manifest is not None:
                found[place] = manifest
    return found


def _is_needed(manifest: Manifest, needed: set[str]) -> bool:
    # what was once delivered as a score is kept for whoever asks why
    return manifest.kind == "predictions" or manifest.content in needed


def _needed(doors: Doors) -> set[str]:
    """Returns the contents that models, their labels, scores, and the features of all were made from."""
    trained = [_trained_from(doors, version) for version in doors.registry.versions()]
    features = {content for inputs in trained for content in _named(inputs, "features/")}
    labels = {content for inputs in trained for content in _named(inputs, "tables/")}
    manifests = [*_published(doors), *_versions(doors).values()]
    features |= {found.inputs["features"] for found in manifests if found.kind == "predictions"}
    now = {found.content for found in _published(doors) if found.kind == "features"}
    made_from = [found for found in manifests if found.kind == "features" and found.content in features | now]
    tables = {content for found in made_from for content in _named(found.inputs, "tables/")}
    return features | labels | tables


def _trained_from(doors: Doors, version: int) -> dict[str, str]:
    inputs: dict[str, str] = version_of(doors, version).bundle.lineage["inputs"]
    return inputs


def _named(inputs: Mapping[str, str], prefix: str) -> set[str]:
    return {content for name, content in inputs.items() if name.startswith(prefix)}


def _published(doors: Doors) -> list[Manifest]:
    name = doors.settings.dataset.name
    kinds = ("features", "predictions")
    found = (doors.lake.manifest(doors.partition(kind, day)) for kind in kinds for day in doors.lake.days(kind, name))
    return [manifest for manifest in found if manifest]


def _bytes(manifest: Manifest) -> int:
    return sum(file.bytes for file in manifest.files.values())
