"""Ordered outcomes (ratings, talent boxes) by group: adjusted by covariates, and by ranks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.special import expit, ndtr
from scipy.stats import kruskal, mannwhitneyu, norm

from orchestration.statistics.refusal import (
    NO_VARIATION,
    NOT_CONVERGED,
    SEPARATION,
    SINGULAR_COVARIANCE,
    TOO_FEW_READINGS,
    Refusal,
    refuse_labels,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats, Ints

Link = Literal["logit", "probit", "cloglog", "loglog", "cauchit"]

_MOST_STEPS: Final = 100
# Parts of the log-likelihood: what Newton's step may still gain, and by what a sum is rounded.
_NEGLIGIBLE: Final = 1e-16
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class CumulativeLink:
    """P(y <= k) = F(threshold_k - x slopes): a positive slope means higher outcomes.

    Attributes
    ----------
    categories : ndarray, shape (k,)
        Those that occur, in order.
    slopes, se_slopes : ndarray, shape (p,)
    thresholds, se_thresholds : ndarray, shape (k - 1,)
    covariance : ndarray, shape (p + k - 1, p + k - 1)
        Slopes first; inverse of the observed information.
    log_likelihood, deviance : float
    gradient : float
        Largest absolute slope of the log-likelihood at the estimate; near nil.
    n : float
        Outcomes, by frequency.
    """

    categories: np.ndarray
    slopes: Floats
    se_slopes: Floats
    thresholds: Floats
    se_thresholds: Floats
    covariance: Floats
    log_likelihood: float
    deviance: float
    gradient: float
    n: float


@dataclass(frozen=True)
class RankTests:
    """Outcomes of groups compared by ranks, ties allowed for.

    Attributes
    ----------
    w, w_p_value : float
        Wilcoxon's statistic of the first group (pairs in which it is higher, ties half), normal
        approximation without continuity correction; NaN unless there are two groups.
    kruskal, freedom, kruskal_p_value : float, int, float
    """

    w: float
    w_p_value: float
    kruskal: float
    freedom: int
    kruskal_p_value: float


def cumulative_link(
    outcome: ArrayLike,
    design: ArrayLike,
    *,
    link: Link = "logit",
    frequency: ArrayLike | None = None,
) -> CumulativeLink | Refusal:
    """Return the maximum-likelihood regression of an ordered outcome.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Sortable categories; no missing ones.
    design : array_like, shape (n, p)
        Covariates without a constant (the thresholds hold it); no NaN.
    link : {"logit", "probit", "cloglog", "loglog", "cauchit"}
    frequency : array_like, shape (n,), optional
        How often each row was seen; by default once.

    Returns
    -------
    CumulativeLink or Refusal
        Refused: one category, infinite or missing outcomes or covariates, covariates that cannot be
        told apart (or a constant), covariates that part the categories perfectly (then the
        likelihood has no maximum), no convergence (possible with ``cauchit`` alone, which is not
        concave).

    Raises
    ------
    ValueError
        If shapes differ or the link is unknown.

    References
    ----------
    McCullagh, *Journal of the Royal Statistical Society B* 42 (1980) 109-142; Pratt, *Journal of
    the American Statistical Association* 76 (1981) 103-106 (concavity).
    """
    x = np.asarray(design, dtype=np.float64)
    named = np.asarray(outcome)
    if x.ndim != 2 or x.shape[0] != named.size:  # noqa: PLR2004 - a matrix has two dimensions
        raise ValueError(f"outcomes {named.shape} and design {x.shape} differ in shape")
    if link not in _LINKS:
        raise ValueError(f"unknown link {link}; known: {', '.join(_LINKS)}")
    seen = np.ones(named.size) if frequency is None else np.asarray(frequency, dtype=np.float64)
    named, x, seen = named[seen > 0], x[seen > 0], seen[seen > 0]
    categories, place = np.unique(named, return_inverse=True)
    refusal = _refuse(named, categories, x)
    if refusal is None and _separates(place, x, categories.size):
        refusal = Refusal(SEPARATION, "the covariates part the categories perfectly")
    if refusal is not None:
        return refusal
    # Centred and scaled covariates keep the steps well conditioned; undone below.
    centre, scale = x.mean(axis=0), x.std(axis=0)
    problem = _Problem(place, (x - centre) / scale, seen, categories.size, _LINKS[link])
    found = _maximum(problem)
    if found is None:
        return Refusal(NOT_CONVERGED, "the likelihood's maximum was not reached")
    count = x.shape[1]
    back = np.eye(found.size)
    back[:count, :count] /= scale[:, None]
    back[count:, :count] = centre / scale
    value, gradient, information = problem.at(found)
    theta = back @ found
    covariance = back @ np.linalg.inv(information) @ back.T
    error = np.sqrt(np.diag(covariance))
    return CumulativeLink(
        categories=categories,
        slopes=theta[:count],
        se_slopes=error[:count],
        thresholds=theta[count:],
        se_thresholds=error[count:],
        covariance=covariance,
        log_likelihood=value,
        deviance=-2 * value,
        gradient=float(np.abs(gradient).max()),
        n=float(seen.sum()),
    )


def compare_by_ranks(outcome: ArrayLike, group: ArrayLike) -> RankTests | Refusal:
    """Return Wilcoxon's and Kruskal's tests of an ordered outcome between groups.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Numbers, of which only the order counts; NaN marks a missing one.
    group : array_like, shape (n,)
        The first in sort order is the first group.

    Returns
    -------
    RankTests or Refusal
        Refused: no outcome, an infinite one, one group, an unknown one, outcomes all alike.

    References
    ----------
    Wilcoxon (1945); Mann and Whitney (1947); Kruskal and Wallis (1952).
    """
    refusal = refuse_values(outcome) or refuse_labels(group, "group")
    if refusal is not None:
        return refusal
    y, label = np.asarray(outcome, dtype=np.float64), np.asarray(group)
    there = np.isfinite(y)
    y, label = y[there], label[there]
    samples = [y[label == one] for one in np.unique(label)]
    if len(samples) == 1:
        return Refusal(TOO_FEW_READINGS, "there is one group only")
    if np.all(y == y[0]):
        return Refusal(NO_VARIATION, "all outcomes are alike")
    pair = (np.nan, np.nan)
    if len(samples) == 2:  # noqa: PLR2004 - Wilcoxon's test has two samples
        test = mannwhitneyu(*samples, use_continuity=False, method="asymptotic")
        pair = (float(test.statistic), float(test.pvalue))
    ranks = kruskal(*samples)
    return RankTests(
        w=pair[0],
        w_p_value=pair[1],
        kruskal=float(ranks.statistic),
        freedom=len(samples) - 1,
        kruskal_p_value=float(ranks.pvalue),
    )


class _Link(NamedTuple):
    """Distribution function, its complement, density and the density's derivative."""

    lower: Callable[[Floats], Floats]
    upper: Callable[[Floats], Floats]
    density: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]


