"""Work closed just in time and opened again."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact

from orchestration.statistics.detection.reopening import reopen_rates, uneven_reopening
from orchestration.statistics.refusal import NO_VARIATION, TOO_FEW_READINGS, Refusal


def _closures(hurried: tuple[int, int], other: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Reopened and not, of each side."""
    reopened = np.repeat([True, False, True, False], [*hurried, *other])
    return reopened, np.repeat([True, False], [sum(hurried), sum(other)])


def test_hurried_closures_that_come_back_are_found():
    found = reopen_rates(*_closures((20, 30), (30, 170)))

    assert (found.rate_hurried, found.rate_other) == (0.4, 0.15)
    assert (found.n_hurried, found.n_other) == (50, 200)
    assert found.p_value == pytest.approx(fisher_exact([[20, 30], [30, 170]]).pvalue)
    assert 1 < found.low < found.odds_ratio < found.high


def test_equal_rates_are_no_finding():
    assert reopen_rates(*_closures((10, 40), (40, 160))).p_value == pytest.approx(1)


def test_few_closures_or_none_reopened_are_refused():
    assert reopen_rates(*_closures((20, 5), (30, 170))).reason == TOO_FEW_READINGS
    assert reopen_rates(*_closures((0, 50), (0, 200))).reason == NO_VARIATION
    with pytest.raises(ValueError, match="lengths differ"):
        reopen_rates([True], [True, False])


def test_uneven_reopening_agrees_with_the_chi_squared_test_of_the_table():
    again, closed = np.array([20, 30, 45]), np.array([100, 120, 110])
    found = uneven_reopening(again, closed)

    expected = chi2_contingency(np.array([again, closed - again]), correction=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.n, found.rate) == (330, pytest.approx(95 / 330))
    assert found.highest_rate == pytest.approx(45 / 110)
    assert found.low < (45 / 110) / (50 / 220) < found.high


def test_few_reopened_are_compared_with_all_ways_to_spread_them():
    # Three of 60 closures came back, all in one half: one in four spreads is as uneven.
    found = uneven_reopening([3, 0], [30, 30])
    share = 2 * np.prod([30, 29, 28]) / np.prod([60, 59, 58])

    # 4,999 draws: the standard error of a quarter is .006.
    assert found.p_value == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("again", "closed"), [([5, 1], [40, 20]), ([0, 0], [40, 40]), ([41, 1], [40, 40]), ([], [])]
)
def test_reopening_that_cannot_be_compared_over_groups_is_refused(again, closed):
    assert isinstance(uneven_reopening(again, closed), Refusal)
