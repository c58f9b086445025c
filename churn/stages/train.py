"""Trains a candidate on ripe labels, tests it out of time and registers it.

Everything that the candidate was made from goes into one fingerprint: the same inputs train nothing a second time.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import churn
from churn.doors import Doors
from churn.errors import DataError, SettingsError
from churn.nights import FEATURE_CODE
from churn.raw_days import bring
from churn.reports.outcome import Outcome, Trial
from churn.settings import Settings, composed
from churn.settings.stages import TrainStage
from churn.stages import features
from churn.stores.partition import fingerprint
from churn.training_dates import training_split

if TYPE_CHECKING:
    from churn.candidate import Made, Parts, TestedFold
    from churn.stores.runs import Candidate
    from churn.training.bundle import Bundle
    from churn.training.split import Part, Split

log = logging.getLogger(__name__)
_PARTS = ("train", "calibration", "test")
_REPORT = "report/training.html"
_JUDGED_ON = "churn.judged_on"
_Z95 = NormalDist().inv_cdf(0.975)
_TOLD_FAILURES = 3


def run(settings: Settings) -> Outcome:
    """Registers a candidate trained with what was known at `date`, unless the same one is registered already."""
    doors = Doors(settings)
    with doors.lake.lock(doors.partition("preparation"), wait=True):  # trials of a sweep need the same features
        split = prepare(doors)
    with doors.lake.lock(doors.partition("training"), shared=True):  # trials train at once, and nothing is pruned
        return _train(doors, split)


def prepare(doors: Doors) -> Split:
    """Returns what each date is for; the features of all of them are published after it."""
    _require_settings(doors)
    raw = bring(doors, doors.day)
    split = training_split(doors, raw)
    for day in split.dates:
        features.publish(doors, day, raw)
    return split


def _train(doors: Doors, split: Split) -> Outcome:
    from churn.candidate import bundle_of, judged_on, make, read_parts
    from churn.candidate_page import candidate_page

    settings, parts = doors.settings, read_parts(doors, split, known_at=doors.day)
    lineage = _lineage(doors, parts)
    made_from = fingerprint(lineage)
    version = doors.registry.trained_from(made_from)
    if version is not None:
        headline = f"train {settings.dataset.name}: version {version} was trained from the same inputs, nothing to do"
        judged = doors.registry.tags(version).get(_JUDGED_ON, "")
        trial = _trial(doors.registry.metrics(version), judged_on=judged)
        return _with_version(doors, Outcome(headline=headline, trial=trial, version=version), split.test)
    log.info("training on %s rows of %d dates", f"{len(parts.train.labels):,}", len(split.train.dates))
    made = make(doors, parts, lineage)
    bundle = bundle_of(doors, made)
    warnings = (*_warnings(settings, made.scorer.calibrator.kind), *_slow(bundle.lineage["engine"]))
    for warning in warnings:
        log.warning(warning)
    figures = _shown(doors, made, bundle, warnings=warnings)
    page = candidate_page(doors, made, title=f"Training of {settings.dataset.model_name}, {doors.day}", figures=figures)
    judged = judged_on(made)
    version = doors.registry.register(_candidate(doors, bundle, made_from=made_from, page=page, judged_on=judged))
    headline = f"train {settings.dataset.name}: registered version {version} of {settings.dataset.model_name}"
    trial = _trial(bundle.metrics, judged_on=judged)
    return _with_version(doors, Outcome(headline=headline, figures=figures, trial=trial, version=version), split.test)


def _require_settings(doors: Doors) -> None:
    """Returns nothing where the dataset can have such a model; asked before anything is read."""
    dataset, model, kind = doors.dataset, doors.settings.model, doors.settings.stage_as(TrainStage).calibration
    model.objective_of(dataset.task)
    categories = {feature.name for feature in dataset.features if feature.dtype == "category"}
    model.signs([feature.name for feature in dataset.features], categories=categories)
    if dataset.task == "regression" and kind not in {"auto", "none"}:
        found, action = f"{kind} for a regression", "set it to auto or none"
        raise SettingsError(where="stage.calibration", found=found, action=action)


def _with_version(doors: Doors, outcome: Outcome, test: Part) -> Outcome:
    """Returns the outcome with where the version's report stands and how it is promoted, or why it cannot be."""
    refused = _unpromotable(doors, test)
    promotion = refused or f"{doors.command('promote', doors.day)} stage.version={outcome.version}"
    report = doors.registry.place(outcome.version, _REPORT) if outcome.version else ""
    return replace(outcome, figures={**outcome.figures, "report": report, "next": promotion}, unpromotable=refused)


