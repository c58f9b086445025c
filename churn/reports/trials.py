"""How did the trials of a sweep compare?

One row a trial, the best first and those that failed last; each is named by the overrides in which it differs from the
others, so that a row can be typed again. Trials that were judged on other rows than most stand apart: their figures say
nothing of who is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from churn.reports.outcome import Table, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnd:
    """How one job of a sweep ended: its overrides, its exit code, of an error the first line.

    Of training the registry's `version`, its `trial` where folds have a figure, and why it is `unpromotable`.

    `died` is a process that ended without a word, `skipped` a job that never began. `seconds` are on the wall clock.
    """

    number: int
    overrides: tuple[str, ...]
    state: Literal["finished", "failed", "skipped", "died"]
    code: int
    error: str | None
    seconds: float
    trial: Trial | None
    version: int | None
    unpromotable: str | None = None


def compared(ends: Sequence[TrialEnd]) -> tuple[TrialEnd, ...]:
    """Returns the trials that were judged on the same rows: the most that were, of equally many the first trial's."""
    groups: dict[str, list[TrialEnd]] = {}
    for end in sorted(ends, key=lambda end: end.number):
        if end.trial:
            groups.setdefault(end.trial.judged_on, []).append(end)
    most = max(groups.values(), key=len, default=[])
    return tuple(most)


def ranked(ends: Sequence[TrialEnd]) -> tuple[TrialEnd, ...]:
    """Returns the ends with the best objective first, then those judged on other rows, then those without one."""
    same = _numbers(compared(ends))

    def place(end: TrialEnd) -> tuple[bool, float, int]:
        return end.number not in same, loss(end.trial) if end.trial else float("inf"), end.number

    return tuple(sorted(ends, key=place))


def loss(trial: Trial) -> float:
    """Returns the objective with its sign turned so that less is better."""
    return -trial.figure if trial.greater_is_better else trial.figure


def varied(end: TrialEnd, ends: Sequence[TrialEnd]) -> tuple[str, ...]:
    """Returns the overrides of one trial that not all of them have."""
    return tuple(override for override in end.overrides if any(override not in other.overrides for other in ends))


def trials_table(ends: Sequence[TrialEnd]) -> Table:
    """Returns the table of a sweep's trials, sorted by objective."""
    names = {end.trial.objective for end in ends if end.trial}
    same = _numbers(compared(ends))
    header = ("trial", ", ".join(sorted(names)) or "objective", "95 %", "n", "leaves", "version", "seconds")
    return Table(
        header=(*header, "overrides", "ended"),
        rows=tuple(
            (
                str(end.number),
                *_figures(end.trial),
                "-" if end.version is None else str(end.version),
                f"{end.seconds:.1f}",
                " ".join(varied(end, ends)),
                _ended(end, is_apart=end.trial is not None and end.number not in same),
            )
            for end in ranked(ends)
        ),
    )


def _figures(trial: Trial | None) -> tuple[str, ...]:
    if trial is None:
        return ("-",) * 4
    low, high = trial.interval
    interval = f"{low:.4f} to {high:.4f}"
    return (f"{trial.figure:.4f}", interval, f"{trial.n:,}", f"{trial.leaves:,}")


def _numbers(ends: Sequence[TrialEnd]) -> set[int]:
    return {end.number for end in ends}


def _ended(end: TrialEnd, *, is_apart: bool) -> str:
    reason = f": {end.error}" if end.error else ": judged on other rows" if is_apart else ""
    return end.state + (f" (exit {end.code})" if end.code else "") + reason
