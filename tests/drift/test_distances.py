"""Are the distances right? Each beside SciPy, bounds beside the raw values, and every null beside simulated samples."""

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from churn.drift.distances import (
    ChiSquareNull,
    Floats,
    JensenShannonNull,
    WassersteinNull,
    chi_square,
    cramers_v,
    jensen_shannon,
    wasserstein,
)
from churn.drift.statistics import Counts, ks, ks_exact_p_value, occupied_bins
from churn.errors import DataError

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12).filter(
    lambda pairs: sum(r for r, _ in pairs) > 0 and sum(c for _, c in pairs) > 0
)
VALUES = st.lists(st.integers(-4, 9), min_size=1, max_size=40)


def _samples(pairs: list[tuple[int, int]]) -> tuple[Counts, Counts]:
    return np.array([r for r, _ in pairs]), np.array([c for _, c in pairs])


def _cells(values: npt.ArrayLike, grid: npt.ArrayLike) -> Counts:
    ascending = np.sort(np.asarray(values, dtype=np.float64))
    ends = np.column_stack([np.searchsorted(ascending, np.asarray(grid), side) for side in ("left", "right")]).ravel()
    return np.diff(ends, prepend=0, append=ascending.size)


def _points(grid: npt.ArrayLike, *samples: npt.ArrayLike) -> Floats:
    lowest, highest = min(map(np.min, samples)), max(map(np.max, samples))
    return np.concatenate([[lowest], np.asarray(grid, dtype=np.float64), [highest]]).astype(np.float64)


@given(COUNTS)
def test_chi_square_and_v_are_scipys_over_the_occupied_bins(pairs: list[tuple[int, int]]) -> None:
    then, now = _samples(pairs)
    table = np.array([then, now])[:, then + now > 0]
    oracle = stats.chi2_contingency(table, correction=False)
    assert chi_square(then, now) == pytest.approx(oracle.statistic, rel=1e-12, abs=1e-12)
    assume(table.shape[1] > 1)
    v, null = cramers_v(then, now), ChiSquareNull(reference_n=then.sum(), current_n=now.sum(), bins=table.shape[1])
    assert v == pytest.approx(stats.contingency.association(table, method="cramer"), abs=1e-12)
    assert null.p_value(v) == pytest.approx(oracle.pvalue, abs=1e-12)
    assert null.p_value(null.critical(0.03)) == pytest.approx(0.03, abs=1e-12)


@given(COUNTS)
def test_jensen_shannon_is_scipys_in_base_two(pairs: list[tuple[int, int]]) -> None:
    then, now = _samples(pairs)
    # Squares are compared: a root turns the last bit of a divergence of 0 into 1e-8.
    oracle = np.nan_to_num(distance.jensenshannon(then, now, base=2))
    assert jensen_shannon(then, now) ** 2 == pytest.approx(oracle**2, abs=1e-12)


@given(VALUES, VALUES)
def test_wasserstein_is_scipys_where_the_grid_holds_every_value(then: list[int], now: list[int]) -> None:
    grid = sorted({*then, *now})
    found = wasserstein(_cells(then, grid), _cells(now, grid), points=_points(grid, then, now), mean_shift=None)
    for figure in (found.distance, found.low, found.high):
        assert figure == pytest.approx(stats.wasserstein_distance(then, now), abs=1e-12)


@given(VALUES, VALUES, st.sets(st.integers(-4, 9), max_size=5), st.booleans())
def test_wasserstein_lies_within_its_bounds_on_any_coarser_grid(
    then: list[int], now: list[int], grid: set[int], mean_known: bool
) -> None:
    shift = float(np.mean(now) - np.mean(then)) if mean_known else None
    points = _points(sorted(grid), then, now)
    found = wasserstein(_cells(then, sorted(grid)), _cells(now, sorted(grid)), points=points, mean_shift=shift)
    truth = stats.wasserstein_distance(then, now)
    assert found.low - 1e-12 <= truth <= found.high + 1e-12
    assert found.low <= found.distance <= found.high


@pytest.mark.parametrize("seed", range(5))
def test_the_upper_bound_of_wasserstein_is_reached_by_rows_at_the_ends_of_their_cells(seed: int) -> None:
    random = np.random.default_rng(seed)
    then, now = random.multinomial(3, [0.2] * 5), random.multinomial(2, [0.2] * 5)
    points, cells = np.array([0.0, 1.0, 2.0, 3.0]), [(0.0, 1.0 - 1e-9), (1.0,), (1.0 + 1e-9, 2.0 - 1e-9), (2.0,)]
    placed = [*cells, (2.0 + 1e-9, 3.0)]

    def all_of(counts: Counts) -> list[tuple[float, ...]]:
        spots = [spot for spot, count in zip(placed, counts, strict=True) for _ in range(count)]
        return list(itertools.product(*spots))

    figures = [stats.wasserstein_distance(a, b) for a in all_of(then) for b in all_of(now)]
    found = wasserstein(then, now, points=points, mean_shift=None)
    assert found.high == pytest.approx(max(figures), abs=1e-6)
    assert found.low <= min(figures) + 1e-6


def test_a_known_mean_tells_how_far_values_beyond_the_grid_went() -> None:
    then, now = np.arange(1.0, 11.0), 100 * np.arange(1.0, 11.0)
    found = [
        wasserstein(_cells(then, then), _cells(now, then), points=_points(then, then, now), mean_shift=shift)
        for shift in (None, 544.5)
    ]
    truth = stats.wasserstein_distance(then, now)
    assert truth == pytest.approx(544.5)
    assert found[0].low < 100
    assert found[1].low == pytest.approx(truth)
    assert found[0].high == found[1].high >= truth


