"""Does the verdict keep to what its counts can know?"""

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from churn.drift.change import compare_column
from churn.drift.limits import DriftLimits
from churn.drift.profile import Column, freeze_bins, from_parquet, profile, to_parquet
from churn.drift.verdict import judge
from churn.errors import DataError
from churn.findings import Answer

LIMITS = DriftLimits(psi=0.2, ks=0.1, alpha=0.05, drifted_share=0.3, prediction_psi=0.2)
X = Column(name="x", dtype="number")


def test_a_ks_that_the_grid_leaves_open_around_the_floor_is_never_a_pass() -> None:
    draw = np.random.default_rng(0).normal(size=20_000)
    odd = np.arange(20_000) % 2 == 1
    then, now = (pl.DataFrame({"x": np.where(odd, draw, top), "score": 0.5}) for top in (np.inf, 1e300))
    assert stats.ks_2samp(then["x"], now["x"], method="asymp").statistic == pytest.approx(0.5)
    bins = freeze_bins(then, [X, Column(name="score", dtype="number")])
    profiles = [profile(bins, [frame]) for frame in (then, now)]
    verdict = judge(*profiles, limits=LIMITS, watched=["x"], score="score")
    assert verdict.findings[0].answer is Answer.INSUFFICIENT
    assert verdict.findings[0].reason == "x: the reference's counts are too coarse to tell KS 0.1"


def test_a_column_named_twice_is_refused() -> None:
    with pytest.raises(DataError, match="named twice: x"):
        freeze_bins(pl.DataFrame({"x": [1.0]}), [X, X])


def test_nulls_do_not_count_as_rows_of_the_ks_test() -> None:
    draw = np.random.default_rng(1)
    then, now = draw.normal(size=900), draw.normal(0.2, size=300)
    holes = [None] * 5_000
    (column,) = freeze_bins(pl.DataFrame({"x": then}), [X]).columns
    counts = [column.count(pl.Series([*sample.tolist(), *holes], dtype=pl.Float64)) for sample in (then, now)]
    found = compare_column(column, counts[0], counts[1], alpha=0.05).ks
    assert found is not None
    assert found.p_value == pytest.approx(stats.kstwobign.sf(found.distance * np.sqrt(900 * 300 / 1_200)))


def test_a_valid_parquet_file_with_an_edited_count_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    frame = pl.DataFrame({"x": [1.0, 2.0, 2.0]})
    bins = freeze_bins(frame, [X])
    table = pq.read_table(pa.BufferReader(to_parquet(bins, profile(bins, [frame]))))
    (row,) = table.to_pylist()
    row["cells"][2] += 1
    pq.write_table(pa.Table.from_pylist([row], schema=table.schema), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="checksum"):
        from_parquet((tmp_path / "p.parquet").read_bytes())
