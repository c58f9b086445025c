"""Before anybody was promoted there is a history, too: an empty one."""

from __future__ import annotations

from pathlib import Path

from tests.command import done


def test_a_root_without_a_registry_has_an_empty_history(tmp_path: Path) -> None:
    ran = done("stage=history", root=tmp_path / "lake")
    assert "0 decisions" in ran.out
    assert "none yet" in ran.out


def test_the_first_promotion_is_told_with_who_and_why(business: Path) -> None:
    last = done("stage=history", root=business).out.splitlines()[-1]
    assert " promoted " in last
    assert " 2025-08-10 to now " in last
    assert "every gate passes" in last or "warn" in last