def test_an_infinite_value_leaves_wasserstein_open_above_only_where_it_is() -> None:
    points = np.array([0.0, 0.0, 1.0, np.inf])
    none_there = wasserstein(np.array([0, 5, 0, 5, 0]), np.array([0, 5, 0, 5, 0]), points=points, mean_shift=None)
    assert (none_there.low, none_there.distance, none_there.high) == (0, 0, 0)
    some = wasserstein(np.array([0, 5, 0, 5, 0]), np.array([0, 5, 0, 4, 1]), points=points, mean_shift=None)
    assert (some.low, some.high) == (0, np.inf)


def test_points_that_do_not_fit_the_cells_are_refused() -> None:
    with pytest.raises(DataError, match="2 points for 3 cells"):
        wasserstein(np.array([0, 5, 0]), np.array([0, 5, 0]), points=np.array([1.0, 2.0]), mean_shift=None)


@pytest.mark.parametrize("statistic", [chi_square, cramers_v, jensen_shannon])
def test_an_empty_sample_has_no_figure(statistic: Callable[..., float]) -> None:
    with pytest.raises(DataError, match="without rows"):
        statistic(np.array([1, 2, 3]), np.array([0, 0, 0]))


@pytest.mark.parametrize(("n", "m"), [(20_000, 500), (2_000, 2_000)])
@pytest.mark.parametrize(("null", "statistic"), [(ChiSquareNull, cramers_v), (JensenShannonNull, jensen_shannon)])
def test_without_change_five_in_a_hundred_pass_the_critical_value(n, m, null, statistic) -> None:  # type: ignore[no-untyped-def]
    draw = np.random.default_rng(3)
    share = [0.02, 0.03, 0.05, 0.1, 0.1, 0.1, 0.2, 0.4, 0.0]
    law = null(reference_n=n, current_n=m, bins=8)
    pairs = zip(draw.multinomial(n, share, size=2_000), draw.multinomial(m, share, size=2_000), strict=True)
    values = np.array([statistic(then, now) for then, now in pairs])
    assert np.mean(values > law.critical(0.05)) == pytest.approx(0.05, abs=0.015)  # 3 standard errors
    assert np.mean([law.p_value(value) < 0.5 for value in values]) == pytest.approx(0.5, abs=0.035)


@pytest.mark.parametrize(
    "law",
    [stats.norm(), stats.poisson(1.0), stats.bernoulli(0.1), stats.expon()],
    ids=["normal", "poisson", "0/1", "exp"],
)
def test_the_null_of_wasserstein_is_that_of_raw_samples(law) -> None:  # type: ignore[no-untyped-def]
    random = np.random.default_rng(4)
    n, m = 600, 200
    then, now = (law.rvs(size=size, random_state=random) for size in (n, m))
    grid = np.unique(np.quantile(then, np.linspace(0, 1, 200), method="inverted_cdf"))
    null = WassersteinNull.draw(_cells(then, grid), _cells(now, grid), points=_points(grid, then, now), seed=1)
    fresh = [
        stats.wasserstein_distance(law.rvs(size=n, random_state=random), law.rvs(size=m, random_state=random))
        for _ in range(1_000)
    ]
    assert null.critical(0.5) == pytest.approx(np.quantile(fresh, 0.5), rel=0.15)
    assert np.mean([null.p_value(value) <= 0.05 for value in fresh]) == pytest.approx(0.05, abs=0.03)


def test_the_null_of_wasserstein_is_the_same_for_the_same_seed() -> None:
    counts, points = np.array([0, 9, 3, 9, 0]), np.array([0.0, 0, 1, 1])
    one, two, other = (WassersteinNull.draw(counts, counts, points=points, seed=seed).draws for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 10_000))
def test_the_exact_ks_p_value_is_scipys_where_nothing_ties(n: int, m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    then, now = random.normal(size=n), random.normal(0.5, size=m)
    grid = np.sort(np.concatenate([then, now]))
    oracle = stats.ks_2samp(then, now, method="exact")
    assert ks_exact_p_value(_cells(then, grid), _cells(now, grid)) == pytest.approx(oracle.pvalue, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=5))
def test_the_exact_ks_p_value_counts_all_ways_to_deal_tied_rows(pairs: list[tuple[int, int]]) -> None:
    then, now = _samples(pairs)
    assume(then.sum() > 0 and now.sum() > 0 and then.sum() + now.sum() <= 12)
    rows = np.repeat(np.arange(len(then)), then + now)
    found = ks(np.insert(then, range(len(then) + 1), 0), np.insert(now, range(len(now) + 1), 0)).distance
    as_far = []
    for chosen in itertools.combinations(range(len(rows)), int(then.sum())):
        dealt = np.bincount(rows[list(chosen)], minlength=len(then))
        gaps = np.cumsum(dealt) / then.sum() - np.cumsum(then + now - dealt) / now.sum()
        as_far.append(np.abs(gaps).max() >= found - 1e-9)
    assert ks_exact_p_value(then, now) == pytest.approx(np.mean(as_far), abs=1e-12)


def test_a_wide_sample_has_as_many_occupied_bins_as_its_null_has_degrees() -> None:
    then, now = np.array([50, 0, 50, 0]), np.array([20, 0, 30, 0])
    null = ChiSquareNull(reference_n=100, current_n=50, bins=occupied_bins(then, now))
    table = np.array([then, now])[:, [0, 2]]
    assert null.p_value(cramers_v(then, now)) == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
