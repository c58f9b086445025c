"""How does a challenger do beside the champion, before anything depends on it?

The version that bears the alias `shadow` scores every night that the champion scores, into a partition of its own that
no sink and no reader takes for the night's scores. After enough nights `stage=promote` may move the alias.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from churn.champion import Champion, version_of
from churn.doors import Doors
from churn.errors import ChurnError

if TYPE_CHECKING:
    from churn.training.bundle import Bundle

KIND = "shadow"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowNight:
    """One night that both scored: `n` customers, Spearman's rank correlation (None: a constant score), lists, drift.

    `top_shared` of the `top` customers of the champion's first segment are in the challenger's, too; `psi` is that of
    the challenger's scores against its own reference.
    """

    night: date
    n: int
    rank_correlation: float | None
    top: int
    top_shared: int
    psi: float | None

    def __str__(self) -> str:
        """Returns the night as one line for a person."""
        correlation = "none" if self.rank_correlation is None else f"{self.rank_correlation:.3f}"
        psi = "none" if self.psi is None else f"{self.psi:.4f}"
        lists = f"{self.top_shared:,} of {self.top:,} of the top list shared"
        return f"{self.night}: rank correlation {correlation}, {lists}, PSI of its scores {psi} (n = {self.n:,})"


def find_shadow(doors: Doors) -> Champion | None:
    """Returns the version that scores in the shadow; None where none does, or it cannot be had.

    What is wrong with a shadow costs no night its scores.
    """
    try:
        registered = doors.registry.shadow()
        return version_of(doors, registered.version) if registered else None
    except ChurnError as error:
        log.warning("no shadow scores tonight: %s", error)
        return None


def shadow_nights(doors: Doors, challenger: Champion, *, champion: int, at_most: int) -> tuple[ShadowNight, ...]:
    """Returns the newest nights that the challenger has scored beside the champion since it was let, oldest first."""
    since = doors.registry.shadowed_since(challenger.version)
    if since is None or at_most == 0:
        return ()
    days = [day for day in doors.lake.days(KIND, doors.settings.dataset.name) if day >= date.fromisoformat(since)]
    beside = [day for day in days if _beside(doors, day, challenger=challenger.version, champion=champion)]
    return tuple(_night(doors, challenger, day) for day in beside[-at_most:])


def _beside(doors: Doors, day: date, *, challenger: int, champion: int) -> bool:
    """Returns whether both scored the same features of a night."""
    found = [doors.lake.manifest(doors.partition(kind, day)) for kind in (KIND, "predictions")]
    manifests = [manifest for manifest in found if manifest]
    versions = [manifest.facts["model_version"] for manifest in manifests]
    return versions == [challenger, champion] and len({manifest.inputs["features"] for manifest in manifests}) == 1


def _night(doors: Doors, challenger: Champion, day: date) -> ShadowNight:
    from churn.stores.agreement import agreement

    bundle, kinds = challenger.bundle, {"one": "predictions", "other": KIND}
    files = {name: doors.lake.path(doors.partition(kind, day)) / "scores.parquet" for name, kind in kinds.items()}
    found = agreement(doors.bench, **files, key=bundle.key, score=bundle.score_name, segment=bundle.segments[0][0])
    return ShadowNight(
        night=day,
        n=found.n,
        rank_correlation=found.rank_correlation,
        top=found.top,
        top_shared=found.top_shared,
        psi=_psi(bundle, files["other"], rows=doors.settings.resources.chunk_rows),
    )


def _psi(bundle: Bundle, scores: Path, *, rows: int) -> float | None:
    from churn.drift.bins import Bins
    from churn.drift.change import compare_column
    from churn.drift.profile import from_parquet, profile
    from churn.stores.parquet import read_chunks

    bins, reference = from_parquet(bundle.reference)
    at = [column.name for column in bins.columns].index(bundle.score_name)
    now = profile(Bins(columns=(bins.columns[at],)), read_chunks(scores, rows=rows))
    effect = compare_column(bins.columns[at], reference.counts[at], now.counts[0], alpha=0.05).psi
    return effect.distance if effect else None
