"""How often rules flag a process in which nothing has happened, and how soon one that has moved."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi, norm

from orchestration.statistics.spc.charts import individuals_limits
from orchestration.statistics.spc.constants import BASELINE_READINGS, LIMIT_SIGMAS, NELSON_2_RUN
from orchestration.statistics.spc.flat import Bools, Floats
from orchestration.statistics.spc.rule_sets import (
    BIT_OF,
    DEFAULT,
    further_violations,
    read_convention,
)
from orchestration.statistics.spc.rules import flag_runs

EFFECTIVE_FREEDOM: Final = 0.62
"""Degrees of freedom of the mean moving range, per reading less one (Wheeler 1995, table 4)."""

NODES: Final = 80
"""Quadrature nodes for each of centre and sigma; doubling them moves no digit that is shown."""


def runs_arl(
    *, run_length: int = NELSON_2_RUN, limit_sigmas: float = LIMIT_SIGMAS, shift: float = 0.0
) -> float:
    """Return the average run length of limits and one-sided runs together, lines known.

    A Markov chain whose state is the side of the last reading and how many in a row lay there.

    Parameters
    ----------
    run_length : int
        Points on one side that signal; at least 2.
    limit_sigmas : float
        Distance of the limits, in sigma.
    shift : float
        Shift of the mean, in sigma, there from the first reading.

    Raises
    ------
    ValueError
        If ``run_length`` is below 2 or the limits are not above 0.

    References
    ----------
    Champ and Woodall, "Exact results for Shewhart control charts with supplementary runs rules",
    *Technometrics* 29 (1987) 393-399.

    Examples
    --------
    >>> round(runs_arl(run_length=8), 1)
    152.7
    """
    if run_length < 2 or limit_sigmas <= 0:  # noqa: PLR2004 - a run of one point is no run
        raise ValueError(f"no chart has runs of {run_length} and limits at {limit_sigmas} sigma")
    up = float(norm.cdf(limit_sigmas - shift) - norm.cdf(-shift))
    down = float(norm.cdf(-shift) - norm.cdf(-limit_sigmas - shift))
    longest = run_length - 1
    # States: none yet, 1..longest above, 1..longest below.
    above = np.arange(1, longest + 1)
    below = above + longest
    move = np.zeros((2 * longest + 1, 2 * longest + 1))
    move[0, [above[0], below[0]]] = up, down
    move[above[:-1], above[1:]] = up
    move[above, below[0]] = down
    move[below[:-1], below[1:]] = down
    move[below, above[0]] = up
    return float(np.linalg.solve(np.eye(len(move)) - move, np.ones(len(move)))[0])


def false_flag_share(baseline_count: ArrayLike, *, run_length: int = NELSON_2_RUN) -> Floats:
    """Return the share of later readings that are flagged by chance, limits being estimated.

    Lines drawn from few readings miss the process, and go on missing it: the share depends on the
    baseline far more than on the rules.

    Parameters
    ----------
    baseline_count : array_like of int
        Readings that the limits of an I-MR chart come from; at least 2.
    run_length : int
        Points on one side that signal.

    Returns
    -------
    ndarray, same shape
        Expected share of readings flagged by rule 1 or rule 2, of a process of independent normal
        readings, averaged over the baselines it might have had.

    Raises
    ------
    ValueError
        If a count is below 2.

    Notes
    -----
    Given how far centre and sigma are off, a reading is flagged with a probability in closed form:
    beyond a limit, or the last of ``run_length`` on one side. Centre is off by a normal error of
    variance 1/n, sigma by a chi variate of 0.62 (n - 1) degrees over its mean. Against simulation:
    `tests/statistics/test_false_flags.py`.

    Examples
    --------
    >>> false_flag_share([12, 24, 100]).round(4).tolist()
    [0.0348, 0.0179, 0.0088]
    """
    counts = np.asarray(baseline_count, dtype=np.float64)
    if np.any(counts < 2):  # noqa: PLR2004 - one moving range needs two points
        raise ValueError("limits need at least 2 readings")
    found, place = np.unique(counts, return_inverse=True)
    shares = np.array([_share(count, run_length) for count in found])
    return np.asarray(shares[place].reshape(counts.shape), dtype=np.float64)


SERIES: Final = 2000
"""Simulated charts: their share has a standard error of about a twentieth of itself."""
LATER: Final = 48
"""Readings after the baseline that are looked at, a chart's first years."""
SEED: Final = 20261121


