"""I-MR charts of one series with phases, exclusions and frozen limits; the I' chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    NO_VARIATION,
    TOO_FEW_READINGS,
    ZERO_DENOMINATOR,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.charts import individuals_limits
from orchestration.statistics.spc.constants import (
    D2_TABLE,
    D4_TABLE,
    LIMIT_SIGMAS,
    MEDIAN_RANGE_TABLE,
)
from orchestration.statistics.spc.flat import Bools, Floats, Ints
from orchestration.statistics.spc.unbiasing import c4

IndividualsSigma = Literal["MR", "SD", "median_MR"]
PRIME_SCREEN: Final = 3.2665
"""Differences of the I' chart of this many times their mean are left out when screening."""


@dataclass(frozen=True)
class IndividualsChart:
    """Lines of every point, shape (n,) each.

    Attributes
    ----------
    centre, sigma, lower, upper : ndarray
        ``centre -+ 3 sigma`` of the point's phase.
    moving_range : ndarray
        Distance from the point before in the same phase; NaN at the first point of a phase, next
        to a gap, and at excluded points (the range of the point after spans them).
    mean_moving_range, moving_range_upper : ndarray
        Centre and upper limit of the moving ranges; the lower limit is 0.
    phase_start : ndarray of int, shape (n_phases,)
        Position of each phase's first point.
    """

    centre: Floats
    sigma: Floats
    lower: Floats
    upper: Floats
    moving_range: Floats
    mean_moving_range: Floats
    moving_range_upper: Floats
    phase_start: Ints


def individuals_chart(
    values: ArrayLike,
    *,
    freeze: int | None = None,
    split_after: Sequence[int] = (),
    exclude: ArrayLike | None = None,
    screen_moving_ranges: bool = False,
    bridge_gaps: bool = False,
    d2: float = D2_TABLE,
    sigma_method: IndividualsSigma = "MR",
) -> IndividualsChart | Refusal:
    """Return the I-MR chart of one series.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings, oldest first; NaN marks a period without one.
    freeze : int, optional
        Limits come from the first ``freeze`` points of each phase alone.
    split_after : sequence of int
        Numbers of points (from 1) after which a new phase begins, with its own centre, moving
        ranges and runs.
    exclude : array_like of bool, shape (n,), optional
        Points left out of the limits *before* differencing, so that their neighbours meet. They
        are still judged.
    screen_moving_ranges : bool
        Leave out once the moving ranges of 3.267 times their mean and more.
    bridge_gaps : bool
        Whether a moving range is taken across a missing reading (as R qcc, which drops missing
        readings) or not (as Minitab and qicharts2).
    d2 : float
        Divisor of the mean moving range.
    sigma_method : {"MR", "SD", "median_MR"}
        Mean moving range / d2. Or the standard deviation / c4(n), as R qcc's ``SD``: more precise
        where nothing but chance moves the readings, but a shift in the baseline hides itself in
        it. Or the median moving range / 0.954 (Minitab), which a few wild readings leave alone.
        Moving ranges themselves are charted by their mean in any case.

    Returns
    -------
    IndividualsChart or Refusal
        Refused: no reading, an infinite one, a phase with fewer than 2 baseline readings next to
        each other, a phase whose baseline does not vary.

    Raises
    ------
    ValueError
        If ``freeze`` is below 2, a split lies outside the series, shapes differ, or moving ranges
        are screened of which the mean is not asked for.

    References
    ----------
    Montgomery, *Introduction to Statistical Quality Control*, "Individual measurements"; Nelson,
    "Control charts for individual measurements", *Journal of Quality Technology* 14 (1982) 172.

    Examples
    --------
    >>> chart = individuals_chart([10, 12, 11, 13, 10, 12, 11, 13])
    >>> round(float(chart.lower[0]), 2), round(float(chart.upper[0]), 2)
    (6.56, 16.44)
    """
    refusal = refuse_values(values)
    if refusal is not None:
        return refusal
    points = np.asarray(values, dtype=np.float64)
    start = _phase_starts(split_after, points.size)
    phase = np.repeat(np.arange(start.size), np.diff(start, append=points.size))
    drawn = _drawn(points, exclude, bridge_gaps=bridge_gaps)
    if screen_moving_ranges and sigma_method != "MR":
        raise ValueError(f"moving ranges are screened for their mean, not for {sigma_method}")
    setting = drawn
    if freeze is not None:
        if freeze < 2:  # noqa: PLR2004 - one moving range needs two points
            raise ValueError(f"limits cannot come from the first {freeze} points")
        setting = drawn & (np.arange(points.size) - start[phase] < freeze)
    limits = individuals_limits(
        points,
        series_start=start,
        baseline=setting,
        d2=d2,
        screen_moving_ranges=screen_moving_ranges,
    )
    for number, first in enumerate(start, start=1):
        if not np.isfinite(limits.sigma[first]):
            return Refusal(TOO_FEW_READINGS, f"phase {number} has no moving range to set limits by")
        if limits.sigma[first] == 0:
            return Refusal(NO_VARIATION, f"the baseline of phase {number} does not vary")
    mean_moving_range = limits.sigma * d2
    sigma = limits.sigma
    if sigma_method != "MR":
        sigma = _other_sigma(points, setting, phase, sigma_method)
        if not np.all(sigma > 0):
            return Refusal(NO_VARIATION, "half of the moving ranges of a phase are nil")
    return IndividualsChart(
        centre=limits.centre,
        sigma=sigma,
        lower=limits.centre - LIMIT_SIGMAS * sigma,
        upper=limits.centre + LIMIT_SIGMAS * sigma,
        moving_range=_moving_range(points, drawn, phase),
        mean_moving_range=mean_moving_range,
        moving_range_upper=D4_TABLE * mean_moving_range,
        phase_start=start,
    )


