"""Binomial, Poisson and cumulative mixed models, by Laplace's approximation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit, ndtri
from scipy.stats import norm

from orchestration.statistics.mixed.covariance import (
    GroupEffects,
    Parameters,
    VarianceComponent,
    conditioned,
)
from orchestration.statistics.mixed.families import Binomial, Cumulative, Family, Link, Poisson
from orchestration.statistics.mixed.formula import (
    INTERCEPT,
    Formula,
    Frame,
    Table,
    frame,
    is_missing,
    levels_of,
    parse,
)
from orchestration.statistics.mixed.laplace import Optimum, Problem, minimise
from orchestration.statistics.mixed.penalised import Inverse, scaled, scaled_back
from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    NO_VARIATION,
    NOT_CONVERGED,
    SEPARATION,
    TOO_FEW_READINGS,
    ZERO_DENOMINATOR,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats

# A fixed part of the linear predictor that spans more than this is a perfect separation that the
# iteration has not yet followed to infinity.
_WIDEST: Final = 30.0
# A search that ends on a slope above this has not found the maximum.
_TOO_STEEP: Final = 0.05


_QUANTILES: Final[Mapping[Link, Callable[[Floats], Floats]]] = {
    "logit": logit,
    "probit": ndtri,
    "cloglog": lambda p: np.log(-np.log1p(-p)),
}


@dataclass(frozen=True)
class GeneralisedMixed:
    """A fitted generalised or cumulative mixed model.

    Attributes
    ----------
    n : int
        Rows used.
    names : tuple of str, length k
        Fixed effects, as R prints them.
    fixed, se, z, p_value : ndarray, shape (k,)
        On the scale of the linear predictor; se from the second derivatives of the deviance.
    covariance : ndarray, shape (k + m, k + m)
        Of fixed effects and thresholds.
    threshold_names : tuple of str, length m
        `1|2`; none but for ordered categories.
    thresholds, threshold_se : ndarray, shape (m,)
    components : tuple of VarianceComponent
        In lme4's order.
    log_likelihood : float
        With all constants.
    parameters : int
    theta : ndarray
        Cholesky factors of the random terms.
    gradient : float
        Largest derivative of the deviance over parameters inside their bounds, at the solution.
    singular : bool
        Some variance is 0 or some correlation perfect.
    effects : tuple of GroupEffects
        Modes of the random effects per grouping factor; reliability is NaN.
    fitted, fitted_fixed : ndarray, shape (n,)
        Mean response (probability, count) with and without the random effects; of ordered
        categories the linear predictor.
    predicted, expected : tuple of ndarray, shape (levels,)
        Per grouping factor, in each level the mean of `fitted` and of `fitted_fixed`.
    rows : ndarray of int, shape (n,)
    """

    n: int
    names: tuple[str, ...]
    fixed: Floats
    se: Floats
    z: Floats
    p_value: Floats
    covariance: Floats
    threshold_names: tuple[str, ...]
    thresholds: Floats
    threshold_se: Floats
    components: tuple[VarianceComponent, ...]
    log_likelihood: float
    parameters: int
    theta: Floats
    gradient: float
    singular: bool
    effects: tuple[GroupEffects, ...]
    fitted: Floats
    fitted_fixed: Floats
    predicted: tuple[Floats, ...]
    expected: tuple[Floats, ...]
    rows: NDArray[np.intp]

    @property
    def predicted_over_expected(self) -> tuple[Floats, ...]:
        """Per grouping factor: how many times its level's mean is what its rows let expect.

        Rows count alike, as in lme4's `fitted`: of successes among unequal trials this is no ratio
        of successes, and the same data with a row per trial have another one. `fitted` and
        `fitted_fixed` times the trials, summed by level, give that.
        """
        return tuple(a / b for a, b in zip(self.predicted, self.expected, strict=True))

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion."""
        return self.parameters * float(np.log(self.n)) - 2 * self.log_likelihood


