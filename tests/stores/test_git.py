"""The commit that the code is from, in checkouts made for the test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from churn.stores.git import commit


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    ran = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of a package in a clean checkout with one commit."""
    folder = tmp_path / "checkout" / "package"
    folder.mkdir(parents=True)
    (folder / "code.py").write_text("one = 1\n")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", "-A")
    git(folder.parent, "commit", "-q", "-m", "one")
    return folder


def test_a_clean_checkout_is_its_commit(package: Path) -> None:
    assert commit(package) == git(package, "rev-parse", "HEAD")


@pytest.mark.parametrize("changed", ["package/code.py", "package/new.py", "conf.yaml"])
def test_a_checkout_that_differs_from_its_commit_is_dirty(package: Path, changed: str) -> None:
    (package.parent / changed).write_text("two = 2\n")
    assert commit(package) == git(package, "rev-parse", "HEAD") + "-dirty"


def test_a_package_that_was_installed_inside_another_checkout_has_no_commit(package: Path) -> None:
    installed = package.parent / ".venv" / "churn"
    installed.mkdir(parents=True)
    (installed / "code.py").write_text("")
    assert commit(installed) is None


def test_a_folder_outside_any_checkout_has_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    assert commit(tmp_path / "missing") is None


def test_without_git_there_is_no_commit(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(package) is None


def test_a_hook_of_another_repository_is_not_taken_for_ours(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(package / "elsewhere"))
    assert commit(package) == git(package, "rev-parse", "HEAD")
