"""A user's own YAML, SQL and declarations are found from any folder and go in front, where nobody else can put them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from churn.errors import ExitCode, SettingsError
from churn.places import CONF, SQL, beside, own_conf
from tests.command import churn, done

DECLARATION = """
from dataclasses import replace

from churn.datasets import subscription

DATASET = replace(subscription.DATASET, name="mine")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a dataset of the user's own in `conf/`, `sql/` and `datasets/`."""
    monkeypatch.chdir(tmp_path)
    for folder in ("conf/dataset", "datasets"):
        (tmp_path / folder).mkdir(parents=True, mode=0o755)
    text = (CONF / "dataset" / "subscription.yaml").read_text()
    (tmp_path / "conf/dataset/mine.yaml").write_text(text.replace("name: subscription", "name: mine"))
    (tmp_path / "datasets" / "mine.py").write_text(DECLARATION)
    shutil.copytree(SQL / "subscription", tmp_path / "sql" / "mine")
    return tmp_path


def test_a_dataset_of_ones_own_is_found_in_the_working_directory_and_by_the_flag(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project / "lake"
    assert re.search(r"^datasets: .*\bmine\b", churn("--help", root=root).out, re.MULTILINE)
    assert "status mine: 0 dates" in done("stage=status", "dataset=mine", root=root).out
    monkeypatch.chdir(root.parent.parent)
    assert churn("stage=status", "dataset=mine", root=root).code == ExitCode.SETTINGS
    flag = ("--config-dir", str(project / "conf"))
    assert "status mine: 0 dates" in done("stage=status", *flag, "dataset=mine", root=root).out
    assert re.search(r"^datasets: .*\bmine\b", churn("--help", *flag, root=root).out, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "found"),
    [("DATASET = {}", "TypeError: DATASET is a dict"), ("raise SystemExit(0)", "SystemExit: 0 (line 1)")],
)
def test_a_module_that_declares_no_dataset_or_ends_the_program_is_named(
    text: str, found: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "churn.datasets.mine", raising=False)
    (project / "datasets" / "mine.py").write_text(text)
    ran = churn("stage=status", "dataset=mine", root=project / "lake")
    assert ran.code == ExitCode.SETTINGS
    assert f"datasets/mine.py: {found}" in ran.err


@pytest.mark.parametrize("arguments", [("stage=status",), ("stage=plan", "date=2026-01-05", "dataset=mine")], ids=str)
def test_yaml_that_is_no_utf_8_is_named(arguments: tuple[str, ...], project: Path) -> None:
    (project / "conf/stage").mkdir()
    (project / "conf/stage/status.yaml").write_bytes(b"# M\xfcller\nname: status\n")
    (project / "conf/dataset/mine.yaml").write_bytes(b"# M\xfcller\nname: mine\n")
    ran = churn(*arguments, root=project / "lake")
    named = "conf/stage/status.yaml" if arguments == ("stage=status",) else "conf/dataset/mine.yaml"
    assert (ran.code, "Traceback" in ran.err) == (ExitCode.SETTINGS, False)
    assert f"{named}: byte 3 is no UTF-8" in ran.err


def test_every_trial_of_a_sweep_finds_it(project: Path) -> None:
    ran = done("-m", "stage=status", "dataset=mine,subscription", root=project / "lake")
    assert re.findall(r"status (\w+): 0 dates", ran.out) == ["mine", "subscription"]


def test_a_file_of_ones_own_goes_before_ours_of_the_same_name(project: Path) -> None:
    ours = (CONF / "dataset" / "subscription.yaml").read_text()
    assert re.search("^max_gap_days: ", ours, re.MULTILINE)
    own = re.sub("^max_gap_days: .*$", "max_gap_days: 77", ours, flags=re.MULTILINE)
    (project / "conf/dataset/subscription.yaml").write_text(own)
    assert "max_gap_days: 77" in done("stage=status", "--cfg", "job", root=project / "lake").out


