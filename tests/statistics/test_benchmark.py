"""A rank among units of whom only some percentiles are known, with both of its errors."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from orchestration.statistics.calibration.benchmark import level_of_share, standing_among
from orchestration.statistics.refusal import Refusal

SHARES = np.array([0.10, 0.25, 0.50, 0.75, 0.90])
NORMAL = 50 + 8 * norm.ppf(SHARES)


def test_of_a_normal_distribution_every_rank_is_exact():
    for share in (0.02, 0.10, 0.33, 0.50, 0.71, 0.97):
        level = 50 + 8 * norm.ppf(share)
        assert level_of_share(share, SHARES, NORMAL) == pytest.approx(level, abs=1e-9)
        found = standing_among(level + np.tile([-1, 1], 6), SHARES, NORMAL, n_units=60)
        assert found.share == pytest.approx(share, abs=1e-9)


def test_the_interval_is_that_of_the_mean_and_of_the_sample_together():
    # At the median of a normal distribution both errors can be written down.
    readings = 50 + np.tile([-3.0, 3.0], 6)
    error = readings.std(ddof=1) / np.sqrt(12)
    half = np.hypot(
        student.ppf(0.975, 11) * error / 8, norm.ppf(0.975) * 0.5 / np.sqrt(60) / norm.pdf(0)
    )
    found = standing_among(readings, SHARES, NORMAL, n_units=60)

    assert (found.value, found.share, found.n) == (50, pytest.approx(0.5), 12)
    assert (found.low, found.high) == (
        pytest.approx(norm.cdf(-half), abs=1e-9),
        pytest.approx(norm.cdf(half), abs=1e-9),
    )


def test_fewer_comparable_units_make_the_interval_wider():
    readings = 55 + np.tile([-3.0, 3.0], 6)
    widths = [
        found.high - found.low
        for n in (200, 50, 10)
        for found in [standing_among(readings, SHARES, NORMAL, n_units=n)]
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1] / 1.3


def test_another_unit_of_measure_changes_no_rank():
    readings = np.random.default_rng(4).normal(53, 2, 12)
    one = standing_among(readings, SHARES, NORMAL, n_units=40)
    other = standing_among(readings / 100, SHARES, NORMAL / 100, n_units=40)
    assert (other.share, other.low, other.high) == pytest.approx((one.share, one.low, one.high))


def test_the_interval_holds_the_true_rank_as_often_as_it_says():
    rng = np.random.default_rng(20_261_121)
    held = []
    for _ in range(1000):
        others = rng.normal(50, 8, 80)
        truth = rng.normal(50, 8)
        found = standing_among(
            truth + rng.normal(0, 3, 12), SHARES, np.quantile(others, SHARES), n_units=80
        )
        held.append(found.low <= norm.cdf((truth - 50) / 8) <= found.high)
    # 1,000 draws: a standard error of 0.7 points.
    assert 0.93 < np.mean(held) < 0.985


@pytest.mark.parametrize(
    ("readings", "levels", "units", "reason"),
    [
        (np.arange(5.0), NORMAL, 40, "too_few_readings"),
        ([*np.arange(8.0), np.inf], NORMAL, 40, "infinite_value"),
        (np.arange(12.0), NORMAL[::-1], 40, "impossible_value"),
        (np.arange(12.0), NORMAL, 0, "impossible_value"),
        (np.arange(12.0), np.r_[NORMAL[:-1], np.nan], 40, "impossible_value"),
        (np.full(12, 50.1), NORMAL, 40, "no_variation"),
    ],
)
def test_what_says_nothing_is_refused(readings, levels, units, reason):
    found = standing_among(readings, SHARES, levels, n_units=units)
    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_readings_beyond_all_quantiles_have_an_open_rank():
    found = standing_among(1e9 + np.arange(12.0), SHARES, NORMAL, n_units=40)

    assert (found.share, found.low, found.high) == (1, 0, 1)
