"""What does this machine have left, and who starts a run on it?

Asked of the kernel and of systemd; what does not answer is None, and never 0.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

_SECONDS = 10
_NO_LIMIT = 1 << 60


def memory_available(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Returns the bytes that a new process may take: of the machine, or of this process's control group where less.

    None where the kernel does not tell.
    """
    found = [_of_machine(proc), _of_group(proc, cgroups)]
    return min((number for number in found if number is not None), default=None)


def memory_peak(proc: Path = Path("/proc")) -> int | None:
    """Returns the most bytes that this process has held in memory; None where the kernel does not tell.

    `getrusage` would count what the program was that started it.
    """
    lines = [line for line in _text(proc / "self/status").splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else None


def _of_machine(proc: Path) -> int | None:
    for line in _text(proc / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _of_group(proc: Path, cgroups: Path) -> int | None:
    """Returns what the narrowest group above this process leaves; a group's cached files can be given back."""
    own = next((line[3:] for line in _text(proc / "self/cgroup").splitlines() if line.startswith("0::")), None)
    if own is None:
        return None
    folder = cgroups / own.strip("/")
    left = [_left(place) for place in (folder, *folder.parents) if place.is_relative_to(cgroups)]
    return min((number for number in left if number is not None), default=None)


def _left(folder: Path) -> int | None:
    limit, used = _text(folder / "memory.max").strip(), _text(folder / "memory.current").strip()
    if not (limit.isdigit() and used.isdigit()) or int(limit) >= _NO_LIMIT:
        return None
    cached = [line.split()[1] for line in _text(folder / "memory.stat").splitlines() if line.startswith("file ")]
    return int(limit) - int(used) + int(cached[0] if cached else 0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def timers(pattern: str) -> dict[str, str] | None:
    """Returns the state (enabled, disabled, …) of the systemd timers whose names match, the user's own too.

    None where there is no systemd, or it does not answer.
    """
    found = [_timers(pattern, scope) for scope in ((), ("--user",))]
    answered = [names for names in found if names is not None]
    return {name: state for names in answered for name, state in names.items()} if answered else None


def _timers(pattern: str, scope: tuple[str, ...]) -> dict[str, str] | None:
    command = ["systemctl", *scope, "list-unit-files", "--type=timer", "--no-legend", "--no-pager", "--", pattern]
    try:
        ran = subprocess.run(  # noqa: S603 - a fixed command, and a pattern from the user's own settings
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ran.stderr.strip():  # such as: it has not been booted with
        return None
    lines = [line.split() for line in ran.stdout.splitlines()]
    return {words[0]: words[1] for words in lines if len(words) > 1}
