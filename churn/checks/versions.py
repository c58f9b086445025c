"""Is what runs here what was pinned and tested?"""

from __future__ import annotations

import platform
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from churn.checks.checked import Checked, fail, ok, warn
from churn.errors import ExitCode
from churn.places import SHIPPED

_PIN = re.compile(r"^([\w.-]+(?:\[[\w,]+\])?==[^\\\n]*)", re.MULTILINE)
_TOLD = 5


def check_python(project: Path = SHIPPED / "pyproject.toml", found: str = platform.python_version()) -> Checked:
    """Returns whether the version of Python is one that `requires-python` of the project's file takes.

    >>> check_python(found="3.10.1").state.value
    'fail'
    """
    from packaging.specifiers import SpecifierSet

    if not project.exists():
        return warn(f"Python {found}; which ones are wanted is unknown: no {project.name} beside the package", "-")
    wanted = tomllib.loads(project.read_text())["project"]["requires-python"]
    if found in SpecifierSet(wanted):
        return ok(f"Python {found}, wanted {wanted}")
    mend = "make .venv anew with a Python of that range, then: .venv/bin/pip install -r requirements.txt"
    return fail(f"Python {found}, wanted {wanted}", mend, ExitCode.SETTINGS)


def check_libraries(requirements: Path = SHIPPED / "requirements.txt") -> Checked:
    """Returns whether every pinned library is installed, in its pinned version."""
    if not requirements.exists():
        return warn(f"unknown: no {requirements.name} beside the package", "compare with the file that it came with")
    pins = dict(_pins(requirements.read_text()))
    here = {name: _installed(name) for name in pins}
    missing = sorted(name for name in pins if here[name] is None)
    other = sorted(f"{name} {here[name]}, pinned {pins[name]}" for name in pins if here[name] not in {None, pins[name]})
    mend = f"python -m pip install -r {requirements}"
    if missing:
        return fail(f"{len(missing)} of {len(pins)} libraries are missing: {_few(missing)}", mend, ExitCode.SETTINGS)
    if other:
        return warn(f"{len(other)} of {len(pins)} libraries are not as they were tested: {_few(other)}", mend)
    return ok(f"all {len(pins)} pinned libraries")


def _pins(text: str) -> Iterator[tuple[str, str]]:
    """Yields name and version of each pin that is meant for this machine."""
    from packaging.requirements import Requirement

    for pin in map(Requirement, _PIN.findall(text)):
        if pin.marker is None or pin.marker.evaluate():
            yield pin.name, str(pin.specifier).removeprefix("==")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return "; ".join(names[:_TOLD]) + more
