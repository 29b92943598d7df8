"""Which way is better, and how a KPI's levels are turned so that more is always better."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

HIGHER: Final = "higher"
LOWER: Final = "lower"
BAND: Final = "band"
NEUTRAL: Final = "neutral"
DIRECTIONS: Final = (HIGHER, LOWER, BAND, NEUTRAL)


@dataclass(frozen=True)
class TurnedScale:
    """Values and levels of each cell, turned so that more is better; shape (n,) each."""

    value: Floats
    floor: Floats
    threshold: Floats
    target: Floats
    stretch: Floats


def turn(
    value: ArrayLike,
    *,
    threshold: ArrayLike,
    target: ArrayLike,
    stretch: ArrayLike,
    direction: ArrayLike,
    floor: ArrayLike = np.nan,
) -> TurnedScale:
    """Turn values and levels so that more is better.

    ``higher`` stays; ``lower`` is negated. For ``band`` the stretch level is the ideal and every
    other level a value at the tolerated distance from it, on either side: value and levels become
    negated distances from the ideal. (A span of control with stretch 8, target 6 and threshold 4
    meets its target from 6 to 10.) ``neutral`` has no better side, so its levels become NaN.

    Raises
    ------
    ValueError
        If a direction is unknown, or levels do not get strictly better from floor over threshold
        and target to stretch.
    """
    way = known_direction(direction)
    given = np.broadcast_arrays(
        *(
            np.asarray(each, dtype=np.float64)
            for each in (value, floor, threshold, target, stretch)
        ),
        way == BAND,
        way == LOWER,
        way == NEUTRAL,
    )
    figures = [np.atleast_1d(each).astype(np.float64) for each in given[:5]]
    is_band, is_lower, is_neutral = (np.atleast_1d(each).astype(np.bool_) for each in given[5:])
    ideal = figures[4]
    turned = [
        np.where(is_band, -np.abs(each - ideal), np.where(is_lower, -each, each))
        for each in figures
    ]
    levels = [np.where(is_neutral, np.nan, each) for each in turned[1:]]
    _refuse_disorder(levels)
    # A band without its ideal has no levels, but its value was measured all the same.
    value_turned = np.where(is_band & np.isnan(ideal), figures[0], turned[0])
    return TurnedScale(value_turned, *levels)


def known_direction(direction: ArrayLike) -> NDArray[np.object_]:
    """Return the directions as an array.

    Raises
    ------
    ValueError
        If one is not in `DIRECTIONS`.
    """
    way: NDArray[np.object_] = np.asarray(direction, dtype=object)
    unknown = sorted({str(name) for name in way.ravel()} - set(DIRECTIONS))
    if unknown:
        raise ValueError(f"unknown direction {', '.join(unknown)}; known: {', '.join(DIRECTIONS)}")
    return way


def _refuse_disorder(levels: list[Floats]) -> None:
    """Compare each level with the nearest better one that is set."""
    better = np.full(levels[0].shape, np.inf)
    for level in reversed(levels):
        wrong = np.flatnonzero(level >= better)
        if wrong.size:
            raise ValueError(
                f"cell {wrong[0]}: levels must get strictly better from floor over threshold and "
                "target to stretch"
            )
        better = np.where(np.isnan(level), better, level)
