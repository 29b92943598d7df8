"""What a change of who leads does to a line, beside lines on which nobody changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.experiments.clustered import ClusteredFit, fit_clustered
from orchestration.statistics.refusal import (
    NO_COMPARISON,
    TOO_FEW_READINGS,
    Refusal,
    refuse_infinite,
)
from orchestration.statistics.spc.flat import Bools, Floats, Ints

NOBODY: Final = -1
LEAST_HANDOVERS: Final = 8
"""Fewer would be about persons; the interval of fewer is mostly that of Student's t."""

LONGEST_GAP: Final = 1
"""Months between two leaders that neither had for long enough."""

LEAST_KNOWN: Final = 2 / 3
"""Share of the months before and after that must have a value."""


@dataclass(frozen=True)
class Handovers:
    """Changes of who leads, each beside lines that kept theirs all the time.

    Attributes
    ----------
    line, site : ndarray of int, shape (k,)
    start : ndarray of int, shape (k,)
        First month of the new leader.
    apart : ndarray, shape (k, before + after)
        Outcome less the mean of the lines compared with, from `before` months before the change
        to `after` months after it; NaN where the line has no value.
    control_count : ndarray of int, shape (k,)
        Lines compared with.
    is_same_site : ndarray of bool, shape (k,)
        Whether they are of the same site; else no line of the site kept its leader.
    before : int
    n_dropped : int
        Changes with too few months on a side, or without a line to compare with.
    """

    line: Ints
    site: Ints
    start: Ints
    apart: Floats
    control_count: Ints
    is_same_site: Bools
    before: int
    n_dropped: int

    @property
    def effect(self) -> Floats:
        """Mean after less mean before of each change, shape (k,)."""
        earlier, later = self.apart[:, : self.before], self.apart[:, self.before :]
        return _mean(later) - _mean(earlier)

    @property
    def drift(self) -> Floats:
        """Mean of the second half of the months before less that of the first, shape (k,)."""
        half = self.before // 2
        first, second = self.apart[:, :half], self.apart[:, half : self.before]
        return _mean(second) - _mean(first)

    def since(self, at: int) -> Floats:
        """Return one month less the mean of those before, shape (k,); `at` counts from 0."""
        return self.apart[:, at] - _mean(self.apart[:, : self.before])


def find_handovers(
    outcome: ArrayLike, leader: ArrayLike, site: ArrayLike, *, before: int = 6, after: int = 6
) -> Handovers | Refusal:
    """Return all changes with whole months on both sides, beside what did not change.

    Parameters
    ----------
    outcome : array_like, shape (lines, months)
        NaN where there is none.
    leader : array_like of int, shape (lines, months)
        `NOBODY` where nobody led for long enough.
    site : array_like of int, shape (lines,)
    before, after : int
        Months with one and the same leader on either side, at least two before.

    Returns
    -------
    Handovers or Refusal
        Refused: infinite outcomes, fewer than `LEAST_HANDOVERS` changes that can be compared.

    Notes
    -----
    A change is compared with the lines of its site that had one leader over all of its months, or
    of all sites where its own has none; they are not chosen by their past figures, as that would
    bring chance in (who was lucky before is unlucky after).
    """
    y, who = np.asarray(outcome, dtype=np.float64), np.asarray(leader)
    refusal = refuse_infinite(outcome=y)
    if refusal is not None:
        return refusal
    place = np.asarray(site)
    found: list[tuple[int, int, Floats, int, bool]] = []
    n_dropped = 0
    for line, (last, first) in _changes(who):
        months = np.r_[last - before + 1 : last + 1, first : first + after]
        if months[0] < 0 or months[-1] >= y.shape[1]:
            n_dropped += 1
            continue
        is_whole = _is_led_by_one(who[line, months[:before]]) and _is_led_by_one(
            who[line, months[before:]]
        )
        window = y[line, months]
        span = slice(months[0], months[-1] + 1)
        kept = np.array([_is_led_by_one(one[span]) for one in who])
        kept &= np.isfinite(y[:, months]).all(axis=1)
        beside = kept & (place == place[line])
        is_same = bool(beside.any())
        controls = beside if is_same else kept
        known = np.isfinite(window)
        enough = min(known[:before].mean(), known[before:].mean()) >= LEAST_KNOWN
        if not (is_whole and enough and controls.any()):
            n_dropped += 1
            continue
        apart = window - y[np.ix_(controls, months)].mean(axis=0)
        found.append((line, first, apart, int(controls.sum()), is_same))
    if len(found) < LEAST_HANDOVERS:
        return Refusal(
            NO_COMPARISON,
            f"{len(found)} changes can be compared, at least {LEAST_HANDOVERS} are needed; "
            f"{n_dropped} have too few months on a side or no line to be compared with",
        )
    lines, starts, apart, counts, same = zip(*found, strict=True)
    return Handovers(
        line=np.array(lines),
        site=place[np.array(lines)],
        start=np.array(starts),
        apart=np.array(apart),
        control_count=np.array(counts),
        is_same_site=np.array(same),
        before=before,
        n_dropped=n_dropped,
    )


def mean_of_changes(values: ArrayLike, site: ArrayLike) -> ClusteredFit | Refusal:
    """Return the mean over changes; those of one site hang together, as they share controls.

    Parameters
    ----------
    values : array_like, shape (k,)
        NaN is left out.
    site : array_like, shape (k,)

    Returns
    -------
    ClusteredFit or Refusal
        Of one coefficient, with CR2 and Satterthwaite's degrees of freedom. Refused: infinite
        values, fewer than `LEAST_HANDOVERS`, or as `fit_clustered`.

    Notes
    -----
    By line, 95 % intervals held the truth in 87 % of draws; by site in 95 %.
    """
    x, cluster = np.asarray(values, dtype=np.float64), np.asarray(site)
    refusal = refuse_infinite(change=x)
    if refusal is not None:
        return refusal
    known = np.isfinite(x)
    if known.sum() < LEAST_HANDOVERS:
        return Refusal(
            TOO_FEW_READINGS,
            f"{known.sum()} changes, at least {LEAST_HANDOVERS} are needed",
        )
    size = int(known.sum())
    return fit_clustered(x[known], np.ones((size, 1)), np.empty((size, 0)), cluster[known])


def _changes(who: Ints) -> Sequence[tuple[int, tuple[int, int]]]:
    """Return line, last month of the one and first of the next leader."""
    found = []
    for line, course in enumerate(who):
        led = np.flatnonzero(course != NOBODY)
        for last, first in pairwise(led):
            if course[last] != course[first] and first - last <= 1 + LONGEST_GAP:
                found.append((line, (int(last), int(first))))
    return found


def _is_led_by_one(course: Ints) -> bool:
    return bool(course[0] != NOBODY and (course == course[0]).all())


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return mean
