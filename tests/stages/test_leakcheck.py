"""A training table is looked at before it is trusted; what knows the label is named with exit code 3."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.model_quality import settings_of
from churn.case import lay_out
from churn.champion import require_champion
from churn.doors import Doors
from tests.command import FAST, TRAINED, churn, done

LEAKCHECK = ("stage=leakcheck", f"date={TRAINED}", *FAST, "stage.num_iterations=60", "stage.limits.shuffles=2")


def test_a_clean_business_is_silent_and_what_came_nearest_is_shown(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = done(*LEAKCHECK, root=lake)
    assert "leakcheck subscription: 0 suspicions" in ran.out
    assert "nearest (ranks alone beyond belief)" in ran.out
    assert "29 features" in ran.out

    doors = Doors(settings_of("stage=promote", f"date={TRAINED}", f"root={lake}"))
    leaks = lay_out(doors, require_champion(doors), champion=None).evidence.leaks
    assert leaks is not None
    assert leaks.settings.startswith("alpha=0.001, auc_gain=0.03, ")
    assert "num_iterations=60, seed=1, shuffles=2" in leaks.settings
    monkeypatch.setattr(Doors, "code", lambda *_: "as it is tomorrow")
    assert lay_out(doors, require_champion(doors), champion=None).evidence.leaks is None


def planted_sql(tmp_path: Path, change: Callable[[str, str], str]) -> Path:
    """Returns a folder like `sql/` with every file of the subscription as `change` makes it of its name and text."""
    sql = tmp_path / "sql" / "subscription"
    sql.mkdir(parents=True)
    for path in (Path(__file__).parents[2] / "sql" / "subscription").glob("*.sql"):
        (sql / path.name).write_text(change(path.name, path.read_text()))
    return tmp_path / "sql"


@pytest.mark.slow
def test_rows_that_are_the_same_on_every_date_are_named(
    lake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def one_date(name: str, text: str) -> str:
        return text if name == "labels.sql" else text.replace("getvariable('as_of')", "'2025-04-11'")

    monkeypatch.setattr("churn.doors.SQL", planted_sql(tmp_path, one_date))
    ran = churn(*LEAKCHECK, "stage.train.dates=2025-04-11..2025-07-11/1mo", root=lake)
    assert ran.code == 3
    assert "shuffled labels are learned" in ran.out
    assert "1,500 of these rows are in the training part" in ran.out


def test_sql_that_looks_past_its_date_is_named(lake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    since = "date >= cast(getvariable('as_of') as date) - 90"
    bound = since + "\n        and date < cast(getvariable('as_of') as date)"

    def unbound(name: str, text: str) -> str:
        assert name != "snapshot.sql" or bound in text
        return text.replace(bound, since) if name == "snapshot.sql" else text

    monkeypatch.setattr("churn.doors.SQL", planted_sql(tmp_path, unbound))
    for kind in ("raw", "tables"):  # the shop was closed on the test date
        shutil.rmtree(lake / kind / "subscription" / "date=2025-07-11")
    ran = churn(*LEAKCHECK, "dataset.max_gap_days=1", root=lake)
    assert ran.code == 3
    assert "changes when later days are added" in ran.out
    assert "sessions_30d" in ran.out
