"""Charts with a memory: EWMA, CUSUM, moving average."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import NO_VARIATION, Refusal, refuse_values
from orchestration.statistics.spc.constants import LIMIT_SIGMAS, ON_LINE_SIGMAS
from orchestration.statistics.spc.flat import Bools, Floats


@dataclass(frozen=True)
class WeightedChart:
    """Lines of every point, shape (n,) each.

    Attributes
    ----------
    value : ndarray
        The weighted or moving average; NaN where there is no reading.
    lower, upper : ndarray
    asymptotic_lower, asymptotic_upper : ndarray
        What the limits tend to, given each point's sigma.
    beyond : ndarray of bool
        Points beyond ``lower`` or ``upper``, strictly.
    """

    value: Floats
    lower: Floats
    upper: Floats
    asymptotic_lower: Floats
    asymptotic_upper: Floats
    beyond: Bools


@dataclass(frozen=True)
class CusumChart:
    """Tabular CUSUM, in sigma of the plotted point, shape (n,) each.

    Attributes
    ----------
    plus, minus : ndarray
        Upper and lower sum, both at least 0; NaN where there is no reading.
    above, below : ndarray of bool
        Points where the upper or lower sum exceeds ``h``, strictly.
    """

    plus: Floats
    minus: Floats
    above: Bools
    below: Bools


def ewma_chart(
    values: ArrayLike,
    *,
    centre: float,
    sigma: ArrayLike,
    weight: float = 0.2,
    limit_sigmas: float = LIMIT_SIGMAS,
    limits: Literal["exact", "asymptotic"] = "exact",
) -> WeightedChart | Refusal:
    """Return the chart of the exponentially weighted moving average, which starts at the centre.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings or subgroup means; a missing one (NaN) leaves the average as it stands.
    centre : float
    sigma : array_like, scalar or shape (n,)
        Standard deviation of the plotted point (of a subgroup mean: sigma / sqrt(n)).
    weight : float
        Weight of the newest reading, in (0, 1].
    limit_sigmas : float
        Distance of the limits, in standard deviations of the average.
    limits : {"exact", "asymptotic"}
        With the factor ``1 - (1 - weight)^(2 t)`` (R qcc, Minitab) or without (NIST's example).

    Returns
    -------
    WeightedChart or Refusal
        Refused: no or infinite readings, sigma not above zero.

    Raises
    ------
    ValueError
        If the weight lies outside (0, 1].

    References
    ----------
    NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.4; Lucas and Saccucci, *Technometrics*
    32 (1990) 1-12, for the exact limits.

    Examples
    --------
    >>> chart = ewma_chart([52, 47], centre=50, sigma=2.0539, weight=0.3)
    >>> chart.value.round(2).tolist(), round(float(chart.upper[0]), 5)
    ([50.6, 49.52], 51.84851)
    """
    if not 0 < weight <= 1:
        raise ValueError(f"the weight must lie in (0, 1], not be {weight}")
    points, scale, refusal = _with_sigma(values, sigma)
    if refusal is not None:
        return refusal
    there = np.isfinite(points)
    average = np.full(points.size, np.nan)
    last = centre
    for at in np.flatnonzero(there):
        last = weight * points[at] + (1 - weight) * last
        average[at] = last
    seen = np.cumsum(there)
    asymptotic = limit_sigmas * scale * np.sqrt(weight / (2 - weight))
    spread = asymptotic
    if limits == "exact":
        spread = asymptotic * np.sqrt(1 - (1 - weight) ** (2 * seen))
    return WeightedChart(
        value=average,
        lower=centre - spread,
        upper=centre + spread,
        asymptotic_lower=centre - asymptotic,
        asymptotic_upper=centre + asymptotic,
        beyond=np.abs(average - centre) > spread + ON_LINE_SIGMAS * scale,
    )


def moving_average_chart(
    values: ArrayLike, *, centre: float, sigma: ArrayLike, window: int
) -> WeightedChart | Refusal:
    """Return the chart of the mean of the last ``window`` readings.

    Early points average what there is: limits are ``centre -+ 3 sigma / sqrt(min(i, window))``.

    Parameters
    ----------
    values, centre, sigma
        As in `ewma_chart`; a window with missing readings averages the others.
    window : int
        Readings in a full window, at least 1.

    Raises
    ------
    ValueError
        If the window is below 1.

    References
    ----------
    Montgomery, *Introduction to Statistical Quality Control*, "The moving average control chart".

    Examples
    --------
    >>> moving_average_chart([1, 2, 3, 4], centre=2, sigma=1, window=2).value.tolist()
    [1.0, 1.5, 2.5, 3.5]
    """
    if window < 1:
        raise ValueError(f"the window must hold at least 1 reading, not {window}")
    points, scale, refusal = _with_sigma(values, sigma)
    if refusal is not None:
        return refusal
    there = np.isfinite(points)
    number = np.arange(points.size)
    first = np.maximum(number - window + 1, 0)
    running = np.concatenate([[0], np.cumsum(there)])
    count = (running[number + 1] - running[first]).astype(np.float64)
    # Summed window by window: a difference of running sums would lose digits in long series.
    filled = np.where(there, points, 0.0)
    total = np.array([filled[a : b + 1].sum() for a, b in zip(first, number, strict=True)])
    count[count == 0] = np.nan
    average = total / count
    spread = LIMIT_SIGMAS * scale / np.sqrt(count)
    asymptotic = LIMIT_SIGMAS * scale / np.sqrt(window)
    return WeightedChart(
        value=average,
        lower=centre - spread,
        upper=centre + spread,
        asymptotic_lower=centre - asymptotic,
        asymptotic_upper=centre + asymptotic,
        beyond=np.abs(average - centre) > spread + ON_LINE_SIGMAS * scale,
    )


def cusum_chart(
    values: ArrayLike,
    *,
    centre: float,
    sigma: ArrayLike,
    k: float = 0.5,
    h: float = 5.0,
    head_start: float = 0.0,
) -> CusumChart | Refusal:
    """Return the tabular CUSUM of both sides.

    Parameters
    ----------
    values, centre, sigma
        As in `ewma_chart`; a missing reading leaves the sums as they stand.
    k : float
        Slack, in sigma: half the shift to be found.
    h : float
        Decision interval, in sigma.
    head_start : float
        Both sums start here, in sigma; ``h / 2`` is the fast initial response.

    Returns
    -------
    CusumChart or Refusal
        Refused: no or infinite readings, sigma not above zero.

    References
    ----------
    NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.3; Lucas and Crosier, "Fast initial
    response for CUSUM quality-control schemes", *Technometrics* 24 (1982) 199-205.

    Examples
    --------
    >>> chart = cusum_chart([1, 2, 3, -1], centre=0, sigma=1, k=0.5, h=4)
    >>> chart.plus.tolist(), chart.above.tolist()
    ([0.5, 2.0, 4.5, 3.0], [False, False, True, False])
    """
    points, scale, refusal = _with_sigma(values, sigma)
    if refusal is not None:
        return refusal
    z = (points - centre) / scale
    plus, minus = np.full(z.size, np.nan), np.full(z.size, np.nan)
    upper = lower = head_start
    for at in np.flatnonzero(np.isfinite(z)):
        upper = max(0.0, upper + z[at] - k)
        lower = max(0.0, lower - z[at] - k)
        plus[at], minus[at] = upper, lower
    return CusumChart(
        plus=plus,
        minus=minus,
        above=plus > h + ON_LINE_SIGMAS,
        below=minus > h + ON_LINE_SIGMAS,
    )


def _with_sigma(values: ArrayLike, sigma: ArrayLike) -> tuple[Floats, Floats, Refusal | None]:
    points = np.asarray(values, dtype=np.float64)
    scale = np.broadcast_to(np.asarray(sigma, dtype=np.float64), points.shape)
    refusal = refuse_values(points, least=1)
    if refusal is None and not np.all(scale > 0):
        refusal = Refusal(NO_VARIATION, "sigma is not above zero")
    return points, scale, refusal
