"""Names features and rows of a training table that are suspicious of knowing the label (exit code 3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn.doors import Doors
from churn.errors import ExitCode
from churn.reports.outcome import Outcome, Table
from churn.settings import LeakcheckStage, Settings
from churn.stages import features, train

if TYPE_CHECKING:
    from churn.promotion.suspicion import Rows, Suspicion
    from churn.training.split import Part

_DATE = "date"


def run(settings: Settings) -> Outcome:
    """Returns what is suspicious, with its evidence, and what came nearest to each limit."""
    from churn.promotion.leaks import find_leaks

    stage = settings.stage_as(LeakcheckStage)
    doors = Doors(settings.at(stage.train))
    split = train.prepare(doors)
    learned, tested = _rows(doors, split.train), _rows(doors, split.test)
    found = find_leaks(
        learned,
        tested,
        features=doors.dataset.features,
        identity=[doors.dataset.key, _DATE],
        limits=stage.limits,
        model=settings.model,
        num_threads=settings.resources.threads,
    )
    suspicions = (*found.suspicions, *_foresight(doors, split.test.dates[-1]))
    return Outcome(
        code=ExitCode.DATA if suspicions else ExitCode.OK,
        headline=f"leakcheck {settings.dataset.name}: {len(suspicions)} suspicions",
        figures={
            "looked at": f"{len(doors.dataset.features)} features, {len(learned.labels):,} rows to learn from, "
            f"{len(tested.labels):,} to test on",
            **{f"nearest ({near.kind})": _spelled(near) for near in found.nearest},
        },
        table=_table(suspicions) if suspicions else None,
    )


def _rows(doors: Doors, part: Part) -> Rows:
    import polars as pl

    from churn.labelled import read_labelled
    from churn.promotion.suspicion import Rows

    rows = read_labelled(doors, part, known_at=doors.day)
    return Rows(frame=rows.features.with_columns(pl.Series(_DATE, rows.days)), labels=rows.labels)


def _foresight(doors: Doors, day: date) -> tuple[Suspicion, ...]:
    """Returns the features at `day` that change when the SQL is shown that day as well."""
    import polars as pl

    from churn.promotion.foresight import changed

    before, after = (pl.concat(features.unchecked(doors, day, seen=seen)) for seen in (day, day + timedelta(days=1)))
    return changed(before, after, key=doors.dataset.key)


def _spelled(one: Suspicion) -> str:
    interval = f" ({one.interval[0]:.4g} to {one.interval[1]:.4g})" if one.interval else ""
    return f"{one.feature or 'rows'}: {one.figure:.4g}{interval} {one.unit}, limit {one.limit:.4g}, n = {one.n:,}"


def _table(suspicions: Sequence[Suspicion]) -> Table:
    rows = tuple((one.feature or "rows", str(one.kind), _spelled(one), one.reason) for one in suspicions)
    return Table(header=("what", "suspicion", "evidence", "reason"), rows=rows)
