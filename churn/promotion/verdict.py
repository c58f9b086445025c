"""Does the challenger become champion?

Only when every gate passes or warns: a failure keeps the champion, and so does an absence of gates. A lack of evidence
does in the gates that decide (a floor for a first champion, a comparison where there is one); in the others the setting
says, and a first champion needs its floors alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from churn.findings import Answer, Finding, worst
from churn.promotion.duels import Duel
from churn.promotion.evidence import Evidence
from churn.promotion.floors import Floor
from churn.promotion.gates import Gate

# DeLong's interval with 500 negatives and an AUC of 0.85 misses on its lower side 4 % of the time with 20 positives
# (2.5 % would be right), 8 % with 10 (measured by simulation).
MINIMUM_OF_EACH_CLASS = 20

OnInsufficient: TypeAlias = Literal["keep", "allow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gravest answer over all gates, whether to promote, why, and each gate's finding by its name in YAML."""

    answer: Answer
    promote: bool
    reason: str
    findings: dict[str, Finding]


def decide(gates: Mapping[str, Gate], evidence: Evidence, *, on_insufficient: OnInsufficient = "keep") -> Verdict:
    """Returns the verdict over the same evidence of all gates that are for its task.

    Whatever the gates say, nothing is promoted without a gate of the kind that decides, nor on fewer than 20 rows of
    the rarer class, each of another customer. `on_insufficient="allow"` lets a challenger through that another gate
    than those could not judge.

    Raises:
        DataError: the evidence allows no figure (see `churn.promotion.metrics.check_rows`); nothing is promoted then.
    """
    fitting = {name: gate for name, gate in gates.items() if evidence.task in gate.tasks}
    findings = {name: gate.judge(evidence) for name, gate in fitting.items()}
    answer = worst(finding.answer for finding in findings.values())
    lacking = _lacking(fitting, evidence)
    if lacking:
        answer = worst([answer, Answer.INSUFFICIENT])
        return Verdict(answer=answer, promote=False, reason=lacking, findings=findings)
    lenient = on_insufficient == "allow"
    held = any(_holds(fitting[name], found, evidence=evidence, lenient=lenient) for name, found in findings.items())
    return Verdict(answer=answer, promote=not held, reason=_reason(findings, answer), findings=findings)


def promotes(gates: Mapping[str, Gate], evidence: Evidence, *, on_insufficient: OnInsufficient = "keep") -> bool:
    """Returns what `decide` would, without the gates after the first that holds the challenger back.

    The gates that decide are asked first: they are quick, and hold back most.
    """
    fitting = [gate for gate in gates.values() if evidence.task in gate.tasks]
    if _lacking(gates, evidence):
        return False
    ordered = sorted(fitting, key=lambda gate: not _decides(gate, evidence))
    lenient = on_insufficient == "allow"
    return not any(_holds(gate, gate.judge(evidence), evidence=evidence, lenient=lenient) for gate in ordered)


def _decides(gate: Gate, evidence: Evidence) -> bool:
    """Whether a gate is of the kind that nothing is promoted without."""
    return isinstance(gate, Floor if evidence.champion is None else Duel)


def _holds(gate: Gate, found: Finding, *, evidence: Evidence, lenient: bool) -> bool:
    """Whether one gate keeps the champion."""
    if found.answer is not Answer.INSUFFICIENT:
        return found.answer is Answer.FAIL
    return _decides(gate, evidence) or (evidence.champion is not None and not lenient)


def _lacking(gates: Mapping[str, Gate], evidence: Evidence) -> str | None:
    if evidence.rarer < MINIMUM_OF_EACH_CLASS:
        counted = "rows" if evidence.customers is None else "customers"
        of = " of the rarer class" if evidence.task == "binary" else ""
        return f"{evidence.rarer} {counted}{of}, and an interval needs {MINIMUM_OF_EACH_CLASS}"
    fitting = [gate for gate in gates.values() if evidence.task in gate.tasks]
    if not any(_decides(gate, evidence) for gate in fitting):
        which = "a first champion needs a floor" if evidence.champion is None else "a champion is to be compared with"
        return f"{which}, and no gate does that"
    return None


def _reason(findings: Mapping[str, Finding], answer: Answer) -> str:
    decisive = [name for name, finding in findings.items() if finding.answer is answer]
    if answer is Answer.PASS:
        return "every gate passes"
    return f"{', '.join(decisive) or 'no gate at all'}: {answer}"
