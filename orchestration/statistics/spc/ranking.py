"""Which newest readings are least likely by chance: an order for alerts, never a new verdict."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc.constants import ON_LINE_SIGMAS
from orchestration.statistics.spc.false_flags import EFFECTIVE_FREEDOM
from orchestration.statistics.spc.flat import FlatSeries, Floats, Ints


@dataclass(frozen=True)
class NewestReadings:
    """The newest charted reading of each series, shape (n_series,) each.

    Attributes
    ----------
    position : ndarray of int
        Where it stands; -1 in a series without one.
    run : ndarray of int
        Readings in a row on its side of the centre.
    p_value : ndarray
        Chance, in a process that has not changed, of a reading so far out or of a run so far off,
        whichever is smaller, doubled as there are two; limits being estimated. NaN without one.
    adjusted_p_value : ndarray
        The same for the number of series (Benjamini and Hochberg).
    """

    position: Ints
    run: Ints
    p_value: Floats
    adjusted_p_value: Floats


def newest_readings(
    values: ArrayLike,
    *,
    centre: ArrayLike,
    sigma: ArrayLike,
    baseline_count: ArrayLike,
    series_start: ArrayLike,
) -> NewestReadings:
    """Return how surprising the newest reading of each series is.

    Parameters
    ----------
    values, centre, sigma : array_like, shape (n,)
        Readings, oldest first within a series, and the lines of each; NaN where not charted.
    baseline_count : array_like of int, shape (n_series,)
        Readings that the lines come from.
    series_start : array_like of int, shape (n_series,)
        Position of each series' first point.

    Returns
    -------
    NewestReadings

    Notes
    -----
    A later reading differs from an estimated centre by its own error and by that of the centre:
    over ``sigma * sqrt(1 + 1 / baseline_count)`` it is a t variate of 0.62 (n - 1) degrees, as many
    as the mean moving range has. The mean of a run of k likewise with ``1 / k``. Readings are taken
    to be independent; neighbours that are alike make runs longer and these values too small.

    Examples
    --------
    >>> newest = newest_readings(
    ...     [0, 1, 0, 4.0], centre=[0] * 4, sigma=[1] * 4, baseline_count=[24], series_start=[0]
    ... )
    >>> newest.p_value.round(4).tolist()
    [0.003]
    """
    points = np.asarray(values, dtype=np.float64)
    series = FlatSeries.from_start(series_start, points.size)
    count = np.asarray(baseline_count, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (points - np.asarray(centre, dtype=np.float64)) / np.asarray(sigma, dtype=np.float64)
    charted = np.isfinite(z)
    place = np.where(charted, np.arange(points.size), -1)
    newest = (np.maximum.reduceat(place, series.start) if points.size else series.start).astype(
        np.int64
    )
    side = np.where(np.abs(z) <= ON_LINE_SIGMAS, 0, np.sign(np.where(charted, z, 0)))
    begins = np.append(True, side[1:] != side[:-1])[: points.size]
    begins[series.start] = True
    first = np.maximum.accumulate(np.where(begins, np.arange(points.size), 0))
    there = newest >= 0
    at = newest[there]
    run = np.zeros(newest.size, dtype=np.int64)
    run[there] = at - first[at] + 1
    total = np.concatenate([[0.0], np.cumsum(np.where(charted, z, 0.0))])
    p_value = np.full(newest.size, np.nan)
    n, k = count[there], run[there]
    freedom = EFFECTIVE_FREEDOM * (n - 1)
    mean = (total[at + 1] - total[first[at]]) / k
    single = 2 * t.sf(np.abs(z[at]) / np.sqrt(1 + 1 / n), freedom)
    sustained = 2 * t.sf(np.abs(mean) / np.sqrt(1 / k + 1 / n), freedom)
    p_value[there] = np.minimum(2 * np.minimum(single, sustained), 1.0)
    adjusted = adjust_p_values(p_value)
    if isinstance(adjusted, Refusal):  # there is no charted reading at all
        adjusted = p_value
    return NewestReadings(newest, run, p_value, adjusted)
