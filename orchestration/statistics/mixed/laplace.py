"""Maximum likelihood by Laplace's approximation, for any family of `families`.

The deviance -2 l(y | u) + |u|^2 + log |M| at the mode of u is minimised over variance parameters,
fixed effects and thresholds together, with exact derivatives: those of the mode follow from one
more solution of the same system (the adjoint).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from orchestration.statistics.mixed.covariance import SINGULAR, SMALLEST, Parameters
from orchestration.statistics.mixed.families import Derivatives, Family
from orchestration.statistics.mixed.penalised import (
    Factor,
    Incidence,
    Inverse,
    PerGroup,
    scaled,
    scaled_back,
)
from orchestration.statistics.spc.flat import Floats

# The mode is found when Newton's decrement is below this: the step is then 1e-9 and the
# log-determinant, which has a slope there, is right to as much.
_DECREMENT: Final = 1e-18
_MOST_STEPS: Final = 100
_TOO_FAR: Final = 1e12


@dataclass(frozen=True)
class Mode:
    """The system at the mode of the random effects, for one value of the parameters."""

    deviance: float
    effects: PerGroup
    derivatives: Derivatives
    factor: Factor


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

    def mode(self, vector: Floats) -> Mode:
        """Return the mode of the random effects by Newton's method, from the last one."""
        theta, fixed, cuts = self.split(vector)
        templates = self.parameters.templates(theta)
        start = self.offset + self.basis @ fixed
        effects = self.effects
        eta = start + self._random(templates, effects)
        reached = self._penalised(eta, effects, cuts)
        if not np.isfinite(reached):
            effects = [np.zeros_like(block) for block in effects]
            eta, reached = start, self._penalised(start, effects, cuts)
        for _ in range(_MOST_STEPS):
            at = self.family.derivatives(eta, cuts)
            factor = Factor(self.incidence, self.incidence.cross_products(at.weight), templates)
            sums = scaled(templates, self.incidence.transposed(at.slope[:, None]))
            right = [s - u[:, :, None] for s, u in zip(sums, effects, strict=True)]
            step = factor.solve(right)
            decrement = sum(float((a * b).sum()) for a, b in zip(right, step, strict=True))
            if decrement < _DECREMENT * max(1.0, abs(reached)):
                break
            effects, eta, reached = self._line(
                templates, effects, [one[:, :, 0] for one in step], start, cuts, reached
            )
        self.effects = effects
        return Mode(-2 * reached + factor.log_determinant, effects, at, factor)

    def _line(
        self,
        templates: list[Floats],
        effects: PerGroup,
        step: PerGroup,
        start: Floats,
        cuts: Floats,
        reached: float,
    ) -> tuple[PerGroup, Floats, float]:
        """Go along a step, or half of it, or a quarter, until it does not get worse."""
        share = 1.0
        while True:
            tried = [u + share * du for u, du in zip(effects, step, strict=True)]
            eta = start + self._random(templates, tried)
            value = self._penalised(eta, tried, cuts)
            # Near the mode a step changes the value by less than its rounding.
            if value >= reached - 1e-10 * abs(reached) or share < 1e-8:  # noqa: PLR2004
                return tried, eta, value
            share /= 2

    def _random(self, templates: list[Floats], effects: PerGroup) -> Floats:
        natural = scaled_back(templates, [block[:, :, None] for block in effects])
        return self.incidence.times([block[:, :, 0] for block in natural])

    def _penalised(self, eta: Floats, effects: PerGroup, cuts: Floats) -> float:
        penalty = sum(float((block**2).sum()) for block in effects)
        return self.family.log_likelihood(eta, cuts) - penalty / 2

    def value_and_gradient(self, vector: Floats) -> tuple[float, Floats]:
        """Return the deviance and its derivative."""
        found = self.mode(vector)
        if not np.isfinite(found.deviance):
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


def minimise(problem: Problem, fixed: Floats, cuts: Floats) -> Optimum:
    """Minimise the deviance from given fixed effects (in the basis) and thresholds."""
    parameters = problem.parameters
    steps = np.concatenate([cuts[:1], np.log(np.diff(cuts))])
    size = parameters.start.size
    best = _descend(problem, np.concatenate([parameters.start, fixed, steps]))
    for theta in parameters.restarts(best.x[:size]):
        other = _descend(problem, np.concatenate([theta, best.x[size:]]))
        if other.fun < best.fun - 1e-9:
            best = other
    vector, hessian = _polish(problem, best.x)
    vector = _without_nil(problem, vector)
    return _optimum(problem, vector, hessian)


def _descend(problem: Problem, start: Floats):  # noqa: ANN202 - scipy's own result
    free = [(None, None)] * (start.size - len(problem.parameters.places))
    return minimize(
        problem.value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[*problem.parameters.bounds, *free],
        options={"ftol": 1e-12, "gtol": 1e-5, "maxiter": 1000, "maxls": 50},
    )


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
        if np.abs(slope).max() < 1e-6 or np.linalg.eigvalsh(inner).min() <= 0:
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
        if problem.mode(without).deviance <= problem.mode(vector).deviance + 1e-8:
            vector = without
    return vector


def _optimum(problem: Problem, vector: Floats, hessian: Floats) -> Optimum:
    theta, fixed, cuts = problem.split(vector)
    size, k = theta.size, fixed.size
    free = _free(problem, vector)
    covariance = np.zeros((vector.size, vector.size))
    covariance[np.ix_(free, free)] = 2 * np.linalg.inv(hessian[np.ix_(free, free)])
    # From the basis to the columns as given, from distances to thresholds.
    back = np.zeros((k + cuts.size, k + cuts.size))
    back[:k, :k] = np.linalg.inv(problem.triangle)
    distances = np.concatenate([[1.0], np.diff(cuts)])[: cuts.size]
    back[k:, k:] = np.tril(np.ones((cuts.size, cuts.size))) * distances
    inside = vector.copy()
    inside[:size] = np.where(problem.parameters.on_diagonal, np.maximum(theta, SMALLEST), theta)
    slope = problem.value_and_gradient(inside)[1]
    return Optimum(
        theta=theta,
        fixed=np.linalg.solve(problem.triangle, fixed),
        cuts=cuts,
        covariance=back @ covariance[size:, size:] @ back.T,
        gradient=float(np.abs(slope[free]).max()),
        mode=problem.mode(vector),
    )
