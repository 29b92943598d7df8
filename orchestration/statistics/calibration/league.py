"""What a league table is worth: whether its order lasts, and how much of a reading to believe.

All functions take readings as a matrix: one row per period, oldest first, equally spaced (a period
without readings is a row of NaN), one column per unit.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, spearmanr

from orchestration.statistics.calibration.pooling import pool_random_effects
from orchestration.statistics.refusal import (
    NO_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_infinite,
)
from orchestration.statistics.spc.flat import Floats, Ints

LEAST_UNITS: Final = 4
"""Fewer units have too few orders to tell a lasting one from a shuffled one."""
LEAST_PERIODS: Final = 6
"""Fewest periods that the variance of a unit's own readings is taken from."""


@dataclass(frozen=True)
class Persistence:
    """How far the order of one period is found again in a later one.

    Attributes
    ----------
    first : ndarray of int, shape (n_pairs,)
        Row of each pair's first period.
    correlation : ndarray, shape (n_pairs,)
        Spearman's rank correlation of the units that are in both periods.
    units : ndarray of int, shape (n_pairs,)
        How many they are.
    mean : float
        Of the correlations.
    luck_limit : float
        What the mean stays within, either side of 0, if every period is a shuffle.
    """

    first: Ints
    correlation: Floats
    units: Ints
    mean: float
    luck_limit: float


def rank_persistence(
    readings: ArrayLike, *, periods_apart: int = 1, confidence: float = 0.95
) -> Persistence | Refusal:
    """Return rank correlations of periods with the one so many periods later.

    Parameters
    ----------
    readings : array_like, shape (n_periods, n_units)
        NaN where a unit has no reading.
    periods_apart : int
    confidence : float
        Of the limit.

    Returns
    -------
    Persistence or Refusal
        Pairs with fewer than four units in both periods, or with all readings of a period equal,
        are left out; refused if none is left.

    Raises
    ------
    ValueError
        If the readings are no matrix, the periods not apart, or the confidence not in (0, 1).

    Notes
    -----
    The rank correlation of k shuffled units has mean 0 and variance ``1 / (k - 1)`` (exact without
    ties), and successive ones of independent shuffles are uncorrelated, so the variance of their
    mean is the mean of these over the number of pairs. Kendall and Gibbons, *Rank Correlation
    Methods* (1990), section 4.

    Examples
    --------
    >>> found = rank_persistence([[1, 2, 3, 4], [1, 2, 4, 3], [4, 3, 2, 1]])
    >>> found.correlation.round(2).tolist(), round(found.luck_limit, 2)
    ([0.8, -0.8], 0.8)
    """
    table = _matrix(readings, periods_apart)
    if isinstance(table, Refusal):
        return table
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), not be {confidence}")
    first, correlation, units = [], [], []
    for at in range(len(table) - periods_apart):
        pair = table[[at, at + periods_apart]]
        pair = pair[:, np.isfinite(pair).all(axis=0)]
        if pair.shape[1] >= LEAST_UNITS and np.all(np.ptp(pair, axis=1) > 0):
            first.append(at)
            correlation.append(float(spearmanr(pair[0], pair[1]).statistic))
            units.append(pair.shape[1])
    if not first:
        return Refusal(TOO_FEW_READINGS, "no two periods have four units in common that differ")
    sizes = np.array(units, dtype=np.int64)
    variance_of_mean = float((1 / (sizes - 1)).sum()) / len(first) ** 2
    return Persistence(
        first=np.array(first, dtype=np.int64),
        correlation=np.array(correlation, dtype=np.float64),
        units=sizes,
        mean=float(np.mean(correlation)),
        luck_limit=float(norm.ppf((1 + confidence) / 2) * np.sqrt(variance_of_mean)),
    )


@dataclass(frozen=True)
class Regression:
    """Mean distance of the highest and lowest third, then and later; shape (n_pairs,) each.

    Of normal readings the expected share that is left is the variance between units over that of
    all readings.
    """

    highest_then: Floats
    highest_later: Floats
    lowest_then: Floats
    lowest_later: Floats


