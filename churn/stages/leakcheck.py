"""Names features and rows of a training table that are suspicious of knowing the label (exit code 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn.doors import Doors
from churn.errors import ExitCode
from churn.raw_days import in_lake
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import LeakcheckStage
from churn.stages import features, train
from churn.stores.partition import fingerprint

if TYPE_CHECKING:
    from churn.promotion.suspicion import Leaks, Rows, Suspicion
    from churn.training.split import Split


def run(settings: Settings) -> Outcome:
    """Returns what is suspicious, with its evidence, and what came nearest to each limit."""
    from churn.labelled import read_labelled
    from churn.promotion.suspicion import Rows

    stage = settings.stage_as(LeakcheckStage)
    doors = Doors(settings.at(stage.train))
    split = train.prepare(doors)
    learned_from, tested_on = (read_labelled(doors, part, known_at=doors.day) for part in (split.train, split.test))
    learned, tested = (Rows(frame=rows.features, labels=rows.labels) for rows in (learned_from, tested_on))
    shown = _shown(doors, split.dates)
    found = _leaks(doors, learned, tested, stage=stage)
    suspicions = (*found.suspicions, *(_foresight(doors, shown) if shown.tables else ()))
    if shown.tables:  # what could not be looked at is no clean answer for the gate
        told = replace(found, suspicions=suspicions)
        _publish(stage, doors, told, split=split, inputs=learned_from.inputs | tested_on.inputs)
    rows = f"{len(learned.labels):,} rows to learn from, {len(tested.labels):,} to test on"
    return Outcome(
        code=ExitCode.DATA if suspicions or not shown.tables else ExitCode.OK,
        headline=f"leakcheck {settings.dataset.name}: {len(suspicions)} suspicions",
        figures={
            "looked at": f"{len(doors.dataset.features)} features, {rows}",
            "later days": str(shown),
            **{f"nearest ({near.kind})": _spelled(near) for near in found.nearest},
        },
        table=_table(suspicions) if suspicions else None,
    )


def _leaks(doors: Doors, learned: Rows, tested: Rows, *, stage: LeakcheckStage) -> Leaks:
    from churn.promotion.leaks import find_leaks

    return find_leaks(
        learned,
        tested,
        features=doors.dataset.features,
        identity=[doors.dataset.key, *(feature.name for feature in doors.dataset.features)],
        limits=stage.limits,
        model=replace(doors.settings.model, num_iterations=stage.num_iterations),
        num_threads=doors.settings.resources.threads,
    )


def _publish(stage: LeakcheckStage, doors: Doors, found: Leaks, *, split: Split, inputs: dict[str, str]) -> None:
    """Publishes what was found, for the gate that asks whether the check ran clean on a candidate's training table."""
    from churn.case import LEAK_CODE
    from churn.labelled import table_fingerprint
    from churn.stores.parquet import write_table

    table, limits = found.to_table(), {"num_iterations": stage.num_iterations, **asdict(stage.limits)}
    made_from = {
        "training": table_fingerprint(split.train, split.test, inputs),
        "limits": fingerprint(limits),
        "code": doors.code(*LEAK_CODE),
    }
    with doors.lake.publish(doors.partition("leaks", doors.day), inputs=made_from) as staging:
        write_table(staging.path / "leaks.parquet", table)
        staging.rows["leaks.parquet"] = table.height
        staging.facts["limits"] = limits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A date whose features are seen again with the days [day, end), and which raw tables have rows there."""

    day: date
    end: date
    tables: tuple[str, ...]
    blind: tuple[str, ...]

    def __str__(self) -> str:
        if not self.tables:
            return f"insufficient evidence: no raw table has a row from {self.day} on and before {self.end}"
        blind = f"; nothing can be told of {', '.join(self.blind)}, without a row there" if self.blind else ""
        return f"features at {self.day} seen again with the raw days before {self.end}{blind}"


def _shown(doors: Doors, dates: Sequence[date]) -> _Shown:
    """Returns the date in whose label window the most raw tables have rows, the newest of several."""
    raw = in_lake(doors).manifests

    def at(day: date) -> _Shown:
        end = day + timedelta(days=doors.dataset.horizon_days)
        window = [manifest.facts["tables"] for past, manifest in raw.items() if day <= past < end]
        names = [table.name for table in doors.dataset.tables]
        seen = [name for name in names if any(name in tallies and tallies[name]["kept"] for tallies in window)]
        return _Shown(day=day, end=end, tables=tuple(seen), blind=tuple(name for name in names if name not in seen))

    return max(map(at, dates), key=lambda shown: (len(shown.tables), shown.day))


def _foresight(doors: Doors, shown: _Shown) -> tuple[Suspicion, ...]:
    """Returns the features that change when the SQL is shown later days as well.

    Both tables of this one date are in memory, as the training table of all dates is anyway.
    """
    import polars as pl

    from churn.promotion.foresight import changed

    day, end = shown.day, shown.end
    before, after = (pl.concat(features.unchecked(doors, day, seen=seen)) for seen in (day, end))
    return changed(before, after, key=doors.dataset.key)


def _spelled(one: Suspicion) -> str:
    interval = f" ({one.interval[0]:.4g} to {one.interval[1]:.4g})" if one.interval else ""
    return f"{one.feature or 'rows'}: {one.figure:.4g}{interval} {one.unit}, limit {one.limit:.4g}, n = {one.n:,}"


def _table(suspicions: Sequence[Suspicion]) -> Table:
    rows = tuple((one.feature or "rows", str(one.kind), _spelled(one), one.reason) for one in suspicions)
    return Table(header=("what", "suspicion", "evidence", "reason"), rows=rows)
