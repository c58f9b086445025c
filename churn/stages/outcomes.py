"""Joins ripe labels to the scores that were published, and says whether the model kept its promise (exit code 5).

A night that is not ripe is refused by its date and left to a later run by `date=auto`, never half used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from churn.doors import Doors
from churn.errors import DataError, ExitCode
from churn.labelled import require_ripe
from churn.promotion.hindsight import Hindsight
from churn.raw_days import RawDays, bring
from churn.realised import KIND, Figure, Foresight, Pooled, Realised, realised, realised_on
from churn.reports.outcome import Outcome, Table, dates_done
from churn.ripe_night import publish
from churn.settings import AUTO, Settings

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `outcomes/<dataset>/date=D` for every ripe night; exit code 5 where one shows a realised loss."""
    doors = Doors(settings)
    known_at, horizon = doors.newest_night, timedelta(days=doors.dataset.horizon_days)
    wanted = _wanted(doors, known_at)
    if not wanted:
        return _nothing(settings, {})
    raw = bring(doors, min(known_at, max(wanted) + horizon))
    dates, left_out = _with_window(doors, raw, wanted, known_at=known_at)
    if not dates:
        return _nothing(settings, left_out)
    built = sum(publish(doors, raw, day) for day in dates)
    done = dates_done("joined", done=built, total=len(dates))
    return _told(doors, dates, left_out, done=done, known_at=known_at)


def _nothing(settings: Settings, left_out: dict[str, str]) -> Outcome:
    headline = f"outcomes {settings.dataset.name}: nothing to do, no ripe night is without its outcomes"
    return Outcome(headline=headline, figures=left_out)


def _told(doors: Doors, dates: Sequence[date], left_out: dict[str, str], *, done: str, known_at: date) -> Outcome:
    nights = [realised_on(doors, day) for day in dates]
    lost = [night for night in nights if night.verdict is Hindsight.LOSS]
    return Outcome(
        code=ExitCode.DRIFT_ALARM if lost else ExitCode.OK,
        headline=f"outcomes {doors.dataset.name}: {done}; {_verdicts(nights)}",
        figures={
            **left_out,
            **_one_sided(nights),
            **({"realised loss": f"{lost[-1].day}: {lost[-1].reason}"} if lost else {}),
            **_by_version(realised(doors, known_at)),
            "files": str(doors.lake.path(doors.partition(KIND, dates[-1]))),
        },
        table=_table(nights, regression=doors.dataset.task == "regression"),
    )


def _wanted(doors: Doors, known_at: date) -> tuple[date, ...]:
    """Returns the nights that `date=` names; of `auto` those published and ripe whose scores have no outcomes yet."""
    if doors.settings.date != AUTO:
        return doors.settings.dates
    horizon, name = timedelta(days=doors.dataset.horizon_days), doors.settings.dataset.name
    published = doors.lake.days("predictions", name)
    return tuple(day for day in published if day + horizon <= known_at and not _has_outcomes(doors, day))


def _has_outcomes(doors: Doors, day: date) -> bool:
    scores, known = (doors.lake.manifest(doors.partition(kind, day)) for kind in ("predictions", KIND))
    return bool(scores and known and known.inputs["predictions"] == scores.content)


def _with_window(
    doors: Doors, raw: RawDays, wanted: Sequence[date], *, known_at: date
) -> tuple[tuple[date, ...], dict[str, str]]:
    """Returns the nights whose label window is whole, and of `date=auto` what is told of the others.

    Raises:
        DataError: a night that was named is not ripe, or raw days are missing from its window.
    """
    if doors.settings.date != AUTO:
        require_ripe(doors, raw, wanted, known_at=known_at)
        return tuple(wanted), {}
    lacking: dict[date, DataError] = {}
    for day in wanted:
        try:
            require_ripe(doors, raw, [day], known_at=known_at)
        except DataError as error:
            log.warning("%s: %s", error.where, error.found)
            lacking[day] = error
    whole = tuple(day for day in wanted if day not in lacking)
    if not lacking:
        return whole, {}
    return whole, {"nights left out": f"{len(lacking):,}, {min(lacking)}: {lacking[min(lacking)].found}"}


