"""What is a drift verdict made from?

Read off manifests and settings alone, and one for all who ask: by what `stage=drift` judges a night again,
`date=stale` and `status` know that it would. Of earlier nights only what a verdict or its report reads counts, so that
a night which is judged again for reasons of its own makes none after it stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from churn.doors import Doors
from churn.drift.nights import MOST_NIGHTS
from churn.feeds import excused_days, raw_contents
from churn.realised import KIND, known_nights
from churn.settings import Settings
from churn.settings.stages import DriftStage, NightlyStage, PlanStage, StatusStage
from churn.stores.partition import ERASED, Manifest, fingerprint

_CODE = (
    *("drift", "watch.py", "feeds.py", "apart.py", "drift_page.py", "profiles.py", "realised.py", "stages/drift.py"),
    *("training/encoding.py", "training/model_text.py", "verdict_inputs.py", "reports"),
)
_READ = ("answer", "drifted", "rows", "model_version", "estimated_auc")


def drift_stage(settings: Settings) -> DriftStage:
    """Returns the settings of drift that a stage holds, or is."""
    stage = settings.stage
    return stage.drift if isinstance(stage, NightlyStage | PlanStage | StatusStage) else settings.stage_as(DriftStage)


def verdict_inputs(doors: Doors, day: date, *, features: Manifest, scores: Manifest) -> dict[str, str]:
    """Returns the fingerprints of all that a night's verdict is made from; `features` and `scores` are the night's."""
    stage = drift_stage(doors.settings)
    limits = [asdict(stage.limits), asdict(stage.alarm), asdict(stage.triage), stage.weights, stage.estimate_drop]
    raw = raw_contents(doors, day)
    before = {str(night): facts for night, facts in nights_before(doors, day).items()}
    return {
        "features": features.content,
        "predictions": scores.content,
        "bundle": scores.inputs["bundle"],
        "code": doors.code(*_CODE),
        "limits": fingerprint(limits),
        "nights_before": fingerprint(before),
        "outcomes": fingerprint(_outcomes(doors, day)),
        "raw_days": fingerprint(raw),
        "accepted": fingerprint([str(held) for held in excused_days(doors, day)]),
    }


def nights_before(doors: Doors, day: date) -> dict[date, Mapping[str, Any] | None]:
    """Returns what the 29 nights before one were found to be, by their manifests, oldest first; None: not there."""
    days = [day - timedelta(days=count) for count in range(MOST_NIGHTS - 1, 0, -1)]
    held = {night: doors.lake.manifest(doors.partition("drift", night)) for night in days}
    return {night: _read(manifest.facts) if manifest else None for night, manifest in held.items()}


def _read(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in _READ if name in facts}


def _outcomes(doors: Doors, day: date) -> dict[str, list[Any] | None]:
    held = {night: doors.lake.manifest(doors.partition(KIND, night)) for night in known_nights(doors, day)}
    return {str(night): [found.content, _counted(found)] if found else None for night, found in held.items()}


def _counted(outcomes: Manifest) -> dict[str, Any]:
    return {name: fact for name, fact in outcomes.facts.items() if name != ERASED}
