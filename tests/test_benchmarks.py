"""The tables that models are measured on are those that others published."""

from __future__ import annotations

import pytest

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
