"""Linear mixed models by restricted or full maximum likelihood."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from scipy.stats import t as student

from orchestration.statistics.mixed.covariance import (
    SINGULAR,
    GroupEffects,
    Parameters,
    VarianceComponent,
    conditioned,
)
from orchestration.statistics.mixed.formula import Formula, Frame, Table, frame
from orchestration.statistics.mixed.penalised import (
    Factor,
    Incidence,
    Inverse,
    PerGroup,
    scaled,
    scaled_back,
)
from orchestration.statistics.mixed.search import search
from orchestration.statistics.refusal import (
    NO_VARIATION,
    NOT_CONVERGED,
    NOT_POSITIVE,
    SINGULAR_COVARIANCE,
    TOO_FEW_READINGS,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats

Method = Literal["REML", "ML"]

# Residual variance below this share of the response's is that of an exact fit.
_EXACT: Final = 1e-14
_TINIEST: Final = float(np.finfo(np.float64).tiny)
# A search that ends on a slope above this has not found the maximum.
_TOO_STEEP: Final = 0.05


@dataclass(frozen=True)
class LinearMixed:
    """A fitted linear mixed model.

    Attributes
    ----------
    method : "REML" or "ML"
    n : int
        Rows used.
    names : tuple of str, length k
        Fixed effects, as R prints them.
    fixed, se : ndarray, shape (k,)
    covariance : ndarray, shape (k, k)
        Of the fixed effects.
    freedom, p_value : ndarray, shape (k,)
        Satterthwaite's degrees of freedom and the two-sided test of 0; NaN unless asked for.
    components : tuple of VarianceComponent
        In lme4's order, the residual last.
    residual_variance : float
    log_likelihood : float
        Of the method, with all constants.
    parameters : int
        Fixed effects, variance parameters and the residual variance.
    theta : ndarray
        Relative Cholesky factors of the random terms.
    gradient : float
        Largest derivative of the deviance over parameters inside their bounds, at the solution.
    singular : bool
        Some variance is 0 or some correlation perfect: the data do not support every random term.
    effects : tuple of GroupEffects
        Per grouping factor, in lme4's order.
    fitted, fitted_fixed : ndarray, shape (n,)
        With and without the random effects.
    rows : ndarray of int, shape (n,)
        Rows of the table that were used.
    """

    method: Method
    n: int
    names: tuple[str, ...]
    fixed: Floats
    se: Floats
    covariance: Floats
    freedom: Floats
    p_value: Floats
    components: tuple[VarianceComponent, ...]
    residual_variance: float
    log_likelihood: float
    parameters: int
    theta: Floats
    gradient: float
    singular: bool
    effects: tuple[GroupEffects, ...]
    fitted: Floats
    fitted_fixed: Floats
    rows: np.ndarray

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion."""
        return self.parameters * float(np.log(self.n)) - 2 * self.log_likelihood


def fit_linear(
    formula: str | Formula,
    table: Table,
    *,
    method: Method = "REML",
    weights: ArrayLike | None = None,
    satterthwaite: bool = False,
) -> LinearMixed | Refusal:
    """Fit a linear mixed model.

    The deviance is profiled over fixed effects and residual variance and minimised with its exact
    derivatives; a solution on the boundary is searched again from inside.

    Parameters
    ----------
    formula : str or Formula
        In lme4's notation, see `formula.parse`.
    table : mapping of str to ndarray, shape (n,)
        Columns; rows with a missing value are left out.
    method : "REML" or "ML"
    weights : array_like, shape (n,), optional
        Prior weights: the residual variance of a row is sigma2 / weight.
    satterthwaite : bool
        Whether to compute degrees of freedom (two more factorisations per variance parameter).

    Returns
    -------
    LinearMixed or Refusal
        Refused: no complete row, infinite values, a factor with one level, as many levels as rows,
        fixed terms that follow from each other, a response without variation, a fit without
        residual, a search that does not converge, weights that are not positive.

    Raises
    ------
    ValueError
        If the formula cannot be read or names a column that does not exist.

    References
    ----------
    Bates, Maechler, Bolker, Walker (2015), "Fitting linear mixed-effects models using lme4".
    Kuznetsova, Brockhoff, Christensen (2017), "lmerTest" (Satterthwaite's method).
    """
    made = frame(formula, table)
    if isinstance(made, Refusal):
        return made
    used = None
    if weights is not None:
        used = np.asarray(weights, dtype=np.float64)[made.rows]
        if not (np.isfinite(used) & (used > 0)).all():
            return Refusal(NOT_POSITIVE, "a weight is missing or not above zero")
    return fit_frame(made, method=method, weights=used, satterthwaite=satterthwaite)


