"""Maximum likelihood by Laplace's approximation, for any family of `families`.

The deviance -2 l(y | u) + |u|^2 + log |M| at the mode of u is minimised over variance parameters,
fixed effects and thresholds together, with exact derivatives: those of the mode follow from one
more solution of the same system (the adjoint).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import solve_triangular

from orchestration.statistics.mixed.covariance import SINGULAR, Parameters
from orchestration.statistics.mixed.families import Derivatives, Family
from orchestration.statistics.mixed.penalised import (
    Factor,
    Incidence,
    Inverse,
    PerGroup,
    scaled,
    scaled_back,
)
from orchestration.statistics.mixed.search import search
from orchestration.statistics.spc.flat import Floats

# The mode is found when Newton's decrement is below this: the step is then 1e-9 and the
# log-determinant, which has a slope there, is right to as much.
_DECREMENT: Final = 1e-18
_MOST_STEPS: Final = 100
_TOO_FAR: Final = 1e12
_ROUNDING: Final = 1e-10
_SHORTEST: Final = 1e-8
_FLAT: Final = 1e-6
_NO_WORSE: Final = 1e-8


@dataclass(frozen=True)
class Mode:
    """The system at the mode of the random effects, for one value of the parameters."""

    deviance: float
    effects: PerGroup
    derivatives: Derivatives
    factor: Factor


@dataclass(frozen=True)
class Reached:
    """Random effects on the way to their mode, and the penalised log-likelihood there."""

    effects: PerGroup
    eta: Floats
    value: float


@dataclass(frozen=True)
class Optimum:
    """The minimum of the deviance.

    Attributes
    ----------
    theta, fixed, cuts : ndarray
        Variance parameters, fixed effects (as given), thresholds.
    covariance : ndarray, shape (k + m, k + m)
        Of fixed effects and thresholds, from the second derivatives of the deviance.
    gradient : float
        Largest derivative of the deviance over parameters inside their bounds.
    mode : Mode
    """

    theta: Floats
    fixed: Floats
    cuts: Floats
    covariance: Floats
    gradient: float
    mode: Mode


class Problem:
    """The deviance of one model as a function of all its parameters.

    The vector holds theta, the fixed effects in an orthonormal basis, the first threshold and the
    logarithms of the distances between thresholds.
    """

    def __init__(
        self, family: Family, fixed: Floats, offset: Floats, parameters: Parameters, cuts: int
    ) -> None:
        self.family, self.offset, self.parameters, self.cuts = family, offset, parameters, cuts
        self.incidence = Incidence(parameters.groups)
        # Fixed effects then have about as much information as variance parameters have.
        size = np.sqrt(max(self.incidence.levels))
        basis, triangle = np.linalg.qr(fixed)
        self.basis, self.triangle = basis * size, triangle / size
        self.effects: PerGroup = [
            np.zeros((levels, width))
            for levels, width in zip(self.incidence.levels, self.incidence.widths, strict=True)
        ]

    def split(self, vector: Floats) -> tuple[Floats, Floats, Floats]:
        """Return theta, fixed effects in the basis, and thresholds."""
        size, k = len(self.parameters.places), self.basis.shape[1]
        steps = vector[size + k :]
        cuts = np.cumsum(np.concatenate([steps[:1], np.exp(steps[1:])]))
        return vector[:size], vector[size : size + k], cuts

    def mode(self, vector: Floats) -> Mode | None:
        """Return the mode of the random effects by Newton's method, from the last one.

        None where the likelihood overflows, or Newton's method does not end.
        """
        theta, fixed, cuts = self.split(vector)
        templates = self.parameters.templates(theta)
        start = self.offset + self.basis @ fixed

        def reach(effects: PerGroup) -> Reached:
            eta = start + self._random(templates, effects)
            penalty = sum(float((block**2).sum()) for block in effects)
            return Reached(effects, eta, self.family.log_likelihood(eta, cuts) - penalty / 2)

        now = reach(self.effects)
        if not np.isfinite(now.value):
            now = reach([np.zeros_like(block) for block in self.effects])
        if not np.isfinite(now.value):
            return None
        for _ in range(_MOST_STEPS):
            at = self.family.derivatives(now.eta, cuts)
            factor = Factor(self.incidence, self.incidence.cross_products(at.weight), templates)
            sums = scaled(templates, self.incidence.transposed(at.slope[:, None]))
            right = [s - u[:, :, None] for s, u in zip(sums, now.effects, strict=True)]
            step = factor.solve(right)
            decrement = sum(float((a * b).sum()) for a, b in zip(right, step, strict=True))
            if decrement < _DECREMENT * max(1.0, abs(now.value)):
                self.effects = now.effects
                return Mode(-2 * now.value + factor.log_determinant, now.effects, at, factor)
            now = _along(reach, now, [one[:, :, 0] for one in step])
        return None

    def _random(self, templates: list[Floats], effects: PerGroup) -> Floats:
        natural = scaled_back(templates, [block[:, :, None] for block in effects])
        return self.incidence.times([block[:, :, 0] for block in natural])

    def value_and_gradient(self, vector: Floats) -> tuple[float, Floats]:
        """Return the deviance and its derivative."""
        found = self.mode(vector)
        if found is None:
            return _TOO_FAR, np.zeros_like(vector)
        return found.deviance, self.gradient(vector, found)

    def gradient(self, vector: Floats, found: Mode) -> Floats:
        """Return the derivative of the deviance in all parameters."""
        theta, _, _ = self.split(vector)
        templates = self.parameters.templates(theta)
        at, inverse = found.derivatives, Inverse(found.factor)
        leverage = inverse.leverages(templates)
        pull = (leverage * at.change)[:, None]
        adjoint = found.factor.solve(scaled(templates, self.incidence.transposed(pull)))
        moved = self._random(templates, [block[:, :, 0] for block in adjoint])
        parts = []
        for group, template in enumerate(templates):
            u, v = found.effects[group], adjoint[group][:, :, 0]
            left = 2 * (len(u) * np.eye(len(template)) - inverse.own[group].sum(0) - u.T @ u)
            left += v.T @ u + u.T @ v
            parts.append(solve_triangular(template, left, lower=True, trans=1))
        of_fixed = self.basis.T @ (-2 * at.slope + pull[:, 0] - at.weight * moved)
        of_cuts = -2 * at.of_cuts.sum(0) + leverage @ at.weight_of_cuts + moved @ at.slope_of_cuts
        # A threshold moves with the first one and with every distance below it.
        of_steps = np.cumsum(of_cuts[::-1])[::-1]
        if self.cuts:
            of_steps[1:] *= np.exp(vector[-self.cuts + 1 :]) if self.cuts > 1 else 1
        return np.concatenate([self.parameters.gather(parts), of_fixed, of_steps])


def _along(reach: Callable[[PerGroup], Reached], now: Reached, step: PerGroup) -> Reached:
    """Go along a step, or half of it, or a quarter, until it does not get worse."""
    share = 1.0
    while True:
        tried = reach([u + share * du for u, du in zip(now.effects, step, strict=True)])
        # Near the mode a step changes the value by less than its rounding.
        if tried.value >= now.value - _ROUNDING * abs(now.value) or share < _SHORTEST:
            return tried
        share /= 2


def minimise(problem: Problem, fixed: Floats, cuts: Floats) -> Optimum | None:
    """Minimise the deviance from given fixed effects (in the basis) and thresholds.

    None where the search does not converge.
    """
    parameters = problem.parameters
    steps = np.concatenate([cuts[:1], np.log(np.diff(cuts))])
    start = np.concatenate([parameters.start, fixed, steps])
    found = problem.mode(start)
    if found is None:
        return None
    own = Inverse(found.factor).own
    # Of fixed effects and thresholds what the rows say, as if their groups were known.
    of_rows = 2 * (problem.basis**2).T @ found.derivatives.weight
    of_steps = np.full(cuts.size, 2 * found.derivatives.weight.sum() / max(cuts.size, 1))
    curvature = np.concatenate([parameters.curvature(parameters.start, own), of_rows, of_steps])
    best = search(problem.value_and_gradient, parameters, start, curvature)
    vector, hessian = _polish(problem, best)
    vector = _without_nil(problem, vector)
    return _optimum(problem, vector, hessian)


def _free(problem: Problem, vector: Floats) -> np.ndarray:
    free = np.ones(vector.size, dtype=np.bool_)
    size = len(problem.parameters.places)
    free[:size] = ~problem.parameters.on_diagonal | (vector[:size] > SINGULAR)
    return free


def _polish(problem: Problem, vector: Floats) -> tuple[Floats, Floats]:
    """Return the solution after two of Newton's steps, and the second derivatives there."""
    for _ in range(2):
        free = _free(problem, vector)
        hessian = _hessian(problem, vector)
        slope = problem.value_and_gradient(vector)[1][free]
        inner = hessian[np.ix_(free, free)]
        if np.abs(slope).max() < _FLAT or np.linalg.eigvalsh(inner).min() <= 0:
            break
        moved = vector.copy()
        moved[free] -= np.linalg.solve(inner, slope)
        value, after = problem.value_and_gradient(moved)
        if not np.isfinite(value) or np.abs(after[free]).max() > np.abs(slope).max():
            break
        vector = moved
    return vector, hessian


