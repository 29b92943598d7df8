"""Clustering by place: R's figures, moments by enumeration; by function: Shrout and Fleiss."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway

from orchestration.statistics.calibration.agreement import intraclass_correlations
from orchestration.statistics.fairness.clustering import (
    band_weights,
    distances,
    intraclass,
    inverse_distance_weights,
    morans_i,
    nearest_neighbour_weights,
    row_standardised,
)
from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    INFINITE_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
)

# Six targets, four judges (1979).
SHROUT_FLEISS = [
    [9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7],
]  # fmt: skip
# Place and value: thirty draws, rounded.
PLACES = np.array([
    [0.17, 0.38, 1.08], [0.81, 0.37, 2.331], [0.38, 0.17, 1.221], [0.33, 0.45, 1.405],
    [0.6, 0.26, 1.319], [0.6, 0.34, 1.822], [0.12, 0.89, 1.65], [0.29, 0.2, 0.795],
    [0.58, 0.58, 1.348], [0.63, 0.21, 1.788], [0.51, 0.28, 1.615], [0.51, 0.79, 1.686],
    [0.53, 0.17, 1.91], [0.56, 0.57, 1.372], [0.87, 0.42, 2.299], [0.83, 0.27, 1.024],
    [0.11, 0.05, 0.205], [0.7, 0.1, 1.952], [0.9, 0.31, 1.928], [0.28, 0.8, 1],
    [0.23, 0.23, 0.981], [0.02, 0.21, -0.074], [0.13, 0.88, 1.247], [0.09, 0.99, 0.475],
    [0.24, 0.84, 0.755], [0.79, 0.91, 2.309], [0.6, 0.47, 1.256], [0.91, 0.22, 2.585],
    [0.56, 0.13, 1.617], [0.76, 0.28, 1.486],
])  # fmt: skip
VALUES, BETWEEN = PLACES[:, 2], distances(PLACES[:, :2])


@pytest.mark.parametrize(
    ("weights", "observed", "deviation", "p"),
    [
        (inverse_distance_weights(BETWEEN), 0.129104654758, 0.0537730004042, 0.00234867523692),
        (band_weights(BETWEEN, furthest=0.3), 0.398290295438, 0.0863784812864, 5.43748487125e-07),
    ],
)
def test_moran_is_that_of_ape(weights, observed, deviation, p):
    found = morans_i(VALUES, row_standardised(weights))

    # R's ape 5.7-1, Moran.I: rows of the weights sum to 1, randomisation variance, two-sided.
    assert found.i == pytest.approx(observed, rel=1e-11)
    assert found.expected == -1 / 29
    assert np.sqrt(found.variance_randomisation) == pytest.approx(deviation, rel=1e-11)
    assert found.p_two_sided == pytest.approx(p, rel=1e-9)
    assert found.p_greater == pytest.approx(p / 2, rel=1e-9)


def test_the_randomisation_moments_are_those_of_dealing_the_values_out():
    weights = inverse_distance_weights(BETWEEN)
    found = morans_i(VALUES, weights)
    rng = np.random.default_rng(2)
    dealt = [morans_i(rng.permuted(VALUES), weights, permutations=1).i for _ in range(4000)]

    assert np.mean(dealt) == pytest.approx(found.expected, abs=4 * np.std(dealt) / 63)
    # A variance of 4,000 draws has a relative standard error of about 2.3 %.
    assert np.var(dealt) == pytest.approx(found.variance_randomisation, rel=0.1)


def test_the_normal_variance_is_that_of_normal_draws():
    weights = nearest_neighbour_weights(BETWEEN, 4)
    rng = np.random.default_rng(3)
    drawn = [morans_i(rng.normal(size=30), weights, permutations=1).i for _ in range(4000)]

    assert np.var(drawn) == pytest.approx(morans_i(VALUES, weights).variance_normality, rel=0.1)


def test_a_checkerboard_repels_and_two_halves_cluster():
    grid = np.array([(i, j) for i in range(6) for j in range(6)], dtype=float)
    rook = band_weights(distances(grid), furthest=1)

    assert rook.sum() == 2 * 60
    checkers = morans_i(grid.sum(axis=1) % 2, rook)
    assert checkers.i == pytest.approx(-1)
    assert checkers.p_permutation > 0.99
    halves = morans_i(grid[:, 0] < 3, rook)
    # 60 edges, 6 of them across: (54 - 6) / 60.
    assert halves.i == pytest.approx(48 / 60)
    assert halves.p_permutation == 1 / 1000


@given(st.floats(-1e3, 1e3), st.floats(0.1, 100), st.floats(0.1, 10))
def test_origin_and_unit_of_values_and_weights_do_not_matter(origin, unit, heavy):
    weights = inverse_distance_weights(BETWEEN)
    there = morans_i(VALUES, weights, permutations=9)
    moved = morans_i(VALUES * unit + origin, weights * heavy, permutations=9)

    assert moved.i == pytest.approx(there.i, rel=1e-6)
    assert moved.variance_randomisation == pytest.approx(there.variance_randomisation, rel=1e-6)


def test_the_same_seed_gives_the_same_answer_and_a_gap_leaves_its_place_out():
    weights = inverse_distance_weights(BETWEEN)
    gap = np.where(np.arange(30) == 4, np.nan, VALUES)
    without = np.delete(np.arange(30), 4)

    assert morans_i(VALUES, weights) == morans_i(VALUES, weights)
    assert morans_i(gap, weights) == morans_i(VALUES[without], weights[np.ix_(without, without)])


def test_the_share_of_false_findings_is_the_stated_one():
    weights, rng = nearest_neighbour_weights(BETWEEN, 4), np.random.default_rng(5)
    found = [morans_i(rng.exponential(size=30), weights, permutations=199) for _ in range(200)]

    # Two hundred draws at 5 % exceed 19 with chance 0.3 %.
    assert sum(one.p_permutation <= 0.05 for one in found) <= 19


def test_the_nearest_neighbours_and_the_great_circle_are_right():
    line = distances([[0, 0], [1, 0], [3, 0]])
    assert nearest_neighbour_weights(line, 1).tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0]]
    # A quarter of the globe from the equator to the pole.
    quarter = distances([[0, 0], [90, 0]], "great_circle")
    assert quarter[0, 1] == pytest.approx(np.pi / 2 * 6371.0088)


def test_few_places_equal_values_and_impossible_weights_are_refused():
    weights = inverse_distance_weights(BETWEEN)

    assert morans_i(VALUES[:19], weights[:19, :19]).reason == TOO_FEW_READINGS
    assert morans_i(np.ones(30), weights).reason == NO_VARIATION
    assert morans_i(VALUES, -weights).reason == IMPOSSIBLE_VALUE
    assert morans_i(VALUES, np.eye(30)).reason == TOO_FEW_READINGS
    with pytest.raises(ValueError, match="do not pair"):
        morans_i(VALUES, weights[:5])


def test_groups_of_one_size_have_the_one_way_correlation_of_shrout_and_fleiss():
    table = np.array(SHROUT_FLEISS)
    found = intraclass(table.ravel(), np.repeat(np.arange(6), 4))
    oracle = intraclass_correlations(table)

    # Six targets by four judges (1979, table 2): ICC(1,1) is .17.
    assert found.icc == pytest.approx(0.166, abs=5e-4)
    assert (found.icc, found.low, found.high) == pytest.approx(
        (oracle.one_way.value, oracle.one_way.low, oracle.one_way.high)
    )
    assert found.p_value == pytest.approx(f_oneway(*table).pvalue)


def test_groups_of_any_size_have_the_f_test_of_the_analysis_of_variance():
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(9), rng.integers(1, 20, 9))
    values = rng.normal(size=group.size) + rng.normal(size=9)[group]
    found = intraclass(values, group)

    assert found.p_value == pytest.approx(
        f_oneway(*(values[group == one] for one in range(9))).pvalue
    )
    shifted = intraclass(3 - 2 * values, group)
    assert shifted.icc == pytest.approx(found.icc)
    assert found.low < found.icc < found.high


@pytest.mark.parametrize(
    ("values", "group", "reason"),
    [
        ([1, 2, 3], ["a", "a", "a"], TOO_FEW_READINGS),
        ([1, 2, 3], ["a", "b", "c"], TOO_FEW_READINGS),
        ([1, 1, 2, 2], ["a", "a", "b", "b"], NO_VARIATION),
        ([np.inf, 1, 2], ["a", "a", "b"], INFINITE_VALUE),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(values, group, reason):
    assert intraclass(values, group).reason == reason
