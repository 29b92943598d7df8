"""James-Stein shrinkage: many estimates of known variance, pulled together to err less in sum.

`pooling.pool_random_effects` is for units of unequal variance; here every estimate is pulled by the
same factor, which holds whatever the true values are and needs no model of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import (
    NO_VARIATION,
    NOT_POSITIVE,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats


@dataclass(frozen=True)
class JamesStein:
    """Estimates pulled towards a target.

    Attributes
    ----------
    target : float
    spread : float
        Sum of squared distances from the target, each over its variance.
    shrinkage : float
        Share of the distance that is taken away: ``(n - 2) / spread`` for a given target,
        ``(n - 3) / spread`` for the mean; above 1 only without the positive part.
    estimates : ndarray, shape (n,)
        ``target + (1 - shrinkage) (value - target)``.
    """

    target: float
    spread: float
    shrinkage: float
    estimates: Floats


def james_stein(
    values: ArrayLike,
    variance: ArrayLike,
    *,
    target: float | None = None,
    positive_part: bool = True,
) -> JamesStein | Refusal:
    """Return estimates whose total squared error is below that of the values.

    Parameters
    ----------
    values : array_like, shape (n,)
        Independent, about normal; no NaN.
    variance : array_like, scalar or shape (n,)
        Sampling variance of each value, known, above 0. Where they differ, distances are measured
        in standard errors, and the mean is weighted by their inverses.
    target : float, optional
        By default the mean of the values, which costs one degree of freedom.
    positive_part : bool
        Whether a factor below nil is nil, as it should be: the other errs more.

    Returns
    -------
    JamesStein or Refusal
        Refused: missing or infinite figures, a variance not above 0, fewer than 3 values (4 with
        the mean as target: with fewer nothing is gained), values all at the target.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    James and Stein, *Proceedings of the Fourth Berkeley Symposium* 1 (1961) 361-379; Efron and
    Morris, *Journal of the American Statistical Association* 70 (1975) 311-319 (towards the mean).
    """
    y = np.asarray(values, dtype=np.float64)
    v = np.asarray(variance, dtype=np.float64)
    if v.shape not in {(), y.shape}:
        raise ValueError(f"values {y.shape} and their variance {v.shape} differ in shape")
    v = np.broadcast_to(v, y.shape)
    # A given target is known, the mean is estimated.
    lost = 3 if target is None else 2
    if y.size <= lost:
        return Refusal(TOO_FEW_READINGS, f"{y.size} values, more than {lost} are needed")
    for figures in (y, v):
        refusal = refuse_values(figures, least=y.size)
        if refusal is not None:
            return refusal
    if np.any(v <= 0):
        at = int(np.flatnonzero(v <= 0)[0]) + 1
        return Refusal(NOT_POSITIVE, f"the variance of value {at} is not above zero")
    centre = float((y / v).sum() / (1 / v).sum()) if target is None else float(target)
    spread = float(((y - centre) ** 2 / v).sum())
    if np.all(y == y[0]) and (target is None or y[0] == target):
        return Refusal(NO_VARIATION, "all values are at the target")
    shrinkage = (y.size - lost) / spread
    if positive_part:
        shrinkage = min(shrinkage, 1.0)
    return JamesStein(centre, spread, shrinkage, centre + (1 - shrinkage) * (y - centre))