def fit_generalised(
    formula: str | Formula,
    table: Table,
    *,
    family: Literal["binomial", "poisson"],
    trials: ArrayLike | None = None,
) -> GeneralisedMixed | Refusal:
    """Fit a binomial (logit link) or Poisson (log link) mixed model.

    Parameters
    ----------
    formula : str or Formula
        In lme4's notation, see `formula.parse`; `cbind(successes, failures)` may be the response,
        and `offset(log(exposure))` a term.
    table : mapping of str to ndarray, shape (n,)
        Columns; rows with a missing value are left out.
    family : "binomial" or "poisson"
    trials : array_like, shape (n,), optional
        Trials of each row, the response being their successes; by default one.

    Returns
    -------
    GeneralisedMixed or Refusal
        Refused: no complete row, infinite values, negative or broken counts, more successes than
        trials, no trial, outcomes all alike, fixed effects that foresee the outcome perfectly,
        outcomes all alike within every level, a factor with one level, fixed terms that follow
        from each other, a search that does not converge.

    Raises
    ------
    ValueError
        If the formula cannot be read or names a column that does not exist.

    References
    ----------
    Bates, Maechler, Bolker, Walker (2015), "Fitting linear mixed-effects models using lme4".
    Kristensen et al. (2016), "TMB" (derivatives through the mode).
    """
    made = frame(formula, table)
    if isinstance(made, Refusal):
        return made
    if family == "poisson":
        refused = _refuse_counts(made.response)
        if refused is not None:
            return refused
        return _fit(Poisson(made.response), made)
    if made.response.ndim == 2:  # noqa: PLR2004
        successes, among = made.response[:, 0], made.response.sum(axis=1)
    else:
        successes = made.response
        among = np.ones(made.rows.size)
        if trials is not None:
            among = np.asarray(trials, dtype=np.float64)[made.rows]
    refused = _refuse_counts(successes, among)
    if refused is None:
        refused = _refuse_levels(successes, among, made)
    return _fit(Binomial(successes, among), made) if refused is None else refused


def fit_cumulative(
    formula: str | Formula, table: Table, *, link: Link = "logit"
) -> GeneralisedMixed | Refusal:
    """Fit a cumulative mixed model of ordered categories, P(y <= k) = F(threshold_k - eta).

    Parameters
    ----------
    formula : str or Formula
        In lme4's notation; the thresholds take the place of the intercept.
    table : mapping of str to ndarray, shape (n,)
        Columns; the categories of the response are ordered by size (text by letter).
    link : "logit", "probit" or "cloglog"

    Returns
    -------
    GeneralisedMixed or Refusal
        Refused: as `fit_generalised`; fewer than two categories.

    References
    ----------
    Christensen, "Cumulative link models for ordinal regression with the R package ordinal".
    """
    if link not in _QUANTILES:
        raise ValueError(f"a link {link!r} is not known: {', '.join(_QUANTILES)}")
    said = parse(formula) if isinstance(formula, str) else formula
    response = np.asarray(table[said.response])
    missing = is_missing(response)
    if missing.all():
        return Refusal(TOO_FEW_READINGS, "there is no rating at all")
    _, index = levels_of(response[~missing])
    codes = np.full(response.size, np.nan)
    codes[~missing] = index
    # Contrasts are those of a model with intercept, whose column is then left out.
    said = Formula(
        said.response, tuple(dict.fromkeys(((), *said.fixed))), said.offsets, said.random
    )
    made = frame(said, {**table, said.response: codes})
    if isinstance(made, Refusal):
        return made
    names, category = levels_of(response[made.rows])
    if len(names) < 2:  # noqa: PLR2004
        return Refusal(NO_VARIATION, "all ratings are alike")
    kept = [at for at, name in enumerate(made.names) if name != INTERCEPT]
    made = Frame(
        made.response,
        made.fixed[:, kept],
        tuple(made.names[at] for at in kept),
        made.offset,
        made.groups,
        made.rows,
    )
    below = np.cumsum(np.bincount(category))[:-1] / category.size
    cuts = _QUANTILES[link](below)
    between = tuple(f"{one}|{other}" for one, other in pairwise(names))
    return _fit(Cumulative(category, link), made, cuts, between)


def _refuse_counts(counts: Floats, trials: Floats | None = None) -> Refusal | None:
    if (counts < 0).any() or (trials is not None and (counts > trials).any()):
        what = "negative" if trials is None else "negative, or above its trials"
        return Refusal(IMPOSSIBLE_COUNT, f"a count is {what}")
    if (counts != np.round(counts)).any():
        return Refusal(IMPOSSIBLE_COUNT, "a count is not a whole number")
    if trials is not None and (trials <= 0).any():
        return Refusal(ZERO_DENOMINATOR, "a row has no trial")
    if not counts.any() or (trials is not None and (counts == trials).all()):
        return Refusal(NO_VARIATION, "all outcomes are alike")
    return None


def _refuse_levels(successes: Floats, trials: Floats, made: Frame) -> Refusal | None:
    """Refuse a factor within whose levels all outcomes are alike: its variance is infinite."""
    for group in made.groups:
        levels = len(group.levels)
        good = np.bincount(group.index, successes, levels)
        total = np.bincount(group.index, trials, levels)
        if (total > 1).any() and ((good == 0) | (good == total)).all():
            return Refusal(SEPARATION, f"within every {group.name} all outcomes are alike")
    return None


