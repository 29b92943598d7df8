"""Random-effects pooling of estimates with known variances, and shrinkage towards the mean."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import chi2

from orchestration.statistics.refusal import NOT_POSITIVE, Refusal, refuse_values
from orchestration.statistics.spc.flat import Floats

Estimator = Literal["DL", "REML", "ML", "PM", "EB", "HE", "HS", "SJ"]
ESTIMATORS: Final[tuple[Estimator, ...]] = ("DL", "REML", "ML", "PM", "EB", "HE", "HS", "SJ")

METAFOR_PM_TOLERANCE: Final = float(np.finfo(np.float64).eps) ** 0.25
"""R's metafor searches the Paule-Mandel tau2 between 0 and 100 and stops within 1.2e-4."""


@dataclass(frozen=True)
class RandomEffects:
    """Pooled mean, variance between units, and each unit's shrunken estimate.

    Attributes
    ----------
    mean, se_mean : float
    tau2 : float
        Variance between units, not below 0.
    i2 : float
        Share of the total variance that lies between units, in percent.
    q, q_p_value : float
        Cochran's test of no variance between units.
    shrunken, se_shrunken : ndarray, shape (n,)
        ``w mean + (1 - w) y``, w = v / (tau2 + v). The standard error holds the uncertainty of
        the mean too; the plain posterior one is ``sqrt(tau2 v / (tau2 + v))``.
    """

    mean: float
    se_mean: float
    tau2: float
    i2: float
    q: float
    q_p_value: float
    shrunken: Floats
    se_shrunken: Floats


def pool_random_effects(
    estimates: ArrayLike,
    variances: ArrayLike,
    estimator: Estimator = "REML",
    *,
    pm_tolerance: float | None = None,
) -> RandomEffects | Refusal:
    """Return the random-effects model of units with known sampling variances.

    Parameters
    ----------
    estimates, variances : array_like, shape (n,)
        Estimate of each unit and its sampling variance, above 0; no NaN.
    estimator : {"DL", "REML", "ML", "PM", "EB", "HE", "HS", "SJ"}
        Of tau2: DerSimonian-Laird, (restricted) maximum likelihood, Paule-Mandel, empirical Bayes
        (Morris), which solves the same equation as the one before; Hedges, Hunter-Schmidt,
        Sidik-Jonkman.
    pm_tolerance : float, optional
        By default the equation of ``PM`` is solved to rounding. `METAFOR_PM_TOLERANCE` stops where
        metafor stops, which differs in the fourth digit of a small tau2.

    Returns
    -------
    RandomEffects or Refusal
        Refused: fewer than 2 units, missing or infinite figures, a variance not above 0.

    Raises
    ------
    ValueError
        If shapes differ or the estimator is unknown.

    References
    ----------
    Viechtbauer, "Conducting meta-analyses in R with the metafor package", *Journal of Statistical
    Software* 36 (2010) 3; Raudenbush, "Analyzing effect sizes: random-effects models" (2009), for
    the shrunken estimates.
    """
    y, v = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if y.shape != v.shape:
        raise ValueError(f"estimates {y.shape} and variances {v.shape} differ in shape")
    if estimator not in ESTIMATORS:
        raise ValueError(f"unknown estimator {estimator}; known: {', '.join(ESTIMATORS)}")
    for figures in (y, v):
        refusal = refuse_values(figures, least=max(2, y.size))
        if refusal is not None:
            return refusal
    if np.any(v <= 0):
        at = int(np.flatnonzero(v <= 0)[0]) + 1
        return Refusal(NOT_POSITIVE, f"the variance of unit {at} is not above zero")
    n, w = y.size, 1 / v
    q = _q(y, v, 0.0)
    spread = float(w.sum() - (w**2).sum() / w.sum())
    if estimator == "DL":
        tau2 = max(0.0, (q - (n - 1)) / spread)
    elif estimator == "HE":
        tau2 = max(0.0, float(y.var(ddof=1) - v.mean()))
    elif estimator == "HS":
        tau2 = max(0.0, (q - n) / float(w.sum()))
    elif estimator == "SJ":
        # One step from the plain variance of the estimates.
        crude = float(y.var())
        tau2 = _q(y, v / crude, 1.0) / (n - 1) if crude > 0 else 0.0
    else:
        tau2 = _tau2(y, v, estimator, pm_tolerance if estimator == "PM" else None)
    weight = 1 / (v + tau2)
    mean = float((weight * y).sum() / weight.sum())
    typical = (n - 1) / spread
    own = tau2 / (tau2 + v)
    return RandomEffects(
        mean=mean,
        se_mean=float(np.sqrt(1 / weight.sum())),
        tau2=tau2,
        i2=100 * tau2 / (tau2 + typical),
        q=q,
        q_p_value=float(chi2.sf(q, n - 1)),
        shrunken=own * y + (1 - own) * mean,
        se_shrunken=np.sqrt(own * v + (1 - own) ** 2 / weight.sum()),
    )


def _q(y: Floats, v: Floats, tau2: float) -> float:
    weight = 1 / (v + tau2)
    mean = (weight * y).sum() / weight.sum()
    return float((weight * (y - mean) ** 2).sum())


def _tau2(y: Floats, v: Floats, estimator: Estimator, tolerance: float | None) -> float:
    """Solve the estimating equation; its left side falls through 0 at the estimate."""

    def score(tau2: float) -> float:
        weight = 1 / (v + tau2)
        mean = (weight * y).sum() / weight.sum()
        fit = float((weight**2 * (y - mean) ** 2).sum())
        if estimator == "ML":
            return fit - float(weight.sum())
        if estimator == "REML":
            return fit - float(weight.sum() - (weight**2).sum() / weight.sum())
        return _q(y, v, tau2) - (y.size - 1)

    if score(0.0) <= 0:
        return 0.0
    if tolerance is not None:
        return float(brentq(score, 0.0, 100.0, xtol=tolerance))
    high = float(y.var(ddof=1))
    while score(high) > 0:
        high *= 2
    return float(brentq(score, 0.0, high, xtol=1e-15 * high, rtol=1e-14))
