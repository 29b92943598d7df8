"""How much of a ratio's change is another mix of its parts, and how much the parts' own change."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import (
    IMPOSSIBLE_COUNT,
    INFINITE_VALUE,
    ZERO_DENOMINATOR,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats


@dataclass(frozen=True)
class Mix:
    """Changes of ratios of sums, divided exactly.

    Attributes
    ----------
    before, after : ndarray, shape (n,)
        Sum of numerators over sum of denominators; NaN where there is nothing to divide by.
    mix, within : ndarray, shape (n,)
        ``mix + within = after - before``.
    mix_of, within_of : ndarray, shape (n, k)
        The same by part, adding up along the parts. A part's mix is its gain of share times its
        distance from the whole: more of a part that is better than the whole lifts it.
    gain : ndarray, shape (n, k)
        Share of the denominator afterwards less that before.
    weight : ndarray, shape (n, k)
        Mean share of the parts that are in both; 0 for one that came or went.
    """

    before: Floats
    after: Floats
    mix: Floats
    within: Floats
    mix_of: Floats
    within_of: Floats
    gain: Floats
    weight: Floats


def mix_effect(
    numerator_before: ArrayLike,
    denominator_before: ArrayLike,
    numerator_after: ArrayLike,
    denominator_after: ArrayLike,
) -> Mix | Refusal:
    """Divide changes of ratios of sums into mix and change within parts.

    Parameters
    ----------
    numerator_before, denominator_before, numerator_after, denominator_after : array_like, (n, k)
        Of k parts (lines, products) in n comparisons. A part whose denominator is missing or 0 is
        not there in that period.

    Returns
    -------
    Mix or Refusal
        A comparison with nothing to divide by, or with a numerator missing where there is a
        denominator, is NaN. Refused: infinite figures, negative denominators, denominators that
        are 0 throughout one of the periods.

    Raises
    ------
    ValueError
        If the arrays differ in shape or are no matrices.

    Notes
    -----
    With shares w and ratios r the whole is the sum of w r. Shapley's value of the two factors
    "shares" and "ratios" takes neither first: mix is ``(w1 - w0) (r0 + r1) / 2``, within is
    ``(r1 - r0) (w0 + w1) / 2``. A part that came or went has one ratio only, and all it changes is
    mix. A part's mix is told about the mean of both wholes, which changes no sum, as shares sum to
    one. Shorrocks, "Decomposition procedures for distributional analysis: a unified framework
    based on the Shapley value", *Journal of Economic Inequality* 11 (2013) 99-126; for two factors
    Marshall and Edgeworth's.

    Examples
    --------
    >>> found = mix_effect([[10, 30]], [[100, 100]], [[15, 15]], [[150, 50]])
    >>> found.before.tolist(), found.after.tolist(), found.mix.round(10).tolist()
    ([0.2], [0.15], [-0.05])
    """
    arrays = [
        np.asarray(one, dtype=np.float64)
        for one in (numerator_before, denominator_before, numerator_after, denominator_after)
    ]
    if any(one.ndim != 2 for one in arrays) or len({one.shape for one in arrays}) > 1:  # noqa: PLR2004
        raise ValueError(
            f"four matrices of one shape expected, not {[one.shape for one in arrays]}"
        )
    if any(np.isinf(one).any() for one in arrays):
        return Refusal(INFINITE_VALUE, "a numerator or denominator is infinite")
    if np.any(arrays[1] < 0) or np.any(arrays[3] < 0):
        return Refusal(IMPOSSIBLE_COUNT, "a denominator is negative")
    if any(one.size and np.all(one == 0) for one in (arrays[1], arrays[3])):
        return Refusal(ZERO_DENOMINATOR, "all denominators of a period are 0")
    before, share_before, ratio_before = _shares(arrays[0], arrays[1])
    after, share_after, ratio_after = _shares(arrays[2], arrays[3])
    in_both = (share_before > 0) & (share_after > 0)
    gain = share_after - share_before
    only = np.where(share_before > 0, ratio_before, ratio_after)
    between = np.where(in_both, (ratio_before + ratio_after) / 2, only)
    weight = np.where(in_both, (share_before + share_after) / 2, 0.0)
    within_of = np.where(in_both, (ratio_after - ratio_before) * weight, 0.0)
    mix_of = gain * (between - ((before + after) / 2)[:, None])
    is_known = np.isfinite(before) & np.isfinite(after)
    for table in (mix_of, within_of, gain, weight):
        table[~is_known] = np.nan
    return Mix(
        before=before,
        after=after,
        mix=mix_of.sum(axis=1),
        within=within_of.sum(axis=1),
        mix_of=mix_of,
        within_of=within_of,
        gain=gain,
        weight=weight,
    )


def _shares(numerator: Floats, denominator: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the whole's ratio, and shares and ratios of the parts (0 where they are not there)."""
    is_there = np.nan_to_num(denominator) > 0
    sizes = np.where(is_there, denominator, 0.0)
    events = np.where(is_there, numerator, 0.0)
    total = sizes.sum(axis=1)
    known = np.where(total > 0, total, np.nan)
    whole = events.sum(axis=1) / known
    share = np.where(total[:, None] > 0, sizes / known[:, None], 0.0)
    ratio = np.where(is_there, events / np.where(is_there, sizes, 1.0), 0.0)
    return whole, share, ratio
