"""Raters and groups: whether one rater's scores treat a group otherwise than the others' do."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f, t

from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import (
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.flat import Floats

FEWEST_IN_A_GROUP: Final = 5
"""Ratees of each group, below which a rater's difference is left out."""


@dataclass(frozen=True)
class RaterGroupInteraction:
    """Differences between two groups by rater.

    Attributes
    ----------
    raters : ndarray of str, shape (r,)
        Those with `FEWEST_IN_A_GROUP` ratees or more of each group.
    left_out : ndarray of str
        The others: of them nothing can be said.
    difference, standard_error : ndarray, shape (r,)
        Mean of the other group less that of the reference group, in the unit of the scores.
    common : float
        Difference over all raters. It is no rater's own: all of them may share it, or the groups
        may differ.
    departure, low, high : ndarray, shape (r,)
        Each rater's difference less that of all others, with its interval.
    p_value, adjusted_p_value : ndarray, shape (r,)
        Of no departure; and held to a false discovery rate over the raters.
    f, interaction_p_value : float
        Of no departures at all (analysis of variance, rater x group).
    """

    raters: np.ndarray
    left_out: np.ndarray
    difference: Floats
    standard_error: Floats
    common: float
    departure: Floats
    low: Floats
    high: Floats
    p_value: Floats
    adjusted_p_value: Floats
    f: float
    interaction_p_value: float


def rater_group_interaction(
    scores: ArrayLike,
    rater: ArrayLike,
    group: ArrayLike,
    *,
    reference: str,
    confidence: float = 0.95,
) -> RaterGroupInteraction | Refusal:
    """Return which raters treat a group otherwise than the others do.

    A rater who is severe to all is none of these: severity cancels in the difference. Scores are
    taken to spread alike within raters and groups.

    Parameters
    ----------
    scores : array_like, shape (n,)
        One per rating; NaN marks a missing one.
    rater, group : array_like of str, shape (n,)
        Two groups.
    reference : str
    confidence : float

    Returns
    -------
    RaterGroupInteraction or Refusal
        Refused: infinite or no scores, other than two groups, fewer than two raters with enough
        ratees of each, scores that do not vary within raters and groups.

    Raises
    ------
    ValueError
        If shapes differ or the reference group does not occur.

    References
    ----------
    Scheffe, *The Analysis of Variance* (1959), two-way layout with unequal numbers.
    """
    y = np.asarray(scores, dtype=np.float64)
    who, label = np.asarray(rater).astype(str), np.asarray(group).astype(str)
    if not y.shape == who.shape == label.shape:
        raise ValueError(f"shapes differ: {y.shape}, {who.shape}, {label.shape}")
    refusal = refuse_values(y)
    if refusal is not None:
        return refusal
    there = np.isfinite(y)
    y, who, label = y[there], who[there], label[there]
    if reference not in label:
        raise ValueError(f"the reference group {reference} does not occur")
    if np.unique(label).size != 2:  # noqa: PLR2004 - one group against another
        return Refusal(TOO_FEW_READINGS, f"{np.unique(label).size} groups, two are compared")
    names = np.unique(who)
    cells = [[y[(who == name) & ((label == reference) == first)] for first in (True, False)]
             for name in names]  # fmt: skip
    enough = np.array([min(cell.size for cell in pair) >= FEWEST_IN_A_GROUP for pair in cells])
    if enough.sum() < 2:  # noqa: PLR2004 - a rater departs from others
        return Refusal(
            TOO_FEW_READINGS,
            f"{enough.sum()} raters with {FEWEST_IN_A_GROUP} ratees of each group, 2 are needed",
        )
    cells = [pair for pair, kept in zip(cells, enough, strict=True) if kept]
    difference = np.array([other.mean() - own.mean() for own, other in cells])
    spread = np.array([1 / own.size + 1 / other.size for own, other in cells])
    within = sum(float(((cell - cell.mean()) ** 2).sum()) for pair in cells for cell in pair)
    freedom = sum(cell.size - 1 for pair in cells for cell in pair)
    variance = within / freedom
    if variance <= np.finfo(np.float64).eps * float(np.square(y).mean()):
        return Refusal(NO_VARIATION, "scores do not vary within raters and groups")
    weight = 1 / spread
    common = float(weight @ difference / weight.sum())
    # Departing from the others is departing from all, drawn out by one's own share in all.
    others = weight.sum() - weight
    departure = (difference - common) * weight.sum() / others
    error = np.sqrt(variance * (spread + 1 / others))
    ratio = float(weight @ (difference - common) ** 2) / (difference.size - 1) / variance
    p = 2 * t.sf(np.abs(departure / error), freedom)
    adjusted = adjust_p_values(p, "BH")
    assert not isinstance(adjusted, Refusal)  # two raters at least have a p-value
    reach = t.ppf((1 + confidence) / 2, freedom) * error
    return RaterGroupInteraction(
        raters=names[enough],
        left_out=names[~enough],
        difference=difference,
        standard_error=np.sqrt(variance * spread),
        common=common,
        departure=departure,
        low=departure - reach,
        high=departure + reach,
        p_value=p,
        adjusted_p_value=adjusted,
        f=ratio,
        interaction_p_value=float(f.sf(ratio, difference.size - 1, freedom)),
    )
