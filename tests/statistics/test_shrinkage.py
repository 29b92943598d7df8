"""James-Stein: the batting averages everyone knows, the dominance it is known for, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.statistics.calibration.shrinkage import james_stein
from orchestration.statistics.refusal import NO_VARIATION, NOT_POSITIVE, TOO_FEW_READINGS

# Efron, Large-Scale Inference (2010), table 1.1: hits in 45 times at bat, James-Stein estimate,
# average over the rest of the season.
HITS = [18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7]
PUBLISHED = [
    0.294, 0.289, 0.285, 0.280, 0.275, 0.275, 0.270, 0.266, 0.261,
    0.261, 0.256, 0.256, 0.256, 0.256, 0.256, 0.251, 0.247, 0.242,
]  # fmt: skip
SEASON = [
    0.346, 0.298, 0.276, 0.222, 0.273, 0.270, 0.263, 0.210, 0.269,
    0.230, 0.264, 0.256, 0.303, 0.264, 0.226, 0.285, 0.316, 0.200,
]  # fmt: skip


def test_batting_averages_are_pulled_as_published():
    averages = np.array(HITS) / 45
    mean = averages.mean()
    found = james_stein(averages, mean * (1 - mean) / 45)

    assert found.target == pytest.approx(0.265, abs=5e-4)
    # The book rounds to three digits, from figures rounded before.
    assert found.estimates == pytest.approx(PUBLISHED, abs=1.1e-3)
    # The rest of the season was foreseen with less than a third of the squared error.
    raw, shrunken = averages - SEASON, found.estimates - SEASON
    assert (shrunken**2).sum() < (raw**2).sum() / 3


def test_the_factor_is_that_of_the_formula():
    # Distances 0, 1, 2, 3 from nil: spread 14 / 2; (4 - 2) / 7.
    found = james_stein([0, 1, 2, 3], 2.0, target=0.0)
    assert (found.spread, found.shrinkage) == (7.0, pytest.approx(2 / 7))
    assert found.estimates == pytest.approx(np.array([0, 1, 2, 3]) * 5 / 7)
    # From their mean: spread 5 / 2, (4 - 3) / 2.5.
    assert james_stein([0, 1, 2, 3], 2.0).shrinkage == pytest.approx(0.4)


def test_unequal_variances_are_measured_in_standard_errors():
    values, variance = np.array([1.0, 2.0, 4.0, 9.0, 3.0]), np.array([1.0, 4.0, 1.0, 9.0, 4.0])
    found = james_stein(values, variance, target=2.0)

    assert found.spread == pytest.approx(1 + 0 + 4 + 49 / 9 + 1 / 4)
    weighted = james_stein(values, variance)
    assert weighted.target == pytest.approx((values / variance).sum() / (1 / variance).sum())


def test_only_the_positive_part_stops_at_the_target():
    close = [0.1, -0.1, 0.2, -0.2, 0.0]

    assert james_stein(close, 1.0).estimates == pytest.approx(np.zeros(5), abs=1e-15)
    assert james_stein(close, 1.0, positive_part=False).shrinkage == pytest.approx(2 / 0.1)


@pytest.mark.parametrize("spread_of_truth", [0.0, 1.0, 5.0])
def test_it_errs_less_than_the_values_wherever_the_truth_lies(spread_of_truth):
    rng = np.random.default_rng(1)
    raw = shrunken = 0.0
    for _ in range(500):
        truth = rng.normal(0, spread_of_truth, 12) + 3
        seen = truth + rng.normal(size=12)
        raw += ((seen - truth) ** 2).sum()
        shrunken += ((james_stein(seen, 1.0).estimates - truth) ** 2).sum()

    assert shrunken < raw


@given(st.floats(-1e4, 1e4), st.floats(0.01, 100))
def test_origin_and_unit_move_with_the_estimates(origin, unit):
    values = np.array([1.0, 4.0, 2.0, 8.0, 5.0])
    there, moved = james_stein(values, 3.0), james_stein(values * unit + origin, 3.0 * unit**2)

    assert moved.estimates == pytest.approx(there.estimates * unit + origin, rel=1e-6, abs=1e-6)


def test_too_few_values_or_none_that_differ_are_refused():
    assert james_stein([1, 2, 3], 1.0).reason == TOO_FEW_READINGS
    assert james_stein([1, 2], 1.0, target=0.0).reason == TOO_FEW_READINGS
    assert james_stein([1, 2, np.nan, 4], 1.0).reason == TOO_FEW_READINGS
    assert james_stein([2, 2, 2, 2], 1.0).reason == NO_VARIATION
    assert james_stein([1, 2, 3, 4], [1, 1, 0, 1]).reason == NOT_POSITIVE
    with pytest.raises(ValueError, match="differ in shape"):
        james_stein([1, 2, 3, 4], [1, 1])
