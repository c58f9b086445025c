"""Whatever stands in a file, a reader answers with what it says or with one error of ours, and comes back.

The cases are drawn from a seed, so that a failure comes again; its number is in the assertion's message. With
CHURN_FUZZ (`just faults`) those that take longer are as many as the others.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn.__main__ import _composed, _settings
from churn.errors import ChurnError
from churn.features.raw import Column, RawTable
from churn.settings import Settings, parse
from churn.stores.duck import Bench
from churn.stores.parquet import read_chunks, read_table, row_count, rows_at_a_time, write_table
from churn.stores.partition import MANIFEST, read_manifest
from churn.stores.sources.parquet import Parquet
from churn.training.bundle import Bundle
from tests.training.test_bundle import BUNDLE, FILES

MANY = "CHURN_FUZZ" in os.environ
CASES = 300
DEEP = "@deep@"
STRANGE: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        2**70,
        10**300,
        1e308,
        -0.0,
        "",
        "x",
        "../../etc/passwd",
        "/etc/passwd",
        "a\0b",
        "\ud800",
    ),
    *([], {}, [[]], [None], {"": None}, {"kind": "platt"}, ["a", "b", "c"], [1, "x"], "9" * 5_000, DEEP),
]
MANIFEST_FIELDS = {
    "kind": "features",
    "dataset": "subscription",
    "date": "2026-01-05",
    "code_version": "0.1.0",
    "inputs": {"sql": "ab12", "code": "cd34"},
    "files": {"features.parquet": {"sha256": "ef" * 32, "bytes": 12, "rows": 3}},
    "facts": {"rows_left_out": 0, "erased": {"rows": 1, "runs": ["20260105T000000-forget-1"], "was": ["ab" * 32]}},
}


def bent(content: bytes, rng: random.Random) -> bytes:
    """Returns the bytes cut short, with some of them changed, doubled or left out."""
    start, end = sorted(rng.choices(range(len(content) + 1), k=2))
    noise = rng.randbytes(rng.randint(1, 8))
    flipped = bytearray(content)
    for at in rng.choices(range(len(content)), k=rng.randint(1, 4)):
        flipped[at] ^= 1 << rng.randrange(8)
    return rng.choice(
        [content[:start], content[end:], content[:start] + content[end:], content[:start] + noise + content[start:]]
        + [bytes(flipped)] * 4
    )


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every holder and key in a JSON value."""
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield node, key
        yield from places(child)


