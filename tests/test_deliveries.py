"""A sink that fails costs nobody else anything, and every sink gets every night in the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn.deliveries import Courier
from churn.errors import DataError, ExitCode
from churn.reports.outcome import Outcome
from churn.stores.sinks.csv_text import CsvFile
from tests.stores.sinks.nights import FIRST, NAME, SECOND, courier, publish, scores


def sink(folder: Path, *columns: str) -> CsvFile:
    return CsvFile(kind="csv", folder=folder, columns=columns or ("customer_id", "churn_score"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A lake with two nights, and a folder `out`."""
    root = tmp_path / "lake"
    publish(root, scores())
    publish(root, scores(day=SECOND), day=SECOND)
    (tmp_path / "out").mkdir()
    return root


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_sink_that_fails_keeps_no_other_from_its_nights_and_is_left_alone_for_the_run(
    root: Path, tmp_path: Path
) -> None:
    went = courier(root, away=sink(tmp_path / "away"), out=sink(tmp_path / "out"))
    for day in (FIRST, SECOND):
        went.bring(day)
    assert there(tmp_path / "out") == [f"{NAME}_{FIRST}.csv", f"{NAME}_{SECOND}.csv"]
    told = went.told(Outcome(headline="x", code=ExitCode.DRIFT_ALARM))
    assert told.code is ExitCode.TRY_AGAIN
    assert told.figures["sink out"] == "2 nights sent"
    assert told.figures["sink away"].startswith("0 nights sent, 2026-01-05 and 1 more night not: ")
    assert "python -m churn stage=deliver dataset=subscription date=auto" in told.figures["sink away"]
    (tmp_path / "away").mkdir()
    again = courier(root, away=sink(tmp_path / "away"), out=sink(tmp_path / "out"))
    assert again.due([FIRST, SECOND]) == (FIRST, SECOND)
    for day in (FIRST, SECOND):
        again.bring(day)
    assert there(tmp_path / "away") == there(tmp_path / "out")
    assert again.told(Outcome(headline="x")).figures["sink out"] == "nothing to send, it has had these nights"


def test_the_gravest_error_of_the_sinks_is_the_exit_code(root: Path, tmp_path: Path) -> None:
    went = courier(root, away=sink(tmp_path / "away"), wrong=sink(tmp_path / "out", "no_such_column"))
    went.bring(FIRST)
    assert went.told(Outcome(headline="x")).code is ExitCode.SETTINGS


def test_a_receipt_says_what_went_where_and_when(root: Path, tmp_path: Path) -> None:
    courier(root, out=sink(tmp_path / "out")).bring(FIRST)
    receipt = json.loads((root / f"deliveries/{NAME}/date={FIRST}/out.json").read_text())
    columns = ["customer_id", "churn_score"]
    assert receipt.pop("content") == publish(root, scores()).manifest.content
    assert receipt == {
        "rows": 250,
        "run": "20260105T040000-deliver-1",
        "sink": {"kind": "csv", "folder": str(tmp_path / "out"), "columns": columns},
    }


@pytest.mark.parametrize("content", ["", "{", "[]", '{"content": 1}'])
def test_a_damaged_receipt_costs_a_delivery(root: Path, tmp_path: Path, content: str) -> None:
    went = courier(root, out=sink(tmp_path / "out"))
    went.bring(FIRST)
    (root / f"deliveries/{NAME}/date={FIRST}/out.json").write_text(content)
    assert went.due([FIRST]) == (FIRST,)
    went.bring(FIRST)
    assert went.due([FIRST]) == ()


def test_a_night_that_gets_its_older_content_back_is_sent_after_a_delivery_that_died(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    went = courier(root, out=sink(tmp_path / "out"))
    went.bring(FIRST)
    older = (tmp_path / "out" / f"{NAME}_{FIRST}.csv").read_bytes()
    publish(root, scores(version=2))
    with monkeypatch.context() as dying:
        dying.setattr(Courier, "_note", interrupted)
        with pytest.raises(KeyboardInterrupt):
            went.bring(FIRST)
    assert (tmp_path / "out" / f"{NAME}_{FIRST}.csv").read_bytes() != older
    publish(root, scores())
    went.bring(FIRST)
    assert (tmp_path / "out" / f"{NAME}_{FIRST}.csv").read_bytes() == older


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_another_place_under_the_same_name_has_had_nothing(root: Path, tmp_path: Path) -> None:
    courier(root, out=sink(tmp_path / "out")).bring(FIRST)
    assert courier(root, out=sink(tmp_path / "out", "segment")).due([FIRST]) == (FIRST,)


def test_a_night_that_is_not_published_or_was_changed_is_not_sent(root: Path, tmp_path: Path) -> None:
    went = courier(root, out=sink(tmp_path / "out"))
    with pytest.raises(DataError, match="stage=score"):
        went.bring(FIRST.replace(year=2025))
    file = root / f"predictions/{NAME}/date={FIRST}/scores.parquet"
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="not the bytes"):
        went.bring(FIRST)
    assert there(tmp_path / "out") == []


def test_without_sinks_nothing_is_read_or_told(root: Path) -> None:
    went, outcome = courier(root), Outcome(headline="x")
    went.bring(FIRST.replace(year=2025))
    assert went.told(outcome) == outcome
    assert went.due([FIRST]) == ()
