"""A plan tells what a night would do, from the past, and touches nothing."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from churn.errors import ExitCode
from tests.command import FAST, churn, copied, done
from tests.stages.test_doctor import tree

NIGHT = "2025-08-20"


@pytest.fixture(scope="module")
def watched(night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose night was made by stage=nightly; not to be written to."""
    root = copied(night, tmp_path_factory.mktemp("watched") / "lake")
    done("stage=nightly", f"date={NIGHT}", *FAST, root=root)
    return root


@pytest.fixture
def root(watched: Path, tmp_path: Path) -> Path:
    """A copy of `watched` that a test may change."""
    return copied(watched, tmp_path / "lake")


def planned(*arguments: str, root: Path) -> str:
    """Returns what a plan says, after it was seen to leave everything as it stood."""
    before = tree(root)
    out = done("stage=plan", *FAST, *arguments, root=root).out
    assert tree(root) == before
    return out


def rows(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.partition("would")[2].splitlines()[1:]]


def change(root: Path, day: str) -> None:
    path = root / "raw" / "subscription" / f"date={day}" / "payments.parquet"
    pl.read_parquet(path, hive_partitioning=False).with_columns(pl.col("amount_cents") + 1).write_parquet(path)


def test_a_night_that_is_current_is_left_alone_and_no_text_of_its_code_is_kept(root: Path) -> None:
    shutil.rmtree(root / "code")
    out = planned(f"date={NIGHT}", root=root)
    assert "0 of 1 nights to make" in out
    assert rows(out) == [f"{NIGHT} {kind} leave alone current" for kind in ("features", "predictions", "drift")]
    assert "reads   nothing" in out
    assert "writes  nothing" in out


def test_a_night_that_is_not_there_is_told_with_what_past_ones_took(root: Path) -> None:
    out = planned("date=2025-08-19", root=root)
    assert rows(out) == [f"2025-08-19 {kind} make not there" for kind in ("features", "predictions", "drift")]
    assert "predictions: 1 of about 1,500 rows, " in out
    assert "(mean of n = 1 nights)" in out
    assert "0 to be brought from the sources first" in out


def test_what_changed_since_is_named_and_what_follows_from_it_is_made_anew(root: Path) -> None:
    change(root, "2025-08-10")
    for date in (NIGHT, "stale"):
        out = planned(f"date={date}", root=root)
        (features, scores, drift) = [row for row in rows(out) if row.startswith(NIGHT)]
        assert features == f"{NIGHT} features make raw day 2025-08-10 to be brought"
        assert scores == f"{NIGHT} predictions make features made anew"
        assert drift == f"{NIGHT} drift make predictions made anew"
        assert "1 to be brought from the sources first" in out
        assert len(rows(out)) == 3  # no date of the training is among them
    assert planned("date=2025-08-10", "of=features", root=root).count("to be brought") == 1  # 0 of them
    assert "0 to be brought" in planned("date=2025-08-10", "of=features", root=root)


def test_a_stale_date_that_was_never_scored_gets_features_alone(root: Path) -> None:
    change(root, "2025-02-01")
    others = [row.split() for row in rows(planned("date=stale", root=root)) if not row.startswith(NIGHT)]
    assert others
    assert {kind for _, kind, *_ in others} == {"features"}


def test_another_chunk_makes_features_and_scores_anew(root: Path) -> None:
    out = planned(f"date={NIGHT}", "resources.chunk_rows=999", root=root)
    assert f"{NIGHT} features make chunk_rows: changed" in rows(out)
    assert f"{NIGHT} predictions make scores: chunk_rows: changed" in rows(out)


def test_a_file_that_is_gone_is_made_again(root: Path) -> None:
    (root / "predictions" / "subscription" / f"date={NIGHT}" / "scores.parquet").unlink()
    out = planned(f"date={NIGHT}", "of=score", root=root)
    assert rows(out) == [f"{NIGHT} predictions make a file is gone or cut short"]
    assert "features of 1 of 1 nights (1,500 rows, " in out


def test_it_says_of_a_plan_what_the_stage_then_does(root: Path) -> None:
    out = planned("date=2025-08-21", root=root)
    assert "1 of 1 nights to make" in out
    done("stage=nightly", "date=2025-08-21", *FAST, root=root)
    assert "0 of 1 nights to make" in planned("date=2025-08-21", root=root)


def logged(seconds: int, text: str) -> str:
    """Returns a line of a log, so many seconds after 2026-01-07 03:00 UTC, as the machine tells the time."""
    at = datetime(2026, 1, 7, 3, 0, seconds, tzinfo=UTC).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S},000 INFO drift/subscription/date=2026-01-07: {text}\n"


def test_the_time_is_that_of_past_runs_that_published_a_night_and_else_not_known(root: Path) -> None:
    logs = root / "logs"
    logs.mkdir(exist_ok=True)
    for path in logs.iterdir():
        path.unlink()
    assert "not known: no log in logs/ is of a stage=nightly" in planned("date=2025-08-19", root=root)
    idle = logged(9, "already there for the same inputs, nothing to do")
    (logs / "20260107T030000-nightly-1.log").write_text(idle)
    other = logged(50, "1,500 rows").replace("drift/", "features/")
    (logs / "20260107T030000-features-1.log").write_text(other)
    assert "not known" in planned("date=2025-08-19", root=root)
    one, two = (logged(seconds, "pass (0 drifted)") for seconds in (10, 20))
    (logs / "20260107T030000-nightly-1.log").write_text(one)
    (logs / "20260107T030000-nightly-2.log").write_text(one + two)  # two nights in 20 s
    out = planned("date=2025-08-18..2025-08-19", root=root)
    assert "about 20 s, 10.0 s a night (median of n = 2 runs in logs/)" in out


@pytest.mark.parametrize("arguments", [(), ("date=2025-08-20", "of=train")])
def test_a_plan_wants_a_date_and_a_stage_that_has_nights(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert churn("stage=plan", *arguments, root=tmp_path).code == ExitCode.SETTINGS
