"""The 0-10 score of a cell; `rpt_*_scorecard` weighs the cells of a card in SQL."""

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


def _between(value: Floats, worse: Floats, better: Floats, low: float, high: float) -> Floats:
    """Interpolate; where both levels are one, reaching it earns the higher score."""
    apart = better > worse
    share = (value - worse) / np.where(apart, better - worse, 1.0)
    return np.where(apart, low + (high - low) * share, np.where(value >= better, high, low))