def fit_frame(
    made: Frame,
    *,
    method: Method = "REML",
    weights: Floats | None = None,
    satterthwaite: bool = False,
) -> LinearMixed | Refusal:
    """Fit a linear mixed model whose matrices are made; see `fit_linear`."""
    refused = refuse_frame(made)
    if refused is not None:
        return refused
    groups = conditioned(made.groups)
    if isinstance(groups, Refusal):
        return groups
    problem = Problem(made, Parameters(*groups), method, weights)
    if problem.own_variation <= _EXACT * float((made.response**2).sum()):
        return Refusal(NO_VARIATION, "the response has no variation beside the fixed effects")
    theta = _search(problem)
    solution = problem.solve(theta)
    if solution.residual_variance <= _EXACT * problem.own_variation / made.rows.size:
        return Refusal(SINGULAR_COVARIANCE, "the random effects fit the response exactly")
    found = _report(problem, solution, satterthwaite=satterthwaite)
    if not found.gradient < _TOO_STEEP:
        return Refusal(NOT_CONVERGED, f"the search ended on a slope of {found.gradient:.2g}")
    return found


def refuse_frame(made: Frame) -> Refusal | None:
    """Return why a model has too many effects for its rows, or None."""
    n = made.rows.size
    if made.response.ndim != 1:
        raise ValueError("a linear model has one response column")
    if n <= made.fixed.shape[1] + 1:
        return Refusal(TOO_FEW_READINGS, f"{n} rows for {made.fixed.shape[1]} fixed effects")
    for group in made.groups:
        if len(group.levels) >= n:
            return Refusal(
                TOO_FEW_READINGS,
                f"{group.name} has {len(group.levels)} levels in {n} rows: its variance cannot be "
                "told from the residual",
            )
        if len(group.levels) * group.design.shape[1] >= n:
            return Refusal(
                TOO_FEW_READINGS,
                f"{group.name} has {len(group.levels) * group.design.shape[1]} random effects in "
                f"{n} rows",
            )
    return None


@dataclass(frozen=True)
class Solution:
    """Everything at one value of the variance parameters; fixed effects in the basis Q."""

    theta: Floats
    deviance: float
    fixed: Floats
    information: Floats
    residual_sum: float
    residual_variance: float
    effects: PerGroup
    of_fixed: PerGroup
    factor: Factor


