"""A customer who is forgotten is nowhere under the root or in a sink, does not come back, and nothing else changes."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from churn import erasure
from churn.erased_facts import starred
from churn.errors import ExitCode
from churn.stores.lake import Lake, Partition
from tests.command import FAST, Ran, churn, copied, done, published
from tests.conftest import made_once

NIGHT = "2025-08-20"
WHO = 987654321  # no other number under the root looks like it
DAYS = [f"2025-08-{day}" for day in range(13, 20)]
NEWEST = "tables/subscription/date=2025-08-20"  # brought by whoever looks for stale nights
KINDS = ("tables", "quarantine", "features", "predictions", "drift", "profiles", "versions")


def sinks(root: Path) -> list[str]:
    csv = {"kind": "csv", "folder": root.parent / "out", "columns": "[customer_id,churn_score]"}
    table = {"kind": "duckdb", "path": root.parent / "out" / "w.duckdb", "table": "scores"}
    named = {"campaign": csv, "warehouse": table}
    return [f"+dataset.sinks.{name}.{key}={text}" for name, sink in named.items() for key, text in sink.items()]


def add(root: Path, day: str, table: str, **values: object) -> None:
    """Adds a row of the customer to a source file: one of the file's own with other values."""
    path = root / "raw" / "subscription" / f"date={day}" / f"{table}.parquet"
    rows = pl.read_parquet(path, hive_partitioning=False)
    row = rows.head(1).with_columns(pl.lit(value).cast(rows.schema[name]).alias(name) for name, value in values.items())
    pl.concat([rows, row]).write_parquet(path)


