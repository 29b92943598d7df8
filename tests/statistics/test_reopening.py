"""Work closed just in time and opened again."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from orchestration.statistics.detection.reopening import reopen_rates
from orchestration.statistics.refusal import NO_VARIATION, TOO_FEW_READINGS


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