def _unpromotable(doors: Doors, test: Part) -> str | None:
    from churn.champion import find_champion, learned_dates

    champion = None
    with suppress(DataError):  # a damaged champion is stage=promote's to tell
        champion = find_champion(doors)
    known = learned_dates(champion, test, horizon_days=doors.dataset.horizon_days) if champion else ()
    if champion is None or not known:
        return None
    told = f"the champion (version {champion.version}) learned labels of {len(known)} of the {len(test.dates)}"
    return f"no promotion: {told} test dates; train with split=by_time"


def _lineage(doors: Doors, parts: Parts) -> dict[str, Any]:
    settings = doors.settings
    return {
        "code_version": churn.__version__,
        "code": doors.code(*FEATURE_CODE, "training", "drift", "promotion", "candidate.py", "labelled.py"),
        "libraries": {name: version(name) for name in ("lightgbm", "numpy", "polars", "scipy")},
        "parts": parts.split.to_json(),
        "inputs": parts.inputs,
        "model": asdict(settings.model),
        "calibration": settings.stage_as(TrainStage).calibration,
        "threads": settings.resources.threads,
    }


def _warnings(settings: Settings, calibration: str) -> tuple[str, ...]:
    weight = settings.model.scale_pos_weight
    if weight == 1:
        return ()
    moved = f"model.scale_pos_weight={weight:g} moves the scores away from probabilities"
    if calibration == "none":
        return (f"{moved}, and without a calibration they stay there: the published scores are no probabilities",)
    return (f"{moved}, and the calibration ({calibration}) moves them back: what is gained is a ranking, if anything",)


def _slow(engine: str) -> tuple[str, ...]:
    return (
        () if engine == "numba" else (f"our engine cannot walk its trees, scores take many times as long ({engine})",)
    )


def _candidate(doors: Doors, bundle: Bundle, *, made_from: str, page: str, judged_on: str) -> Candidate:
    from churn.stores.git import commit
    from churn.stores.runs import Candidate
    from churn.training.fit import Trees

    settings, lineage = doors.settings, bundle.lineage
    parameters = {f"model.{name}": str(value) for name, value in asdict(settings.model).items()}
    parameters |= {f"dates.{part}": " ".join(lineage["parts"][part]["dates"]) for part in _PARTS}
    checkout = commit(Path(churn.__file__).parent)
    tags = {
        "churn.data": fingerprint(lineage["inputs"]),
        "churn.settings": fingerprint(composed(settings)),
        _JUDGED_ON: judged_on,
    }
    return Candidate(
        fingerprint=made_from,
        bundle=bundle.fingerprint,
        run_name=settings.stage_as(TrainStage).run_name,
        files=bundle.to_files(),
        artifacts={_REPORT: page.encode(), **_artifacts(settings, bundle)},
        booster=Trees.load(bundle.model_text).booster,
        inputs=bundle.encoding.features,
        example=bundle.example,
        parameters=parameters,
        metrics=bundle.metrics,
        tags=tags | ({"mlflow.source.git.commit": checkout} if checkout else {}),
        sweep=settings.sweep.name,
    )


def _artifacts(settings: Settings, bundle: Bundle) -> dict[str, bytes]:
    read = {name: content for name, content in bundle.lineage["inputs"].items() if name.startswith("features/")}
    contents: dict[str, Any] = {
        "settings.json": composed(settings),
        "features.json": {"columns": bundle.encoding.features, "versions": read},
        "data_dictionary.json": [asdict(entry) for entry in bundle.dictionary],
    }
    return {name: json.dumps(content, indent=1, ensure_ascii=False).encode() for name, content in contents.items()}


def _trial(metrics: Mapping[str, float], *, judged_on: str) -> Trial | None:
    """Returns what a sweep compares: the cross-validation, since the test rows must not choose; None without folds."""
    name = "auc" if "cv_auc_mean" in metrics else "rmse"
    if f"cv_{name}_mean" not in metrics:
        return None
    figure, reach = metrics[f"cv_{name}_mean"], _reach(metrics, name)
    return Trial(
        objective=f"cv_{name}_mean",
        figure=figure,
        standard_error=metrics[f"cv_{name}_se"],
        interval=(max(figure - reach, 0.0), min(figure + reach, 1.0 if name == "auc" else math.inf)),
        n=int(metrics["cv_rows"]),
        judged_on=judged_on,
        leaves=int(metrics["leaves"]),
        greater_is_better=name == "auc",
    )


