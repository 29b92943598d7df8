"""Rounded and counted values: a break between levels, heaps at round figures, period-end spikes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike
from scipy.stats import binomtest, wilcoxon
from scipy.stats import t as student

from orchestration.statistics.detection.bunching import FEWEST_NEAR_CUT
from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    IMPOSSIBLE_VALUE,
    NO_VARIATION,
    TOO_COARSE,
    TOO_FEW_READINGS,
    Refusal,
    refuse_infinite,
    refuse_values,
)

FEWEST_PERIODS: Final = 8
"""Signed ranks of fewer periods cannot reach p = .005 one-sided."""

WIDTHS: Final = (1, 3, 10)
"""Levels over which values may have been moved."""

NEAREST_ROUND: Final = 3
"""Steps between round figures, below which both neighbours of one are those of another too."""

# Part of a step by which decimals miss their doubles.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class CountBreak:
    """Counts just below and above a threshold against a smooth course of the other levels.

    Attributes
    ----------
    below, above : int
        Values seen on the ``levels`` levels just below, and from the threshold on.
    expected_below, expected_above : float
        By a polynomial in the level, fitted without them.
    log_ratio, p_value : float
        Log of the (above / expected) over the (below / expected), and its two-sided test.
    dispersion : float
        Pearson's, not below 1; it widens the test.
    levels : int
        How many levels on either side are taken to be next to the threshold.
    """

    below: int
    above: int
    expected_below: float
    expected_above: float
    log_ratio: float
    p_value: float
    dispersion: float
    levels: int = 1


@dataclass(frozen=True)
class Heaps:
    """Values at round figures against their two neighbours.

    Attributes
    ----------
    at_round, beside : int
        Values at multiples of the round step, and one step of resolution below or above them.
    excess : float
        ``at_round`` over the mean of its neighbours; 1 where nothing is heaped.
    p_value : float
        One-sided: a locally straight density puts a third of the three levels on the middle one.
    """

    at_round: int
    beside: int
    excess: float
    p_value: float


@dataclass(frozen=True)
class PeriodEnd:
    """Events in the last days of periods against the share that these days have of the period.

    Attributes
    ----------
    share, expected_share : float
    excess : ndarray, shape (periods,)
        Share of each period's events in its last days, less the share of days; NaN without events.
    p_value : float
        One-sided signed-rank test over periods: events of one period are not independent.
    """

    share: float
    expected_share: float
    excess: np.ndarray
    p_value: float


def break_of_counts(
    values: ArrayLike, cutoff: float, *, step: float, levels: int = 1, order: int = 3
) -> CountBreak | Refusal:
    """Return whether rounded values skip the level below a threshold for the one above it.

    Poisson regression of the count at each level on a polynomial, with terms of their own for the
    levels next to the threshold; standard errors are widened by the overdispersion of the others.

    Parameters
    ----------
    values : array_like, shape (n,)
        Values rounded to ``step``; NaN marks a missing one.
    cutoff : float
    step : float
        Distance of two levels.
    levels : int
        How many levels on either side are next to the threshold.
    order : int
        Of the polynomial; 10 levels on either side of the threshold enter.

    Returns
    -------
    CountBreak or Refusal
        Refused: values that are not rounded to the step, fewer than `FEWEST_NEAR_CUT` within the
        10 levels, an empty level next to the threshold, values on no more of the other levels than
        the polynomial has coefficients.

    Raises
    ------
    ValueError
        If step or levels are not above 0.

    References
    ----------
    Chetty, Friedman, Olsen and Pistaferri, *Quarterly Journal of Economics* 126 (2011) 749-804,
    for the counterfactual without the bunching levels.
    """
    if step <= 0 or levels < 1:
        raise ValueError(f"step {step} and levels {levels} must be above 0")
    refusal = refuse_values(values, least=FEWEST_NEAR_CUT)
    if refusal is not None:
        return refusal
    x = np.asarray(values, dtype=np.float64)
    place = (x[np.isfinite(x)] - cutoff) / step
    offset = place - place.min()
    if np.abs(offset - np.round(offset)).max() > _ROUNDING:
        return Refusal(IMPOSSIBLE_VALUE, f"the values are not rounded to {step:g}")
    level = np.floor(place + _ROUNDING).astype(int)
    reach = 9 + levels
    at = np.arange(-reach, reach)
    counts = np.array([np.count_nonzero(level == one) for one in at])
    near_below, near_above = (at < 0) & (at >= -levels), (at >= 0) & (at < levels)
    below, above = int(counts[near_below].sum()), int(counts[near_above].sum())
    if counts.sum() < FEWEST_NEAR_CUT:
        return Refusal(TOO_FEW_READINGS, f"{counts.sum()} values near {cutoff:g}, too few")
    if min(below, above) == 0:
        return Refusal(TOO_FEW_READINGS, f"no value on one side next to {cutoff:g}")
    others = ~(near_below | near_above)
    occupied = int(np.count_nonzero(counts[others]))
    if occupied <= order + 1:
        return Refusal(
            TOO_FEW_READINGS,
            f"values on {occupied} levels beside the threshold, a curve of order {order} needs "
            f"{order + 2}",
        )
    smooth = (at[:, None] / reach) ** np.arange(order + 1)
    design = np.column_stack([smooth, near_below, near_above]).astype(np.float64)
    fit = sm.GLM(counts, design, family=sm.families.Poisson()).fit(tol=1e-10)
    freedom = int(others.sum()) - order - 1
    pearson = ((counts - fit.mu) ** 2 / fit.mu)[others].sum() / freedom
    dispersion = max(1.0, float(pearson))
    contrast = np.array([0.0] * (order + 1) + [-1.0, 1.0])
    log_ratio = float(contrast @ fit.params)
    error = float(np.sqrt(dispersion * (contrast @ fit.cov_params() @ contrast)))
    expected = np.exp(smooth @ fit.params[: order + 1])
    return CountBreak(
        below=below,
        above=above,
        expected_below=float(expected[near_below].sum()),
        expected_above=float(expected[near_above].sum()),
        log_ratio=log_ratio,
        p_value=float(2 * student.sf(abs(log_ratio) / error, freedom)),
        dispersion=dispersion,
        levels=levels,
    )


def break_of_counts_by_width(
    values: ArrayLike, cutoff: float, *, step: float, widths: Sequence[int] = WIDTHS, order: int = 3
) -> CountBreak | Refusal:
    """Return the clearest break of counts over several widths of the steered stretch.

    Values may be moved over a threshold by one level or by many. With too narrow a stretch the
    course of the counts follows a wide move (70 % of ten levels moved up by ten: p .66 at one
    level), with too wide a one a narrow move drowns.

    Parameters
    ----------
    values, cutoff, step, order
        As `break_of_counts`.
    widths : sequence of int
        Levels on either side, each tried.

    Returns
    -------
    CountBreak or Refusal
        That with the smallest p-value, multiplied by how many were tried (Bonferroni). Refused as
        `break_of_counts` where every width is.
    """
    found = [break_of_counts(values, cutoff, step=step, levels=w, order=order) for w in widths]
    told = [one for one in found if not isinstance(one, Refusal)]
    if not told:
        return next(one for one in found if isinstance(one, Refusal))
    best = min(told, key=lambda one: one.p_value)
    return replace(best, p_value=min(1.0, best.p_value * len(told)))


def heaps_at_round_figures(values: ArrayLike, *, step: float, every: int = 5) -> Heaps | Refusal:
    """Return whether values sit on round figures more often than beside them.

    Parameters
    ----------
    values : array_like, shape (n,)
        Values are rounded to ``step`` first; NaN marks a missing one.
    step : float
        Resolution, in the unit of the values.
    every : int
        Every so many steps a figure is round; at least 3, else the neighbours are round too.

    Returns
    -------
    Heaps or Refusal
        Refused: fewer than `FEWEST_NEAR_CUT` values at round figures and beside them, values all
        equal, none beside a round figure (then nothing shows that they are read in such steps).

    Raises
    ------
    ValueError
        If ``step`` is not above 0 or ``every`` is below 3.
    """
    if step <= 0 or every < NEAREST_ROUND:
        raise ValueError(f"step {step} must be above 0, every {every} at least {NEAREST_ROUND}")
    refusal = refuse_values(values, least=FEWEST_NEAR_CUT)
    if refusal is not None:
        return refusal
    x = np.asarray(values, dtype=np.float64)
    figures = np.round(x[np.isfinite(x)] / step)
    if figures.min() == figures.max():
        return Refusal(NO_VARIATION, f"all values are {figures[0] * step:g}")
    rest = np.mod(figures, every)
    at_round = int(np.count_nonzero(rest == 0))
    beside = int(np.count_nonzero((rest == 1) | (rest == every - 1)))
    if at_round + beside < FEWEST_NEAR_CUT:
        return Refusal(
            TOO_FEW_READINGS,
            f"{at_round + beside} values at round figures and beside, "
            f"at least {FEWEST_NEAR_CUT} are needed",
        )
    if beside == 0:
        return Refusal(TOO_COARSE, f"no value lies {step:g} beside a round figure")
    return Heaps(
        at_round=at_round,
        beside=beside,
        excess=2 * at_round / beside,
        p_value=float(binomtest(at_round, at_round + beside, 1 / 3, alternative="greater").pvalue),
    )


def period_end_spike(
    events: ArrayLike, days: ArrayLike, late_events: ArrayLike, *, late_days: int
) -> PeriodEnd | Refusal:
    """Return whether events crowd into the last days of their periods.

    Parameters
    ----------
    events, days, late_events : array_like, shape (periods,)
        Events of each period, its length in days, and those of its last ``late_days`` days. A
        period of which one is missing (NaN) does not count.
    late_days : int

    Returns
    -------
    PeriodEnd or Refusal
        Refused: infinite figures, negative counts, more late events than events, fewer than
        `FEWEST_PERIODS` periods with events.

    Raises
    ------
    ValueError
        If shapes differ, or a period is not longer than its last days.
    """
    total, length, late = (np.asarray(one, dtype=np.float64) for one in (events, days, late_events))
    if not total.shape == length.shape == late.shape:
        raise ValueError(f"shapes differ: {total.shape}, {length.shape}, {late.shape}")
    refusal = refuse_infinite(events=total, days=length, late_events=late)
    if refusal is not None:
        return refusal
    if np.any(length <= late_days):
        raise ValueError(f"every period must be longer than {late_days} days")
    if np.any((late < 0) | (late > total)):
        at = int(np.flatnonzero((late < 0) | (late > total))[0]) + 1
        return Refusal(IMPOSSIBLE_COUNT, f"period {at}: {late[at - 1]:g} of {total[at - 1]:g}")
    there = (total > 0) & np.isfinite(late) & np.isfinite(length)
    if there.sum() < FEWEST_PERIODS:
        return Refusal(
            TOO_FEW_READINGS, f"{there.sum()} periods with events, {FEWEST_PERIODS} are needed"
        )
    excess = np.full(total.size, np.nan)
    excess[there] = late[there] / total[there] - late_days / length[there]
    expected = float((total * late_days / length)[there].sum())
    different = excess[there][excess[there] != 0]
    p = wilcoxon(different, alternative="greater").pvalue if different.size else 1.0
    return PeriodEnd(
        share=float(late[there].sum() / total[there].sum()),
        expected_share=expected / float(total[there].sum()),
        excess=excess,
        p_value=float(p),
    )
