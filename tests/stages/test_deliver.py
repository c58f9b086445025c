"""Scores reach the sinks with the night, or afterwards, and never cost the night itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.command import churn, done
from tests.stores.sinks.nights import FIRST, SECOND, publish, scores

NIGHT = "2025-08-20"
SCORES = f"predictions/subscription/date={NIGHT}/scores.parquet"


def to_csv(folder: Path, columns: str = "[customer_id,churn_score]", *, name: str = "campaign") -> list[str]:
    fields = {"kind": "csv", "folder": folder, "columns": columns}
    return [f"+dataset.sinks.{name}.{field}={text}" for field, text in fields.items()]


def to_duckdb(path: Path) -> list[str]:
    fields = {"kind": "duckdb", "path": path, "table": "scores"}
    return [f"+dataset.sinks.warehouse.{field}={text}" for field, text in fields.items()]


def test_a_scored_night_is_in_its_sinks_and_a_second_run_sends_nothing(lake: Path, tmp_path: Path) -> None:
    sinks = [*to_duckdb(tmp_path / "w.duckdb"), *to_csv(tmp_path)]
    ran = done("stage=score", f"date={NIGHT}", *sinks, root=lake)
    assert "1 night sent" in ran.out
    expected = pl.read_parquet(lake / SCORES, hive_partitioning=False)
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        query = "select * exclude (dataset) from scores order by customer_id"
        assert connection.sql(query).pl().equals(expected.sort("customer_id"))
    assert pl.read_csv(tmp_path / f"subscription_{NIGHT}.csv").equals(expected.select("customer_id", "churn_score"))
    again = done("stage=score", f"date={NIGHT}", *sinks, root=lake)
    assert again.out.count("nothing to send, it has had these nights") == 2


def test_a_night_whose_sink_is_down_is_published_watched_and_sent_again(lake: Path, tmp_path: Path) -> None:
    sinks = [*to_csv(tmp_path / "away"), *to_duckdb(tmp_path / "w.duckdb")]
    ran = churn("stage=nightly", f"date={NIGHT}", *sinks, root=lake)
    assert ran.code == 75
    command = f"python -m churn stage=deliver dataset=subscription date={NIGHT} root={lake}"
    assert f"subscription {NIGHT}: published, and sink campaign has not got it" in ran.err
    assert command in ran.err
    assert command in ran.out
    assert (lake / SCORES).exists()
    assert (lake / f"drift/subscription/date={NIGHT}/drift.parquet").exists()
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        assert connection.execute("select count(*) from scores").fetchall() == [(1500,)]
    status = done("stage=status", *sinks, root=lake)
    every = f"python -m churn stage=deliver dataset=subscription date=auto root={lake}"
    assert f"not delivered  {NIGHT}: {every}" in status.out
    (tmp_path / "away").mkdir()
    sent = done("stage=deliver", f"date={NIGHT}", *sinks, root=lake)
    assert pl.read_csv(tmp_path / "away" / f"subscription_{NIGHT}.csv").height == 1500
    assert "nothing to send" in sent.out


def test_auto_sends_what_a_sink_has_not_had_and_again_sends_all(tmp_path: Path) -> None:
    for day in (FIRST, SECOND):
        publish(tmp_path / "lake", scores(day=day), day=day)
    asked = ("stage=deliver", *to_csv(tmp_path))
    done(*asked, f"date={FIRST}", root=tmp_path / "lake")
    (tmp_path / f"subscription_{FIRST}.csv").unlink()
    assert "deliver subscription: 2026-01-06\n" in done(*asked, "date=auto", root=tmp_path / "lake").out
    assert "deliver subscription: no night\n" in done(*asked, "date=auto", root=tmp_path / "lake").out
    assert not (tmp_path / f"subscription_{FIRST}.csv").exists()
    ran = done(*asked, "date=auto", "stage.again=true", root=tmp_path / "lake")
    assert "2 nights from 2026-01-05 to 2026-01-06" in ran.out
    assert (tmp_path / f"subscription_{FIRST}.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([f"date={FIRST}"], 2, "dataset.sinks is empty"),
        ([f"date={date(2026, 1, 7)}", *to_csv(Path("out"))], 3, "stage=score dataset=subscription date=2026-01-07"),
        (["date=stale", *to_csv(Path("out"))], 2, "is not an ISO date"),
        ([*to_csv(Path("out"))], 2, "say which date"),
        ([f"date={FIRST}", *to_csv(Path("out"), name="a%b")], 2, "dataset.sinks.a%b"),
        ([f"date={FIRST}", *to_csv(Path("out"), "[]")], 2, "at least one column"),
        ([f"date={FIRST}", "+dataset.sinks.w.kind=postgres", "+dataset.sinks.w.table=t"], 2, "dsn_variable"),
        ([f"date={FIRST}", "+dataset.sinks.w.kind=email"], 2, "dataset.sinks.w"),
        ([f"date={FIRST}", "+dataset.sinks.w.kind=s3", "+dataset.sinks.w.path='s3://k:hunter2@b/x'"], 2, "address"),
    ],
)
def test_what_cannot_be_delivered_stops_before_anything_is_sent(
    tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    publish(tmp_path, scores())
    ran = churn("stage=deliver", *arguments, root=tmp_path)
    assert ran.code == code
    assert told in ran.err
    assert "hunter2" not in ran.err
