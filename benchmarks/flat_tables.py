"""Which tables without dates are models measured on? Files as published by others, in the folder `CHURN_DATA`.

Default of Credit Card Clients — Yeh, I. (2009), UCI, doi 10.24432/C55S3H; Give Me Some Credit — Kaggle competition data
(2011); Telco — IBM sample data. Nothing is cleaned. Identifiers are left out, and so are the protected attributes of
UCI default (sex, age, marriage) and Telco (gender, senior citizen), as they are where the program trains.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from churn.features.feature import Feature
from churn.training.encoding import Encoding, Floats
from churn.training.hashing import Ints, buckets

DATA = Path(os.environ.get("CHURN_DATA", "../shared/data"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTable:
    """Encoded rows with one label (0 or 1) each, and the fold (0 to 4) of each row by a hash of its number."""

    encoding: Encoding
    matrix: Floats
    labels: npt.NDArray[np.float64]
    fold: Ints


def _uci_default() -> FlatTable:
    frame = pl.read_csv(DATA / "uci_default" / "UCI_Credit_Card.csv", infer_schema_length=None)
    return _flat(frame, label="default.payment.next.month", left_out=("ID", "SEX", "AGE", "MARRIAGE"))


def _gmsc() -> FlatTable:
    with zipfile.ZipFile(DATA / "gmsc" / "cs-training.csv.zip") as archive:
        file: IO[bytes] = archive.open(archive.namelist()[0])
        frame = pl.read_csv(file.read(), null_values="NA", infer_schema_length=None)
    return _flat(frame, label="SeriousDlqin2yrs", left_out=("",))


def _telco() -> FlatTable:
    frame = pl.read_csv(DATA / "telco" / "Telco-Customer-Churn.csv", null_values=" ")
    frame = frame.with_columns(pl.col("Churn") == "Yes")
    return _flat(frame, label="Churn", left_out=("customerID", "gender", "SeniorCitizen"))


FLAT_TABLES: Mapping[str, Callable[[], FlatTable]] = MappingProxyType(
    {"UCI default": _uci_default, "Give Me Some Credit": _gmsc, "Telco": _telco}
)


def _flat(frame: pl.DataFrame, *, label: str, left_out: tuple[str, ...]) -> FlatTable:
    names = [name for name in frame.columns if name not in {label, *left_out}]
    frame = frame.rename({name: f"x{number}" for number, name in enumerate(names)})
    features = [_feature(f"x{number}", frame[f"x{number}"]) for number in range(len(names))]
    encoding = Encoding.learn(features, frame)
    return FlatTable(
        encoding=encoding,
        matrix=encoding.matrix(frame),
        labels=frame[label].cast(pl.Float64).to_numpy(),
        fold=buckets(np.arange(frame.height), 5),
    )


def _feature(name: str, column: pl.Series) -> Feature:
    is_text = column.dtype == pl.String
    dtype: Literal["category", "number"] = "category" if is_text else "number"
    return Feature(name=name, expr=pl.col(name), dtype=dtype, unit="", meaning="", nullable=True)
