"""How surprising the newest reading is: t variates by hand, and honest in the long run."""

import numpy as np
import pytest
from scipy.stats import kstest, t

from orchestration.statistics.spc.charts import individuals_limits
from orchestration.statistics.spc.ranking import newest_readings


def newest(values, baseline=24, start=(0,)):
    values = np.asarray(values, dtype=float)
    return newest_readings(
        values,
        centre=np.zeros(values.size),
        sigma=np.ones(values.size),
        baseline_count=np.full(len(start), baseline),
        series_start=start,
    )


def test_a_single_reading_is_a_t_variate_widened_by_the_error_of_the_centre():
    found = newest([-1, 4.0])

    assert found.p_value[0] == pytest.approx(4 * t.sf(4 / np.sqrt(25 / 24), 0.62 * 23))
    assert (found.position[0], found.run[0]) == (1, 1)


def test_a_run_is_judged_by_its_mean():
    found = newest([-1, *[1.2] * 9])

    assert found.run[0] == 9
    assert found.p_value[0] == pytest.approx(4 * t.sf(1.2 / np.sqrt(1 / 9 + 1 / 24), 0.62 * 23))
    assert found.p_value[0] < newest([1.2]).p_value[0]


def test_the_last_charted_reading_counts_and_a_gap_ends_its_run():
    found = newest([2, 2, np.nan, 2, 2, np.nan])

    assert (found.position[0], found.run[0]) == (4, 2)


def test_series_are_judged_alone_and_adjusted_together():
    found = newest([0.1, 5, np.nan, -1, 3], start=[0, 2, 3])

    assert found.position.tolist() == [1, -1, 4]
    assert np.isnan(found.p_value[1])
    assert found.p_value[2] == newest([-1, 3]).p_value[0]
    # Two tests: the smaller is doubled, the larger stays.
    assert found.adjusted_p_value[0] == pytest.approx(2 * found.p_value[0])
    assert found.adjusted_p_value[2] == pytest.approx(found.p_value[2])


def test_nothing_charted_has_no_rank_and_nothing_at_all_is_no_error():
    assert np.isnan(newest([np.nan, np.nan]).adjusted_p_value).all()
    assert newest([], start=()).p_value.size == 0


def test_a_reading_of_a_steady_process_is_as_surprising_as_stated():
    # Limits from 24 readings, one more: where it ends no run, its p-value before the doubling is
    # uniform but for the chi approximation of the moving range.
    rng = np.random.default_rng(7)
    n = 4_000
    values, start = rng.normal(size=n * 25), np.arange(n) * 25
    baseline = np.tile(np.arange(25) < 24, n)
    lines = individuals_limits(values, series_start=start, baseline=baseline)
    last = np.where(baseline, np.nan, values)
    found = newest_readings(
        last,
        centre=lines.centre,
        sigma=lines.sigma,
        baseline_count=np.full(n, 24),
        series_start=start,
    )

    assert (found.run == 1).all()
    single = found.p_value[found.p_value < 1] / 2
    assert np.mean(single < 0.01) * single.size / n == pytest.approx(0.01, abs=0.005)
    assert np.mean(single < 0.05) * single.size / n == pytest.approx(0.05, abs=0.011)
    assert kstest(single * 2, "uniform").statistic < 0.05
