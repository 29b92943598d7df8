"""Linear mixed models whose residuals remember the period before, and share what a place shares."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack, solve_triangular
from scipy.optimize import minimize
from scipy.sparse import csr_array, diags_array, hstack, vstack

from orchestration.statistics.mixed.formula import Frame
from orchestration.statistics.mixed.linear import refuse_frame
from orchestration.statistics.refusal import (
    DUPLICATE_PERIOD,
    NO_VARIATION,
    NOT_CONVERGED,
    SINGULAR_COVARIANCE,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats

_LONGEST_MEMORY: Final = 0.97
# Relative sd within these bounds, as logarithms: 0.0025 is as good as none, and beside 55 there is
# no residual.
_LEAST, _MOST = -6.0, 4.0
# Variation below this share of the response's squares is rounding.
_EXACT: Final = 1e-14
# A gain of the deviance by less than this share of it (10^-5 or so) ends the search.
_FLAT: Final = 1e-9
_STEP: Final = 1e-4
# An sd about which nothing is known is looked for below this many times the most likely one.
_WIDEST: Final = 10
# Of the steepest direction: a likelihood that is flatter than this share of it is flat.
_FLATTEST: Final = 1e-2
_WIDE_STEP: Final = 0.02
_BELOW, _ABOVE = 4, 5

SHARED: Final = "Shared"
RESIDUAL: Final = "Residual"


@dataclass(frozen=True)
class SerialMixed:
    """A fitted model, and the effects of one factor averaged over what its own sd may be.

    Attributes
    ----------
    names : tuple of str, length k
        Fixed effects.
    fixed, se : ndarray, shape (k,)
    variances : dict of str to float
        By grouping factor; `SHARED` is what a place has in common in a period, `RESIDUAL` what
        each series has for itself.
    memory : float
        Correlation of residuals of neighbouring periods, from 0.
    log_likelihood : float
        Restricted, with all constants.
    levels : tuple of str
        Of the factor.
    n : ndarray of int, shape (levels,)
        Rows of each.
    effect, sd : ndarray, shape (levels,)
        Mean and sd of its prediction.
    variance : float
        Mean of the variance between levels.
    """

    names: tuple[str, ...]
    fixed: Floats
    se: Floats
    variances: dict[str, float]
    memory: float
    log_likelihood: float
    levels: tuple[str, ...]
    n: NDArray[np.intp]
    effect: Floats
    sd: Floats
    variance: float


def fit_serial(
    made: Frame,
    series: ArrayLike,
    period: ArrayLike,
    place: ArrayLike,
    factor: str,
    *,
    points: int = 15,
) -> SerialMixed | Refusal:
    """Fit a mixed model with residuals of first-order autocorrelation, by REML.

    What a series does beside fixed and random effects is the sum of two chains of the same memory:
    its own, and one that all series of its place share.

    Parameters
    ----------
    made : Frame
        With intercepts that vary by group, and no other random coefficients.
    series, place : array_like, shape (n,)
        Ids of the rows of the frame.
    period : array_like, shape (n,)
        Whole numbers; a missing period weakens the tie between its neighbours as it should.
    factor : str
        Grouping factor whose effects are averaged over its sd, with a flat prior, the other
        parameters following along the ridge of the likelihood: predictions at the most likely sd
        are too sure of themselves where groups are few.
    points : int
        Values of that sd, equally spaced.

    Returns
    -------
    SerialMixed or Refusal
        Refused: as `fit_linear`; two readings of a series in one period.

    Notes
    -----
    Whitened by the memory, rows are independent but for what the place shares, which is taken out
    by Sherman and Morrison; a series that begins later than its place is treated as if the shared
    chain began with it. Henderson's equations are dense: made for thousands of rows and up to some
    two thousand levels.

    References
    ----------
    Harville (1977), "Maximum likelihood approaches to variance component estimation".
    Gelman (2006), "Prior distributions for variance parameters in hierarchical models".
    """
    refused = refuse_frame(made)
    if refused is not None:
        return refused
    chain, when = np.asarray(series), np.asarray(period, dtype=np.float64)
    order = np.lexsort((when, chain))
    is_first = np.append(True, chain[order][1:] != chain[order][:-1])
    gap = np.append(1.0, np.diff(when[order]))
    if np.any(gap[~is_first] == 0):
        return Refusal(DUPLICATE_PERIOD, "a series has two readings in one period")
    together = np.unique(
        np.stack([np.unique(place, return_inverse=True)[1], when]), axis=1, return_inverse=True
    )[1].ravel()
    problem = _Problem(made, order, np.where(is_first, np.inf, gap), together[order])
    if problem.scale**2 <= _EXACT * float((made.response**2).mean()):
        return Refusal(NO_VARIATION, "the response has no variation beside the fixed effects")
    low, high = problem.bounds()
    found = minimize(
        problem.value_and_slope,
        problem.start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"ftol": _FLAT, "gtol": 1e-3, "maxiter": 200},
    )
    best = np.asarray(found.x, dtype=np.float64)
    if np.any(best[1:-1] >= _MOST):
        return Refusal(SINGULAR_COVARIANCE, "the random effects fit the response exactly")
    if not found.success:
        return Refusal(NOT_CONVERGED, f"the search ended after {found.nit} steps")
    return _report(problem, best, [one.name for one in made.groups].index(factor), points)


@dataclass(frozen=True)
class _Solution:
    """Everything at one value of the parameters, in units of the scaled response.

    `triangle` is the Cholesky factor of Henderson's matrix of scaled effects and fixed ones (basis
    Q), `solution` its answer, `sizes` the relative sd of each effect (1 for the fixed ones).
    """

    deviance: float
    residual: float
    triangle: Floats
    solution: Floats
    sizes: Floats


@dataclass(frozen=True)
class _Whitened:
    """Rows made independent by a memory: cross products, sums by place, log determinant."""

    products: Floats
    totals: csr_array
    determinant: float


class _Problem:
    """Cross products of a model; parameters are the memory and logarithms of relative sd.

    The vector is (share of `_LONGEST_MEMORY`; of each factor, over that of own and shared residuals
    together, so that places of one series, where these are one, do no harm; of what places share,
    over that of own residuals). Columns of all matrices are effects by factor, fixed ones, and the
    response.
    """

    def __init__(
        self, made: Frame, order: NDArray[np.intp], gap: Floats, together: NDArray[np.intp]
    ) -> None:
        self.made = made
        self.n, self.k = made.fixed.shape
        levels = [len(group.levels) for group in made.groups]
        self.q = sum(levels)
        self.of_effect = np.repeat(np.arange(len(levels)), levels)
        basis, self.to_basis = np.linalg.qr(made.fixed)
        response = made.response - made.offset
        self.first = basis.T @ response
        own = response - basis @ self.first
        # Once more: the first residual still has rounding errors of the size of the mean.
        self.first += (again := basis.T @ own)
        own -= basis @ again
        self.scale = float(np.sqrt((own**2).mean()))
        self.freedom = self.n - self.k
        offsets = np.cumsum([0, *levels[:-1]])
        columns = np.concatenate(
            [group.index + at for group, at in zip(made.groups, offsets, strict=True)]
        )
        rows = np.tile(np.arange(self.n), len(levels))
        incidence = csr_array((np.ones(rows.size), (rows, columns)), shape=(self.n, self.q))
        beside = np.column_stack([basis, own / (self.scale or 1.0)])
        table = hstack([incidence, csr_array(beside)], format="csr")[order]
        before = vstack([csr_array((1, table.shape[1])), table[:-1]], format="csr")
        self.in_place = np.bincount(together)
        adds = csr_array(
            (np.ones(self.n), (together, np.arange(self.n))), shape=(self.in_place.size, self.n)
        )
        self.gaps, self.count = np.unique(gap, return_counts=True)
        products, totals = [], []
        for one in self.gaps:
            here, last = (
                diags_array((gap == one).astype(float)) @ part for part in (table, before)
            )
            crossed = (here.T @ last).toarray()
            products += [(here.T @ here).toarray(), crossed + crossed.T, (last.T @ last).toarray()]
            totals += [adds @ here, adds @ last]
        self.products = np.array(products)
        # One pattern for all, so that sums of them are sums of their data.
        self.pattern = csr_array(sum(abs(one) for one in totals)).sorted_indices()
        self.totals = np.array([_laid_into(self.pattern, one) for one in totals])
        self.start = np.concatenate([[0.4], np.full(len(levels), np.log(0.5)), [np.log(0.3)]])

    def whitened(self, share: float) -> _Whitened:
        """Return what rows are, made independent by a share of the longest memory."""
        memory = min(max(share, 0.0), 1.0) * _LONGEST_MEMORY
        tie = np.where(np.isinf(self.gaps), 0.0, memory**self.gaps)
        left = 1 - tie**2
        for_products = np.column_stack([np.ones(tie.size), -tie, tie**2]) / left[:, None]
        for_totals = np.column_stack([np.ones(tie.size), -tie]) / np.sqrt(left)[:, None]
        pattern = self.pattern
        return _Whitened(
            products=np.tensordot(for_products.ravel(), self.products, 1),
            totals=csr_array(
                (for_totals.ravel() @ self.totals, pattern.indices, pattern.indptr),
                shape=pattern.shape,
            ),
            determinant=float(self.count @ np.log(left)),
        )

    def solve(self, at: Floats, white: _Whitened | None = None) -> _Solution:
        """Return deviance, fixed and random effects at given parameters."""
        rows = white or self.whitened(at[0])
        shared = np.exp(2 * at[-1]) * self.in_place
        taken = diags_array(np.sqrt(shared / (1 + shared) / self.in_place)) @ rows.totals
        cross = rows.products - (taken.T @ taken).toarray()
        both = np.exp(at[1:-1]) * np.sqrt(1 + np.exp(2 * at[-1]))
        sizes = np.append(both[self.of_effect], np.ones(self.k))
        inner = cross[:-1, :-1] * sizes[:, None] * sizes
        inner[np.arange(self.q), np.arange(self.q)] += 1
        triangle = np.linalg.cholesky(inner)
        right = solve_triangular(triangle, cross[:-1, -1] * sizes, lower=True)
        residual = max(float(cross[-1, -1] - right @ right), float(np.finfo(float).tiny))
        return _Solution(
            deviance=rows.determinant
            + float(np.log1p(shared).sum())
            + 2 * float(np.log(np.diagonal(triangle)).sum())
            + self.freedom * float(np.log(residual)),
            residual=residual,
            triangle=triangle,
            solution=solve_triangular(triangle, right, lower=True, trans=1),
            sizes=sizes,
        )

    def value_and_slope(self, at: Floats) -> tuple[float, Floats]:
        """Return the deviance, without its constants, and its derivative.

        With K Henderson's matrix, A the cross products it is made of and r the combination of
        columns that is the residual: d log determinant + tr(K^-1 dA) + r'dA r / variance.
        """
        rows = self.whitened(at[0])
        here = self.solve(at, rows)
        inverse = _inverse(here.triangle)
        variance = here.residual / self.freedom
        slope = np.empty(at.size)
        own = np.diagonal(inverse)[: self.q] + here.solution[: self.q] ** 2 / variance
        slope[1:-1] = 2 * np.bincount(self.of_effect, 1 - own)
        residual = np.append(-here.solution * here.sizes, 1.0)
        against = np.outer(residual, residual) / variance
        against[:-1, :-1] += inverse * here.sizes[:, None] * here.sizes
        shared = np.exp(2 * at[-1]) * self.in_place
        through = rows.totals @ against
        by_place = rows.totals.multiply(through).sum(axis=1) / self.in_place
        ratio = np.exp(2 * at[-1])
        slope[-1] = float(
            2 * (shared / (1 + shared)) @ (1 - by_place / (1 + shared))
            + ratio / (1 + ratio) * slope[1:-1].sum()
        )
        low, high = max(at[0] - _STEP, 0.0), min(at[0] + _STEP, 1.0)
        less, more = self.whitened(low), self.whitened(high)
        moved = (more.totals - less.totals).multiply(through).sum(axis=1)
        slope[0] = (
            more.determinant
            - less.determinant
            + float(((more.products - less.products) * against).sum())
            - 2 * float((shared / (1 + shared) / self.in_place) @ moved)
        ) / (high - low)
        return here.deviance, slope

    def bounds(self) -> tuple[Floats, Floats]:
        """Return between what parameters may be."""
        factors = self.start.size - 1
        return np.append(0.0, np.full(factors, _LEAST)), np.append(1.0, np.full(factors, _MOST))

    def constant(self) -> float:
        """Return what the deviance lacks of minus twice the restricted log-likelihood."""
        of_basis = float(np.log(np.abs(np.diagonal(self.to_basis))).sum())
        scaled = float(np.log(2 * np.pi * self.scale**2 / self.freedom))
        return float(self.freedom * (1 + scaled) + 2 * of_basis)


def _laid_into(pattern: csr_array, one: csr_array) -> Floats:
    """Return the data of a sparse array at the places of a pattern that covers it."""
    places, own = (
        np.repeat(np.arange(part.shape[0]) * part.shape[1], np.diff(part.indptr)) + part.indices
        for part in (pattern, one)
    )
    data = np.zeros(pattern.nnz)
    # Zeros of its own need no place.
    there = one.data != 0
    data[np.searchsorted(places, own[there])] = one.data[there]
    return data


def _inverse(triangle: Floats) -> Floats:
    """Return the inverse of L L'."""
    lower, _ = lapack.dpotri(triangle, lower=True)
    lower = np.tril(lower)
    return np.asarray(lower + np.tril(lower, -1).T)


