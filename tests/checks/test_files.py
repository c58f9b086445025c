"""What others may write or read, and a secret in a file, is told; the secret itself is not."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from churn.checks import files
from churn.checks.checked import Checked, State
from churn.checks.files import Entry, check_modes, check_partitions, check_root, check_secrets
from churn.errors import ExitCode
from churn.stores.lake import MANIFEST, Lake, Partition

USER = os.geteuid()
SECRET = "hunter2/hunter2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "lake"
    (root / "logs").mkdir(parents=True)
    (root / "logs" / "a.log").write_text("a night\n")
    for place, mode in ((root, 0o750), (root / "logs", 0o700), (root / "logs" / "a.log", 0o640)):
        place.chmod(mode)
    return root


def rooted(root: Path, user: int = USER) -> Checked:
    return check_root(root, user, sources=root / "raw")


def test_a_root_of_this_users_and_one_that_can_be_made_are_fine(root: Path) -> None:
    assert rooted(root).found == "all 3 files and folders are this user's, who may write there"
    assert rooted(root / "none" / "yet").state is State.OK


def test_a_folder_that_cannot_be_written_in_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if USER == 0:  # whom no mode keeps out
        monkeypatch.setattr(os, "access", lambda path, *_, **__: Path(path).stat().st_mode & 0o200 != 0)
    (root / "logs").chmod(0o500)
    checked = rooted(root)
    assert (checked.state, checked.code) == (State.FAIL, ExitCode.TRY_AGAIN)
    assert f"1 of 3 files and folders cannot be written in: {root}/logs (0500)" in checked.found
    root.chmod(0o500)
    assert rooted(root / "unborn").code is ExitCode.TRY_AGAIN
    (root / "logs").chmod(0o700)
    root.chmod(0o700)


def test_what_feeds_bring_is_only_read_and_a_root_may_be_a_link(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "raw").mkdir()
    (root / "raw").chmod(0o500)
    monkeypatch.setattr(os, "access", lambda path, *_, **__: Path(path).stat().st_mode & 0o200 != 0)
    assert rooted(root).state is State.OK
    link = root.parent / "link"
    link.symlink_to(root)
    assert rooted(link).found == rooted(root).found
    (root / "logs").chmod(0o500)
    assert rooted(link).state is State.FAIL


def test_another_users_root_and_another_users_files_in_it_are_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = rooted(root, USER + 1)
    assert (checked.state, f"user {USER}, and this is user {USER + 1}" in checked.found) == (
        State.WARN,
        True,
    )
    found = list(files.entries(root))
    strange = Entry(path=root / "logs/b.log", mode=0o640, owner=USER + 7, is_folder=False, writable=True)
    monkeypatch.setattr(files, "entries", lambda _: [*found, strange])
    checked = rooted(root)
    assert (checked.state, checked.mend) == (State.WARN, f"chown -R {USER} {root}")
    assert "1 of 4 files and folders belong to another user" in checked.found


@pytest.mark.parametrize(
    ("name", "mode", "state"),
    [
        ("logs/a.log", 0o600, State.OK),
        ("logs/a.log", 0o644, State.WARN),
        ("logs/a.log", 0o660, State.WARN),
        ("logs/a.log", 0o646, State.FAIL),
        ("logs", 0o750, State.OK),
        ("logs", 0o755, State.WARN),
        ("logs", 0o770, State.WARN),
        (".", 0o757, State.FAIL),
    ],
)
def test_modes_that_are_wider_are_told_and_what_anybody_may_change_fails(
    root: Path, name: str, mode: int, state: State
) -> None:
    (root / name).chmod(mode)
    checked = check_modes(root, shown=root / "schedule")
    assert checked.state is state
    assert (f"({mode:04o})" in checked.found) == (state is not State.OK)


def test_a_schedule_may_be_read_by_others_and_changed_by_none(root: Path) -> None:
    (root / "schedule").mkdir()
    (root / "schedule" / "a.timer").write_text("")
    for place, mode in (("schedule", 0o755), ("schedule/a.timer", 0o644)):
        (root / place).chmod(mode)
    assert check_modes(root, shown=root / "schedule").state is State.OK
    (root / "schedule" / "a.timer").chmod(0o646)
    assert check_modes(root, shown=root / "schedule").state is State.FAIL


def test_a_folder_without_a_manifest_that_can_be_read_is_told(tmp_path: Path) -> None:
    lake, kinds = Lake(tmp_path), ("features", "predictions")
    for kind in kinds:
        with lake.publish(Partition(kind=kind, dataset="shop", day=date(2026, 1, 5)), inputs={}):
            pass
    checked = check_partitions(lake, "shop", kinds=kinds)
    assert (checked.state, checked.found) == (State.OK, "all 2 folders of partitions have their manifest")
    path = tmp_path / "features" / "shop" / "date=2026-01-05" / MANIFEST
    for damage in (lambda: path.write_text("{"), path.unlink):
        damage()
        checked = check_partitions(lake, "shop", kinds=kinds)
        assert (checked.state, checked.code) == (State.FAIL, ExitCode.DATA)
        assert checked.found.startswith("1 of 2 folders ")
        assert checked.found.endswith(str(path.parent))


def test_what_it_says_mends_the_modes(root: Path) -> None:
    (root / "logs" / "a.log").chmod(0o777)
    (root / "logs").chmod(0o777)
    assert os.system(check_modes(root, shown=root / "schedule").mend) == 0
    assert check_modes(root, shown=root / "schedule").state is State.OK


def looked(root: Path, **environment: str) -> Checked:
    return check_secrets(root, beside=root.parent, environment=environment)


@pytest.mark.parametrize(
    "place",
    [
        *("lake/logs/x.log", "lake/mlflow/mlflow.db", "lake/mlflow/artifacts/1/settings.json"),
        *("lake/features/subscription/date=2026-01-05/_manifest.json", "outputs/2026/.hydra/overrides.yaml"),
        *(".hydra/config.yaml", "multirun/1/0/.hydra/hydra.yaml", "lake/.hydra/config.yaml"),
    ],
)
@pytest.mark.parametrize("spelling", [SECRET, "hunter2%2Fhunter2"])
def test_a_secret_that_a_file_holds_is_named_by_its_variable_and_never_by_its_value(
    root: Path, place: str, spelling: str
) -> None:
    path = root.parent / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"uri: postgres://u:{spelling}@host\n")
    checked = looked(root, PGPASSWORD=SECRET)
    assert (checked.state, checked.code) == (State.FAIL, ExitCode.SETTINGS)
    assert f"PGPASSWORD in {path}" in checked.found
    assert "hunter2" not in checked.found + checked.mend


def test_what_is_no_secret_is_not_looked_for(root: Path) -> None:
    (root / "logs" / "a.log").write_text(f"{SECRET} {root} true 12345678")
    checked = looked(root, PGHOST=SECRET, TLS_KEY=str(root), PWD="12345678", USE_TOKEN="true")
    assert checked.state is State.OK
    assert checked.found == "1 files hold none of the secrets of 0 variables; 1 too short to look for"
    assert looked(root, PGPASSWORD="another one").state is State.OK
    assert looked(root, WAREHOUSE=f"postgresql://me:{SECRET}@host/db").found.startswith("the value of WAREHOUSE in ")


def test_rows_are_not_searched(root: Path) -> None:
    (root / "rows.parquet").write_text(SECRET)
    assert looked(root, PGPASSWORD=SECRET).state is State.OK
