"""Listing, fingerprints and sessions over local files; the standard library's glob and hashlib are the oracles."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError
from churn.stores import local_files
from churn.stores.globs import fixed_folder, matches, parts
from churn.stores.objects import find, literal, session, versions
from churn.stores.remembered import recall, remember
from tests.stores.sources.raw_files import bench, closed, open_folder

TREE = (
    "date=2026-01-01/orders.csv",
    "date=2026-01-02/orders.csv",
    "date=2026-01-02/.orders.csv.part",
    "date=2026-01-02/Orders.csv",
    ".hidden/date=2026-01-03/orders.csv",
    "north/date=2026-01-02/orders.csv",
    "north/2025/date=2025-12-31/orders.csv",
    "we[i]rd/orders.csv",
    "weird/orders.csv",
    "notes.txt",
)
PATTERNS = (
    "notes.txt",
    "*",
    "*.txt",
    "date=*/orders.csv",
    "date=*/*.csv",
    "date=2026-01-0[12]/?rders.csv",
    "date=2026-01-02/.*",
    "**/orders.csv",
    "**/date=*/orders.csv",
    "north/**/*.csv",
    "north/**",
    "**",
    ".hidden/**/*.csv",
    "we[i]rd/orders.csv",
    "we[[]i]rd/orders.csv",
    "*/../notes.txt",
)
OLD = 1_700_000_000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in TREE:
        write(tmp_path / "raw" / name, name)
    return tmp_path / "raw"


@pytest.fixture
def outside() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def write(path: Path, text: str, *, at: float = OLD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_the_files_that_glob_finds(tree: Path, pattern: str) -> None:
    found_by_glob = glob.glob(f"{tree}/{pattern}", recursive=True)  # noqa: PTH207 - the oracle
    expected = {path for path in found_by_glob if Path(path).is_file()}
    found = [file.path for file in find(f"{tree}/{pattern}")]
    assert expected
    assert found == sorted(expected)


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if ".." not in pattern])
def test_names_of_objects_match_a_pattern_as_names_of_files_do(tree: Path, pattern: str) -> None:
    found_by_glob = glob.glob(pattern, root_dir=tree, recursive=True)  # noqa: PTH207 - the oracle
    expected = {path for path in found_by_glob if (tree / path).is_file()}
    assert {name for name in TREE if matches(name.split("/"), parts(pattern))} == expected


def test_a_pattern_may_be_relative(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert [file.path for file in find("*.txt")] == ["notes.txt"]
    assert [file.path for file in find("date=*/orders.csv")] == [
        "date=2026-01-01/orders.csv",
        "date=2026-01-02/orders.csv",
    ]


def test_a_linked_folder_that_leads_back_up_ends_the_walk(tree: Path) -> None:
    (tree / "north" / "up").symlink_to(tree)
    assert len(find(f"{tree}/**/orders.csv")) == 6


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("date=*/payments.csv", "bring the file there"),
        ("Notes.TXT", "did you mean '{tree}/notes.txt'?"),
        ("weird/order.csv", "did you mean '{tree}/weird/orders.csv'?"),
        ("West/orders.csv", "bring the file there"),
        ("[n]ew/orders.csv", "write [[] for the character itself"),
        ("orders [1].csv", "write [[] for the character itself"),
    ],
)
def test_no_file_is_told_with_what_was_meant(tree: Path, pattern: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        find(f"{tree}/{pattern}")
    assert raised.value.where == f"{tree}/{pattern}"
    assert raised.value.found == "no file"
    assert said.format(tree=tree) in raised.value.action
    assert raised.value.exit_code == 3


def test_a_folder_that_may_not_be_read_stops_and_is_not_skipped(outside: Path) -> None:
    for day in ("date=2026-01-01", "date=2026-01-02"):
        write(outside / day / "part" / "orders.csv", day)
    with closed(outside / "date=2026-01-02"), pytest.raises(SettingsError) as raised:
        find(f"{outside}/date=*/*/orders.csv")
    assert raised.value.where == f"{outside}/date=2026-01-02/"
    assert "this user may not read it" in str(raised.value)
    assert "give the user that runs churn the right to read it" in raised.value.action
    assert raised.value.exit_code == 2


def test_a_file_below_a_folder_that_may_not_be_entered_stops(outside: Path) -> None:
    write(outside / "shut" / "orders.csv", "x")
    with closed(outside / "shut"), pytest.raises(SettingsError, match="may not read it"):
        find(f"{outside}/shut/orders.csv")


def test_a_file_that_may_not_be_read_stops(outside: Path) -> None:
    path = write(outside / "orders.csv", "x")
    with closed(path), pytest.raises(SettingsError) as raised:
        versions(find(str(path)), bench(outside))
    assert raised.value.where == str(path)
    assert raised.value.exit_code == 2


def test_a_version_is_the_sha256_of_the_bytes(tree: Path) -> None:
    found = versions(find(f"{tree}/**/*.csv"), bench(tree.parent))
    assert found == {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in found}
    assert len(found) == 7


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read to be hashed, in order."""
    names: list[str] = []

    def hash_of(path: Path) -> str:
        names.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(local_files, "file_sha256", hash_of)
    return names


def test_a_file_that_did_not_change_is_hashed_once(tmp_path: Path, hashed: list[str]) -> None:
    for name in ("a", "b"):
        write(tmp_path / "raw" / name, name)
    first = versions(find(f"{tmp_path}/raw/*"), bench(tmp_path))
    assert hashed == ["a", "b"]
    write(tmp_path / "raw" / "b", "c", at=OLD + 1)
    second = versions(find(f"{tmp_path}/raw/*"), bench(tmp_path))
    assert hashed == ["a", "b", "b"]
    assert {Path(path).name for path in first if first[path] != second[path]} == {"b"}


