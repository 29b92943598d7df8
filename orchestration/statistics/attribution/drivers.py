"""What declared drivers do to a figure, told from units that they reached at different times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from orchestration.statistics.experiments.clustered import dummies, fit_clustered
from orchestration.statistics.refusal import TOO_FEW_CLUSTERS, Refusal, refuse_infinite
from orchestration.statistics.spc.flat import Floats

LEAST_CLUSTERS: Final = 4
"""With fewer clusters nobody knows how far errors hang together."""


@dataclass(frozen=True)
class DriverEffects:
    """Coefficients of drivers.

    Attributes
    ----------
    names : tuple of str, length k
    coefficient : ndarray, shape (k,)
        Change of the figure per unit of the driver.
    sd : ndarray, shape (k,)
        Half of the 95 % interval by Satterthwaite's t, over 1.96: with few clusters wider than the
        standard error, so that normal intervals made of it are not too short.
    freedom : ndarray, shape (k,)
    n, n_clusters : int
    """

    names: tuple[str, ...]
    coefficient: Floats
    sd: Floats
    freedom: Floats
    n: int
    n_clusters: int


def driver_effects(
    outcome: ArrayLike,
    drivers: ArrayLike,
    unit: ArrayLike,
    period: ArrayLike,
    *,
    names: Sequence[str],
) -> DriverEffects | Refusal:
    """Return what drivers do, each unit compared with itself.

    Parameters
    ----------
    outcome : array_like, shape (n,)
    drivers : array_like, shape (n, k)
        Rows with a missing outcome or driver are left out.
    unit : array_like, shape (n,)
        Its level is swept out, and it is the cluster within which errors hang together.
    period : array_like, shape (n,)
        Numbers that grow with time: a common straight trend is swept out, so that a slow
        improvement does not pass for the work of a driver that rose meanwhile.
    names : sequence of str, length k

    Returns
    -------
    DriverEffects or Refusal
        Refused: infinite figures, fewer than four units, and as `fit_clustered`.

    Raises
    ------
    ValueError
        If shapes differ.

    Notes
    -----
    Least squares; covariance CR2, degrees of freedom after Satterthwaite (Bell and McCaffrey 2002).
    The coefficient is causal only as far as the driver is exogenous, which is declared and not
    found: a driver that leaders influence would take their work with it.
    """
    values, given = np.asarray(outcome, dtype=np.float64), np.asarray(drivers, dtype=np.float64)
    of_unit, at = np.asarray(unit), np.asarray(period, dtype=np.float64)
    if given.shape != (values.size, len(names)) or {of_unit.shape, at.shape} != {values.shape}:
        raise ValueError("outcome, drivers, unit, period and names differ in shape")
    refusal = refuse_infinite(outcome=values, driver=given, period=at)
    if refusal is not None:
        return refusal
    there = np.isfinite(values) & np.isfinite(given).all(axis=1) & np.isfinite(at)
    clusters = np.unique(of_unit[there]).size
    if clusters < LEAST_CLUSTERS:
        return Refusal(
            TOO_FEW_CLUSTERS, f"{clusters} units have drivers, at least {LEAST_CLUSTERS} are needed"
        )
    trend = at[there] - at[there].mean()
    nuisance = np.column_stack([dummies(of_unit[there]), trend])
    fit = fit_clustered(values[there], given[there], nuisance, of_unit[there])
    if isinstance(fit, Refusal):
        return fit
    widened = student.ppf(0.975, fit.freedom) / norm.ppf(0.975)
    return DriverEffects(
        names=tuple(names),
        coefficient=fit.coefficient,
        sd=np.sqrt(np.diag(fit.cr2)) * widened,
        freedom=fit.freedom,
        n=fit.n,
        n_clusters=fit.n_clusters,
    )
