"""A Python or a library that is not the one that was tested is told."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from churn.checks.checked import State
from churn.checks.versions import check_libraries, check_python
from churn.errors import ExitCode


@pytest.mark.parametrize(
    ("found", "state"), [("3.11.0", "ok"), ("3.13.9", "ok"), ("3.14.0", "fail"), ("3.10.9", "fail")]
)
def test_a_python_outside_of_what_the_project_takes_fails(tmp_path: Path, found: str, state: str) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nrequires-python = ">=3.11,<3.14"\n')
    checked = check_python(project, found)
    assert (checked.state, found in checked.found) == (state, True)
    assert (checked.code is ExitCode.SETTINGS) == (state == "fail")


def test_without_the_projects_file_it_is_unknown_and_not_ok(tmp_path: Path) -> None:
    assert check_python(tmp_path / "pyproject.toml").state is State.WARN
    assert check_libraries(tmp_path / "requirements.txt").state is State.WARN


def pinned(folder: Path, *pins: str) -> Path:
    path = folder / "requirements.txt"
    path.write_text("".join(f"{pin} \\\n    --hash=sha256:00\n" for pin in pins))
    return path


def test_libraries_that_are_missing_fail_and_other_versions_are_told_with_both(tmp_path: Path) -> None:
    here = metadata.version("polars")
    assert check_libraries(pinned(tmp_path, f"polars=={here}")).found == "all 1 pinned libraries"
    other = check_libraries(pinned(tmp_path, f"polars=={here}", "pandera[polars]==0.0.1"))
    assert other.state is State.WARN
    assert (
        f"1 of 2 libraries are not as they were tested: pandera {metadata.version('pandera')}, pinned 0.0.1"
        in other.found
    )
    missing = check_libraries(pinned(tmp_path, f"polars=={here}", "no-such-library==1.0"))
    assert (missing.state, missing.code) == (State.FAIL, ExitCode.SETTINGS)
    assert "no-such-library" in missing.found
    assert "pip install -r" in missing.mend


def test_a_pin_for_another_machine_is_not_wanted_here(tmp_path: Path) -> None:
    pins = ("no-such-library==1.0 ; sys_platform == 'win32'", f"polars=={metadata.version('polars')}")
    assert check_libraries(pinned(tmp_path, *pins)).found == "all 1 pinned libraries"


def test_what_is_pinned_is_read_to_the_last(tmp_path: Path) -> None:
    assert check_libraries().found.startswith("all ")  # of this environment
    count = int(check_libraries().found.split()[1])
    assert count > 50
