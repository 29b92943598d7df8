"""Ordered outcomes: R's figures, laws of the model, separation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.miscmodels.ordinal_model import OrderedModel

from orchestration.statistics.fairness.ordinal import compare_by_ranks, cumulative_link
from orchestration.statistics.fairness.tables import compare_two_groups
from orchestration.statistics.refusal import (
    INFINITE_VALUE,
    NO_VARIATION,
    SEPARATION,
    SINGULAR_COVARIANCE,
    TOO_FEW_READINGS,
)

# Satisfaction (low, medium, high) of 1,681 householders: Venables and Ripley, MASS::housing.
# Rows: influence low, medium, high in each of tower, apartment, atrium, terrace; contact low, then
# the same with contact high.
HOUSING = np.array([
    21, 21, 28, 34, 22, 36, 10, 11, 36, 61, 23, 17, 43, 35, 40, 26, 18, 54,
    13, 9, 10, 8, 8, 12, 6, 7, 9, 18, 6, 7, 15, 13, 13, 7, 5, 11,
    14, 19, 37, 17, 23, 40, 3, 5, 23, 78, 46, 43, 48, 45, 86, 15, 25, 62,
    20, 23, 20, 10, 22, 24, 7, 10, 21, 57, 23, 13, 31, 21, 13, 5, 6, 13,
])  # fmt: skip


def _housing() -> tuple[np.ndarray, np.ndarray]:
    cell = np.arange(72)
    influence, kind, contact = cell // 3 % 3, cell // 9 % 4, cell // 36
    design = np.column_stack(
        [influence == 1, influence == 2, kind == 1, kind == 2, kind == 3, contact == 1]
    )
    return cell % 3, design.astype(float)


def _drawn(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)]).astype(float)
    latent = x @ [0.7, -0.5] + rng.logistic(size=n)
    return np.digitize(latent, [-1.0, 0.5, 2.0]), x


def test_housing_satisfaction_is_that_of_polr():
    found = cumulative_link(*_housing(), frequency=HOUSING)

    # R 4.2.2, MASS 7.3-58.2, polr(Sat ~ Infl + Type + Cont, weights = Freq); its optimizer stops
    # with slopes off in the seventh digit.
    assert found.slopes == pytest.approx(
        [0.566394, 1.288819, -0.572350, -0.366187, -1.091015, 0.360284], abs=1e-6
    )
    assert found.thresholds == pytest.approx([-0.496135, 0.690708], abs=1e-6)
    assert found.se_slopes == pytest.approx(
        [0.1046528, 0.1271561, 0.1192380, 0.1551733, 0.1514860, 0.0955358], abs=1e-7
    )
    assert found.se_thresholds == pytest.approx([0.1248472, 0.1254719], abs=1e-6)
    assert found.deviance == pytest.approx(3479.14929905897, rel=1e-12)
    assert found.gradient < 1e-10


@pytest.mark.parametrize(
    ("link", "deviance", "first", "error"),
    [
        ("probit", 3479.68884256414, 0.346422761, 0.0641370598),
        ("cloglog", 3484.0531703605, 0.382046981, 0.0702598256),
        ("loglog", 3491.4096736492, 0.366997079, 0.0726521895),
    ],
)
def test_other_links_are_those_of_polr(link, deviance, first, error):
    found = cumulative_link(*_housing(), link=link, frequency=HOUSING)

    assert found.deviance == pytest.approx(deviance, rel=1e-12)
    assert (found.slopes[0], found.se_slopes[0]) == pytest.approx((first, error), abs=1e-7)


def test_statsmodels_finds_the_same_maximum():
    y, x = _drawn(3)
    ours = cumulative_link(y, x)
    theirs = OrderedModel(y, x, distr="logit").fit(method="bfgs", disp=False, gtol=1e-7)

    assert ours.log_likelihood >= theirs.llf - 1e-8
    assert ours.slopes == pytest.approx(theirs.params[:2], abs=1e-5)
    assert ours.se_slopes == pytest.approx(theirs.bse[:2], rel=1e-4)


def test_two_categories_and_two_groups_are_the_log_odds_ratio_of_the_table():
    table = np.array([[30, 70], [45, 55]])
    y, x = np.array([0, 1, 0, 1]), np.array([[0.0], [0.0], [1.0], [1.0]])
    found = cumulative_link(y, x, frequency=table.ravel())

    assert found.slopes[0] == pytest.approx(np.log(30 * 55 / (70 * 45)))
    assert found.se_slopes[0] == pytest.approx(np.sqrt((1 / table).sum()))


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(-100, 100), st.floats(0.01, 100))
def test_origin_and_unit_of_a_covariate_move_only_its_slope_and_the_thresholds(seed, origin, unit):
    y, x = _drawn(seed, 200)
    there, moved = cumulative_link(y, x), cumulative_link(y, x * [1, unit] + [0, origin])

    assert moved.slopes * [1, unit] == pytest.approx(there.slopes, rel=1e-6, abs=1e-8)
    assert moved.se_slopes * [1, unit] == pytest.approx(there.se_slopes, rel=1e-6)
    assert moved.thresholds == pytest.approx(
        there.thresholds + there.slopes[1] * origin / unit, rel=1e-5, abs=1e-6
    )


def test_reversing_the_categories_reverses_the_signs():
    y, x = _drawn(5)
    there, turned = cumulative_link(y, x), cumulative_link(3 - y, x)

    assert turned.slopes == pytest.approx(-there.slopes)
    assert turned.thresholds == pytest.approx(-there.thresholds[::-1])


def test_covariates_that_part_the_categories_are_refused():
    x = np.arange(20.0)[:, None]

    assert cumulative_link(np.arange(20) >= 12, x).reason == SEPARATION
    assert cumulative_link(np.digitize(np.arange(20), [7, 14]), x).reason == SEPARATION
    # One category is parted off, the others are not.
    half = np.where(np.arange(20) < 6, 0, 1 + np.arange(20) % 2)
    group = (np.arange(20) < 6).astype(float)[:, None]
    assert cumulative_link(half, group).reason == SEPARATION
    # One exchange mends it.
    mended = np.digitize(np.arange(20), [7, 14])
    mended[[6, 7, 13, 14]] = mended[[7, 6, 14, 13]]
    assert np.isfinite(cumulative_link(mended, x).slopes).all()


def test_designs_that_say_nothing_are_refused():
    y, x = _drawn(1, 50)

    assert cumulative_link(np.ones(50), x).reason == NO_VARIATION
    assert cumulative_link(y, x[:, [0, 0]]).reason == SINGULAR_COVARIANCE
    assert cumulative_link(y, np.ones((50, 1))).reason == SINGULAR_COVARIANCE
    assert cumulative_link(y, np.where(x > 1, np.inf, x)).reason == INFINITE_VALUE
    assert cumulative_link(y, np.where(x > 1, np.nan, x)).reason == TOO_FEW_READINGS
    # An infinite outcome is no category above all others, and neither is a missing one.
    assert cumulative_link(np.where(y == 2, np.inf, y), x).reason == INFINITE_VALUE
    assert cumulative_link(np.where(y == 2, np.nan, y), x).reason == TOO_FEW_READINGS
    with pytest.raises(ValueError, match="unknown link"):
        cumulative_link(y, x, link="log")


def test_rank_tests_of_housing_are_those_of_r():
    outcome, design = _housing()
    low = np.repeat(outcome, HOUSING)
    by_contact = compare_by_ranks(low, np.repeat(design[:, 5], HOUSING))
    by_influence = compare_by_ranks(low, np.repeat(design[:, 0] + 2 * design[:, 1], HOUSING))

    # R 4.2.2: wilcox.test(correct = FALSE), kruskal.test.
    assert by_contact.w == 328443.5
    assert by_contact.w_p_value == pytest.approx(0.071202768722, rel=1e-9)
    assert by_influence.kruskal == pytest.approx(102.041571435, rel=1e-11)
    assert by_influence.kruskal_p_value == pytest.approx(6.94951186195e-23, rel=1e-9)
    assert np.isnan(by_influence.w)


def test_wilcoxon_counts_pairs_in_which_the_first_group_is_higher():
    found = compare_by_ranks([3, 1, 2, 2, 0, np.nan], ["a", "a", "a", "b", "b", "b"])

    # 3 > 2, 3 > 0, 1 > 0, 2 > 0, and 2 = 2 counts half.
    assert found.w == 4.5
    assert compare_by_ranks([1, 2], ["a", "a"]).reason == TOO_FEW_READINGS
    assert compare_by_ranks([1, 1], ["a", "b"]).reason == NO_VARIATION


def test_two_groups_by_ranks_are_the_uncorrected_chi_square_where_outcomes_are_two():
    table = [[30, 70], [45, 55]]
    found = compare_by_ranks(np.repeat([0, 1, 0, 1], np.ravel(table)), np.repeat([0, 1], 100))
    pearson = compare_two_groups(table).chi2

    # Kruskal's variance divides by n - 1 where Pearson's divides by n.
    assert found.kruskal == pytest.approx(pearson * 199 / 200)
    assert found.w_p_value == pytest.approx(2 * norm.sf(np.sqrt(pearson * 199 / 200)))


def test_a_rank_test_with_an_unknown_group_is_refused():
    found = compare_by_ranks([1, 2, 3, 4], ["a", None, "b", "b"])

    assert (found.reason, found.detail) == ("gap_in_series", "the group of row 2 is unknown")
