"""A training table is looked at before it is trusted; what knows the label is named with exit code 3."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import FAST, TRAINED, churn, done

LEAKCHECK = ("stage=leakcheck", f"date={TRAINED}", *FAST, "stage.limits.shuffles=2")


def test_a_clean_business_is_silent_and_what_came_nearest_is_shown(lake: Path) -> None:
    ran = done(*LEAKCHECK, root=lake)
    assert "leakcheck subscription: 0 suspicions" in ran.out
    assert "nearest (ranks alone beyond belief)" in ran.out
    assert "29 features" in ran.out


def test_sql_that_looks_past_its_date_is_named(lake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sql = tmp_path / "sql" / "subscription"
    sql.mkdir(parents=True)
    for path in (Path(__file__).parents[2] / "sql" / "subscription").glob("*.sql"):
        text = path.read_text()
        if path.name == "snapshot.sql":
            bound = (
                "date >= cast(getvariable('as_of') as date) - 90\n        and date < cast(getvariable('as_of') as date)"
            )
            assert bound in text
            text = text.replace(bound, "date >= cast(getvariable('as_of') as date) - 90")
        (sql / path.name).write_text(text)
    monkeypatch.setattr("churn.doors.SQL", tmp_path / "sql")
    ran = churn(*LEAKCHECK, root=lake)
    assert ran.code == 3
    assert "changes when the day after is added" in ran.out
    assert "sessions_30d" in ran.out
