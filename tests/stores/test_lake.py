"""A partition is published whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest

from churn.errors import DataError, LockedError, TryAgainError
from churn.stores import lake as lake_module
from churn.stores.lake import MANIFEST, Lake, Partition, fingerprint

DAY = Partition(kind="features", dataset="shop", day=date(2026, 1, 5))


def put(lake: Lake, content: str, *, inputs: dict[str, str] | None = None, partition: Partition = DAY) -> None:
    with lake.publish(partition, inputs=inputs or {"raw": content}) as staging:
        (staging.path / "table.txt").write_text(content)
        staging.rows["table.txt"] = len(content)


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
    monkeypatch.setattr(lake_module, "_exchange", refuse)
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
            files = list((tmp_path / "features" / "shop").glob("date=*/*.txt"))
            seen.extend(file.read_text() for file in files)
            assert len(files) == 1

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 60):
        put(lake, str(number % 10) * 1000)
    done.set()
    reader.join()
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
