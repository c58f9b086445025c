"""Does the challenger become champion?

Only when every gate passes or warns: a failure, a lack of evidence and an absence of gates keep the champion alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from churn.findings import Answer, Finding, worst
from churn.promotion.gates import AucFloor, Evidence, Gate, NonInferior, Superior

# DeLong's interval with 500 negatives and an AUC of 0.85 misses on its lower side 4 % of the time with 20 positives
# (2.5 % would be right), 8 % with 10 (measured by simulation).
MINIMUM_OF_EACH_CLASS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gravest answer over all gates, whether to promote, why, and each gate's finding by its name in YAML."""

    answer: Answer
    promote: bool
    reason: str
    findings: dict[str, Finding]


def decide(gates: Mapping[str, Gate], evidence: Evidence) -> Verdict:
    """Returns the verdict of all gates over the same evidence.

    Whatever the gates say, nothing is promoted without a gate of the kind that decides (a floor for a first champion, a
    comparison where there is one), nor on fewer than 20 rows of the rarer class, each of
    another customer.

    Raises:
        DataError: the evidence allows no figure (see `churn.promotion.metrics.check_rows`); nothing is promoted then.
    """
    findings = {name: gate.judge(evidence) for name, gate in gates.items()}
    answer = worst(finding.answer for finding in findings.values())
    lacking = _lacking(gates, evidence)
    if lacking:
        answer = worst([answer, Answer.INSUFFICIENT])
        return Verdict(answer=answer, promote=False, reason=lacking, findings=findings)
    promote = answer in {Answer.PASS, Answer.WARN}
    return Verdict(answer=answer, promote=promote, reason=_reason(findings, answer), findings=findings)


def _lacking(gates: Mapping[str, Gate], evidence: Evidence) -> str | None:
    if evidence.rarer < MINIMUM_OF_EACH_CLASS:
        counted = "rows" if evidence.customers is None else "customers"
        return f"{evidence.rarer} {counted} of the rarer class, and an interval needs {MINIMUM_OF_EACH_CLASS}"
    decisive = AucFloor if evidence.champion is None else Superior | NonInferior
    if not any(isinstance(gate, decisive) for gate in gates.values()):
        which = "a first champion needs a floor" if evidence.champion is None else "a champion is to be compared with"
        return f"{which}, and no gate does that"
    return None


def _reason(findings: Mapping[str, Finding], answer: Answer) -> str:
    decisive = [name for name, finding in findings.items() if finding.answer is answer]
    if answer is Answer.PASS:
        return "every gate passes"
    return f"{', '.join(decisive) or 'no gate at all'}: {answer}"
