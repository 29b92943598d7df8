"""Charts of rare events: cases between them (g) and time between them (t)."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import geom, norm

from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    NO_VARIATION,
    NOT_POSITIVE,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.charts import individuals_limits
from orchestration.statistics.spc.constants import D2_TABLE, LIMIT_SIGMAS
from orchestration.statistics.spc.flat import FlatSeries, Floats
from orchestration.statistics.spc.individuals import IndividualsChart, individuals_chart

NEARLY_NORMAL_POWER: Final = 1 / 3.6
"""Exponential times to this power are nearly normal (Nelson 1994)."""

GLimits = Literal["sigma", "quantile"]


@dataclass(frozen=True)
class GChart:
    """Lines of the cases between events.

    Attributes
    ----------
    mean, median : float
        Of the baseline. The chart's centre is either; limits come from the mean.
    sigma : float
        ``sqrt(mean (mean + 1))``, the standard deviation of the geometric law from 0.
    lower, upper : float
    """

    mean: float
    median: float
    sigma: float
    lower: float
    upper: float


@dataclass(frozen=True)
class TChart:
    """Lines of the time between events, in the unit of the times.

    Attributes
    ----------
    centre, lower, upper : ndarray, shape (n,)
        I chart of ``y^(1/3.6)``, transformed back; a lower limit below 0 is 0.
    transformed : IndividualsChart
        The chart before transforming back.
    """

    centre: Floats
    lower: Floats
    upper: Floats
    transformed: IndividualsChart


def g_chart(
    values: ArrayLike,
    *,
    limits: GLimits = "sigma",
    baseline: ArrayLike | None = None,
    counts_from: int = 0,
) -> GChart | Refusal:
    """Return the chart of the number of cases between events.

    Parameters
    ----------
    values : array_like, shape (n,)
        Cases between events, oldest first; NaN marks a missing one.
    limits : {"sigma", "quantile"}
        ``mean -+ 3 sigma``, not below 0 (Montgomery, qicharts2), or the quantiles of the geometric
        law at the normal's three-sigma probabilities (Minitab, R qcc), which have the false
        alarm rate that the other promise.
    baseline : array_like of bool, shape (n,), optional
        Readings that set the lines; by default all.
    counts_from : {0, 1}
        Whether the event itself is counted (then 1 is the least).

    Returns
    -------
    GChart or Refusal
        Refused: no, infinite, negative or fewer than two baseline readings, all zero.

    References
    ----------
    Benneyan, "Number-between g-type statistical quality control charts for monitoring adverse
    events", *Health Care Management Science* 4 (2001) 305-318.

    Examples
    --------
    >>> chart = g_chart([10, 20, 30])
    >>> chart.mean, round(chart.sigma, 3), chart.lower
    (20.0, 20.494, 0.0)
    """
    refusal = refuse_values(values)
    if refusal is not None:
        return refusal
    points = np.asarray(values, dtype=np.float64)
    if np.any(points < counts_from):
        at = int(np.flatnonzero(points < counts_from)[0]) + 1
        return Refusal(IMPOSSIBLE_COUNT, f"the count at point {at} is below {counts_from}")
    base = points if baseline is None else points[np.asarray(baseline, dtype=np.bool_)]
    base = base[np.isfinite(base)]
    if base.size < 2:  # noqa: PLR2004 - a spread needs two
        return Refusal(TOO_FEW_READINGS, "fewer than two baseline readings")
    mean = float(base.mean())
    between = mean - counts_from
    if between <= 0:
        return Refusal(NO_VARIATION, "no case lies between any two events")
    sigma = float(np.sqrt(between * (between + 1)))
    if limits == "sigma":
        lower, upper = max(0.0, mean - LIMIT_SIGMAS * sigma), mean + LIMIT_SIGMAS * sigma
    else:
        tail = norm.cdf(-LIMIT_SIGMAS)
        # scipy's law counts the event itself.
        lower, upper = (
            float(geom.ppf(share, 1 / (between + 1))) - 1 + counts_from
            for share in (tail, 1 - tail)
        )
    return GChart(mean=mean, median=float(np.median(base)), sigma=sigma, lower=lower, upper=upper)


def t_chart(
    values: ArrayLike,
    *,
    freeze: int | None = None,
    exclude: ArrayLike | None = None,
    screen_moving_ranges: bool = False,
    d2: float = D2_TABLE,
) -> TChart | Refusal:
    """Return the chart of the time between events.

    Parameters
    ----------
    values : array_like, shape (n,)
        Times between events, above 0, oldest first; NaN marks a missing one.
    freeze, exclude, screen_moving_ranges, d2
        As in `individuals_chart`.

    Returns
    -------
    TChart or Refusal
        Refused: as `individuals_chart`, and a time that is not above zero.

    References
    ----------
    Nelson, "A control chart for parts-per-million nonconforming items", *Journal of Quality
    Technology* 26 (1994) 239-240.

    Examples
    --------
    >>> chart = t_chart([1, 2, 4, 8])
    >>> round(float(chart.centre[0]), 4), round(float(chart.lower[0]), 4)
    (3.0731, 0.2402)
    """
    refusal = refuse_values(values)
    if refusal is not None:
        return refusal
    points = np.asarray(values, dtype=np.float64)
    if np.any(points <= 0):
        at = int(np.flatnonzero(points <= 0)[0]) + 1
        return Refusal(NOT_POSITIVE, f"the time at point {at} is not above zero")
    chart = individuals_chart(
        points**NEARLY_NORMAL_POWER,
        freeze=freeze,
        exclude=exclude,
        screen_moving_ranges=screen_moving_ranges,
        d2=d2,
    )
    if isinstance(chart, Refusal):
        return chart
    back = 1 / NEARLY_NORMAL_POWER
    return TChart(
        centre=chart.centre**back,
        lower=np.maximum(chart.lower, 0.0) ** back,
        upper=chart.upper**back,
        transformed=chart,
    )


def between_events(events: ArrayLike, sizes: ArrayLike, *, series_start: ArrayLike) -> Floats:
    """Return what lay between events, from counts per period, for series laid end to end.

    A period with events is a point: the trials or the exposure since the period of the event before
    (or since the series begins), this period's included, shared among its events. In which order
    they came within the period is not known, so of several each gets the same.

    Parameters
    ----------
    events, sizes : array_like, shape (n,)
        Events, and trials or exposure, of each period, oldest first within a series; NaN marks a
        period of which they are not known.
    series_start : array_like of int, shape (n_series,)
        Position of each series' first period.

    Returns
    -------
    ndarray, shape (n,)
        NaN for periods without an event, and for a point before which a period is not known.

    Examples
    --------
    >>> between_events([0, 1, 0, 0, 2], [10, 10, 10, 10, 10], series_start=[0]).tolist()
    [nan, 20.0, nan, nan, 15.0]
    """
    count, size = (np.asarray(one, dtype=np.float64) for one in (events, sizes))
    series = FlatSeries.from_start(series_start, count.size)
    known = np.isfinite(count) & np.isfinite(size)
    so_far = np.cumsum(np.where(known, size, 0.0))
    unknown = np.cumsum(~known)
    at = np.flatnonzero(known & (count > 0))
    result = np.full(count.size, np.nan)
    if at.size == 0:
        return result
    owner = series.of_point[at]
    # What was before the gap began: up to the event before, or to where the series begins.
    first = series.start[owner]
    follows = np.append(False, owner[1:] == owner[:-1])
    previous = np.where(follows, np.append(0, at[:-1]), first)
    size_before = np.where(
        follows, so_far[previous], so_far[first] - np.where(known, size, 0.0)[first]
    )
    unknown_before = np.where(follows, unknown[previous], unknown[first] - ~known[first])
    gap = (so_far[at] - size_before) / count[at]
    result[at] = np.where(unknown[at] == unknown_before, gap, np.nan)
    return result


@dataclass(frozen=True)
class BetweenLines:
    """Lines of what lies between events, for series laid end to end, shape (n,) each.

    Attributes
    ----------
    centre, lower, upper : ndarray
        In the unit of the gaps. The lower one is NaN where no gap can lie below it.
    plotted, plotted_centre, plotted_sigma : ndarray
        The scale on which rules are applied: of t the transformed one, of g that of the gaps, which
        has no sigma.
    """

    centre: Floats
    lower: Floats
    upper: Floats
    plotted: Floats
    plotted_centre: Floats
    plotted_sigma: Floats


def between_lines(
    kind: Literal["g", "t"],
    gaps: ArrayLike,
    *,
    series_start: ArrayLike,
    baseline: ArrayLike,
    d2: float = D2_TABLE,
) -> BetweenLines:
    """Return the lines of g or t charts of many series at once.

    Parameters
    ----------
    kind : {"g", "t"}
        ``t`` as `t_chart`; ``g`` as `g_chart` with limits that are quantiles, the event itself
        counted, and the median of the baseline as its centre.
    gaps : array_like, shape (n,)
        What lay between events, of `between_events`; NaN where there is none.
    series_start : array_like of int, shape (n_series,)
    baseline : array_like of bool, shape (n,)
        Gaps that set the lines.
    d2 : float
        Of `t`: divisor of the mean moving range.

    Returns
    -------
    BetweenLines
        NaN for series whose baseline gives no lines.
    """
    gap = np.asarray(gaps, dtype=np.float64)
    chosen = np.asarray(baseline, dtype=np.bool_) & np.isfinite(gap)
    series = FlatSeries.from_start(series_start, gap.size)
    if kind == "t":
        plotted = gap**NEARLY_NORMAL_POWER
        lines = individuals_limits(plotted, series_start=series.start, baseline=chosen, d2=d2)
        back = 1 / NEARLY_NORMAL_POWER
        lowest = np.where(lines.lower > 0, lines.lower, np.nan)
        return BetweenLines(
            lines.centre**back, lowest**back, lines.upper**back, plotted, lines.centre, lines.sigma
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = series.total(np.where(chosen, gap, 0.0)) / series.total(chosen)
        tail = norm.cdf(-LIMIT_SIGMAS)
        lower, upper = (np.asarray(geom.ppf(one, 1 / mean)) for one in (tail, 1 - tail))
    median = np.full(series.start.size, np.nan)
    for number in np.unique(series.of_point[chosen]):
        median[number] = np.median(gap[chosen & (series.of_point == number)])
    centre = series.spread(median)
    return BetweenLines(
        centre,
        series.spread(np.where(lower > 1, lower, np.nan)),
        series.spread(upper),
        gap,
        centre,
        np.ones(gap.size),
    )
