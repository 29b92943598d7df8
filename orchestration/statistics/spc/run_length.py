"""Average run lengths of Shewhart, EWMA and CUSUM charts of normal readings, from the start.

Run lengths of the two charts with a memory solve an integral equation over their state; it is
solved on Gauss-Legendre nodes (Nystroem), which converges fast because the kernel is smooth.
Zero-state: the chart starts at the centre, the shift is there from the first reading.
"""

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from orchestration.statistics.spc.flat import Floats

NODES: Final = 80
"""Quadrature nodes; doubling them moves no digit that is stored."""

Sides = Literal["one", "two"]


def shewhart_arl(limit_sigmas: float = 3.0, *, shift: float = 0.0) -> float:
    """Return the average run length of a chart with limits alone, two-sided.

    Parameters
    ----------
    limit_sigmas : float
        Distance of the limits, in sigma of the plotted point.
    shift : float
        Shift of the mean, in the same unit.

    Examples
    --------
    >>> round(shewhart_arl(), 1), round(shewhart_arl(shift=1), 1)
    (370.4, 43.9)
    """
    return 1 / float(norm.sf(limit_sigmas - shift) + norm.cdf(-limit_sigmas - shift))


def ewma_arl(weight: float, limit_sigmas: float, *, shift: float = 0.0) -> float:
    """Return the average run length of a two-sided EWMA with asymptotic limits.

    Parameters
    ----------
    weight : float
        Weight of the newest reading, in (0, 1].
    limit_sigmas : float
        Distance of the limits, in asymptotic standard deviations of the average.
    shift : float
        Shift of the mean, in sigma.

    Raises
    ------
    ValueError
        If the weight lies outside (0, 1] or the limit is not above 0.

    References
    ----------
    Crowder, "A simple method for studying run-length distributions of exponentially weighted
    moving average charts", *Technometrics* 29 (1987) 401-407.

    Examples
    --------
    >>> round(ewma_arl(0.2, 3), 1)
    559.9
    """
    if not (0 < weight <= 1 and limit_sigmas > 0):
        raise ValueError(f"no EWMA has the weight {weight} and the limit {limit_sigmas}")
    half = limit_sigmas * float(np.sqrt(weight / (2 - weight)))
    if weight == 1:
        return shewhart_arl(limit_sigmas, shift=shift)
    # Narrow kernels (small weights) need nodes closer together than the kernel is wide.
    count = max(NODES, int(np.ceil(12 * half / weight)))
    node, share = np.polynomial.legendre.leggauss(count)
    state = node * half

    def kernel(start: Floats) -> Floats:
        reading = (state[None, :] - (1 - weight) * start[:, None]) / weight
        return np.asarray(norm.pdf(reading - shift) * share * half / weight, dtype=np.float64)

    run_length = np.linalg.solve(np.eye(count) - kernel(state), np.ones(count))
    return 1 + float((kernel(np.zeros(1)) @ run_length)[0])


def cusum_arl(
    k: float, h: float, *, shift: float = 0.0, sides: Sides = "two", head_start: float = 0.0
) -> float:
    """Return the average run length of a CUSUM.

    Parameters
    ----------
    k, h : float
        Slack and decision interval, in sigma.
    shift : float
        Shift of the mean, in sigma; upwards if positive.
    sides : {"one", "two"}
        The upper sum alone, or both.
    head_start : float
        Where both sums start, in sigma.

    Returns
    -------
    float
        Two-sided from one-sided ones (Lucas and Crosier): when one sum signals, the other is at 0.

    Raises
    ------
    ValueError
        If ``h`` is not above 0, ``k`` below 0, or the head start lies outside [0, h).

    References
    ----------
    Goel and Wu, "Determination of A.R.L. and a contour nomogram for CUSUM charts to control normal
    mean", *Technometrics* 13 (1971) 221-230; Lucas and Crosier (1982) for both sides.

    Examples
    --------
    >>> round(cusum_arl(0.5, 5), 1), round(cusum_arl(0.5, 5, sides="one"), 1)
    (465.4, 930.9)
    """
    if not (h > 0 and k >= 0 and 0 <= head_start < h):
        raise ValueError(f"no CUSUM has k = {k}, h = {h} and the head start {head_start}")
    upper_zero, upper = _one_sided(k, h, shift, head_start)
    if sides == "one":
        return upper
    lower_zero, lower = _one_sided(k, h, -shift, head_start)
    return (upper * lower_zero + lower * upper_zero - upper_zero * lower_zero) / (
        upper_zero + lower_zero
    )


def cusum_interval(k: float, target: float, *, sides: Sides = "two", shift: float = 0.0) -> float:
    """Return the decision interval ``h``, in sigma, that gives a wanted average run length.

    Raises
    ------
    ValueError
        If no interval of 0.1 sigma or more gives so short a run length.
    """
    return _solve(lambda h: cusum_arl(k, h, sides=sides, shift=shift), target)


def ewma_limit(weight: float, target: float, *, shift: float = 0.0) -> float:
    """Return the limit, in asymptotic standard deviations, that gives a wanted run length.

    Raises
    ------
    ValueError
        If no limit of 0.1 standard deviations or more gives so short a run length.
    """
    return _solve(lambda limit: ewma_arl(weight, limit, shift=shift), target)


def _solve(run_length: Callable[[float], float], target: float) -> float:
    low, high = 0.1, 1.0
    if run_length(low) > target:
        raise ValueError(f"every limit of {low} or more gives run lengths above {target}")
    # Widened step by step: far beyond the target the equations have no digit left.
    while run_length(high) < target:
        low, high = high, high * 1.3
    return float(brentq(lambda at: np.log(run_length(at) / target), low, high, xtol=1e-13))


def _one_sided(k: float, h: float, shift: float, head_start: float) -> tuple[float, float]:
    """Run lengths of the upper sum from 0 and from the head start."""
    node, share = np.polynomial.legendre.leggauss(max(NODES, int(np.ceil(12 * h))))
    state = (node + 1) * h / 2
    weight = share * h / 2

    def to_state(start: Floats) -> Floats:
        moved = state[None, :] - start[:, None] + k - shift
        return np.asarray(norm.pdf(moved) * weight, dtype=np.float64)

    def to_zero(start: Floats) -> Floats:
        return np.asarray(norm.cdf(k - shift - start), dtype=np.float64)

    # The last unknown is the run length from 0, where the sum has an atom.
    starts = np.append(state, 0.0)
    matrix = np.column_stack([to_state(starts), to_zero(starts)])
    run_length = np.linalg.solve(np.eye(starts.size) - matrix, np.ones(starts.size))
    begin = np.array([head_start])
    from_head = 1 + float(
        (to_state(begin) @ run_length[:-1])[0] + to_zero(begin)[0] * run_length[-1]
    )
    return float(run_length[-1]), from_head
