"""How good are the models, next to scikit-learn's on the same rows? `python -m benchmarks.model_quality [NAME ...]`.

Ours with the program's own settings: the validation chooses the number of trees, then all training rows grow them.
Against GradientBoosting with the reference design's settings and HistGradientBoosting with its own, each taught by the
same training rows. Tables with dates are split by time and judged on later rows; the others are judged over five folds.
Intervals are two-sided 95 % (DeLong), differences are paired.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.flat_tables import DATA, FLAT_TABLES, FlatTable
from churn.candidate import Parts, read_parts
from churn.doors import Doors
from churn.promotion.comparison import compare_auc
from churn.promotion.metrics import Z95, Estimate, auc
from churn.settings import Settings
from churn.training.encoding import Encoding, Floats
from churn.training.fit import Binned, Trees
from churn.training.hashing import buckets
from churn.training.learn import Positions, learn
from churn.training.model import ModelSettings

Scores = npt.NDArray[Any]
RIVALS = ("GradientBoosting", "HistGradientBoosting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One fold: labels of its test rows, and the scores of ours and the rivals by name."""

    labels: Scores
    scores: Mapping[str, Scores]


def main(*names: str) -> None:
    """Prints a line a table: rows, AUC of each with interval, our gain over each rival with interval."""
    print(f"{'table':<20} {'test rows':>9} {'ours':>24} {'gain over GB':>26} {'gain over HistGB':>26}  GB, HistGB")
    for name, judge in _tables().items():
        if not names or name in names:
            print(_line(name, list(judge())), flush=True)


def _tables() -> dict[str, Callable[[], Iterator[Judged]]]:
    flat = {name: (lambda load=load: _folds(load())) for name, load in FLAT_TABLES.items()}
    return {"Simulated": _simulated, "Online Retail II": _online_retail, **flat}


def _line(name: str, folds: list[Judged]) -> str:
    ours = _mean([auc(fold.labels, fold.scores["ours"]) for fold in folds])
    rivals = [_mean([auc(fold.labels, fold.scores[rival]) for fold in folds]) for rival in RIVALS]
    gains = [_gain(folds, rival) for rival in RIVALS]
    figures = " ".join(f"{text:>26}" for text in map(_signed, gains))
    rows = sum(len(fold.labels) for fold in folds)
    return f"{name:<20} {rows:>9,} {_plain(ours):>24} {figures}  {rivals[0][0]:.4f}, {rivals[1][0]:.4f}"


def _mean(found: list[Estimate]) -> tuple[float, float]:
    """Returns the mean over folds of different test rows, and its standard error."""
    figures, errors = [one.figure for one in found], [one.se for one in found]
    return sum(figures) / len(found), math.hypot(*errors) / len(found)


def _gain(folds: list[Judged], rival: str) -> tuple[float, float]:
    pairs = [compare_auc(f.labels, challenger=f.scores["ours"], champion=f.scores[rival]) for f in folds]
    return sum(pair.difference for pair in pairs) / len(pairs), math.hypot(*(pair.se for pair in pairs)) / len(pairs)


def _plain(found: tuple[float, float]) -> str:
    figure, se = found
    return f"{figure:.4f} ({figure - Z95 * se:.4f}–{figure + Z95 * se:.4f})"


def _signed(found: tuple[float, float]) -> str:
    figure, se = found
    return f"{figure:+.4f} ({figure - Z95 * se:+.4f} to {figure + Z95 * se:+.4f})"


# Tables without dates


def _folds(table: FlatTable) -> Iterator[Judged]:
    model = settings_of("stage=train").model
    chosen = buckets(np.arange(len(table.labels)), 10, draw=1) == 0  # a tenth of the training rows validates
    for fold in range(5):
        train = np.flatnonzero(table.fold != fold)
        test = np.flatnonzero(table.fold == fold)
        validation = np.flatnonzero(~chosen[train]), np.flatnonzero(chosen[train])
        yield _judged(
            table.encoding, table.matrix, table.labels, fold=(train, test), validation=validation, model=model
        )


