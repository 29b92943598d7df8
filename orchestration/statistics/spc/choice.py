"""Whether the chart that a series was given fits what its data are."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from orchestration.statistics.spc.constants import BASELINE_READINGS, MIN_EXPECTED_COUNT
from orchestration.statistics.spc.flat import Bools, FlatSeries, Floats, Ints

FITS: Final = "fits"
TOO_FEW_READINGS: Final = "too_few_readings"
RARE_EVENTS: Final = "rare_events"
OVERDISPERSED: Final = "overdispersed"
UNDERDISPERSED: Final = "underdispersed"
AUTOCORRELATED: Final = "autocorrelated"
MOSTLY_ZERO: Final = "mostly_zero"
REASONS: Final = (
    FITS,
    TOO_FEW_READINGS,
    RARE_EVENTS,
    OVERDISPERSED,
    UNDERDISPERSED,
    AUTOCORRELATED,
    MOSTLY_ZERO,
)

WITH_RESIDUALS: Final = "i_mr_with_residuals"
"""Advice: the plain chart, and that of what an AR(1) does not foresee beside it."""
PLAIN: Final = ("p", "u")
LANEY: Final = ("laney_p", "laney_u")
PROPORTIONS: Final = ("p", "laney_p")
NORMAL_95: Final = 1.96
MOST_ZEROS: Final = 0.5
"""Above this share of zeros the median is 0, and an I-MR chart describes the rest of the series."""


@dataclass(frozen=True)
class ChartChoice:
    """What the data of each series say about its chart, shape (n_series,) each.

    Attributes
    ----------
    n : ndarray of int
        Readings looked at.
    zero_share : ndarray
        Share of them that are exactly 0.
    expected_count : ndarray
        Events per reading; of a proportion the rarer of events and non-events. NaN on I-MR charts.
    dispersion, dispersion_low, dispersion_high : ndarray
        Variance between readings over the binomial or Poisson one, and its 95 % interval. 1 means
        that a plain p or u chart is right. NaN on I-MR charts.
    autocorrelation : ndarray
        Of neighbouring readings, of distances from the centre in sigma on charts of counts.
    advised : ndarray of str
        The chart to draw: the declared one where it fits.
    reason : ndarray of str
        One of `REASONS`.
    """

    n: Ints
    zero_share: Floats
    expected_count: Floats
    dispersion: Floats
    dispersion_low: Floats
    dispersion_high: Floats
    autocorrelation: Floats
    advised: NDArray[np.object_]
    reason: NDArray[np.object_]


def check_choice(
    declared: ArrayLike,
    values: ArrayLike,
    counts: ArrayLike,
    sizes: ArrayLike,
    *,
    series_start: ArrayLike,
) -> ChartChoice:
    """Return what the data say about the chart of each series.

    Parameters
    ----------
    declared : array_like of str, shape (n_series,)
        ``i_mr``, ``p``, ``laney_p``, ``u`` or ``laney_u``.
    values : array_like, shape (n,)
        Readings, oldest first within a series; NaN marks one that is missing.
    counts, sizes : array_like, shape (n,)
        Events, and trials or exposure; not read on I-MR charts.
    series_start : array_like of int, shape (n_series,)
        Position of each series' first point.

    Returns
    -------
    ChartChoice
        First that holds: fewer than 24 readings (no advice); fewer than one event a reading (a g or
        t chart, of what lies between events); dispersion whose interval leaves out 1 (the Laney
        chart; below 1 the readings are no independent trials, which is the finding); more than
        half zeros (a g or t chart); neighbours correlated beyond chance (I-MR, with the chart of
        residuals beside it: limits from moving ranges are too narrow). A Laney chart of a series
        with dispersion 1 is the plain one, and fits.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    Laney 2002 for the charts; McCullagh and Nelder, *Generalized Linear Models* (1989), 4.5.2, for
    the dispersion as mean squared Pearson residual, whose interval is that of a variance.
    """
    kind = np.asarray(declared, dtype=object)
    points, events, size = (np.asarray(one, dtype=np.float64) for one in (values, counts, sizes))
    if not points.shape == events.shape == size.shape:
        raise ValueError(
            f"values {points.shape}, counts {events.shape} and sizes {size.shape} differ in shape"
        )
    series = FlatSeries.from_start(series_start, points.size)
    if kind.shape != series.start.shape:
        raise ValueError(f"{kind.size} charts are declared for {series.start.size} series")
    is_count = np.isin(kind, PLAIN + LANEY)
    is_proportion = np.isin(kind, PROPORTIONS)
    there = np.isfinite(points)
    there &= ~is_count[series.of_point] | (np.isfinite(events) & (size > 0))
    n = series.total(there)
    with np.errstate(divide="ignore", invalid="ignore"):
        zero_share = series.total(there & (points == 0)) / n
        centred, expected = _residuals(
            there, points, events, size, series, is_count=is_count, is_proportion=is_proportion
        )
        dispersion = np.where(is_count, series.total(centred**2) / (n - 1), np.nan)
        low = dispersion * (n - 1) / chi2.ppf(0.975, n - 1)
        high = dispersion * (n - 1) / chi2.ppf(0.025, n - 1)
        autocorrelation = _lag_one(centred, series)
        is_correlated = autocorrelation > NORMAL_95 / np.sqrt(n)
    reason = np.select(
        [
            n < BASELINE_READINGS,
            is_count & (expected < MIN_EXPECTED_COUNT),
            low > 1,
            high < 1,
            ~is_count & (zero_share > MOST_ZEROS),
            is_correlated,
        ],
        [TOO_FEW_READINGS, RARE_EVENTS, OVERDISPERSED, UNDERDISPERSED, MOSTLY_ZERO, AUTOCORRELATED],
        default=FITS,
    ).astype(object)
    laney = np.where(is_proportion, "laney_p", "laney_u")
    advised = np.select(
        [
            np.isin(reason, [RARE_EVENTS, MOSTLY_ZERO]),
            np.isin(reason, [OVERDISPERSED, UNDERDISPERSED]),
            (reason == AUTOCORRELATED) & ~is_count,
        ],
        ["g_or_t", laney, WITH_RESIDUALS],
        default=kind.astype(str),
    ).astype(object)
    return ChartChoice(
        n=n.astype(np.int64),
        zero_share=zero_share,
        expected_count=expected,
        dispersion=dispersion,
        dispersion_low=low,
        dispersion_high=high,
        autocorrelation=autocorrelation,
        advised=advised,
        reason=reason,
    )


def _residuals(
    there: Bools,
    points: Floats,
    events: Floats,
    size: Floats,
    series: FlatSeries,
    *,
    is_count: Bools,
    is_proportion: Bools,
) -> tuple[Floats, Floats]:
    """Distances from the centre (of counts in binomial or Poisson sigma), and events expected."""
    kept_events = np.where(there, events, 0.0)
    kept_size = np.where(there, size, 0.0)
    total, n = series.total(kept_size), series.total(there)
    rate = series.total(kept_events) / total
    rarer = np.where(is_proportion, np.minimum(rate, 1 - rate), rate)
    expected = np.where(is_count, rarer * total / n, np.nan)
    centre = np.where(is_count, rate, series.total(np.where(there, points, 0.0)) / n)
    variance = np.where(is_proportion, rate * (1 - rate), rate)
    of_point = centre[series.of_point]
    residual = np.where(
        is_count[series.of_point],
        (events / size - of_point) / np.sqrt(variance[series.of_point] / size),
        points - of_point,
    )
    return np.where(there, residual, np.nan), expected


def _lag_one(centred: Floats, series: FlatSeries) -> Floats:
    """Autocorrelation of neighbours, over pairs of which both are there."""
    product = np.zeros(centred.size)
    follows = series.of_point[1:] == series.of_point[:-1]
    product[1:] = np.where(follows, centred[1:] * centred[:-1], 0.0)
    return np.asarray(series.total(product) / series.total(centred**2), dtype=np.float64)
