"""Brings published nights to the dataset's sinks: those that a sink has not had, or all that are named again.

Scoring does the same when it has published a night; this is for what failed then, and for a sink that is new.
"""

from __future__ import annotations

from churn.deliveries import Courier
from churn.doors import Doors
from churn.errors import SettingsError
from churn.progress import Progress
from churn.reports.outcome import Outcome
from churn.settings import AUTO, Settings
from churn.settings.stages import DeliverStage


def run(settings: Settings) -> Outcome:
    """Delivers every date; `date=auto` is every published night that a sink has not had."""
    doors, name = Doors(settings), settings.dataset.name
    if not settings.dataset.sinks:
        action = "declare some (conf/dataset/README.md shows how)"
        raise SettingsError(where=f"conf/dataset/{name}.yaml", found="dataset.sinks is empty", action=action)
    courier = Courier(doors, again=settings.stage_as(DeliverStage).again)
    days = courier.due(doors.lake.days("predictions", name)) if settings.date == AUTO else settings.dates
    with Progress("deliver", total=len(days), unit="nights") as progress:
        for day in days:
            courier.bring(day)
            progress.add()
    nights = f"{len(days):,} nights from {days[0]} to {days[-1]}" if days[1:] else f"{days[0] if days else 'no night'}"
    return courier.told(Outcome(headline=f"deliver {name}: {nights}"))
