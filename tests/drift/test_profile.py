"""Do profiles hold what the rows held, whatever the chunks, nights or bytes they passed through?"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from churn.drift.bins import CategoryBins, NumberBins
from churn.drift.change import compare_column
from churn.drift.counts import exact_sum
from churn.drift.profile import Bins, Column, Profile, freeze_bins, from_parquet, profile, to_parquet
from churn.errors import DataError

COLUMNS = [Column(name="spend", dtype="number"), Column(name="plan", dtype="category")]
SCHEMA = {"spend": pl.Float64, "plan": pl.String}
SPEND = st.none() | st.floats() | st.sampled_from([0.0, -0.0, 1.0, 0.1])
ROWS = st.lists(st.tuples(SPEND, st.none() | st.sampled_from(["a", "b", "null", ""])), max_size=30)


def _frame(rows: list[tuple[float | None, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _numbers(values: Iterable[float | None]) -> pl.DataFrame:
    return pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)})


def _bins_of(frame: pl.DataFrame) -> NumberBins:
    (bins,) = freeze_bins(frame, [Column(name="x", dtype="number")]).columns
    assert isinstance(bins, NumberBins)
    return bins


def _shares(bins: NumberBins, frame: pl.DataFrame) -> dict[str, int]:
    cells = bins.count(frame["x"]).cells
    binned = Counter[str]()
    for at, rows in zip(bins.bin_of_cell, cells, strict=True):
        binned[bins.labels[at]] += rows
    return dict(binned)


@given(ROWS, ROWS, ROWS)
def test_adding_nights_equals_profiling_their_rows_together(reference, first, second) -> None:  # type: ignore[no-untyped-def]
    bins = freeze_bins(_frame(reference), COLUMNS)
    one, two = profile(bins, [_frame(first)]), profile(bins, [_frame(second)])
    assert one + two == profile(bins, [_frame(first + second)]) == two + one
    assert (one + two).rows == len(first) + len(second)


@given(ROWS, st.integers(1, 7))
def test_how_the_rows_are_cut_makes_no_difference(rows, size: int) -> None:  # type: ignore[no-untyped-def]
    frame = _frame(rows)
    bins = freeze_bins(frame, COLUMNS)
    assert profile(bins, frame.iter_slices(size)) == profile(bins, [frame])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_the_sum_is_exact(values: list[float]) -> None:
    assert exact_sum(np.array(values, dtype=np.float64)) == sum(map(Fraction, values))


def test_the_sum_stays_exact_over_many_rows() -> None:
    values = np.random.default_rng(2).normal(size=200_000) * 1e9
    assert float(exact_sum(values)) == math.fsum(values)


def test_every_row_falls_into_the_bin_that_its_label_says() -> None:
    reference = _numbers([0.0] * 30 + [float(v) for v in range(1, 71)])
    bins = _bins_of(reference)
    ranges = ["0 to 10", *(f"over {v} to {v + 10}" for v in range(10, 70, 10))]
    assert bins.labels == ("null", "below 0", "above 70", *ranges, "exactly 0")
    current = _numbers([None, math.nan, -1.0, -math.inf, 0.0, -0.0, 0.5, 1.0, 10.0, 10.5, 70.0, 71.0, math.inf])
    filled = {label: rows for label, rows in _shares(bins, current).items() if rows}
    assert filled == {
        "null": 2,
        "below 0": 2,
        "exactly 0": 2,
        "0 to 10": 3,  # what lies between the spike and the first range belongs to the range
        "over 10 to 20": 1,
        "over 60 to 70": 1,
        "above 70": 2,
    }


def test_a_continuous_column_gets_ten_equal_bins_on_a_fine_grid() -> None:
    reference = _numbers(np.random.default_rng(0).normal(size=50_000))
    bins = _bins_of(reference)
    shares = [rows for label, rows in _shares(bins, reference).items() if not label.startswith(("null", "bel", "abo"))]
    assert shares == [5_000] * 10
    assert 990 <= len(bins.grid) <= 1_020
    assert max(bins.count(reference["x"]).cells[1::2]) <= 51  # open cells: at most 1/999 of the rows


def test_values_between_the_last_range_and_a_spike_at_the_top_belong_to_the_range() -> None:
    bins = _bins_of(_numbers([float(v) for v in range(1, 71)] + [100.0] * 30))
    filled = {label: rows for label, rows in _shares(bins, _numbers([65.0, 90.0, 100.0])).items() if rows}
    assert filled == {"over 60 to 100": 2, "exactly 100": 1}


def test_a_value_that_fills_just_one_bin_is_no_spike() -> None:
    labels = _bins_of(_numbers([float(v) for v in range(10)])).labels
    assert not any(label.startswith("exactly") for label in labels)
    assert len(labels) == 13


def test_values_between_two_spikes_have_a_bin() -> None:
    bins = _bins_of(_numbers([0.0, 1.0] * 10))
    filled = {label: rows for label, rows in _shares(bins, _numbers([0.0, 0.5, 1.0])).items() if rows}
    assert filled == {"exactly 0": 1, "0 to 1": 1, "exactly 1": 1}


def test_repeated_values_leave_fewer_bins_never_an_empty_one() -> None:
    reference = _numbers([float(v) for v in range(4)] * 25)
    held = [rows for label, rows in _shares(_bins_of(reference), reference).items() if label.startswith("exactly")]
    assert held == [25] * 4


@pytest.mark.parametrize("values", [[], [None, None], [math.nan, math.inf]])
def test_a_reference_without_a_finite_value_has_bins_for_null_and_any_value(values: list[float | None]) -> None:
    bins = _bins_of(_numbers(values))
    assert bins.labels == ("null", "any value")
    assert bins.count(pl.Series([None, 3.0, math.nan])).cells == (2, 1)


def test_a_constant_reference_tells_below_above_and_the_constant_apart() -> None:
    bins = _bins_of(_numbers([5.0] * 10))
    filled = _shares(bins, _numbers([4.0, 5.0, 6.0, 6.0]))
    assert {label: rows for label, rows in filled.items() if rows} == {"below 5": 1, "exactly 5": 1, "above 5": 2}


def test_infinities_are_the_extremes_and_no_part_of_the_sum() -> None:
    counts = _bins_of(_numbers([1.0, 2.0])).count(pl.Series([-math.inf, 1.0, 2.0, math.inf, math.nan]))
    assert (counts.minimum, counts.maximum, counts.total) == (-math.inf, math.inf, Fraction(3))
    assert counts.nulls == 1


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt8, pl.Float32, pl.Decimal(10, 2)])
def test_every_number_type_is_counted(dtype: pl.DataType) -> None:
    series = pl.Series([1, 2, 2, None]).cast(dtype)
    assert _bins_of(_numbers([1.0, 2.0])).count(series).cells == (1, 0, 1, 0, 2, 0)


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["a", "b", "z"])])
def test_levels_are_counted_apart_rare_ones_together_unseen_ones_together(dtype: pl.DataType) -> None:
    reference = pl.DataFrame({"plan": ["a"] * 976 + ["b"] * 15 + ["r"] * 9})
    (bins,) = freeze_bins(reference, [COLUMNS[1]]).columns
    assert isinstance(bins, CategoryBins)
    assert (bins.levels, bins.rare) == (("a", "b"), ("r",))
    assert bins.count(pl.Series(["r", "a", "a", "x", "y", None])).cells == (1, 2, 1, 2, 0)
    assert bins.count(pl.Series(["a", "z", None, "z"]).cast(dtype)).cells == (1, 2, 0, 1, 0)


def test_a_level_may_be_called_null() -> None:
    (bins,) = freeze_bins(pl.DataFrame({"plan": ["null", None]}), [COLUMNS[1]]).columns
    assert bins.count(pl.Series(["null", "null", None])).cells == (1, 0, 0, 2)


@given(st.lists(st.integers(-9, 9), min_size=1), st.lists(st.integers(-9, 9), min_size=1))
def test_the_median_is_the_lower_median_where_the_grid_holds_it(reference: list[int], current: list[int]) -> None:
    bins = _bins_of(_numbers(reference))
    middle = float(np.quantile(current, 0.5, method="inverted_cdf"))
    expected = min((float(v) for v in reference if v >= middle), default=None)
    outside = middle < min(reference) or middle > max(reference)
    assert bins.median(bins.count(_numbers(current)["x"])) == (None if outside else expected)


@given(st.integers(0, 10_000), st.sampled_from([20, 3_000]))
def test_ks_from_a_profile_is_scipys_within_the_stated_error(seed: int, rows: int) -> None:
    draw = np.random.default_rng(seed)
    then, now = _numbers(draw.normal(size=rows)), _numbers(draw.normal(0.3, 1.2, size=500))
    bins = _bins_of(then)
    found = compare_column(bins, bins.count(then["x"]), bins.count(now["x"]), alpha=0.05).ks
    truth = stats.ks_2samp(then["x"], now["x"], method="asymp").statistic
    assert found is not None
    assert found.distance - 1e-12 <= truth <= found.distance + found.error + 1e-12
    assert found.error <= (0 if rows <= 1_000 else 4 / rows)


def test_profiles_over_other_bins_do_not_mix() -> None:
    one, two = (freeze_bins(_numbers(values), [Column(name="x", dtype="number")]) for values in ([1.0], [2.0]))
    assert one.fingerprint != two.fingerprint
    with pytest.raises(DataError, match="one reference"):
        profile(one, []) + profile(two, [])
    with pytest.raises(DataError, match="one reference"):
        to_parquet(one, profile(two, []))


def test_the_same_reference_has_the_same_fingerprint() -> None:
    frame = _frame([(-0.0, "b"), (1.5, "a"), (0.0, None)])
    assert freeze_bins(frame, COLUMNS).fingerprint == freeze_bins(frame.reverse(), COLUMNS).fingerprint


def test_a_missing_column_is_named_with_its_nearest() -> None:
    bins = freeze_bins(_numbers([1.0]), [Column(name="x", dtype="number")])
    with pytest.raises(DataError, match="did you mean 'xx'"):
        profile(bins, [pl.DataFrame({"xx": [1.0]})])


@pytest.mark.parametrize(
    ("column", "series"),
    [(COLUMNS[0], pl.Series("spend", ["1"])), (COLUMNS[1], pl.Series("plan", [0.5]))],
)
def test_a_column_of_another_type_is_refused(column: Column, series: pl.Series) -> None:
    with pytest.raises(DataError, match="type"):
        freeze_bins(series.to_frame(), [column])


@given(ROWS, ROWS)
def test_bytes_give_back_the_profile_and_are_the_same_each_time(reference, current) -> None:  # type: ignore[no-untyped-def]
    bins = freeze_bins(_frame(reference), COLUMNS)
    found = profile(bins, [_frame(current)])
    content = to_parquet(bins, found)
    assert from_parquet(content) == (bins, found)
    assert to_parquet(*from_parquet(content)) == content


@pytest.fixture(scope="module")
def sample() -> tuple[Bins, Profile]:
    frame = _frame([(float(v % 7), "ab"[v % 2]) for v in range(50)])
    bins = freeze_bins(frame, COLUMNS)
    return bins, profile(bins, [frame])


def test_bytes_are_a_table_that_other_tools_read(sample: tuple[Bins, Profile], tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "profile.parquet").write_bytes(to_parquet(*sample))
    assert pl.read_parquet(tmp_path / "profile.parquet")["column"].to_list() == ["spend", "plan"]


def test_altered_bytes_are_refused_or_change_nothing(sample: tuple[Bins, Profile]) -> None:
    content = to_parquet(*sample)
    refused = 0
    for at in range(0, len(content), 5):
        altered = content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
        try:
            assert from_parquet(altered) == sample
        except DataError:
            refused += 1
    assert refused > len(content) / 5 / 4  # the rest is padding and encoding notes


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_bytes_cut_short_are_refused(sample: tuple[Bins, Profile], keep: int) -> None:
    with pytest.raises(DataError, match="drift profile"):
        from_parquet(to_parquet(*sample)[:keep])


def test_another_table_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    pl.DataFrame({"column": ["spend"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="another table"):
        from_parquet((tmp_path / "t.parquet").read_bytes())


def test_a_fingerprint_is_a_sha256() -> None:
    assert Bins(columns=()).fingerprint == hashlib.sha256(b"[]").hexdigest()
