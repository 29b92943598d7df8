"""Three verdicts on a scorecard cell, kept apart because they answer different questions.

Band: where does the figure stand? Variation: did anything happen, and was it good? Assurance: will
this process meet its target as it runs now? The signal itself comes from
`orchestration.statistics.spc`; only here does it get a meaning.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.governance.scale import BAND, HIGHER, LOWER, known_direction, turn

Labels = NDArray[np.object_]

WORSE_THAN_THRESHOLD: Final = "worse_than_threshold"
THRESHOLD: Final = "threshold"
TARGET: Final = "target"
STRETCH: Final = "stretch"
NO_TARGET: Final = "no_target"
NOT_MEASURED: Final = "not_measured"
LEVELS_OUT_OF_ORDER: Final = "levels_out_of_order"
BANDS: Final = (
    WORSE_THAN_THRESHOLD,
    THRESHOLD,
    TARGET,
    STRETCH,
    NO_TARGET,
    NOT_MEASURED,
    LEVELS_OUT_OF_ORDER,
)

IMPROVING: Final = "special_cause_improving"
DETERIORATING: Final = "special_cause_deteriorating"
SPECIAL_NEUTRAL: Final = "special_cause_neutral"
COMMON_CAUSE: Final = "common_cause"
NOT_CHARTED: Final = "not_charted"
VARIATIONS: Final = (IMPROVING, DETERIORATING, SPECIAL_NEUTRAL, COMMON_CAUSE, NOT_CHARTED)

WILL_MEET: Final = "will_meet"
WILL_MISS: Final = "will_miss"
HIT_AND_MISS: Final = "hit_and_miss"
NOT_ASSESSABLE: Final = "not_assessable"
ASSURANCES: Final = (WILL_MEET, WILL_MISS, HIT_AND_MISS, NOT_ASSESSABLE)


def band(
    value: ArrayLike,
    *,
    threshold: ArrayLike,
    target: ArrayLike,
    stretch: ArrayLike,
    direction: ArrayLike,
) -> Labels:
    """Return the best level that each value reaches; a value on a level has reached it.

    Parameters
    ----------
    value, threshold, target, stretch : array_like of float, shape (n,) or scalar
        In the KPI's unit; NaN where there is none. Without a threshold whatever misses the
        target is ``worse_than_threshold``; without a target the cell has no band.
    direction : array_like of str
        One of `scale.DIRECTIONS`; for ``band`` see `scale.turn`.

    Returns
    -------
    ndarray of str, shape (n,)
        One of `BANDS`.

    Raises
    ------
    ValueError
        As `scale.turn`.

    Examples
    --------
    >>> band([84, 85, 93], threshold=80, target=85, stretch=92, direction="higher").tolist()
    ['threshold', 'target', 'stretch']
    """
    scale = turn(value, threshold=threshold, target=target, stretch=stretch, direction=direction)
    return _pick(
        [
            (np.isnan(scale.value), NOT_MEASURED),
            (np.isnan(scale.target), NO_TARGET),
            (~scale.in_order, LEVELS_OUT_OF_ORDER),
            (scale.value >= scale.stretch, STRETCH),
            (scale.value >= scale.target, TARGET),
            (scale.value >= scale.threshold, THRESHOLD),
        ],
        WORSE_THAN_THRESHOLD,
    )


def variation(
    side: ArrayLike, *, is_signal: ArrayLike, is_charted: ArrayLike, direction: ArrayLike
) -> Labels:
    """Return what each reading's signal means, given which way is better.

    Parameters
    ----------
    side : array_like of int, shape (n,) or scalar
        Side of the signal: 1 above, -1 below, 0 where there is none or it has no side (points that
        alternate, or hug the centre).
    is_signal : array_like of bool
        Whether the reading breaks a rule of its chart.
    is_charted : array_like of bool
    direction : array_like of str
        For ``band`` neither side is better as such; a signal is neutral, as one without a side is.

    Returns
    -------
    ndarray of str, shape (n,)
        One of `VARIATIONS`.

    Raises
    ------
    ValueError
        If a direction is unknown, or a reading has a side and is no signal.
    """
    which, signal, charted, way = (
        np.atleast_1d(each)
        for each in np.broadcast_arrays(
            np.asarray(side, dtype=np.int64),
            np.asarray(is_signal, dtype=np.bool_),
            np.asarray(is_charted, dtype=np.bool_),
            known_direction(direction),
        )
    )
    if np.any((which != 0) & ~signal):
        at = int(np.flatnonzero((which != 0) & ~signal)[0])
        raise ValueError(f"cell {at}: the side of a signal is given, and that there is none")
    good = np.where(way == HIGHER, which, np.where(way == LOWER, -which, 0))
    return _pick(
        [
            (~charted, NOT_CHARTED),
            (~signal, COMMON_CAUSE),
            (good > 0, IMPROVING),
            (good < 0, DETERIORATING),
        ],
        SPECIAL_NEUTRAL,
    )


def assurance(
    *,
    lcl: ArrayLike,
    ucl: ArrayLike,
    target: ArrayLike,
    direction: ArrayLike,
    is_charted: ArrayLike,
    stretch: ArrayLike = np.nan,
) -> Labels:
    """Return whether a process that keeps running as it does will meet its target.

    Both limits on the target's good side: it will meet it. Both on the other: it will miss it,
    however hard anyone tries. The target between them: single readings hit and miss by chance.

    Parameters
    ----------
    lcl, ucl : array_like of float, shape (n,) or scalar
        Control limits in the KPI's unit, NaN when not charted.
    target : array_like of float
    direction : array_like of str
        For ``band`` the target is met between ``target`` and its mirror image about ``stretch``.
    is_charted : array_like of bool
    stretch : array_like of float
        Read for ``band`` only.

    Returns
    -------
    ndarray of str, shape (n,)
        One of `ASSURANCES`.

    Raises
    ------
    ValueError
        If a direction is unknown.
    """
    low, high, aim, ideal, charted, way = (
        np.atleast_1d(each)
        for each in np.broadcast_arrays(
            *(np.asarray(each, dtype=np.float64) for each in (lcl, ucl, target, stretch)),
            np.asarray(is_charted, dtype=np.bool_),
            known_direction(direction),
        )
    )
    is_band = way == BAND
    half = np.abs(aim - ideal)
    # The range of values that meet the target.
    best_low = np.where(is_band, ideal - half, np.where(way == HIGHER, aim, -np.inf))
    best_high = np.where(is_band, ideal + half, np.where(way == LOWER, aim, np.inf))
    has_side = (way == HIGHER) | (way == LOWER) | is_band
    known = charted & has_side & np.isfinite(low) & np.isfinite(high) & np.isfinite(aim)
    known &= ~np.isnan(best_low) & ~np.isnan(best_high)
    return _pick(
        [
            (~known, NOT_ASSESSABLE),
            ((low >= best_low) & (high <= best_high), WILL_MEET),
            ((high < best_low) | (low > best_high), WILL_MISS),
        ],
        HIT_AND_MISS,
    )


def _pick(cases: list[tuple[NDArray[np.bool_], str]], otherwise: str) -> Labels:
    conditions = [condition for condition, _ in cases]
    codes = np.select(conditions, list(range(len(cases))), default=len(cases))
    labels: Labels = np.array([label for _, label in cases] + [otherwise], dtype=object)[codes]
    return labels