def _hessian(problem: Problem, vector: Floats) -> Floats:
    columns = []
    for number in range(vector.size):
        step = 1e-4 * max(abs(float(vector[number])), 0.1)
        ends = []
        for sign in (1, -1):
            moved = vector.copy()
            moved[number] += sign * step
            ends.append(problem.value_and_gradient(moved)[1])
        columns.append((ends[0] - ends[1]) / (2 * step))
    matrix = np.array(columns)
    return (matrix + matrix.T) / 2


def _without_nil(problem: Problem, vector: Floats) -> Floats:
    size = len(problem.parameters.places)
    for at in np.flatnonzero(problem.parameters.on_diagonal & (vector[:size] < SINGULAR)):
        without = vector.copy()
        without[at] = 0
        nil, now = problem.mode(without), problem.mode(vector)
        if nil is not None and now is not None and nil.deviance <= now.deviance + _NO_WORSE:
            vector = without
    return vector


def _optimum(problem: Problem, vector: Floats, hessian: Floats) -> Optimum | None:
    theta, fixed, cuts = problem.split(vector)
    size, k = theta.size, fixed.size
    free = _free(problem, vector)
    covariance = np.zeros((vector.size, vector.size))
    mode = problem.mode(vector)
    if mode is None or np.linalg.eigvalsh(hessian[np.ix_(free, free)]).min() <= 0:
        return None
    covariance[np.ix_(free, free)] = 2 * np.linalg.inv(hessian[np.ix_(free, free)])
    # From the basis to the columns as given, from distances to thresholds.
    back = np.zeros((k + cuts.size, k + cuts.size))
    back[:k, :k] = np.linalg.inv(problem.triangle)
    distances = np.concatenate([[1.0], np.diff(cuts)])[: cuts.size]
    back[k:, k:] = np.tril(np.ones((cuts.size, cuts.size))) * distances
    inside = vector.copy()
    inside[:size] = problem.parameters.inside(theta)
    slope = problem.value_and_gradient(inside)[1]
    return Optimum(
        theta=theta,
        fixed=np.linalg.solve(problem.triangle, fixed),
        cuts=cuts,
        covariance=back @ covariance[size:, size:] @ back.T,
        gradient=float(np.abs(slope[free]).max()),
        mode=mode,
    )
