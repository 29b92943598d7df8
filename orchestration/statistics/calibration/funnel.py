"""Funnel plots: units compared with a target, with limits that allow for overdispersion."""

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, chi2, norm, rankdata

from orchestration.statistics.refusal import (
    TOO_FEW_READINGS,
    ZERO_DENOMINATOR,
    Refusal,
    refuse_counts,
)
from orchestration.statistics.spc.flat import Bools, Floats

Measure = Literal["SR", "PR", "RC"]
Adjustment = Literal["none", "winsorise", "truncate"]
Transform = Literal["root", "log"]

RANK_GROUPS: Final = 10
_DRAWN: Final = 2_000_000
"""Normal values behind the mean square of winsorised ones: its standard error is 0.2 %."""


@dataclass(frozen=True)
class Funnel:
    """Each unit on the transformed scale, shape (n,) each where not a number.

    Attributes
    ----------
    value, standard_error : ndarray
    target : float
    z : ndarray
        ``(value - target) / standard_error``.
    z_adjusted : ndarray
        ``z`` after winsorising; NaN for units that were truncated.
    n_used : int
        Units behind the overdispersion.
    phi : float
        Mean of ``z_adjusted`` squared; if asked for, over that of normal values so drawn in.
    tau2 : float
        Variance between units, 0 if ``n_used * phi < n_used - 1``.
    z_additive : ndarray
        ``(value - target) / sqrt(standard_error^2 + tau2)``.
    z_multiplicative : ndarray
        ``z / sqrt(max(1, phi))``.
    """

    value: Floats
    standard_error: Floats
    target: float
    z: Floats
    z_adjusted: Floats
    n_used: int
    phi: float
    tau2: float
    z_additive: Floats
    z_multiplicative: Floats


def funnel(
    observed: ArrayLike,
    size: ArrayLike,
    *,
    measure: Measure,
    adjust: Adjustment = "winsorise",
    transform: Transform = "root",
    trim: float = 0.1,
    is_normal_consistent: bool = False,
) -> Funnel | Refusal:
    """Return the z-scores of a funnel plot, plain and corrected for overdispersion.

    Parameters
    ----------
    observed : array_like, shape (n,)
        Events of each unit.
    size : array_like, shape (n,)
        ``SR``: expected events. ``PR``: trials. ``RC``: exposure.
    measure : {"SR", "PR", "RC"}
        Standardised ratio on the square root scale, about 1 (with ``transform="log"`` on the log
        scale); proportion on the arcsine scale, about the overall one; rate on the log scale,
        about the overall one.
    adjust : {"none", "winsorise", "truncate"}
        What is done with extreme ``z`` before measuring overdispersion: drawn in to the ``trim``
        quantiles (CQC), or left out beyond the ``trim`` rank groups (SHMI).
    transform : {"root", "log"}
        ``SR`` only.
    trim : float
        Share at each end, below one half.
    is_normal_consistent : bool
        With ``winsorise``: whether phi is divided by the mean square of as many standard normal
        values drawn in alike (.69 of 40 values at 10 %). Published funnels do not: of units whose
        true values are normal they then name 11 % outside limits of 95 %.

    Returns
    -------
    Funnel or Refusal
        Refused: fewer than 2 units, missing, infinite or negative counts, a size not above 0, more
        events than trials (``PR``), no event at all (``PR``, ``RC``), none in a unit (log ratio).

    Raises
    ------
    ValueError
        If shapes differ, an option is unknown, or ``trim`` is not in [0, 0.5).

    References
    ----------
    Spiegelhalter, "Handling over-dispersion of performance indicators", *Quality and Safety in
    Health Care* 14 (2005) 347-351; "Funnel plots for comparing institutional performance",
    *Statistics in Medicine* 24 (2005) 1185-1202.
    """
    if adjust not in {"none", "winsorise", "truncate"}:
        raise ValueError(f"unknown adjustment {adjust}")
    if is_normal_consistent and adjust != "winsorise":
        raise ValueError(f"what normal values have is known of winsorise, not of {adjust}")
    if not 0 <= trim < 0.5:  # noqa: PLR2004 - half of the units is all of them
        raise ValueError(f"trim must lie in [0, 0.5), not be {trim}")
    events, sizes = np.asarray(observed, dtype=np.float64), np.asarray(size, dtype=np.float64)
    refusal = refuse_counts(events, sizes, at_most_size=measure == "PR", least=max(2, events.size))
    if refusal is not None:
        return refusal
    if (measure != "SR" and events.sum() == 0) or (
        measure == "SR" and transform == "log" and np.any(events == 0)
    ):
        return Refusal(ZERO_DENOMINATOR, "no events, where their logarithm or share is needed")
    value, error, target = _transformed(events, sizes, measure, transform)
    z = (value - target) / error
    z_adjusted = z.copy()
    if adjust == "winsorise":
        low, high = np.quantile(z, [trim, 1 - trim])
        z_adjusted = np.clip(z, low, high)
    elif adjust == "truncate":
        z_adjusted[~_middle_ranks(z, trim)] = np.nan
    used = np.isfinite(z_adjusted)
    k = int(np.count_nonzero(used))
    if k < 2:  # noqa: PLR2004 - variance between units needs two
        return Refusal(TOO_FEW_READINGS, f"{k} units are left after trimming")
    phi = float((z_adjusted[used] ** 2).mean())
    if is_normal_consistent:
        phi /= _winsorised_mean_square(k, trim)
    w = 1 / error[used] ** 2
    tau2 = max(0.0, (k * phi - (k - 1)) / float(w.sum() - (w**2).sum() / w.sum()))
    return Funnel(
        value=value,
        standard_error=error,
        target=target,
        z=z,
        z_adjusted=z_adjusted,
        n_used=k,
        phi=phi,
        tau2=tau2,
        z_additive=(value - target) / np.sqrt(error**2 + tau2),
        z_multiplicative=z / np.sqrt(max(1.0, phi)),
    )