def convention_share(convention: str, baseline_count: ArrayLike) -> Floats:
    """Return the share of later readings that a convention flags by chance.

    Parameters
    ----------
    convention : str
        As `rule_sets.read_convention` reads it.
    baseline_count : array_like of int
        Readings that the limits of an I-MR chart come from; at least 2.

    Returns
    -------
    ndarray, same shape
        By `false_flag_share` for Nelson's rules 1 and 2, else by simulation of independent normal
        readings, with the same draws in every call.

    Raises
    ------
    ValueError
        If the convention is unknown, or a count below 2.

    Examples
    --------
    >>> bool(convention_share("nelson", 24) > convention_share("nelson_1_2", 24))
    True
    """
    if convention == DEFAULT:
        return false_flag_share(baseline_count)
    counts = np.asarray(baseline_count, dtype=np.int64)
    if np.any(counts < 2):  # noqa: PLR2004 - one moving range needs two points
        raise ValueError("limits need at least 2 readings")
    found, place = np.unique(counts, return_inverse=True)
    shares = np.array([_simulated_flags(convention, int(one), 0.0).mean() for one in found])
    return np.asarray(shares[place].reshape(counts.shape), dtype=np.float64)


def readings_to_find(convention: str, *, shift: float = 1.0) -> float:
    """Return how many readings it takes, in the median chart, to flag a shift that stays.

    Parameters
    ----------
    convention : str
        As in `convention_share`.
    shift : float
        Of the mean after the 24 readings of the baseline, in sigma.

    Returns
    -------
    float
        Infinite where half of the charts have not flagged it after 48 readings.
    """
    flagged = _simulated_flags(convention, BASELINE_READINGS, shift)
    first = np.where(flagged.any(axis=1), flagged.argmax(axis=1) + 1.0, np.inf)
    return float(np.sort(first)[first.size // 2])


@cache
def _simulated_flags(convention: str, count: int, shift: float) -> Bools:
    """Which of the readings after a baseline are flagged, shape (SERIES, LATER)."""
    length = count + LATER
    values = np.random.default_rng(SEED).normal(size=(SERIES, length))
    values[:, count:] += shift
    start = np.arange(SERIES) * length
    in_baseline = np.broadcast_to(np.arange(length) < count, values.shape).ravel()
    flat = values.ravel()
    lines = individuals_limits(flat, series_start=start, baseline=in_baseline)
    asked = read_convention(convention)
    runs = flag_runs(
        flat, centre=lines.centre, sigma=lines.sigma, lower=lines.lower, upper=lines.upper,
        series_start=start,
    )  # fmt: skip
    flagged = (runs.rule_1 != 0) & bool(asked.mask & BIT_OF["nelson_1"])
    flagged |= (runs.rule_2 != 0) & bool(asked.mask & BIT_OF["nelson_2"])
    for _, hit, _ in further_violations(
        flat, asked, centre=lines.centre, sigma=lines.sigma, series_start=start
    ):
        flagged |= hit
    return np.asarray(flagged.reshape(values.shape)[:, count:], dtype=np.bool_)


def _share(count: float, run_length: int) -> float:
    node, weight = np.polynomial.legendre.leggauss(NODES)
    chance, weight = (node + 1) / 2, weight / 2
    off = (norm.ppf(chance) / np.sqrt(count))[:, None]
    freedom = EFFECTIVE_FREEDOM * (count - 1)
    # The mean moving range over d2 is right on average: its mean is one.
    ratio = (chi.ppf(chance, freedom) / chi.mean(freedom))[None, :]
    beyond_up = norm.sf(off + LIMIT_SIGMAS * ratio)
    beyond_down = norm.cdf(off - LIMIT_SIGMAS * ratio)
    up, down = norm.sf(off), norm.cdf(off)
    # Beyond a limit, or at the end of a run without being beyond one.
    flagged = (
        beyond_up
        + beyond_down
        + up ** (run_length - 1) * (up - beyond_up)
        + down ** (run_length - 1) * (down - beyond_down)
    )
    return float(weight @ flagged @ weight)
