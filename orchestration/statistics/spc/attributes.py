"""p, np, u, c, Laney p' and Laney u' charts of one series, with their refusals."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import NO_VARIATION, Refusal, refuse_counts
from orchestration.statistics.spc.charts import (
    laney_p_limits,
    laney_u_limits,
    p_limits,
    u_limits,
)
from orchestration.statistics.spc.constants import D2_TABLE
from orchestration.statistics.spc.flat import Floats

AttributeKind = Literal["p", "np", "u", "c", "laney_p", "laney_u"]
ATTRIBUTE_KINDS: Final[tuple[AttributeKind, ...]] = ("p", "np", "u", "c", "laney_p", "laney_u")


@dataclass(frozen=True)
class AttributeChart:
    """Lines of every reading, shape (n,) each.

    Attributes
    ----------
    value : ndarray
        What is plotted: rate, or count on np and c charts.
    centre, lower, upper : ndarray
        Three-sigma limits, cut to what the figure can be.
    sigma : ndarray
        Standard deviation of the plotted figure, on Laney charts with the spread between readings.
    z : ndarray
        Distance from the centre in binomial or Poisson sigma.
    sigma_z : float
        Mean moving range of ``z`` over d2, of the baseline; NaN on plain charts.
    """

    value: Floats
    centre: Floats
    sigma: Floats
    lower: Floats
    upper: Floats
    z: Floats
    sigma_z: float


def attribute_chart(
    kind: AttributeKind,
    counts: ArrayLike,
    sizes: ArrayLike | None = None,
    *,
    baseline: ArrayLike | None = None,
    screen_moving_ranges: bool = False,
    d2: float = D2_TABLE,
) -> AttributeChart | Refusal:
    """Return the chart of a count.

    Parameters
    ----------
    kind : str
        One of `ATTRIBUTE_KINDS`.
    counts : array_like, shape (n,)
        Events of each reading; NaN marks a period without one.
    sizes : array_like, shape (n,), optional
        Trials (p, np, laney_p) or exposure (u, laney_u). A c chart takes none.
    baseline : array_like of bool, shape (n,), optional
        Readings that set the centre (sum of events over sum of sizes) and, on Laney charts,
        sigma_z; by default all.
    screen_moving_ranges, d2
        Laney charts: as in `individuals_limits`, on ``z``.

    Returns
    -------
    AttributeChart or Refusal
        Refused: no, infinite or negative readings, a size not above zero, more events than
        trials, fewer than two readings, a baseline without events or (p) without non-events.

    Raises
    ------
    ValueError
        If the kind is unknown, sizes are missing (or given to a c chart), or shapes differ.

    References
    ----------
    NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.3; Laney, "Improved control charts for
    attributes", *Quality Engineering* 14 (2002) 531-537.

    Examples
    --------
    >>> chart = attribute_chart("c", [16, 9, 12, 27])
    >>> float(chart.centre[0]), float(chart.upper[0]), float(chart.lower[0])
    (16.0, 28.0, 4.0)
    """
    if kind not in ATTRIBUTE_KINDS:
        raise ValueError(f"unknown chart {kind}; known: {', '.join(ATTRIBUTE_KINDS)}")
    if (sizes is None) != (kind == "c"):
        raise ValueError(f"a {kind} chart {'needs no' if kind == 'c' else 'needs'} sizes")
    proportion = kind in {"p", "np", "laney_p"}
    refusal = refuse_counts(counts, sizes, at_most_size=proportion)
    if refusal is not None:
        return refusal
    events = np.asarray(counts, dtype=np.float64)
    size = np.where(np.isfinite(events), 1.0, np.nan) if sizes is None else np.asarray(sizes, float)
    plain = (p_limits if proportion else u_limits)(events, size, baseline=baseline)
    if not np.any(plain.sigma > 0):
        return Refusal(NO_VARIATION, "the baseline has no events, or nothing but events")
    z = (events / size - plain.centre) / plain.sigma
    limits = plain
    if kind in {"laney_p", "laney_u"}:
        limits = (laney_p_limits if proportion else laney_u_limits)(
            events, size, baseline=baseline, d2=d2, screen_moving_ranges=screen_moving_ranges
        )
        if not limits.sigma_z[0] > 0:
            return Refusal(NO_VARIATION, "no moving range of the baseline is above zero")
    unit = size if kind == "np" else np.ones_like(size)
    return AttributeChart(
        value=events / size * unit,
        centre=limits.centre * unit,
        sigma=limits.sigma * unit,
        lower=limits.lower * unit,
        upper=limits.upper * unit,
        z=z,
        sigma_z=float(limits.sigma_z[0]),
    )