class Problem:
    """Cross products of one model, from which its deviance and derivatives are computed.

    The fixed columns are replaced by an orthonormal basis Q and the response by its residual on
    them, so that no figure is the small difference of large ones.
    """

    def __init__(
        self, made: Frame, parameters: Parameters, method: Method, weights: Floats | None
    ) -> None:
        self.made, self.method, self.parameters = made, method, parameters
        self.incidence = Incidence(parameters.groups)
        self.n, self.k = made.fixed.shape
        root = np.ones(self.n) if weights is None else np.sqrt(weights)
        response = made.response - made.offset
        self.basis, self.triangle = np.linalg.qr(made.fixed * root[:, None])
        self.first = self.basis.T @ (response * root)
        own = response * root - self.basis @ self.first
        # Once more: the first residual still has rounding errors of the size of the mean.
        self.first += (again := self.basis.T @ own)
        own -= self.basis @ again
        self.own_variation = float((own**2).sum())
        self.cross = self.incidence.cross_products(weights)
        self.sums = self.incidence.transposed(
            np.column_stack([self.basis * root[:, None], own * root])
        )
        self.freedom = self.n - self.k if method == "REML" else self.n
        self.constant = self.freedom * (1 + np.log(2 * np.pi / self.freedom))
        if weights is not None:
            self.constant -= float(np.log(weights).sum())
        if method == "REML":
            self.constant += 2 * float(np.log(np.abs(np.diagonal(self.triangle))).sum())

    def solve(self, theta: Floats) -> Solution:
        """Return deviance, fixed and random effects at given variance parameters."""
        k = self.k
        templates = self.parameters.templates(theta)
        factor = Factor(self.incidence, self.cross, templates)
        right = scaled(templates, self.sums)
        solved = factor.solve(right)
        taken = np.zeros((k + 1, k + 1))
        for a, b in zip(right, solved, strict=True):
            taken += a.reshape(-1, k + 1).T @ b.reshape(-1, k + 1)
        information = np.eye(k) - taken[:k, :k]
        fixed = np.asarray(np.linalg.solve(information, -taken[:k, k]), np.float64)
        residual_sum = self.own_variation - float(taken[k, k] + fixed @ information @ fixed)
        residual_sum = max(residual_sum, _TINIEST)
        deviance = (
            self.constant + factor.log_determinant + self.freedom * float(np.log(residual_sum))
        )
        if self.method == "REML":
            deviance += float(np.linalg.slogdet(information)[1])
        return Solution(
            theta=np.asarray(theta, dtype=np.float64),
            deviance=deviance,
            fixed=fixed,
            information=information,
            residual_sum=residual_sum,
            residual_variance=float(residual_sum / self.freedom),
            effects=[block[:, :, k] - block[:, :, :k] @ fixed for block in solved],
            of_fixed=[block[:, :, :k] for block in solved],
            factor=factor,
        )

    def gradient(self, at: Solution, residual_variance: float | None = None) -> Floats:
        """Return the derivative of the deviance, or of the unprofiled one at a given sigma2.

        With T the template of a factor, it is T^-T (m I - sum of M^-1 blocks - ...), twice: what
        the posterior variances leave of the prior ones.
        """
        sigma2 = at.residual_variance if residual_variance is None else residual_variance
        inverse = Inverse(at.factor)
        of_beta: Floats | None = None
        if self.method == "REML":
            of_beta = np.asarray(np.linalg.inv(at.information), np.float64)
        parts = []
        for group, template in enumerate(self.parameters.templates(at.theta)):
            left = len(inverse.own[group]) * np.eye(len(template)) - inverse.own[group].sum(0)
            left -= at.effects[group].T @ at.effects[group] / sigma2
            if of_beta is not None:
                left -= _sandwich(at.of_fixed[group], of_beta)
            parts.append(2 * solve_triangular(template, left, lower=True, trans=1))
        return self.parameters.gather(parts)

    def value_and_gradient(self, theta: Floats) -> tuple[float, Floats]:
        """Return the deviance and its derivative."""
        at = self.solve(theta)
        return at.deviance, self.gradient(at)

    def sensitivity(self, at: Solution) -> list[Floats]:
        """Return the derivative of X'V^-1X (basis Q) in every variance parameter."""
        found = []
        templates = self.parameters.templates(at.theta)
        for group, row, column in self.parameters.places:
            back = solve_triangular(templates[group], np.eye(len(templates[group])), lower=True)
            moved = back[:, row] @ at.of_fixed[group]
            half = moved.T @ at.of_fixed[group][:, column, :]
            found.append(-(half + half.T))
        return found


def _sandwich(blocks: Floats, middle: Floats) -> Floats:
    """Sum over levels of B C B', of blocks of shape (levels, p, k)."""
    p, k = blocks.shape[1:]
    flat = blocks.transpose(1, 0, 2)
    through = (blocks.reshape(-1, k) @ middle).reshape(-1, p, k).transpose(1, 0, 2)
    return np.array([[(flat[a] * through[b]).sum() for b in range(p)] for a in range(p)])


def _search(problem: Problem) -> Floats:
    """Return the best parameters found, with those of no account set to 0."""
    parameters = problem.parameters
    first = problem.solve(parameters.start)
    curvature = parameters.curvature(parameters.start, Inverse(first.factor).own)
    theta = search(problem.value_and_gradient, parameters, parameters.start, curvature)
    for at in np.flatnonzero(parameters.on_diagonal & (theta < SINGULAR)):
        without = theta.copy()
        without[at] = 0
        if problem.solve(without).deviance <= problem.solve(theta).deviance + 1e-8:
            theta = without
    return theta


