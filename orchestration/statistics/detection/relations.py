"""How KPIs hang together: which say the same, which move against or ahead of each other.

Levels of series that both trend are correlated whatever they measure: the verdicts (`redundant`,
`lead_lag`) are on what is left without trend and memory, and they are evidence, never a cause.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VARIATION,
    SINGULAR_COVARIANCE,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats, Ints

Detrend = Literal["difference", "linear", "none"]

FEWEST_PERIODS: Final = 30
"""Periods for a lead or lag, beyond those that the lags and the filter cost."""

EXACT: Final = 1e-9
"""Share of a KPI's variance that rounding may leave where it follows from others."""


@dataclass(frozen=True)
class Relations:
    """KPIs over the periods in which all have a value.

    Attributes
    ----------
    n : int
        Periods.
    pearson, spearman : ndarray, shape (k, k)
    p_spearman, p_pearson : ndarray, shape (k, k)
        Of no correlation, by Student's law with n - 2; the diagonal is NaN.
    adjusted_spearman, adjusted_pearson : ndarray, shape (k, k)
        The same held to a false discovery rate over all pairs (Benjamini and Hochberg).
    partial : ndarray, shape (k, k)
        Correlation of two given all others; the diagonal is 1.
    p_partial, adjusted_partial : ndarray, shape (k, k)
    eigenvalues : ndarray, shape (k,)
        Of Pearson's correlations, falling; one near nil says that some KPI follows from others.
    inflation : ndarray, shape (k,)
        Variance inflation of each KPI by all others.
    heights : ndarray, shape (k - 1,)
        At which clusters join: average linkage of one less Spearman's correlation.
    absolute : bool
        Whether the correlation's sign was left aside in that.
    merges : ndarray of int, shape (k - 1, 2)
        What joins: -j is KPI j (from 1), +j the cluster of step j.
    """

    n: int
    pearson: Floats
    spearman: Floats
    p_pearson: Floats
    p_spearman: Floats
    adjusted_pearson: Floats
    adjusted_spearman: Floats
    partial: Floats
    p_partial: Floats
    adjusted_partial: Floats
    eigenvalues: Floats
    inflation: Floats
    heights: Floats
    absolute: bool
    merges: Ints


@dataclass(frozen=True)
class Redundancy:
    """Two KPIs that move together.

    Attributes
    ----------
    first, second : int
        Columns, from 0.
    correlation, low, high : float
        Of the detrended series, with a 95 % interval (Fisher's z).
    """

    first: int
    second: int
    correlation: float
    low: float
    high: float


@dataclass(frozen=True)
class LeadLag:
    """Whether one KPI runs ahead of another.

    Attributes
    ----------
    lags : ndarray of int, shape (2 max_lag + 1,)
        ``k`` of r(x[t + k], y[t]): below nil x runs ahead of y.
    correlations : ndarray, shape (2 max_lag + 1,)
        Of the series with the memory of x filtered out of both.
    order : int
        Of the autoregression that filters.
    strongest : int
        Lag of the largest absolute correlation.
    p_value : float
        Of a correlation as large at any of the lags, by permuting the innovations of x.
    """

    lags: Ints
    correlations: Floats
    order: int
    strongest: int
    p_value: float


