"""What is installed from a wheel, or from the one file, runs from any folder, and needs no checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from tests.command import FAST, RAW_DAYS, SMALL, TRAINED

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
BUILT = os.environ.get("CHURN_INSTALL")
# one process for them all: Hydra's main ends up in the same place for each
COMMANDS = """
import sys
import churn.__main__, churn.checks.versions as versions
from churn.places import SQL
print(churn.__main__.__file__)
print("sql", *sorted(path.parent.name for path in SQL.glob("*/snapshot.sql")))
for arguments in (["--help"], ["stage=status", "--cfg", "job"], ["stage=schedule"], ["stage=status"]):
    assert churn.__main__.main(arguments) == 0, arguments
print(versions.check_python().found, versions.check_libraries().found)
"""


def ran(command: list[str], folder: Path, **environment: str) -> str:
    """Runs a command in a folder that must not be a checkout, and returns what it printed."""
    inherited = {name: text for name, text in os.environ.items() if name not in {"PYTHONPATH", "CHURN_ROOT"}}
    done = subprocess.run(command, cwd=folder, env=inherited | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def laid_out(tmp_path: Path) -> Path:
    """A folder with the package as a wheel lays it out, by what `pyproject.toml` says of it."""
    told: Mapping[str, Any] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    site = tmp_path / "site"
    for package in told["packages"]:
        shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in told["force-include"].items():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, site / target)
    return site


def test_a_wheel_needs_no_checkout(laid_out: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    text = ran([sys.executable, "-c", COMMANDS], empty, PYTHONPATH=str(laid_out))
    assert text.startswith(str(laid_out / "churn"))
    assert f"the files in {laid_out}/churn/conf explain each" in text
    assert "datasets: online_retail, subscription" in text
    assert "sql online_retail subscription" in text
    assert "status subscription: 0 dates" in text
    assert "unknown" not in text.splitlines()[-1]
    (unit,) = (empty / "lake/schedule").glob("*-nightly.service")
    assert f'ExecStart=":{sys.executable}" "-m" "churn" "stage=nightly"' in unit.read_text()
    assert "PYTHONPATH" not in unit.read_text()


def test_the_units_of_the_one_file_start_it_and_say_where_it_may_be_unpacked(laid_out: Path, tmp_path: Path) -> None:
    (tmp_path / "PEX-INFO").touch()
    code = (
        f"import sys; sys.prefix = {str(tmp_path)!r}; import churn.__main__ as m; sys.exit(m.main(['stage=schedule']))"
    )
    told = ran([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(laid_out), PEX="/opt/churn 2/churn")
    (unit,) = (tmp_path / "lake/schedule").glob("*-nightly.service")
    assert 'ExecStart=":/opt/churn 2/churn" "stage=nightly" "date=auto"' in unit.read_text()
    assert f'Environment="PEX_ROOT={tmp_path}/lake/.pex"' in unit.read_text()
    assert "stage=train dataset=subscription, then stage=promote dataset=subscription" in told


@pytest.mark.parametrize("minor", range(10, 15))
def test_another_python_is_refused_by_its_version(minor: int) -> None:
    code = f"import sys; sys.version_info = (3, {minor}, 1); import churn"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    wanted = f"3.{minor}.1" in SpecifierSet(PROJECT["project"]["requires-python"])
    assert done.returncode == (0 if wanted else 2)
    assert wanted or done.stderr.startswith(f"error: Python 3.{minor}.1: churn takes 3.11 to 3.13\n  do: ")


def test_libraries_that_are_not_there_are_told_with_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-m", "churn", "stage=status"]  # without what is installed
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert re.search(r"No module named '\w+'\n  do: install what requirements.txt pins", done.stderr)


@pytest.mark.slow
@pytest.mark.skipif(BUILT is None, reason="minutes: `just install-check` builds the wheel and the file, and runs it")
@pytest.mark.parametrize("program", ["build/install/bin/churn", "dist/churn"])
def test_a_night_runs_in_an_empty_folder(program: str, tmp_path: Path) -> None:
    churn = [str(Path(BUILT or "") / program)]
    place = {"PEX_ROOT": str(tmp_path / "unpacked")}
    commands = (
        ("stage=simulate", f"date={RAW_DAYS}", *SMALL),
        ("stage=train", f"date={TRAINED}", *FAST),
        ("stage=promote", f"date={TRAINED}"),
        ("stage=nightly", "date=2025-08-20", *FAST),
    )
    for command in commands:
        ran([*churn, *command], tmp_path, **place)
    assert (tmp_path / "lake/predictions/subscription/date=2025-08-20/scores.parquet").exists()
    rebuilt = ran([*churn, "stage=lineage", "date=2025-08-20", "rebuild=true"], tmp_path, **place)
    assert "the same bytes" in rebuilt
    sweep = ("-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "stage=train", "model.num_leaves=7,15")
    assert "2 trials, 2 finished" in ran([*churn, *sweep, f"date={TRAINED}", *FAST, "split.folds=2"], tmp_path, **place)