def regression_to_mean(distances: ArrayLike, *, periods_apart: int) -> Regression | Refusal:
    """Return what becomes of the highest and the lowest third of each period.

    Parameters
    ----------
    distances : array_like, shape (n_periods, n_units)
        Of each unit from all units of its period together; NaN where it has no reading.
    periods_apart : int
        12 compares a month with the same month of the next year.

    Returns
    -------
    Regression or Refusal
        Like for like: the units of a pair are those that are in both periods. Pairs of fewer than
        three units are left out; refused if none is left.

    Raises
    ------
    ValueError
        If the distances are no matrix, or the periods not apart.

    References
    ----------
    Galton, "Regression towards mediocrity in hereditary stature", *Journal of the Anthropological
    Institute* 15 (1886) 246-263.
    """
    table = _matrix(distances, periods_apart)
    if isinstance(table, Refusal):
        return table
    rows = []
    for at in range(len(table) - periods_apart):
        pair = table[[at, at + periods_apart]]
        pair = pair[:, np.isfinite(pair).all(axis=0)]
        third = pair.shape[1] // 3
        if third:
            pair = pair[:, np.argsort(pair[0], kind="stable")]
            rows.append([*pair[:, -third:].mean(axis=1), *pair[:, :third].mean(axis=1)])
    if not rows:
        return Refusal(TOO_FEW_READINGS, "no two periods have three units in common")
    highest_then, highest_later, lowest_then, lowest_later = np.array(rows).T
    return Regression(highest_then, highest_later, lowest_then, lowest_later)


@dataclass(frozen=True)
class Shrunken:
    """What to believe of units after one period.

    Attributes
    ----------
    estimates : ndarray, shape (n_units,)
        ``mean + own_share (reading - mean)``; NaN where there is no reading.
    own_share : float
        ``between / (between + within)``.
    within : float
        Variance of a unit's own readings about its mean, all units pooled.
    between : float
        Variance between units, not below 0.
    """

    estimates: Floats
    own_share: float
    within: float
    between: float


def shrink_newest(readings: ArrayLike) -> Shrunken | Refusal:
    """Return the last period's readings, drawn towards their mean as far as units are alike.

    Parameters
    ----------
    readings : array_like, shape (n_periods, n_units)
        The last row is the period to shrink; the rows before it, and they alone, give both
        variances: within units from their distances from their means, between units from these
        means (random effects, restricted maximum likelihood).

    Returns
    -------
    Shrunken or Refusal
        Refused: fewer than two units in the last period, fewer than six periods with a reading
        before it, no unit with two of them, readings that do not vary within units.

    Raises
    ------
    ValueError
        If the readings are no matrix.

    References
    ----------
    Efron and Morris, "Data analysis using Stein's estimator and its generalizations", *Journal of
    the American Statistical Association* 70 (1975) 311-319.
    """
    table = _matrix(readings, 1)
    if isinstance(table, Refusal):
        return table
    return _shrunken(table[-1], table[:-1])


def _shrunken(newest: Floats, past: Floats) -> Shrunken | Refusal:
    there = np.isfinite(newest)
    if np.count_nonzero(there) < 2:  # noqa: PLR2004 - units are compared with each other
        return Refusal(TOO_FEW_READINGS, "the newest period has fewer than 2 units")
    past = past[:, there]
    known = np.count_nonzero(np.isfinite(past).any(axis=1))
    if known < LEAST_PERIODS:
        return Refusal(
            TOO_FEW_READINGS, f"{known} periods before it, at least {LEAST_PERIODS} are needed"
        )
    past = past[:, np.isfinite(past).any(axis=0)]
    count = np.isfinite(past).sum(axis=0)
    freedom = int((count - 1).sum())
    if freedom == 0 or past.shape[1] < 2:  # noqa: PLR2004 - likewise
        return Refusal(TOO_FEW_READINGS, "fewer than 2 units have a history")
    means = np.nanmean(past, axis=0)
    within = float(np.nansum((past - means) ** 2)) / freedom
    if within == 0:
        return Refusal(NO_VARIATION, "the readings before it do not vary within units")
    pooled = pool_random_effects(means, within / count)
    if isinstance(pooled, Refusal):
        return pooled
    own_share = pooled.tau2 / (pooled.tau2 + within)
    mean = float(newest[there].mean())
    return Shrunken(mean + own_share * (newest - mean), own_share, within, pooled.tau2)


def _matrix(readings: ArrayLike, periods_apart: int) -> Floats | Refusal:
    table = np.asarray(readings, dtype=np.float64)
    if table.ndim != 2:  # noqa: PLR2004 - periods and units
        raise ValueError(f"periods by units expected, not an array of shape {table.shape}")
    if periods_apart < 1:
        raise ValueError(f"periods must be at least 1 apart, not {periods_apart}")
    if table.size == 0:
        return Refusal(NO_VALUE, "there is no reading at all")
    refusal = refuse_infinite(reading=table)
    return table if refusal is None else refusal
