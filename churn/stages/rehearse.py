"""Measures how often the gates would promote what they should not: a clone, a slightly worse model, shuffled labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from churn.champion import require_champion
from churn.doors import Doors
from churn.progress import Progress
from churn.raw_days import bring
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import RehearseStage

if TYPE_CHECKING:
    from churn.promotion.rehearsal import Rehearsed


def run(settings: Settings) -> Outcome:
    """Returns a row a kind of challenger; nothing is recorded and nothing moves."""
    from churn.case import lay_out
    from churn.promotion.rehearsal import Challenger, rehearse

    stage = settings.stage_as(RehearseStage)
    doors = Doors(settings.at(stage.promote))
    bring(doors, doors.day)
    champion = require_champion(doors)
    evidence = lay_out(doors, champion, champion=None).evidence
    with Progress("rehearse", total=len(Challenger) * stage.trials, unit="trials") as progress:
        found = rehearse(
            stage.promote.gates,
            replace(evidence, champion=evidence.challenger),
            trials=stage.trials,
            worse_by=stage.worse_by,
            seed=stage.seed,
            on_insufficient=stage.promote.on_insufficient,
            on_trial=progress.add,
        )
    return Outcome(
        headline=f"rehearse {settings.dataset.name}: what the gates let through on rows like these",
        figures={
            "champion": f"version {champion.version} of {settings.dataset.model_name}",
            "rows": f"{evidence.size}, drawn anew in each of {stage.trials:,} trials",
        },
        table=Table(
            header=("challenger", "worse by", "promoted", "95 % interval", "promoted by >="),
            rows=tuple(_row(one, unit="AUC" if evidence.task == "binary" else "RMSE") for one in found),
        ),
    )


def _row(one: Rehearsed, *, unit: str) -> tuple[str, ...]:
    low, high = (f"{100 * end:.1f}" for end in one.interval)
    return (
        str(one.challenger),
        f"{one.gap:+.4f} {unit}",
        f"{one.promoted:,} of {one.trials:,} ({100 * one.promoted / one.trials:.1f} %)",
        f"{low} to {high} %",
        f"{100 * one.promoted_by_at_least / one.trials:.1f} %",
    )
