"""The tables that models are measured on are those that others published; nights without drift have none."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drift_alarms import COLUMNS, in_a_row
from benchmarks.drift_nights import nights
from benchmarks.flat_tables import DATA, FLAT_TABLES

ROWS = {"UCI default": 30_000, "Give Me Some Credit": 150_000, "Telco": 7_043}


@pytest.mark.skipif(not DATA.exists(), reason="the published tables are not here: set CHURN_DATA")
@pytest.mark.parametrize("name", FLAT_TABLES)
def test_a_published_table_is_read_whole_and_its_folds_are_about_as_large(name: str) -> None:
    table = FLAT_TABLES[name]()
    assert table.matrix.shape == (ROWS[name], len(table.encoding.features))
    assert 0.05 < table.labels.mean() < 0.3
    assert set(table.labels.tolist()) == {0.0, 1.0}
    shares = [(table.fold == fold).mean() for fold in range(5)]
    assert shares == pytest.approx([0.2] * 5, abs=0.02)


def test_a_calm_night_holds_the_same_customers_as_the_one_before_and_the_next_week_is_no_other() -> None:
    calm = list(nights(60, customers=400))
    numbers = np.stack([night.latent for night in calm])
    assert np.corrcoef(numbers[0, :, 1], numbers[1, :, 1])[0, 1] > 0.95
    assert numbers.std(axis=1) == pytest.approx(1, abs=0.2)
    means = numbers[:, :, 0].mean(axis=1) - numbers[:, :, 1].mean(axis=1)
    weekdays = [means[day::7].mean() for day in range(7)]
    assert 0.1 < max(weekdays) - min(weekdays) < 0.35  # the weekly cycle, 0.1 sd either way


def test_a_calm_night_is_the_same_each_time_and_a_moved_one_moves_what_it_is_told_to() -> None:
    (one,), (two,) = nights(1, customers=300), nights(1, customers=300)
    table, again = one.table(night=5), two.table(night=5)
    assert table.equals(again)
    assert table.columns == [*(column.name for column in COLUMNS), "night"]
    moved = one.table(night=5, shift=0.5 * (np.arange(one.latent.shape[1]) == 0))
    assert (moved["normal_0"] - table["normal_0"]).to_list() == pytest.approx([0.5] * 300, abs=1e-5)
    assert moved["normal_1"].equals(table["normal_1"])


def test_two_of_the_last_three_nights_alarm_only_where_the_last_one_is_among_them() -> None:
    assert in_a_row([True, True, False, True, False, False, True]) == [False, True, False, True, False, False, False]
