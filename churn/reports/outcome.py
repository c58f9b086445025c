"""What does a person see at the end of a run?

A stage returns values, and they become text here: a headline, figures with unit and n, at most one table.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from churn.errors import ExitCode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A small table for a person: a header and rows of text."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a sweep compares of one candidate.

    `objective` names the metric and `figure` is its value on `n` rows; `standard_error` and the two-sided 95 %
    `interval` are in its unit. `judged_on` is a fingerprint of those rows: figures compare where it is the same.
    `leaves` counts those of all trees together.
    """

    objective: str
    figure: float
    standard_error: float
    interval: tuple[float, float]
    n: int
    judged_on: str
    leaves: int
    greater_is_better: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a stage ended: its exit code, one sentence, figures by name, perhaps a table.

    Of training also the registry's version, its trial where folds have a figure, and why `stage=promote` would refuse
    it, where that is known already; of a night how each part ended.
    """

    code: ExitCode = ExitCode.OK
    headline: str
    figures: dict[str, str] = field(default_factory=dict)
    table: Table | None = None
    trial: Trial | None = None
    version: int | None = None
    unpromotable: str | None = None
    parts: tuple[ExitCode, ...] = ()


def dates_done(verb: str, *, done: int, total: int) -> str:
    """Returns how many of a run's dates were worked on, and what became of the others.

    >>> dates_done("scored", done=1, total=3)
    'scored 1 of 3 dates, 2 were there already for the same inputs'
    >>> dates_done("scored", done=0, total=1)
    'nothing to do, 1 of 1 dates was there already for the same inputs'
    """
    there = total - done
    was = f"{'was' if there == 1 else 'were'} there already for the same inputs"
    if not done:
        return f"nothing to do, {there} of {total} dates {was}"
    return f"{verb} {done} of {total} dates" + (f", {there} {was}" if there else "")


def show(outcome: Outcome) -> ExitCode:
    """Prints the outcome on standard output, as plain text, and returns its exit code, or that of a text that is lost.

    What nobody takes there undoes no run; a command that has nothing else to leave has not ended well, though.
    """
    try:
        print(_text(outcome), flush=True)  # noqa: T201 - this is what standard output is for
    except BrokenPipeError:  # whoever reads has seen enough
        return outcome.code
    except OSError as error:
        log.error("standard output took nothing: %s; run it again with somewhere to write", error.strerror)  # noqa: TRY400
        return outcome.code or ExitCode.TRY_AGAIN
    return outcome.code


def _text(outcome: Outcome) -> str:
    width = max(map(len, outcome.figures), default=0)
    figures = [f"  {name:<{width}}  {figure}" for name, figure in outcome.figures.items()]
    return "\n".join([outcome.headline, *figures, *([text_table(outcome.table)] if outcome.table else [])])


def text_table(table: Table) -> str:
    """Returns the table as lines of plain text, columns aligned."""
    lines = (table.header, *table.rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.header))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