@pytest.fixture(scope="module")
def met(business: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake where one customer more came, broke a rule once, and was scored twice and delivered."""

    def make(folder: Path) -> None:
        root = copied(business, folder / "lake")
        (folder / "out").mkdir()
        for day in DAYS:
            add(root, day, "usage", customer_id=WHO, sessions=3 if day != DAYS[2] else 999)
        add(root, DAYS[0], "customers", customer_id=WHO, signup_date=date.fromisoformat(DAYS[0]))
        add(root, DAYS[1], "payments", customer_id=WHO, amount_cents=990)
        done("stage=nightly", f"date={NIGHT}", *FAST, *sinks(root), root=root)
        add(root, DAYS[3], "support_contacts", customer_id=WHO)
        done("stage=nightly", f"date={NIGHT}", *FAST, *sinks(root), root=root)

    return made_once(tmp_path_factory, "met", make)


@pytest.fixture
def root(met: Path, tmp_path: Path) -> Path:
    return copied(met, tmp_path / "met") / "lake"


def forget(root: Path, *more: str) -> Ran:
    return done("stage=forget", f"key={WHO}", *FAST[1:], *sinks(root), *more, root=root)


def places(folder: Path) -> list[Path]:
    """Returns the files that hold the customer; the sources are the user's."""
    files = (path for path in folder.rglob("*") if path.is_file() and "raw" not in path.parts)
    return [path for path in files if holds(path)]


def holds(path: Path) -> bool:
    """Says whether a file holds the customer: parquet by its values, DuckDB by its rows, all others by their bytes."""
    if path.suffix == ".parquet":
        texts = pl.read_parquet(path, hive_partitioning=False).select(~pl.selectors.list()).cast(pl.String)
        return str(WHO) in set().union(*(column.to_list() for column in texts))
    if path.suffix == ".duckdb":
        with duckdb.connect(path) as connection:
            (count,) = connection.execute(f"select count(*) from scores where customer_id = {WHO}").fetchone() or (1,)
            return bool(count)
    return str(WHO).encode() in path.read_bytes()


def state(root: Path) -> str:
    """Returns what `stage=status` says of the night, where nothing is owed to a sink."""
    lines = done("stage=status", *FAST[1:], *sinks(root), root=root).out.splitlines()
    assert not any("not delivered" in line for line in lines)
    return next(line.split("  ")[-1].strip() for line in lines if line.split()[:1] == [NIGHT])


def contents(root: Path) -> dict[str, object]:
    """Returns what is published; of manifests all but the runs that erased something."""
    found: dict[str, object] = dict(published(root, *KINDS))
    for name, content in found.items():
        if name.endswith("_manifest.json"):
            found[name] = json.loads(content)  # type: ignore[arg-type]
            found[name]["facts"].pop("erased", None)  # type: ignore[index]
    return found


def test_a_dry_run_says_where_a_customer_stands_and_changes_nothing(root: Path) -> None:
    before = published(root, *KINDS)
    ran = forget(root)
    assert "15 rows of 1 customer in 12 partitions would go (dry run: stage.dry_run=false erases them)" in ran.out
    assert [line.split()[:4] for line in ran.out.splitlines()[-4:]] == [
        ["tables", "6", "1", "10"],
        ["quarantine", "1", "0", "1"],
        ["features", "1", "1", "2"],
        ["predictions", "1", "1", "2"],
    ]
    assert "none was trained or tested on features that hold the customers, or that any was erased from" in ran.out
    assert published(root, *KINDS) == before
    assert not (root / "erased").exists()


def test_who_is_forgotten_is_nowhere_nothing_is_stale_and_a_raw_day_brought_again_brings_nobody_back(
    root: Path,
) -> None:
    log = root / "logs" / "20250820T000000-score-1.log"
    log.write_text(f"usage: the key customer_id stands there more than once, such as 16, {WHO}, 17\n")
    ran = forget(root, "stage.dry_run=false")
    assert ran.out.count("1 night sent") == 2
    assert log.read_text().endswith("such as 16, *********, 17\n")
    lake = Lake(root)
    for kind in ("features", "predictions"):
        manifest = lake.open(Partition(kind=kind, dataset="subscription", day=date.fromisoformat(NIGHT)), made_by="")
        assert manifest.facts["erased"]["rows"] == 1
        assert len(manifest.facts["erased"]["was"]) == 1
    assert state(root) == "as it would be made now"
    again = ["stage.rebuild=true"] if "CHURN_KILLS" in os.environ else []
    lineage = done("stage=lineage", f"date={NIGHT}", *again, *FAST[1:], root=root).out
    assert "1 rows of predictions (" in lineage
    assert ("the same bytes, features and scores" in lineage) == bool(again)
    whole = contents(root)
    for day in (DAYS[0], DAYS[2]):  # the source still has the customer
        (root / "tables" / "subscription" / f"date={day}" / "usage.parquet").unlink()
    assert "no night is stale" in done("stage=nightly", "date=stale", *FAST, *sinks(root), root=root).out
    assert {name: content for name, content in contents(root).items() if NEWEST not in name} == whole
    assert places(root.parent) == []


@pytest.mark.skipif("CHURN_KILLS" not in os.environ, reason="takes minutes: just faults")
@pytest.mark.parametrize("step", range(50))
def test_killed_between_two_steps_and_run_again_it_ends_as_if_never_killed(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    calls = iter(range(10_000))

    def dies(old: object, *arguments: object, **options: object) -> object:
        if next(calls) == step:
            raise KeyboardInterrupt
        return old(*arguments, **options)  # type: ignore[operator]

    with monkeypatch.context() as patch:
        for name in ("move_in", "write_manifest", "without", "drop"):
            old = getattr(erasure, name)
            patch.setattr(erasure, name, lambda *some, old=old, **more: dies(old, *some, **more))
        ended = churn("stage=forget", f"key={WHO}", "dry_run=false", *FAST[1:], *sinks(root), root=root)
    if ended.code == 0:
        pytest.skip("it has fewer steps")
    assert ended.code == 130
    forget(root, "stage.dry_run=false")
    assert places(root.parent) == []
    assert list(root.rglob(".staging-*")) == []
    assert state(root) == "as it would be made now"


def test_models_that_learned_a_customer_are_named_and_several_go_by_a_file(root: Path, tmp_path: Path) -> None:
    asked = tmp_path / "requests.txt"
    asked.write_text("17\n\n18\n")
    ran = done("stage=forget", f"file={asked}", *FAST[1:], root=root)
    assert "rows of 2 customers" in ran.out
    assert "may have learned from them or from who was erased before: version 1 (" in ran.out
    assert "2025-07-11" in ran.out


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([], "neither key nor file"),
        (["key=17", "file=some.txt"], "both key and file"),
        (["file=missing.txt"], "not read"),
        (["file={asked}"], "line 2 is no whole number"),
        (["file={long}"], "line 1 is no whole number"),
        ([f"key={2**63}"], "stage.key"),
    ],
)
def test_who_is_meant_has_to_be_clear(tmp_path: Path, given: list[str], found: str) -> None:
    (tmp_path / "asked.txt").write_text("17\n18x\n")
    (tmp_path / "long.txt").write_text("9" * 5_000)
    given = [text.format(asked=tmp_path / "asked.txt", long=tmp_path / "long.txt") for text in given]
    ran = churn("stage=forget", *given, root=tmp_path / "lake")
    assert ran.code == 2
    assert found in ran.err
    assert "18x" not in ran.err


