"""What is laid before the gates, and what does the case file show of it?

Both models score the same ripe rows now; what no model sees (protected attributes) and what others measured (the leak
check, the bundle's size and speed) is laid beside the scores.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import polars as pl

from churn.champion import Champion, learned_dates
from churn.doors import Doors
from churn.errors import DataError
from churn.labelled import Labelled, read_labelled, read_protected, table_fingerprint
from churn.night import walker
from churn.promotion.curves import precision_recall, roc
from churn.promotion.diagrams import captured, recalibrated
from churn.promotion.evidence import Cost, Evidence
from churn.promotion.groups import group_rates
from churn.promotion.measures import compare, estimates, figure_of, standard
from churn.promotion.slices import Slice, WeakSlices, weak_slices
from churn.promotion.stability import moves
from churn.promotion.suspicion import Leaks
from churn.promotion.verdict import Verdict
from churn.reports.case import CaseFile, Compared, Curves, case_page
from churn.settings.stages import PromoteStage
from churn.stores.parquet import read_table
from churn.training.bundle import Bundle
from churn.training.split import Part

LEAK_CODE = ("promotion", "stages/leakcheck.py")
"""What a leak check was made by: one by other code is none."""
_TIMED_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Challenger and champion (None: nobody was ever promoted), the rows that judge them, and the evidence."""

    challenger: Champion
    champion: Champion | None
    rows: Labelled
    evidence: Evidence


def lay_out(doors: Doors, challenger: Champion, *, champion: Champion | None) -> Case:
    """Returns the case of a challenger on its ripe test rows, scored by both now.

    Raises:
        DataError: the champion learned labels of those rows, or they are not ripe, or not as they were.
    """
    rows = read_labelled(doors, _test_part(challenger.bundle, champion), known_at=doors.day)
    evidence = Evidence(
        labels=rows.labels,
        challenger=_scores(doors, challenger.bundle, rows.features),
        champion=_scores(doors, champion.bundle, rows.features) if champion else None,
        customers=rows.customers,
        task=challenger.bundle.task,
        protected=read_protected(doors, rows),
        features=rows.features.drop(doors.dataset.key),
        campaign=doors.settings.stage_as(PromoteStage).campaign,
        leaks=_leaks(doors, challenger.bundle),
        cost=_cost(doors, challenger.bundle, rows),
    )
    return Case(challenger=challenger, champion=champion, rows=rows, evidence=evidence)


def _test_part(challenger: Bundle, champion: Champion | None) -> Part:
    """Returns the challenger's test rows, of which the champion must not have learned a label."""
    test = Part.from_json(challenger.lineage["parts"]["test"])
    if champion is None:
        return test
    known = learned_dates(champion, test, horizon_days=challenger.horizon_days)
    if known:
        found = f"the champion (version {champion.version}) learned labels of the test dates "
        after = (
            f"split=by_time, so that it tests at least {challenger.horizon_days} days after what the champion learned"
        )
        raise DataError(
            where="promote", found=found + ", ".join(map(str, known)), action=f"train the challenger {after}"
        )
    return test


def _scores(doors: Doors, bundle: Bundle, features: pl.DataFrame) -> npt.NDArray[Any]:
    return bundle.scorer(num_threads=doors.settings.resources.threads).scores(features)


def _cost(doors: Doors, bundle: Bundle, rows: Labelled) -> Cost:
    """Returns the bundle's size, and the time a row of what scores a night of as many customers as the last tested."""
    some = rows.features.head(_TIMED_ROWS)
    walks, _ = walker(doors, bundle, rows.days.max().item(), engine="numba")
    scorer = bundle.scorer(num_threads=doors.settings.resources.threads, walker=walks)
    scorer.scores(some)  # the engine's code is loaded by now, and the first call finds cold caches
    started = time.perf_counter()
    scorer.scores(some)
    seconds = time.perf_counter() - started
    size = sum(len(content) for content in bundle.to_files().values())
    return Cost(bytes=size, microseconds_per_row=1e6 * seconds / some.height)


def _leaks(doors: Doors, challenger: Bundle) -> Leaks | None:
    """Returns what the leak check found on the challenger's own training table, and under which limits.

    None where it did not run on that, or ran by other code than today's.
    """
    lineage, code = challenger.lineage, doors.code(*LEAK_CODE)
    train, test = (Part.from_json(lineage["parts"][part]) for part in ("train", "test"))
    wanted = table_fingerprint(train, test, lineage["inputs"])
    for day in reversed(doors.lake.days("leaks", doors.settings.dataset.name)):
        partition = doors.partition("leaks", day)
        manifest = doors.lake.open(partition, made_by=doors.command("leakcheck", day))
        if manifest.inputs["training"] == wanted and manifest.inputs["code"] == code:
            limits = ", ".join(f"{name}={value}" for name, value in manifest.facts["limits"].items())
            return Leaks.from_table(read_table(doors.lake.path(partition) / "leaks.parquet"), settings=limits)
    return None


def case_of(doors: Doors, case: Case, verdict: Verdict, *, reason: str, shadow: tuple[str, ...]) -> str:
    """Returns the case file of a decision as one HTML page."""
    evidence = case.evidence
    champion, share, binary = evidence.champion, evidence.campaign.share, evidence.task == "binary"
    file = CaseFile(
        title=f"Promotion of {doors.settings.dataset.model_name}, {doors.day}",
        figures={
            "challenger": f"version {case.challenger.version}",
            "champion": f"version {case.champion.version}" if case.champion else "none yet",
            "verdict": f"{verdict.answer}: {'promote' if verdict.promote else 'keep the champion'}",
            "reason": reason,
            "rows": evidence.size,
        },
        findings=verdict.findings,
        metrics=_compared(evidence),
        challenger=_curves(evidence, evidence.challenger) if binary else None,
        champion=_curves(evidence, champion) if binary and champion is not None else None,
        groups=group_rates(evidence) if evidence.protected is not None and binary else (),
        slices=_slices(doors, evidence),
        list_share=share,
        moves=None if champion is None else moves(evidence.challenger, champion, share=share),
        shadow=shadow,
    )
    return case_page(file)


def _compared(evidence: Evidence) -> tuple[Compared, ...]:
    metrics = standard(evidence.task, evidence.campaign)
    found, champion = estimates(metrics, evidence), evidence.champion
    return tuple(
        Compared(
            name=metric.kind,
            unit=metric.unit,
            challenger=found[metric.kind],
            champion=None if champion is None else figure_of(metric, evidence, champion),
            gain=None if champion is None else compare(metric, evidence),
        )
        for metric in metrics
    )


def _curves(evidence: Evidence, scores: npt.NDArray[Any]) -> Curves:
    return Curves(
        roc=roc(evidence.labels, scores),
        precision_recall=precision_recall(evidence.labels, scores),
        recalibrated=recalibrated(evidence.labels, scores),
        captured=captured(evidence.labels, scores),
    )


def _slices(doors: Doors, evidence: Evidence) -> tuple[Slice, ...]:
    gates = doors.settings.stage_as(PromoteStage).gates.values()
    wanted = [gate.minimum_n for gate in gates if isinstance(gate, WeakSlices)]
    return weak_slices(evidence, minimum_n=wanted[0]) if wanted else ()
