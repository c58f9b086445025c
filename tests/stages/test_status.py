"""Status is read off manifests alone."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.command import FAST, churn, done


def test_status_shows_which_dates_have_what_and_who_is_champion(lake: Path) -> None:
    done("stage=score", "date=2025-08-20", *FAST, root=lake)
    shutil.rmtree(lake / "mlflow")
    shutil.rmtree(lake / "raw")
    ran = done("stage=status", *FAST, root=lake)
    (champion,) = [line for line in ran.out.splitlines() if "champion" in line]
    assert "version 1, AUC 0." in champion
    assert "on 1,500 rows" in champion
    assert "the sources did not tell" in ran.out
    last = ran.out.rstrip().splitlines()[-1].split()
    assert last == ["2025-08-20", "1,500", "1,500", "1", "-", "-", *["as", "it", "would", "be", "made", "now"]]


def test_an_empty_root_is_no_error(tmp_path: Path) -> None:
    ran = done("stage=status", root=tmp_path)
    assert "none yet" in ran.out


def test_a_corrupt_manifest_is_named(lake: Path) -> None:
    (lake / "features/subscription/date=2025-08-20/_manifest.json").write_text("{")
    ran = churn("stage=status", root=lake)
    assert ran.code == 3
    assert "features/subscription/date=2025-08-20/_manifest.json" in ran.err


def test_only_the_last_dates_are_shown(lake: Path) -> None:
    ran = done("stage=status", "stage.last=1", root=lake)
    assert "the last 1 shown" in ran.out
    assert "2025-08-20" in ran.out
    assert "2025-04-" not in ran.out
