"""How does the champion get probabilities that fit again, without new trees?

Its calibrator is chosen anew on one half of the customers of the newest night whose labels are ripe; the other half is
what the gates judge it on. Both halves are newer than all that the trees have seen, and share no customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import churn
from churn.candidate import binary_metrics, reference_of
from churn.champion import Champion, learned_dates
from churn.doors import Doors
from churn.errors import DataError
from churn.labelled import Labelled, read_labelled
from churn.promotion.duels import NonInferior, Superior
from churn.promotion.gates import Gate
from churn.stores.git import commit
from churn.stores.partition import fingerprint
from churn.stores.runs import Candidate
from churn.training.bands import Bands
from churn.training.bundle import Bundle, score_grid
from churn.training.calibration_choice import Choice, choose_calibrator
from churn.training.fit import Trees
from churn.training.split import BUCKETS, Part

REFIT_CODE = ("training", "drift", "promotion", "candidate.py", "labelled.py", "refit.py")
_HALF = BUCKETS // 2
_RANKING: frozenset[str | None] = frozenset({None, "auc", "average_precision", "captured", "ks"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Halves:
    """The newest ripe night's customers: those that the curve is fitted on, and those that judge it."""

    calibration: Part
    test: Part


def refit(doors: Doors, champion: Champion, *, day: date, kind: str) -> int:
    """Returns the version that the champion with a new calibrator is registered as, or was from the same rows before.

    `kind` of the curve is as in `stage=train`: auto, or one of them. Labels are those ripe at `day`.

    Raises:
        DataError: the model is a regression, no night with features has ripe labels that the champion has not learned
            from, or its rows allow no curve of that kind.
    """
    if champion.bundle.task != "binary":
        found = "a regression, whose scores have no calibration"
        raise DataError(where=_where(champion), found=found, action=f"train another: {doors.command('train', day)}")
    with doors.lake.lock(doors.partition("training"), shared=True):  # nothing that is read here is pruned meanwhile
        halves = _halves(doors, champion, day)
        calibration, test = (read_labelled(doors, part, known_at=day) for part in (halves.calibration, halves.test))
        lineage = _lineage(doors, champion, halves, inputs=_inputs(calibration, test), kind=kind)
        there = doors.registry.trained_from(fingerprint(lineage))
        if there is not None:
            return there
        choice = _choice(doors, champion.bundle, calibration, kind=kind)
        bundle = _bundle(doors, champion.bundle, choice, test=test, lineage=lineage)
        return doors.registry.register(candidate_of(bundle))


def _where(champion: Champion) -> str:
    return f"recalibration of version {champion.version}"


def _halves(doors: Doors, champion: Champion, day: date) -> _Halves:
    horizon = timedelta(days=doors.dataset.horizon_days)
    ripe = [night for night in doors.lake.days("features", doors.dataset.name) if night + horizon <= day]
    if not ripe:
        found = f"no night with features has labels that are ripe at {day}"
        action = f"make an earlier night: {doors.command('features', day - horizon)}"
        raise DataError(where=_where(champion), found=found, action=action)
    night = max(ripe)
    if learned_dates(champion, Part(dates=(night,)), horizon_days=doors.dataset.horizon_days):
        found = f"the champion learned labels of {night}, the newest night with features and ripe labels"
        action = f"make the features of a later night up to {day - horizon}, or wait for its labels"
        raise DataError(where=_where(champion), found=found, action=action)
    low, high = tuple(range(_HALF)), tuple(range(_HALF, BUCKETS))
    return _Halves(calibration=Part(dates=(night,), buckets=low), test=Part(dates=(night,), buckets=high))


def _inputs(calibration: Labelled, test: Labelled) -> dict[str, str]:
    return calibration.inputs | calibration.raw_days | test.inputs | test.raw_days


def _lineage(
    doors: Doors, champion: Champion, halves: _Halves, *, inputs: Mapping[str, str], kind: str
) -> dict[str, Any]:
    """Returns the champion's lineage, which its trees keep, with the rows of the new curve and whence it comes."""
    then = champion.bundle.lineage
    parts = {"calibration": halves.calibration.to_json(), "test": halves.test.to_json()}
    return then | {
        "parts": then["parts"] | parts,
        "inputs": then["inputs"] | inputs,
        "calibration": kind,
        "recalibrated": {
            "from_version": champion.version,
            "from_bundle": champion.bundle.fingerprint,
            "code": doors.code(*REFIT_CODE),
        },
    }


def _choice(doors: Doors, bundle: Bundle, rows: Labelled, *, kind: str) -> Choice:
    scorer = bundle.scorer(num_threads=doors.settings.resources.threads)
    return choose_calibrator(kind, scorer.raw_scores(rows.features), rows.labels, customers=rows.customers)


def _bundle(doors: Doors, bundle: Bundle, choice: Choice, *, test: Labelled, lineage: dict[str, Any]) -> Bundle:
    refitted = replace(bundle, calibrator=choice.calibrator)
    scores = refitted.scorer(num_threads=doors.settings.resources.threads).scores(test.features)
    counts = {"rows_calibration": choice.n, "rows_test": len(test.labels)}
    return replace(
        refitted,
        score_grid=score_grid(scores),
        metrics=bundle.metrics | counts | binary_metrics(test, scores),
        lineage=lineage,
        reference=reference_of(doors, test, scores),
        bands=Bands.fit(scores, test.labels, task=bundle.task),
    )


def gates_of_a_refit(gates: Mapping[str, Gate]) -> dict[str, Gate]:
    """Returns the gates with comparisons by the Brier score, on which a refit has to be better.

    The trees of both are the same, and so is their ranking: no measure of ranking can tell the two apart.
    """
    return {name: _of_a_refit(gate) for name, gate in gates.items()}


def _of_a_refit(gate: Gate) -> Gate:
    if isinstance(gate, Superior | NonInferior) and gate.metric in _RANKING:
        return Superior(kind="superior", alpha=gate.alpha, metric="brier")
    return gate


def candidate_of(bundle: Bundle) -> Candidate:
    """Returns what is registered of a bundle whose lineage says that it was recalibrated."""
    lineage = bundle.lineage
    checkout = commit(Path(churn.__file__).parent)
    tags = {"churn.data": fingerprint(lineage["inputs"])}
    parameters = {f"dates.{part}": " ".join(lineage["parts"][part]["dates"]) for part in ("calibration", "test")}
    parameters |= {name: str(lineage["recalibrated"][name]) for name in ("from_version", "from_bundle")}
    return Candidate(
        fingerprint=fingerprint(lineage),
        bundle=bundle.fingerprint,
        run_name=f"recalibration of version {lineage['recalibrated']['from_version']}",
        files=bundle.to_files(),
        artifacts={},
        booster=Trees.load(bundle.model_text).booster,
        inputs=bundle.encoding.features,
        example=bundle.example,
        parameters=parameters | {"calibration": bundle.calibrator.kind},
        metrics=bundle.metrics,
        tags=tags | ({"mlflow.source.git.commit": checkout} if checkout else {}),
        sweep=None,
    )
