"""Shows which dates have what, which are stale and why, and who is champion; reads manifests and lists sources."""

from __future__ import annotations

from datetime import date

from churn.deliveries import Courier, spelled_nights
from churn.doors import Doors
from churn.errors import ChurnError
from churn.nights import changes
from churn.raw_days import RawDays, changed_days, forgotten, in_lake, spelled_span
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import StatusStage

_KINDS = ("features", "predictions", "drift", "outcomes")


def run(settings: Settings) -> Outcome:
    """Returns a row a date, the newest last, the champion's local copy, and what the sources hold beyond the lake."""
    stage, doors = settings.stage_as(StatusStage), Doors(settings)
    dataset = settings.dataset.name
    days = sorted({day for kind in _KINDS for day in doors.lake.days(kind, dataset)})
    shown = days[-stage.last :]
    raw, late = in_lake(doors), _late(doors)
    return Outcome(
        headline=f"status {dataset}: {len(days)} dates under {doors.lake.root}, the last {len(shown)} shown",
        figures={
            "champion": _champion(doors),
            "raw days": _raw(raw, late),
            **raw.accepted(date.max),
            **_forgotten(doors, late),
            **_owed(doors),
        },
        table=Table(
            header=("date", "features (rows)", "predictions (rows)", "model version", "drift", "outcomes", "state"),
            rows=tuple((*_row(doors, day), _state(doors, day, raw, late=late)) for day in shown),
        ),
    )


def _champion(doors: Doors) -> str:
    manifest = doors.lake.manifest(doors.partition("champion"))
    if manifest is None:
        return "none yet, or none that a night has taken into this lake (stage=history asks the registry)"
    metrics = manifest.facts["metrics"]
    return f"version {manifest.facts['model_version']}, AUC {metrics['auc_test']:.4f} on {metrics['rows_test']:,} rows"


def _late(doors: Doors) -> tuple[date, ...] | str:
    """Returns the raw days that the sources hold and the lake does not, or holds otherwise; a text where none tells."""
    try:
        return tuple(changed_days(doors, date.max))
    except ChurnError as error:
        return f"{error.where}: {error.found}"


def _raw(raw: RawDays, late: tuple[date, ...] | str) -> str:
    days = sorted(raw.manifests)
    held = f"{len(days):,} in the lake" + (f", {days[0]} to {days[-1]}" if days else "")
    if isinstance(late, str):
        return f"{held}; the sources did not tell ({late})"
    new = [day for day in late if day not in raw.manifests]
    return f"{held}; {len(new):,} new and {len(late) - len(new):,} changed at the sources"


def _forgotten(doors: Doors, late: tuple[date, ...] | str) -> dict[str, str]:
    kept = {} if isinstance(late, str) else forgotten(doors)
    told = "; ".join(f"{name}: {spelled_span(days)}" for name, days in kept.items())
    return {"kept, gone from the sources": told} if told else {}


def _owed(doors: Doors) -> dict[str, str]:
    owed = Courier(doors).due(doors.lake.days("predictions", doors.settings.dataset.name))
    return {"not delivered": f"{spelled_nights(owed)}: {doors.command('deliver', 'auto')}"} if owed else {}


def _state(doors: Doors, day: date, raw: RawDays, *, late: tuple[date, ...] | str) -> str:
    if doors.lake.manifest(doors.partition("features", day)) is None:
        return "-"
    coming = [] if isinstance(late, str) else [f"raw day {raw_day}" for raw_day in late if raw_day < day]
    reasons = [*coming, *changes(doors, day, raw, kind="drift")]
    if not reasons:
        return "as it would be made now"
    more = f" and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    return f"stale: {', '.join(reasons[:2])}{more}"


def _row(doors: Doors, day: date) -> tuple[str, ...]:
    features, predictions, drift, outcomes = (doors.lake.manifest(doors.partition(kind, day)) for kind in _KINDS)
    return (
        day.isoformat(),
        f"{features.rows:,}" if features else "-",
        f"{predictions.rows:,}" if predictions else "-",
        str(predictions.facts["model_version"]) if predictions else "-",
        str(drift.facts["answer"]) if drift else "-",
        str(outcomes.facts["verdict"]) if outcomes else "-",
    )
