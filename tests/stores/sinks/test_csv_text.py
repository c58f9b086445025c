"""What a night becomes as CSV, to the byte."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.errors import SettingsError, TryAgainError
from churn.stores.sinks.csv_text import CsvFile
from tests.stores.sinks.nights import bench, publish

TABLE = pl.DataFrame(
    {
        "customer_id": [1, 2, 3, 4],
        "churn_score": [0.1, 1 / 3, 1e-07, 1.0],
        "score_date": [date(2026, 1, 5)] * 4,
        "segment": ['a "b", c', "two\nlines", "", None],
        "reasons": [["late, twice", "é"], [], None, ["one"]],
    }
)


def delivered(folder: Path, *columns: str, table: pl.DataFrame = TABLE) -> bytes:
    CsvFile(kind="csv", folder=folder, columns=columns).deliver(publish(folder / "lake", table), bench(folder))
    (file,) = (path for path in folder.iterdir() if path.is_file())
    assert file.name == "subscription_2026-01-05.csv"
    return file.read_bytes()


def test_fields_are_as_rfc_4180_has_them_in_the_asked_order(tmp_path: Path) -> None:
    assert delivered(tmp_path, "segment", "customer_id", "score_date", "reasons") == (
        b"segment,customer_id,score_date,reasons\r\n"
        b'"a ""b"", c",1,2026-01-05,"late, twice; \xc3\xa9"\r\n'
        b'"two\nlines",2,2026-01-05,""\r\n'
        b'"",3,2026-01-05,\r\n'
        b",4,2026-01-05,one\r\n"
    )


def test_a_reader_of_csv_gets_every_digit_of_a_score(tmp_path: Path) -> None:
    text = delivered(tmp_path, "customer_id", "churn_score").decode()
    rows = list(csv.DictReader(text.splitlines()))
    assert [float(row["churn_score"]) for row in rows] == TABLE["churn_score"].to_list()


def test_a_night_without_rows_is_a_header(tmp_path: Path) -> None:
    assert delivered(tmp_path, "customer_id", "segment", table=TABLE.clear()) == b"customer_id,segment\r\n"


@pytest.mark.parametrize(("columns", "action"), [((), "at least one"), (("segment", "segment"), "each once")])
def test_columns_are_named_and_each_once(columns: tuple[str, ...], action: str) -> None:
    with pytest.raises(SettingsError, match=action):
        CsvFile(kind="csv", folder=Path("campaigns"), columns=columns)


def test_a_column_that_the_scores_lack_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean 'segment'"):
        delivered(tmp_path, "segments")


def test_a_closed_place_says_try_again_and_leaves_nothing_half(tmp_path: Path) -> None:
    target = tmp_path / "campaigns" / "subscription_2026-01-05.csv"
    target.mkdir(parents=True)  # root may write into every folder, and nobody over a folder
    night, sink = publish(tmp_path / "lake", TABLE), CsvFile(kind="csv", folder=target.parent, columns=("segment",))
    with pytest.raises(TryAgainError, match=r"Is a directory|not empty"):
        sink.deliver(night, bench(tmp_path))
    assert [path.name for path in target.parent.iterdir()] == [target.name]
