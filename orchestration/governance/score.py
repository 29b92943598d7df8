"""The 0-10 score of a cell, and the weighted score of a card."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from orchestration.governance.scale import Floats, turn

FLOOR_SCORE: Final = 0.0
THRESHOLD_SCORE: Final = 5.0
TARGET_SCORE: Final = 8.0
STRETCH_SCORE: Final = 10.0


def score(
    value: ArrayLike,
    *,
    threshold: ArrayLike,
    target: ArrayLike,
    stretch: ArrayLike,
    direction: ArrayLike,
    floor: ArrayLike = np.nan,
) -> Floats:
    """Return scores between 0 and 10, piecewise linear between a KPI's levels.

    0 at the floor and worse, 5 at threshold, 8 at target, 10 at stretch and better; mirrored by
    direction.

    Parameters
    ----------
    value, threshold, target, stretch, floor : array_like of float, shape (n,) or scalar
        In the KPI's unit; NaN where there is none. Without a floor the line from target to
        threshold goes on down to 0; without a stretch a value better than the target has 8,
        since nobody said what better is worth; without threshold or target there is no score.
    direction : array_like of str
        One of `scale.DIRECTIONS`. ``neutral`` has no score; for ``band`` see `scale.turn`.

    Returns
    -------
    ndarray, shape (n,)
        NaN where value, threshold or target is missing (unmeasured is not zero) or the levels
        contradict each other.

    Raises
    ------
    ValueError
        As `scale.turn`.

    Examples
    --------
    >>> levels = {"floor": 60, "threshold": 80, "target": 85, "stretch": 92}
    >>> score([50, 70, 80, 85, 92, 99], direction="higher", **levels).tolist()
    [0.0, 2.5, 5.0, 8.0, 10.0, 10.0]
    """
    scale = turn(
        value,
        threshold=threshold,
        target=target,
        stretch=stretch,
        direction=direction,
        floor=floor,
    )
    per_point = (scale.target - scale.threshold) / (TARGET_SCORE - THRESHOLD_SCORE)
    bottom = np.where(
        np.isnan(scale.floor),
        scale.threshold - per_point * (THRESHOLD_SCORE - FLOOR_SCORE),
        scale.floor,
    )
    top = np.where(np.isnan(scale.stretch), np.inf, scale.stretch)
    low = _between(scale.value, bottom, scale.threshold, FLOOR_SCORE, THRESHOLD_SCORE)
    middle = _between(scale.value, scale.threshold, scale.target, THRESHOLD_SCORE, TARGET_SCORE)
    high = _between(scale.value, scale.target, top, TARGET_SCORE, STRETCH_SCORE)
    scored = np.where(
        scale.value < scale.threshold, low, np.where(scale.value < scale.target, middle, high)
    )
    known = np.isfinite(scale.value) & np.isfinite(scale.threshold) & np.isfinite(scale.target)
    known &= scale.in_order
    return np.where(known, np.clip(scored, FLOOR_SCORE, STRETCH_SCORE), np.nan)


@dataclass(frozen=True)
class CardScores:
    """Weighted scores, shape (n_cards,) each.

    Attributes
    ----------
    score : ndarray
        Mean of the measured cells by weight; NaN for a card without any.
    measured_weight_share : ndarray
        Weight of the measured cells over the weight of all cells of the card.
    """

    score: Floats
    measured_weight_share: Floats


def weighted_score(
    scores: ArrayLike, weights: ArrayLike, card: ArrayLike, *, n_cards: int | None = None
) -> CardScores:
    """Return each card's score over the cells that were measured.

    A missing cell is left out and the other weights are scaled up; it never counts as zero, and
    the share of the weight that was measured says how much of the card the score stands on.

    Parameters
    ----------
    scores : array_like, shape (n_cells,)
        0 to 10, NaN where unmeasured.
    weights : array_like, shape (n_cells,)
        At least 0; positive in total on every card.
    card : array_like of int, shape (n_cells,)
        Number of each cell's card, from 0.
    n_cards : int, optional
        By default the highest number plus one.

    Returns
    -------
    CardScores

    Raises
    ------
    ValueError
        If a weight is negative or missing, or a card has no weight at all.

    Examples
    --------
    >>> cards = weighted_score([8, float("nan"), 5], [0.5, 0.3, 0.2], [0, 0, 0])
    >>> cards.score.round(3).tolist(), cards.measured_weight_share.tolist()
    ([7.143], [0.7])
    """
    points = np.asarray(scores, dtype=np.float64)
    weight = np.asarray(weights, dtype=np.float64)
    number = np.asarray(card, dtype=np.int64)
    if np.any(~(weight >= 0)):
        raise ValueError("a weight must be a number and not negative")
    size = n_cards or 0
    measured = np.isfinite(points)
    total = np.bincount(number, weights=weight, minlength=size)
    if np.any(total <= 0):
        raise ValueError(f"card {int(np.flatnonzero(total <= 0)[0])} has no weight")
    counted = np.where(measured, weight, 0.0)
    share = np.bincount(number, weights=counted, minlength=size)
    earned = np.bincount(number, weights=counted * np.where(measured, points, 0.0), minlength=size)
    mean = np.full(total.shape, np.nan)
    np.divide(earned, share, out=mean, where=share > 0)
    return CardScores(score=mean, measured_weight_share=share / total)


def _between(value: Floats, worse: Floats, better: Floats, low: float, high: float) -> Floats:
    """Interpolate; where both levels are one, reaching it earns the higher score."""
    apart = better > worse
    share = (value - worse) / np.where(apart, better - worse, 1.0)
    return np.where(apart, low + (high - low) * share, np.where(value >= better, high, low))
