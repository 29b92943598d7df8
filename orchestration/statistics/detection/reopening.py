"""Work closed in time for a target and opened again once it was counted."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.fairness.tables import compare_two_groups
from orchestration.statistics.refusal import TOO_FEW_READINGS, Refusal

FEWEST_CLOSED: Final = 30
"""Closures on either side, below which rates are not compared."""


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
