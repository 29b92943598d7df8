"""How much of what units of one place changed by is shared by them all, and how much is chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import NO_VARIATION, TOO_FEW_READINGS, Refusal
from orchestration.statistics.spc.flat import Floats


@dataclass(frozen=True)
class Shared:
    """Weighted sums of changes, with the part of each that its units share.

    Attributes
    ----------
    whole : ndarray, shape (n,)
        Weighted sum of the changes of the units.
    shared, sd : ndarray, shape (n,)
        What they share, drawn towards 0 as far as units change by chance, and its prediction error,
        which allows for that of `between`. NaN where there is no unit.
    own_share : ndarray, shape (n,)
        ``between / (between + within / effective number of units)``.
    within, between : float
        Variance of a unit's change about that of its place, and of places' changes about 0.
    """

    whole: Floats
    shared: Floats
    sd: Floats
    own_share: Floats
    within: float
    between: float


def shared_change(changes: ArrayLike, weights: ArrayLike) -> Shared | Refusal:
    """Return what the units of each place and period share in their changes.

    Parameters
    ----------
    changes : array_like, shape (n, k)
        Of k units in n places and periods; NaN where there is no such unit.
    weights : array_like, shape (n, k)
        Of each unit in the whole, from 0; they need not sum to one.

    Returns
    -------
    Shared or Refusal
        Refused: no place with two units of weight, changes without variation within places.

    Raises
    ------
    ValueError
        If the matrices differ in shape or a weight is negative.

    Notes
    -----
    One-way random effects: a unit's change is its place's plus its own, of equal variance for all
    units. `within` is the weighted sum of squares about the places' means over its expectation;
    `between` is what the squared means exceed their own error by, not below 0 (moments, as
    DerSimonian and Laird, *Controlled Clinical Trials* 7 (1986) 177-188, with known mean 0).
    Places whose sizes or noise differ much are drawn in too little or too far.

    Examples
    --------
    >>> found = shared_change([[1.0, 1.2], [-1.0, -0.8]], [[0.5, 0.5], [0.5, 0.5]])
    >>> found.shared.round(2).tolist(), found.own_share.round(2).tolist()
    ([1.09, -0.89], [0.99, 0.99])
    """
    table, weight = np.asarray(changes, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if table.ndim != 2 or table.shape != weight.shape:  # noqa: PLR2004 - places by units
        raise ValueError(f"changes {table.shape} and weights {weight.shape} differ in shape")
    if np.any(weight < 0):
        raise ValueError("a weight is negative")
    counts = np.isfinite(table) & (weight > 0)
    weight = np.where(counts, weight, 0.0)
    total = weight.sum(axis=1)
    there = total > 0
    share = weight / np.where(there, total, 1.0)[:, None]
    mean = (share * np.where(counts, table, 0.0)).sum(axis=1)
    squared_share = (share**2).sum(axis=1)
    freedom = float((1 - squared_share)[there].sum())
    if freedom <= 1e-9:  # noqa: PLR2004 - rounding of 1 - 1
        return Refusal(TOO_FEW_READINGS, "no place has two units: what they share is unknown")
    about = np.where(counts, table - mean[:, None], 0.0)
    within = float((share * about**2).sum() / freedom)
    if within == 0:
        return Refusal(NO_VARIATION, "all units of a place change alike, to the last digit")
    excess = mean[there] ** 2 - within * squared_share[there]
    between = max(0.0, float(excess.mean()))
    noise = within * np.where(there, squared_share, 1.0)
    own_share = between / (between + noise)
    # A variance of nil is a guess: the error is that of one which is larger by its standard error.
    larger = between + float((between + noise[there]).mean()) * np.sqrt(2 / there.sum())
    none = np.where(there, 1.0, np.nan)
    return Shared(
        whole=total * mean * none,
        shared=total * own_share * mean * none,
        sd=total * np.sqrt(larger * noise / (larger + noise)) * none,
        own_share=own_share * none,
        within=within,
        between=between,
    )
