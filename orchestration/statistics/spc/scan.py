"""Limits and run rules of very many series in one pass, a cacheful of whole series at a time.

The same functions as for one chart, fed in blocks: 12 million readings of 100,000 series take half
a CPU second (`tests/benchmarks/charts.py`), where array by array they take ten times that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.spc import charts
from orchestration.statistics.spc.constants import D2_TABLE, LIMIT_SIGMAS, ON_LINE_SIGMAS
from orchestration.statistics.spc.flat import Floats, Ints, blocks, checked_start
from orchestration.statistics.spc.rules import violated_rules

ScannedChart = Literal["i_mr", "p", "np", "u", "c", "laney_p", "laney_u"]
NELSON: Final = tuple(f"nelson{number}" for number in range(1, 9))


@dataclass(frozen=True)
class Scan:
    """Lines of each series and signals of each point.

    Attributes
    ----------
    centre : ndarray, shape (n_series,)
        Centre line: the mean, or the rate. NaN without a baseline reading.
    sigma : ndarray, shape (n_series,)
        Standard deviation of a reading of size one; divide by the root of the size. NaN, and no
        point flagged, where the baseline does not give it.
    violated : ndarray of unsigned int, shape (n_points,)
        Bit i for the i-th rule.
    """

    centre: Floats
    sigma: Floats
    violated: NDArray[np.unsignedinteger]


def scan_series(
    chart: ScannedChart,
    values: ArrayLike,
    sizes: ArrayLike | None = None,
    *,
    series_start: ArrayLike,
    rules: Sequence[str] = NELSON,
    baseline: ArrayLike | None = None,
    d2: float = D2_TABLE,
    screen_moving_ranges: bool = False,
) -> Scan:
    """Return centre, sigma and violated rules of series laid end to end.

    Parameters
    ----------
    chart : str
        ``i_mr``, ``p`` or ``np``, ``u`` or ``c``, ``laney_p``, ``laney_u``: one for all series.
    values : array_like, shape (n,)
        Readings (``i_mr``) or counts, oldest first within a series; NaN marks a missing one.
    sizes : array_like, shape (n,), optional
        Trials (p, np, laney_p) or exposure (u, laney_u); none for ``i_mr`` and ``c``.
    series_start : array_like of int, shape (n_series,)
        Position of each series' first point.
    rules : sequence of str
        Names of `rules.RULES`, at most 64.
    baseline : array_like of bool, shape (n,), optional
        Points that set the limits; by default all.
    d2, screen_moving_ranges
        As in `charts.individuals_limits`.

    Raises
    ------
    ValueError
        If the chart or a rule is unknown, sizes are missing or not asked for, or shapes differ.

    Examples
    --------
    >>> found = scan_series("i_mr", [10, 12, 11, 13, 1, 1, 1, 1], series_start=[0, 4])
    >>> found.centre.tolist(), found.violated.tolist()
    ([11.5, 1.0], [0, 0, 0, 0, 0, 0, 0, 0])
    """
    readings = np.asarray(values, dtype=np.float64)
    size = _sizes(chart, readings, sizes)
    chosen = np.ones(readings.size, np.bool_) if baseline is None else np.asarray(baseline, bool)
    if not size.shape == chosen.shape == readings.shape:
        raise ValueError(
            f"values {readings.shape}, sizes {size.shape} and baseline {chosen.shape} differ in "
            "shape"
        )
    start = checked_start(series_start, readings.size)
    centre, sigma = (np.full(start.size, np.nan) for _ in range(2))
    violated = np.zeros(readings.size, dtype=np.min_scalar_type((1 << len(rules)) - 1))
    options = {"d2": d2, "screen_moving_ranges": screen_moving_ranges}
    for series, here in blocks(start, readings.size):
        begins = start[series] - here.start
        lines = _limits(
            chart, readings[here], size[here], chosen[here], series_start=begins, **options
        )
        centre[series] = lines.centre[begins]
        if chart == "i_mr":
            plotted, sigma[series] = readings[here], lines.sigma[begins]
        else:
            with np.errstate(invalid="ignore", divide="ignore"):
                plotted = readings[here] / size[here]
                sigma[series] = np.fmax.reduceat(lines.sigma * np.sqrt(size[here]), begins)
        violated[here] = violated_rules(
            plotted, rules, centre=lines.centre, sigma=lines.sigma, series_start=begins
        )
    return Scan(centre, sigma, violated)


def _sizes(chart: str, readings: Floats, sizes: ArrayLike | None) -> Floats:
    """Return the size of each reading; of charts without one a view of ones that costs nothing."""
    if chart not in {"i_mr", "p", "np", "u", "c", "laney_p", "laney_u"}:
        raise ValueError(f"unknown chart {chart}")
    without = chart in {"i_mr", "c"}
    if without != (sizes is None):
        raise ValueError(f"a chart {chart} {'takes no' if without else 'needs'} sizes")
    if sizes is None:
        return np.broadcast_to(np.float64(1), readings.shape)
    return np.asarray(sizes, dtype=np.float64)


def _limits(
    chart: str, values: Floats, size: Floats, baseline: NDArray[np.bool_], **options: Any
) -> charts.ChartLimits:
    if chart == "i_mr":
        return charts.individuals_limits(values, baseline=baseline, **options)
    if chart in {"laney_p", "laney_u"}:
        laney = charts.laney_p_limits if chart == "laney_p" else charts.laney_u_limits
        return laney(values, size, baseline=baseline, **options)
    plain = charts.p_limits if chart in {"p", "np"} else charts.u_limits
    return plain(values, size, baseline=baseline, series_start=options["series_start"])


@dataclass(frozen=True)
class WeightedScan:
    """Charts with a memory of each series, in sigma of a reading, shape (n_points,) each.

    Attributes
    ----------
    above, below : ndarray
        EWMA: its distance from the centre, in both alike. CUSUM: the upper and the lower sum, both
        at least 0. NaN where there is no reading, or no sigma above 0.
    side : ndarray of int8
        1 beyond the upper limit, -1 beyond the lower one, 0 within; of a CUSUM that is beyond both,
        the side of the larger sum.
    """

    above: Floats
    below: Floats
    side: NDArray[np.int8]


def scan_ewma(
    values: ArrayLike,
    *,
    centre: ArrayLike,
    sigma: ArrayLike,
    series_start: ArrayLike,
    weight: float = 0.2,
    limit_sigmas: float = LIMIT_SIGMAS,
) -> WeightedScan:
    """Return the EWMA of each series, with exact limits; conventions as `weighted.ewma_chart`.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings, oldest first within a series; a missing one (NaN) leaves the average as it stands.
    centre, sigma : array_like, shape (n_series,)
    series_start : array_like of int, shape (n_series,)
    weight, limit_sigmas : float

    Raises
    ------
    ValueError
        If the weight lies outside (0, 1], or shapes differ.
    """
    if not 0 < weight <= 1:
        raise ValueError(f"the weight must lie in (0, 1], not be {weight}")
    z, start = _standardised(values, centre, sigma, series_start)
    average = np.full(z.size, np.nan)
    spread = np.full(z.size, np.nan)
    last, fading = np.zeros(start.size), np.ones(start.size)
    for series, at in _step_by_step(start, z.size):
        reading = z[at]
        there = np.isfinite(reading)
        last[series] = np.where(there, weight * reading + (1 - weight) * last[series], last[series])
        fading[series] *= np.where(there, (1 - weight) ** 2, 1.0)
        average[at] = np.where(there, last[series], np.nan)
        spread[at] = limit_sigmas * np.sqrt(weight / (2 - weight) * (1 - fading[series]))
    beyond = np.abs(average) > spread + ON_LINE_SIGMAS
    side = np.where(beyond, np.sign(np.where(beyond, average, 0.0)), 0).astype(np.int8)
    return WeightedScan(average, average, side)


def scan_cusum(
    values: ArrayLike,
    *,
    centre: ArrayLike,
    sigma: ArrayLike,
    series_start: ArrayLike,
    k: float = 0.5,
    h: float = 5.0,
    head_start: float = 0.0,
) -> WeightedScan:
    """Return the tabular CUSUM of each series; conventions as `weighted.cusum_chart`.

    Parameters
    ----------
    values, centre, sigma, series_start
        As in `scan_ewma`.
    k, h, head_start : float
        Slack, decision interval and start of both sums, in sigma.
    """
    z, start = _standardised(values, centre, sigma, series_start)
    above, below = np.full(z.size, np.nan), np.full(z.size, np.nan)
    upper, lower = np.full(start.size, head_start), np.full(start.size, head_start)
    for series, at in _step_by_step(start, z.size):
        reading = z[at]
        there = np.isfinite(reading)
        step = np.where(there, reading, 0.0)
        upper[series] = np.where(there, np.maximum(0.0, upper[series] + step - k), upper[series])
        lower[series] = np.where(there, np.maximum(0.0, lower[series] - step - k), lower[series])
        above[at] = np.where(there, upper[series], np.nan)
        below[at] = np.where(there, lower[series], np.nan)
    high, low = above > h + ON_LINE_SIGMAS, below > h + ON_LINE_SIGMAS
    upwards = high & ~(low & (below > above))
    return WeightedScan(above, below, upwards.astype(np.int8) - (low & ~upwards).astype(np.int8))


def _standardised(
    values: ArrayLike, centre: ArrayLike, sigma: ArrayLike, series_start: ArrayLike
) -> tuple[Floats, Ints]:
    readings = np.asarray(values, dtype=np.float64)
    start = checked_start(series_start, readings.size)
    middle, scale = (np.asarray(line, dtype=np.float64) for line in (centre, sigma))
    if not middle.shape == scale.shape == start.shape:
        raise ValueError(
            f"centre {middle.shape} and sigma {scale.shape} must have one figure for each of the "
            f"{start.size} series"
        )
    lengths = np.diff(start, append=readings.size)
    scale = np.where(scale > 0, scale, np.nan)
    return (readings - np.repeat(middle, lengths)) / np.repeat(scale, lengths), start


def _step_by_step(start: Ints, n_points: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield the series that have a first, second, third ... point, and where these points stand."""
    lengths = np.diff(start, append=n_points)
    longest_first = np.argsort(-lengths, kind="stable")
    going_on = np.searchsorted(-lengths[longest_first], -np.arange(lengths.max(initial=0)))
    for step, count in enumerate(going_on):
        series = longest_first[:count]
        yield series, start[series] + step