def _report(problem: _Problem, best: Floats, factor: int, points: int) -> SerialMixed:
    made, at = problem.made, problem.solve(best)
    variance = at.residual / problem.freedom * problem.scale**2
    back = np.linalg.inv(problem.to_basis)
    of_fixed = _inverse(at.triangle)[problem.q :, problem.q :]
    shared = np.exp(2 * best[-1])
    relative = [*(np.exp(2 * best[1:-1]) * (1 + shared)).tolist(), float(shared)]
    names = [*(group.name for group in made.groups), SHARED]
    effect, sd, between = _over_sd(problem, best, factor, points)
    group = made.groups[factor]
    return SerialMixed(
        names=made.names,
        fixed=back @ (problem.first + at.solution[problem.q :] * problem.scale),
        se=np.sqrt(variance * np.diagonal(back @ of_fixed @ back.T)),
        variances={name: one * variance for name, one in zip(names, relative, strict=True)}
        | {RESIDUAL: variance},
        memory=float(best[0] * _LONGEST_MEMORY),
        log_likelihood=-(at.deviance + problem.constant()) / 2,
        levels=group.levels,
        n=np.bincount(group.index, minlength=len(group.levels)),
        effect=effect,
        sd=sd,
        variance=between,
    )


def _over_sd(
    problem: _Problem, best: Floats, factor: int, points: int
) -> tuple[Floats, Floats, float]:
    """Return effects of a factor, averaged over its relative sd along the likelihood's ridge."""
    mine = factor + 1
    others = np.arange(best.size) != mine
    size = float(np.exp(best[mine]))
    _, slope = problem.value_and_slope(best)
    hessian = np.empty((best.size, best.size))
    for moved in range(best.size):
        step = np.zeros(best.size)
        step[moved] = -_WIDE_STEP if best[moved] + _WIDE_STEP > _MOST else _WIDE_STEP
        hessian[moved] = (problem.value_and_slope(best + step)[1] - slope) / step[moved]
    hessian = (hessian + hessian.T) / 2
    # In the sd itself: its likelihood may be highest at 0.
    hessian[mine] /= size
    hessian[:, mine] /= size
    values, vectors = np.linalg.eigh(hessian[np.ix_(others, others)])
    # Directions in which the likelihood is flat (an sd of nil) follow nothing.
    known = values > _FLATTEST * values.max()
    ridge = -(vectors[:, known] / values[known]) @ (vectors[:, known].T @ hessian[others, mine])
    curvature = float(hessian[mine, mine] + hessian[mine, others] @ ridge)
    steepest = max(curvature, _FLATTEST * abs(float(hessian[mine, mine])))
    widest = _WIDEST * max(size, 0.1)
    width = min(np.sqrt(2 / steepest), widest) if steepest > 0 else widest
    grid = np.linspace(max(size - _BELOW * width, 0), size + _ABOVE * width, points)
    levels = np.flatnonzero(problem.of_effect == factor)
    deviances, effects, variances, between = [], [], [], []
    for value in grid:
        at = best.copy()
        at[others] += ridge * (value - size)
        at = np.clip(at, *problem.bounds())
        at[mine] = np.log(max(value, np.exp(_LEAST)))
        here = problem.solve(at)
        variance = here.residual / problem.freedom
        scale = here.sizes[levels] * problem.scale
        deviances.append(here.deviance)
        effects.append(here.solution[levels] * scale)
        variances.append(variance * np.diagonal(_inverse(here.triangle))[levels] * scale**2)
        between.append(variance * scale[0] ** 2)
    weights = np.exp(-(np.array(deviances) - min(deviances)) / 2)
    weights /= weights.sum()
    mean = weights @ np.array(effects)
    spread = weights @ (np.array(variances) + (np.array(effects) - mean) ** 2)
    return mean, np.sqrt(spread), float(weights @ np.array(between))
