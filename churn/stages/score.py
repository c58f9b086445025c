"""Scores every customer of a date with the champion and publishes the predictions.

Chunks of the features partition stream through the champion into one parquet file; every row carries the version that
scored it, and the highest scores get their reasons in a file beside them. What is published goes on to the dataset's
sinks, and one that fails does not undo it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from churn.champion import Champion, champion_of, champion_tonight, scored_by
from churn.deliveries import Courier
from churn.doors import Doors
from churn.errors import ChurnError
from churn.explained import Wanted, told, wanted_tonight
from churn.night import publish
from churn.nights import nights, no_night
from churn.reports.outcome import Outcome, dates_done
from churn.settings import STALE, Settings
from churn.settings.stages import ScoreStage
from churn.shadow import KIND as SHADOW
from churn.shadow import find_shadow
from churn.stores.partition import Manifest

log = logging.getLogger(__name__)


def run(settings: Settings) -> Outcome:
    """Publishes `predictions/<dataset>/date=D` for every date that is missing or was made from other inputs.

    Every date's predictions are brought to the sinks that have not had them.
    """
    doors = Doors(settings)
    reasons = wanted_tonight(doors)
    found = nights(doors, "predictions")
    if not found.dates:
        return no_night(settings, found)
    dates = found.dates
    champions = _champions(doors, dates)
    built, courier = 0, Courier(doors)
    for day, is_new in zip(dates, _published(doors, champions, reasons), strict=True):
        built += is_new
        courier.bring(day)
    if champions[dates[-1]].confirmed:
        _score_in_shadow(doors, dates)
    last = doors.lake.manifest(doors.partition("predictions", dates[-1]))
    outcome = Outcome(
        headline=f"score {settings.dataset.name}: {dates_done('scored', done=built, total=len(dates))}",
        figures={
            "rows": f"{last.rows if last else 0:,} customers on {dates[-1]}",
            "segments": _segments(last),
            **told(last),
            "champion": _named(champions[dates[-1]], settings.dataset.model_name),
            "files": str(doors.lake.path(doors.partition("predictions", dates[-1]))),
        },
    )
    return courier.told(found.told(outcome))


def _published(doors: Doors, champions: Mapping[date, Champion], reasons: Wanted | None) -> Iterator[bool]:
    """Yields for each night, once it is published, whether that was needed: here, or on the workers of a cluster."""
    stage = doors.settings.stage_as(ScoreStage)
    if stage.cluster is None:
        yield from (_publish(doors, champion, day, reasons=reasons) for day, champion in champions.items())
        return
    from churn.stores.cluster import over_cluster

    asked = [(doors.settings, day, champion) for day, champion in champions.items()]
    yield from over_cluster(stage.cluster, publish_elsewhere, asked)


def publish_elsewhere(asked: tuple[Settings, date, Champion]) -> bool:
    """Publishes one night on a worker of a cluster, whose root is the same as here; returns whether it was needed."""
    settings, day, champion = asked
    doors = Doors(settings)
    return _publish(doors, champion, day, reasons=wanted_tonight(doors))


def _publish(doors: Doors, champion: Champion, day: date, *, reasons: Wanted | None) -> bool:
    stage = doors.settings.stage_as(ScoreStage)
    return publish(
        doors,
        champion,
        day,
        engine=stage.engine,
        reasons=reasons,
        uncertain=stage.uncertainty,
        profiled=stage.profile,
    )


def _named(champion: Champion, model: str) -> str:
    doubt = "" if champion.confirmed else " (the last champion known: the registry does not answer)"
    return f"version {champion.version} of {model}{doubt}"


def _champions(doors: Doors, dates: Sequence[date]) -> dict[date, Champion]:
    model = doors.settings.stage_as(ScoreStage).model
    if model == "as_of":
        return {day: champion_of(doors, day) for day in dates}
    champion = champion_tonight(doors)
    if model == "same" or doors.settings.date == STALE:
        return {day: scored_by(doors, champion, day) for day in dates}
    return dict.fromkeys(dates, champion)


def _segments(manifest: Manifest | None) -> str:
    counts: dict[str, int] = manifest.facts["segments"] if manifest else {}
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _score_in_shadow(doors: Doors, dates: Sequence[date]) -> None:
    challenger = find_shadow(doors)
    if challenger is None:
        return
    for day in dates:
        try:
            publish(doors, challenger, day, engine=doors.settings.stage_as(ScoreStage).engine, kind=SHADOW)
        except ChurnError as error:  # the night's own scores are published
            log.warning("%s is not scored in the shadow: %s", day, error)