def _fit(
    family: Family, made: Frame, cuts: Floats | None = None, between: tuple[str, ...] = ()
) -> GeneralisedMixed | Refusal:
    cuts = np.zeros(0) if cuts is None else cuts
    if made.rows.size <= made.fixed.shape[1] + cuts.size:
        return Refusal(
            TOO_FEW_READINGS, f"{made.rows.size} rows for {made.fixed.shape[1]} fixed effects"
        )
    groups = conditioned(made.groups)
    if isinstance(groups, Refusal):
        return groups
    problem = Problem(family, made.fixed, made.offset, Parameters(*groups), cuts.size)
    start = _without_groups(problem, cuts)
    if np.ptp(problem.basis @ start) > _WIDEST:
        return Refusal(SEPARATION, "the fixed effects foresee the outcome perfectly")
    optimum = minimise(problem, start, cuts)
    if optimum is None or not optimum.gradient < _TOO_STEEP:
        return Refusal(NOT_CONVERGED, "the search for the largest likelihood did not converge")
    return _report(problem, made, optimum, between)


def _without_groups(problem: Problem, cuts: Floats) -> Floats:
    """Return fixed effects (in the basis) of the model without random effects, by Newton."""
    fixed = np.zeros(problem.basis.shape[1])
    value = problem.family.log_likelihood(problem.offset, cuts)
    for _ in range(50):
        at = problem.family.derivatives(problem.offset + problem.basis @ fixed, cuts)
        information = (problem.basis.T * at.weight) @ problem.basis
        step = np.linalg.lstsq(information, problem.basis.T @ at.slope)[0]
        share = 1.0
        while True:
            tried = fixed + share * step
            after = problem.family.log_likelihood(problem.offset + problem.basis @ tried, cuts)
            if after >= value or share < 1e-6:  # noqa: PLR2004
                break
            share /= 2
        fixed, gain, value = tried, after - value, after
        if abs(gain) < 1e-9 * abs(value):
            break
    return fixed


def _report(
    problem: Problem, made: Frame, at: Optimum, between: tuple[str, ...]
) -> GeneralisedMixed:
    parameters, k = problem.parameters, made.fixed.shape[1]
    se = np.sqrt(np.diagonal(at.covariance))
    effects = _effects(problem, made, at)
    fixed_eta = made.fixed @ at.fixed + made.offset
    eta = fixed_eta.copy()
    for group, one in zip(made.groups, effects, strict=True):
        eta += (group.design * one.effect[group.index]).sum(axis=1)
    mean = getattr(problem.family, "mean", lambda figures: figures)
    fitted, fitted_fixed = mean(eta), mean(fixed_eta)
    return GeneralisedMixed(
        n=made.rows.size,
        names=made.names,
        fixed=at.fixed,
        se=se[:k],
        z=at.fixed / se[:k],
        p_value=2 * norm.sf(np.abs(at.fixed / se[:k])),
        covariance=at.covariance,
        threshold_names=between,
        thresholds=at.cuts,
        threshold_se=se[k:],
        components=parameters.components(at.theta, None),
        log_likelihood=-at.mode.deviance / 2,
        parameters=at.theta.size + k + at.cuts.size,
        theta=parameters.reported(at.theta),
        gradient=at.gradient,
        singular=parameters.is_singular(at.theta),
        effects=effects,
        fitted=fitted,
        fitted_fixed=fitted_fixed,
        predicted=tuple(_means(group.index, fitted) for group in made.groups),
        expected=tuple(_means(group.index, fitted_fixed) for group in made.groups),
        rows=made.rows,
    )


def _means(index: NDArray[np.intp], figures: Floats) -> Floats:
    return np.bincount(index, figures) / np.bincount(index)


def _effects(problem: Problem, made: Frame, at: Optimum) -> tuple[GroupEffects, ...]:
    natural = problem.parameters.natural(at.theta)
    templates = problem.parameters.templates(at.theta)
    factor, derivatives = at.mode.factor, at.mode.derivatives
    inverse = Inverse(factor)
    values = scaled_back(natural, [block[:, :, None] for block in at.mode.effects])
    # How modes move with fixed effects and thresholds.
    pull = np.column_stack([-derivatives.weight[:, None] * made.fixed, derivatives.slope_of_cuts])
    moved = factor.solve(scaled(templates, problem.incidence.transposed(pull)))
    through = scaled_back(natural, moved)
    found = []
    for number, group in enumerate(made.groups):
        given = np.einsum("ab,nbc,ac->na", natural[number], inverse.own[number], natural[number])
        beside = ((through[number] @ at.covariance) * through[number]).sum(axis=2)
        counts = np.bincount(group.index, minlength=len(group.levels)).astype(np.float64)
        found.append(
            GroupEffects(
                group=group.name,
                levels=group.levels,
                coefficients=group.coefficients,
                n=counts,
                effect=values[number][:, :, 0],
                sd_given_fixed=np.sqrt(given),
                sd=np.sqrt(given + beside),
                reliability=np.full(len(group.levels), np.nan),
            )
        )
    return tuple(found)
