"""Work closed in time for a target and opened again once it was counted."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm

from orchestration.statistics.fairness.tables import compare_two_groups
from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
)

FEWEST_CLOSED: Final = 30
"""Closures on either side, below which rates are not compared."""

FEWEST_EXPECTED: Final = 5
"""In every cell, for the chi-squared law to hold."""


@dataclass(frozen=True)
class ReopenRates:
    """Reopened work among what was closed just in time and among the rest.

    Attributes
    ----------
    n_hurried, n_other : int
    rate_hurried, rate_other : float
    odds_ratio, low, high : float
        Hurried over other, exact 95 % interval.
    p_value : float
        Fisher, two-sided.
    """

    n_hurried: int
    n_other: int
    rate_hurried: float
    rate_other: float
    odds_ratio: float
    low: float
    high: float
    p_value: float


def reopen_rates(reopened: ArrayLike, hurried: ArrayLike) -> ReopenRates | Refusal:
    """Return whether work closed just before a limit is opened again more often.

    Parameters
    ----------
    reopened, hurried : array_like of bool, shape (n,)
        Of each closure: whether it was opened again within a window that has passed for all of
        them, and whether it fell just before the limit (a due time, a period's end).

    Returns
    -------
    ReopenRates or Refusal
        Refused: fewer than `FEWEST_CLOSED` closures on either side, none or all reopened.

    Raises
    ------
    ValueError
        If lengths differ.
    """
    again, late = np.asarray(reopened, dtype=np.bool_), np.asarray(hurried, dtype=np.bool_)
    if again.shape != late.shape:
        raise ValueError(f"lengths differ: {again.shape}, {late.shape}")
    table = [[np.count_nonzero(again & side), np.count_nonzero(~again & side)]
             for side in (late, ~late)]  # fmt: skip
    counts = np.sum(table, axis=1)
    if counts.min() < FEWEST_CLOSED:
        return Refusal(
            TOO_FEW_READINGS,
            f"{counts[0]} hurried and {counts[1]} other closures, {FEWEST_CLOSED} are needed",
        )
    found = compare_two_groups(table)
    if isinstance(found, Refusal):
        return found
    return ReopenRates(
        n_hurried=int(counts[0]),
        n_other=int(counts[1]),
        rate_hurried=float(found.rates[0]),
        rate_other=float(found.rates[1]),
        odds_ratio=found.odds_ratio,
        low=found.odds_ratio_low,
        high=found.odds_ratio_high,
        p_value=found.fisher_p_value,
    )


@dataclass(frozen=True)
class UnevenReopening:
    """Whether some closers' work comes back more often than others'.

    Attributes
    ----------
    n : int
        Closures.
    rate, highest_rate : float
        Of all; and of the group with the highest.
    low, high : float
        95 % interval of the highest over the rate of all others (log risk ratio, half an event
        added); as the highest is picked, the p-value and not this interval is the test.
    p_value : float
        Chi-squared over all groups, by permutation where a group expects fewer than five.
    """

    n: int
    rate: float
    highest_rate: float
    low: float
    high: float
    p_value: float


def uneven_reopening(
    reopened: ArrayLike, closed: ArrayLike, *, permutations: int = 4999, seed: int = 0
) -> UnevenReopening | Refusal:
    """Return whether reopened work is spread over groups as their closures are.

    Parameters
    ----------
    reopened, closed : array_like of int, shape (groups,)
        Of each group: closures that were opened again, and all closures.
    permutations, seed : int

    Returns
    -------
    UnevenReopening or Refusal
        Refused: impossible counts, fewer than two groups with `FEWEST_CLOSED` closures (smaller
        ones are left out), none or all reopened.

    Raises
    ------
    ValueError
        If shapes differ.
    """
    again, total = np.asarray(reopened, np.int64), np.asarray(closed, np.int64)
    if again.shape != total.shape:
        raise ValueError(f"shapes differ: {again.shape}, {total.shape}")
    if np.any((again < 0) | (again > total)):
        return Refusal(IMPOSSIBLE_COUNT, "more closures reopened than there are")
    again, total = again[total >= FEWEST_CLOSED], total[total >= FEWEST_CLOSED]
    if total.size < 2:  # noqa: PLR2004 - one group has nobody to be compared with
        return Refusal(TOO_FEW_READINGS, f"{total.size} groups with {FEWEST_CLOSED} closures")
    if again.sum() in {0, total.sum()}:
        return Refusal(NO_VARIATION, "none or all were opened again")
    expected = total * again.sum() / total.sum()
    spread = total * (again.sum() / total.sum()) * (1 - again.sum() / total.sum())
    found = float(((again - expected) ** 2 / spread).sum())
    if min(expected.min(), (total - expected).min()) >= FEWEST_EXPECTED:
        p = float(chi2.sf(found, total.size - 1))
    else:
        drawn = np.random.default_rng(seed).multivariate_hypergeometric(
            total, int(again.sum()), size=permutations
        )
        by_chance = ((drawn - expected) ** 2 / spread).sum(axis=1)
        p = float((1 + np.count_nonzero(by_chance >= found - 1e-9)) / (permutations + 1))
    top = int(np.argmax(again / total))
    hits, rest = again[top] + 0.5, again.sum() - again[top] + 0.5
    n_top, n_rest = total[top] + 1, total.sum() - total[top] + 1
    ratio = np.log(hits / n_top) - np.log(rest / n_rest)
    half = norm.ppf(0.975) * np.sqrt(1 / hits - 1 / n_top + 1 / rest - 1 / n_rest)
    return UnevenReopening(
        n=int(total.sum()),
        rate=float(again.sum() / total.sum()),
        highest_rate=float(again[top] / total[top]),
        low=float(np.exp(ratio - half)),
        high=float(np.exp(ratio + half)),
        p_value=p,
    )
