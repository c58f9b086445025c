"""The case file of a decision, read back: well-formed, nothing to load, every figure of both models, no customer."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
from scipy.special import expit

from churn.findings import Answer, Finding
from churn.promotion.curves import precision_recall, roc
from churn.promotion.diagrams import captured, recalibrated
from churn.promotion.evidence import Evidence
from churn.promotion.groups import group_rates
from churn.promotion.measures import compare, estimates, figure_of, standard
from churn.promotion.stability import moves
from churn.reports.case import CaseFile, Compared, Curves, case_page
from tests.promotion.campaign import CAMPAIGN

RNG = np.random.default_rng(5)
N = 1500
LOGITS = RNG.normal(-2, 1.2, N)
LABELS = (RNG.random(N) < expit(LOGITS)).astype(int)
OURS, THEIRS = expit(LOGITS), expit(LOGITS + RNG.normal(0, 0.8, N))
GROUPS = pl.DataFrame({"age_band": np.where(np.arange(N) % 3 == 0, "18-29", "30-44")})
EVIDENCE = Evidence(labels=LABELS, challenger=OURS, champion=THEIRS, protected=GROUPS, campaign=CAMPAIGN)
FINDING = Finding(
    check="auc_floor",
    answer=Answer.FAIL,
    figure=0.61234,
    interval=(0.58, 0.64),
    limit=0.65,
    n=N,
    smallest_effect=0.03,
    unit="AUC",
    reason="AUC under <the> floor & more",
)


def curves(scores: np.ndarray) -> Curves:
    return Curves(
        roc=roc(LABELS, scores),
        precision_recall=precision_recall(LABELS, scores),
        recalibrated=recalibrated(LABELS, scores),
        captured=captured(LABELS, scores),
    )


def case() -> CaseFile:
    metrics = standard("binary", CAMPAIGN)
    found = estimates(metrics, EVIDENCE)
    return CaseFile(
        title="Promotion of churn-predictor, 2026-01-05",
        figures={"verdict": "fail: keep the champion", "rows": f"{N:,} rows"},
        findings={"auc_floor": FINDING},
        metrics=tuple(
            Compared(
                name=metric.kind,
                unit=metric.unit,
                challenger=found[metric.kind],
                champion=figure_of(metric, EVIDENCE, THEIRS),
                gain=compare(metric, EVIDENCE),
            )
            for metric in metrics
        ),
        challenger=curves(OURS),
        champion=curves(THEIRS),
        groups=group_rates(EVIDENCE),
        slices=(),
        list_share=0.1,
        moves=moves(OURS, THEIRS, share=0.1),
        shadow=("2026-01-04: rank correlation 0.9",),
    )


def first(whole: CaseFile) -> CaseFile:
    alone = tuple(replace(one, champion=None, gain=None) for one in whole.metrics)
    return replace(whole, champion=None, moves=None, shadow=(), metrics=alone, groups=())


def sections(page: str) -> dict[str, str]:
    return {
        section.findtext("h2") or "": " ".join(section.itertext()) for section in ET.fromstring(page).iter("section")
    }


def test_the_page_shows_every_gate_metric_curve_and_group() -> None:
    whole = case()
    found = sections(case_page(whole))
    assert list(found) == [
        "Gates",
        "Figures",
        "ROC curve",
        "Precision and recall",
        "Reliability (CORP)",
        "Captured positives",
        "Fairness",
        "Top list",
        "In the shadow",
    ]
    assert "AUC under <the> floor & more" in found["Gates"]
    assert "0.6123" in found["Gates"]
    for one in whole.metrics:
        assert f"{one.challenger.figure:.4g}" in found["Figures"]
        assert one.gain is not None
        assert f"{one.gain.difference:.4g}" in found["Figures"]
    assert "18-29" in found["Fairness"]
    assert whole.moves is not None
    assert f"would leave {whole.moves.leave:,}" in " ".join(found["Top list"].split())
    assert "dotted line is the champion's" in found["ROC curve"]


def test_a_first_champion_has_no_one_beside_it() -> None:
    found = sections(case_page(first(case())))
    assert not {"Top list", "In the shadow", "Fairness"} & found.keys()
    assert "champion's" not in found["ROC curve"]


def test_a_regression_has_gates_and_figures_alone() -> None:
    whole = replace(first(case()), challenger=None)
    assert list(sections(case_page(whole))) == ["Gates", "Figures"]


def test_the_page_loads_nothing_and_is_the_same_for_the_same_case() -> None:
    page = case_page(case())
    assert page == case_page(case())
    assert not any(word in page for word in ("http://", "https://", "<script", "url("))
