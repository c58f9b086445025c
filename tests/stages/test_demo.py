"""The demo runs the whole loop and shows what came of it."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from tests.command import done

SMALL_DEMO = (
    "stage=demo",
    "stage.raw_days=2025-01-01..2025-07-31",
    "stage.night=2025-08-01",
    "stage.simulate.business.customers=1500",
    "model.num_iterations=60",
)


def test_the_demo_ends_with_figures_that_the_files_bear_out(tmp_path: Path) -> None:
    ran = done(*SMALL_DEMO, root=tmp_path)
    figures = dict(line.strip().split("  ", 1) for line in ran.out.splitlines()[1:] if "  " in line.strip())
    scores = pl.read_parquet(figures["scores"].strip())
    assert figures["rows scored"].strip() == f"{scores.height:,} customers" == "1,500 customers"
    assert figures["champion"].strip() == "version 1 of churn-predictor"
    auc, best = (float(figures[name].split()[0]) for name in ("AUC", "best achievable AUC"))
    assert "n = 1,500" in figures["AUC"]
    assert 0.65 < auc < best + 0.02 < 0.95
    beyond = re.search(r"; (\S+) against the outcomes, where chance alone gives (\S+) \(", figures["calibration error"])
    assert beyond
    assert 0.003 < float(beyond[2]) < 0.03  # of 10 groups of 150 rows, sqrt(2 / pi) * sqrt(p * q / 150) of each
    assert Path(figures["drift table"].strip()).is_file()
    again = done(*SMALL_DEMO, root=tmp_path)
    assert again.out.splitlines()[1:] == ran.out.splitlines()[1:]
