"""Binomial, Poisson and cumulative mixed models: published values, brute force, refusals."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import expit, log_ndtr
from scipy.stats import poisson

from orchestration.statistics.mixed import formula as formulas
from orchestration.statistics.mixed.families import Cumulative
from orchestration.statistics.mixed.generalised import fit_cumulative, fit_generalised
from orchestration.statistics.refusal import Refusal

# Contagious bovine pleuropneumonia, lme4's `cbpp`: herd, incidence, size, period.
CBPP = np.array(
    """
    1,2,14,1 1,3,12,2 1,4,9,3 1,0,5,4 2,3,22,1 2,1,18,2 2,1,21,3 3,8,22,1 3,2,16,2 3,0,16,3
    3,2,20,4 4,2,10,1 4,0,10,2 4,2,9,3 4,0,6,4 5,5,18,1 5,0,25,2 5,0,24,3 5,1,4,4 6,3,17,1
    6,0,17,2 6,0,18,3 6,1,20,4 7,8,16,1 7,1,10,2 7,3,9,3 7,0,5,4 8,12,34,1 9,2,9,1 9,0,6,2
    9,0,8,3 9,0,6,4 10,1,22,1 10,1,22,2 10,0,18,3 10,2,22,4 11,0,25,1 11,5,27,2 11,3,22,3
    11,1,22,4 12,2,10,1 12,1,8,2 12,0,6,3 12,0,5,4 13,1,21,1 13,2,24,2 13,0,19,3 13,0,23,4
    14,11,19,1 14,0,2,2 14,0,3,3 14,0,2,4 15,1,19,1 15,1,15,2 15,1,15,3 15,0,15,4
    """.replace(",", " ").split(),
    dtype=float,
).reshape(-1, 4)

# Bitterness of wine (Randall 1989), `ordinal`'s `wine`: nine judges, cold before warm, two bottles
# without and two with contact each.
WINE = "233444551213235423325544323232532343333332322454112223232223333412323244"


def herds():
    return {name: CBPP[:, at] for at, name in enumerate(("herd", "sick", "size", "period"))}


def wine():
    return {
        "rating": np.array([float(one) for one in WINE]),
        "temp": np.tile(np.repeat(["cold", "warm"], 4), 9),
        "contact": np.tile(["no", "no", "yes", "yes"], 18),
        "judge": np.repeat(np.arange(1, 10), 8),
    }


def counts(seed=6, rows=90):
    rng = np.random.default_rng(seed)
    line, site, x = rng.integers(0, 12, rows), rng.integers(0, 5, rows), rng.normal(size=rows)
    hours = rng.uniform(1, 9, rows)
    eta = -0.5 + 0.4 * x + 0.6 * rng.normal(size=12)[line] + 0.5 * rng.normal(size=5)[site]
    count = rng.poisson(hours * np.exp(eta)).astype(float)
    return {"count": count, "x": x, "hours": hours, "line": line, "site": site}


def test_herds_have_the_published_incidence():
    found = fit_generalised(
        "sick ~ factor(period) + (1 | herd)", herds(), family="binomial", trials=CBPP[:, 2]
    )

    # glmer 1.1-31 with tolPwrss 1e-13 (by default it stops at -92.0266).
    assert found.log_likelihood == pytest.approx(-92.0262818745, abs=1e-8)
    assert found.fixed == pytest.approx(
        [-1.39853204, -0.99231588, -1.12866415, -1.58031560], rel=2e-5
    )
    assert found.se == pytest.approx([0.23247, 0.30664, 0.32664, 0.42744], rel=1e-3)
    assert found.components[0].value == pytest.approx(0.41251061, rel=5e-5)
    assert found.gradient < 1e-5


def test_successes_beside_failures_are_successes_among_trials():
    bound = fit_generalised(
        "cbind(sick, size - sick) ~ factor(period) + (1 | herd)", herds(), family="binomial"
    )
    apart = fit_generalised(
        "sick ~ factor(period) + (1 | herd)", herds(), family="binomial", trials=CBPP[:, 2]
    )

    assert bound.fixed == pytest.approx(apart.fixed, rel=1e-12)


def test_judges_of_wine_have_the_published_thresholds():
    found = fit_cumulative("rating ~ temp + contact + (1 | judge)", wine())

    # Christensen's article on clmm prints these; the digits are of ordinal 2022.11-16, whose
    # log-likelihood is -81.5654128 with gradTol 1e-13 (by default its modes stop early).
    assert found.log_likelihood == pytest.approx(-81.565412776771, abs=1e-8)
    assert found.names == ("tempwarm", "contactyes")
    assert found.fixed == pytest.approx([3.06299663, 1.83488492], rel=1e-4)
    assert found.threshold_names == ("1|2", "2|3", "3|4", "4|5")
    assert found.thresholds == pytest.approx(
        [-1.62366692, 1.51336518, 4.22852669, 6.08877256], rel=1e-4
    )
    assert found.components[0].value == pytest.approx(1.27946091, rel=2e-4)


def test_a_poisson_fit_maximises_laplace_s_approximation_by_brute_force():
    table = counts()
    found = fit_generalised(
        "count ~ x + offset(log(hours)) + (1 | line) + (1 | site)", table, family="poisson"
    )
    z = np.concatenate(
        [table[name][:, None] == np.unique(table[name]) for name in ("line", "site")], axis=1
    ).astype(float)

    def log_likelihood(vector):
        """Of fixed effects and the two sd: the mode by a general optimiser, its dense Hessian."""
        sd = np.repeat(vector[2:], [12, 5])
        start = vector[0] + vector[1] * table["x"] + np.log(table["hours"])

        def joint(u):
            eta = start + z @ (sd * u)
            return u @ u / 2 - poisson.logpmf(table["count"], np.exp(eta)).sum()

        def slope(u):
            return u + sd * (z.T @ (np.exp(start + z @ (sd * u)) - table["count"]))

        mode = minimize(joint, np.zeros(17), jac=slope, method="BFGS", options={"gtol": 1e-9})
        mean = np.exp(start + z @ (sd * mode.x))
        hessian = np.eye(17) + (z * sd).T @ (mean[:, None] * (z * sd))
        return -mode.fun - np.linalg.slogdet(hessian)[1] / 2

    at = np.array([*found.fixed, *found.theta])
    assert found.log_likelihood == pytest.approx(log_likelihood(at), abs=1e-8)
    # Its derivative there is nil, to what a difference of 1e-5 can tell.
    assert approx_fprime(at, log_likelihood, 1e-5) == pytest.approx(np.zeros(4), abs=3e-3)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_derivatives_of_categories_are_those_of_differences(link):
    rng = np.random.default_rng(1)
    category, eta = rng.integers(0, 4, 30), rng.normal(size=30)
    cuts, step = np.array([-1.0, 0.2, 1.1]), 1e-6
    family = Cumulative(category, link)
    at = family.derivatives(eta, cuts)
    ahead, behind = (family.derivatives(eta + sign * step, cuts) for sign in (1, -1))

    near = {"rel": 1e-6, "abs": 1e-7}
    assert at.weight == pytest.approx((behind.slope - ahead.slope) / (2 * step), **near)
    assert at.change == pytest.approx((ahead.weight - behind.weight) / (2 * step), **near)
    for cut in range(3):
        moved = [family.derivatives(eta, cuts + sign * step * np.eye(3)[cut]) for sign in (1, -1)]
        by_difference = [
            (getattr(moved[0], name) - getattr(moved[1], name)) / (2 * step)
            for name in ("log_likelihood", "slope", "weight")
        ]
        assert at.of_cuts[:, cut].sum() == pytest.approx(by_difference[0], **near)
        assert at.slope_of_cuts[:, cut] == pytest.approx(by_difference[1], **near)
        assert at.weight_of_cuts[:, cut] == pytest.approx(by_difference[2], **near)


def test_a_category_far_in_the_tail_keeps_its_probability():
    # P(y = 1) at eta = 30: F(-30), of which 1 - F(30) would leave nothing.
    tails = {"logit": np.log(expit(-30)), "probit": log_ndtr(-30), "cloglog": -30.0}
    for link, log_p in tails.items():
        found = Cumulative(np.array([0]), link).log_likelihood(np.array([30.0]), np.array([0.0]))

        assert found == pytest.approx(log_p)


def test_turning_the_scale_of_categories_turns_the_effects():
    plain = fit_cumulative("rating ~ temp + contact + (1 | judge)", wine())
    turned = fit_cumulative(
        "rating ~ temp + contact + (1 | judge)", wine() | {"rating": 6 - wine()["rating"]}
    )

    assert turned.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-7)
    assert turned.fixed == pytest.approx(-plain.fixed, rel=1e-4)
    assert turned.thresholds == pytest.approx(-plain.thresholds[::-1], rel=1e-4)


def test_predicted_over_expected_is_the_mean_with_over_the_mean_without_effects():
    table = counts()
    found = fit_generalised("count ~ x + offset(log(hours)) + (1 | line)", table, family="poisson")
    of_line = table["line"] == 3
    without = table["hours"] * np.exp(found.fixed[0] + found.fixed[1] * table["x"])
    effect = found.effects[0].effect[3, 0]

    # One effect in the line: the ratio of means is its exponential.
    assert found.predicted_over_expected[0][3] == pytest.approx(np.exp(effect))
    assert found.fitted_fixed[of_line] == pytest.approx(without[of_line])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"sick": -herds()["sick"]}, "impossible_count"),
        ({"sick": herds()["size"] + 1}, "impossible_count"),
        ({"sick": herds()["sick"] + 0.5}, "impossible_count"),
        ({"size": np.zeros(56), "sick": np.zeros(56)}, "zero_denominator"),
        ({"sick": np.zeros(56)}, "no_variation"),
        ({"sick": np.where(herds()["period"] > 2, herds()["size"], 0)}, "no_variation"),
        ({"sick": np.where(herds()["herd"] > 7, herds()["size"], 0)}, "no_variation"),
        ({"herd": np.ones(56)}, "no_variation"),
        ({"sick": np.full(56, np.nan)}, "no_value"),
    ],
)
def test_bad_counts_are_refused_by_name(changed, reason):
    table = herds() | changed
    found = fit_generalised(
        "sick ~ factor(period) + (1 | herd)", table, family="binomial", trials=table["size"]
    )

    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_an_unknown_link_is_an_error_and_not_another_link():
    with pytest.raises(ValueError, match="cauchit"):
        fit_cumulative("rating ~ temp + (1 | judge)", wine(), link="cauchit")


def test_ratings_all_alike_are_refused():
    found = fit_cumulative("rating ~ temp + (1 | judge)", wine() | {"rating": np.full(72, 3.0)})

    assert isinstance(found, Refusal)
    assert found.reason == "no_variation"


def test_effects_that_move_with_the_fixed_ones_are_less_sure_than_if_these_were_known():
    found = fit_generalised("count ~ x + (x | line)", counts(), family="poisson")

    assert (found.effects[0].sd >= found.effects[0].sd_given_fixed).all()
    assert found.effects[0].sd[:, 0].max() > 1.01 * found.effects[0].sd_given_fixed[:, 0].max()
    assert formulas.parse("count ~ x + (x | line)").random[0].terms == ((), ("x",))
