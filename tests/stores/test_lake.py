"""A partition is published whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from churn.errors import DataError, LockedError, TryAgainError
from churn.stores import disk
from churn.stores import lake as lake_module
from churn.stores.lake import Lake
from churn.stores.partition import MANIFEST, Partition, fingerprint, read_manifest, write_manifest
from churn.stores.removal import drop, sweep

DAY = Partition(kind="features", dataset="shop", day=date(2026, 1, 5))


def put(lake: Lake, content: str, *, inputs: dict[str, str] | None = None, partition: Partition = DAY) -> None:
    with lake.publish(partition, inputs=inputs or {"raw": content}) as staging:
        (staging.path / "table.txt").write_text(content)
        staging.rows["table.txt"] = len(content)


def content(lake: Lake, partition: Partition = DAY) -> str:
    return lake.open(partition, made_by="x").content


def version_text(lake: Lake, content: str, partition: Partition = DAY) -> str | None:
    folder = lake.version(partition, content)
    return (folder / "table.txt").read_text() if folder else None


def versions(lake: Lake) -> list[str]:
    return sorted(path.read_text() for path in (lake.root / "versions").rglob("table.txt"))


@contextmanager
def watched(read: Callable[[], None], done: threading.Event) -> Iterator[None]:
    """Runs `read` beside the body until it is over; what fails in there fails the test."""
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            yield
        finally:
            done.set()
        reader.result()


def everything(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


def test_a_published_partition_says_what_it_holds_and_from_what(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc")
    manifest = lake.open(DAY, made_by="x")
    assert manifest.rows == 3
    assert manifest.inputs == {"raw": "abc"}
    assert manifest.files["table.txt"].bytes == 3
    assert (manifest.kind, manifest.dataset, manifest.date) == ("features", "shop", "2026-01-05")
    assert lake.days("features", "shop") == (date(2026, 1, 5),)


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    for root in ("one", "two"):
        put(Lake(tmp_path / root), "abc")
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_a_second_write_of_a_day_replaces_the_first_and_leaves_nothing_behind(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    put(lake, "new")
    assert (lake.path(DAY) / "table.txt").read_text() == "new"
    assert [path.name for path in lake.path(DAY).parent.iterdir()] == ["date=2026-01-05"]


def test_is_current_only_for_the_very_same_inputs(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert not lake.is_current(DAY, {"raw": "1"})
    put(lake, "abc", inputs={"raw": "1"})
    assert lake.is_current(DAY, {"raw": "1"})
    assert not lake.is_current(DAY, {"raw": "2"})
    assert not lake.is_current(DAY, {"raw": "1", "sql": "1"})


def test_what_was_damaged_is_not_current_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc", inputs={"raw": "1"})
    assert lake.is_current(DAY, {"raw": "1"})
    assert not caplog.messages
    path = lake.path(DAY) / "table.txt"
    path.write_text("ab")
    assert not lake.is_current(DAY, {"raw": "1"})
    path.unlink()
    assert not lake.is_current(DAY, {"raw": "1"})
    told = f"{DAY} is damaged, and not taken as there: {path}"
    assert caplog.messages == [f"{told} holds 2 of 3 bytes", f"{told} is missing"]


def test_a_body_that_fails_publishes_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    before = everything(tmp_path)

    def half_way() -> None:
        with lake.publish(DAY, inputs={}) as staging:
            (staging.path / "table.txt").write_text("half")
            raise DataError(where="here", found="a bad row", action="mend it")

    with pytest.raises(DataError, match="a bad row"):
        half_way()
    assert everything(tmp_path) == before


def test_what_a_killed_run_left_is_swept_and_never_listed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    orphan = lake.path(DAY).parent / ".staging-date=2026-01-05"
    orphan.mkdir(parents=True)
    (orphan / "half.txt").write_text("half")
    assert lake.days("features", "shop") == ()
    put(lake, "abc")
    assert not orphan.exists()
    assert set(lake.open(DAY, made_by="x").files) == {"table.txt"}


def test_two_runs_on_one_partition_are_told_apart(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.lock(DAY), pytest.raises(LockedError, match=f"process {os.getpid()}") as caught:
        put(lake, "abc")
    assert caught.value.exit_code == 6
    assert lake.manifest(DAY) is None


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from datetime import date\n"
        "from churn.stores.lake import Lake, Partition\n"
        "with Lake(Path(sys.argv[1])).lock(Partition(kind='features', dataset='shop', day=date(2026, 1, 5))):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    put(Lake(tmp_path), "abc")


def test_many_hold_a_lock_shared_and_nobody_holds_it_alone_meanwhile(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with (
        lake.lock(DAY, shared=True),
        lake.lock(DAY, shared=True),
        pytest.raises(LockedError, match=r"process \d+\)"),
    ):
        put(lake, "abc")
    with lake.lock(DAY), pytest.raises(LockedError), lake.lock(DAY, shared=True):
        pass
    put(lake, "abc")


def test_who_waits_for_a_lock_says_for_whom_and_has_it_once_it_is_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    lake, order = Lake(tmp_path), []

    def second() -> None:
        with lake.lock(DAY, wait=True):
            order.append("second")

    with ThreadPoolExecutor() as pool:
        with lake.lock(DAY):
            waiting = pool.submit(second)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
            order.append("first")
        waiting.result(timeout=10)
    assert order == ["first", "second"]
    found = f"{DAY}: another run is at work on it (process {os.getpid()}), and this one waits for its turn"
    assert caplog.messages == [found]


@pytest.mark.parametrize("damage", ["flipped byte", "cut short", "gone"])
def test_a_changed_file_is_refused_with_its_name(tmp_path: Path, damage: str) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc")
    path = lake.path(DAY) / "table.txt"
    if damage == "gone":
        path.unlink()
    else:
        path.write_text({"flipped byte": "abd", "cut short": "ab"}[damage])
    with pytest.raises(DataError, match=r"table\.txt") as caught:
        lake.open(DAY, made_by="python -m churn stage=features")
    assert "stage=features" in caught.value.action


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}', '{"files": {}}', '{"files": {"a": {}}}'])
def test_a_corrupt_manifest_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc")
    (lake.path(DAY) / MANIFEST).write_text(text)
    with pytest.raises(DataError, match=r"_manifest\.json"):
        lake.manifest(DAY)


def test_nothing_published_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run: python -m churn stage=features"):
        Lake(tmp_path).open(DAY, made_by="python -m churn stage=features")


def test_a_full_disk_is_to_be_tried_again_and_loses_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    before = everything(tmp_path)
    with pytest.raises(TryAgainError, match="No space left") as caught, lake.publish(DAY, inputs={}):
        Path("/dev/full").write_text("x")
    assert caught.value.exit_code == 75
    assert everything(tmp_path) == before


def test_a_file_system_that_cannot_exchange_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(one: Path, other: Path) -> None:
        raise OSError(22, "Invalid argument", str(other))

    lake = Lake(tmp_path)
    put(lake, "old")
    monkeypatch.setattr(disk, "_exchange", refuse)
    with pytest.raises(TryAgainError, match="can exchange two folders"):
        put(lake, "new")
    assert (lake.path(DAY) / "table.txt").read_text() == "old"


def test_a_reader_sees_the_old_partition_or_the_new_one_at_any_instant(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "0" * 1000)
    seen: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            # by the file's name, as `Sql` looks: a listing of the day's folder may be of the one that was just replaced
            files = list((tmp_path / "features" / "shop").glob("date=*/table.txt"))
            seen.extend(file.read_text() for file in files)
            assert len(files) == 1

    with watched(read, done):
        for number in range(1, 60):
            put(lake, str(number % 10) * 1000)
    assert seen
    assert all(len(text) == 1000 and len(set(text)) == 1 for text in seen)


def test_a_manifest_holds_no_time_of_day(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc")
    fields = json.loads((lake.path(DAY) / MANIFEST).read_text())
    assert set(fields) == {"kind", "dataset", "date", "code_version", "inputs", "files", "facts"}


def test_a_figure_that_is_no_number_cannot_enter_a_manifest(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"), lake.publish(DAY, inputs={}) as staging:
        staging.facts["auc"] = float("nan")
    assert lake.manifest(DAY) is None


def test_a_fingerprint_tells_values_apart() -> None:
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": 1}) != fingerprint({"b": 1})


# ---------------------------------------------------------------------------------------------------------------------
# Versions


def test_a_replaced_content_is_kept_whole_and_found_by_its_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old", inputs={"raw": "1"})
    old, old_files = lake.open(DAY, made_by="x"), everything(lake.path(DAY))
    put(lake, "new", inputs={"raw": "2"})
    kept = lake.version(DAY, old.content)
    assert kept is not None
    assert everything(kept) == old_files
    assert read_manifest(kept) == old
    assert lake.version_folders("features", "shop") == (kept,)


def test_the_content_that_stands_there_is_its_own_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    put(lake, "new")
    assert lake.version(DAY, content(lake)) == lake.path(DAY)


def test_a_content_that_never_stood_there_has_no_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.version(DAY, "0" * 64) is None
    put(lake, "abc")
    assert lake.version(DAY, "0" * 64) is None


def test_a_version_belongs_to_its_own_kind_dataset_and_day(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    old = content(lake)
    put(lake, "new")
    others = [replace(DAY, kind="predictions"), replace(DAY, dataset="mill"), replace(DAY, day=date(2026, 1, 6))]
    assert [lake.version(other, old) for other in others] == [None] * 3
    assert lake.version_folders("predictions", "shop") == lake.version_folders("features", "mill") == ()


def test_the_same_content_from_other_inputs_keeps_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc", inputs={"raw": "1"})
    put(lake, "abc", inputs={"raw": "2"})
    assert lake.is_current(DAY, {"raw": "2"})
    assert lake.version_folders("features", "shop") == ()


def test_a_day_that_goes_back_and_forth_keeps_each_content_once(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    contents = {}
    for text in ("one", "two", "one", "two", "three"):
        put(lake, text)
        contents[text] = content(lake)
    assert {text: version_text(lake, found) for text, found in contents.items()} == {text: text for text in contents}
    assert versions(lake) == ["one", "two"]


def test_a_version_is_no_published_day(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    put(lake, "new")
    assert lake.days("features", "shop") == (date(2026, 1, 5),)
    assert list((tmp_path / "features").rglob("table.txt")) == [lake.path(DAY) / "table.txt"]


def test_what_has_no_date_keeps_no_version(tmp_path: Path) -> None:
    lake, champion = Lake(tmp_path), Partition(kind="champion", dataset="shop")
    put(lake, "old", partition=champion)
    put(lake, "new", partition=champion)
    assert version_text(lake, content(lake, champion), champion) == "new"
    assert versions(lake) == []


@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_a_damaged_partition_is_replaced_and_not_kept(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    old, path = content(lake), lake.path(DAY) / "table.txt"
    path.write_text("ol") if damage == "cut short" else path.unlink()
    put(lake, "new")
    assert caplog.messages == [f"{DAY} was damaged: what is replaced cannot be kept under versions/"]
    assert version_text(lake, content(lake)) == "new"
    assert lake.version(DAY, old) is None
    put(lake, "old")
    put(lake, "new")
    assert version_text(lake, old) == "old"


def test_a_partition_with_a_changed_byte_is_not_kept_as_what_it_was(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    old = content(lake)
    (lake.path(DAY) / "table.txt").write_text("odd")
    put(lake, "new")
    assert lake.version(DAY, old) is None


def test_a_partition_with_a_corrupt_manifest_stops_before_the_work(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    (lake.path(DAY) / MANIFEST).write_text("{")

    def replace() -> None:
        with lake.publish(DAY, inputs={}):
            pytest.fail("the body ran")

    with pytest.raises(DataError, match="not a manifest"):
        replace()


def test_what_a_run_killed_while_keeping_left_is_swept_and_never_listed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    old = content(lake)
    unborn = tmp_path / "versions" / str(DAY) / f".{old[:16]}"
    unborn.mkdir(parents=True)
    (unborn / "half.txt").write_text("half")
    assert lake.version_folders("features", "shop") == ()
    put(lake, "new")
    assert version_text(lake, old) == "old"
    assert [path.name for path in unborn.parent.iterdir()] == [old[:16]]


def test_a_body_that_fails_keeps_no_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    with pytest.raises(DataError, match="a bad row"), lake.publish(DAY, inputs={}):
        raise DataError(where="here", found="a bad row", action="mend it")
    assert lake.version_folders("features", "shop") == ()


def test_a_disk_that_is_full_while_keeping_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(one: Path, other: Path) -> None:
        raise OSError(28, "No space left on device", str(other))

    lake = Lake(tmp_path)
    put(lake, "old")
    before = everything(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        with pytest.raises(TryAgainError, match="No space left"):
            put(lake, "new")
    assert everything(tmp_path) == before
    put(lake, "new")
    assert versions(lake) == ["old"]


def test_a_reader_finds_a_version_at_any_instant_while_it_is_replaced(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    old, found = content(lake), 0
    done = threading.Event()

    def read() -> None:
        nonlocal found
        while not done.is_set():
            assert lake.version(DAY, old) is not None
            found += 1

    with watched(read, done):
        for number in range(15):
            put(lake, str(number))
            put(lake, "old")
    assert found


def test_a_reader_never_sees_half_a_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "0" * 1000)
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            for folder in lake.version_folders("features", "shop"):
                seen.append(len((folder / "table.txt").read_text()))
                assert read_manifest(folder) is not None

    with watched(read, done):
        for number in range(1, 40):
            put(lake, f"{number:03}" * 400)
    assert set(seen) <= {1000, 1200}
    assert len(lake.version_folders("features", "shop")) == 39


# ---------------------------------------------------------------------------------------------------------------------
# Withdrawing


def test_a_withdrawn_partition_is_gone_whole_and_kept_as_a_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc")
    put(lake, "def", partition=replace(DAY, day=date(2026, 1, 6)))
    lake.withdraw(DAY)
    assert lake.manifest(DAY) is None
    assert [path.name for path in lake.path(DAY).parent.iterdir()] == ["date=2026-01-06"]
    assert versions(lake) == ["abc"]


def test_a_withdrawn_partition_can_be_published_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc")
    lake.withdraw(DAY)
    put(lake, "abc")
    assert version_text(lake, content(lake)) == "abc"


def test_withdrawing_leaves_the_earlier_versions(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    old = content(lake)
    put(lake, "new")
    lake.withdraw(DAY)
    assert version_text(lake, old) == "old"


def test_what_a_killed_deletion_of_a_version_left_is_no_version_and_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    put(lake, "old")
    put(lake, "new")
    (kept,) = lake.version_folders("features", "shop")
    with monkeypatch.context() as patch:
        patch.setattr("churn.stores.removal.shutil.rmtree", lambda *_, **__: None)  # as a kill would have it
        drop(kept)
    assert lake.version_folders("features", "shop") == ()
    assert list(kept.parent.iterdir())
    sweep(lake, "features", "shop")
    assert not list(kept.parent.iterdir())


def test_a_hidden_file_that_is_no_runs_is_not_swept(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "new")
    stray = lake.path(DAY).with_name(".nfs0001")
    stray.touch()
    sweep(lake, "features", "shop")
    assert stray.exists()


def test_what_was_erased_is_still_known_where_the_same_content_is_published_once_more(tmp_path: Path) -> None:
    lake, was = Lake(tmp_path), "ab" * 32
    put(lake, "less")
    then = read_manifest(lake.path(DAY))
    assert then is not None
    write_manifest(replace(then, facts={"erased": {"rows": 1, "runs": ["r"], "was": [was]}}), lake.path(DAY))
    put(lake, "less", inputs={"raw": "mended at its source, too"})
    assert lake.version(DAY, was) == lake.path(DAY)
    put(lake, "other")
    assert lake.version(DAY, was) == lake.kept_at(DAY, then.content)


def test_withdrawing_what_is_not_there_does_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc")
    before = everything(tmp_path)
    lake.withdraw(replace(DAY, day=date(2026, 1, 6)))
    assert everything(tmp_path) == before


def test_a_partition_that_is_being_made_is_not_withdrawn(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "abc")
    with lake.lock(DAY), pytest.raises(LockedError, match=f"process {os.getpid()}"):
        lake.withdraw(DAY)
    assert version_text(lake, content(lake)) == "abc"


def test_a_folder_that_no_run_has_published_is_not_withdrawn(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.path(DAY).mkdir(parents=True)
    (lake.path(DAY) / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="no run has published it"):
        lake.withdraw(DAY)
    assert (lake.path(DAY) / "mine.txt").read_text() == "mine"


def test_a_run_killed_while_withdrawing_leaves_no_half_of_a_partition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path, *, ignore_errors: bool = False) -> None:
        if path.exists():
            (path / "table.txt").unlink()
            raise OSError(5, "Input/output error", str(path))

    lake = Lake(tmp_path)
    put(lake, "abc")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stop)
        with pytest.raises(TryAgainError, match="Input/output error"):
            lake.withdraw(DAY)
    assert lake.days("features", "shop") == ()
    assert not lake.path(DAY).exists()
    put(lake, "def")
    assert [path.name for path in lake.path(DAY).parent.iterdir()] == ["date=2026-01-05"]


# ---------------------------------------------------------------------------------------------------------------------
# Texts


def test_kept_texts_are_read_back_under_their_fingerprint(tmp_path: Path) -> None:
    lake, texts = Lake(tmp_path), {"sql/a.sql": "select 'é'\n", "churn/b.py": ""}
    name = lake.keep_texts(texts)
    assert name == fingerprint(texts)
    assert json.loads(lake.texts_path(name).read_text()) == texts


def test_the_same_texts_are_one_file_whatever_their_order(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    name = lake.keep_texts({"a": "1", "b": "2"})
    written = lake.texts_path(name).stat()
    assert lake.keep_texts({"b": "2", "a": "1"}) == name
    assert list((tmp_path / "code").iterdir()) == [lake.texts_path(name)]
    assert lake.texts_path(name).stat().st_ino == written.st_ino
    assert lake.texts_path(name).stat().st_mtime_ns == written.st_mtime_ns


def test_the_same_texts_are_the_same_bytes_in_every_lake(tmp_path: Path) -> None:
    for root, texts in (("one", {"a": "1", "b": "2"}), ("two", {"b": "2", "a": "1"})):
        Lake(tmp_path / root).keep_texts(texts)
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


@pytest.mark.parametrize("other", [{"a": "2"}, {"b": "1"}, {"a": "1", "b": ""}, {}])
def test_other_texts_are_another_file(tmp_path: Path, other: dict[str, str]) -> None:
    lake = Lake(tmp_path)
    names = {lake.keep_texts({"a": "1"}), lake.keep_texts(other)}
    assert len(names) == 2
    assert {path.stem for path in (tmp_path / "code").iterdir()} == names


def test_texts_on_a_full_disk_are_to_be_tried_again_and_leave_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    lake, texts = Lake(tmp_path), {"a": "1"}
    with monkeypatch.context() as patch:
        patch.setattr(lake_module, "flush", refuse)
        with pytest.raises(TryAgainError, match="No space left"):
            lake.keep_texts(texts)
    assert not lake.texts_path(fingerprint(texts)).exists()
    assert json.loads(lake.texts_path(lake.keep_texts(texts)).read_text()) == texts


def test_a_reader_never_sees_half_of_the_texts(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    done = threading.Event()
    seen = 0

    def read() -> None:
        nonlocal seen
        while not done.is_set():
            for path in (tmp_path / "code").glob("*.json"):
                seen += len(json.loads(path.read_text())["text"]) == 300_000
                path.unlink()

    with watched(read, done):
        for number in range(40):
            lake.keep_texts({"text": str(number % 10) * 300_000, "number": str(number)})
    assert seen


def test_several_processes_keep_the_same_texts_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from churn.stores.lake import Lake\n"
        "for number in range(200): Lake(Path(sys.argv[1])).keep_texts({'text': str(number) * 1000})\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    expected = {fingerprint({"text": str(number) * 1000}) for number in range(200)}
    assert {path.name for path in (tmp_path / "code").iterdir()} == {f"{name}.json" for name in expected}


def test_a_folder_that_is_named_after_no_day_is_refused_by_name(tmp_path: Path) -> None:
    strange = tmp_path / "features" / "subscription" / "date=2025-99-99"
    strange.mkdir(parents=True)
    (strange / MANIFEST).write_text("{}")
    with pytest.raises(DataError) as raised:
        Lake(tmp_path).days("features", "subscription")
    assert raised.value.where == str(strange)
    assert raised.value.action == "rename it, or move it away"
