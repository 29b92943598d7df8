"""Runs analysis of a series about a line (Anhoej rules)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from orchestration.statistics.refusal import TOO_FEW_READINGS, Refusal, refuse_values
from orchestration.statistics.spc.constants import ON_LINE_SIGMAS


@dataclass(frozen=True)
class RunsAnalysis:
    """Longest run and number of crossings, beside what chance allows.

    Attributes
    ----------
    centre : float
        The line; the median of the baseline if none was given.
    n_useful : int
        Readings off the line.
    longest_run, longest_run_max : int
        Signal if the first is greater: ``round(log2(n_useful)) + 3``, halves to even.
    crossings, crossings_min : int
        Signal if the first is smaller: 5 % quantile of the binomial (n_useful - 1, 1/2).
    is_signal : bool
        Either of the two.
    """

    centre: float
    n_useful: int
    longest_run: int
    longest_run_max: int
    crossings: int
    crossings_min: int
    is_signal: bool


def analyse_runs(
    values: ArrayLike, *, centre: float | None = None, baseline: ArrayLike | None = None
) -> RunsAnalysis | Refusal:
    """Return whether a series runs too long on one side of a line or crosses it too seldom.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings, oldest first. Missing readings and readings on the line neither count nor end
        a run.
    centre : float, optional
        The line; by default the median of the baseline readings.
    baseline : array_like of bool, shape (n,), optional
        Readings that set the median; by default all.

    Returns
    -------
    RunsAnalysis or Refusal
        Refused: no or infinite readings, none off the line.

    References
    ----------
    Anhoej and Olesen, "Run charts revisited", *PLoS ONE* 9 (2014) e113825; Chen, "A modified
    crossings test" (2010), for the quantile.

    Examples
    --------
    >>> found = analyse_runs([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    >>> found.longest_run, found.crossings, found.crossings_min, found.is_signal
    (5, 1, 2, True)
    """
    refusal = refuse_values(values, least=1)
    if refusal is not None:
        return refusal
    points = np.asarray(values, dtype=np.float64)
    line = centre
    if line is None:
        chosen = points if baseline is None else points[np.asarray(baseline, dtype=np.bool_)]
        chosen = chosen[np.isfinite(chosen)]
        if chosen.size == 0:
            return Refusal(TOO_FEW_READINGS, "no baseline reading sets the median")
        line = float(np.median(chosen))
    there = points[np.isfinite(points)]
    near = ON_LINE_SIGMAS * float(there.std())
    side = np.sign(np.where(np.abs(there - line) <= near, 0.0, there - line))
    side = side[side != 0]
    if side.size == 0:
        return Refusal(TOO_FEW_READINGS, "no reading lies off the line")
    turns = np.flatnonzero(np.diff(side) != 0)
    lengths = np.diff(np.concatenate([[-1], turns, [side.size - 1]]))
    n_useful, longest, crossings = int(side.size), int(lengths.max()), int(turns.size)
    longest_max = int(np.rint(np.log2(n_useful))) + 3
    crossings_min = int(binom.ppf(0.05, n_useful - 1, 0.5)) if n_useful > 1 else 0
    return RunsAnalysis(
        centre=line,
        n_useful=n_useful,
        longest_run=longest,
        longest_run_max=longest_max,
        crossings=crossings,
        crossings_min=crossings_min,
        is_signal=longest > longest_max or crossings < crossings_min,
    )