def _report(problem: Problem, at: Solution, *, satterthwaite: bool) -> LinearMixed:
    made, parameters, sigma2 = problem.made, problem.parameters, at.residual_variance
    fixed = np.linalg.solve(problem.triangle, problem.first + at.fixed)
    back = np.linalg.inv(problem.triangle)
    covariance = sigma2 * back @ np.linalg.inv(at.information) @ back.T
    se = np.sqrt(np.diagonal(covariance))
    inside = problem.solve(parameters.inside(at.theta))
    slope = problem.gradient(inside)
    free = ~parameters.on_diagonal | (at.theta > SINGULAR)
    freedom = np.full(problem.k, np.nan)
    if satterthwaite:
        freedom = _satterthwaite(problem, inside, back)
    effects = group_effects(problem, at)
    templates = parameters.templates(at.theta)
    solved = [
        block[:, :, 0] for block in scaled_back(templates, [b[:, :, None] for b in at.effects])
    ]
    fitted_fixed = made.fixed @ fixed + made.offset
    return LinearMixed(
        method=problem.method,
        n=problem.n,
        names=made.names,
        fixed=fixed,
        se=se,
        covariance=covariance,
        freedom=freedom,
        p_value=2 * student.sf(np.abs(fixed / se), freedom),
        components=parameters.components(at.theta, sigma2),
        residual_variance=sigma2,
        log_likelihood=-at.deviance / 2,
        parameters=problem.k + at.theta.size + 1,
        theta=parameters.reported(at.theta),
        gradient=float(np.abs(slope[free]).max(initial=0.0)),
        singular=parameters.is_singular(at.theta),
        effects=effects,
        fitted=fitted_fixed + problem.incidence.times(solved),
        fitted_fixed=fitted_fixed,
        rows=made.rows,
    )


def group_effects(problem: Problem, at: Solution) -> tuple[GroupEffects, ...]:
    """Return the predictions of all factors at one value of the variance parameters."""
    templates = problem.parameters.natural(at.theta)
    inverse = Inverse(at.factor)
    values = scaled_back(templates, [block[:, :, None] for block in at.effects])
    of_fixed = scaled_back(templates, at.of_fixed)
    of_beta = np.linalg.inv(at.information)
    found = []
    for number, group in enumerate(problem.made.groups):
        template = templates[number]
        given = np.einsum("ab,nbc,ac->na", template, inverse.own[number], template)
        through = of_fixed[number] @ of_beta
        beside = (through * of_fixed[number]).sum(axis=2)
        counts = np.bincount(group.index, minlength=len(group.levels)).astype(np.float64)
        tau2 = np.nan
        if "(Intercept)" in group.coefficients:
            row = template[group.coefficients.index("(Intercept)")]
            tau2 = float(row @ row)
        found.append(
            GroupEffects(
                group=group.name,
                levels=group.levels,
                coefficients=group.coefficients,
                n=counts,
                effect=values[number][:, :, 0],
                sd_given_fixed=np.sqrt(at.residual_variance * given),
                sd=np.sqrt(at.residual_variance * (given + beside)),
                reliability=tau2 / (tau2 + 1 / counts),
            )
        )
    return tuple(found)


def second_derivatives(problem: Problem, theta: Floats, sigma2: float | None) -> Floats:
    """Return those of the deviance in theta, profiled over sigma2 or at a given one."""
    rows = []
    for number in range(theta.size):
        step = 1e-4 * max(abs(float(theta[number])), 0.1)
        ends = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[number] += sign * step
            ends.append(problem.gradient(problem.solve(moved), sigma2))
        rows.append((ends[0] - ends[1]) / (2 * step))
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2


def _satterthwaite(problem: Problem, at: Solution, back: Floats) -> Floats:
    """Degrees of freedom 2 v^2 / var(v), v the variance of each fixed effect.

    The variance of v follows from the information on (theta, sigma): second derivatives of the
    deviance that is not profiled over sigma.
    """
    sigma2, size = at.residual_variance, at.theta.size
    sigma = np.sqrt(sigma2)
    hessian = np.empty((size + 1, size + 1))
    hessian[:size, :size] = second_derivatives(problem, at.theta, sigma2)
    templates = problem.parameters.templates(at.theta)
    of_sum = problem.parameters.gather(
        [
            -2 * solve_triangular(template, block.T @ block, lower=True, trans=1)
            for template, block in zip(templates, at.effects, strict=True)
        ]
    )
    hessian[size, :size] = hessian[:size, size] = -2 * of_sum / sigma**3
    hessian[size, size] = -2 * problem.freedom / sigma2 + 6 * at.residual_sum / sigma2**2
    of_beta = np.linalg.inv(at.information)
    slopes = [-sigma2 * of_beta @ change @ of_beta for change in problem.sensitivity(at)] + [
        2 * sigma * of_beta
    ]
    values, vectors = np.linalg.eigh(hessian)
    kept = values > 1e-8  # noqa: PLR2004 - a direction without information adds nothing
    spread = 2 * (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    freedom = np.empty(problem.k)
    for effect, row in enumerate(back):
        variance = sigma2 * row @ of_beta @ row
        slope = np.array([row @ change @ row for change in slopes])
        freedom[effect] = 2 * variance**2 / (slope @ spread @ slope)
    return freedom
