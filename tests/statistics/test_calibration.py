"""Agreement, pooling, funnels and adjusted p-values: laws, oracles and refusals."""

import math

import numpy as np
import pytest
from scipy.stats import binom, norm
from statsmodels.stats.multitest import multipletests

from orchestration.statistics.calibration import agreement, funnel, pooling
from orchestration.statistics.fairness.multiplicity import METHODS, adjust_p_values
from orchestration.statistics.refusal import Refusal

rng = np.random.default_rng(20262)


def test_level_differences_between_raters_count_for_agreement_alone():
    ratings = rng.normal(size=(20, 1)) + rng.normal(scale=0.5, size=(20, 4))
    plain = agreement.intraclass_correlations(ratings)
    shifted = agreement.intraclass_correlations(ratings + np.array([0, 5, -5, 9]))

    assert shifted.consistency.value == pytest.approx(plain.consistency.value)
    assert shifted.agreement.value < 0.2 * plain.agreement.value


def test_intervals_of_the_correlations_hold_the_true_one():
    # True ICC 0.5, raters alike: 400 tables, the share covered within 4 standard errors of 95 %.
    covered = 0
    for _ in range(400):
        table = rng.normal(size=(15, 1)) + rng.normal(size=(15, 4))
        found = agreement.intraclass_correlations(table)
        covered += found.consistency.low <= 0.5 <= found.consistency.high

    assert covered / 400 == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 400))


@pytest.mark.parametrize("estimator", pooling.ESTIMATORS)
def test_equal_variances_give_the_variance_of_the_estimates_less_theirs(estimator):
    y = np.array([1.0, 3.0, 5.0, 7.0, 9.0])
    found = pooling.pool_random_effects(y, np.full(5, 0.5), estimator)

    # The variance of y is 10 with n - 1, 8 with n below; Sidik and Jonkman weigh it by 8 / 8.5.
    by_hand = {"ML": 8 - 0.5, "HS": 8 - 0.5, "SJ": 10 * 8 / 8.5}
    assert found.tau2 == pytest.approx(by_hand.get(estimator, 10 - 0.5))
    assert found.mean == pytest.approx(5)
    own = found.tau2 / (found.tau2 + 0.5)
    assert found.shrunken == pytest.approx(own * y + (1 - own) * 5)


@pytest.mark.parametrize("estimator", [one for one in pooling.ESTIMATORS if one != "SJ"])
def test_units_closer_than_their_errors_allow_are_all_the_mean(estimator):
    found = pooling.pool_random_effects([1, 1.1, 0.9], [4, 4, 4], estimator)

    assert found.tau2 == 0
    assert found.shrunken == pytest.approx([found.mean] * 3)


# metafor 3.8.1, rma() of these four.
@pytest.mark.parametrize(
    ("estimator", "tau2"), [("HE", 0.055 / 3), ("HS", 0.014304), ("SJ", 0.026965348367074)]
)
def test_estimators_in_one_step_agree_with_metafor(estimator, tau2):
    found = pooling.pool_random_effects([0.1, 0.6, 0.3, 0.4], [0.01, 0.03, 0.02, 0.04], estimator)

    assert found.tau2 == pytest.approx(tau2, rel=1e-10)


def test_paule_mandel_and_empirical_bayes_solve_one_equation():
    y, v = rng.normal(size=30), rng.uniform(0.1, 0.5, 30)
    exact = pooling.pool_random_effects(y, v, "PM").tau2

    assert exact == pytest.approx(pooling.pool_random_effects(y, v, "EB").tau2, rel=1e-10)
    # Where metafor stops.
    stopped = pooling.pool_random_effects(y, v, "PM", pm_tolerance=pooling.METAFOR_PM_TOLERANCE)
    assert stopped.tau2 == pytest.approx(exact, abs=2 * pooling.METAFOR_PM_TOLERANCE)


def test_a_funnel_of_units_on_target_has_little_overdispersion():
    trials = rng.integers(200, 2000, 400)
    found = funnel.funnel(rng.binomial(trials, 0.2), trials, measure="PR", adjust="none")

    # z is standard normal: phi has a standard error of sqrt(2 / 400).
    assert found.phi == pytest.approx(1, abs=4 * math.sqrt(2 / 400))
    assert found.n_used == 400