def relate(series: ArrayLike, *, absolute: bool = True) -> Relations | Refusal:
    """Return correlations, partial correlations, collinearity and clusters of KPIs.

    Parameters
    ----------
    series : array_like, shape (n, k)
        Periods by KPIs; a period with a NaN is left out.
    absolute : bool
        Whether KPIs that move exactly against each other are near: they say the same.

    Returns
    -------
    Relations or Refusal
        Refused: one KPI, an infinite value, a KPI that does not vary, no more complete periods
        than KPIs and two, a KPI that follows exactly from others.

    Raises
    ------
    ValueError
        If the series are no matrix.

    References
    ----------
    Spearman (1904); Belsley, Kuh and Welsch, *Regression Diagnostics* (1980); Benjamini and
    Hochberg (1995).
    """
    x, refusal = _complete(series)
    if refusal is not None:
        return refusal
    n, k = x.shape
    pearson = np.asarray(np.corrcoef(x.T), dtype=np.float64)
    spearman = np.asarray(np.corrcoef(rankdata(x, axis=0).T), dtype=np.float64)
    # eigvalsh alone would let rounding pass for information.
    if np.linalg.matrix_rank(x - x.mean(axis=0)) < k:
        return Refusal(SINGULAR_COVARIANCE, "a KPI follows exactly from the others")
    inverse = np.linalg.inv(pearson)
    scale = np.sqrt(np.diag(inverse))
    partial = -inverse / np.outer(scale, scale)
    np.fill_diagonal(partial, 1.0)
    tree = linkage(squareform(_distance(spearman, absolute=absolute), checks=False), "average")
    p_pearson, p_spearman = _p_values(pearson, n - 2), _p_values(spearman, n - 2)
    p_partial = _p_values(partial, n - k)
    return Relations(
        n=n,
        pearson=pearson,
        spearman=spearman,
        p_pearson=p_pearson,
        p_spearman=p_spearman,
        adjusted_pearson=_adjusted(p_pearson),
        adjusted_spearman=_adjusted(p_spearman),
        partial=partial,
        p_partial=p_partial,
        adjusted_partial=_adjusted(p_partial),
        eigenvalues=np.asarray(np.linalg.eigvalsh(pearson)[::-1], dtype=np.float64),
        inflation=np.diag(inverse).copy(),
        heights=tree[:, 2],
        absolute=absolute,
        merges=_merges(tree, k),
    )


def inflation(series: ArrayLike) -> Floats | Refusal:
    """Return the variance inflation of each KPI by all others, as `relate` does.

    By a regression each, so that two KPIs which follow from each other leave the figures of the
    others as they are.

    Parameters
    ----------
    series : array_like, shape (n, k)
        Periods by KPIs; a period with a NaN is left out.

    Returns
    -------
    ndarray, shape (k,), or Refusal
        Infinite where a KPI follows exactly from others. Refused as `relate`, but for that.
    """
    x, refusal = _complete(series)
    if refusal is not None:
        return refusal
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    left = np.empty(z.shape[1])
    for at, one in enumerate(z.T):
        others = np.delete(z, at, axis=1)
        error = one - others @ np.linalg.lstsq(others, one, rcond=None)[0]
        left[at] = float(error @ error) / len(z)
    return np.where(left > EXACT, 1 / np.maximum(left, EXACT), np.inf)


def clusters(found: Relations, *, count: int | None = None, height: float | None = None) -> Ints:
    """Return the cluster of each KPI, numbered by first appearance.

    Parameters
    ----------
    found : Relations
    count : int, optional
        How many clusters; or
    height : float, optional
        Where the tree is cut.

    Returns
    -------
    ndarray of int, shape (k,)

    Raises
    ------
    ValueError
        Unless exactly one of count and height is given.
    """
    if (count is None) == (height is None):
        raise ValueError("either the count of clusters or the height of the cut")
    far = squareform(_distance(found.spearman, absolute=found.absolute), checks=False)
    tree = linkage(far, "average")
    criterion, at = ("maxclust", count) if height is None else ("distance", height)
    labels = fcluster(tree, at, criterion)
    order: dict[int, int] = {}
    return np.array([order.setdefault(int(label), len(order) + 1) for label in labels])