def _reach(metrics: Mapping[str, float], name: str) -> float:
    """Returns half the width of the 95 % interval: of few folds their spread by Student's t, at least the error's."""
    from scipy.stats import t

    folds, normal = metrics["cv_folds"], _Z95 * metrics[f"cv_{name}_se"]
    if folds == 1:
        return normal
    return max(normal, float(t.ppf(0.975, folds - 1)) * metrics[f"cv_{name}_std"] / math.sqrt(folds))


def _shown(doors: Doors, made: Made, bundle: Bundle, *, warnings: tuple[str, ...]) -> dict[str, str]:
    split, found, curve = made.parts.split, bundle.metrics, made.scorer.calibrator.kind
    return {
        **({"warning": "; ".join(warnings)} if warnings else {}),
        "trained on": f"{found['rows_train']:,} rows of {len(split.train.dates)} dates to {split.train.dates[-1]}",
        "trees": _trees(doors, made),
        "calibrated on": f"{found['rows_calibration']:,} rows of {_spelled(split.calibration)}: {curve}",
        "left out": f"{len(split.left_out)} dates whose label windows reach into a later part",
        "tested on": f"{found['rows_test']:,} rows of {_spelled(split.test)}, not learned from",
        **_figures(found, made.folds),
    }


def _trees(doors: Doors, made: Made) -> str:
    trees, limit = made.learned.trees, doors.settings.model.num_iterations
    validation = made.parts.split.validation
    if validation is None:
        return f"{trees:,} as set, {made.trees.leaves:,} leaves"
    reached = ", the most that model.num_iterations allows" if trees == limit else ""
    chosen = f"chosen on {_spelled(validation.test)}{reached}"
    return f"{trees:,} of {limit:,} {chosen}, {made.trees.leaves:,} leaves"


def _spelled(part: Part) -> str:
    customers = f" ({len(part.buckets)} % of the customers)" if part.buckets is not None else ""
    return ", ".join(map(str, part.dates)) + customers


def _figures(found: Mapping[str, float], folds: Sequence[TestedFold]) -> dict[str, str]:
    if "auc_test" in found:
        return {
            "AUC": f"{found['auc_test']:.4f} (95 % {found['auc_test_low']:.4f} to {found['auc_test_high']:.4f})",
            "average precision": f"{found['average_precision_test']:.4f} (base rate {found['base_rate_test']:.4f})",
            "cross-validation": _over_folds(found, folds, name="auc"),
        }
    return {
        "RMSE": f"{found['rmse_test']:.4g} (95 % {found['rmse_test_low']:.4g} to {found['rmse_test_high']:.4g})",
        "MAE, R²": f"{found['mae_test']:.4g}, {found['r2_test']:.4f} (mean label {found['mean_test']:.4g})",
        "cross-validation": _over_folds(found, folds, name="rmse"),
    }


def _over_folds(found: Mapping[str, float], folds: Sequence[TestedFold], *, name: str) -> str:
    """Returns the mean over the folds that have a figure, of how many, and why the others have none."""
    failures = {
        f"fold {number}": fold.found for number, fold in enumerate(folds, start=1) if isinstance(fold.found, str)
    }
    without = f"; no figure for {_first_of(failures)}" if failures else ""
    if "cv_folds" not in found:
        return f"0 of {len(folds)} folds{without}" if folds else "no fold"
    spread = f" ± {found[f'cv_{name}_std']:.4f} (standard deviation)" if f"cv_{name}_std" in found else ""
    counted = f"{found['cv_folds']} of {len(folds)}" if failures else f"{found['cv_folds']}"
    mean = f"{name.upper()} {found[f'cv_{name}_mean']:.4f}{spread}"
    return f"{mean} over {counted} folds, {found['cv_rows']:,} rows{without}"


def _first_of(failures: Mapping[str, str]) -> str:
    told = [f"{name} ({reason})" for name, reason in failures.items()]
    more = [f"{len(told) - _TOLD_FAILURES} more (see the training report)"] if len(told) > _TOLD_FAILURES else []
    return ", ".join(told[:_TOLD_FAILURES] + more)
