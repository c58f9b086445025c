"""What training makes of strange tables, from labelled rows to the bundle: a model that scores, or a clear reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from benchmarks.model_quality import settings_of
from churn import datasets
from churn.candidate import Parts, bundle_of, make
from churn.candidate_page import candidate_page
from churn.datasets import subscription
from churn.doors import Doors
from churn.errors import DataError
from churn.features.feature import Feature
from churn.labelled import Labelled
from churn.scoring.predictor import Predictor
from churn.training.bundle import Bundle
from churn.training.split import Part

DATES = tuple(date(2025, 1, 1) + timedelta(days=31 * number) for number in range(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of each date, the first `positives` of which have label 1, and lie apart in the first of the features.

    `dates` are those with positives.
    """

    rows: int
    positives: int
    features: int = 3
    dates: tuple[date, ...] = DATES
    change: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame

    @property
    def names(self) -> list[str]:
        return [f"f{number}" for number in range(self.features)]

    def labelled(self, part: Part) -> Labelled:
        frames = [self._drawn(day) for day in part.dates]
        return Labelled(
            features=pl.concat(frames),
            labels=np.concatenate([self._labels(day) for day in part.dates]),
            customers=np.tile(np.arange(self.rows), len(frames)),
            days=np.repeat(np.array(part.dates, dtype="datetime64[D]"), self.rows),
            inputs={f"labels/{day}": "" for day in part.dates},
            raw_days={},
        )

    def _labels(self, day: date) -> npt.NDArray[np.int64]:
        return (np.arange(self.rows) < self.positives * (day in self.dates)).astype(np.int64)

    def _drawn(self, day: date) -> pl.DataFrame:
        values = np.random.default_rng(day.toordinal()).normal(size=(self.rows, self.features))
        values[: self.positives, 0] += 3
        frame = pl.DataFrame(values, schema=self.names)
        return self.change(frame.with_columns(customer_id=pl.int_range(self.rows, dtype=pl.Int64)))


def trained(table: Table, root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Bundle, str]:
    """Returns the bundle that the stage would register of the table, and its report."""
    declared = tuple(
        Feature(name=name, expr=pl.col(name), dtype="number", unit="", meaning="drawn", nullable=True)
        for name in table.names
    )
    dataset = replace(subscription.DATASET, features=declared)
    monkeypatch.setattr(datasets, "load", lambda _, **__: dataset)
    settings = settings_of("stage=train", f"root={root}", "model.num_iterations=10", "model.min_data_in_leaf=20")
    settings = replace(settings, dataset=replace(settings.dataset, reasons={}))
    split = settings.split.assign(DATES, horizon_days=30)
    parts = Parts(
        split=split,
        train=table.labelled(split.train),
        calibration=table.labelled(split.calibration),
        test=table.labelled(split.test),
    )
    doors = Doors(settings)
    made = make(doors, parts, {})
    return bundle_of(doors, made), candidate_page(doors, made, title="strange", figures={})


def _rows(page: str) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in ET.fromstring(page).iter("tr")]


@pytest.mark.parametrize(
    "table",
    [
        Table(rows=4000, positives=20),
        Table(rows=400, positives=80, change=lambda frame: frame.with_columns(f1=pl.lit(7.0))),
        Table(rows=400, positives=80, change=lambda frame: frame.with_columns(f1=pl.lit(None, dtype=pl.Float64))),
        Table(rows=200, positives=40, features=2000),
    ],
    ids=["half a percent of positives", "a constant feature", "an empty feature", "2,000 features"],
)
@pytest.mark.slow
def test_a_strange_table_trains_and_its_bundle_scores(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, page = trained(table, tmp_path, monkeypatch)
    assert bundle.metrics["auc_test"] > 0.7
    predictor = Predictor(Bundle.from_files(bundle.to_files()), model_version=1, num_threads=1)
    rows = table.labelled(Part(dates=(date(2026, 1, 1),))).features
    scored = predictor.predict(rows, day=date(2026, 1, 1))
    predictor.check(scored)
    assert scored.height == table.rows
    rows_of = {cells[0]: cells[6] for cells in _rows(page) if len(cells) == 8}
    assert {rows_of[name] for name in ("test", "validation: test", "fold 1: test")} == {f"{table.rows:,}"}


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (Table(rows=400, positives=0), "one class only"),
        (Table(rows=1, positives=1), "2 labels, 2 of them 1: one class only"),
        (Table(rows=2, positives=1), "no feature splits the 4 rows"),
        (Table(rows=400, positives=1, dates=DATES[:1]), "400 labels, 0 of them 1: one class only"),
        (
            Table(rows=400, positives=80, features=1, change=lambda frame: frame.with_columns(f0=pl.lit(7.0))),
            "no feature splits the",
        ),
    ],
    ids=["no positive", "one row", "two rows", "one positive in all", "nothing but a constant"],
)
def test_a_table_that_teaches_nothing_is_refused_with_the_reason(
    table: Table, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=reason):
        trained(table, tmp_path, monkeypatch)