@cache
def _winsorised_mean_square(n: int, trim: float) -> float:
    """Return the mean square of n standard normal values drawn in to their quantiles.

    By simulation with a fixed seed, as the quantiles of few values are themselves uncertain: .73
    of 5 values, .68 of very many (1 - 2t - 2 a f(a) + 2 t a^2, f the density at the quantile a).
    """
    rng = np.random.default_rng(20_261_121)
    drawn = rng.standard_normal((max(1, _DRAWN // n), n))
    low, high = np.quantile(drawn, [trim, 1 - trim], axis=1, keepdims=True)
    return float((np.clip(drawn, low, high) ** 2).mean())


def funnel_limits(found: Funnel, *, measure: Measure, confidence: float) -> tuple[Floats, Floats]:
    """Return between which values a unit lies that differs from the target as units do.

    Parameters
    ----------
    found : Funnel
        With the variance between units that chance does not explain.
    measure : {"SR", "PR", "RC"}
        The one that `found` was made with (``SR`` on the root scale).
    confidence : float
        For instance 0.95.

    Returns
    -------
    tuple of ndarray, shape (n,)
        Lower and upper limit of each unit, as a ratio to what was expected, a proportion or a
        rate; ``target -+ z sqrt(standard_error^2 + tau2)`` transformed back, within its range.

    Raises
    ------
    ValueError
        If the confidence lies outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), not be {confidence}")
    reach = norm.ppf((1 + confidence) / 2) * np.sqrt(found.standard_error**2 + found.tau2)
    lower, upper = found.target - reach, found.target + reach
    if measure == "PR":
        return np.sin(np.clip(lower, 0, np.pi / 2)) ** 2, np.sin(np.clip(upper, 0, np.pi / 2)) ** 2
    if measure == "SR":
        return np.clip(lower, 0, None) ** 2, np.clip(upper, 0, None) ** 2
    return np.exp(lower), np.exp(upper)


def exact_binomial_limit(trials: ArrayLike, target: float, probability: float) -> Floats:
    """Return the proportion below which a share ``probability`` of units on target lies.

    Interpolated between the jumps of the binomial: ``(r - (F(r) - p) / f(r)) / n``, r the first
    count with F(r) > p.

    Parameters
    ----------
    trials : array_like, shape (n,)
        Trials of each unit, above 0.
    target : float
        Proportion, in (0, 1).
    probability : float
        For instance 0.001 and 0.999.

    Raises
    ------
    ValueError
        If target or probability lie outside (0, 1) or a unit has no trials.

    References
    ----------
    Spiegelhalter, *Statistics in Medicine* 24 (2005) 1185-1202, appendix A.1.1.
    """
    n = np.asarray(trials, dtype=np.float64)
    if not (0 < target < 1 and 0 < probability < 1 and np.all(n > 0)):
        raise ValueError("target and probability must lie in (0, 1), trials above 0")
    r = binom.ppf(probability, n, target)
    # ppf gives the first count with F(r) >= p.
    r = np.where(binom.cdf(r, n, target) > probability, r, r + 1)
    excess = (binom.cdf(r, n, target) - probability) / binom.pmf(r, n, target)
    return np.asarray((r - excess) / n, dtype=np.float64)


def poisson_limits(expected: float, confidence: float) -> tuple[float, float]:
    """Return the ratios of observed to expected between which a unit on target lies.

    Parameters
    ----------
    expected : float
        Expected events, above 0.
    confidence : float
        For instance 0.998.

    Returns
    -------
    tuple of float
        ``chi2(a/2; 2E) / 2E`` and ``chi2(1 - a/2; 2(E+1)) / 2E``, a = 1 - confidence.

    Raises
    ------
    ValueError
        If there are no expected events or the confidence lies outside (0, 1).

    Examples
    --------
    >>> [round(limit, 4) for limit in poisson_limits(100, 0.998)]
    [0.7192, 1.3492]
    """
    if not (expected > 0 and 0 < confidence < 1):
        raise ValueError(f"no limits of {expected} expected events at confidence {confidence}")
    tail = (1 - confidence) / 2
    lower = chi2.ppf(tail, 2 * expected) / (2 * expected)
    upper = chi2.ppf(1 - tail, 2 * (expected + 1)) / (2 * expected)
    return float(lower), float(upper)


def _transformed(
    events: Floats, sizes: Floats, measure: Measure, transform: Transform
) -> tuple[Floats, Floats, float]:
    if measure == "SR" and transform == "log":
        return np.log(events / sizes), 1 / np.sqrt(sizes), 0.0
    if measure == "SR":
        return np.sqrt(events / sizes), 1 / (2 * np.sqrt(sizes)), 1.0
    overall = float(events.sum() / sizes.sum())
    if measure == "PR":
        value = np.arcsin(np.sqrt(events / sizes))
        return value, 1 / (2 * np.sqrt(sizes)), float(np.arcsin(np.sqrt(overall)))
    if measure == "RC":
        value = np.log((events + 0.5) / (sizes + 0.5))
        error = np.sqrt(events / (events + 0.5) ** 2 + sizes / (sizes + 0.5) ** 2)
        return value, error, float(np.log(overall))
    raise ValueError(f"unknown measure {measure}; known: SR, PR, RC")


def _middle_ranks(z: Floats, trim: float) -> Bools:
    """Tell the units in rank groups other than the first and last ``trim`` of ten."""
    group = np.floor(RANK_GROUPS * rankdata(z) / (z.size + 1))
    cut = round(RANK_GROUPS * trim)
    middle: Bools = (group >= cut) & (group <= RANK_GROUPS - 1 - cut)
    return middle
