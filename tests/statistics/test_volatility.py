"""The variance ratio test of recent readings against earlier ones."""

import numpy as np
import pytest
from scipy.stats import f as fisher

from orchestration.statistics.detection.volatility import volatility
from orchestration.statistics.refusal import Refusal

BEFORE = np.tile([9.0, 11.0], 12)


def test_the_ratio_and_its_chance_are_those_of_the_two_variances():
    # Standard deviations of +-3 and +-1 about their means, by n - 1.
    found = volatility([7, 13, 7, 13, 7, 13], BEFORE)
    variances = 9 * 6 / 5, 24 / 23
    assert found.ratio == pytest.approx(np.sqrt(variances[0] / variances[1]))
    assert found.p_value == pytest.approx(fisher.sf(variances[0] / variances[1], 5, 23))
    assert (found.n_recent, found.n_before) == (6, 24)


def test_another_level_or_unit_changes_nothing():
    recent = np.array([7.0, 13, 8, 12, 9, 14])
    one, other = volatility(recent, BEFORE), volatility(recent * 100 + 5, BEFORE * 100)
    assert (one.ratio, one.p_value) == pytest.approx((other.ratio, other.p_value))


def test_a_steady_process_is_seldom_called_volatile_and_a_wild_one_mostly():
    rng = np.random.default_rng(5)

    def share(spread):
        found = (volatility(rng.normal(0, spread, 6), rng.normal(0, 1, 24)) for _ in range(2000))
        return np.mean([one.ratio >= 2 and one.p_value < 0.01 for one in found])

    # By law one in a hundred; 2,000 draws know it to 0.2 points.
    assert 0.005 < share(1) < 0.016
    assert share(4) > 0.8


@pytest.mark.parametrize(
    ("recent", "before", "said"),
    [
        ([1.0, 2, 3], BEFORE, "3 recent readings, at least 4"),
        ([1.0, np.nan, 3, np.nan, 5], BEFORE, "3 recent readings, at least 4"),
        ([1.0, 2, 3, 4], BEFORE[:11], "11 earlier readings, at least 12"),
        ([1.0, 2, 3, 4], np.full(12, 7.0), "all earlier readings are equal"),
    ],
)
def test_what_says_nothing_is_refused(recent, before, said):
    found = volatility(recent, before)
    assert isinstance(found, Refusal)
    assert said in found.detail