def test_settings_of_a_stage_under_a_name_of_ones_own_are_told_and_may_be_set_in_short(project: Path) -> None:
    (project / "conf/stage").mkdir()
    (project / "conf/stage/look.yaml").write_text((CONF / "stage" / "status.yaml").read_text())
    root = project / "lake"
    assert "  look       Settings of your own: conf/stage/look.yaml." in churn("--help", root=root).out
    assert "the last 0 shown" in done("stage=look", "last=4", root=root).out
    assert "did you mean 'look'?" in churn("stage=loo", root=root).err


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("torn", "DATASET = 1 /\n", r"SyntaxError: .*\(line 1\)"),
        ("lone", "import nowhere_to_be_found\n", r"ModuleNotFoundError: .*nowhere_to_be_found.*\(line 1\)"),
        ("raising", "\nx = 1 / 0\n", r"ZeroDivisionError: division by zero \(line 2\)"),
        ("silent", "OTHER = 3\n", "AttributeError: .*DATASET.*"),
    ],
)
def test_a_module_that_does_not_declare_a_dataset_is_told_with_its_line(
    project: Path, name: str, text: str, found: str
) -> None:
    path = project / "datasets" / f"{name}.py"
    path.write_text(text)
    own = (project / "conf/dataset/mine.yaml").read_text().replace("name: mine", f"name: {name}")
    (project / f"conf/dataset/{name}.yaml").write_text(own)
    ran = churn("stage=status", f"dataset={name}", root=project / "lake")
    assert ran.code == ExitCode.SETTINGS, ran.err
    assert re.search(f"^error: {re.escape(str(path))}: {found}\n  do: mend the module", ran.err, re.MULTILINE), ran.err


def given_away(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a folder another user's than whoever runs the test."""
    if os.geteuid() == 0:
        os.chown(folder, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)


def test_yaml_that_anybody_or_somebody_else_may_have_put_there_is_taken_where_it_is_named_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf, root = project / "conf", project / "lake"
    conf.chmod(0o777)
    ran = churn("stage=status", root=root)
    assert (ran.code, f"error: {conf}: anybody may write in it" in ran.err) == (ExitCode.SETTINGS, True)
    assert f"--config-dir {conf}" in ran.err
    conf.chmod(0o755)
    given_away(conf, monkeypatch)
    assert f"error: {conf}: it is of another user" in churn("stage=status", root=root).err
    done("stage=status", "--config-dir", str(conf), "dataset=mine", root=root)


@pytest.mark.parametrize("name", ["datasets", "sql"])
def test_code_that_anybody_may_have_put_beside_the_yaml_is_not_run(
    project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert beside(project / "conf", name) == project / name
    (project / name).chmod(0o777)
    with pytest.raises(SettingsError, match="anybody may write in it"):
        beside(project / "conf", name)
    (project / name).chmod(0o755)
    given_away(project / name, monkeypatch)
    with pytest.raises(SettingsError, match="it is of another user"):
        beside(project / "conf", name)


def test_a_module_beside_the_yaml_that_anybody_may_have_put_there_is_not_run(project: Path) -> None:
    (project / "datasets").chmod(0o777)
    ran = churn("stage=status", "--config-dir", str(project / "conf"), "dataset=mine", root=project / "lake")
    assert (ran.code, f"error: {project}/datasets: anybody may write in it" in ran.err) == (ExitCode.SETTINGS, True)


def test_ours_is_nobodys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONF.parent)
    assert own_conf(["stage=status"]) is None
    assert own_conf(["--config-dir", str(CONF)]) is None
    assert own_conf(["--config-dir=tests", "stage=status"]) == CONF.parent / "tests"


def test_a_folder_that_is_named_and_not_there_stops_the_run(project: Path) -> None:
    ran = churn("stage=status", "--config-dir", "nowhere", root=project / "lake")
    assert (ran.code, "error: --config-dir nowhere: no such folder" in ran.err) == (ExitCode.SETTINGS, True)
