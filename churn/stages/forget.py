"""Erases customers from the lake, its kept versions and its sinks, and says what is left; a dry run by default."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from typing import Any

import polars as pl

from churn.champion import lineages
from churn.deliveries import Courier, out_of_reach
from churn.doors import Doors
from churn.erased_facts import star_file
from churn.erasure import KEYED, Held, erase, erased_before, find
from churn.errors import DataError, SettingsError
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.removal import ForgetStage
from churn.stores.disk import disk_errors
from churn.stores.erased_keys import ErasedKeys, key_column, place_of
from churn.stores.partition import Manifest
from churn.stores.removal import drop_tree, removing

log = logging.getLogger(__name__)
_DIGITS = 19


def run(settings: Settings) -> Outcome:
    """Returns where the customers stand, or stood; what holds them is written anew where `stage.dry_run=false`."""
    stage, doors = settings.stage_as(ForgetStage), Doors(settings)
    keys = _keys(stage)
    _require_lake(doors)
    models = lineages(doors)  # before the locks: it may publish the champion's copy
    held = _found(doors, keys) if stage.dry_run else _erase(doors, keys)
    features = [one.manifest for one in held if one.partition.kind == "features"] + [*erased_before(doors, "features")]
    verb = "would go (dry run: stage.dry_run=false erases them)" if stage.dry_run else "erased"
    rows = sum(sum(one.rows.values()) for one in held)
    customers = f"{len(keys):,} customer{'s' if len(keys) > 1 else ''}"
    outcome = Outcome(
        headline=f"forget {settings.dataset.name}: {rows:,} rows of {customers} in {len(held):,} partitions {verb}",
        figures={"models": _models(models, features), **_left(doors)},
        table=_table(held) if held else None,
    )
    return outcome if stage.dry_run else _delivered(doors, outcome)


def _keys(stage: ForgetStage) -> frozenset[int]:
    if stage.file is None:
        return frozenset() if stage.key is None else frozenset({stage.key})
    try:
        lines = [line.strip() for line in stage.file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        action = "name a file that this user can read, with one key a line"
        raise SettingsError(where=str(stage.file), found=f"not read: {error}", action=action) from error
    strange = [number for number, line in enumerate(lines, start=1) if line and not _is_key(line)]
    if strange or not any(lines):
        found = f"line {strange[0]} is no whole number" if strange else "no key in it"
        raise SettingsError(where=str(stage.file), found=found, action="write one key a line, and nothing else")
    return frozenset(int(line) for line in lines if line)


def _require_lake(doors: Doors) -> None:
    """Raises SettingsError where no row of the dataset ever came: that nobody is there says nothing of another lake."""
    if not any(doors.lake.days(kind, doors.dataset.name) for kind in KEYED):
        where, found = str(doors.lake.root), f"nothing of {doors.dataset.name} is published in it"
        raise SettingsError(where=where, found=found, action="name the lake that the customers stand in: root=")


def _is_key(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS and abs(int(text)) < 2**63


def _found(doors: Doors, keys: frozenset[int]) -> list[Held]:
    """Returns where the customers stand.

    Raises:
        DataError: nowhere, and nobody of them was erased before: whoever gets such a key later would stay out.
    """
    held = list(find(doors, keys))
    if not held and not ErasedKeys.read(place_of(doors.lake.root, doors.dataset.name)).has(pl.Series([*keys])).any():
        found = f"{'it stands' if len(keys) == 1 else f'none of {len(keys):,} stands'} nowhere in the lake"
        action = "look at the key, the dataset and root=; nothing was erased, and nobody is kept out"
        raise DataError(where="stage.key" if len(keys) == 1 else "stage.file", found=found, action=action)
    return held


def _erase(doors: Doors, keys: frozenset[int]) -> list[Held]:
    """Erases the customers while nothing is brought, trained or published, and returns where they stood."""
    lake, name = doors.lake, doors.dataset.name
    with ExitStack() as locks:
        for kind in ("intake", "training"):
            locks.enter_context(lake.lock(doors.partition(kind)))
        locks.enter_context(removing(lake, name))
        _found(doors, keys)
        place = place_of(lake.root, name)
        with disk_errors(doors.partition("erased")):
            ErasedKeys.read(place).adding(keys).write(place)  # first of all: nobody comes back meanwhile
            _sweep(doors)
            for path in sorted((lake.root / "logs").glob("*.log")):
                star_file(path, keys)
        held = []
        for one in erase(doors, keys):
            log.info("%s: %s rows erased", one.folder.relative_to(lake.root), f"{sum(one.rows.values()):,}")
            held.append(one)
    return held


def _sweep(doors: Doors) -> None:
    """Deletes the scratch folders that killed runs left: raw days that were being brought, nights made again."""
    root, name = doors.lake.root, doors.dataset.name
    drop_tree(root / f".intake-{name}")
    for scratch in sorted(root.glob(f".rebuild-{name}-????-??-??")):
        with doors.lake.lock(doors.partition("rebuild", date.fromisoformat(scratch.name[-10:]))):
            drop_tree(scratch)


def _models(models: Mapping[int, Mapping[str, Any]], features: Iterable[Manifest]) -> str:
    """Returns which versions learned from, or were tested on, features that hold the customers, or held one before.

    Who was erased stands nowhere, so that those of every earlier erasure are named, too.
    """
    contents = {content for manifest in features for content in manifest.contents}
    days = {
        version: sorted(name.rpartition("=")[2] for name, content in lineage["inputs"].items() if content in contents)
        for version, lineage in models.items()
    }
    words = [f"version {version} ({', '.join(found)})" for version, found in days.items() if found]
    if not words:
        return "none was trained or tested on features that hold the customers, or that any was erased from"
    return f"left as they are, and may have learned from them or from who was erased before: {', '.join(words)}"


def _left(doors: Doors) -> dict[str, str]:
    """Returns what this command does not reach, and what is to be done there."""
    key, tables = doors.dataset.key, doors.dataset.tables
    keyless = [table.name for table in tables if key_column([column.name for column in table.columns], key) is None]
    spilled = [path for path in doors.bench.spill.glob("*") if path.is_file()]
    left = {f"left: sink {name}": text for name, text in out_of_reach(doors).items()}
    if keyless:
        left["left: raw tables"] = f"without a column {key}: {', '.join(keyless)}"
    if spilled:
        left["left: spilled"] = f"{len(spilled):,} files in {doors.bench.spill}: delete them when no run is at work"
    sources = ", ".join(sorted(doors.settings.dataset.tables))
    return {"left: sources": f"{sources}: yours to mend; what they hold of a forgotten customer stays out", **left}


def _delivered(doors: Doors, outcome: Outcome) -> Outcome:
    """Brings the nights that rows were erased from to the sinks again, which hold them as they are now."""
    courier = Courier(doors)
    nights = [manifest.date for manifest in erased_before(doors, "predictions") if manifest.date]
    published = set(doors.lake.days("predictions", doors.dataset.name))
    days = sorted({date.fromisoformat(day) for day in nights} & published)
    for day in courier.due(days):
        courier.bring(day)
    return courier.told(outcome)


def _table(held: Sequence[Held]) -> Table:
    rows = []
    for kind in KEYED:
        now = [one for one in held if one.partition.kind == kind and not one.is_version]
        kept = [one for one in held if one.partition.kind == kind and one.is_version]
        days = sorted(str(one.partition.day) for one in (*now, *kept))
        count = sum(sum(one.rows.values()) for one in (*now, *kept))
        if days:
            rows.append((kind, f"{len(now):,}", f"{len(kept):,}", f"{count:,}", days[0], days[-1]))
    return Table(header=("kind", "partitions", "versions", "rows", "first", "last"), rows=tuple(rows))
