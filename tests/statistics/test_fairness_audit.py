"""The audit: a ratio with what must stand beside it, Simpson's case, size and power over seeds."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from orchestration.statistics.fairness.audit import (
    audit_strata,
    by_rater,
    coverage,
    impact_ratios,
    stage_change,
)
from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    NO_VARIATION,
    TOO_FEW_READINGS,
    ZERO_DENOMINATOR,
)

# Admitted and rejected men and women of Berkeley's six largest departments (Bickel 1975).
BERKELEY = np.array([
    [[512, 313], [89, 19]], [[353, 207], [17, 8]], [[120, 205], [202, 391]],
    [[138, 279], [131, 244]], [[53, 138], [94, 299]], [[22, 351], [24, 317]],
])  # fmt: skip


def test_berkeleys_women_fail_four_fifths_overall():
    (found,) = impact_ratios([1198, 557], [2691, 1835], reference=0)

    assert found.ratio == pytest.approx(0.681829843563068)
    assert found.fisher_p_value == pytest.approx(4.83590317933728e-22, rel=1e-6)
    assert found.low < found.ratio < found.high < 0.8
    assert (found.finding, found.turned_by_one) == ("adverse", False)


def test_a_ratio_of_few_people_is_below_the_cut_by_chance_and_turned_by_one():
    # The Guidelines' own example of small numbers: one person more would close the gap.
    (found,) = impact_ratios([8, 3], [20, 10], reference=0)

    assert found.ratio == pytest.approx(0.75)
    assert found.finding == "below_cut_by_chance"
    # 4 of 10 against 7 of 20.
    assert found.turned_by_one
    assert found.low < 0.8
    assert found.high > 1


def test_a_difference_that_does_not_matter_is_significant_in_many_people():
    (found,) = impact_ratios([50_000, 48_000], [100_000, 100_000], reference=0)

    assert found.ratio == pytest.approx(0.96)
    assert found.finding == "significant_above_cut"
    assert not found.turned_by_one


@pytest.mark.parametrize("cut", ["0.8", "0.75", "0.7", "1"])
def test_a_ratio_at_the_cut_is_not_below_it(cut):
    # Every pair of small groups against exact fractions; float division errs at 480 of 800
    # against 600 of 800, and at 3 of 5 against 6 of 8.
    small = [(n, m) for n in (5, 6, 8, 10) for m in (5, 8, 10)]
    tables = [(i, n, j, m) for n, m in small for i in range(1, n + 1) for j in range(m + 1)]
    tables += [(600, 800, 480, 800), (50_000, 60_000, 40_000, 60_000), (6, 8, 3, 5)]
    at_the_cut = 0

    def below(i, n, j, m):
        return i > 0 and Fraction(j, m) / Fraction(i, n) < Fraction(cut)

    for i, n, j, m in tables:
        (found,) = impact_ratios([i, j], [n, m], reference=0, cut=float(cut))
        if not hasattr(found, "finding"):
            continue
        is_below = below(i, n, j, m)
        step = 1 if is_below else -1
        possible = 0 <= j + step <= m and 0 <= i - step <= n
        at_the_cut += Fraction(j, m) == Fraction(cut) * Fraction(i, n)
        assert found.is_below_cut == is_below
        assert (found.finding in {"adverse", "below_cut_by_chance"}) == is_below
        assert found.turned_by_one == (possible and below(i - step, n, j + step, m) != is_below)
    assert at_the_cut > 3


def test_mid_p_counts_half_of_the_table_seen():
    (found,) = impact_ratios([3, 1], [4, 4], reference=0)

    # The tea lady: tables 1, 16, 36, 16, 1 of 70.
    assert found.fisher_p_value == pytest.approx(34 / 70)
    assert found.mid_p_value == pytest.approx(26 / 70)


@pytest.mark.parametrize("good", [(30, 20), (45, 12), (3, 9), (59, 40)])
def test_the_interval_is_the_score_interval_of_statsmodels(good):
    (found,) = impact_ratios(good, [60, 41], reference=0)
    theirs = confint_proportions_2indep(
        good[1], 41, good[0], 60, compare="ratio", method="score", correction=False
    )

    assert (found.low, found.high) == pytest.approx(theirs)


def test_a_group_without_any_favourable_outcome_has_one_open_end():
    (none,) = impact_ratios([5, 0], [10, 10], reference=0)
    assert (none.ratio, none.low) == (0, 0)
    assert 0 < none.high < 1
    (only,) = impact_ratios([0, 5], [10, 10], reference=0)
    assert (only.ratio, only.high) == (np.inf, np.inf)
    # Seen from the other group it is the same interval.
    assert only.low == pytest.approx(1 / none.high)
    (all_of_them,) = impact_ratios([10, 5], [10, 10], reference=0)
    assert 0.2 < all_of_them.low < 0.5 < all_of_them.high < 1


def test_groups_are_adjusted_together_and_each_is_refused_for_itself():
    found = impact_ratios([50, 20, 0, 30, 12], [100, 100, 0, 100, 30], reference=0)

    assert found[1].reason == ZERO_DENOMINATOR
    there = [one for one in found if hasattr(one, "ratio")]
    assert all(one.adjusted_p_value >= one.mid_p_value for one in there)
    # Benjamini and Hochberg: the smallest of three is multiplied by three.
    assert there[0].adjusted_p_value == pytest.approx(3 * there[0].mid_p_value)


def test_the_reference_group_is_declared_and_not_the_one_that_fares_best():
    first, second = impact_ratios([20, 50, 40], [100, 100, 100], reference=0)

    assert (first.ratio, second.ratio) == (pytest.approx(2.5), pytest.approx(2.0))


def test_the_interval_covers_and_the_audit_accuses_as_rarely_as_it_says():
    rng = np.random.default_rng(1)
    covered = accused = 0
    for _ in range(400):
        good = rng.binomial([120, 80], 0.4)
        (found,) = impact_ratios(good, [120, 80], reference=0)
        covered += found.low <= 1 <= found.high
        accused += found.finding == "adverse"

    # 95 % of 400 is 380 with standard error 4.4.
    assert 366 <= covered <= 394
    assert accused <= 20


def test_a_bias_is_found_with_enough_people():
    rng = np.random.default_rng(2)
    odds = 0.4 / 0.6 * np.exp(-0.7)
    found = [
        impact_ratios(
            [rng.binomial(750, 0.4), rng.binomial(750, odds / (1 + odds))],
            [750, 750],
            reference=0,
        )[0].finding
        for _ in range(50)
    ]

    # A bias of 0.7 logit over 1,500 people: rates .40 and .25, ratio .62.
    assert found.count("adverse") >= 49


def test_strata_that_disagree_are_not_pooled():
    found = audit_strata(BERKELEY, role="legitimate")

    # Breslow-Day 18.83 of 5: department A favours women, the others nobody.
    assert found.homogeneity_p_value == pytest.approx(0.00207139034991758)
    assert found.pooled is None
    assert len(found.strata) == 6
    assert found.strata[0].odds_ratio < 0.5
    assert found.decides == "strata"


def test_strata_that_agree_turn_simpsons_case_round():
    agreeing = audit_strata([[[80, 20], [9, 1]], [[2, 8], [30, 70]]], role="legitimate")
    assert agreeing.marginal.odds_ratio > 1 > agreeing.pooled.odds_ratio
    assert agreeing.reverses
    # A grade that the same managers gave explains nothing away.
    tainted = audit_strata([[[80, 20], [9, 1]], [[2, 8], [30, 70]]], role="possibly_tainted")
    assert tainted.decides == "marginal_and_strata"


def test_consent_that_differs_by_group_makes_the_audit_selective():
    found = coverage([90, 40], [100, 100], [45, 20])

    assert found.share.tolist() == [0.9, 0.4]
    assert found.selective
    assert found.p_value == pytest.approx(fisher_exact([[90, 10], [40, 60]]).pvalue)
    # Half of those audited have the outcome in both groups; of all it may be 20 to 80 %.
    assert (found.rate_low[1], found.rate_high[1]) == (0.2, 0.8)
    assert not coverage([90, 88, 91], [100, 100, 100], [45, 44, 40]).selective
    assert coverage([100, 100], [100, 100], [5, 5]).p_value == 1


def test_one_rater_who_treats_a_group_otherwise_is_told_from_the_rest():
    fair, biased = [[12, 8], [12, 8]], [[18, 2], [4, 16]]
    found = by_rater([fair] * 6 + [biased])

    assert found.homogeneity_p_value < 0.01
    assert np.flatnonzero(found.adjusted_p_values < 0.01).tolist() == [6]
    assert by_rater([fair] * 7).homogeneity_p_value > 0.99
    assert by_rater([biased]).reason == TOO_FEW_READINGS


def test_a_stage_that_lowers_one_group_is_seen_though_few_are_moved():
    group = np.repeat(["a", "b"], 50)
    before = np.tile([True, False], 50)
    after = before.copy()
    after[np.flatnonzero(~before & (group == "a"))[:6]] = True
    after[np.flatnonzero(before & (group == "b"))[:6]] = False
    found = stage_change(before, after, group, reference="a")

    assert found.raised.tolist() == [6, 0]
    assert found.lowered.tolist() == [0, 6]
    # 2 of the 924 ways to share out twelve changes.
    assert found.p_value == pytest.approx(2 / 924)
    assert stage_change(before, before, group, reference="a").reason == NO_VARIATION


def test_counts_that_cannot_be_are_refused():
    assert impact_ratios([5, 3], [4, 10], reference=0).reason == IMPOSSIBLE_COUNT
    assert impact_ratios([-1, 3], [4, 10], reference=0).reason == IMPOSSIBLE_COUNT
    assert impact_ratios([np.nan, 3], [4, 10], reference=0).reason == IMPOSSIBLE_COUNT
    assert impact_ratios([4, 10], [4, 10], reference=0)[0].reason == NO_VARIATION
    assert coverage([5], [6], [1]).reason == TOO_FEW_READINGS
    assert coverage([5, 7], [6, 6], [1, 1]).reason == IMPOSSIBLE_COUNT
    with pytest.raises(ValueError, match="no group 2"):
        impact_ratios([4, 10], [4, 10], reference=2)


def test_groups_too_large_for_an_exact_test_are_refused_each_for_itself():
    found = impact_ratios([300, 300_000_000_000, 250], [1000, 10**12, 1000], reference=0)

    assert found[0].reason == "too_many"
    assert found[1].ratio == pytest.approx(250 / 300)
    assert audit_strata([[[10**12, 1], [1, 10**12]]], role="legitimate").reason == "too_many"
    assert coverage([10**11, 10**11], [10**12, 10**12], [1, 1]).reason == "too_many"
    assert coverage([1, 2], [np.inf, 3], [1, 1]).reason == "infinite_value"