def test_nobody_is_called_forgotten_in_a_root_without_a_lake_and_none_is_made_there(tmp_path: Path) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_bytes("\ufeff17\n".encode())  # as a spreadsheet saves it
    ran = churn("stage=forget", f"file={asked}", "dry_run=false", root=tmp_path / "lkae")
    assert ran.code == 2
    assert "nothing of subscription is published in it" in ran.err
    assert not (tmp_path / "lkae" / "erased").exists()


@pytest.mark.parametrize(("key", "told"), [(17, b"016, **, 170, 17"), (0, b"such as *"), (-17, b"such as -**")])
def test_a_key_is_starred_out_as_a_whole_number_and_no_number_is_too_long(key: int, told: bytes) -> None:
    text = {17: b"17 such as 016, 17, 170, 17" + b"9" * 5_000, 0: b"such as 0", -17: b"such as -17"}[key]
    assert told in starred(text, {key})
    assert len(starred(text, {key})) == len(text)


def test_nobody_is_forgotten_while_a_night_is_published_and_no_night_is_published_meanwhile(root: Path) -> None:
    with Lake(root).lock(Partition(kind="removal", dataset="subscription"), shared=True):  # as a night holds it
        ran = churn("stage=forget", f"key={WHO}", "dry_run=false", *FAST[1:], root=root)
    assert ran.code == 6
    assert "another run is at work on it" in ran.err
    assert (root / "erased").exists() is False


def test_a_key_that_nobody_has_is_refused_and_not_kept_out(root: Path) -> None:
    before = published(root, *KINDS)
    for dry in ("true", "false"):
        ran = churn("stage=forget", "key=5555555", *FAST[1:], *sinks(root), f"stage.dry_run={dry}", root=root)
        assert ran.code == ExitCode.DATA
        assert "stage.key: it stands nowhere in the lake" in ran.err
    assert published(root, *KINDS) == before
    assert not (root / "erased").exists()


def test_a_folder_without_a_manifest_is_named_and_nothing_is_erased(root: Path) -> None:
    folder = root / "features" / "subscription" / f"date={NIGHT}"
    (folder / "_manifest.json").unlink()
    before = published(root, *KINDS)
    ran = churn("stage=forget", f"key={WHO}", *FAST[1:], *sinks(root), "stage.dry_run=false", root=root)
    assert ran.code == ExitCode.DATA
    assert f"{folder}: no _manifest.json: whom it holds is not known" in ran.err
    assert published(root, *KINDS) == before
    assert not (root / "erased").exists()
