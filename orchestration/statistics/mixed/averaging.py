"""Predictions of a factor's levels, averaged over what the variance between them may be."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from orchestration.statistics.mixed.covariance import Parameters, conditioned
from orchestration.statistics.mixed.formula import INTERCEPT, Frame
from orchestration.statistics.mixed.linear import (
    LinearMixed,
    Problem,
    group_effects,
    second_derivatives,
)
from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc.flat import Floats

# Along the ridge a likelihood is taken to have at least this share of its slice's curvature.
_FLATTEST: Final = 1e-2
# An sd about which nothing is known is looked for below this many times the most likely one.
_WIDEST: Final = 10
# How many standard deviations of the sd are looked at below and above the most likely one.
_BELOW, _ABOVE = 4, 5


@dataclass(frozen=True)
class OverVariance:
    """Effects of the levels of one factor, averaged over what its own sd may be.

    Attributes
    ----------
    effect, sd : ndarray, shape (levels,)
        Mean and sd of the prediction.
    variance : float
        Mean of the variance between levels.
    """

    effect: Floats
    sd: Floats
    variance: float


def average_over_variance(
    made: Frame, found: LinearMixed, group: str, *, points: int = 15
) -> OverVariance | Refusal:
    """Predict the levels of one factor (an intercept) without taking its variance as known.

    Predictions at the most likely variance are too sure of themselves where groups are few; where
    that variance is 0 they are all 0, with an error of 0. Here they are averaged over the
    factor's relative sd with a flat prior, the other parameters following along the ridge of the
    likelihood.

    Parameters
    ----------
    made : Frame
        That of the fit.
    found : LinearMixed
    group : str
    points : int
        Values of the sd, equally spaced.

    References
    ----------
    Gelman (2006), "Prior distributions for variance parameters in hierarchical models" (a flat
    prior on the sd).
    """
    groups = conditioned(made.groups)
    if isinstance(groups, Refusal):
        return groups
    problem = Problem(made, Parameters(*groups), found.method, None)
    at = [one.name for one in made.groups].index(group)
    mine = [place for place, _, _ in problem.parameters.places].index(at)
    if made.groups[at].coefficients != (INTERCEPT,):
        raise ValueError(f"{group} has coefficients other than an intercept")
    # Parameters of other factors may have conditioned units: start from where the fit ended.
    best = problem.parameters.inside(
        problem.parameters.gather(
            [
                np.asarray(np.linalg.solve(back, template), np.float64)
                for back, template in zip(
                    problem.parameters.back,
                    problem.parameters.templates(found.theta),
                    strict=True,
                )
            ]
        )
    )
    hessian = second_derivatives(problem, best, None)
    others = np.arange(best.size) != mine
    inner = hessian[np.ix_(others, others)] + 1e-6 * np.eye(others.sum())
    ridge = -np.linalg.solve(inner, hessian[others, mine])
    curvature = float(hessian[mine, mine] + hessian[mine, others] @ ridge)
    steepest = max(curvature, _FLATTEST * abs(float(hessian[mine, mine])))
    widest = _WIDEST * max(float(best[mine]), 0.1)
    width = min(np.sqrt(2 / steepest), widest) if steepest > 0 else widest
    grid = np.linspace(max(best[mine] - _BELOW * width, 0), best[mine] + _ABOVE * width, points)
    deviances, effects, variances, between = [], [], [], []
    for value in grid:
        theta = best.copy()
        theta[mine] = value
        theta[others] += ridge * (value - best[mine])
        solution = problem.solve(problem.parameters.inside(theta))
        one = group_effects(problem, solution)[at]
        deviances.append(solution.deviance)
        effects.append(one.effect[:, 0])
        variances.append(one.sd[:, 0] ** 2)
        between.append(value**2 * solution.residual_variance)
    weights = np.exp(-(np.array(deviances) - min(deviances)) / 2)
    weights /= weights.sum()
    mean = weights @ np.array(effects)
    spread = weights @ (np.array(variances) + (np.array(effects) - mean) ** 2)
    return OverVariance(mean, np.sqrt(spread), float(weights @ np.array(between)))
