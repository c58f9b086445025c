"""What does Prometheus read?

Its text format, by hand: what a client library does beyond that (registries, servers, threads) nobody needs here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HELP: Mapping[str, str] = {
    "churn_run_end_timestamp_seconds": "When the stage last ended, however it did.",
    "churn_run_success_timestamp_seconds": "When it last did its work: exit code 0, or a verdict (4, 5).",
    "churn_run_exit_code": "The exit code of the last run.",
    "churn_run_duration_seconds": "How long the last run took, from its settings to its end.",
    "churn_run_peak_memory_bytes": "The most memory that the process of the last run held.",
    "churn_night_timestamp_seconds": "Midnight (UTC) that begins the newest published night of a kind.",
    "churn_night_rows": "Customers of the newest published night of a kind.",
    "churn_champion_version": "The version that reigns, as far as the lake knows.",
    "churn_drift_psi_max": "The greatest PSI of a watched column, or of the scores, on the newest judged night.",
    "churn_drift_alarm": "1 where the newest judged night is an alarm.",
    "churn_drift_answer": "1 for the answer of the newest judged night.",
    "churn_drift_action": "1 for what the newest judged night calls for.",
    "churn_outcomes_auc": "The realised AUC of the newest night with outcomes.",
    "churn_outcomes_verdict": "1 for the verdict of the newest night with outcomes.",
    "churn_disk_free_bytes": "What this user may still write to the disk of the root.",
}
"""All metrics, with what they mean; each is a gauge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of one of the metrics in `HELP`, with its labels."""

    name: str
    value: float
    labels: Mapping[str, str]


def exposition(samples: Iterable[Sample]) -> str:
    """Returns the samples as Prometheus reads them, each metric's together, after its HELP and TYPE.

    >>> print(exposition([Sample(name="churn_night_rows", value=8000, labels={"kind": "features"})]), end="")
    # HELP churn_night_rows Customers of the newest published night of a kind.
    # TYPE churn_night_rows gauge
    churn_night_rows{kind="features"} 8000
    """
    found = [*samples]
    lines: list[str] = []
    for name in dict.fromkeys(sample.name for sample in found):
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
        lines += [_line(sample) for sample in found if sample.name == name]
    return "".join(f"{line}\n" for line in lines)


def value_in(text: str, name: str) -> float | None:
    """Returns the value of a metric that stands in such a text once; None where it does not."""
    values = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{name}{{")]
    return float(values[0]) if values else None


def _line(sample: Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(text)}"' for name, text in sample.labels.items())
    return f"{sample.name}{{{labels}}} {_number(sample.value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(int(value) if value == int(value) else value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
