"""A challenger is promoted only where every gate passes or warns, and nothing that decides is missing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import pytest
from scipy.stats import norm

from churn.errors import DataError
from churn.findings import Answer, Finding
from churn.promotion.calibrated import CalibrationInTheLarge
from churn.promotion.duels import NonInferior, Superior
from churn.promotion.evidence import Evidence
from churn.promotion.floors import AucFloor
from churn.promotion.gates import Gate
from churn.promotion.metrics import Vector
from churn.promotion.verdict import MINIMUM_OF_EACH_CLASS, decide
from tests.promotion.campaign import CAMPAIGN

LABELS = np.repeat([0, 1], [300, 100])
PASS, WARN, FAIL, INSUFFICIENT = Answer.PASS, Answer.WARN, Answer.FAIL, Answer.INSUFFICIENT


def _scores(gap: float, labels: Vector = LABELS, *, seed: int = 0) -> Vector:
    return np.asarray(norm.cdf(labels * gap + np.random.default_rng(seed).normal(size=labels.size) - 1))


STRONG, WEAK = _scores(1.5), _scores(0.2)
SHAKEN = _scores(1.5, seed=1)  # as good as STRONG, in another order
FLOOR = AucFloor(kind="auc_floor", minimum=0.7)
SUPERIOR = Superior(kind="superior", alpha=0.05, metric=None)
NON_INFERIOR = NonInferior(kind="non_inferior", margin=0.02, alpha=0.05, metric=None)
CALIBRATION = CalibrationInTheLarge(kind="calibration_in_the_large", maximum=0.1)
ALL: dict[str, Gate] = {"floor": FLOOR, "better": SUPERIOR, "no_worse": NON_INFERIOR, "calibrated": CALIBRATION}


def _evidence(challenger: Vector, champion: Vector | None = None, *, labels: Vector = LABELS) -> Evidence:
    return Evidence(labels=labels, challenger=challenger, champion=champion, campaign=CAMPAIGN)


def test_a_challenger_that_passes_every_gate_is_promoted() -> None:
    found = decide(ALL, _evidence(STRONG, WEAK))
    assert (found.answer, found.promote, found.reason) == (PASS, True, "every gate passes")
    assert {name: finding.answer for name, finding in found.findings.items()} == dict.fromkeys(ALL, PASS)


def test_a_failure_keeps_the_champion_and_names_the_gates_that_failed() -> None:
    found = decide(ALL, _evidence(WEAK, STRONG))
    assert (found.answer, found.promote) == (FAIL, False)
    assert found.reason == "floor, better, no_worse: fail"
    assert found.findings["calibrated"].answer is PASS


def test_a_lack_of_evidence_keeps_the_champion_and_names_its_gates() -> None:
    found = decide({"floor": FLOOR, "better": SUPERIOR}, _evidence(SHAKEN, STRONG))
    assert (found.answer, found.promote) == (INSUFFICIENT, False)
    assert found.reason == "better: insufficient evidence"


def test_a_failure_outweighs_a_lack_of_evidence() -> None:
    found = decide({"floor": AucFloor(kind="auc_floor", minimum=0.99), "better": SUPERIOR}, _evidence(SHAKEN, STRONG))
    assert [finding.answer for finding in found.findings.values()] == [FAIL, INSUFFICIENT]
    assert (found.answer, found.promote, found.reason) == (FAIL, False, "floor: fail")


def test_a_warning_promotes_and_is_named() -> None:
    found = decide(ALL, _evidence(STRONG**0.2, WEAK))
    assert (found.answer, found.promote, found.reason) == (WARN, True, "calibrated: warn")


def test_a_lack_of_evidence_outweighs_a_warning() -> None:
    found = decide({"calibrated": CALIBRATION, "better": SUPERIOR}, _evidence(SHAKEN**0.2, STRONG))
    assert [finding.answer for finding in found.findings.values()] == [WARN, INSUFFICIENT]
    assert (found.answer, found.promote) == (INSUFFICIENT, False)


@pytest.mark.parametrize("champion", [None, WEAK])
def test_without_gates_nothing_is_ever_promoted(champion: Vector | None) -> None:
    found = decide({}, _evidence(STRONG, champion))
    assert (found.answer, found.promote, found.findings) == (INSUFFICIENT, False, {})
    assert "no gate does that" in found.reason


def test_a_first_champion_is_promoted_over_a_floor() -> None:
    found = decide(ALL, _evidence(STRONG))
    assert (found.answer, found.promote) == (PASS, True)
    assert found.findings["better"].figure is None


def test_a_first_champion_without_a_floor_is_not_promoted() -> None:
    gates = {name: gate for name, gate in ALL.items() if name != "floor"}
    found = decide(gates, _evidence(STRONG))
    assert {finding.answer for finding in found.findings.values()} == {PASS}
    assert (found.answer, found.promote) == (INSUFFICIENT, False)
    assert found.reason == "a first champion needs a floor, and no gate does that"


def test_a_champion_is_not_replaced_without_a_gate_that_compares() -> None:
    gates: dict[str, Gate] = {"floor": FLOOR, "calibrated": CALIBRATION}
    found = decide(gates, _evidence(STRONG, WEAK))
    assert {finding.answer for finding in found.findings.values()} == {PASS}
    assert (found.answer, found.promote) == (INSUFFICIENT, False)
    assert found.reason == "a champion is to be compared with, and no gate does that"


@pytest.mark.parametrize("gate", [SUPERIOR, NON_INFERIOR])
def test_either_comparison_alone_can_replace_a_champion(gate: Gate) -> None:
    assert decide({"any name": gate}, _evidence(STRONG, WEAK)).promote
    assert not decide({"any name": gate}, _evidence(WEAK, STRONG)).promote


@pytest.mark.parametrize("rarer_label", [0, 1])
@pytest.mark.parametrize(("rows", "promoted"), [(MINIMUM_OF_EACH_CLASS - 1, False), (MINIMUM_OF_EACH_CLASS, True)])
def test_fewer_than_20_rows_of_the_rarer_class_promote_nothing(rarer_label: int, rows: int, promoted: bool) -> None:
    labels = np.repeat([rarer_label, 1 - rarer_label], [rows, 400])
    found = decide({"floor": FLOOR}, _evidence(_scores(6.0, labels), labels=labels))
    assert found.findings["floor"].answer is PASS
    assert (found.promote, found.answer) == (promoted, PASS if promoted else INSUFFICIENT)
    assert promoted or found.reason == "19 rows of the rarer class, and an interval needs 20"


def test_a_failure_on_too_few_rows_stays_a_failure() -> None:
    labels = np.repeat([0, 1], [400, MINIMUM_OF_EACH_CLASS - 1])
    found = decide({"floor": FLOOR}, _evidence(1 - _scores(3.0, labels), labels=labels))
    assert (found.answer, found.promote) == (FAIL, False)


@pytest.mark.parametrize("champion", [None, WEAK])
def test_a_challenger_that_scores_nan_is_an_error_that_names_the_row(champion: Vector | None) -> None:
    challenger = STRONG.copy()
    challenger[11] = np.nan
    with pytest.raises(DataError, match="row 11"):
        decide(ALL, _evidence(challenger, champion))


def test_a_champion_that_scores_nan_is_an_error_and_no_absent_champion() -> None:
    champion = WEAK.copy()
    champion[12] = np.nan
    with pytest.raises(DataError, match="row 12"):
        decide(ALL, _evidence(STRONG, champion))


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_are_an_error(label: int) -> None:
    with pytest.raises(DataError, match=f"{400 * label} of 400 rows are positive"):
        decide(ALL, _evidence(STRONG, WEAK, labels=np.full(400, label)))


@pytest.mark.parametrize("champion", [None, WEAK, STRONG])
def test_a_verdict_is_json_of_plain_values(champion: Vector | None) -> None:
    found = decide(ALL, _evidence(STRONG, champion))
    fields = json.loads(json.dumps(asdict(found), allow_nan=False))
    assert (fields["answer"], fields["promote"]) == (str(found.answer), found.promote)
    assert list(fields["findings"]) == list(ALL)
    floor = found.findings["floor"]
    assert fields["findings"]["floor"] == asdict(floor) | {"interval": list(floor.interval or ())}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Says(Superior):
    """A comparison that gives the answer it was made with."""

    answer: Answer

    def judge(self, evidence: Evidence) -> Finding:
        return Finding(
            check="says", answer=self.answer, figure=0.0, interval=(0.0, 0.0), limit=0.0, n=1, smallest_effect=0.0,
            unit="AUC", reason="as told",
        )  # fmt: skip


@pytest.mark.parametrize("one", list(Answer))
@pytest.mark.parametrize("other", list(Answer))
def test_no_order_of_gates_and_no_second_gate_rescues_a_challenger(one: Answer, other: Answer) -> None:
    gates = {
        name: _Says(kind="superior", alpha=0.05, metric=None, answer=answer)
        for name, answer in {"a": one, "b": other}.items()
    }
    found = decide(gates, _evidence(STRONG, WEAK))
    assert found.promote is ({one, other} <= {PASS, WARN})
    assert found.answer in {one, other}
