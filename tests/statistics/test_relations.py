"""Relations of KPIs: R's figures, laws, and pairs that are planted or are not there."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from orchestration.statistics.detection.relations import (
    clusters,
    cross_correlation,
    inflation,
    lead_lag,
    redundant,
    relate,
)
from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VARIATION,
    SINGULAR_COVARIANCE,
    TOO_FEW_READINGS,
)

# R's datasets::attitude (Chatterjee and Price 1977): thirty departments, seven questions: rating,
# complaints, privileges, learning, raises, critical, advance.
ATTITUDE = np.array([
    [43, 51, 30, 39, 61, 92, 45], [63, 64, 51, 54, 63, 73, 47], [71, 70, 68, 69, 76, 86, 48],
    [61, 63, 45, 47, 54, 84, 35], [81, 78, 56, 66, 71, 83, 47], [43, 55, 49, 44, 54, 49, 34],
    [58, 67, 42, 56, 66, 68, 35], [71, 75, 50, 55, 70, 66, 41], [72, 82, 72, 67, 71, 83, 31],
    [67, 61, 45, 47, 62, 80, 41], [64, 53, 53, 58, 58, 67, 34], [67, 60, 47, 39, 59, 74, 41],
    [69, 62, 57, 42, 55, 63, 25], [68, 83, 83, 45, 59, 77, 35], [77, 77, 54, 72, 79, 77, 46],
    [81, 90, 50, 72, 60, 54, 36], [74, 85, 64, 69, 79, 79, 63], [65, 60, 65, 75, 55, 80, 60],
    [65, 70, 46, 57, 75, 85, 46], [50, 58, 68, 54, 64, 78, 52], [50, 40, 33, 34, 43, 64, 33],
    [64, 61, 52, 62, 66, 80, 41], [53, 66, 52, 50, 63, 80, 37], [40, 37, 42, 58, 50, 57, 49],
    [63, 54, 42, 48, 66, 75, 33], [66, 77, 66, 63, 88, 76, 72], [78, 75, 58, 74, 80, 78, 49],
    [48, 57, 44, 45, 51, 83, 38], [85, 85, 71, 71, 77, 74, 55], [82, 82, 39, 59, 64, 78, 39],
])  # fmt: skip


def test_correlations_and_collinearity_are_those_of_r():
    found = relate(ATTITUDE)

    # cor(method = "spearman"), eigen(cor()), diag(solve(cor())), -cov2cor(solve(cor())).
    assert found.spearman[0] == pytest.approx(
        [1, 0.8322005623, 0.4842879429, 0.6172701988, 0.5981496266, 0.04820356921, 0.2029455952],
        abs=1e-9,
    )
    assert found.eigenvalues == pytest.approx(
        [3.7163757506, 1.1409218852, 0.8471915456, 0.6128696602, 0.3236728095, 0.2185305938,
         0.1404377551], abs=1e-9,
    )  # fmt: skip
    assert found.inflation == pytest.approx(
        [3.739743648, 4.349467384, 1.621054561, 2.627817796, 3.096452515, 1.231749325, 2.077467587]
    )
    assert inflation(ATTITUDE) == pytest.approx(found.inflation)
    assert found.partial[0, 1:] == pytest.approx(
        [0.6219385888, -0.1115271013, 0.36846764833, 0.0767214870, 0.05436393004, -0.2461533279]
    )
    # cor.test(rating, privileges): Pearson, and Spearman with exact = FALSE.
    assert found.p_pearson[0, 2] == pytest.approx(0.01887702228)
    assert found.p_spearman[0, 2] == pytest.approx(0.006690803766)


def test_kpis_that_follow_from_each_other_leave_the_inflation_of_others_as_it_is():
    twice = np.column_stack([ATTITUDE, 100 - 2 * np.array(ATTITUDE)[:, 0]])
    alone, with_copy = inflation(ATTITUDE), inflation(twice)

    assert np.isinf(with_copy[[0, 7]]).all()
    assert with_copy[1:7] == pytest.approx(alone[1:])
    assert inflation(np.ones((40, 2))).reason == "no_variation"


def test_average_linkage_is_that_of_hclust():
    found = relate(ATTITUDE, absolute=False)

    # hclust(as.dist(1 - cor(method = "spearman")), "average"), cutree(k = 3).
    assert found.heights == pytest.approx(
        [0.1677994377, 0.3775858768, 0.3937498749, 0.5066210028, 0.6413094648, 0.8423448905]
    )
    assert found.merges.tolist() == [[-1, -2], [-5, 1], [-4, 2], [-3, 3], [-7, 4], [-6, 5]]
    assert clusters(found, count=3).tolist() == [1, 1, 1, 1, 1, 2, 3]
    assert clusters(found, height=0.6).tolist() == [1, 1, 1, 1, 1, 2, 3]


def test_a_kpi_and_its_opposite_are_one_cluster_unless_signs_count():
    series = np.column_stack([ATTITUDE[:, :2], -ATTITUDE[:, 0] + ATTITUDE[:, 5] / 50])

    assert clusters(relate(series), height=0.1).tolist() == [1, 2, 1]
    assert clusters(relate(series, absolute=False), height=0.9).tolist() == [1, 1, 2]


def test_the_cross_correlation_is_that_of_ccf():
    lags, found = cross_correlation(ATTITUDE[:, 0], ATTITUDE[:, 1], 4)

    # ccf(rating, complaints, lag.max = 4): three digits are printed.
    assert lags.tolist() == list(range(-4, 5))
    assert found == pytest.approx(
        [0.142, 0.023, -0.024, 0.294, 0.825, 0.153, 0.055, 0.145, -0.089], abs=5e-4
    )
    moved = cross_correlation(np.arange(9) == 5, np.arange(9) == 3, 3)
    # What y does now, x does two periods later: r(x[t + 2], y[t]).
    assert moved[0][np.argmax(moved[1])] == 2


def test_a_gap_leaves_its_period_out_and_adjusted_p_values_are_larger():
    series = ATTITUDE.astype(float)
    series[4, 2] = np.nan
    found = relate(series)

    assert found.n == 29
    assert found.spearman == pytest.approx(
        spearmanr(np.delete(ATTITUDE, 4, axis=0)).statistic, abs=1e-12
    )
    upper = np.triu_indices(7, 1)
    assert (found.adjusted_spearman[upper] >= found.p_spearman[upper]).all()


def test_partial_correlation_is_that_of_what_is_left_by_the_others():
    found = relate(ATTITUDE)
    others = np.column_stack([np.ones(30), ATTITUDE[:, 2:]])
    left = ATTITUDE[:, :2] - others @ np.linalg.lstsq(others, ATTITUDE[:, :2], rcond=None)[0]

    assert found.partial[0, 1] == pytest.approx(np.corrcoef(left.T)[0, 1])


def test_two_kpis_that_only_share_a_trend_are_not_redundant():
    rng, time = np.random.default_rng(1), np.arange(150)
    trend = time * 0.5
    noise = rng.normal(size=(150, 3))
    series = np.column_stack([trend + noise[:, 0], trend + noise[:, 1], trend + noise[:, 2]])
    twin = series[:, 0] * -3 + rng.normal(size=150) * 0.3
    series = np.column_stack([series, twin])

    assert np.corrcoef(series[:, 0], series[:, 1])[0, 1] > 0.99
    found = redundant(series)
    assert [(pair.first, pair.second) for pair in found] == [(0, 3)]
    assert found[0].high < -0.9


def _memory(rng: np.random.Generator, n: int = 150) -> np.ndarray:
    x, shocks = np.zeros(n), rng.normal(size=n)
    for t in range(1, n):
        x[t] = 0.8 * x[t - 1] + shocks[t]
    return x


def test_a_planted_lead_is_found_at_its_lag():
    hits = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = _memory(rng, 153)
        y = 0.6 * x[:-3] + _memory(rng)
        found = lead_lag(x[3:], y, max_lag=8, permutations=199)
        hits += found.strongest == -3 and found.p_value < 0.05
    # x runs three periods ahead of y: r(x[t - 3], y[t]).
    assert hits >= 18


def test_two_series_with_memory_and_nothing_in_common_are_rarely_related():
    found = []
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        found.append(lead_lag(_memory(rng), _memory(rng), max_lag=8, permutations=199).p_value)

    # Sixty draws at 5 % exceed 7 with chance 1.8 %. Without the filter 17 lags reject most.
    assert sum(p <= 0.05 for p in found) <= 7


def test_series_that_cannot_be_related_are_refused():
    assert relate(ATTITUDE[:, :1]).reason == TOO_FEW_READINGS
    assert relate(ATTITUDE[:9]).reason == TOO_FEW_READINGS
    assert relate(np.column_stack([ATTITUDE, np.ones(30)])).reason == NO_VARIATION
    doubled = np.column_stack([ATTITUDE, ATTITUDE[:, 0] + ATTITUDE[:, 1]])
    assert relate(doubled).reason == SINGULAR_COVARIANCE
    x = np.random.default_rng(1).normal(size=100)
    assert lead_lag(x[:40], x[:40], max_lag=8).reason == TOO_FEW_READINGS
    assert lead_lag(x, np.arange(100.0), max_lag=8).reason == NO_VARIATION
    gap = np.where(np.arange(100) == 5, np.nan, x)
    assert lead_lag(x, gap, max_lag=8).reason == GAP_IN_SERIES
    assert redundant(np.column_stack([x, gap])).reason == GAP_IN_SERIES
    assert cross_correlation(x, np.ones(100), 3).reason == NO_VARIATION
    with pytest.raises(ValueError, match="either the count"):
        clusters(relate(ATTITUDE))