def _logit_density(z: Floats) -> Floats:
    return np.asarray(expit(z) * expit(-z))


def _gumbel(z: Floats) -> Floats:
    """Smallest extreme value: F = 1 - exp(-exp z)."""
    return np.asarray(np.exp(z - np.exp(z)))


_LINKS: Final[dict[str, _Link]] = {
    "logit": _Link(
        expit, lambda z: expit(-z), _logit_density, lambda z: _logit_density(z) * (1 - 2 * expit(z))
    ),
    "probit": _Link(ndtr, lambda z: ndtr(-z), norm.pdf, lambda z: -z * norm.pdf(z)),
    "cloglog": _Link(
        lambda z: -np.expm1(-np.exp(z)),
        lambda z: np.exp(-np.exp(z)),
        _gumbel,
        lambda z: _gumbel(z) * (1 - np.exp(z)),
    ),
    "loglog": _Link(
        lambda z: np.exp(-np.exp(-z)),
        lambda z: -np.expm1(-np.exp(-z)),
        lambda z: _gumbel(-z),
        lambda z: -_gumbel(-z) * (1 - np.exp(-z)),
    ),
    "cauchit": _Link(
        lambda z: np.arctan2(1, -z) / np.pi,
        lambda z: np.arctan2(1, z) / np.pi,
        lambda z: 1 / (np.pi * (1 + z**2)),
        lambda z: -2 * z / (np.pi * (1 + z**2) ** 2),
    ),
}

# Beyond this a threshold is infinite: every density and tail here is nil in a double, but for the
# Cauchy's, whose ends are masked.
_FAR: Final = 700.0


