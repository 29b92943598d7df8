"""Run rules over many series at once. A rule says what happened, never whether it is good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.spc.constants import NELSON_2_RUN, ON_LINE_SIGMAS
from orchestration.statistics.spc.flat import Bools, Floats, Ints, blocks, checked_start
from orchestration.statistics.spc.patterns import (
    WITHOUT_SIDE,
    Points,
    Rule,
    ends_of,
    members_of,
)


@dataclass(frozen=True)
class RunFlags:
    """Side of each point's signal: +1 above, -1 below, 0 none; shape (n_points,) each."""

    rule_1: NDArray[np.int8]
    rule_2: NDArray[np.int8]


def flag_runs(
    values: ArrayLike,
    *,
    centre: ArrayLike,
    sigma: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    series_start: ArrayLike = (0,),
    run_length: int = NELSON_2_RUN,
    all_members: bool = False,
) -> RunFlags:
    """Return where rules 1 and 2 of Nelson hold, for series laid end to end.

    Rule 1: the point lies beyond a limit, strictly. Rule 2: the point is at least the
    ``run_length``-th in a row on one side of the centre; each further one is flagged too.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings, oldest first within a series. NaN marks a period without a reading: it is not
        flagged and ends a run.
    centre, sigma, lower, upper : array_like, scalar or shape (n,)
        Lines of each point. A point within 1e-9 sigma of a line is on it: on a limit it is not
        beyond, on the centre it is on neither side and ends a run. NaN for a limit that does
        not exist.
    series_start : array_like of int, shape (n_series,)
        Position of each series' first point. No run crosses from one series into the next.
    run_length : int
        9 (Nelson 1984), 8 (Western Electric 1956) or 7 (NHS Making Data Count).
    all_members : bool
        Flag every point of a long enough run, not only from the completing one on.

    Returns
    -------
    RunFlags

    Raises
    ------
    ValueError
        If ``run_length`` is below 2 or ``values`` is not one-dimensional.

    References
    ----------
    Nelson, "The Shewhart control chart: tests for special causes", *Journal of Quality
    Technology* 16 (1984) 237-239.

    Examples
    --------
    >>> flags = flag_runs([4, 1, 1, 1], centre=0, sigma=1, lower=-3, upper=3, run_length=3)
    >>> flags.rule_1.tolist(), flags.rule_2.tolist()
    ([1, 0, 0, 0], [0, 0, 1, 1])
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 1:
        raise ValueError(f"values must be one-dimensional, not of shape {points.shape}")
    if run_length < 2:  # noqa: PLR2004 - a run of one point is no run
        raise ValueError(f"run_length must be at least 2, not {run_length}")
    scale = np.asarray(sigma, dtype=np.float64)
    near = ON_LINE_SIGMAS * scale
    above = points > np.asarray(upper) + near
    below = points < np.asarray(lower) - near
    one_side = Rule("one_side", length=run_length)
    run = flag_rule(
        points,
        one_side,
        centre=centre,
        sigma=scale,
        series_start=series_start,
        all_members=all_members,
    )
    return RunFlags(rule_1=above.astype(np.int8) - below.astype(np.int8), rule_2=run.side)


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "nelson1": Rule("beyond", sigmas=3),
        "nelson2": Rule("one_side", length=NELSON_2_RUN),
        "nelson3": Rule("trend", length=6),
        "nelson4": Rule("alternating", length=14),
        "nelson5": Rule("zone", length=3, count=2, sigmas=2),
        "nelson6": Rule("zone", length=5, count=4, sigmas=1),
        "nelson7": Rule("within", length=15, sigmas=1),
        "nelson8": Rule("outside_both_sides", length=8, sigmas=1),
        "we1": Rule("beyond", sigmas=3),
        "we2": Rule("zone", length=3, count=2, sigmas=2),
        "we3": Rule("zone", length=5, count=4, sigmas=1),
        "we4": Rule("one_side", length=8),
    }
)
"""Nelson 1984 as Minitab, JMP and R qcc read him; Western Electric, *Statistical Quality Control
Handbook* (1956) zone tests."""


@dataclass(frozen=True)
class RuleFlags:
    """Which points a rule flags.

    Attributes
    ----------
    flagged : ndarray of bool, shape (n_points,)
    side : ndarray of int8, shape (n_points,)
        1 above (or rising), -1 below (or falling) where flagged; 0 elsewhere, and everywhere for
        the patterns that have no side (alternating, within, outside both sides).
    """

    flagged: Bools
    side: NDArray[np.int8]


def flag_rule(
    values: ArrayLike,
    rule: Rule,
    *,
    centre: ArrayLike,
    sigma: ArrayLike,
    series_start: ArrayLike = (0,),
    all_members: bool = False,
) -> RuleFlags:
    """Return where a rule holds, for series laid end to end.

    Parameters
    ----------
    values : array_like, shape (n,)
        Readings, oldest first within a series; NaN marks a period without one, is not flagged,
        ends a run and fills its place in a window.
    rule : Rule
        One of `RULES`, or a rule of one's own.
    centre, sigma : array_like, scalar or shape (n,)
        Centre and standard deviation of each point. A point within 1e-9 sigma of a line is on it,
        two points as close as that are equal: a point on the centre ends a run of one side, a
        tie ends a trend, a point on a zone's line is not beyond it.
    series_start : array_like of int, shape (n_series,)
        Position of each series' first point. No pattern crosses from one series into the next.
    all_members : bool
        Flag every point of the pattern (of a zone: those in the zone), not only from the
        completing one on.

    Returns
    -------
    RuleFlags

    Raises
    ------
    ValueError
        If ``values`` is not one-dimensional or the rule's pattern is unknown.

    References
    ----------
    Nelson, "The Shewhart control chart: tests for special causes", *Journal of Quality
    Technology* 16 (1984) 237-239.

    Examples
    --------
    >>> flags = flag_rule([0, 2.5, 0, 2.5, 2.5], RULES["nelson5"], centre=0, sigma=1)
    >>> (np.flatnonzero(flags.flagged) + 1).tolist()
    [4, 5]
    """
    points = _points(values, centre, sigma, series_start)
    up, down = ends_of(points, rule)
    if all_members:
        up, down = members_of(points, rule, up, down)
    flagged = up | down
    if rule.pattern in WITHOUT_SIDE:
        return RuleFlags(flagged, np.zeros(up.size, dtype=np.int8))
    return RuleFlags(flagged, up.astype(np.int8) - down.astype(np.int8))


def violated_rules(
    values: ArrayLike,
    rules: Sequence[str],
    *,
    centre: ArrayLike,
    sigma: ArrayLike,
    series_start: ArrayLike = (0,),
) -> NDArray[np.unsignedinteger]:
    """Return all violated rules of each point as a bit mask: bit i for the i-th of ``rules``.

    Parameters as in `flag_rule`; ``rules`` are names of `RULES`. ``centre`` and ``sigma`` may also
    have the shape (n_series,). It is the same as `flag_rule` for one rule after the other, done for
    some series at a time, so that twelve million points never leave the processor's cache.

    Raises
    ------
    ValueError
        If a rule is unknown, or a line has another shape.

    Examples
    --------
    >>> violated_rules([0, 4, 2.5], ["nelson1", "we1"], centre=0, sigma=1).tolist()
    [0, 3, 0]
    """
    unknown = [name for name in rules if name not in RULES]
    if unknown:
        raise ValueError(f"unknown rule {', '.join(unknown)}; known: {', '.join(RULES)}")
    readings = np.asarray(values, dtype=np.float64)
    start = checked_start(series_start, readings.size)
    lines = [np.asarray(line, dtype=np.float64) for line in (centre, sigma)]
    mask = np.zeros(readings.size, dtype=np.min_scalar_type((1 << len(rules)) - 1))
    for series, here in blocks(start, readings.size):
        begins = start[series] - here.start
        lengths = np.diff(begins, append=here.stop - here.start)
        centre_here, sigma_here = (
            _of_points(line, start.size, series, here, lengths) for line in lines
        )
        points = Points.of(readings[here], centre_here, sigma_here, begins)
        for bit, name in enumerate(rules):
            up, down = ends_of(points, RULES[name])
            mask[here] |= (up | down).astype(mask.dtype) << mask.dtype.type(bit)
    return mask


def _points(
    values: ArrayLike, centre: ArrayLike, sigma: ArrayLike, series_start: ArrayLike
) -> Points:
    readings = np.asarray(values, dtype=np.float64)
    if readings.ndim != 1:
        raise ValueError(f"values must be one-dimensional, not of shape {readings.shape}")
    start = checked_start(series_start, readings.size)
    return Points.of(
        readings, np.asarray(centre, dtype=np.float64), np.asarray(sigma, dtype=np.float64), start
    )


def _of_points(line: Floats, n_series: int, series: slice, here: slice, lengths: Ints) -> Floats:
    """Return a line of a block: one figure for all, or one per point."""
    if line.ndim == 0:
        return line
    return np.repeat(line[series], lengths) if line.size == n_series else line[here]
