"""Limits against published charts, hand calculation and the laws that limits must obey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.statistics.spc import charts
from orchestration.statistics.spc.constants import D2_EXACT, D2_TABLE, D4_TABLE

# NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2 (flow rate of ten batches) and 6.3.3.2
# (defective chips on 30 wafers, 50 chips each); works of the US government, public domain.
FLOWRATE = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
WAFERS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22]
WAFERS += [8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]

readings = st.lists(st.integers(-1000, 1000).map(float), min_size=3, max_size=40)


def test_individuals_limits_are_those_of_the_nist_flow_rate_chart():
    limits = charts.individuals_limits(FLOWRATE)

    # The handbook prints four decimals.
    assert limits.centre[0] == pytest.approx(50.81, abs=5e-5)
    assert limits.sigma[0] * D2_TABLE == pytest.approx(1.8778, abs=5e-5)
    assert limits.upper[0] == pytest.approx(55.8041, abs=5e-5)
    assert limits.lower[0] == pytest.approx(45.8159, abs=5e-5)


def test_p_limits_are_those_of_the_nist_wafer_chart():
    limits = charts.p_limits(WAFERS, np.full(30, 50))

    assert limits.centre[0] == pytest.approx(0.2313, abs=5e-5)
    assert limits.upper[0] == pytest.approx(0.4102, abs=5e-5)
    # The handbook rounds p to 0.2313 first, hence its 0.0524.
    assert limits.lower[0] == pytest.approx(0.0524, abs=5e-5)


def test_u_limits_widen_where_the_exposure_is_small():
    # 36 events on 36 units: u = 1. Sigma is 1/sqrt(4) = 0.5 and 1/sqrt(16) = 0.25.
    limits = charts.u_limits([6, 2, 16, 12], [4, 4, 16, 12])

    assert limits.centre.tolist() == [1, 1, 1, 1]
    assert limits.sigma[[0, 2]].tolist() == [0.5, 0.25]
    assert limits.upper[[0, 2]].tolist() == [2.5, 1.75]
    # An expected count of 4 has no lower limit above zero; one of 16 has.
    assert limits.lower[[0, 2]].tolist() == [0, 0.25]


def test_laney_limits_are_plain_limits_times_the_spread_that_the_readings_show():
    # p = 0.5, n = 10,000: binomial sigma 0.005, so 0.51 and 0.49 are z = 2 and -2 and every
    # moving range is 4.
    limits = charts.laney_p_limits([5100, 4900] * 5, [10_000] * 10)

    assert limits.sigma_z[0] == pytest.approx(4 / 1.128, rel=1e-12)
    assert limits.sigma[0] == pytest.approx(0.005 * 4 / 1.128, rel=1e-12)
    assert limits.upper[0] == pytest.approx(0.5 + 3 * 0.005 * 4 / 1.128, rel=1e-12)

    # u = 100 per unit: Poisson sigma 10, z = 2 and -2 again.
    by_rate = charts.laney_u_limits([120, 80] * 5, [1] * 10)
    assert by_rate.sigma[0] == pytest.approx(10 * 4 / 1.128, rel=1e-12)


def test_the_exact_d2_gives_2_658681_moving_ranges_and_the_table_2_659574():
    ten_apart = [0, 10, 0, 10]  # mean moving range 10, centre 5

    assert charts.individuals_limits(ten_apart, d2=D2_EXACT).upper[0] == pytest.approx(31.58681)
    assert charts.individuals_limits(ten_apart).upper[0] == pytest.approx(5 + 30 / 1.128)


def test_screening_drops_a_moving_range_of_3_267_means_once():
    # Ranges: 18 of size 1 and two of 49.5 about one outlier. Mean 5.85, times 3.267 is 19.1.
    values = [0, 1] * 5 + [50.5] + [1, 0] * 5
    moving_ranges = np.abs(np.diff(values))
    assert sum(moving_ranges > D4_TABLE * moving_ranges.mean()) == 2

    screened = charts.individuals_limits(values, screen_moving_ranges=True)

    assert screened.sigma[0] * D2_TABLE == pytest.approx(1)
    # The outlier is left out of the spread, not out of the centre.
    assert screened.centre[0] == pytest.approx(60.5 / 21)


def test_limits_come_from_the_baseline_alone_and_hold_for_all_points():
    baseline = [True] * 4 + [False] * 2
    limits = charts.individuals_limits([1, 3, 1, 3, 100, 200], baseline=baseline)

    assert limits.centre.tolist() == [2] * 6
    assert limits.sigma == pytest.approx(2 / 1.128)


def test_points_beside_an_excluded_point_are_differenced_with_each_other():
    limits = charts.individuals_limits([1, 50, 3], baseline=[True, False, True])

    assert limits.sigma[0] == pytest.approx(2 / 1.128)


def test_no_moving_range_is_taken_across_a_period_without_a_reading():
    # Differences 1 and 1; the jump of 97 spans the gap.
    limits = charts.individuals_limits([1, 2, np.nan, 99, 100])

    assert limits.sigma[0] == pytest.approx(1 / 1.128)
    assert limits.centre[0] == pytest.approx(50.5)


def test_a_series_whose_baseline_gives_no_spread_has_no_limits():
    limits = charts.individuals_limits([1, 2, 3], series_start=[0, 1], baseline=[1, 0, 0])

    assert limits.centre[0] == 1
    assert np.isnan(limits.sigma).all()
    assert np.isnan(limits.centre[1])


@given(readings, st.integers(1, 50), st.integers(-100, 100))
def test_limits_follow_a_change_of_unit(values, scale, shift):
    before = charts.individuals_limits(values)
    after = charts.individuals_limits(np.array(values) * scale + shift)

    for line in ("centre", "lower", "upper"):
        expected = getattr(before, line) * scale + shift
        # Sums of 40 numbers of up to 50,000 lose a few units of 1e-12 of their size.
        assert getattr(after, line) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(50, 90)), min_size=2, max_size=30))
def test_the_chart_of_the_failures_is_the_mirrored_chart_of_the_successes(pairs):
    events, trials = np.array(pairs, dtype=float).T
    successes = charts.p_limits(events, trials)
    failures = charts.p_limits(trials - events, trials)

    assert 1 - failures.centre == pytest.approx(successes.centre)
    assert 1 - failures.lower == pytest.approx(successes.upper)
    assert 1 - failures.upper == pytest.approx(successes.lower)


@given(st.lists(readings, min_size=1, max_size=5))
def test_a_series_has_the_same_limits_alone_and_among_others(several):
    start = np.cumsum([0] + [len(one) for one in several[:-1]])
    together = charts.individuals_limits(np.concatenate(several), series_start=start)

    for at, one in zip(start, several, strict=True):
        alone = charts.individuals_limits(one)
        assert together.upper[at : at + len(one)].tolist() == alone.upper.tolist()


@pytest.mark.parametrize("start", [[1], [0, 2, 2], [0, 3], []])
def test_a_series_without_points_is_refused(start):
    with pytest.raises(ValueError, match="rise strictly from 0"):
        charts.individuals_limits([1, 2, 3], series_start=start)


def test_counts_and_trials_of_different_length_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        charts.p_limits([1, 2], [10])
