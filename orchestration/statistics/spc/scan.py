"""Limits and run rules of very many series in one pass, a cacheful of whole series at a time.

The same functions as for one chart, fed in blocks: 12 million readings of 100,000 series take half
a CPU second (`tests/benchmarks/charts.py`), where array by array they take ten times that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.spc import charts
from orchestration.statistics.spc.constants import D2_TABLE
from orchestration.statistics.spc.flat import Floats, blocks, checked_start
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
