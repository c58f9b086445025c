"""The demo runs the whole loop and shows what came of it."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from tests.command import copied, done


def test_the_demo_ends_with_figures_that_the_files_bear_out(
    shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (shown / "README.md").read_text().split("$ python -m churn stage=demo\n")[1].split("```")[0]
    figures = dict(line.strip().split("  ", 1) for line in told.splitlines()[1:])
    scores = pl.read_parquet(shown / figures["scores"].strip())
    assert figures["rows scored"].strip() == f"{scores.height:,} customers" == "8,000 customers"
    assert figures["champion"].strip() == "version 1 of churn-predictor"
    auc, best = (float(figures[name].split()[0]) for name in ("AUC", "best achievable AUC"))
    assert "n = 8,000" in figures["AUC"]
    assert 0.65 < auc < best + 0.02 < 0.95
    beyond = re.search(r"; (\S+) against the outcomes, where chance alone gives (\S+) \(", figures["calibration error"])
    assert beyond
    assert 0.001 < float(beyond[2]) < 0.013  # of 10 groups of 800 rows, sqrt(2 / pi) * sqrt(p * q / 800) of each
    assert (shown / figures["drift table"].strip()).is_file()
    copied(shown, tmp_path / "shown")
    monkeypatch.chdir(tmp_path / "shown")
    again = done("stage=demo", root=Path("lake"))
    assert again.out.replace(f"{Path.cwd()}/", "").splitlines()[1:] == told.splitlines()[1:]