@dataclass(frozen=True)
class PrimeChart:
    """I' chart: lines of every point, shape (n,) each.

    Attributes
    ----------
    value : ndarray
        Numerator over denominator.
    centre, lower, upper : ndarray
        Sum over sum, ``-+ 3 s / sqrt(denominator)``; not cut.
    s : float
        Standard deviation of a reading with a denominator of one.
    """

    value: Floats
    centre: Floats
    lower: Floats
    upper: Floats
    s: float


def prime_chart(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    baseline: ArrayLike | None = None,
    screen_differences: bool = False,
) -> PrimeChart | Refusal:
    """Return the I' chart of a ratio whose readings rest on denominators of unequal size.

    Parameters
    ----------
    numerator, denominator : array_like, shape (n,)
        Parts of each reading; NaN marks a period without one, across which no difference is taken.
    baseline : array_like of bool, shape (n,), optional
        Points that set the limits, by default all; one outside is left out before differencing.
    screen_differences : bool
        Leave out once the standardised differences of 3.2665 times their mean and more.

    Returns
    -------
    PrimeChart or Refusal
        Refused: no or infinite readings, a denominator not above zero, fewer than two baseline
        readings next to each other, no variation.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    Taylor, *Normalized Individuals (I_N) Chart* (2017).

    Examples
    --------
    >>> chart = prime_chart([10, 30, 20], [10, 20, 10])
    >>> round(float(chart.centre[0]), 2), round(chart.s, 4)
    (1.5, 1.618)
    """
    for parts in (numerator, denominator):
        refusal = refuse_values(parts)
        if refusal is not None:
            return refusal
    top = np.asarray(numerator, dtype=np.float64)
    size = np.asarray(denominator, dtype=np.float64)
    if top.shape != size.shape:
        raise ValueError(f"numerator {top.shape} and denominator {size.shape} differ in shape")
    if np.any(size <= 0):
        at = int(np.flatnonzero(size <= 0)[0]) + 1
        reason = IMPOSSIBLE_COUNT if size[at - 1] < 0 else ZERO_DENOMINATOR
        return Refusal(reason, f"the denominator at point {at} is not above zero")
    chosen = np.ones(top.size, dtype=np.bool_) if baseline is None else _mask(baseline, top)
    value = top / size
    there = chosen & np.isfinite(value)
    base, base_size = value[chosen], size[chosen]
    step = np.sqrt(1 / base_size[1:] + 1 / base_size[:-1])
    difference = np.sqrt(np.pi / 2) * np.abs(np.diff(base)) / step
    difference = difference[np.isfinite(difference)]
    if difference.size == 0:
        return Refusal(TOO_FEW_READINGS, "no two baseline readings stand next to each other")
    if screen_differences and difference.mean() > 0:
        difference = difference[difference < PRIME_SCREEN * difference.mean()]
    s = float(difference.mean())
    if s == 0:
        return Refusal(NO_VARIATION, "the baseline does not vary")
    centre = np.full(top.size, top[there].sum() / size[there].sum())
    spread = LIMIT_SIGMAS * s / np.sqrt(size)
    return PrimeChart(value=value, centre=centre, lower=centre - spread, upper=centre + spread, s=s)


def _phase_starts(split_after: Sequence[int], n_points: int) -> Ints:
    splits = sorted(set(split_after))
    if splits and not (splits[0] > 0 and splits[-1] < n_points):
        raise ValueError(f"a phase must end inside the series of {n_points} points, not {splits}")
    return np.array([0, *splits], dtype=np.int64)


def _drawn(points: Floats, exclude: ArrayLike | None, *, bridge_gaps: bool) -> Bools:
    """Tell the points between which moving ranges are taken."""
    drawn = np.isfinite(points) if bridge_gaps else np.ones(points.size, dtype=np.bool_)
    if exclude is None:
        return drawn
    excluded = np.asarray(exclude, dtype=np.bool_)
    if excluded.shape != points.shape:
        raise ValueError(f"exclude {excluded.shape} and readings {points.shape} differ in shape")
    return drawn & ~excluded


def _other_sigma(
    points: Floats, setting: Bools, phase: Ints, method: Literal["SD", "median_MR"]
) -> Floats:
    sigma = np.empty_like(points)
    ranges = _moving_range(points, setting, phase)
    for number in range(int(phase[-1]) + 1):
        here = phase == number
        if method == "median_MR":
            sigma[here] = np.nanmedian(ranges[here]) / MEDIAN_RANGE_TABLE
        else:
            base = points[here & setting & np.isfinite(points)]
            sigma[here] = base.std(ddof=1) / c4(base.size)
    return sigma


def _mask(chosen: ArrayLike, values: Floats) -> Bools:
    mask = np.asarray(chosen, dtype=np.bool_)
    if mask.shape != values.shape:
        raise ValueError(f"baseline {mask.shape} and readings {values.shape} differ in shape")
    return mask


def _moving_range(points: Floats, drawn: Bools, phase: Ints) -> Floats:
    moving_range = np.full(points.size, np.nan)
    at = np.flatnonzero(drawn)
    same = phase[at][1:] == phase[at][:-1]
    moving_range[at[1:][same]] = np.abs(np.diff(points[at]))[same]
    return moving_range
