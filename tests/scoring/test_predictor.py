from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from scipy.stats import spearmanr

from churn.errors import DataError, SettingsError
from churn.features.feature import Feature
from churn.scoring.predictor import Predictor
from churn.training.bands import Bands
from churn.training.bundle import Bundle, DictionaryEntry, score_grid
from churn.training.calibration import Platt
from churn.training.encoding import Encoding
from churn.training.fit import Trees, fit
from churn.training.model import ModelSettings

DAY = date(2026, 1, 5)
FEATURES = (
    Feature(name="spend", expr=pl.col("spend"), dtype="number", unit="EUR", meaning="", nullable=True),
    Feature(name="plan", expr=pl.col("plan"), dtype="category", unit="", meaning="", levels=("a", "b", "c")),
)
SETTINGS = ModelSettings(
    objective=None,
    early_stopping_rounds=50,
    scale_pos_weight=1.0,
    monotone_constraints={},
    num_iterations=10,
    learning_rate=0.2,
    num_leaves=7,
    min_data_in_leaf=20,
    feature_fraction=1.0,
    bagging_fraction=1.0,
    bagging_freq=0,
    lambda_l2=0.0,
    max_bin=63,
    seed=1,
)


def rows(count: int = 1000, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": random.permutation(count),
            "spend": random.normal(size=count),
            "plan": random.choice(["a", "b", "c"], count),
        }
    )


def make_bundle() -> Bundle:
    frame = rows()
    encoding = Encoding.learn(FEATURES, frame)
    matrix = encoding.matrix(frame)
    labels = (np.random.default_rng(9).random(len(matrix)) < expit(2 * matrix[:, 0] + matrix[:, 1] - 1)).astype(float)
    text = fit(matrix, labels, encoding=encoding, settings=SETTINGS, num_threads=1)
    calibrator = Platt(slope=0.8, intercept=-0.3)
    return Bundle(
        model_text=text,
        task="binary",
        encoding=encoding,
        calibrator=calibrator,
        score_name="churn_30d",
        key="id",
        horizon_days=30,
        score_grid=score_grid(calibrator.scores(Trees.load(text).raw_scores(matrix, num_threads=1))),
        segments=(("high", 0.9), ("rest", 0.0)),
        dictionary=tuple(map(DictionaryEntry.of, FEATURES)),
        metrics={},
        lineage={},
        reference=b"",
    )


BUNDLE = make_bundle()
PREDICTOR = Predictor(BUNDLE, model_version=3, num_threads=1)
TONIGHT = rows(200, seed=5)
PREDICTED = PREDICTOR.predict(TONIGHT, day=DAY)


def test_predictions_are_the_calibrated_scores_of_the_rows_in_their_order() -> None:
    raw = Trees.load(BUNDLE.model_text).raw_scores(BUNDLE.encoding.matrix(TONIGHT), num_threads=1)
    assert PREDICTED["id"].to_list() == TONIGHT["id"].to_list()
    np.testing.assert_array_equal(PREDICTED["raw_score"], raw)
    np.testing.assert_allclose(PREDICTED["churn_30d"], 1 / (1 + np.exp(-(0.8 * raw - 0.3))), rtol=1e-12)


def test_columns_are_as_the_schema_says_with_one_date_and_version() -> None:
    names = ["id", "churn_30d", "score_date", "model_version", "raw_score", "percentile", "segment"]
    assert PREDICTED.columns == names
    assert PREDICTED.schema == PREDICTOR.schema
    assert PREDICTED["score_date"].unique().to_list() == [DAY]
    assert PREDICTED["model_version"].unique().to_list() == [3]


def test_percentile_and_segment_follow_the_score() -> None:
    assert spearmanr(PREDICTED["churn_30d"], PREDICTED["percentile"]).statistic == pytest.approx(1.0)
    high = PREDICTED["segment"] == "high"
    assert high.to_list() == (PREDICTED["percentile"] >= 0.9).to_list()
    assert 0 < high.sum() < 60


def test_chunks_may_be_cut_anywhere() -> None:
    parts = [PREDICTOR.predict(TONIGHT.slice(start, 33), day=DAY) for start in range(0, 200, 33)]
    assert pl.concat(parts).equals(PREDICTED)


def test_a_bundle_from_its_files_predicts_the_same() -> None:
    again = Predictor(Bundle.from_files(BUNDLE.to_files()), model_version=3, num_threads=1)
    assert again.predict(TONIGHT, day=DAY).equals(PREDICTED)


def test_no_rows_give_no_predictions_of_the_same_schema_that_pass_the_check() -> None:
    empty = PREDICTOR.predict(TONIGHT.clear(), day=DAY)
    assert empty.height == 0
    assert empty.schema == PREDICTOR.schema
    PREDICTOR.check(empty)


def test_an_unseen_level_and_a_null_are_scored_and_the_unseen_one_is_counted() -> None:
    frame = TONIGHT.head(2).with_columns(plan=pl.Series(["new", None]))
    PREDICTOR.check(PREDICTOR.predict(frame, day=DAY))
    assert PREDICTOR.score(frame, day=DAY).unseen == {"plan": 1}


