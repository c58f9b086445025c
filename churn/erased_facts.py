"""What does a manifest, or a log, say of a partition once customers were erased from it?

Counts are counted again from the rows that are left, so that they are what they would be if those rows had never come.
Texts of errors name a few keys after the words "such as": those are starred out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from churn.doors import Doors
from churn.features.day import row_hashes
from churn.stores.erased_keys import among, key_column, rows_about
from churn.stores.parquet import read_chunks, row_count
from churn.stores.partition import Manifest, Partition

_TOLD = b"such as "
_NUMBER = re.compile(rb"(?<![\w.])\d+(?!\w)")


def facts_without(
    doors: Doors, partition: Partition, then: Manifest, *, folder: Path, keys: Collection[int]
) -> dict[str, Any]:
    """Returns the facts of a manifest for what is left in `folder` of the partition."""
    facts = dict(then.facts)
    if partition.kind == "tables":
        facts["tables"] = _of_raw_day(doors, partition, then, folder=folder, keys=keys)
    if partition.kind == "quarantine":
        facts["tables"] = _of_quarantine(doors, then, folder=folder, keys=keys)
    if "accepted" in facts:
        faults = [starred(text.encode(), keys).decode() for text in facts["accepted"]["faults"]]
        facts["accepted"] = facts["accepted"] | {"faults": faults}
    if "segments" in facts:
        facts["segments"] = _levels(folder / "scores.parquet", "segment", like=facts["segments"])
    if "reasons" in facts:
        facts["reasons"] = _of_reasons(folder / "reasons.parquet", doors.dataset.key, like=facts["reasons"])
    return facts


def starred(text: bytes, keys: Collection[int]) -> bytes:
    """Returns the text, as long as before, with stars for those keys that it names after "such as".

    >>> starred(b"17 rows break a rule: keys such as 16, 17", {17})
    b'17 rows break a rule: keys such as 16, **'
    """
    wanted = {str(abs(key)).encode() for key in keys}

    def star(number: re.Match[bytes]) -> bytes:
        return b"*" * len(number[0]) if (number[0].lstrip(b"0") or b"0") in wanted else number[0]

    lines = (line.partition(_TOLD) for line in text.splitlines(keepends=True))
    return b"".join(before + told + _NUMBER.sub(star, after) for before, told, after in lines)


def star_file(path: Path, keys: Collection[int]) -> None:
    """Stars out the keys in a file where they stand, so that who has it open goes on writing at its end.

    Raises:
        OSError: the disk refused.
    """
    with path.open("r+b") as file:
        before = file.read()
        after = starred(before, keys)
        if after != before:
            file.seek(0)
            file.write(after)


def _of_raw_day(
    doors: Doors, partition: Partition, then: Manifest, *, folder: Path, keys: Collection[int]
) -> dict[str, Any]:
    """Returns the tallies of a raw day; where it is the day that stands now, less what its quarantine is to lose."""
    quarantine = doors.lake.path(doors.partition("quarantine", partition.day))
    stands = folder.parent == doors.lake.path(partition).parent
    found = {}
    for name, facts in then.facts["tables"].items():
        broken = facts["broken"], facts["read"] - facts["kept"]
        if stands and (quarantine / f"{name}.parquet").exists():
            broken = _broken(doors, quarantine / f"{name}.parquet", keys)
        kept = row_count(folder / f"{name}.parquet")
        hashed = _rows_hash(doors, name, folder / f"{name}.parquet", then=facts["rows_hash"])
        found[name] = {"broken": broken[0], "kept": kept, "read": kept + broken[1], "rows_hash": hashed}
    return found


def _of_quarantine(doors: Doors, then: Manifest, *, folder: Path, keys: Collection[int]) -> dict[str, Any]:
    found = {}
    for name, facts in then.facts["tables"].items():
        broken, rows = _broken(doors, folder / f"{name}.parquet", keys)
        less = (then.files[f"{name}.parquet"].rows or 0) - rows
        found[name] = facts | {"broken": broken, "read": facts["read"] - less}
    return found


def _broken(doors: Doors, path: Path, keys: Collection[int]) -> tuple[dict[str, int], int]:
    """Returns how many rows of a quarantine file break which rule, and how many they are, without the customers'."""
    counts, rows, has = Counter[str](), 0, among(keys)
    for chunk in read_chunks(path, rows=doors.settings.resources.chunk_rows):
        column = key_column(chunk.columns, doors.dataset.key)
        left = chunk if column is None else chunk.filter(~rows_about(chunk, column, has))
        counts.update(left["rule"].str.split("; ").explode())
        rows += left.height
    return dict(sorted(counts.items())), rows


def _rows_hash(doors: Doors, name: str, path: Path, *, then: int) -> int:
    table = next((table for table in doors.dataset.tables if table.name == name), None)
    if table is None or not then:
        return then
    chunks = read_chunks(path, rows=doors.settings.resources.chunk_rows)
    sums = (int(row_hashes(chunk, table).to_numpy().sum(dtype=np.uint64)) for chunk in chunks)
    return sum(sums) % 2**64


def _levels(path: Path, column: str, *, like: dict[str, int]) -> dict[str, int]:
    found = pl.scan_parquet(path, hive_partitioning=False).group_by(column).len().collect()
    return dict.fromkeys(like, 0) | dict(found.iter_rows())


def _of_reasons(path: Path, key: str, *, like: dict[str, Any]) -> dict[str, Any]:
    rows = pl.scan_parquet(path, hive_partitioning=False)
    customers = rows.select(pl.col(key).n_unique()).collect().item()
    first = rows.filter(pl.col("rank") == 1).group_by("code").len().collect()
    return like | {"customers": customers, "first": dict(first.iter_rows())}
