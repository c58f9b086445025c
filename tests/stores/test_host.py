"""What the kernel and systemd say is read as they say it, and silence is no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.stores.host import memory_available, timers


def machine(folder: Path, *, group: str = "") -> tuple[Path, Path]:
    proc, cgroups = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    (proc / "self" / "cgroup").write_text(f"0::/{group}\n")
    return proc, cgroups


def limited(place: Path, *, most: str, used: int, cached: int = 0) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / "memory.max").write_text(f"{most}\n")
    (place / "memory.current").write_text(f"{used}\n")
    (place / "memory.stat").write_text(f"anon 1\nfile {cached}\n")


def test_memory_is_the_machines_where_no_group_limits_it(tmp_path: Path) -> None:
    proc, cgroups = machine(tmp_path)
    assert memory_available(proc, cgroups) == 5_120_000
    limited(cgroups, most="max", used=10)
    assert memory_available(proc, cgroups) == 5_120_000


def test_the_narrowest_group_above_a_process_counts_less_what_it_uses_and_with_what_it_only_cached(
    tmp_path: Path,
) -> None:
    proc, cgroups = machine(tmp_path, group="nights/churn")
    limited(cgroups / "nights", most="1000", used=700, cached=100)
    limited(cgroups / "nights/churn", most="max", used=700)
    assert memory_available(proc, cgroups) == 400
    limited(cgroups / "nights/churn", most="800", used=700)
    assert memory_available(proc, cgroups) == 100


def test_a_kernel_that_does_not_tell_leaves_it_unknown(tmp_path: Path) -> None:
    assert memory_available(tmp_path / "none", tmp_path / "none") is None


def systemctl(folder: Path, text: str) -> None:
    path = folder / "systemctl"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_timers_are_read_of_both_managers_and_unknown_without_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert timers("churn*.timer") is None
    systemctl(tmp_path, '[ "$1" = --user ] && echo "churn-train.timer disabled -" || echo "churn.timer enabled -"')
    assert timers("churn*.timer") == {"churn.timer": "enabled", "churn-train.timer": "disabled"}
    systemctl(tmp_path, "exit 1")  # as it ends where no name matches
    assert timers("churn*.timer") == {}
    systemctl(tmp_path, 'echo "System has not been booted with systemd" >&2; exit 1')
    assert timers("churn*.timer") is None
