"""Does it make a difference who counts, in which chunks, and in which thread?"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.drift.profile import Column, freeze_bins, profile, to_parquet
from churn.drift.tally import ProfileTally
from churn.errors import DataError

COLUMNS = [Column(name="spend", dtype="number"), Column(name="plan", dtype="category")]
SCHEMA = {"spend": pl.Float64, "plan": pl.String}
ODD = [0.0, -0.0, 5e-324, -5e-324, 2.3e-308, 1e300, -1e300, 1.7976931348623157e308, float("inf"), -float("inf"), 0.1]
SPEND = st.none() | st.floats() | st.sampled_from(ODD)
ROWS = st.lists(st.tuples(SPEND, st.none() | st.sampled_from(["a", "b", ""])), max_size=40)


def _frame(rows: list[tuple[float | None, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernel")


@given(reference=ROWS, current=ROWS, size=st.integers(1, 7))
def test_the_kernel_counts_what_sorting_counts(folder: Path, reference, current, size: int) -> None:  # type: ignore[no-untyped-def]
    bins, frame = freeze_bins(_frame(reference), COLUMNS), _frame(current)
    tally = ProfileTally(bins, folder=folder)
    for chunk in frame.iter_slices(size):
        tally.add(chunk)
    expected = profile(bins, [frame])
    assert tally.profile == expected
    assert to_parquet(bins, tally.profile) == to_parquet(bins, expected)


@pytest.mark.parametrize("rows", [1_023, 1_024, 1_025, 5_000])
@pytest.mark.parametrize("levels", [1, 7, 1_024, 100_000])
def test_grids_and_chunks_of_any_size_are_counted_alike(folder: Path, rows: int, levels: int) -> None:
    draw = np.random.default_rng(rows + levels)
    then, now = (pl.DataFrame({"x": draw.integers(0, levels, rows) / 7}) for _ in range(2))
    bins = freeze_bins(then, [Column(name="x", dtype="number")])
    tally = ProfileTally(bins, folder=folder)
    tally.add(now)
    assert tally.profile == profile(bins, [now])


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt8, pl.Float32, pl.Boolean, pl.Decimal(10, 2)])
def test_every_number_type_is_counted_by_the_kernel(folder: Path, dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"x": pl.Series([0, 1, 1, None]).cast(dtype)})
    bins = freeze_bins(frame, [Column(name="x", dtype="number")])
    tally = ProfileTally(bins, folder=folder)
    tally.add(frame)
    assert tally.profile == profile(bins, [frame])
    assert float(tally.profile.counts[0].total or 0) == 2.0


@pytest.mark.parametrize("compiled", [True, False])
def test_threads_lose_no_row(folder: Path, compiled: bool) -> None:
    draw = np.random.default_rng(3)
    frame = pl.DataFrame({"spend": draw.normal(size=20_000), "plan": draw.choice(["a", "b"], 20_000)})
    bins = freeze_bins(frame, COLUMNS)
    tally = ProfileTally(bins, folder=folder if compiled else None)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(tally.add, frame.iter_slices(500)))
    assert tally.profile == profile(bins, [frame])


def test_a_chunk_that_is_refused_leaves_the_tally_as_it_was(folder: Path) -> None:
    bins = freeze_bins(_frame([(1.0, "a")]), COLUMNS)
    tally = ProfileTally(bins, folder=folder)
    for chunk in (pl.DataFrame({"spend": [1.0]}), pl.DataFrame({"spend": ["1"], "plan": ["a"]})):
        with pytest.raises(DataError):
            tally.add(chunk)
    assert tally.profile == profile(bins, [])


def test_few_rows_are_counted_without_a_compiler() -> None:
    code = """
import sys, polars as pl
from churn.drift.profile import Column, freeze_bins
from churn.drift.tally import ProfileTally
frame = pl.DataFrame({"x": [1.0, 2.0]})
tally = ProfileTally(freeze_bins(frame, [Column(name="x", dtype="number")]))
tally.add(frame)
sys.exit(tally.profile.rows != 2 or "numba" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
