"""Hotelling's T2 of single observations of several figures that move together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, f

from orchestration.statistics.refusal import (
    INFINITE_VALUE,
    SINGULAR_COVARIANCE,
    TOO_FEW_READINGS,
    Refusal,
)
from orchestration.statistics.spc.flat import Bools, Floats

# Above this condition number of the correlation matrix T2 has no correct digit worth printing.
_WORST_CONDITION = 1e12


@dataclass(frozen=True)
class HotellingChart:
    """T2 of every observation.

    Attributes
    ----------
    t2 : ndarray, shape (n,)
        NaN where a figure is missing.
    centre : ndarray, shape (p,)
        Means of the baseline.
    covariance : ndarray, shape (p, p)
        Of the baseline, m - 1 below.
    upper_phase_1 : float
        Limit for the m baseline observations themselves: ``(m-1)^2/m Beta(p/2, (m-p-1)/2)``.
    upper_phase_2 : float
        Limit for later ones: ``p (m+1) (m-1) / (m (m-p)) F(p, m-p)``.
    beyond : ndarray of bool, shape (n,)
        Baseline observations above the first limit, the others above the second. In phase 1
        without later observations all are baseline.
    """

    t2: Floats
    centre: Floats
    covariance: Floats
    upper_phase_1: float
    upper_phase_2: float
    beyond: Bools


def hotelling_chart(
    values: ArrayLike, *, confidence: float = 0.9973, baseline: ArrayLike | None = None
) -> HotellingChart | Refusal:
    """Return T2 of single observations with the limits of both phases.

    Parameters
    ----------
    values : array_like, shape (n, p)
        One row per observation; a row with a NaN is left out.
    confidence : float
        Share of in-control observations below the limit.
    baseline : array_like of bool, shape (n,), optional
        Observations that set mean and covariance (phase 1); by default all.

    Returns
    -------
    HotellingChart or Refusal
        Refused: infinite values, not more than p + 1 complete baseline rows, figures of which one
        follows from the others.

    Raises
    ------
    ValueError
        If ``values`` is not two-dimensional or the confidence lies outside (0, 1).

    References
    ----------
    Tracy, Young and Mason, "Multivariate control charts for individual observations", *Journal of
    Quality Technology* 24 (1992) 88-95.
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"rows of observations expected, not an array of shape {points.shape}")
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie in (0, 1), not be {confidence}")
    if np.any(np.isinf(points)):
        row = int(np.flatnonzero(np.isinf(points).any(axis=1))[0]) + 1
        return Refusal(INFINITE_VALUE, f"observation {row} is infinite")
    complete = np.isfinite(points).all(axis=1)
    first_phase = np.ones(points.shape[0], dtype=np.bool_)
    if baseline is not None:
        first_phase &= np.asarray(baseline, dtype=np.bool_)
    base = points[first_phase & complete]
    m, p = base.shape
    if m <= p + 1:
        return Refusal(TOO_FEW_READINGS, f"{m} complete observations of {p} figures")
    covariance = np.atleast_2d(np.cov(base, rowvar=False))
    spread = np.sqrt(np.diag(covariance))
    if np.any(spread == 0) or np.linalg.cond(covariance / np.outer(spread, spread)) > (
        _WORST_CONDITION
    ):
        return Refusal(SINGULAR_COVARIANCE, "a figure is constant or follows from the others")
    centre = base.mean(axis=0)
    # Solved on the correlation scale: figures in units of very different size lose no digits.
    scaled = (points - centre) / spread
    solved = np.linalg.solve(covariance / np.outer(spread, spread), np.nan_to_num(scaled).T).T
    t2 = np.where(complete, (scaled * solved).sum(axis=1), np.nan)
    upper_1 = (m - 1) ** 2 / m * float(beta.ppf(confidence, p / 2, (m - p - 1) / 2))
    upper_2 = p * (m + 1) * (m - 1) / (m * (m - p)) * float(f.ppf(confidence, p, m - p))
    return HotellingChart(
        t2=t2,
        centre=centre,
        covariance=covariance,
        upper_phase_1=upper_1,
        upper_phase_2=upper_2,
        beyond=t2 > np.where(first_phase, upper_1, upper_2),
    )