def cross_correlation(x: ArrayLike, y: ArrayLike, max_lag: int) -> tuple[Ints, Floats] | Refusal:
    """Return r(x[t + k], y[t]) at lags from -max_lag to max_lag.

    Covariances are divided by n at every lag, as R's `ccf` does: the further the lag, the more they
    are drawn to nil.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Equally spaced, oldest first.
    max_lag : int

    Returns
    -------
    (lags, correlations) or Refusal
        Refused: missing or infinite values, no more values than lags, a constant series.

    Raises
    ------
    ValueError
        If lengths differ.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"series of {a.shape} and {b.shape} differ in length")
    for one in (a, b):
        refusal = _whole(one, max_lag + 2)
        if refusal is not None:
            return refusal
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    lags = np.arange(-max_lag, max_lag + 1)
    n = a.size
    products = [a[max(k, 0) : n + min(k, 0)] @ b[max(-k, 0) : n - max(k, 0)] for k in lags.tolist()]
    return lags, np.array(products) / scale


def redundant(
    series: ArrayLike, *, at_least: float = 0.9, detrend: Detrend = "difference"
) -> list[Redundancy] | Refusal:
    """Return pairs of KPIs that say the same: the interval's near end is beyond ``at_least``.

    Parameters
    ----------
    series : array_like, shape (n, k)
        Equally spaced periods by KPIs, oldest first.
    at_least : float
        Absolute correlation.
    detrend : {"difference", "linear", "none"}

    Returns
    -------
    list of Redundancy or Refusal
        Strongest first. Refused as in `relate`, and where a series has a gap.
    """
    x = np.asarray(series, dtype=np.float64)
    if x.ndim == 2 and np.isnan(x).any():  # noqa: PLR2004 - periods by KPIs
        return Refusal(GAP_IN_SERIES, "a KPI has no value in some period")
    changes, refusal = _complete(detrended(x, detrend))
    if refusal is not None:
        return refusal
    n, k = changes.shape
    half = norm.ppf(0.975) / np.sqrt(n - 3)
    pairs = []
    for first in range(k):
        for second in range(first + 1, k):
            r = float(np.corrcoef(changes[:, first], changes[:, second])[0, 1])
            z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
            pair = Redundancy(first, second, r, float(np.tanh(z - half)), float(np.tanh(z + half)))
            if pair.low >= at_least or pair.high <= -at_least:
                pairs.append(pair)
    return sorted(pairs, key=lambda pair: -abs(pair.correlation))


def lead_lag(
    x: ArrayLike,
    y: ArrayLike,
    *,
    max_lag: int,
    detrend: Detrend = "linear",
    most_order: int = 6,
    permutations: int = 999,
    seed: int = 0,
) -> LeadLag | Refusal:
    """Return at which lag two KPIs are related once the memory of the first is gone.

    An autoregression of x (order by BIC) filters both series, so that x is noise; then permuting it
    is a fair null, whatever the memory of y. The largest absolute correlation over all lags is
    compared with the largest of each permutation: searching many lags is paid for.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Equally spaced, oldest first.
    max_lag : int
    detrend : {"difference", "linear", "none"}
    most_order : int
        Of the autoregression.
    permutations, seed : int

    Returns
    -------
    LeadLag or Refusal
        Refused: missing or infinite values, constant series, fewer than `FEWEST_PERIODS` beside
        lags and order.

    Raises
    ------
    ValueError
        If lengths differ.

    References
    ----------
    Box and Jenkins, *Time Series Analysis* (prewhitening); Haugh, *Journal of the American
    Statistical Association* 71 (1976) 378-385.
    """
    both = [np.asarray(one, dtype=np.float64) for one in (x, y)]
    if both[0].shape != both[1].shape:
        raise ValueError(f"series of {both[0].shape} and {both[1].shape} differ in length")
    for one in both:
        refusal = _whole(one, FEWEST_PERIODS + max_lag + most_order)
        if refusal is not None:
            return refusal
    plain = detrended(np.column_stack(both), detrend)
    if np.any(plain.std(axis=0) <= 1e-12 * np.abs(both).max()):
        return Refusal(NO_VARIATION, "a series is its own trend")
    phi = _autoregression(plain[:, 0], most_order)
    filtered = [_filtered(one, phi) for one in plain.T]
    found = cross_correlation(filtered[0], filtered[1], max_lag)
    if isinstance(found, Refusal):
        return found
    lags, correlations = found
    largest = np.abs(correlations).max()
    x0, y0 = (one - one.mean() for one in filtered)
    # All permutations and lags in one product: column k holds y moved by k.
    moved = np.column_stack([_moved(y0, int(k)) for k in lags]) / np.sqrt((x0 @ x0) * (y0 @ y0))
    drawn = np.random.default_rng(seed).permuted(np.tile(x0, (permutations, 1)), axis=1)
    by_chance = np.abs(drawn @ moved).max(axis=1)
    as_large = int(np.count_nonzero(by_chance >= largest))
    return LeadLag(
        lags=lags,
        correlations=correlations,
        order=phi.size,
        strongest=int(lags[np.abs(correlations).argmax()]),
        p_value=(as_large + 1) / (permutations + 1),
    )


def detrended(series: ArrayLike, detrend: Detrend) -> Floats:
    """Return series without their trend.

    Parameters
    ----------
    series : array_like, shape (n, k)
        Equally spaced, oldest first, without gaps.
    detrend : {"difference", "linear", "none"}

    Returns
    -------
    ndarray, shape (n, k), or (n - 1, k) of differences
    """
    x = np.asarray(series, dtype=np.float64)
    if detrend == "difference":
        return np.diff(x, axis=0)
    if detrend == "none":
        return x
    time = np.arange(len(x)) - (len(x) - 1) / 2
    centred = x - x.mean(axis=0)
    return np.asarray(centred - np.outer(time, time @ centred) / (time @ time))


def _moved(y: Floats, k: int) -> Floats:
    """Return y with y[t] at t + k, and nil where none is: x @ this is the sum of x[t + k] y[t]."""
    there = np.zeros_like(y)
    there[max(k, 0) : y.size + min(k, 0)] = y[max(-k, 0) : y.size - max(k, 0)]
    return there


def _complete(series: ArrayLike) -> tuple[Floats, Refusal | None]:
    x = np.asarray(series, dtype=np.float64)
    if x.ndim != 2:  # noqa: PLR2004 - periods by KPIs
        raise ValueError(f"periods by KPIs expected, not an array of shape {x.shape}")
    k = x.shape[1]
    if k == 1:
        return x, Refusal(TOO_FEW_READINGS, "one KPI has no relations")
    for at, column in enumerate(x.T, start=1):
        refusal = refuse_values(column, least=k + 3)
        if refusal is not None:
            return x, Refusal(refusal.reason, f"KPI {at}: {refusal.detail}")
    x = x[np.isfinite(x).all(axis=1)]
    if x.shape[0] < k + 3:
        return x, Refusal(TOO_FEW_READINGS, f"{x.shape[0]} complete periods for {k} KPIs")
    same = np.flatnonzero((x == x[0]).all(axis=0))
    if same.size:
        return x, Refusal(NO_VARIATION, f"KPI {same[0] + 1} does not vary")
    return x, None


def _whole(series: Floats, least: int) -> Refusal | None:
    if np.isnan(series).any():
        return Refusal(GAP_IN_SERIES, "a period has no value")
    refusal = refuse_values(series, least=least)
    if refusal is None and np.all(series == series[0]):
        return Refusal(NO_VARIATION, "the series does not vary")
    return refusal


def _distance(correlation: Floats, *, absolute: bool) -> Floats:
    far = 1 - (np.abs(correlation) if absolute else correlation)
    np.fill_diagonal(far, 0.0)
    return np.asarray((far + far.T) / 2)


def _p_values(correlation: Floats, freedom: int) -> Floats:
    r = np.clip(correlation, -1, 1)
    np.fill_diagonal(r, 0)
    with np.errstate(divide="ignore"):
        p = 2 * student.sf(np.abs(r) * np.sqrt(freedom / (1 - r**2)), freedom)
    np.fill_diagonal(p, np.nan)
    return np.asarray(p)


def _adjusted(p: Floats) -> Floats:
    upper = np.triu_indices_from(p, 1)
    adjusted = np.full_like(p, np.nan)
    found = adjust_p_values(p[upper], "BH")
    assert not isinstance(found, Refusal)  # at least one pair, all within [0, 1]
    adjusted[upper] = found
    adjusted.T[upper] = found
    return adjusted


def _merges(tree: Floats, k: int) -> Ints:
    """Return joins as R numbers them: KPIs before clusters, the lower number first."""
    named = np.where(tree[:, :2] < k, -tree[:, :2] - 1, tree[:, :2] - k + 1).astype(int)
    return np.array([sorted(pair, key=lambda one: (one > 0, abs(one))) for pair in named.tolist()])


def _autoregression(x: Floats, most: int) -> Floats:
    """Coefficients of the order with the least BIC, all fitted to the same periods."""
    best, chosen = np.inf, np.asarray([], dtype=np.float64)
    target = x[most:]
    for order in range(most + 1):
        past = np.column_stack(
            [np.ones(target.size), *(x[most - k : -k] for k in range(1, order + 1))]
        )
        coefficients = np.asarray(np.linalg.lstsq(past, target, rcond=None)[0], dtype=np.float64)
        error = float(((target - past @ coefficients) ** 2).mean())
        bic = target.size * np.log(error) + order * np.log(target.size)
        if bic < best:
            best, chosen = bic, coefficients[1:]
    return chosen


def _filtered(x: Floats, phi: Floats) -> Floats:
    kept = x[phi.size :].copy()
    for lag, weight in enumerate(phi, start=1):
        kept -= weight * x[phi.size - lag : x.size - lag]
    return np.asarray(kept)
