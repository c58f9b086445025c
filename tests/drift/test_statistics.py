"""Are the drift formulas right? Each beside SciPy, brute force over raw values, or a simulation of no change."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from churn.drift.statistics import (
    PsiNull,
    benjamini_hochberg,
    ks,
    ks_critical,
    ks_p_value,
    occupied_bins,
    psi,
    psi_smallest_n,
)
from churn.errors import DataError

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12).filter(
    lambda pairs: sum(r for r, _ in pairs) > 0 and sum(c for _, c in pairs) > 0
)


def _psi_by_hand(then: list[int], now: list[int]) -> float:
    kept = [(r + 0.5, c + 0.5) for r, c in zip(then, now, strict=True) if r + c]
    n, m = sum(r for r, _ in kept), sum(c for _, c in kept)
    return sum((c / m - r / n) * math.log((c / m) / (r / n)) for r, c in kept)


@given(COUNTS)
def test_psi_is_the_textbook_sum_over_smoothed_shares(pairs: list[tuple[int, int]]) -> None:
    then, now = [r for r, _ in pairs], [c for _, c in pairs]
    assert psi(np.array(then), np.array(now)) == pytest.approx(_psi_by_hand(then, now), abs=1e-12)


@given(COUNTS)
def test_psi_is_never_negative_and_empty_bins_change_nothing(pairs: list[tuple[int, int]]) -> None:
    then, now = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    assert psi(then, now) >= 0
    assert psi(np.append(then, [0, 0]), np.append(now, [0, 0])) == pytest.approx(psi(then, now), abs=1e-15)


def test_a_mean_shift_of_a_third_of_a_deviation_is_a_psi_of_a_tenth() -> None:
    edges = stats.norm.ppf(np.linspace(0, 1, 11))
    then, now = (np.rint(1e9 * np.diff(stats.norm.cdf(edges - shift))).astype(np.int64) for shift in (0.0, 0.32))
    assert psi(then, now) == pytest.approx(0.10, abs=0.003)


@pytest.mark.parametrize("statistic", [psi, ks])
def test_an_empty_sample_has_no_figure(statistic) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="without rows"):
        statistic(np.array([1, 2, 3]), np.array([0, 0, 0]))


@pytest.mark.parametrize(("bins", "floor", "rows"), [(10, 0.1, 170), (10, 0.2, 85), (2, 0.2, 20), (1, 0.2, 20)])
def test_the_smallest_n_is_the_chi_square_quantile_over_the_floor(bins: int, floor: float, rows: int) -> None:
    assert psi_smallest_n(floor, bins, alpha=0.05) == rows
    assert rows == math.ceil(stats.chi2.ppf(0.95, max(bins, 2) - 1) / floor)


def test_the_null_of_psi_is_a_scaled_chi_square() -> None:
    null = PsiNull(reference_n=1000, current_n=250, bins=7)
    scale = 1 / 1000 + 1 / 250
    assert null.critical(0.05) == pytest.approx(scale * stats.chi2.ppf(0.95, 6))
    assert null.p_value(0.03) == pytest.approx(stats.chi2.sf(0.03 / scale, 6))
    assert null.p_value(null.critical(0.01)) == pytest.approx(0.01)


def test_the_smallest_effect_is_found_with_the_power_that_it_claims() -> None:
    null = PsiNull(reference_n=4000, current_n=1000, bins=5)
    scale = 1 / 4000 + 1 / 1000
    shift = null.smallest_effect(0.05, power=0.8) / scale
    assert stats.ncx2.sf(stats.chi2.ppf(0.95, 4), 4, shift) == pytest.approx(0.8)


def test_the_interval_holds_zero_just_where_chance_explains_the_value() -> None:
    null = PsiNull(reference_n=4000, current_n=1000, bins=5)
    edge = null.critical(0.025)
    assert null.interval(0.99 * edge, level=0.95)[0] == 0
    assert null.interval(1.01 * edge, level=0.95)[0] > 0
    assert null.interval(0.0, level=0.95) == (0, 0)


@pytest.mark.parametrize("tilt", [0.1, 0.3, 0.8])
def test_the_interval_covers_the_true_psi_about_95_times_in_100(tilt: float) -> None:
    draw = np.random.default_rng(7)
    then = np.full(10, 0.1)
    now = then * np.exp(tilt * np.linspace(-1, 1, 10))
    now /= now.sum()
    truth = float(((now - then) * np.log(now / then)).sum())
    null = PsiNull(reference_n=20_000, current_n=2_000, bins=10)
    values = [psi(draw.multinomial(20_000, then), draw.multinomial(2_000, now)) for _ in range(400)]
    ends = [null.interval(value, level=0.95) for value in values]
    assert 0.92 <= np.mean([low <= truth <= high for low, high in ends]) <= 0.985


@pytest.mark.parametrize(("n", "m"), [(100_000, 500), (5_000, 5_000)])
def test_without_change_five_in_a_hundred_psis_pass_the_critical_value(n: int, m: int) -> None:
    draw = np.random.default_rng(3)
    share = [0.1] * 10 + [0.0] * 3  # null, below and above the range: bins that hold nobody
    null = PsiNull(reference_n=n, current_n=m, bins=10)
    values = [psi(draw.multinomial(n, share), draw.multinomial(m, share)) for _ in range(1000)]
    assert 0.03 <= np.mean([value > null.critical(0.05) for value in values]) <= 0.07


SMALL = st.lists(st.integers(-4, 4), min_size=1, max_size=40)


def _furthest_apart(then: list[int], now: list[int]) -> float:
    def share(sample: list[int], at: int) -> float:
        return sum(value <= at for value in sample) / len(sample)

    return max(abs(share(then, at) - share(now, at)) for at in {*then, *now})


def _cells(values: list[int], grid: list[int]) -> np.ndarray:
    cells = np.zeros(2 * len(grid) + 1, dtype=np.int64)
    for value in values:
        cells[2 * sum(point < value for point in grid) + (value in grid)] += 1
    return cells


@given(SMALL, SMALL)
def test_ks_is_exact_where_the_grid_holds_every_reference_value(then: list[int], now: list[int]) -> None:
    grid = sorted(set(then))
    found = ks(_cells(then, grid), _cells(now, grid))
    assert found.distance == pytest.approx(_furthest_apart(then, now), abs=1e-12)
    assert found.error == 0


@given(SMALL, SMALL, st.sets(st.integers(-4, 4), max_size=4))
def test_ks_is_within_its_error_on_any_coarser_grid(then: list[int], now: list[int], points: set[int]) -> None:
    reference = _cells(then, sorted(points))
    found = ks(reference, _cells(now, sorted(points)))
    truth = _furthest_apart(then, now)
    assert found.distance - 1e-12 <= truth <= found.distance + found.error + 1e-12
    assert found.error <= max(reference[::2]) / len(then) + 1e-12


def test_the_ks_p_value_is_the_kolmogorov_limit_that_scipy_nears() -> None:
    draw = np.random.default_rng(5)
    then, now = draw.normal(size=20_000), draw.normal(0.02, size=30_000)
    oracle = stats.ks_2samp(then, now, method="asymp")
    found = ks_p_value(oracle.statistic, reference_n=20_000, current_n=30_000)
    assert found == pytest.approx(oracle.pvalue, rel=0.02)
    assert found == pytest.approx(stats.kstwobign.sf(oracle.statistic * math.sqrt(12_000)))


@pytest.mark.parametrize(("n", "critical"), [(1_000, 0.061), (100_000, 0.0061), (1_000_000, 0.0019)])
def test_the_critical_ks_shrinks_with_the_root_of_n(n: int, critical: float) -> None:
    assert ks_critical(reference_n=n, current_n=n, alpha=0.05) == pytest.approx(critical, rel=0.02)
    found = ks_critical(reference_n=n, current_n=2 * n, alpha=0.05)
    assert ks_p_value(found, reference_n=n, current_n=2 * n) == pytest.approx(0.05)


@given(st.lists(st.floats(0, 1), max_size=20), st.sampled_from([0.01, 0.05, 0.3]))
def test_benjamini_hochberg_rejects_what_scipy_adjusts_below_alpha(p_values: list[float], alpha: float) -> None:
    adjusted = stats.false_discovery_control(p_values) if p_values else np.array([])
    if not np.any(np.isclose(adjusted, alpha, rtol=1e-9)):
        assert benjamini_hochberg(p_values, alpha=alpha) == tuple((adjusted <= alpha).tolist())


def test_occupied_bins_hold_a_row_in_either_sample() -> None:
    assert occupied_bins(np.array([0, 3, 0, 1]), np.array([0, 0, 2, 1])) == 3
