"""What every sink promises: a night is there once and whole, whatever happened before."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn.errors import DataError, TryAgainError
from churn.stores.sinks.duckdb_file import DuckdbTable
from churn.stores.sinks.postgres import PostgresTable
from churn.stores.sinks.s3 import S3Folder
from tests.stores.sinks.nights import FIRST, SECOND, bench, courier, publish, scores
from tests.stores.sinks.places import Place


def deliver(place: Place, root: Path, table: pl.DataFrame) -> None:
    """Delivers a night without a receipt, so that nothing but the sink itself keeps it from being there twice."""
    day = SECOND if SECOND in table["score_date"] else FIRST
    place.sink.deliver(publish(root, table, day=day), bench(root))


def test_a_night_arrives_whole_and_a_second_time_changes_nothing(place: Place, tmp_path: Path) -> None:
    for _ in range(2):
        deliver(place, tmp_path, scores())
        assert place.held() == scores().rows()


def test_a_changed_night_takes_the_place_of_the_first_and_other_nights_stay(place: Place, tmp_path: Path) -> None:
    deliver(place, tmp_path, scores())
    deliver(place, tmp_path, scores(day=SECOND))
    deliver(place, tmp_path, scores(version=2, rows=130))
    assert place.held() == scores(version=2, rows=130).rows() + scores(day=SECOND).rows()


def test_a_night_without_rows_empties_what_was_there(place: Place, tmp_path: Path) -> None:
    deliver(place, tmp_path, scores(rows=0))
    assert place.held() == []
    deliver(place, tmp_path, scores())
    deliver(place, tmp_path, scores(rows=0))
    assert place.held() == []


def test_a_place_that_is_away_says_try_again_and_gets_the_night_later(place: Place, tmp_path: Path) -> None:
    night = publish(tmp_path, scores())
    deliver(place, tmp_path, scores(version=2))
    with place.down(), pytest.raises(TryAgainError):
        place.sink.deliver(night, bench(tmp_path))
    assert place.held() == scores(version=2).rows()
    night = publish(tmp_path, scores())
    place.sink.deliver(night, bench(tmp_path))
    assert place.held() == scores().rows()


def test_a_night_that_breaks_off_half_way_leaves_what_was_there(place: Place, tmp_path: Path) -> None:
    if isinstance(place.sink, S3Folder):
        pytest.skip("it takes the bytes as they are; the lake has looked at them before")
    deliver(place, tmp_path, scores())
    night = publish(tmp_path, scores(version=2))
    content = night.file.read_bytes()
    middle = len(content) // 2
    night.file.unlink()  # what is kept under versions/ is the same file
    night.file.write_bytes(content[:middle] + bytes(200) + content[middle + 200 :])
    with pytest.raises(Exception, match=r"\w"):  # whichever library finds it
        place.sink.deliver(night, bench(tmp_path))
    assert place.held() == scores().rows()


def test_what_a_sink_has_had_is_not_sent_again_unless_asked(place: Place, tmp_path: Path) -> None:
    publish(tmp_path, scores())
    first = courier(tmp_path, out=place.sink)
    assert first.due([FIRST, SECOND]) == (FIRST,)
    first.bring(FIRST)
    assert first.due([FIRST]) == ()
    assert courier(tmp_path, again=True, out=place.sink).due([FIRST]) == (FIRST,)
    publish(tmp_path, scores(version=2))
    assert first.due([FIRST]) == (FIRST,)


def test_bands_are_refused_by_a_table_without_them_and_arrive_in_a_folder(place: Place, tmp_path: Path) -> None:
    deliver(place, tmp_path, scores())
    more = scores(version=2).with_columns(pl.col("churn_score").alias(f"churn_score_{end}") for end in ("low", "high"))
    if isinstance(place.sink, DuckdbTable | PostgresTable):
        with pytest.raises(DataError, match=r"no column churn_score_low .*no column churn_score_high") as refused:
            deliver(place, tmp_path, more)
        assert "alter the table, or name another one" in refused.value.action
        assert place.held() == scores().rows()
    else:
        deliver(place, tmp_path, more)
        held = more if isinstance(place.sink, S3Folder) else scores(version=2)  # a file of CSV has what it names
        assert place.held() == held.rows()
