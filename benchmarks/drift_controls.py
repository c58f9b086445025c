"""Is drift silent where nothing moved, and does it say what did? `python -m benchmarks.drift_controls [ROOT]`.

Give Me Some Credit (Kaggle, 2011): the labelled file against the unlabelled one, drawn from one population. Online
Retail II (UCI, doi 10.24432/C5CG6D): customers before Christmas against those of early summer, in the lake `ROOT` that
`stage=features dataset=online_retail` filled. Files lie in the folder `CHURN_DATA`.
"""

from __future__ import annotations

import sys
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import polars.selectors as cs

from benchmarks.flat_tables import DATA
from churn.drift.limits import DriftLimits
from churn.drift.profile import Column, freeze_bins, profile
from churn.drift.verdict import DriftVerdict, judge
from churn.stores.lake import Lake
from churn.stores.parquet import read_table
from churn.stores.partition import Partition

LIMITS = DriftLimits(psi=0.2, ks=0.1, alpha=0.05, drifted_share=0.3, prediction_psi=0.2)
THEN, CHRISTMAS = date(2011, 6, 1), (date(2011, 10, 1), date(2011, 11, 1), date(2011, 12, 1))


def main(root: Path | None = None) -> None:
    """Prints the verdict of each control and, by column, what moved."""
    print("Give Me Some Credit, the labelled file then, the unlabelled now")
    _tell(credit())
    for night in CHRISTMAS if root else ():
        print(f"\nOnline Retail, {THEN} then, {night} now")
        _tell(_held_against(*(_shop(root, day) for day in (THEN, night))))


def credit() -> DriftVerdict:
    """Returns the verdict about two files of one population."""
    return _held_against(*(_file(name) for name in ("cs-training", "cs-test")))


def _file(name: str) -> pl.DataFrame:
    with zipfile.ZipFile(DATA / "gmsc" / f"{name}.csv.zip") as archive:
        frame = pl.read_csv(archive.read(archive.namelist()[0]), null_values="NA", infer_schema_length=None)
    return frame.select(cs.numeric().exclude("", "SeriousDlqin2yrs"))


def _shop(root: Path | None, day: date) -> pl.DataFrame:
    partition = Partition(kind="features", dataset="online_retail", day=day)
    return read_table(Lake(root or Path()).path(partition) / "features.parquet").drop("customer_id")


def _held_against(then: pl.DataFrame, now: pl.DataFrame) -> DriftVerdict:
    columns = [_column(name, dtype) for name, dtype in then.schema.items()]
    bins = freeze_bins(then, columns)
    first, *others = then.columns
    profiles = (profile(bins, [frame]) for frame in (then, now))
    return judge(*profiles, limits=LIMITS, watched=others, score=first)


def _column(name: str, dtype: pl.DataType) -> Column:
    return Column(name=name, dtype="number" if dtype.is_numeric() else "category")


def _tell(verdict: DriftVerdict) -> None:
    print(f"{verdict.answer}, {len(verdict.drifted)} of {len(verdict.findings)} columns drifted")
    for finding in verdict.findings:
        print(f"  {finding.answer!s:<22} PSI {finding.figure or 0:.4f}, n = {finding.n:,}: {finding.reason}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
