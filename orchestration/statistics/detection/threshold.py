"""The verdict on a threshold: a break that is there, and is not there at other thresholds."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.detection.bunching import density_break, placebo_breaks
from orchestration.statistics.detection.heaping import break_of_counts_by_width
from orchestration.statistics.refusal import TOO_COARSE, Refusal

FEWEST_PLACEBOS: Final = 5

# Part of the range within which two values are one.
_SAME = 1e-9


@dataclass(frozen=True)
class ThresholdVerdict:
    """Whether values break at a threshold.

    Attributes
    ----------
    test : {"density", "counts"}
        Of a density, or of the counts per level where values are rounded.
    significant : bool
    p_value : float
    placebo_rejections, placebos : int
        How many of the placebo thresholds reject at the same level. None are taken of counts.
    lumpy : bool
        More placebos reject than chance allows (at the threshold's own level, p < .05): a break
        here is then no evidence.
    """

    test: Literal["density", "counts"]
    significant: bool
    p_value: float
    placebo_rejections: int
    placebos: int
    lumpy: bool


def judge_threshold(
    values: ArrayLike, cutoff: float, *, alpha: float = 0.05, step: float | None = None
) -> ThresholdVerdict | Refusal:
    """Return whether values are piled up at a threshold, with placebos.

    Parameters
    ----------
    values : array_like, shape (n,)
        One value per event; NaN marks a missing one.
    cutoff : float
    alpha : float
    step : float, optional
        Resolution of rounded values; by default the smallest distance of two of them.

    Returns
    -------
    ThresholdVerdict or Refusal
        Refused as `bunching.density_break` is, or, where values are too coarse for it, as
        `heaping.break_of_counts_by_width`.
    """
    found = density_break(values, cutoff)
    if isinstance(found, Refusal):
        if found.reason != TOO_COARSE:
            return found
        counted = break_of_counts_by_width(
            values, cutoff, step=resolution(values) if step is None else step
        )
        if isinstance(counted, Refusal):
            return counted
        return ThresholdVerdict(
            "counts", counted.p_value < alpha, counted.p_value, 0, 0, lumpy=False
        )
    placebos = placebo_breaks(values, cutoff)
    p = np.array([]) if isinstance(placebos, Refusal) else placebos.p_values
    p = p[np.isfinite(p)]
    rejected = int(np.count_nonzero(p < alpha))
    return ThresholdVerdict(
        test="density",
        significant=found.p_value < alpha,
        p_value=found.p_value,
        placebo_rejections=rejected,
        placebos=int(p.size),
        # Of ten honest placebos at 5 %, three or more reject with chance 1.2 %.
        lumpy=p.size >= FEWEST_PLACEBOS and rejected > max(2, 2 * alpha * p.size),
    )


def resolution(values: ArrayLike) -> float:
    """Return the smallest distance of two values, which must not all be alike."""
    x = np.asarray(values, dtype=np.float64)
    x = np.sort(x[np.isfinite(x)])
    gaps = np.diff(x)
    # Decimal steps have no exact double: 0.3 - 0.2 is not 0.1, and 0.1 + 0.2 - 0.3 not 0.
    smallest = gaps[gaps > _SAME * (x[-1] - x[0])].min()
    return float(f"{smallest:.9g}")
