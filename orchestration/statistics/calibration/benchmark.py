"""Where a unit stands among others of whom only some percentiles are published."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats

LEAST_READINGS: Final = 6


@dataclass(frozen=True)
class Standing:
    """A rank among others.

    Attributes
    ----------
    value : float
        Mean of the readings.
    share, low, high : float
        Share of the others below it, with an interval: of the unit's own mean and of the sample
        that the percentiles come from, together.
    n : int
        Readings.
    """

    value: float
    share: float
    low: float
    high: float
    n: int


def standing_among(
    readings: ArrayLike,
    shares: ArrayLike,
    levels: ArrayLike,
    *,
    n_units: float,
    confidence: float = 0.95,
) -> Standing | Refusal:
    """Return the rank of a unit's mean in a distribution known by some of its quantiles.

    Parameters
    ----------
    readings : array_like, shape (n,)
        Of one unit, on the scale of the quantiles; NaN is left out.
    shares, levels : array_like, shape (k,)
        Two or more quantiles: shares in (0, 1) and their levels, both rising.
    n_units : float
        Units that the quantiles come from; fewer where they are only partly comparable.
    confidence : float

    Returns
    -------
    Standing or Refusal
        Refused: fewer than 6 readings, infinite ones or all equal, quantiles that do not rise or
        are missing, no units.

    Raises
    ------
    ValueError
        If shares and levels differ in shape.

    Notes
    -----
    Ranks are read on the scale of normal scores, straight between two quantiles and on beyond the
    outer ones: exact for a normal distribution. There the two errors are added in quadrature: half
    the width of the t interval of the mean, and the normal one of a sample quantile,
    ``sqrt(p (1 - p) / n) / phi(z)``. Readings are taken as independent. David and Nagaraja, *Order
    Statistics* (2003), 10.2.
    """
    values = np.asarray(readings, dtype=np.float64)
    values = values[~np.isnan(values)]
    if values.size < LEAST_READINGS:
        return Refusal(
            TOO_FEW_READINGS, f"{values.size} readings, at least {LEAST_READINGS} are needed"
        )
    refusal = refuse_values(values)
    if refusal is None and np.all(values == values[0]):
        refusal = Refusal(NO_VARIATION, "all readings are equal: how well the mean is known is not")
    if refusal is not None:
        return refusal
    scores, at = _quantiles(shares, levels)
    if scores.shape != at.shape:
        raise ValueError(f"shares {scores.shape} and levels {at.shape} differ in shape")
    # Differences that are missing do not rise either.
    if at.size < 2 or not (np.all(np.diff(at) > 0) and np.all(np.diff(scores) > 0)):  # noqa: PLR2004
        return Refusal(IMPOSSIBLE_VALUE, "the quantiles do not rise")
    if not n_units > 0:
        return Refusal(IMPOSSIBLE_VALUE, f"{n_units} units have no quantiles")
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / np.sqrt(values.size)
    reach = float(student.ppf((1 + confidence) / 2, values.size - 1)) * error
    below, z, above = _line(np.array([mean - reach, mean, mean + reach]), at, scores).tolist()
    share = float(norm.cdf(z))
    # So far out that the sample says nothing.
    density = float(norm.pdf(z))
    of_sample = np.sqrt(share * (1 - share) / n_units) / density if density > 0 else np.inf
    half = np.hypot((above - below) / 2, float(norm.ppf((1 + confidence) / 2)) * of_sample)
    return Standing(
        value=mean,
        share=share,
        low=float(norm.cdf(z - half)),
        high=float(norm.cdf(z + half)),
        n=int(values.size),
    )


def level_of_share(share: float, shares: ArrayLike, levels: ArrayLike) -> float:
    """Return the level that has a share of the units below it, read as in `standing_among`."""
    scores, at = _quantiles(shares, levels)
    return float(_line(np.array([norm.ppf(share)]), scores, at)[0])


def _quantiles(shares: ArrayLike, levels: ArrayLike) -> tuple[Floats, Floats]:
    return (
        np.asarray(norm.ppf(np.asarray(shares, dtype=np.float64)), dtype=np.float64),
        np.asarray(levels, dtype=np.float64),
    )


def _line(x: Floats, at: Floats, heights: Floats) -> Floats:
    """Return straight interpolation, carried on beyond the first and the last point."""
    piece = np.clip(np.searchsorted(at, x) - 1, 0, at.size - 2)
    slope = (heights[piece + 1] - heights[piece]) / (at[piece + 1] - at[piece])
    found: Floats = heights[piece] + slope * (x - at[piece])
    return found
