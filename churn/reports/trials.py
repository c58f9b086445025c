"""How did the trials of a sweep compare?

One row a trial, the best first and those that failed last; each is named by the overrides in which it differs from the
others, so that a row can be typed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from churn.reports.outcome import Table, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnd:
    """How one job of a sweep ended: its overrides, its exit code, of an error the first line, of training its trial.

    `died` is a process that ended without a word, `skipped` a job that never began. `seconds` are on the wall clock.
    """

    number: int
    overrides: tuple[str, ...]
    state: Literal["finished", "failed", "skipped", "died"]
    code: int
    error: str | None
    seconds: float
    trial: Trial | None


def ranked(ends: Sequence[TrialEnd]) -> tuple[TrialEnd, ...]:
    """Returns the ends with the best objective first, and after them those without one, by number."""
    return tuple(sorted(ends, key=lambda end: (loss(end.trial) if end.trial else float("inf"), end.number)))


def loss(trial: Trial) -> float:
    """Returns the objective with its sign turned so that less is better."""
    return -trial.figure if trial.greater_is_better else trial.figure


def varied(end: TrialEnd, ends: Sequence[TrialEnd]) -> tuple[str, ...]:
    """Returns the overrides of one trial that not all of them have."""
    return tuple(override for override in end.overrides if any(override not in other.overrides for other in ends))


def trials_table(ends: Sequence[TrialEnd]) -> Table:
    """Returns the table of a sweep's trials, sorted by objective."""
    names = {end.trial.objective for end in ends if end.trial}
    header = ("trial", ", ".join(sorted(names)) or "objective", "95 %", "n", "leaves", "version", "seconds")
    return Table(
        header=(*header, "overrides", "ended"),
        rows=tuple(
            (str(end.number), *_figures(end.trial), f"{end.seconds:.1f}", " ".join(varied(end, ends)), _ended(end))
            for end in ranked(ends)
        ),
    )


def _figures(trial: Trial | None) -> tuple[str, ...]:
    if trial is None:
        return ("-",) * 5
    low, high = trial.interval
    interval = f"{low:.4f} to {high:.4f}"
    return (f"{trial.figure:.4f}", interval, f"{trial.n:,}", f"{trial.leaves:,}", str(trial.version))


def _ended(end: TrialEnd) -> str:
    reason = f": {end.error}" if end.error else ""
    return end.state + (f" (exit {end.code})" if end.code else "") + reason
