"""Cheap signs that a series has memory, trend or season: whether costly fits are worth trying."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f as fisher
from scipy.stats import norm

from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats

LEAST_READINGS: Final = 8
LEAST_SEASONS: Final = 3
"""With two, a season is what one of them happened to repeat of the other."""


@dataclass(frozen=True)
class Signs:
    """How likely independent readings about a mean would show as much.

    Attributes
    ----------
    memory : float
        One-sided p-value that a reading is like the one before.
    trend : float
        Two-sided p-value of a straight line.
    season : float
        p-value of a wave of one season's length about the line; NaN before three full seasons.
        Both are of readings less what the one before says of them (one step of Cochrane and
        Orcutt): a walk has lines and waves for a while.
    """

    memory: float
    trend: float
    season: float


def signs(values: ArrayLike, *, period: int) -> Signs | Refusal:
    """Return what a series shows beside a mean.

    Parameters
    ----------
    values : array_like, shape (n,)
        Equally spaced, oldest first, without gaps.
    period : int
        Periods in a season.

    Returns
    -------
    Signs or Refusal
        Refused: fewer than 8 readings, infinities, gaps, no variation.

    Notes
    -----
    They gate and do not judge: memory is underrated in a short series, so that some walks still
    show trends and waves that are none.

    References
    ----------
    Bartlett, "On the theoretical specification and sampling properties of autocorrelated
    time-series", *JRSS Supplement* 8 (1946) 27-41; Cochrane and Orcutt, "Application of least
    squares regression to relationships containing auto-correlated error terms", *JASA* 44 (1949)
    32-61.
    """
    y = np.asarray(values, dtype=np.float64)
    refusal = refuse_values(y, least=LEAST_READINGS)
    if refusal is None and np.isnan(y).any():
        refusal = Refusal(GAP_IN_SERIES, "a period has no value")
    if refusal is None and np.ptp(y) == 0:
        refusal = Refusal(NO_VARIATION, "all readings are equal")
    if refusal is None and period < 4:  # noqa: PLR2004 - a wave of fewer has no two columns
        refusal = Refusal(TOO_FEW_READINGS, f"a wave of {period} periods cannot be told")
    if refusal is not None:
        return refusal
    time = np.arange(y.size, dtype=np.float64)
    turn = 2 * np.pi * time / period
    level = np.ones((y.size, 1))
    line = np.column_stack([level, time])
    wave = np.column_stack([line, np.cos(turn), np.sin(turn)])
    return Signs(
        memory=float(norm.sf(_memory(y - y.mean()) * y.size**0.5)),
        trend=_p_value(y, level, line),
        season=_p_value(y, line, wave) if y.size >= LEAST_SEASONS * period else float("nan"),
    )


def _memory(errors: Floats) -> float:
    return float(errors[1:] @ errors[:-1]) / float(errors @ errors)


def _p_value(y: Floats, narrow: Floats, wide: Floats) -> float:
    """Return the p-value of the columns that the wider regression has on top."""
    before, errors = _errors(y, narrow), _errors(y, wide)
    rounding = (y @ y) * 1e-24
    if errors @ errors <= rounding:
        # Nothing is left to test against, nor to explain where the narrower one left nothing.
        return 1.0 if before @ before <= rounding else 0.0
    kept = max(_memory(errors), 0.0)
    y, narrow, wide = (np.asarray(one[1:] - kept * one[:-1]) for one in (y, narrow, wide))
    less, more = (float((_errors(y, x) ** 2).sum()) for x in (narrow, wide))
    added, free = wide.shape[1] - narrow.shape[1], y.size - wide.shape[1]
    return float(fisher.sf((less - more) / added / (more / free), added, free))


def _errors(y: Floats, x: Floats) -> Floats:
    return np.asarray(y - x @ np.linalg.lstsq(x, y, rcond=None)[0])
