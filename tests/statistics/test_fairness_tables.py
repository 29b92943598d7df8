"""Two groups in one table and in many: oracles, Simpson's paradox, refusals."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from scipy.stats.contingency import odds_ratio
from statsmodels.stats.contingency_tables import StratifiedTable

from orchestration.statistics.fairness.adjusted import adjusted_log_odds
from orchestration.statistics.fairness.tables import compare_two_groups, compare_within_strata
from orchestration.statistics.refusal import Refusal

# Within each stratum the second group does better; together the first does.
PARADOX = [[[80, 20], [9, 1]], [[2, 8], [30, 70]]]


def test_the_tea_lady_is_not_proven_right():
    """Fisher 1935: three of four cups; two-sided p 34/70, one-sided 17/70."""
    found = compare_two_groups([[3, 1], [1, 3]])

    assert found.fisher_p_value == pytest.approx(34 / 70)
    # R's fisher.test prints 6.408309; its root search stops at the fifth digit.
    assert found.odds_ratio == pytest.approx(6.408309, rel=1e-5)
    # Of 8 cups, 1, 16, 36, 16, 1 tables have 0 to 4 hits: each end leaves 2.5 % beyond it.
    for ratio, tail in ((found.odds_ratio_low, (3, 4)), (found.odds_ratio_high, (0, 1, 2, 3))):
        chance = np.array([1, 16, 36, 16, 1]) * ratio ** np.arange(5.0)
        assert chance[list(tail)].sum() / chance.sum() == pytest.approx(0.025)


def test_both_chi_squares_are_those_of_scipy():
    table = [[30, 70], [45, 55]]
    found = compare_two_groups(table)

    assert found.chi2 == pytest.approx(chi2_contingency(table, correction=False).statistic)
    assert found.chi2_yates == pytest.approx(chi2_contingency(table).statistic)
    assert found.impact_ratio == pytest.approx(30 / 45)


def test_stratified_figures_are_those_of_statsmodels():
    tables = np.random.default_rng(5).integers(3, 40, (6, 2, 2))
    ours = compare_within_strata(tables)
    theirs = StratifiedTable([table.astype(float) for table in tables])

    assert ours.odds_ratio == pytest.approx(theirs.oddsratio_pooled)
    assert (ours.low, ours.high) == pytest.approx(theirs.oddsratio_pooled_confint())
    assert ours.statistic == pytest.approx(theirs.test_null_odds().statistic)
    assert ours.corrected == pytest.approx(theirs.test_null_odds(correction=True).statistic)
    assert ours.breslow_day == pytest.approx(theirs.test_equal_odds().statistic)
    assert ours.tarone == pytest.approx(theirs.test_equal_odds(adjust=True).statistic)


def test_one_stratum_is_fishers_exact_test():
    table = [[12, 5], [7, 14]]
    one, exact = compare_two_groups(table), compare_within_strata([table])

    assert exact.exact_p_value == pytest.approx(one.fisher_p_value)
    assert exact.exact_odds_ratio == pytest.approx(one.odds_ratio)


def test_strata_turn_simpsons_paradox_round():
    marginal = compare_two_groups(np.sum(PARADOX, axis=0))
    within = compare_within_strata(PARADOX)

    assert marginal.odds_ratio > 1 > within.odds_ratio
    rows = np.array(
        [(s, g, o) for s in range(2) for g in range(2) for o in (1, 0)]
    )  # fmt: skip
    adjusted = adjusted_log_odds(
        rows[:, 2] == 1, rows[:, 1], rows[:, 0], reference="1", frequency=np.ravel(PARADOX)
    )
    assert adjusted.group["0"] < 0


def test_strata_that_say_nothing_change_nothing():
    silent = [[[5, 0], [7, 0]], [[0, 0], [3, 4]]]

    assert compare_within_strata([*PARADOX, *silent]) == compare_within_strata(PARADOX)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: compare_two_groups([[0, 0], [1, 2]]), "zero_denominator"),
        (lambda: compare_two_groups([[3, 0], [2, 0]]), "no_variation"),
        (lambda: compare_two_groups([[3, -1], [2, 1]]), "impossible_count"),
        (lambda: compare_two_groups([[3, 0.5], [2, 1]]), "impossible_count"),
        (lambda: compare_within_strata([[[3, 0], [2, 0]]]), "no_variation"),
        (lambda: compare_within_strata([[[3, 0], [2, 5]]]), "no_variation"),
        (
            lambda: adjusted_log_odds([1, 0, 1, 0], list("aaaa"), list("xxyy"), reference="a"),
            "no_comparison",
        ),
        (
            lambda: adjusted_log_odds([1, 1, 0, 0], list("abab"), list("xxyy"), reference="a"),
            "no_variation",
        ),
        (
            lambda: adjusted_log_odds([1, 0, 1, 0], list("aabb"), list("xxyy"), reference="a"),
            "singular_covariance",
        ),
    ],
)
def test_tables_that_say_nothing_are_refused_by_name(answer, reason):
    found = answer()

    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_the_conditional_odds_ratio_and_its_interval_are_those_of_scipy():
    for table in ([[12, 5], [7, 9]], [[3, 0], [4, 11]], [[0, 8], [6, 2]], [[300, 700], [250, 750]]):
        found, oracle = compare_two_groups(table), odds_ratio(np.array(table))
        interval = oracle.confidence_interval(0.95)

        assert (found.odds_ratio, found.odds_ratio_low, found.odds_ratio_high) == pytest.approx(
            (oracle.statistic, interval.low, interval.high), rel=1e-6
        )


def test_exact_tests_of_many_are_those_of_large_numbers_and_of_too_many_are_refused():
    # Half a million: the exact test and Yates' agree to the second digit, the ratios to the fifth.
    table = np.array([[90_000, 160_000], [89_500, 160_500]])
    found, within = compare_two_groups(table), compare_within_strata([table // 2, table // 2])

    assert found.fisher_p_value == pytest.approx(found.chi2_yates_p_value, rel=0.01)
    assert within.exact_p_value == pytest.approx(within.corrected_p_value, rel=0.01)
    cross = table[0, 0] * table[1, 1] / table[0, 1] / table[1, 0]
    assert (found.odds_ratio, within.exact_odds_ratio) == pytest.approx((cross, cross), rel=1e-5)
    assert compare_two_groups(table * 10**6).reason == "too_many"
    assert compare_within_strata([table * 10**6]).reason == "too_many"


def test_an_odds_ratio_far_from_one_is_that_of_each_stratum():
    # Seen from an odds ratio of 1 such tables are less likely than any number.
    table = np.array([[49_000, 1_000], [500, 49_500]])
    within = compare_within_strata([table, table])

    assert within.exact_p_value == 0
    assert within.exact_odds_ratio == pytest.approx(49 * 99, rel=1e-3)
    assert compare_two_groups(table).odds_ratio == pytest.approx(49 * 99, rel=1e-3)
