"""Search for the minimum of a deviance by BFGS, with exact derivatives.

A deviance is even in every relative standard deviation (only its square enters), so that the
search needs no bounds: it passes through 0 and the sign is turned at the end. Bounded searches
stop on 0, where the derivative is nil by symmetry. Scipy's L-BFGS-B was also 3 times slower: its
triangular solutions of order 10 wake the threads of the BLAS.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.optimize import minimize

from orchestration.statistics.mixed.covariance import Parameters
from orchestration.statistics.spc.flat import Floats

# A derivative this small is nil: variances are then right to about 1e-6.
_FLAT: Final = 1e-5
_ROUNDING: Final = 1e-9

Deviance = Callable[[Floats], tuple[float, Floats]]


def search(deviance: Deviance, parameters: Parameters, start: Floats, curvature: Floats) -> Floats:
    """Return the best point found; variance parameters come first in its vector.

    Parameters
    ----------
    deviance : callable
        Value and derivative at a vector.
    parameters : Parameters
    start : ndarray, shape (k,)
    curvature : ndarray, shape (k,)
        Rough second derivatives at the start, which set the length of the first step.
    """
    size = parameters.start.size
    best, least = _descend(deviance, parameters, start, curvature)
    for theta in parameters.restarts(best[:size]):
        again, value = _descend(
            deviance, parameters, np.concatenate([theta, best[size:]]), curvature
        )
        if value < least - 1e-9:
            best, least = again, value
    return best


def _descend(
    deviance: Deviance, parameters: Parameters, start: Floats, curvature: Floats
) -> tuple[Floats, float]:
    size = parameters.start.size

    def at(vector: Floats) -> tuple[float, Floats]:
        inside = np.concatenate([parameters.inside(vector[:size]), vector[size:]])
        value, slope = deviance(inside)
        # So near to 0 an even function is a parabola.
        nearer = np.divide(vector, inside, out=np.ones_like(vector), where=inside != vector)
        return value, slope * nearer

    # Below a billionth of the deviance, differences along a line are rounding.
    enough = max(_FLAT, _ROUNDING * abs(at(start)[0]))
    found = minimize(
        at,
        start,
        jac=True,
        method="BFGS",
        options={"gtol": enough, "hess_inv0": np.diag(1 / curvature), "maxiter": 500},
    )
    upright = parameters.upright(parameters.inside(found.x[:size]))
    return np.concatenate([upright, found.x[size:]]), float(found.fun)