def test_truncation_leaves_the_middle_eight_tenths():
    expected = np.full(20, 100.0)
    found = funnel.funnel(
        np.arange(91, 111), expected, measure="SR", adjust="truncate", transform="log"
    )

    # Ranks 1 and 20 of 20 fall into groups 0 and 9 of floor(10 rank / 21), with 2 and 19.
    assert np.flatnonzero(np.isnan(found.z_adjusted)).tolist() == [0, 1, 18, 19]


def test_exact_limits_lie_between_the_counts_on_either_side():
    for p in (0.001, 0.025, 0.975, 0.999):
        limit = funnel.exact_binomial_limit([500], 0.08, p)[0] * 500

        assert binom.cdf(math.floor(limit), 500, 0.08) <= p + 1e-12
        assert binom.cdf(math.ceil(limit), 500, 0.08) >= p


@pytest.mark.parametrize("method", METHODS)
def test_adjusted_p_values_are_those_of_statsmodels(method):
    names = {"BH": "fdr_bh", "BY": "fdr_by", "hochberg": "simes-hochberg"}
    p = rng.uniform(size=30) ** 3

    theirs = multipletests(p, method=names.get(method, method))[1]
    assert adjust_p_values(p, method) == pytest.approx(theirs)


def test_a_test_that_was_not_made_does_not_count():
    assert adjust_p_values([0.01, math.nan, 0.02], "bonferroni") == pytest.approx(
        [0.02, math.nan, 0.04], nan_ok=True
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: agreement.intraclass_correlations([[1, 2]]), "too_few_readings"),
        (lambda: agreement.intraclass_correlations([[1, 1], [1, 1]]), "no_variation"),
        (lambda: agreement.intraclass_correlations([[1, 2], [3, math.nan]]), "gap_in_series"),
        (lambda: pooling.pool_random_effects([1], [1]), "too_few_readings"),
        (lambda: pooling.pool_random_effects([1, 2], [1, 0]), "not_positive"),
        (lambda: pooling.pool_random_effects([1, math.nan], [1, 1]), "too_few_readings"),
        (lambda: pooling.pool_random_effects([1, math.inf], [1, 1]), "infinite_value"),
        (lambda: funnel.funnel([1, 2], [1, 0], measure="SR"), "zero_denominator"),
        (lambda: funnel.funnel([3, 2], [2, 2], measure="PR"), "impossible_count"),
        (lambda: funnel.funnel([0, 0], [2, 2], measure="PR"), "zero_denominator"),
        (lambda: adjust_p_values([0.5, 1.5]), "impossible_value"),
        (lambda: adjust_p_values([math.nan]), "no_value"),
    ],
)
def test_data_that_say_nothing_are_refused_by_name(answer, reason):
    found = answer()

    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_phi_set_right_is_that_of_normal_values_and_of_many_as_the_density_says():
    # Mean square of a normal value drawn in to its 10 % quantiles: 1 - 2t - 2 a f(a) + 2 t a^2.
    trim, edge = 0.1, norm.ppf(0.9)
    of_density = 1 - 2 * trim - 2 * edge * norm.pdf(edge) + 2 * trim * edge**2
    counts = np.random.default_rng(4).binomial(1_000, 0.3, 5_000)
    plain = funnel.funnel(counts, np.full(5_000, 1_000), measure="PR")
    right = funnel.funnel(counts, np.full(5_000, 1_000), measure="PR", is_normal_consistent=True)

    assert plain.phi / right.phi == pytest.approx(of_density, rel=0.005)
    # Of counts that differ by chance alone: 1, with a standard error of sqrt(2 / 5,000) or so.
    assert right.phi == pytest.approx(1, abs=0.08)
    with pytest.raises(ValueError, match="not of truncate"):
        funnel.funnel(
            counts,
            np.full(5_000, 1_000),
            measure="PR",
            adjust="truncate",
            is_normal_consistent=True,
        )
