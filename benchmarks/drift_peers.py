"""Do Evidently and NannyML find our figures, and how fast? `python -m benchmarks.drift_peers PYTHON [ROWS] [OURS]`.

PYTHON is the interpreter of their own environment (how to make it: `benchmarks/drift_in_peers.py`). Every figure stands
beside ours: of a statistic over bins, our formula over theirs. ROWS (100,000) of 30 columns are profiled and judged by
us and by Evidently's drift preset, and OURS (10,000,000) by us alone.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.cost import machine
from benchmarks.peers import ask
from churn.drift.change import compare_column
from churn.drift.distances import ChiSquareNull, chi_square, cramers_v, jensen_shannon, wasserstein
from churn.drift.limits import DriftLimits
from churn.drift.profile import Column, Profile, freeze_bins, profile
from churn.drift.statistics import Counts, psi
from churn.drift.tally import KERNEL_ROWS, ProfileTally
from churn.drift.verdict import judge

LIMITS = DriftLimits(psi=0.2, ks=0.1, alpha=0.05, drifted_share=0.3, prediction_psi=0.2)
COMPARED = (
    Column(name="level", dtype="category"),
    Column(name="count", dtype="number"),
    Column(name="normal", dtype="number"),
    Column(name="skewed", dtype="number"),
)
NUMBERS, CATEGORIES, CHUNK = 25, 5, 50_000


def main(python: str, rows: int = 100_000, ours: int = 10_000_000) -> None:
    """Prints the figures side by side, then rows a second."""
    print(machine("numpy", "polars", "scipy"))
    with tempfile.TemporaryDirectory(prefix="churn-peers-") as folder:
        _compare(python, Path(folder))
        _race(python, Path(folder), rows=rows, ours=ours)


def _compare(python: str, folder: Path) -> None:
    then, now = _sample(5_000, seed=1, moved=0.0), _sample(3_000, seed=2, moved=0.2)
    _write(folder, then, now)
    bins = freeze_bins(then, COMPARED)
    profiles = profile(bins, [then]), profile(bins, [now])
    found = ask(python, "figures", folder)
    print(f"\n{then.height:,} rows then, {now.height:,} now")
    print(f"{'column':<8} {'theirs':<28} {'theirs':>12} {'ours':>12} ours less theirs")
    for at, column in enumerate(COMPARED):
        theirs = found[column.name]
        for name, own in _own(profiles, at, theirs).items():
            print(f"{column.name:<8} {name:<28} {theirs[name]:>12.8f} {own:>12.8f} {own - theirs[name]:+.1e}")
    print("Our PSI adds ½ to each count, Evidently's does not; its chi-square takes the reference for exact.")
    print("KS and Wasserstein of theirs read all rows (NannyML's under 10,000), ours 1,000 grid points.")


def _own(profiles: tuple[Profile, Profile], at: int, theirs: dict[str, Any]) -> dict[str, float]:
    """Returns our figure for each of theirs, over their bins for those that need bins."""
    by_evidently, by_nannyml = (_counts(theirs.get(name, [[1], [1]])) for name in ("evidently bins", "nannyml bins"))
    own = {
        "evidently psi": psi(*by_evidently),
        "evidently jensenshannon": jensen_shannon(*by_evidently) * np.sqrt(np.log(2)),  # theirs is in base e
    }
    counted = profiles[0].counts[at], profiles[1].counts[at]
    drift = compare_column(profiles[0].bins.columns[at], *counted, alpha=LIMITS.alpha)
    if drift.ks is None:
        cells = _counts([one.cells for one in counted])
        null = ChiSquareNull(reference_n=counted[0].rows, current_n=counted[1].rows, bins=drift.occupied_bins)
        return own | {
            "evidently chisquare": null.p_value(cramers_v(*cells)),
            "nannyml jensen_shannon": jensen_shannon(*cells),
            "nannyml chi2": chi_square(*cells),
        }
    moved = _wasserstein(profiles, at)
    return own | {
        "evidently ks": drift.ks.p_value,
        "evidently wasserstein": moved / theirs["std"],
        "nannyml jensen_shannon": jensen_shannon(*by_nannyml),
        "nannyml kolmogorov_smirnov": drift.ks.distance,
        "nannyml wasserstein": moved,
    }


def _counts(pair: Sequence[Sequence[int]]) -> tuple[Counts, Counts]:
    return np.asarray(pair[0]), np.asarray(pair[1])


def _wasserstein(profiles: tuple[Profile, Profile], at: int) -> float:
    then, now = (one.counts[at] for one in profiles)
    ends = [value for one in (then, now) for value in (one.minimum, one.maximum) if value is not None]
    grid = getattr(profiles[0].bins.columns[at], "grid", ())
    points = np.array([min(ends), *grid, max(ends)], dtype=np.float64)
    means = [float(one.total or 0) / (one.rows - one.nulls) for one in (then, now)]
    cells: list[Counts] = [np.asarray(one.cells[1:]) for one in (then, now)]
    return wasserstein(*cells, points=points, mean_shift=means[1] - means[0]).distance


def _sample(rows: int, *, seed: int, moved: float) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    odds = np.array([4.0, 3.0, 2.0, 1.0 + 2 * moved, 0.5])
    return pl.DataFrame(
        {
            "level": draw.choice(list("abcde"), rows, p=odds / odds.sum()),
            "count": np.minimum(draw.poisson(3 + moved, rows), 12).astype(np.float64),
            "normal": draw.normal(moved, size=rows),
            "skewed": np.exp(draw.normal(moved, size=rows)),
        }
    )


def _race(python: str, folder: Path, *, rows: int, ours: int) -> None:
    print(
        f"\n{NUMBERS + CATEGORIES} columns, as many rows then as now{'':<7} {'wall s':>8} {'CPU s':>8} {'rows/s':>12}"
    )
    _write(folder, _wide(rows, seed=1), _wide(rows, seed=2))
    theirs = ask(python, "seconds", folder)
    print(_line("Evidently's drift preset", rows=rows, **theirs), flush=True)
    ProfileTally(freeze_bins(_wide(100, seed=1), [Column(name="x0", dtype="number")]), folder=folder)  # compiles, once
    for count in (rows, ours):
        wall, cpu = _timed(count, folder)
        by_clock, by_cpu = (count / own / (rows / theirs[name]) for name, own in (("wall", wall), ("cpu", cpu)))
        print(
            f"{_line('ours', rows=count, wall=wall, cpu=cpu)}   {by_clock:,.0f} times as many ({by_cpu:,.0f} by CPU)",
            flush=True,
        )


def _line(name: str, *, rows: int, wall: float, cpu: float) -> str:
    return f"{name:<26} {rows:>12,} rows {wall:>13.2f} {cpu:>8.2f} {rows / wall:>12,.0f}"


def _timed(rows: int, folder: Path) -> tuple[float, float]:
    """Returns seconds by the clock and of CPU to profile the rows as a night's are and judge them against a profile."""
    reference, current = _wide(min(rows, 200_000), seed=1), _wide(rows, seed=2)
    columns = [Column(name=name, dtype="category" if name[0] == "c" else "number") for name in reference.columns]
    bins = freeze_bins(reference, columns)
    then = profile(bins, reference.iter_slices(CHUNK))
    wall, cpu = time.perf_counter(), time.process_time()
    tally = ProfileTally(bins, folder=folder if rows > KERNEL_ROWS else None)
    for chunk in current.iter_slices(CHUNK):
        tally.add(chunk)
    judge(then, tally.profile, limits=LIMITS, watched=reference.columns[1:], score=reference.columns[0])
    return time.perf_counter() - wall, time.process_time() - cpu


def _wide(rows: int, *, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    numbers = {f"x{at}": draw.normal(size=rows) for at in range(NUMBERS)}
    return pl.DataFrame(numbers | {f"c{at}": draw.choice(list("abcde"), rows) for at in range(CATEGORIES)})


def _write(folder: Path, then: pl.DataFrame, now: pl.DataFrame) -> None:
    then.write_parquet(folder / "reference.parquet")
    now.write_parquet(folder / "current.parquet")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
