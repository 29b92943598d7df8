"""Linear mixed models and their formulas: published values, dense oracles, laws, refusals."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from orchestration.statistics.mixed import formula as formulas
from orchestration.statistics.mixed.linear import fit_linear
from orchestration.statistics.mixed.penalised import inverse_triangle
from orchestration.statistics.refusal import Refusal

# Davies and Goldsmith, yield of dyestuff from six batches, as in lme4's `Dyestuff`.
DYESTUFF = [
    1545, 1440, 1440, 1520, 1580, 1540, 1555, 1490, 1560, 1495, 1595, 1550, 1605, 1510, 1560,
    1445, 1440, 1595, 1465, 1545, 1595, 1630, 1515, 1635, 1625, 1520, 1455, 1450, 1480, 1445,
]  # fmt: skip


def dyestuff():
    return {"y": np.array(DYESTUFF, dtype=float), "batch": np.repeat(list("ABCDEF"), 5)}


def company(seed=4, rows=110):
    rng = np.random.default_rng(seed)
    site, line = rng.integers(0, 6, rows), rng.integers(0, 9, rows)
    leader = site * 5 + rng.integers(0, 5, rows)
    shift = np.array(["early", "late", "night"])[rng.integers(0, 3, rows)]
    x = rng.normal(30, 5, rows)
    y = (
        50
        + 0.2 * x
        + (shift == "late")
        + rng.normal(size=6)[site]
        + rng.normal(size=30)[leader]
        + 0.1 * rng.normal(size=9)[line] * (x - 30)
        + rng.normal(size=rows)
    )
    names = np.char.add("s", site.astype(str))
    return {"y": y, "x": x, "shift": shift, "site": names, "leader": leader % 5, "line": line}


def test_yields_of_dyestuff_have_the_published_variances():
    found = fit_linear("y ~ 1 + (1 | batch)", dyestuff(), satterthwaite=True)

    # Bates et al. (2015) print 1764, 2451, 1527.5 and a REML criterion of 319.7; balanced, the
    # first two are (mean square between - within) / 5 and the mean square within.
    groups = np.reshape(DYESTUFF, (6, 5))
    within = groups.var(axis=1, ddof=1).mean()
    between = 5 * groups.mean(axis=1).var(ddof=1)
    assert found.residual_variance == pytest.approx(within, rel=1e-6)
    assert found.components[0].value == pytest.approx((between - within) / 5, rel=1e-5)
    assert found.fixed[0] == pytest.approx(1527.5)
    assert -2 * found.log_likelihood == pytest.approx(319.6543, abs=1e-4)
    # The mean of six batches has five degrees of freedom.
    assert found.freedom[0] == pytest.approx(5, abs=1e-3)
    assert found.effects[0].reliability == pytest.approx((between - within) / between, rel=1e-5)


@pytest.mark.parametrize(
    ("formula", "method"),
    [
        ("y ~ x + shift + (1 | site/leader)", "REML"),
        ("y ~ x + (1 | site:leader) + (1 | line)", "ML"),
        ("y ~ x * shift + (x | line) + (1 | site)", "REML"),
        ("y ~ x + (x || line) + (1 | site)", "ML"),
    ],
)
def test_the_fit_is_that_of_the_dense_marginal_likelihood(formula, method):
    table = company()
    found = fit_linear(formula, table, method=method)
    made = formulas.frame(formula, table)
    oracle = Dense(made, found, method)

    assert found.log_likelihood == pytest.approx(oracle.log_likelihood(found.theta), abs=1e-8)
    assert found.fixed == pytest.approx(oracle.fixed, rel=1e-7)
    assert found.se == pytest.approx(oracle.se, rel=1e-6)
    for one, effect, given, sd in zip(
        found.effects, oracle.effects, oracle.given, oracle.sd, strict=True
    ):
        assert one.effect == pytest.approx(effect, abs=1e-7)
        assert one.sd_given_fixed == pytest.approx(given, rel=1e-6, abs=1e-9)
        assert one.sd == pytest.approx(sd, rel=1e-6, abs=1e-9)
    # No step in any direction is better.
    rng = np.random.default_rng(0)
    for _ in range(4):
        moved = found.theta + 1e-3 * rng.normal(size=found.theta.size)
        assert oracle.log_likelihood(moved) < found.log_likelihood + 1e-9


class Dense:
    """Everything from the marginal covariance matrix of the rows."""

    def __init__(self, made, found, method):
        self.made, self.method = made, method
        self.blocks = [
            np.concatenate(
                [group.design[:, [a]] * (group.index[:, None] == np.arange(len(group.levels)))
                 for a in range(group.design.shape[1])], axis=1)
            for group in made.groups
        ]  # fmt: skip
        self.log_likelihood(found.theta)
        self._predictions(found.residual_variance, found.theta)

    def _relative(self, theta):
        """Relative covariance matrix of all random effects, coefficient by coefficient."""
        theta, covariances = list(theta), []
        for group in self.made.groups:
            template = np.zeros((group.design.shape[1],) * 2)
            for block in group.blocks:
                for number, column in enumerate(block):
                    for row in block[number:]:
                        template[row, column] = theta.pop(0)
            covariances.append(np.kron(template @ template.T, np.eye(len(group.levels))))
        return covariances

    def log_likelihood(self, theta):
        x, y = self.made.fixed, self.made.response
        n, k = x.shape
        v = np.eye(n) + sum(
            z @ c @ z.T for z, c in zip(self.blocks, self._relative(theta), strict=True)
        )
        information = x.T @ np.linalg.solve(v, x)
        fixed = np.linalg.solve(information, x.T @ np.linalg.solve(v, y))
        residual = y - x @ fixed
        rss = residual @ np.linalg.solve(v, residual)
        sigma2 = rss / (n - k if self.method == "REML" else n)
        value = multivariate_normal(cov=sigma2 * v).logpdf(residual)
        if self.method == "REML":
            value += k / 2 * np.log(2 * np.pi) - np.linalg.slogdet(information / sigma2)[1] / 2
        return value

    def _predictions(self, sigma2, theta):
        x, y = self.made.fixed, self.made.response
        covariances = self._relative(theta)
        v = np.eye(y.size) + sum(z @ c @ z.T for z, c in zip(self.blocks, covariances, strict=True))
        v_inverse = np.linalg.inv(v)
        of_fixed = np.linalg.inv(x.T @ v_inverse @ x)
        self.fixed = of_fixed @ x.T @ v_inverse @ y
        self.se = np.sqrt(sigma2 * np.diagonal(of_fixed))
        p = v_inverse - v_inverse @ x @ of_fixed @ x.T @ v_inverse
        self.effects, self.given, self.sd = [], [], []
        for z, g, group in zip(self.blocks, covariances, self.made.groups, strict=True):
            shape = (group.design.shape[1], len(group.levels))
            known = np.diagonal(g - g @ z.T @ v_inverse @ z @ g)
            unknown = np.diagonal(g - g @ z.T @ p @ z @ g)
            self.effects.append((g @ z.T @ p @ y).reshape(shape).T)
            self.given.append(np.sqrt(sigma2 * known.clip(0)).reshape(shape).T)
            self.sd.append(np.sqrt(sigma2 * unknown.clip(0)).reshape(shape).T)


def test_units_of_response_and_covariate_do_not_matter():
    table = company()
    plain = fit_linear("y ~ x + (x | line) + (1 | site)", table)
    scaled = dict(table, y=1e5 + 1000 * table["y"], x=table["x"] / 60)
    found = fit_linear("y ~ x + (x | line) + (1 | site)", scaled)

    assert found.fixed == pytest.approx(
        [1e5 + 1000 * plain.fixed[0], 6e4 * plain.fixed[1]], rel=1e-6
    )
    factors = {
        (one.group, one.first, one.second): one.value / other.value
        for one, other in zip(found.components, plain.components, strict=True)
    }
    assert factors == pytest.approx(
        {
            ("line", "(Intercept)", None): 1e6,
            ("line", "x", None): 3.6e9,
            ("line", "(Intercept)", "x"): 6e7,
            ("site", "(Intercept)", None): 1e6,
            ("Residual", None, None): 1e6,
        },
        rel=1e-3,
    )


def test_the_order_of_rows_does_not_matter():
    table = company()
    order = np.random.default_rng(1).permutation(table["y"].size)
    found = [
        fit_linear("y ~ x + (1 | site/leader)", one)
        for one in (table, {name: column[order] for name, column in table.items()})
    ]

    assert found[0].log_likelihood == pytest.approx(found[1].log_likelihood, abs=1e-9)
    assert found[0].effects[0].levels == found[1].effects[0].levels
    assert found[0].effects[0].effect == pytest.approx(found[1].effects[0].effect, abs=1e-6)


def test_doubled_weights_double_the_residual_variance_alone():
    # sigma2 is that of weight 1: doubling all weights doubles it and changes nothing else.
    table = company()
    once = fit_linear("y ~ x + (1 | site)", table, weights=np.full(110, 1.0))
    twice = fit_linear("y ~ x + (1 | site)", table, weights=np.full(110, 2.0))

    assert twice.residual_variance == pytest.approx(2 * once.residual_variance, rel=1e-6)
    assert twice.components[0].value == pytest.approx(once.components[0].value, rel=1e-5)
    assert twice.log_likelihood == pytest.approx(once.log_likelihood, abs=1e-8)


def test_groups_closer_than_their_errors_allow_give_a_singular_fit_that_says_so():
    y = np.tile([1.0, 2.0, 3.0, 4.0], 6) + np.repeat([0.01, -0.01], 12)
    found = fit_linear("y ~ 1 + (1 | g)", {"y": y, "g": np.repeat(np.arange(6), 4)})

    assert found.singular
    assert found.components[0].value == 0
    assert found.effects[0].effect == pytest.approx(np.zeros((6, 1)))
    assert found.residual_variance == pytest.approx(y.var(ddof=1))


def test_more_correlated_terms_never_make_a_model_less_likely():
    # An uncentred age beside the intercept: near-singular, with several local solutions.
    rng = np.random.default_rng(5)
    n = 900
    line, x, age = rng.integers(0, 30, n), rng.normal(size=n), rng.uniform(20, 60, n)
    y = 50 + x + rng.normal(size=30)[line] * 0.6 + rng.normal(size=n) * 2
    found = fit_linear("y ~ 1 + (1 + x + age | line)", {"y": y, "line": line, "x": x, "age": age})
    smaller = fit_linear("y ~ 1 + (1 + x | line)", {"y": y, "line": line, "x": x})

    assert found.log_likelihood >= smaller.log_likelihood - 1e-8


def test_inverse_triangles_of_all_sizes_invert_their_matrix():
    rng = np.random.default_rng(3)
    for size in (1, 120, 121, 260):
        root = rng.normal(size=(size, size))
        matrix = root @ root.T + size * np.eye(size)
        triangle, log_determinant = inverse_triangle(matrix)

        assert triangle.T @ triangle @ matrix == pytest.approx(np.eye(size), abs=1e-10)
        assert log_determinant == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-12)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"y": np.full(110, 7.0)}, "no_variation"),
        ({"y": np.full(110, np.nan)}, "no_value"),
        ({"y": np.r_[np.inf, np.ones(109)]}, "infinite_value"),
        ({"site": np.repeat("s", 110)}, "no_variation"),
        ({"site": np.arange(110)}, "too_few_readings"),
        ({"x": np.full(110, 2.0)}, "singular_covariance"),
    ],
)
def test_bad_input_is_refused_by_name(changed, reason):
    found = fit_linear("y ~ x + (1 | site)", company() | changed)

    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_rows_with_a_missing_value_are_left_out_and_told():
    table = company()
    table["y"][3], table["x"][7] = np.nan, np.nan
    found = fit_linear("y ~ x + (1 | site)", table)

    assert found.n == 108
    assert {3, 7}.isdisjoint(found.rows.tolist())


def test_text_is_coded_against_its_first_level_and_products_as_r_names_them():
    table = company()
    made = formulas.frame("y ~ shift * x + I(x^2) + (1 | line)", table)

    assert made.names == (
        "(Intercept)", "shiftlate", "shiftnight", "x", "I(x^2)", "shiftlate:x", "shiftnight:x",
    )  # fmt: skip
    assert formulas.frame("y ~ shift - 1 + (1 | line)", table).names == (
        "shiftearly", "shiftlate", "shiftnight",
    )  # fmt: skip


def test_ids_are_in_order_of_size_where_they_are_numbers_and_of_letters_where_text():
    for ids in (np.array([10, 9, 100]), np.array([10, 9, 100], dtype=object)):
        assert formulas.levels_of(ids)[0] == ("9", "10", "100")
    assert formulas.levels_of(np.array(["10", "9", "100"]))[0] == ("10", "100", "9")


def test_missing_ids_are_seen_in_every_type_of_column():
    for column in (
        np.array(["a", ""]),
        np.array(["a", None], dtype=object),
        np.array([1.0, np.nan]),
        np.array([1, float("nan")], dtype=object),
    ):
        assert formulas.is_missing(column).tolist() == [False, True]


def test_nested_and_uncorrelated_terms_are_named_and_ordered_as_lme4_does():
    found = fit_linear("y ~ 1 + (x || line) + (1 | site/leader)", company())

    named = [(one.group, one.first) for one in found.components]
    assert named == [
        ("leader:site", "(Intercept)"),
        ("line", "(Intercept)"),
        ("line.1", "x"),
        ("site", "(Intercept)"),
        ("Residual", None),
    ]
    assert found.effects[0].levels[:7] == ("0:s0", "0:s1", "0:s2", "0:s3", "0:s4", "0:s5", "1:s0")


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("y + x", "no ~"),
        ("y ~ x + (1 | site", "cannot be read"),
        ("y ~ x", "needs a random term"),
        ("y ~ nothing + (1 | site)", "column nothing"),
        ("y ~ __import__('os') + (1 | site)", "not understood"),
    ],
)
def test_a_formula_that_cannot_be_read_is_an_error_in_words(formula, said):
    with pytest.raises(ValueError, match=said):
        fit_linear(formula, company())
