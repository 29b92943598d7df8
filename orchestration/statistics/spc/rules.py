"""Run rules over many series at once. A rule says what happened, never whether it is good."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.spc.constants import NELSON_2_RUN, ON_LINE_SIGMAS
from orchestration.statistics.spc.flat import FlatSeries


@dataclass(frozen=True)
class RunFlags:
    """Side of each point's signal: +1 above, -1 below, 0 none; shape (n_points,) each."""

    rule_1: NDArray[np.int8]
    rule_2: NDArray[np.int8]


def flag_runs(
    values: ArrayLike,
    *,
    centre: ArrayLike,
    sigma: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    series_start: ArrayLike = (0,),
    run_length: int = NELSON_2_RUN,
    all_members: bool = False,
) -> RunFlags:
    """Return where rules 1 and 2 of Nelson hold, for series laid end to end.

    Rule 1: the point lies beyond a limit, strictly. Rule 2: the point is at least the
    ``run_length``-th in a row on one side of the centre; each further one is flagged too.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings, oldest first within a series. NaN marks a period without a reading: it is not
        flagged and ends a run.
    centre, sigma, lower, upper : array_like, scalar or shape (n,)
        Lines of each point. A point within 1e-9 sigma of a line is on it: on a limit it is not
        beyond, on the centre it is on neither side and ends a run. NaN for a limit that does
        not exist.
    series_start : array_like of int, shape (n_series,)
        Position of each series' first point. No run crosses from one series into the next.
    run_length : int
        9 (Nelson 1984), 8 (Western Electric 1956) or 7 (NHS Making Data Count).
    all_members : bool
        Flag every point of a long enough run, not only from the completing one on.

    Returns
    -------
    RunFlags

    Raises
    ------
    ValueError
        If ``run_length`` is below 2 or ``values`` is not one-dimensional.

    References
    ----------
    Nelson, "The Shewhart control chart: tests for special causes", *Journal of Quality
    Technology* 16 (1984) 237-239.

    Examples
    --------
    >>> flags = flag_runs([4, 1, 1, 1], centre=0, sigma=1, lower=-3, upper=3, run_length=3)
    >>> flags.rule_1.tolist(), flags.rule_2.tolist()
    ([1, 0, 0, 0], [0, 0, 1, 1])
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 1:
        raise ValueError(f"values must be one-dimensional, not of shape {points.shape}")
    if run_length < 2:  # noqa: PLR2004 - a run of one point is no run
        raise ValueError(f"run_length must be at least 2, not {run_length}")
    near = ON_LINE_SIGMAS * np.asarray(sigma, dtype=np.float64)
    above = points > np.asarray(upper) + near
    below = points < np.asarray(lower) - near
    beyond = above.astype(np.int8) - below.astype(np.int8)

    offset = points - np.asarray(centre)
    side = (offset > near).astype(np.int8) - (offset < -near).astype(np.int8)
    if points.size == 0:
        return RunFlags(rule_1=beyond, rule_2=side)
    begins = np.empty(points.size, dtype=np.bool_)
    begins[0] = True
    begins[1:] = side[1:] != side[:-1]
    begins[FlatSeries.from_start(series_start, points.size).start] = True
    first = np.flatnonzero(begins)
    length = np.diff(first, append=points.size)
    if all_members:
        position = np.repeat(length, length)
    else:
        position = np.arange(points.size) - np.repeat(first, length) + 1
    return RunFlags(rule_1=beyond, rule_2=np.where(position >= run_length, side, 0).astype(np.int8))
