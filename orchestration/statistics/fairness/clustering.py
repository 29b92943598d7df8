"""Whether outcomes cluster: by place (Moran's I), by function (intraclass correlation)."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from scipy.stats import f as fisher
from scipy.stats import norm

from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats

FEWEST_PLACES: Final = 20
"""With fewer places a permutation test of clustering finds next to nothing."""

EARTH_RADIUS_KM: Final = 6371.0088
"""Mean radius (IUGG)."""

Metric = Literal["euclidean", "great_circle"]


@dataclass(frozen=True)
class Clustering:
    """Moran's I with its moments under no clustering.

    Attributes
    ----------
    i, expected : float
        ``expected`` is -1 / (n - 1): a value above it means that neighbours are alike.
    variance_normality, variance_randomisation : float
        Where the values are normal draws, and where the values seen are dealt out at random.
    z_normality, z_randomisation : float
    p_greater, p_two_sided : float
        By the normal law and the randomisation variance.
    p_permutation : float
        Share of permutations (and the values seen) with an I as large; one-sided.
    permutations : int
    n : int
        Places with a value.
    """

    i: float
    expected: float
    variance_normality: float
    variance_randomisation: float
    z_normality: float
    z_randomisation: float
    p_greater: float
    p_two_sided: float
    p_permutation: float
    permutations: int
    n: int


@dataclass(frozen=True)
class WithinGroups:
    """How alike values of one group are.

    Attributes
    ----------
    icc : float
        Share of the variance that lies between groups; below 0 where groups differ less than
        chance makes them.
    low, high : float
        Exact where groups are of one size, else near it.
    f, p_value : float
        Of groups that do not differ at all; exact for normal values, whatever the sizes.
    n, groups : int
    """

    icc: float
    low: float
    high: float
    f: float
    p_value: float
    n: int
    groups: int


def intraclass(
    values: ArrayLike, group: ArrayLike, *, confidence: float = 0.95
) -> WithinGroups | Refusal:
    """Return the intraclass correlation of groups of any sizes.

    Parameters
    ----------
    values : array_like, shape (n,)
        NaN marks a missing one.
    group : array_like of str, shape (n,)
    confidence : float

    Returns
    -------
    WithinGroups or Refusal
        Refused: infinite or no values, one group, no group with two values, no variation within.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    Donner, "A review of inference procedures for the intraclass correlation coefficient in the
    one-way random effects model", *International Statistical Review* 54 (1986) 67-82; interval with
    the mean group size in place of the common one (Ukoumunne 2002).
    """
    y, label = np.asarray(values, dtype=np.float64), np.asarray(group).astype(str)
    if y.shape != label.shape:
        raise ValueError(f"values {y.shape} and groups {label.shape} differ in shape")
    refusal = refuse_values(y)
    if refusal is not None:
        return refusal
    there = np.isfinite(y)
    names, of_row = np.unique(label[there], return_inverse=True)
    y, size = y[there], np.bincount(of_row).astype(np.float64)
    n, k = y.size, names.size
    if k == 1:
        return Refusal(TOO_FEW_READINGS, "there is one group only")
    if n == k:
        return Refusal(TOO_FEW_READINGS, "no group has two values")
    mean = np.bincount(of_row, y) / size
    between = float(size @ (mean - y.mean()) ** 2) / (k - 1)
    within = float(((y - mean[of_row]) ** 2).sum()) / (n - k)
    if within <= np.finfo(np.float64).eps * float(np.square(y).mean()):
        return Refusal(NO_VARIATION, "values do not vary within groups")
    typical = (n - float(size @ size) / n) / (k - 1)

    def share(ratio: float) -> float:
        return (ratio - 1) / (ratio + typical - 1)

    ratio, tail = between / within, (1 + confidence) / 2
    return WithinGroups(
        icc=share(ratio),
        low=share(ratio / float(fisher.ppf(tail, k - 1, n - k))),
        high=share(ratio / float(fisher.ppf(1 - tail, k - 1, n - k))),
        f=ratio,
        p_value=float(fisher.sf(ratio, k - 1, n - k)),
        n=n,
        groups=k,
    )


def morans_i(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    permutations: int = 999,
    seed: int = 0,
    fewest: int = FEWEST_PLACES,
) -> Clustering | Refusal:
    """Return whether places near each other have values more alike than chance makes them.

    Parameters
    ----------
    values : array_like, shape (n,)
        One per place; NaN takes the place out.
    weights : array_like, shape (n, n)
        Nearness of the column's place to the row's, not negative; the diagonal is ignored.
    permutations, seed : int
    fewest : int
        Places, below which there is no answer.

    Returns
    -------
    Clustering or Refusal
        Refused: fewer than ``fewest`` places, values all equal or infinite, a negative or missing
        weight, no two places near each other.

    Raises
    ------
    ValueError
        If the weights are no square matrix over the values.

    References
    ----------
    Moran, *Biometrika* 37 (1950) 17-23; Cliff and Ord, *Spatial Processes* (1981), for the moments.
    """
    y, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if w.shape != (y.size, y.size):
        raise ValueError(f"weights {w.shape} do not pair {y.size} places")
    refusal = refuse_values(y, least=fewest)
    if refusal is not None:
        return refusal
    there = np.isfinite(y)
    y, w = y[there], w[np.ix_(there, there)] * (1 - np.eye(int(there.sum())))
    if not np.all(w >= 0) or np.any(np.isinf(w)):
        return Refusal(IMPOSSIBLE_VALUE, "a weight is negative, missing or infinite")
    if np.all(y == y[0]):
        return Refusal(NO_VARIATION, "all places have the same value")
    total = float(w.sum())
    if total == 0:
        return Refusal(TOO_FEW_READINGS, "no two places are near each other")
    n, d = y.size, y - y.mean()
    squares = float(d @ d)
    found = n / total * float(d @ w @ d) / squares
    expected = -1 / (n - 1)
    s1 = float(((w + w.T) ** 2).sum()) / 2
    s2 = float(((w.sum(axis=0) + w.sum(axis=1)) ** 2).sum())
    normal = (n**2 * s1 - n * s2 + 3 * total**2) / ((n**2 - 1) * total**2) - expected**2
    kurtosis = n * float((d**4).sum()) / squares**2
    random = (
        n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * total**2)
        - kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * total**2)
    ) / ((n - 1) * (n - 2) * (n - 3) * total**2) - expected**2
    z = (found - expected) / np.sqrt(random)
    rng = np.random.default_rng(seed)
    dealt = rng.permuted(np.tile(d, (permutations, 1)), axis=1)
    by_chance = n / total * np.einsum("pi,pi->p", dealt @ w, dealt) / squares
    # A permutation that repeats the values seen must count, whatever its rounding.
    as_large = int(np.count_nonzero(by_chance >= found - 1e-12 * max(1.0, abs(found))))
    return Clustering(
        i=found,
        expected=expected,
        variance_normality=normal,
        variance_randomisation=random,
        z_normality=(found - expected) / float(np.sqrt(normal)),
        z_randomisation=float(z),
        p_greater=float(norm.sf(z)),
        p_two_sided=float(2 * norm.sf(abs(z))),
        p_permutation=(as_large + 1) / (permutations + 1),
        permutations=permutations,
        n=n,
    )


def distances(places: ArrayLike, metric: Metric = "euclidean") -> Floats:
    """Return the distance of every two places.

    Parameters
    ----------
    places : array_like, shape (n, 2)
        Plane coordinates in one unit; for ``great_circle`` latitude and longitude in degrees.
    metric : {"euclidean", "great_circle"}

    Returns
    -------
    ndarray, shape (n, n)
        In the unit of the coordinates, or km.
    """
    at = np.asarray(places, dtype=np.float64)
    if metric == "euclidean":
        return np.asarray(cdist(at, at))
    latitude, longitude = np.radians(at).T
    half = (
        np.sin(np.subtract.outer(latitude, latitude) / 2) ** 2
        + np.multiply.outer(np.cos(latitude), np.cos(latitude))
        * np.sin(np.subtract.outer(longitude, longitude) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def inverse_distance_weights(between: ArrayLike, *, power: float = 1.0) -> Floats:
    """Return ``1 / distance ** power``; places at the same spot are not neighbours of each other.

    Parameters
    ----------
    between : array_like, shape (n, n)
    power : float

    Returns
    -------
    ndarray, shape (n, n)
    """
    d = np.asarray(between, dtype=np.float64)
    return np.divide(1.0, d**power, out=np.zeros_like(d), where=d > 0)


def band_weights(between: ArrayLike, *, furthest: float, nearest: float = 0.0) -> Floats:
    """Return 1 for places further than ``nearest`` and no further than ``furthest``, else 0.

    Parameters
    ----------
    between : array_like, shape (n, n)
    furthest, nearest : float
        In the unit of the distances.

    Returns
    -------
    ndarray, shape (n, n)
    """
    d = np.asarray(between, dtype=np.float64)
    near = (d <= furthest) & ((d > nearest) | (nearest == 0))
    return np.asarray(near * (1.0 - np.eye(len(d))), dtype=np.float64)


def nearest_neighbour_weights(between: ArrayLike, count: int) -> Floats:
    """Return 1 for the nearest other places of each row; of equal distances the first counts.

    Parameters
    ----------
    between : array_like, shape (n, n)
    count : int
        How many neighbours each place has.

    Returns
    -------
    ndarray, shape (n, n)
        Not symmetric.
    """
    d = np.array(between, dtype=np.float64)
    np.fill_diagonal(d, np.inf)
    order = np.argsort(d, axis=1, kind="stable")[:, :count]
    near = np.zeros_like(d)
    np.put_along_axis(near, order, 1.0, axis=1)
    return near


def row_standardised(weights: ArrayLike) -> Floats:
    """Return weights that sum to 1 in each row; a place without neighbours keeps none.

    Parameters
    ----------
    weights : array_like, shape (n, n)

    Returns
    -------
    ndarray, shape (n, n)
    """
    w = np.asarray(weights, dtype=np.float64)
    total = w.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(w, total, out=np.zeros_like(w), where=total > 0)
    return shares