def test_nulls_of_a_number_that_had_none_in_training_are_counted_and_score_as_zero() -> None:
    frame = TONIGHT.head(3).with_columns(spend=pl.Series([None, 1.0, None]))
    assert PREDICTOR.score(frame, day=DAY).nulls == {"spend": 2}
    zeros = frame.with_columns(pl.col("spend").fill_null(0.0))
    assert PREDICTOR.predict(frame, day=DAY).equals(PREDICTOR.predict(zeros, day=DAY))


def test_a_score_that_is_not_a_number_is_never_published() -> None:
    broken = replace(BUNDLE, calibrator=Platt(slope=float("nan"), intercept=0.0))
    with pytest.raises(DataError, match="scores are not numbers"):
        Predictor(broken, model_version=3, num_threads=1).predict(TONIGHT, day=DAY)


@pytest.mark.parametrize(
    "frame",
    [TONIGHT.drop("id"), TONIGHT.with_columns(id=None), TONIGHT.with_columns(pl.col("id").cast(pl.String))],
)
def test_a_row_without_its_key_is_not_scored(frame: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="key id"):
        PREDICTOR.predict(frame, day=DAY)


def test_a_model_and_an_encoding_of_two_trainings_are_refused() -> None:
    other = replace(BUNDLE.encoding, features=("plan", "spend"))
    with pytest.raises(DataError, match="it reads spend, plan"):
        Predictor(replace(BUNDLE, encoding=other), model_version=3, num_threads=1)


def planted(column: str, value: object) -> pl.DataFrame:
    values = [*PREDICTED[column][:-1].to_list(), value]
    return PREDICTED.with_columns(pl.Series(column, values, dtype=PREDICTED.schema[column]))


def test_the_check_passes_what_was_predicted() -> None:
    PREDICTOR.check(PREDICTED)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("id", None, "id: null"),
        ("churn_30d", None, "churn_30d: null"),
        ("score_date", None, "score_date: null"),
        ("model_version", None, "model_version: null"),
        ("raw_score", None, "raw_score: null"),
        ("percentile", None, "percentile: null"),
        ("segment", None, "segment: null"),
        ("churn_30d", 1.01, "churn_30d: not from 0 to 1"),
        ("churn_30d", -0.01, "churn_30d: not from 0 to 1"),
        ("churn_30d", float("nan"), "churn_30d: not from 0 to 1"),
        ("percentile", 1.01, "percentile: not from 0 to 1"),
        ("percentile", float("nan"), "percentile: not from 0 to 1"),
        ("raw_score", float("nan"), "raw_score: not a finite number"),
        ("raw_score", float("inf"), "raw_score: not a finite number"),
        ("score_date", date(2026, 1, 6), "score_date: another date than the first row's"),
        ("model_version", 4, "model_version: not 3"),
    ],
)
def test_the_check_says_no_to_one_bad_row(column: str, value: object, told: str) -> None:
    with pytest.raises(DataError) as stop:
        PREDICTOR.check(planted(column, value))
    assert stop.value.found == f"{told} (rows: 1)"


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.drop("segment"),
        lambda frame: frame.with_columns(more=1),
        lambda frame: frame.select(frame.columns[::-1]),
        lambda frame: frame.with_columns(pl.col("churn_30d").cast(pl.Float32)),
    ],
)
def test_the_check_says_no_to_other_columns(change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    with pytest.raises(DataError, match="predictions: columns"):
        PREDICTOR.check(change(PREDICTED))


BANDS = Bands(edges=(0.4,), low=(-0.1, -0.3), high=(0.2, 0.9), task="binary")
SURE = Predictor(replace(BUNDLE, bands=BANDS), model_version=3, num_threads=1, uncertain=True)


def test_bands_stand_after_the_segment_and_change_no_other_column() -> None:
    scored = SURE.score(TONIGHT, day=DAY).predictions
    score = pl.col("churn_30d")
    upper = score >= 0.4
    ends = scored.select(
        low=(score + pl.when(upper).then(-0.3).otherwise(-0.1)).clip(0, 1),
        high=(score + pl.when(upper).then(0.9).otherwise(0.2)).clip(0, 1),
    )
    assert 0 < scored.select(upper.sum()).item() < 200
    assert scored.drop("churn_30d_low", "churn_30d_high").equals(PREDICTED)
    assert scored.columns == [*PREDICTED.columns, "churn_30d_low", "churn_30d_high"]
    np.testing.assert_allclose(scored.select("churn_30d_low", "churn_30d_high"), ends, atol=1e-15)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("churn_30d_low", 1.0, "churn_30d_low: not from 0 to the score"),
        ("churn_30d_low", -0.1, "churn_30d_low: not from 0 to the score"),
        ("churn_30d_high", 0.0, "churn_30d_high: not from the score to 1"),
        ("churn_30d_high", 1.1, "churn_30d_high: not from the score to 1"),
        ("churn_30d_high", None, "churn_30d_high: null"),
    ],
)
def test_the_check_says_no_to_one_score_outside_its_band(column: str, value: float | None, told: str) -> None:
    one = pl.when(pl.int_range(pl.len()) == 7).then(pl.lit(value, dtype=pl.Float64)).otherwise(pl.col(column))
    scored = SURE.predict(TONIGHT, day=DAY).with_columns(one.alias(column))
    with pytest.raises(DataError, match=rf"{told} \(rows: 1\)"):
        SURE.check(scored)


def test_a_model_without_bands_gives_none_and_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="train and promote a new version"):
        Predictor(replace(BUNDLE, bands=None), model_version=3, num_threads=1, uncertain=True)
