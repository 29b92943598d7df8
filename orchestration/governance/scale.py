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
    """Values and levels of each cell, turned so that more is better; shape (n,) each.

    Attributes
    ----------
    value, floor, threshold, target, stretch : ndarray
        NaN where there is none.
    in_order : ndarray of bool
        Whether the levels that are set never get worse from floor over threshold and target to
        stretch. Agreed targets arrive one by one and may contradict each other; such a cell
        says so instead of stopping all others.
    """

    value: Floats
    floor: Floats
    threshold: Floats
    target: Floats
    stretch: Floats
    in_order: NDArray[np.bool_]


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
        If a direction is unknown.
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
    # A band without its ideal has no levels, but its value was measured all the same.
    value_turned = np.where(is_band & np.isnan(ideal), figures[0], turned[0])
    turned_floor, turned_threshold, turned_target, turned_stretch = levels
    return TurnedScale(
        value=value_turned,
        floor=turned_floor,
        threshold=turned_threshold,
        target=turned_target,
        stretch=turned_stretch,
        in_order=_in_order(levels),
    )


def known_direction(direction: ArrayLike) -> NDArray[np.object_]:
    """Return the directions as an array.

    Raises
    ------
    ValueError
        If one is not in `DIRECTIONS`.
    """
    way: NDArray[np.object_] = np.asarray(direction, dtype=object)
    unknown = set(way.ravel().tolist()) - set(DIRECTIONS)
    if unknown:
        named = ", ".join(sorted(map(str, unknown)))
        raise ValueError(f"unknown direction {named}; known: {', '.join(DIRECTIONS)}")
    return way


def _in_order(levels: list[Floats]) -> NDArray[np.bool_]:
    """Compare each level with the nearest better one that is set."""
    in_order = np.ones(levels[0].shape, dtype=np.bool_)
    better = np.full(levels[0].shape, np.inf)
    for level in reversed(levels):
        in_order &= ~(level > better)
        better = np.where(np.isnan(level), better, level)
    return in_order