@pytest.mark.parametrize("seconds_before", [-1.0, 0.0, 1.9])
def test_a_change_that_hides_in_the_same_tick_of_the_clock_is_seen(tmp_path: Path, seconds_before: float) -> None:
    path, cache = tmp_path / "a", tmp_path / "cache" / "files.json"
    first = versions(find(str(write(path, "one"))), bench(tmp_path))
    written = cache.stat().st_mtime - seconds_before
    known = json.loads(cache.read_text())
    path.write_text("two")  # the same inode and size, and as it will seem the same time
    os.utime(path, (written, written))
    seen = path.stat()
    kept = cache.stat()
    cache.write_text(json.dumps({str(path): [seen.st_mtime_ns, seen.st_size, seen.st_ino, known[str(path)][-1]]}))
    os.utime(cache, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert versions(find(str(path)), bench(tmp_path)) != first


def test_another_file_moved_in_with_the_same_time_and_size_is_seen(tmp_path: Path) -> None:
    first = versions(find(str(write(tmp_path / "a", "one"))), bench(tmp_path))
    write(tmp_path / "b", "two").replace(tmp_path / "a")
    assert versions(find(f"{tmp_path}/a"), bench(tmp_path)) != first


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"%s": [1]}', '{"%s": "x"}', '{"%s": ["a", 3, 4, "x"]}', "\x00"])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "a", "one")
    first = versions(find(str(path)), bench(tmp_path))
    (tmp_path / "cache" / "files.json").write_text(damage.replace("%s", str(path)))
    assert versions(find(str(path)), bench(tmp_path)) == first


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path: Path, hashed: list[str]) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    path = write(tmp_path / "a", "one")
    assert versions(find(str(path)), bench(tmp_path)) == versions(find(str(path)), bench(tmp_path))
    assert hashed == ["a", "a"]


def test_the_cache_forgets_files_that_have_gone_and_keeps_those_of_other_tables(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        versions(find(str(write(tmp_path / name, name))), bench(tmp_path))
    (tmp_path / "a").unlink()
    versions(find(str(write(tmp_path / "d", "d"))), bench(tmp_path))
    assert {Path(path).name for path in recall(tmp_path / "cache" / "files.json")} == {"b", "c", "d"}


def test_two_thousand_files_that_did_not_change_are_not_hashed_again(tmp_path: Path, hashed: list[str]) -> None:
    for number in range(2000):
        write(tmp_path / "raw" / f"date={number}" / "orders.parquet", "x")
    pattern = f"{tmp_path}/raw/date=*/orders.parquet"
    first = versions(find(pattern), bench(tmp_path))
    hashed.clear()
    second = versions(find(pattern), bench(tmp_path))
    assert (second, hashed) == (first, [])


def test_what_is_remembered_is_replaced_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "book.json"
    assert recall(path) == {}
    for value in (1, 2):
        remember(path, {"a": value})
    assert recall(path) == {"a": 2}
    assert [file.name for file in path.parent.iterdir()] == ["book.json"]


def change(path: Path) -> None:
    write(path, "other", at=OLD + 5)


@pytest.mark.parametrize("happens", [Path.unlink, change])
def test_a_file_that_changes_or_goes_while_it_is_read_is_to_be_tried_again(tmp_path: Path, happens: object) -> None:
    path = write(tmp_path / "a", "one")
    assert callable(happens)
    with pytest.raises(TryAgainError) as raised, session(find(str(path)), bench(tmp_path)):
        happens(path)
    assert raised.value.where == str(path)
    assert raised.value.exit_code == 75


def lost(path: Path) -> DataError:
    path.unlink()
    return DataError(where="a", found="as DuckDB sees it", action="restore")


def test_an_error_over_a_file_that_has_gone_is_told_as_that(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "one")
    with pytest.raises(TryAgainError, match="gone"), session(find(str(path)), bench(tmp_path)):
        raise lost(path)


def test_an_error_over_files_that_stand_is_told_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "one")
    with pytest.raises(ChurnError, match="as it is"), session(find(str(path)), bench(tmp_path)):
        raise DataError(where="a", found="as it is", action="restore")


def test_a_session_is_at_utc_wherever_the_machine_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with session(find(str(write(tmp_path / "a", "x"))), bench(tmp_path)) as within:
        query = "select cast(timestamptz '2026-01-01 23:30:00+00' as date)::varchar"
        assert within.connection.execute(query).fetchall() == [("2026-01-01",)]


@pytest.mark.parametrize("name", ["it's.csv", "we[i]rd.csv", "st*r.csv", "wh?t.csv", "sp ace%20.csv"])
def test_a_name_with_any_sign_is_read_as_that_file_alone(tmp_path: Path, name: str) -> None:
    for other in ("weird.csv", "star.csv", "what.csv"):
        write(tmp_path / other, "a\nother\n")
    path = write(tmp_path / name, "a\nthis\n")
    with session(find(f"{tmp_path}/*.csv"), bench(tmp_path)) as within:
        assert within.connection.execute(f"from read_csv({literal(str(path))})").fetchall() == [("this",)]


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [("/raw/date=*/a.csv", "/raw/"), ("/raw/a.csv", "/raw/"), ("a.csv", ""), ("/a?/b/c", "/"), ("x/[a]/**", "x/")],
)
def test_the_fixed_folder_ends_before_the_first_wildcard(pattern: str, folder: str) -> None:
    assert fixed_folder(pattern) == folder