def strained(fields: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Returns the fields with something missing, of another type, too large, or there without need."""
    changed = copy.deepcopy(fields)
    for _ in range(rng.randint(1, 2)):
        holder, key = rng.choice(list(places(changed)))
        value = copy.deepcopy(rng.choice(STRANGE))
        if isinstance(holder, dict) and rng.random() < 0.3:
            changed_name = rng.choice(["", "extra", "../../etc/passwd", "/etc/passwd", "a/b", ".", "..", str(key) * 2])
            holder[changed_name] = holder.pop(key) if rng.random() < 0.5 else value
        elif rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = value
    return changed


def as_json(fields: dict[str, Any]) -> bytes:
    """Returns the fields as JSON, nested 100,000 deep where they say so."""
    text = json.dumps(fields, sort_keys=True, indent=1)
    return text.replace(f'"{DEEP}"', "[" * 100_000 + "]" * 100_000).encode()


def answers(number: int, read: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what a reader says; None where it stops as it should."""
    try:
        return read(*arguments)
    except ChurnError:
        return None
    except BaseException as error:
        raise AssertionError(f"case {number}: {type(error).__name__}: {str(error)[:300]}") from error


def test_a_manifest_is_read_or_refused_and_names_no_file_out_of_its_folder(tmp_path: Path) -> None:
    read = 0
    for number in range(2 * CASES):
        rng = random.Random(number)
        content = as_json(strained(MANIFEST_FIELDS, rng)) if number % 2 else bent(as_json(MANIFEST_FIELDS), rng)
        (tmp_path / MANIFEST).write_bytes(content)
        manifest = answers(number, read_manifest, tmp_path)
        if manifest is None:
            continue
        read += 1
        assert all((tmp_path / name).parent == tmp_path and Path(name).name == name for name in manifest.files), number
        assert manifest.rows >= 0
        assert len(manifest.content) == 64
        assert manifest.content in set(manifest.contents)
    assert CASES / 20 < read < CASES


def test_a_bundle_is_read_as_it_is_or_refused(tmp_path: Path) -> None:
    fields = json.loads(FILES["bundle.json"])
    read = 0
    for number in range(2 * CASES):
        rng = random.Random(number)
        files = dict(FILES)
        if number % 2:
            files["bundle.json"] = as_json(strained(fields, rng)) + b"\n"
        else:
            name = rng.choice(sorted(FILES))
            files[name] = bent(FILES[name], rng)
        if rng.random() < 0.8:  # as if whoever changed it had known of the checksums
            hashes = {name: sha256(files[name]).hexdigest() for name in files if name != "checksums.json"}
            files["checksums.json"] = (
                json.dumps({"format": 2, "sha256": hashes}, indent=1, sort_keys=True) + "\n"
            ).encode()
        bundle = answers(number, Bundle.from_files, files)
        if bundle is not None:
            read += 1
            again = answers(number, Bundle.from_files, bundle.to_files())
            assert again == bundle, number
    assert Bundle.from_files(FILES) == BUNDLE
    assert read > CASES / 20


@cache
def composed() -> dict[str, Any]:
    raw = _settings(_composed(["stage=nightly", "date=2026-01-05"]), None)[1]
    return json.loads(json.dumps(raw))  # type: ignore[no-any-return]


def parsed(raw: dict[str, Any]) -> Settings:
    return parse(raw, files={})


def overridden(text: str) -> Settings:
    return _settings(_composed(["stage=status", text]), None)[0]


def test_settings_are_parsed_or_refused() -> None:
    refused = 0
    cases = CASES if MANY else CASES // 10
    for number in range(cases):
        changed = strained(composed(), random.Random(number))
        refused += answers(number, parsed, changed) is None
    assert refused > cases / 2


OVERRIDES = ["date=2026-01-05", "+stage.gates={a: [1, 2]}", "model.num_leaves=15", "~dataset.sinks", "root='/x y'"]


def test_overrides_are_composed_or_refused() -> None:
    for number in range(CASES if MANY else 20):
        rng = random.Random(number)
        text = bent(rng.choice(OVERRIDES).encode(), rng).decode(errors="replace")
        text = text if rng.random() < 0.8 else f"+x={'[' * 300}{']' * 300}"
        answers(number, overridden, text)


TABLE = pl.DataFrame(
    {
        "id": range(60),
        "day": [date(2026, 1, 1 + number % 5) for number in range(60)],
        "plan": ["basic", "größer", None] * 20,
        "spend": [number / 7 for number in range(60)],
    }
)
RAW = RawTable(
    name="orders",
    day="day",
    columns=(
        Column(name="id", dtype="integer"),
        Column(name="plan", dtype="text"),
        Column(name="spend", dtype="number"),
    ),
)


@pytest.mark.parametrize("reader", ["lake", "source"])
def test_a_parquet_file_is_read_or_refused(tmp_path: Path, reader: str) -> None:
    whole, path = tmp_path / "whole.parquet", tmp_path / "orders.parquet"
    write_table(whole, TABLE)
    bench = Bench(threads=1, memory="500MB", spill=tmp_path / "spill", chunk_rows=50, cache=tmp_path / "cache")
    source = Parquet(kind="parquet", path=str(path))
    looks: dict[str, list[Callable[[], Any]]] = {
        "lake": [
            lambda: read_table(path),
            lambda: row_count(path),
            lambda: rows_at_a_time(path, most=10),
            lambda: list(read_chunks(path, rows=7, categories=["plan"])),
        ],
        "source": [
            lambda: source.days(RAW, bench),
            lambda: list(source.read(RAW, first=date(2026, 1, 1), last=date(2026, 1, 9), bench=bench)),
        ],
    }
    for number in range(CASES if reader == "lake" or MANY else CASES // 15):
        path.write_bytes(bent(whole.read_bytes(), random.Random(number)))
        for look in looks[reader]:
            answers(number, look)
