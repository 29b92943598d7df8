"""Whether a shift in a KPI is an error in the data, or something that happened.

A chart says that a shift is there; it cannot say what it is. Errors leave traces that processes do
not: a factor between units of measure, records that came twice or not at all, values that stand
still, a break in all that one feed carries and in nothing else. What happened leaves the opposite:
another feed saw it too.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import (
    NO_VARIATION,
    NOT_POSITIVE,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.constants import D2_EXACT
from orchestration.statistics.spc.flat import Floats

Trace = Literal["unit_factor", "record_count", "stuck", "whole_feed"]
Verdict = Literal["data_error", "real_shift", "undecided"]

UNIT_FACTORS: Final[dict[str, float]] = {
    "minutes and hours, or seconds and minutes": 60.0,
    "hours and days": 24.0,
    "days and weeks": 7.0,
    "share and percent": 100.0,
    "unit and thousand": 1000.0,
    "pounds and kilograms": 2.20462,
    "inches and millimetres": 25.4,
    "counted twice": 2.0,
}
"""Factors by which figures err; each also the other way round."""

FACTOR_TOLERANCE: Final = 0.02
"""Relative distance of a level's ratio from a factor, beside its standard error."""

WIDEST_RATIO: Final = 0.1
"""Twice the relative error of a ratio beyond which every ratio is near some factor."""

BEYOND_EVENTS: Final = 20.0
"""Factors that hardly any event has, so that a rougher ratio tells them."""

WIDEST_FAR_RATIO: Final = 0.5
"""As `WIDEST_RATIO` for these."""

SHIFTED: Final = 4.0
"""Standard errors. Without a shift 0.1 % of series pass (24 readings before it), 0.9 % with 8."""

FEWEST_BEFORE: Final = 8
FEWEST_AFTER: Final = 3


@dataclass(frozen=True)
class Triage:
    """What speaks for an error, what for an event.

    Attributes
    ----------
    shift : float
        Mean after less mean before.
    z : float
        Over its standard error by moving ranges before the shift.
    traces : tuple of str
        ``unit_factor``: the levels' ratio is a factor between units; ``record_count``: the number
        of records shifted with it; ``stuck``: no reading after differs from the others, though
        those before did; ``whole_feed``: most other series of the feed shifted, none elsewhere.
    factor : str or None
        Which factor.
    corroborated : bool
        Whether a related series of another feed shifted at the same time.
    verdict : {"data_error", "real_shift", "undecided"}
        An error where there is a trace and no corroboration, an event where it is the other way
        round.
    """

    shift: float
    z: float
    traces: tuple[Trace, ...]
    factor: str | None
    corroborated: bool
    verdict: Verdict


def triage_shift(
    readings: ArrayLike,
    at: int,
    *,
    record_counts: ArrayLike | None = None,
    same_feed: ArrayLike | None = None,
    other_feeds: ArrayLike | None = None,
    fewest_after: int = FEWEST_AFTER,
) -> Triage | Refusal:
    """Return whether a shift looks like an error in the data or like an event.

    Parameters
    ----------
    readings : array_like, shape (n,)
        Equally spaced, oldest first, without gaps.
    at : int
        Place (from 0) of the first reading after the shift.
    record_counts : array_like, shape (n,), optional
        Records behind each reading.
    same_feed : array_like, shape (n, k), optional
        Other series that the same feed carries, which need not be related.
    other_feeds : array_like, shape (n, m), optional
        Series of other feeds that an event behind the shift would move too.
    fewest_after : int
        One is enough for a unit factor; to stand still takes `FEWEST_AFTER` whatever this says.

    Returns
    -------
    Triage or Refusal
        Refused: missing or infinite readings, fewer than `FEWEST_BEFORE` before or
        ``fewest_after`` after, readings before that do not vary, no shift (less than `SHIFTED`
        standard errors), counts not above 0.

    Raises
    ------
    ValueError
        If ``at`` lies outside the series or lengths differ.
    """
    x = np.asarray(readings, dtype=np.float64)
    if not 0 < at < x.size:
        raise ValueError(f"the shift at {at} lies outside a series of {x.size}")
    others = [_columns(one, x.size) for one in (record_counts, same_feed, other_feeds)]
    counts, same, elsewhere = others
    refusal = refuse_values(x, least=x.size)
    if refusal is not None:
        return refusal
    if at < FEWEST_BEFORE or x.size - at < fewest_after:
        return Refusal(
            TOO_FEW_READINGS,
            f"{at} readings before and {x.size - at} after, "
            f"{FEWEST_BEFORE} and {fewest_after} are needed",
        )
    if np.all(x[:at] == x[0]):
        return Refusal(NO_VARIATION, "the readings before do not vary")
    if np.any(counts <= 0):
        return Refusal(NOT_POSITIVE, "a reading has no records")
    z, shift = _shift(x, at), float(x[at:].mean() - x[:at].mean())
    if abs(z) < SHIFTED:
        return Refusal(NO_VARIATION, f"no shift: {abs(z):.1f} standard errors")
    moved = _moved(same, at)
    corroborated = bool(_moved(elsewhere, at).any())
    factor = _factor(x, at)
    found: dict[Trace, bool] = {
        "unit_factor": factor is not None,
        "record_count": bool(_moved(np.log(counts), at).any()),
        "stuck": x.size - at >= FEWEST_AFTER and bool(np.all(x[at:] == x[at])),
        "whole_feed": bool(moved.size and moved.mean() > 1 / 2 and elsewhere.size > 0)
        and not corroborated,
    }
    traces = tuple(trace for trace, there in found.items() if there)
    verdict: Verdict = "undecided"
    if bool(traces) != corroborated:
        verdict = "data_error" if traces else "real_shift"
    return Triage(shift, z, traces, factor, corroborated, verdict)