def _verdicts(nights: Sequence[Realised]) -> str:
    counts = {verdict: sum(night.verdict is verdict for night in nights) for verdict in Hindsight}
    return ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items() if count)


def _one_sided(nights: Sequence[Realised]) -> dict[str, str]:
    """Returns how many customers of the nights had a score and no label, or a label and no score."""
    unlabelled, unscored = sum(night.unlabelled for night in nights), sum(night.unscored for night in nights)
    if not unlabelled + unscored:
        return {}
    return {"customers left out": f"{unlabelled:,} with a score and no label, {unscored:,} with a label and no score"}


def _by_version(nights: Iterable[Realised]) -> dict[str, str]:
    found = tuple(nights)
    versions = sorted({night.version for night in found})
    return {f"version {version}": _over([night for night in found if night.version == version]) for version in versions}


def _over(nights: Sequence[Realised]) -> str:
    """Returns in words what a version's nights come to; those whose labels it had learned are only counted."""
    fair = [night for night in nights if not night.learned]
    name = "rmse" if any("rmse" in night.figures for night in fair) else "auc"
    pooled = Pooled.of([night.figures[name] for night in fair if name in night.figures])
    told = [f"{len(nights):,} nights, {nights[0].day} to {nights[-1].day}"]
    if pooled:
        spread = f"95 % {pooled.low:.4g} to {pooled.high:.4g} whatever they share"
        nightly = f"single nights {pooled.least:.4g} to {pooled.most:.4g}"
        told += [f"mean {name.upper()} {pooled.figure:.4g} ({spread}; {nightly})"]
    foresight = Foresight.of(fair)
    if foresight:
        sd = "" if foresight.sd is None else f", sd {foresight.sd:.4f}"
        told += [f"realised minus estimated AUC {foresight.mean:+.4f}{sd} over {foresight.nights:,} nights"]
    return "; ".join(told)


_Cell = Callable[[Realised], str]
_BINARY: dict[str, _Cell] = {
    "base rate": lambda night: _cell(night, "base_rate"),
    "AUC (95 %)": lambda night: _cell(night, "auc", spread=True),
    "estimated": lambda night: _estimated(night.figures.get("auc")),
    "at training": lambda night: f"{night.at_training:.4f}",
    "Brier": lambda night: _cell(night, "brier"),
    "score - rate (95 %)": lambda night: _cell(night, "calibration", spread=True, sign="+"),
    "slope": lambda night: _cell(night, "calibration_slope", digits=".2f"),
    "lift": lambda night: _cell(night, "lift", digits=".2f"),
    "profit a customer": lambda night: _cell(night, "profit", digits=".3f"),
}
_REGRESSION: dict[str, _Cell] = {
    "mean label": lambda night: _cell(night, "mean_label", digits=".4g"),
    "RMSE (95 %)": lambda night: _cell(night, "rmse", digits=".4g", spread=True),
    "at training": lambda night: f"{night.at_training:.4g}",
    "MAE": lambda night: _cell(night, "mae", digits=".4g"),
    "bias (95 %)": lambda night: _cell(night, "bias", digits=".4g", spread=True, sign="+"),
    "deviance": lambda night: _cell(night, "deviance", digits=".4g"),
}


def _table(nights: Sequence[Realised], *, regression: bool) -> Table:
    cells = _REGRESSION if regression else _BINARY
    return Table(
        header=("night", "version", "verdict", "n", *cells),
        rows=tuple(
            (
                str(night.day),
                str(night.version),
                night.verdict,
                f"{night.n:,}",
                *(cell(night) for cell in cells.values()),
            )
            for night in nights
        ),
    )


def _cell(night: Realised, name: str, *, digits: str = ".4f", spread: bool = False, sign: str = "") -> str:
    found, form = night.figures.get(name), f"{sign}{digits}"
    if found is None:
        return "-"
    return f"{found.figure:{form}}" + (f" ({found.low:{form}} to {found.high:{form}})" if spread else "")


def _estimated(area: Figure | None) -> str:
    return "-" if area is None or area.estimated is None else f"{area.estimated:.4f}"
