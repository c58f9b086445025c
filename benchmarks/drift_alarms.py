"""How many nights alarm where nothing moved, and what is found? `python -m benchmarks.drift_alarms PYTHON [NIGHTS]`.

NIGHTS (1,000) calm nights follow two weeks of reference, and every library reads the same tables with its defaults:
ours, Evidently's drift preset, NannyML's univariate calculator (PYTHON: `benchmarks/drift_in_peers.py`). Then from 10
starts on, three nights each are moved: one column, or all numbers. Found is what 90 % of the starts show in time.
Most of the minutes that it takes are Evidently's.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cost import machine
from benchmarks.drift_nights import CUSTOMERS, NAMES, NUMBERS, SCORE, Night, nights
from benchmarks.peers import ask
from churn.drift.limits import DriftLimits
from churn.drift.profile import Column, Profile, freeze_bins, profile
from churn.drift.statistics import benjamini_hochberg
from churn.drift.verdict import DriftVerdict, judge
from churn.findings import Answer

LIMITS = DriftLimits(psi=0.2, ks=0.1, alpha=0.05, drifted_share=0.3, prediction_psi=0.2)
COLUMNS = (
    *(Column(name=name, dtype="category" if name.startswith("category") else "number") for name in NAMES),
    Column(name=SCORE, dtype="number"),
)
REFERENCE_NIGHTS = 14
SHIFTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6)
STARTS, MOVED_NIGHTS = 10, 3
POWER = 0.9
OF_LAST, NEEDED = 3, 2
EVIDENTLY_SHARE = 0.5
"""Its preset's own default: a data set has drifted where at least this share of the columns has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a library says of a night: the columns that drifted, and whether the night as a whole is an alarm."""

    flagged: frozenset[str]
    alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A case of the second part: so many nights after a start, moved by `shift` standard deviations."""

    everything: bool
    shift: float
    start: int


CASES = tuple(
    Moved(everything=everything, shift=shift, start=start)
    for everything in (False, True)
    for shift in SHIFTS
    for start in range(STARTS)
)


def main(python: str, count: int = 1_000) -> None:
    """Prints alarm nights without drift, then the smallest shift that each library finds."""
    print(machine("numpy", "polars", "scipy"))
    print(f"{CUSTOMERS:,} customers, {len(COLUMNS)} columns with the score, {REFERENCE_NIGHTS} nights of reference")
    with tempfile.TemporaryDirectory(prefix="churn-alarms-") as folder:
        root = Path(folder)
        _write_nights(root, count)
        ours = _ours(root)
        theirs = ask(python, "flags", root)
    said = {
        **ours,
        "Evidently": [_said(flags, least=EVIDENTLY_SHARE * len(COLUMNS)) for flags in theirs["evidently"]],
        "NannyML": [_said(flags, least=1) for flags in theirs["nannyml"]],
    }
    print(f"seconds: Evidently's tests {theirs['evidently seconds']:.0f}, NannyML {theirs['nannyml seconds']:.0f}")
    _print_calm({name: nights[:count] for name, nights in said.items()}, count)
    _print_found({name: nights[count:] for name, nights in said.items()})


def in_a_row(alarms: Sequence[bool]) -> list[bool]:
    """Returns for each night whether it alarms as the last of `NEEDED` among the `OF_LAST` nights up to it.

    >>> in_a_row([True, False, True, True, False])
    [False, False, True, True, False]
    """
    return [alarm and sum(alarms[max(0, at + 1 - OF_LAST) : at + 1]) >= NEEDED for at, alarm in enumerate(alarms)]


def _write_nights(root: Path, count: int) -> None:
    """Writes two weeks of reference, then the calm nights and after them the moved ones, numbered in a row."""
    run = list(_keep(nights(REFERENCE_NIGHTS + count), first=REFERENCE_NIGHTS, count=count, root=root))
    moved = (
        run[case.start * MOVED_NIGHTS + at].table(
            night=count + number * MOVED_NIGHTS + at, shift=_shift(everything=case.everything, sd=case.shift)
        )
        for number, case in enumerate(CASES)
        for at in range(MOVED_NIGHTS)
    )
    calm = pl.scan_parquet(root / "calm.parquet").collect().partition_by("night", maintain_order=True)
    _write(root / "current.parquet", (table for tables in (calm, moved) for table in tables))
    (root / "calm.parquet").unlink()


def _keep(run: Iterator[Night], *, first: int, count: int, root: Path) -> Iterator[Night]:
    """Writes the tables of a run as it goes by; yields the nights that will be moved, three after each start."""
    _write(root / "reference.parquet", (next(run).table(night=at) for at in range(first)))
    every = max(count // STARTS, MOVED_NIGHTS)
    kept: list[Night] = []

    def tables() -> Iterator[pl.DataFrame]:
        for at, night in enumerate(run):
            if at % every < MOVED_NIGHTS and len(kept) < STARTS * MOVED_NIGHTS:
                kept.append(night)
            yield night.table(night=at)

    _write(root / "calm.parquet", tables())
    yield from kept


def _shift(*, everything: bool, sd: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return sd * np.ones(NUMBERS) if everything else sd * (np.arange(NUMBERS) == 0)


def _write(path: Path, tables: Iterable[pl.DataFrame]) -> None:
    writer = None
    for table in tables:
        rows = table.to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or pq.ParquetWriter(path, rows.schema, compression="zstd")
        writer.write_table(pa.Table.from_batches(rows.to_batches()))
    if writer:
        writer.close()


def _ours(root: Path) -> dict[str, list[Said]]:
    reference = pl.read_parquet(root / "reference.parquet")
    bins = freeze_bins(reference, COLUMNS)
    then = profile(bins, [reference])
    began = time.perf_counter()
    verdicts = [_judge(then, profile(bins, [night])) for night in _row_groups(root / "current.parquet")]
    print(f"seconds: ours {time.perf_counter() - began:.0f} for {len(verdicts):,} nights")
    return {
        "ours, a night alone": [Said(flagged=_names(v), alarm=v.answer is Answer.FAIL) for v in verdicts],
        "ours, p-values alone": [_said(_significant(v), least=1) for v in verdicts],
    }


def _row_groups(path: Path) -> Iterator[pl.DataFrame]:
    file = pq.ParquetFile(path)
    for at in range(file.num_row_groups):
        table = pl.from_arrow(file.read_row_group(at))
        assert isinstance(table, pl.DataFrame)
        yield table


def _judge(then: Profile, now: Profile) -> DriftVerdict:
    return judge(then, now, limits=LIMITS, watched=NAMES, score=SCORE)


def _names(verdict: DriftVerdict) -> frozenset[str]:
    return frozenset(verdict.drifted)


def _significant(verdict: DriftVerdict) -> list[str]:
    tests = [(c.column, e.p_value) for c in verdict.columns for e in (c.psi, c.ks) if e is not None]
    rejected = benjamini_hochberg([p for _, p in tests], alpha=LIMITS.alpha)
    return [name for (name, _), yes in zip(tests, rejected, strict=True) if yes]


def _said(flags: Iterable[str], *, least: float) -> Said:
    flagged = frozenset(flags)
    return Said(flagged=flagged, alarm=len(flagged) >= least)


def _print_calm(said: dict[str, list[Said]], count: int) -> None:
    title = f"of {count:,} nights without drift"
    print(f"\n{title:<33} {'a column':>12} {'2 of last 3':>12} {'the night':>12} {'2 of last 3':>12}")
    for name, found in said.items():
        columns, alarms = [bool(night.flagged) for night in found], [night.alarm for night in found]
        rows = (columns, in_a_row(columns), alarms, in_a_row(alarms))
        print(f"{name:<33} " + " ".join(f"{sum(row):>12,}" for row in rows))


def _print_found(said: dict[str, list[Said]]) -> None:
    tried = ", ".join(map(str, SHIFTS))
    print(f"\nsmallest of {tried} sd that {POWER:.0%} of {STARTS} starts show in {MOVED_NIGHTS} nights, median night")
    print(f"{'':<26} {'one moves: it is named':>22} {'2 of last 3':>22} {'all move: alarm':>22} {'2 of last 3':>22}")
    for name, found in said.items():
        one, every = [NAMES[0] in night.flagged for night in found], [night.alarm for night in found]
        cells = (*_found(one, everything=False), *_found(every, everything=True))
        print(f"{name:<26} " + " ".join(f"{text:>22}" for text in cells))


def _found(alarms: list[bool], *, everything: bool) -> tuple[str, str]:
    """Returns the smallest shift and the median night that shows it: of a night alone, and of two of the last three."""
    blocks = {case: alarms[at * MOVED_NIGHTS : (at + 1) * MOVED_NIGHTS] for at, case in enumerate(CASES)}
    chosen = {case: block for case, block in blocks.items() if case.everything == everything}
    return _smallest(chosen), _smallest({case: in_a_row(block) for case, block in chosen.items()})


def _smallest(blocks: dict[Moved, list[bool]]) -> str:
    for shift in SHIFTS:
        waits = [block.index(True) + 1 for case, block in blocks.items() if case.shift == shift and any(block)]
        if len(waits) >= POWER * STARTS:
            return f"{shift:g} sd, night {np.median(waits):g}"
    return f"over {SHIFTS[-1]:g} sd"


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
