"""Short-run Z-MR chart: many parts, each too few for a chart of its own, on one scale."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import (
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_labels,
    refuse_values,
)
from orchestration.statistics.spc.constants import D2_TABLE, D4_TABLE, LIMIT_SIGMAS
from orchestration.statistics.spc.flat import Floats


@dataclass(frozen=True)
class ShortRunChart:
    """Standardised readings and their moving ranges.

    Attributes
    ----------
    z : ndarray, shape (n,)
        (reading - mean of its part) / sigma of its part. Centre 0, limits -+ 3.
    moving_range : ndarray, shape (n,)
        Of ``z``, in order of time and across changes of part; NaN at the first point and next to
        a gap. Centre d2, upper limit 3.267 d2, lower 0.
    mean, sigma : mapping of part to float
    lower, upper : float
    moving_range_centre, moving_range_upper : float
    """

    z: Floats
    moving_range: Floats
    mean: Mapping[Hashable, float]
    sigma: Mapping[Hashable, float]
    lower: float
    upper: float
    moving_range_centre: float
    moving_range_upper: float


def short_run_chart(
    values: ArrayLike, part: ArrayLike, *, d2: float = D2_TABLE
) -> ShortRunChart | Refusal:
    """Return the Z-MR chart: each part has its own mean and its own mean moving range / d2.

    Moving ranges of a part are taken over its readings in order, those of other parts left out
    (Minitab's "by parts").

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings, oldest first; NaN marks a missing one, across which no moving range is taken.
    part : array_like, shape (n,)
        Part of each reading.
    d2 : float
        Divisor of the mean moving range.

    Returns
    -------
    ShortRunChart or Refusal
        Refused: a part that is unknown; with the part: no moving range, or none above zero.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    Montgomery, *Introduction to Statistical Quality Control*, "Control charts for short production
    runs"; Wheeler, *Short Run SPC* (1991).

    Examples
    --------
    >>> chart = short_run_chart([1, 3, 10, 20, 1], ["a", "a", "b", "b", "a"])
    >>> chart.z.round(4).tolist()
    [-0.376, 0.752, -0.564, 0.564, -0.376]
    """
    refusal = refuse_values(values) or refuse_labels(part, "part")
    if refusal is not None:
        return refusal
    points, parts = np.asarray(values, dtype=np.float64), np.asarray(part)
    if parts.shape != points.shape:
        raise ValueError(f"parts {parts.shape} and readings {points.shape} differ in shape")
    z = np.full(points.size, np.nan)
    means: dict[Hashable, float] = {}
    sigmas: dict[Hashable, float] = {}
    names, first = np.unique(parts, return_index=True)
    for name in names[np.argsort(first)].tolist():
        of_part = parts == name
        readings = points[of_part]
        ranges = np.abs(np.diff(readings))
        ranges = ranges[np.isfinite(ranges)]
        if ranges.size == 0:
            return Refusal(TOO_FEW_READINGS, f"part {name} has no moving range")
        if not np.any(ranges > 0):
            return Refusal(NO_VARIATION, f"part {name} does not vary")
        means[name] = float(np.nanmean(readings))
        sigmas[name] = float(ranges.mean()) / d2
        z[of_part] = (readings - means[name]) / sigmas[name]
    moving_range = np.full(points.size, np.nan)
    moving_range[1:] = np.abs(np.diff(z))
    return ShortRunChart(
        z=z,
        moving_range=moving_range,
        mean=means,
        sigma=sigmas,
        lower=-LIMIT_SIGMAS,
        upper=LIMIT_SIGMAS,
        moving_range_centre=d2,
        moving_range_upper=D4_TABLE * d2,
    )
