"""What is laid before the gates, and what does the case file show of it?

Both models score the same ripe rows now; what no model sees (protected attributes) and what others measured (the leak
check, the bundle's size and speed) is laid beside the scores.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from churn.champion import Champion
from churn.doors import Doors
from churn.labelled import Labelled, read_protected, table_fingerprint
from churn.promotion.curves import precision_recall, roc
from churn.promotion.diagrams import captured, recalibrated
from churn.promotion.evidence import Cost, Evidence
from churn.promotion.fairness import group_rates
from churn.promotion.gates import WeakSlices
from churn.promotion.measures import compare, estimates, figure_of, standard
from churn.promotion.slices import Slice, weak_slices
from churn.promotion.stability import moves
from churn.promotion.suspicion import Leaks
from churn.promotion.verdict import Verdict
from churn.reports.case import CaseFile, Compared, Curves, case_page
from churn.settings.stages import PromoteStage
from churn.stores.parquet import read_table
from churn.training.bundle import Bundle
from churn.training.split import Part


def lay_out(doors: Doors, rows: Labelled, challenger: Bundle, champion: Champion | None) -> Evidence:
    """Returns the evidence of the rows that neither model was trained on."""
    started = time.perf_counter()
    scores = _scores(doors, challenger, rows)
    seconds = time.perf_counter() - started
    return Evidence(
        labels=rows.labels,
        challenger=scores,
        champion=_scores(doors, champion.bundle, rows) if champion else None,
        customers=rows.customers,
        task=challenger.task,
        protected=read_protected(doors, rows),
        features=rows.features.select(challenger.encoding.features),
        campaign=doors.settings.stage_as(PromoteStage).campaign,
        leaks=_leaks(doors, challenger),
        cost=Cost(
            bytes=sum(map(len, challenger.to_files().values())), microseconds_per_row=1e6 * seconds / len(rows.labels)
        ),
    )


def _scores(doors: Doors, bundle: Bundle, rows: Labelled) -> npt.NDArray[Any]:
    return bundle.scorer(num_threads=doors.settings.resources.threads).scores(rows.features)


def _leaks(doors: Doors, challenger: Bundle) -> Leaks | None:
    """Returns what the leak check found on the challenger's own training table; None where it did not run on that."""
    lineage = challenger.lineage
    train, test = (Part.from_json(lineage["parts"][part]) for part in ("train", "test"))
    wanted = table_fingerprint(train, test, lineage["inputs"])
    for day in reversed(doors.lake.days("leaks", doors.settings.dataset.name)):
        partition = doors.partition("leaks", day)
        manifest = doors.lake.open(partition, made_by=doors.command("leakcheck", day))
        if manifest.inputs["training"] == wanted:
            return Leaks.from_table(read_table(doors.lake.path(partition) / "leaks.parquet"))
    return None


def case_of(
    doors: Doors, evidence: Evidence, verdict: Verdict, *, figures: Mapping[str, str], shadow: tuple[str, ...]
) -> str:
    """Returns the case file of a decision as one HTML page."""
    champion, share, binary = evidence.champion, evidence.campaign.share, evidence.task == "binary"
    case = CaseFile(
        title=f"Promotion of {doors.settings.dataset.model_name}, {doors.day}",
        figures=figures,
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
    return case_page(case)


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
