"""Does the challenger become champion?

Only when every gate passes or warns: a failure, a lack of evidence and an absence of gates keep the champion alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from churn.findings import Answer, Finding, worst
from churn.promotion.gates import AucFloor, Evidence, Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gravest answer over all gates, whether to promote, why, and each gate's finding by its name in YAML."""

    answer: Answer
    promote: bool
    reason: str
    findings: dict[str, Finding]


def decide(gates: Mapping[str, Gate], evidence: Evidence) -> Verdict:
    """Returns the verdict of all gates over the same evidence.

    Without a champion a floor must be among the gates, since every comparison then passes.

    Raises:
        DataError: the evidence allows no figure (see `churn.promotion.metrics.check_rows`); nothing is promoted then.
    """
    findings = {name: gate.judge(evidence) for name, gate in gates.items()}
    answer = worst(finding.answer for finding in findings.values())
    if evidence.champion is None and not any(isinstance(gate, AucFloor) for gate in gates.values()):
        reason = "a first champion needs a floor, and no gate is one"
        return Verdict(answer=Answer.INSUFFICIENT, promote=False, reason=reason, findings=findings)
    promote = answer in {Answer.PASS, Answer.WARN}
    return Verdict(answer=answer, promote=promote, reason=_reason(findings, answer), findings=findings)


def _reason(findings: Mapping[str, Finding], answer: Answer) -> str:
    decisive = [name for name, finding in findings.items() if finding.answer is answer]
    if answer is Answer.PASS:
        return "every gate passes"
    return f"{', '.join(decisive) or 'no gate at all'}: {answer}"
