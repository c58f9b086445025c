"""What does the champion say of each row?

One chunk of a features partition in, one chunk of predictions out, row by row: the answer for a customer depends on
that customer and the bundle alone, so chunks may be cut anywhere.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from churn.errors import DataError, SettingsError
from churn.scoring.segments import name_segments, percentiles
from churn.training.bundle import Bundle
from churn.training.encoding import Floats
from churn.training.model_text import without_null
from churn.training.scorer import Walker


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A chunk of features with its predictions, row by row; and by column how many rows the model reads as others.

    `unseen` are rows of a level that it never saw, `nulls` those that it reads as 0.
    """

    features: pl.DataFrame
    predictions: pl.DataFrame
    unseen: dict[str, int]
    nulls: dict[str, int]


class Predictor:
    """A bundle, loaded and ready: `model_version` is the registry's number that every row will carry.

    `walker` walks the trees of the bundle's model; where there is none LightGBM does, and the scores are the same.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        model_version: int,
        num_threads: int,
        walker: Walker | None = None,
        uncertain: bool = False,
    ) -> None:
        """Makes ready to score; `uncertain`: each score gets its band, too.

        Raises:
            SettingsError: the model was trained before there were bands.
        """
        if uncertain and bundle.bands is None:
            found = f"version {model_version} has no bands: it was trained before there were any"
            named = "stage.uncertainty (of stage=nightly: stage.score.uncertainty)"
            action = f"train and promote a new version, or leave {named} out"
            raise SettingsError(where="stage.uncertainty", found=found, action=action)
        self._bundle, self._version = bundle, model_version
        self._bands = bundle.bands if uncertain else None
        self._scorer = bundle.scorer(num_threads=num_threads, walker=walker)
        self._memory = threading.local()
        self._without_null = without_null(bundle.model_text)

    @property
    def schema(self) -> pl.Schema:
        """The columns of a predictions table, in order."""
        segments = pl.Enum([name for name, _ in self._bundle.segments])
        return pl.Schema(
            [
                (self._bundle.key, pl.Int64),
                (self._bundle.score_name, pl.Float64),
                ("score_date", pl.Date),
                ("model_version", pl.Int64),
                ("raw_score", pl.Float64),
                ("percentile", pl.Float64),
                ("segment", segments),
                *((name, pl.Float64) for name in self._ends),
            ]
        )

    @property
    def _ends(self) -> tuple[str, ...]:
        score = self._bundle.score_name
        return (f"{score}_low", f"{score}_high") if self._bands else ()

    def score(self, frame: pl.DataFrame, *, day: date) -> Scored:
        """Returns the predictions of a chunk, checked, and what is counted of it; any thread may ask.

        Raises:
            DataError: see `predict` and `check`.
        """
        matrix = self._encode(frame)
        predictions = self.predict(frame, day=day, matrix=matrix)
        self.check(predictions)
        nulls = {name: frame[name].null_count() for name in self._without_null}
        unseen = self._bundle.encoding.unseen(matrix)
        return Scored(features=frame, predictions=predictions, unseen=unseen, nulls=nulls)

    def _encode(self, frame: pl.DataFrame) -> Floats:
        """Returns the rows as the model reads them, in memory that the thread's next call writes over."""
        matrix = self._bundle.encoding.matrix(frame, into=getattr(self._memory, "matrix", None))
        self._memory.matrix = matrix
        return matrix

    def predict(self, frame: pl.DataFrame, *, day: date, matrix: Floats | None = None) -> pl.DataFrame:
        """Returns one prediction per row of `frame`, in its order, as `schema` says; `matrix` is the same, encoded.

        The score is the calibrated probability of label 1 (of a regression: the predicted number), `raw_score` the
        model's own before calibration,
        `percentile` the share (0 to 1) of the reference rows that score lower. No column is ever null. The ends of the
        band about the score stand last, where they are asked for.

        Raises:
            DataError: for a missing column, a key that is null or no Int64, or a score that is not a finite number.
        """
        _require_keys(frame, self._bundle.key)
        raw = self._scorer.of_matrix(self._encode(frame) if matrix is None else matrix)
        score = self._bundle.calibrator.scores(raw)
        lost = int((~(np.isfinite(raw) & np.isfinite(score))).sum())
        if lost:
            action = "look at the model's text and the features of the date; nothing was published"
            raise DataError(where=f"score {day}", found=f"{lost} of {len(raw)} scores are not numbers", action=action)
        shares = percentiles(score, grid=self._bundle.score_grid)
        return pl.DataFrame(
            {
                self._bundle.key: frame[self._bundle.key],
                self._bundle.score_name: score,
                "score_date": pl.Series([day], dtype=pl.Date).new_from_index(0, frame.height),
                "model_version": pl.Series([self._version], dtype=pl.Int64).new_from_index(0, frame.height),
                "raw_score": raw,
                "percentile": shares,
                "segment": name_segments(shares, segments=self._bundle.segments),
                **(dict(zip(self._ends, self._bands.around(score), strict=True)) if self._bands else {}),
            },
            schema=self.schema,
        )

    def check(self, frame: pl.DataFrame) -> None:
        """Returns nothing where `frame` may be published as this model's predictions of one day.

        Raises:
            DataError: naming each column, the broken rule and the number of rows.
        """
        if list(frame.schema.items()) != list(self.schema.items()):
            raise _refused(f"columns {_spelled(frame.schema)}; expected {_spelled(self.schema)}")
        rules = self._rules()
        counts = frame.select(fault.sum().alias(rule) for rule, fault in rules.items()).row(0, named=True)
        broken = [f"{rule} (rows: {count})" for rule, count in counts.items() if count]
        if broken:
            raise _refused("; ".join(broken))

    def _rules(self) -> dict[str, pl.Expr]:
        score = self._bundle.score_name
        least, most = (0.0, 1.0) if self._bundle.task == "binary" else (-sys.float_info.max, sys.float_info.max)
        return {f"{name}: null": pl.col(name).is_null() for name in self.schema} | {
            # NaN stands above every number for Polars, so it is not from 0 to 1 either
            f"{score}: not from {least:g} to {most:g}": ~pl.col(score).is_between(least, most),
            "percentile: not from 0 to 1": ~pl.col("percentile").is_between(0.0, 1.0),
            "raw_score: not a finite number": ~pl.col("raw_score").is_finite(),
            "score_date: another date than the first row's": pl.col("score_date") != pl.col("score_date").first(),
            f"model_version: not {self._version}": pl.col("model_version") != self._version,
            **(self._rules_of_bands(least, most) if self._bands else {}),
        }

    def _rules_of_bands(self, least: float, most: float) -> dict[str, pl.Expr]:
        score, (low, high) = self._bundle.score_name, self._ends
        return {
            f"{low}: not from {least:g} to the score": ~pl.col(low).is_between(least, pl.col(score)),
            f"{high}: not from the score to {most:g}": ~pl.col(high).is_between(pl.col(score), most),
        }


def _require_keys(frame: pl.DataFrame, key: str) -> None:
    found = "no such column"
    if key in frame.columns:
        found = f"{frame.schema[key]} with {frame[key].null_count()} nulls"
        if frame.schema[key] == pl.Int64 and not frame[key].null_count():
            return
    raise DataError(where=f"key {key}", found=found, action="give every row its Int64 key, as the dataset's SQL does")


def _spelled(schema: pl.Schema) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in schema.items())


def _refused(found: str) -> DataError:
    return DataError(where="predictions", found=found, action="publish nothing and report this: the model's own output")
