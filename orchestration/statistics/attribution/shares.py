"""Whose an outcome is that several worked on: shares that sum to one, by more than one rule."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import IMPOSSIBLE_VALUE, NO_VALUE, Refusal
from orchestration.statistics.spc.flat import Floats


def equal_shares(n: int) -> Floats | Refusal:
    """Return the same share for each of n who took part."""
    if n < 1:
        return Refusal(NO_VALUE, "nobody took part")
    return np.full(n, 1 / n)


def declared_shares(weights: ArrayLike) -> Floats | Refusal:
    """Return shares in proportion to what was agreed beforehand.

    Parameters
    ----------
    weights : array_like, shape (n,)
        At least 0, not all 0, none missing; else refused.
    """
    agreed = np.asarray(weights, dtype=np.float64)
    if agreed.ndim != 1:
        raise ValueError(f"one weight per participant expected, not an array of {agreed.shape}")
    if agreed.size == 0 or not np.isfinite(agreed).all():
        return Refusal(NO_VALUE, "a weight is missing")
    if np.any(agreed < 0) or agreed.sum() == 0:
        return Refusal(IMPOSSIBLE_VALUE, "weights must be at least 0 and not all 0")
    shares: Floats = agreed / agreed.sum()
    return shares


def decaying_shares(ages: ArrayLike, half_life: float) -> Floats | Refusal:
    """Return shares that halve with every half-life between a contribution and the outcome.

    Parameters
    ----------
    ages : array_like, shape (n,)
        Time from each contribution to the outcome, at least 0.
    half_life : float
        In the unit of the ages, above 0.
    """
    if not half_life > 0:
        raise ValueError(f"a half-life must be above 0, not {half_life}")
    old = np.asarray(ages, dtype=np.float64)
    if np.any(old < 0):
        return Refusal(IMPOSSIBLE_VALUE, "a contribution is later than the outcome")
    # The newest has weight 1: old contributions alone do not vanish together.
    return declared_shares(0.5 ** ((old - old.min(initial=np.inf)) / half_life))


@dataclass(frozen=True)
class Sensitivity:
    """How far a share depends on the rule.

    Attributes
    ----------
    low, high : ndarray, shape (n,)
        Smallest and largest share over the rules.
    is_order_stable : bool
        Whether all rules agree on who has the larger share, in every pair (ties agree with both).
    """

    low: Floats
    high: Floats
    is_order_stable: bool


def sensitivity(shares_by_rule: Mapping[str, ArrayLike]) -> Sensitivity:
    """Return how far shares depend on the rule that was chosen.

    Raises
    ------
    ValueError
        If there is no rule, or rules differ in their participants, or shares do not sum to one.
    """
    if not shares_by_rule:
        raise ValueError("no rule was given")
    table = np.array([np.asarray(one, dtype=np.float64) for one in shares_by_rule.values()])
    if not np.allclose(table.sum(axis=1), 1, atol=1e-9):
        raise ValueError("the shares of a rule do not sum to one")
    signs = np.sign(np.round(table[:, :, None] - table[:, None, :], 12))
    return Sensitivity(
        low=table.min(axis=0),
        high=table.max(axis=0),
        is_order_stable=not bool(np.any(signs.max(axis=0) * signs.min(axis=0) < 0)),
    )