@dataclass(frozen=True)
class _Problem:
    """Log-likelihood with gradient and information in slopes and thresholds."""

    place: Ints
    design: Floats
    seen: Floats
    categories: int
    link: _Link

    def start(self) -> Floats:
        share = np.bincount(self.place, self.seen, self.categories)
        below = np.cumsum(share)[:-1] / share.sum()
        return np.concatenate([np.zeros(self.design.shape[1]), np.log(below / (1 - below))])

    def value(self, theta: Floats) -> float:
        probability = self._probability(*self._ends(theta))
        if np.any(probability <= 0):
            return -np.inf
        return float(self.seen @ np.log(probability))

    def at(self, theta: Floats) -> tuple[float, Floats, Floats]:
        above, below = self._ends(theta)
        probability = self._probability(above, below)
        inside_above, inside_below = self.place < self.categories - 1, self.place > 0
        density_above = np.where(inside_above, self.link.density(above), 0.0) / probability
        density_below = np.where(inside_below, self.link.density(below), 0.0) / probability
        slope_above = np.where(inside_above, self.link.slope(above), 0.0) / probability
        slope_below = np.where(inside_below, self.link.slope(below), 0.0) / probability
        to_above = self._towards(self.place, inside_above)
        to_below = self._towards(self.place - 1, inside_below)
        score = density_above[:, None] * to_above - density_below[:, None] * to_below
        gradient = self.seen @ score
        curved = ((self.seen * slope_above)[:, None] * to_above).T @ to_above - (
            (self.seen * slope_below)[:, None] * to_below
        ).T @ to_below
        information = (self.seen[:, None] * score).T @ score - curved
        return float(self.seen @ np.log(probability)), gradient, information

    def _ends(self, theta: Floats) -> tuple[Floats, Floats]:
        count = self.design.shape[1]
        ends = np.concatenate([[-_FAR], theta[count:], [_FAR]])
        shift = self.design @ theta[:count]
        above = np.where(self.place == self.categories - 1, _FAR, ends[self.place + 1] - shift)
        below = np.where(self.place == 0, -_FAR, ends[self.place] - shift)
        return above, below

    def _probability(self, above: Floats, below: Floats) -> Floats:
        """Between the ends, on the side where the tails do not cancel."""
        last, first = self.place == self.categories - 1, self.place == 0
        lower = np.where(last, 1.0, self.link.lower(above)) - np.where(
            first, 0.0, self.link.lower(below)
        )
        upper = np.where(first, 1.0, self.link.upper(below)) - np.where(
            last, 0.0, self.link.upper(above)
        )
        return np.where(below > 0, upper, lower)

    def _towards(self, threshold: Ints, inside: np.ndarray) -> Floats:
        """Return derivatives of an end by slopes and thresholds, one row per outcome."""
        own = (threshold[:, None] == np.arange(self.categories - 1)) & inside[:, None]
        return np.column_stack([-self.design, own])


def _maximum(problem: _Problem) -> Floats | None:
    """Newton's steps, halved until the likelihood rises."""
    theta = problem.start()
    for _ in range(_MOST_STEPS):
        value, gradient, information = problem.at(theta)
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(step).all() or gradient @ step < 0:
            return None
        if gradient @ step <= _NEGLIGIBLE * max(1.0, abs(value)):
            return theta + step
        size = 1.0
        while not problem.value(theta + size * step) > value - _ROUNDING * abs(value):
            size /= 2
            if size < np.finfo(np.float64).eps:
                return None
        theta = theta + size * step
    return None


def _refuse(outcome: np.ndarray, categories: np.ndarray, x: Floats) -> Refusal | None:
    if outcome.dtype.kind == "f" and outcome.size:
        refusal = refuse_values(outcome, least=outcome.size)
        if refusal is not None:
            return Refusal(refusal.reason, f"outcome: {refusal.detail}")
    if categories.size <= 1:
        return Refusal(NO_VARIATION, "all outcomes are alike")
    for at, column in enumerate(x.T, start=1):
        refusal = refuse_values(column, least=column.size)
        if refusal is not None:
            return Refusal(refusal.reason, f"covariate {at}: {refusal.detail}")
    with_constant = np.column_stack([np.ones(x.shape[0]), x])
    if np.linalg.matrix_rank(with_constant) < with_constant.shape[1]:
        return Refusal(SINGULAR_COVARIANCE, "the covariates cannot be told apart")
    return None


def _separates(place: Ints, x: Floats, categories: int) -> bool:
    """Whether the likelihood rises for ever in some direction of slopes and thresholds.

    It does where every outcome's upper end can move up, or stay, and its lower end down, and not
    all of them stay: a linear programme (Albert and Anderson 1984, for ordered outcomes).
    """
    scaled = x / np.maximum(np.abs(x).max(axis=0), np.finfo(np.float64).tiny)
    rows = np.unique(np.column_stack([place, scaled]), axis=0)
    at, covariates = rows[:, 0].astype(int), rows[:, 1:]
    own = np.eye(categories - 1)
    up, down = at < categories - 1, at > 0
    moves = np.vstack(
        [
            np.column_stack([-covariates[up], own[at[up]]]),
            np.column_stack([covariates[down], -own[at[down] - 1]]),
        ]
    )
    found = linprog(-moves.sum(axis=0), A_ub=-moves, b_ub=np.zeros(len(moves)), bounds=(-1, 1))
    return bool(-found.fun > 1e-7)  # noqa: PLR2004 - the solver's own feasibility tolerance