def _judged(
    encoding: Encoding,
    matrix: Floats,
    labels: Scores,
    *,
    fold: Positions,
    validation: Positions,
    model: ModelSettings,
) -> Judged:
    train, test = fold
    taught, truth, asked = np.asfortranarray(matrix[train]), labels[train], np.asfortranarray(matrix[test])
    binned = Binned.build(taught, truth, encoding=encoding, settings=model, task="binary")
    found = learn(binned, taught, validation=validation, folds=[], settings=model, num_threads=2)
    ours = Trees.load(found.text).raw_scores(asked, num_threads=2)
    return Judged(labels=labels[test], scores={"ours": ours, **_rivals(taught, truth, asked, encoding=encoding)})


def _rivals(taught: Floats, truth: Scores, asked: Floats, *, encoding: Encoding) -> dict[str, Scores]:
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

    boosting = GradientBoostingClassifier(
        n_estimators=400, learning_rate=0.05, max_depth=4, subsample=0.8, min_samples_leaf=50, random_state=1
    )
    binned = HistGradientBoostingClassifier(categorical_features=list(encoding.categorical) or None, random_state=1)
    boosting.fit(_filled(taught), truth)  # it takes no NaN
    binned.fit(taught, truth)
    scores = (boosting.predict_proba(_filled(asked))[:, 1], binned.predict_proba(asked)[:, 1])
    return dict(zip(RIVALS, scores, strict=True))


def _filled(matrix: Floats) -> Floats:
    return np.nan_to_num(matrix, nan=-1.0)


# Tables with dates: the program itself makes the features and the split


def _simulated() -> Iterator[Judged]:
    from churn.stages import simulate

    with tempfile.TemporaryDirectory() as folder:
        root = f"root={folder}/lake"
        simulate.run(settings_of("stage=simulate", "date=2025-01-01..2026-01-04", root))
        doors, parts = _parts("date=2026-01-05", root)
        judged = _of(doors, parts)
        path = doors.lake.path(doors.partition("truth", parts.split.test.dates[0])) / "truth.parquet"
        truth = parts.test.features.select(doors.dataset.key).join(
            pl.read_parquet(path), on=doors.dataset.key, how="left"
        )
        best, ours = (
            auc(judged.labels, scores).figure
            for scores in (truth["churn_probability"].to_numpy(), judged.scores["ours"])
        )
        print(f"Simulated: best achievable AUC {best:.4f} (the true probabilities), ours is {ours / best:.1%} of it")
        yield judged


def _online_retail() -> Iterator[Judged]:
    with tempfile.TemporaryDirectory() as folder:
        place = f"dataset.folder={(DATA / 'online_retail').absolute()}"
        dates = ("date=2011-09-01", "stage.dates=2010-06-01..2011-06-01/1mo")
        yield _of(*_parts("dataset=online_retail", *dates, place, f"root={folder}/lake"))


def _parts(*arguments: str) -> tuple[Doors, Parts]:
    from churn.stages import train

    doors = Doors(settings_of("stage=train", *arguments))
    return doors, read_parts(doors, train.prepare(doors), known_at=doors.day)


def _of(doors: Doors, parts: Parts) -> Judged:
    encoding = Encoding.learn(doors.dataset.features, parts.train.features)
    matrix = np.vstack([encoding.matrix(part.features) for part in (parts.train, parts.test)])
    labels = np.concatenate([parts.train.labels, parts.test.labels])
    taught, rows = len(parts.train.labels), np.arange(len(labels))
    fold = parts.split.validation
    if fold is None:
        raise SystemExit("the validation chooses the number of trees: set split.validation_dates to 1 or more")
    validation = parts.train.positions(fold.train), parts.train.positions(fold.test)
    positions = rows[:taught], rows[taught:]
    return _judged(encoding, matrix, labels, fold=positions, validation=validation, model=doors.settings.model)


def settings_of(*overrides: str) -> Settings:
    """Returns the settings that the program itself composes of a command."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from churn.settings import parse

    with initialize_config_dir(str(Path("conf").absolute()), version_base="1.3"):
        raw: Any = OmegaConf.to_container(compose("config", [*overrides]), resolve=True)
    raw["sweep"]["name"] = None
    return parse({**raw, "run": "benchmark", "today": date.today().isoformat(), "own": None}, files={})  # noqa: DTZ011


if __name__ == "__main__":
    main(*sys.argv[1:])