def _columns(series: ArrayLike | None, n: int) -> Floats:
    if series is None:
        return np.ones((n, 0))
    columns = np.asarray(series, dtype=np.float64)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if len(columns) != n:
        raise ValueError(f"series of {len(columns)} beside readings of {n}")
    return columns


def _moved(series: Floats, at: int) -> np.ndarray:
    """Return which series shifted; one with a gap or without variation before is not known to."""
    return np.asarray(np.abs(shifts(series, at)) >= SHIFTED)


def shifts(series: Floats, at: int) -> Floats:
    """Differences of means of columns in standard errors, nil where it cannot be told.

    Parameters
    ----------
    series : ndarray, shape (n, k)
    at : int
        First row after the shift, at least 2.
    """
    sigma = np.abs(np.diff(series[:at], axis=0)).mean(axis=0) / D2_EXACT
    is_known = np.isfinite(series).all(axis=0) & (sigma > 0)
    change = series[at:].mean(axis=0) - series[:at].mean(axis=0)
    error = sigma * np.sqrt(1 / at + 1 / (len(series) - at))
    return np.asarray(np.divide(change, error, out=np.zeros(series.shape[1]), where=is_known))


def _shift(x: Floats, at: int) -> float:
    return float(shifts(x[:, None], at)[0])


def _factor(x: Floats, at: int) -> str | None:
    """Return the factor nearest to the ratio of the levels, if it cannot be told from it."""
    before, after = float(x[:at].mean()), float(x[at:].mean())
    if before == 0 or after / before <= 0:
        return None
    ratio = abs(np.log(after / before))
    # The later readings scatter with their level.
    spread = float(np.abs(np.diff(x[:at])).mean()) / D2_EXACT / abs(before)
    error = spread * np.sqrt(1 / at + 1 / (x.size - at))
    away = {name: abs(ratio - np.log(value)) for name, value in UNIT_FACTORS.items()}
    name = min(away, key=lambda one: away[one])
    if 2 * error > (WIDEST_RATIO if UNIT_FACTORS[name] < BEYOND_EVENTS else WIDEST_FAR_RATIO):
        return None
    return name if away[name] <= max(FACTOR_TOLERANCE, 2 * error) else None


@dataclass(frozen=True)
class StandStill:
    """How long a feed that used to change has brought nothing new.

    Attributes
    ----------
    deliveries : int
        In a row up to the last one, without any change.
    changed_before, before : int
        Of how many deliveries before these how many brought a change.
    chance : float
        That as many in a row bring none, if each does as those before did.
    is_still : bool
        Whether that is less than `STILL_CHANCE`.
    """

    deliveries: int
    changed_before: int
    before: int
    chance: float
    is_still: bool


STILL_CHANCE: Final = 0.01


def stands_still(changed: ArrayLike) -> StandStill | Refusal:
    """Return whether a whole list that is delivered again and again has stopped being kept.

    Parameters
    ----------
    changed : array_like of bool, shape (n,)
        Whether a delivery differed from the one before, oldest first, without the first one.

    Returns
    -------
    StandStill or Refusal
        Refused: fewer than `FEWEST_BEFORE` deliveries before those that stand still.

    Notes
    -----
    The share of deliveries that change is not known, but learned from those before: with a uniform
    prior, the chance of k in a row without change after b of n is a product of (n - b + i) /
    (n + 1 + i), i = 1 to k (Laplace's rule of succession).
    """
    moves = np.asarray(changed, dtype=np.bool_)
    last = np.flatnonzero(moves)
    before = int(last[-1]) + 1 if last.size else 0
    still = moves.size - before
    if before < FEWEST_BEFORE:
        return Refusal(
            TOO_FEW_READINGS, f"{before} deliveries up to the last change, {FEWEST_BEFORE} needed"
        )
    again = np.arange(1, still + 1)
    chance = float(np.prod((before - last.size + again) / (before + 1 + again)))
    return StandStill(still, last.size, before, chance, still > 0 and chance < STILL_CHANCE)
