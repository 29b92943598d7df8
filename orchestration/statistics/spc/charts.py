"""Control limits of I-MR, p, u, Laney p' and Laney u' charts, for many series at once.

Limits come from the baseline points of a series and hold for all its points. Which points are the
baseline, and whether a series should be charted at all, is the caller's decision.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.spc.constants import D2_TABLE, D4_TABLE, LIMIT_SIGMAS
from orchestration.statistics.spc.flat import Bools, FlatSeries, Floats


@dataclass(frozen=True)
class ChartLimits:
    """Lines of every point, shape (n_points,) each; NaN where the baseline does not give them.

    Attributes
    ----------
    centre, sigma : ndarray
        Centre line and the standard deviation of one plotted point.
    lower, upper : ndarray
        ``centre -+ 3 sigma``, cut at what the plotted figure can be: 0 for p and u, 1 for p.
        A lower limit that was cut to 0 is none, since nothing can lie below it.
    sigma_z : ndarray
        Laney: spread between readings in units of the binomial or Poisson one. 1 means that
        the plain chart is right; NaN on other charts.
    """

    centre: Floats
    sigma: Floats
    lower: Floats
    upper: Floats
    sigma_z: Floats


def individuals_limits(
    values: ArrayLike,
    *,
    series_start: ArrayLike = (0,),
    baseline: ArrayLike | None = None,
    d2: float = D2_TABLE,
    screen_moving_ranges: bool = False,
) -> ChartLimits:
    """Return three-sigma limits of processes seen one value at a time.

    Sigma comes from the moving range and not from the standard deviation: a shift inside the
    baseline would inflate the standard deviation and so hide itself.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings, oldest first within a series. NaN marks a period without a reading; no moving
        range is taken across it.
    series_start : array_like of int, shape (n_series,)
        Position of each series' first point.
    baseline : array_like of bool, shape (n,), optional
        Points that set the limits; by default all. A point outside is left out before
        differencing, so that its neighbours meet.
    d2 : float
        Expected range of two standard normal values; `constants.D2_TABLE` or ``D2_EXACT``.
    screen_moving_ranges : bool
        Leave out once the moving ranges of 3.267 times their mean and more.

    Returns
    -------
    ChartLimits
        ``mean(values) -+ 3 * mean_moving_range / d2`` in the unit of ``values``, not cut: the
        natural range of the KPI is the caller's knowledge.

    Raises
    ------
    ValueError
        If shapes differ or ``series_start`` names a series without points.

    References
    ----------
    Montgomery, *Introduction to Statistical Quality Control*, "Individual measurements".

    Examples
    --------
    >>> limits = individuals_limits([10, 12, 11, 13, 10, 12, 11, 13])
    >>> round(limits.lower[0], 2), limits.centre[0], round(limits.upper[0], 2)
    (np.float64(6.56), np.float64(11.5), np.float64(16.44))
    """
    points = np.asarray(values, dtype=np.float64)
    series = FlatSeries.from_start(series_start, points.size)
    chosen = _baseline(baseline, points)
    counted = chosen & np.isfinite(points)
    centre = _ratio(series.total(_only(points, counted)), series.total(counted))
    sigma = _mean_moving_range(points, chosen, series, screen=screen_moving_ranges) / d2
    centre_of_point = series.spread(centre)
    sigma_of_point = series.spread(sigma)
    return ChartLimits(
        centre=centre_of_point,
        sigma=sigma_of_point,
        lower=centre_of_point - LIMIT_SIGMAS * sigma_of_point,
        upper=centre_of_point + LIMIT_SIGMAS * sigma_of_point,
        sigma_z=np.full(points.size, np.nan),
    )


def p_limits(
    counts: ArrayLike,
    trials: ArrayLike,
    *,
    series_start: ArrayLike = (0,),
    baseline: ArrayLike | None = None,
) -> ChartLimits:
    """Return limits of a proportion: ``p -+ 3 sqrt(p (1 - p) / n)``, cut to [0, 1].

    Parameters
    ----------
    counts, trials : array_like, shape (n,)
        Events and trials of each reading; NaN marks a period without a reading. The centre is
        the baseline's sum of events over its sum of trials, never a mean of proportions.
    series_start, baseline
        As in `individuals_limits`.

    Raises
    ------
    ValueError
        If shapes differ or ``series_start`` names a series without points.

    References
    ----------
    NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.3.2.
    """
    return _attribute_limits(
        counts, trials, series_start=series_start, baseline=baseline, binomial=True, laney=False
    )


def u_limits(
    counts: ArrayLike,
    exposure: ArrayLike,
    *,
    series_start: ArrayLike = (0,),
    baseline: ArrayLike | None = None,
) -> ChartLimits:
    """Return limits of a count per exposure: ``u -+ 3 sqrt(u / exposure)``, cut at 0.

    Parameters
    ----------
    counts, exposure : array_like, shape (n,)
        Events and exposure (hours, units) of each reading; NaN marks a period without one.
    series_start, baseline
        As in `individuals_limits`.

    Raises
    ------
    ValueError
        If shapes differ or ``series_start`` names a series without points.

    References
    ----------
    NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.3.1.
    """
    return _attribute_limits(
        counts, exposure, series_start=series_start, baseline=baseline, binomial=False, laney=False
    )


def laney_p_limits(
    counts: ArrayLike,
    trials: ArrayLike,
    *,
    series_start: ArrayLike = (0,),
    baseline: ArrayLike | None = None,
    d2: float = D2_TABLE,
    screen_moving_ranges: bool = False,
) -> ChartLimits:
    """Return limits of a proportion whose true value itself moves from reading to reading.

    With thousands of trials the binomial sigma is so small that a plain p chart flags nearly
    every reading. Here it is multiplied by the spread that the readings show.

    Parameters
    ----------
    counts, trials, series_start, baseline
        As in `p_limits`.
    d2, screen_moving_ranges
        As in `individuals_limits`, on the standardised readings.

    Returns
    -------
    ChartLimits
        ``sigma`` is the binomial one times ``sigma_z``.

    Raises
    ------
    ValueError
        If shapes differ or ``series_start`` names a series without points.

    References
    ----------
    Laney, "Improved control charts for attributes", *Quality Engineering* 14 (2002) 531-537.
    """
    return _attribute_limits(
        counts,
        trials,
        series_start=series_start,
        baseline=baseline,
        binomial=True,
        laney=True,
        d2=d2,
        screen_moving_ranges=screen_moving_ranges,
    )


def laney_u_limits(
    counts: ArrayLike,
    exposure: ArrayLike,
    *,
    series_start: ArrayLike = (0,),
    baseline: ArrayLike | None = None,
    d2: float = D2_TABLE,
    screen_moving_ranges: bool = False,
) -> ChartLimits:
    """Return limits of a count per exposure whose true rate itself moves.

    Parameters
    ----------
    counts, exposure, series_start, baseline
        As in `u_limits`.
    d2, screen_moving_ranges
        As in `individuals_limits`, on the standardised readings.

    Returns
    -------
    ChartLimits
        ``sigma`` is the Poisson one times ``sigma_z``.

    Raises
    ------
    ValueError
        If shapes differ or ``series_start`` names a series without points.

    References
    ----------
    Laney, "Improved control charts for attributes", *Quality Engineering* 14 (2002) 531-537.
    """
    return _attribute_limits(
        counts,
        exposure,
        series_start=series_start,
        baseline=baseline,
        binomial=False,
        laney=True,
        d2=d2,
        screen_moving_ranges=screen_moving_ranges,
    )


def _attribute_limits(
    counts: ArrayLike,
    size: ArrayLike,
    *,
    series_start: ArrayLike,
    baseline: ArrayLike | None,
    binomial: bool,
    laney: bool,
    d2: float = D2_TABLE,
    screen_moving_ranges: bool = False,
) -> ChartLimits:
    events = np.asarray(counts, dtype=np.float64)
    sizes = np.asarray(size, dtype=np.float64)
    if events.shape != sizes.shape:
        raise ValueError(f"counts {events.shape} and their sizes {sizes.shape} differ in shape")
    series = FlatSeries.from_start(series_start, events.size)
    chosen = _baseline(baseline, events)
    counted = chosen & np.isfinite(events) & np.isfinite(sizes)
    rate = _ratio(series.total(_only(events, counted)), series.total(_only(sizes, counted)))
    centre = series.spread(rate)
    variance = centre * (1.0 - centre) if binomial else centre
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.sqrt(variance / sizes)
    sigma_z = np.full(events.size, np.nan)
    if laney:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (events / sizes - centre) / sigma
        spread = _mean_moving_range(z, chosen, series, screen=screen_moving_ranges) / d2
        sigma_z = series.spread(spread)
        sigma = sigma * sigma_z
    upper = centre + LIMIT_SIGMAS * sigma
    return ChartLimits(
        centre=centre,
        sigma=sigma,
        lower=np.maximum(centre - LIMIT_SIGMAS * sigma, 0.0),
        upper=np.minimum(upper, 1.0) if binomial else upper,
        sigma_z=sigma_z,
    )


def _mean_moving_range(
    values: Floats, chosen: Bools, series: FlatSeries, *, screen: bool
) -> Floats:
    at = np.flatnonzero(chosen)
    owner, kept = series.of_point, values
    if at.size < values.size:
        owner, kept = owner[at], kept[at]
    moving_range = np.zeros(values.size)
    is_usable = np.zeros(values.size, dtype=np.bool_)
    difference = np.abs(kept[1:] - kept[:-1])
    meets = (owner[1:] == owner[:-1]) & np.isfinite(difference)

    def mean() -> Floats:
        moving_range[at[1:]] = np.where(meets, difference, 0.0)
        is_usable[at[1:]] = meets
        return _ratio(series.total(moving_range), series.total(is_usable))

    if screen:
        # Of a series that stands still all stay: no range is far from the others.
        meets &= (difference < D4_TABLE * mean()[owner[1:]]) | (difference == 0)
    return mean()


def _baseline(baseline: ArrayLike | None, values: Floats) -> Bools:
    if values.ndim != 1:
        raise ValueError(f"one reading per point expected, not an array of shape {values.shape}")
    if baseline is None:
        return np.ones(values.size, dtype=np.bool_)
    chosen = np.asarray(baseline, dtype=np.bool_)
    if chosen.shape != values.shape:
        raise ValueError(f"baseline {chosen.shape} and readings {values.shape} differ in shape")
    return chosen


def _only(values: Floats, counted: Bools) -> Floats:
    return values if counted.all() else np.where(counted, values, 0.0)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide, with NaN where there is nothing to divide by."""
    out = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
