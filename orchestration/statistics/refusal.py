"""The answer of a statistic that cannot be computed honestly: a name, and one sentence.

A refusal is returned and not raised, so that one series without variation does not stop the other
thousand. Errors in the call itself (unknown method, arrays of different lengths) are `ValueError`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

NO_VALUE: Final = "no_value"
INFINITE_VALUE: Final = "infinite_value"
ZERO_DENOMINATOR: Final = "zero_denominator"
IMPOSSIBLE_COUNT: Final = "impossible_count"
TOO_FEW_READINGS: Final = "too_few_readings"
NO_VARIATION: Final = "no_variation"
NOT_CONVERGED: Final = "not_converged"
SINGULAR_COVARIANCE: Final = "singular_covariance"
NOT_POSITIVE: Final = "not_positive"
IMPOSSIBLE_VALUE: Final = "impossible_value"
GAP_IN_SERIES: Final = "gap_in_series"
UNSTABLE_PROCESS: Final = "unstable_process"
NO_SPECIFICATION: Final = "no_specification"
TOO_COARSE: Final = "too_coarse"
SEPARATION: Final = "separation"
TOO_NARROW: Final = "too_narrow"
TOO_FEW_CLUSTERS: Final = "too_few_clusters"
DUPLICATE_PERIOD: Final = "duplicate_period"
NO_COMPARISON: Final = "no_comparison"
TOO_MANY: Final = "too_many"


@dataclass(frozen=True)
class Refusal:
    """Why there is no result.

    Attributes
    ----------
    reason : str
        One of the names of this module.
    detail : str
        What is wrong and where, for the person who reads the row.
    """

    reason: str
    detail: str


def refuse_values(values: ArrayLike, *, least: int = 2) -> Refusal | None:
    """Return why readings cannot be used at all, or None.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings; NaN marks a missing one.
    least : int
        Fewest readings that must be there.

    Raises
    ------
    ValueError
        If ``values`` is not one-dimensional.
    """
    readings = _one_dimensional(values)
    if np.any(np.isinf(readings)):
        at = int(np.flatnonzero(np.isinf(readings))[0]) + 1
        return Refusal(INFINITE_VALUE, f"the reading at point {at} is infinite")
    there = int(np.count_nonzero(np.isfinite(readings)))
    if there == 0:
        return Refusal(NO_VALUE, "there is no reading at all")
    if there < least:
        return Refusal(TOO_FEW_READINGS, f"{there} readings, at least {least} are needed")
    return None


def refuse_infinite(**figures: ArrayLike) -> Refusal | None:
    """Return which figures, of any shape, are infinite, or None; NaN may stand for a missing one.

    A filter by `np.isfinite` would drop them without a word, and the rest pass for the whole.
    """
    for name, values in figures.items():
        infinite = np.argwhere(np.isinf(np.asarray(values, dtype=np.float64)))
        if infinite.size:
            at = ", ".join(str(place + 1) for place in infinite[0].tolist())
            return Refusal(INFINITE_VALUE, f"{name}: the figure at {at} is infinite")
    return None


def refuse_labels(labels: ArrayLike, name: str) -> Refusal | None:
    """Return where a reading belongs nowhere (None or NaN for a label), or None."""
    given = np.asarray(labels, dtype=object)
    missing = np.flatnonzero((given == None) | (given != given))  # noqa: E711, PLR0124
    if missing.size:
        return Refusal(GAP_IN_SERIES, f"the {name} of row {missing[0] + 1} is unknown")
    return None


def refuse_counts(
    counts: ArrayLike, sizes: ArrayLike | None = None, *, at_most_size: bool = False, least: int = 2
) -> Refusal | None:
    """Return why counts (of trials, or per exposure) cannot be used, or None.

    Parameters
    ----------
    counts, sizes : array_like, shape (n,)
        Events, and trials or exposure; NaN marks a missing reading.
    at_most_size : bool
        Whether a count above its size is impossible (trials) or not (exposure).
    least : int
        Fewest readings that must be there.
    """
    events = _one_dimensional(counts)
    for name, figures in (("count", events), ("size", sizes)):
        refusal = None if figures is None else refuse_values(figures, least=least)
        if refusal is not None:
            return Refusal(refusal.reason, f"{name}: {refusal.detail}")
    if np.any(events < 0):
        at = int(np.flatnonzero(events < 0)[0]) + 1
        return Refusal(IMPOSSIBLE_COUNT, f"the count at point {at} is negative")
    if sizes is None:
        return None
    trials = _one_dimensional(sizes)
    if trials.shape != events.shape:
        raise ValueError(f"counts {events.shape} and their sizes {trials.shape} differ in shape")
    if np.any(trials <= 0):
        at = int(np.flatnonzero(trials <= 0)[0]) + 1
        return Refusal(ZERO_DENOMINATOR, f"the size at point {at} is not above zero")
    if at_most_size and np.any(events > trials):
        at = int(np.flatnonzero(events > trials)[0]) + 1
        return Refusal(IMPOSSIBLE_COUNT, f"the count at point {at} exceeds its trials")
    return None


def _one_dimensional(values: ArrayLike) -> NDArray[np.float64]:
    readings = np.asarray(values, dtype=np.float64)
    if readings.ndim != 1:
        raise ValueError(f"one reading per point expected, not an array of shape {readings.shape}")
    return readings
