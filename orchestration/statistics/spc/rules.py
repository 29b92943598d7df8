"""Run rules over many series at once. A rule says what happened, never whether it is good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.spc.constants import NELSON_2_RUN, ON_LINE_SIGMAS
from orchestration.statistics.spc.flat import Bools, FlatSeries, Floats, Ints


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
    near = ON_LINE_SIGMAS * np.asarray(sigma, dtype=np.float64)
    above = points > np.asarray(upper) + near
    below = points < np.asarray(lower) - near
    beyond = above.astype(np.int8) - below.astype(np.int8)

    offset = points - np.asarray(centre)
    side = (offset > near).astype(np.int8) - (offset < -near).astype(np.int8)
    if points.size == 0:
        return RunFlags(rule_1=beyond, rule_2=side)
    series = FlatSeries.from_start(series_start, points.size)
    in_run = _in_run(side, run_length, series, all_members=all_members)
    return RunFlags(rule_1=beyond, rule_2=np.where(in_run, side, 0).astype(np.int8))


Pattern = Literal[
    "beyond", "one_side", "trend", "alternating", "zone", "within", "outside_both_sides"
]


@dataclass(frozen=True)
class Rule:
    """A pattern of points that chance alone seldom makes, with its conventions.

    Attributes
    ----------
    pattern : str
        ``beyond``: farther than ``sigmas`` from the centre. ``one_side``: ``length`` points on one
        side of it. ``trend``: ``length`` points, each above (or each below) the one before.
        ``alternating``: ``length`` points, up and down in turn. ``zone``: ``count`` of ``length``
        points farther than ``sigmas`` on one side. ``within``: ``length`` points, none farther
        than ``sigmas``. ``outside_both_sides``: ``length`` points, all farther than ``sigmas``,
        on both sides.
    length : int
        Points of the pattern. A trend of 6 points has 5 steps.
    count : int
        ``zone`` only: points that must lie in the zone.
    sigmas : float
        Distance from the centre, in sigma.
    flagged_point_in_zone : bool
        ``zone`` only: whether the completing point must itself lie in the zone.
    full_window : bool
        ``zone`` only: whether ``length`` points must have been seen. R qcc and Nelson's wording
        ask for them; a program that does not flags the second of two far points at once.
    """

    pattern: Pattern
    length: int = 1
    count: int = 0
    sigmas: float = 3.0
    flagged_point_in_zone: bool = True
    full_window: bool = True


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
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 1:
        raise ValueError(f"values must be one-dimensional, not of shape {points.shape}")
    if points.size == 0:
        return RuleFlags(np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.int8))
    series = FlatSeries.from_start(series_start, points.size)
    scale = np.broadcast_to(np.asarray(sigma, dtype=np.float64), points.shape)
    offset = points - np.asarray(centre, dtype=np.float64)
    near = ON_LINE_SIGMAS * scale
    if rule.pattern == "beyond":
        side = _side(offset, rule.sigmas * scale + near)
        return RuleFlags(side != 0, side)
    if rule.pattern == "one_side":
        side = _side(offset, near)
        flagged = _in_run(side, rule.length, series, all_members=all_members)
        return RuleFlags(flagged, np.where(flagged, side, 0).astype(np.int8))
    if rule.pattern in {"trend", "alternating"}:
        return _flag_steps(_steps(points, near, series), rule, series, all_members)
    if rule.pattern == "zone":
        return _flag_zone(_side(offset, rule.sigmas * scale + near), rule, series, all_members)
    far = _side(offset, rule.sigmas * scale + near)
    if rule.pattern == "within":
        inside = (np.isfinite(offset) & (far == 0)).astype(np.int8)
        flagged = _in_run(inside, rule.length, series, all_members=all_members)
    elif rule.pattern == "outside_both_sides":
        flagged = _in_run((far != 0).astype(np.int8), rule.length, series, all_members=False)
        above = _window_sum(far > 0, rule.length, series)
        flagged &= (above > 0) & (above < rule.length)
        flagged = _spread_back(flagged, rule.length, series) if all_members else flagged
    else:
        raise ValueError(f"unknown pattern {rule.pattern}")
    return RuleFlags(flagged, np.zeros(points.size, dtype=np.int8))


def violated_rules(
    values: ArrayLike,
    rules: Sequence[str],
    *,
    centre: ArrayLike,
    sigma: ArrayLike,
    series_start: ArrayLike = (0,),
) -> Ints:
    """Return all violated rules of each point as a bit mask: bit i for the i-th of ``rules``.

    Parameters as in `flag_rule`; ``rules`` are names of `RULES`.

    Raises
    ------
    ValueError
        If a rule is unknown.

    Examples
    --------
    >>> violated_rules([0, 4, 2.5], ["nelson1", "we1"], centre=0, sigma=1).tolist()
    [0, 3, 0]
    """
    unknown = [name for name in rules if name not in RULES]
    if unknown:
        raise ValueError(f"unknown rule {', '.join(unknown)}; known: {', '.join(RULES)}")
    mask = np.zeros(np.shape(values), dtype=np.int64)
    for bit, name in enumerate(rules):
        flags = flag_rule(
            values, RULES[name], centre=centre, sigma=sigma, series_start=series_start
        )
        mask |= flags.flagged.astype(np.int64) << bit
    return mask


def _side(offset: Floats, distance: Floats) -> NDArray[np.int8]:
    side: NDArray[np.int8] = (offset > distance).astype(np.int8) - (offset < -distance).astype(
        np.int8
    )
    return side


def _steps(points: Floats, near: Floats, series: FlatSeries) -> NDArray[np.int8]:
    """Direction from the point before; 0 for a tie, a gap and the first point of a series."""
    step = np.zeros(points.size, dtype=np.int8)
    step[1:] = _side(np.diff(points), near[1:])
    step[series.start] = 0
    return step


def _in_run(code: NDArray[np.int8], length: int, series: FlatSeries, *, all_members: bool) -> Bools:
    """Tell the points of runs of one nonzero code, from the ``length``-th on or all of them."""
    begins = np.empty(code.size, dtype=np.bool_)
    begins[0] = True
    begins[1:] = code[1:] != code[:-1]
    begins[series.start] = True
    first = np.flatnonzero(begins)
    run = np.diff(first, append=code.size)
    if all_members:
        position = np.repeat(run, run)
    else:
        position = np.arange(code.size) - np.repeat(first, run) + 1
    in_run: Bools = (position >= length) & (code != 0)
    return in_run


def _window_sum(there: Bools, length: int, series: FlatSeries) -> Ints:
    """Count over the last ``length`` points of the same series."""
    running = np.concatenate([[0], np.cumsum(there, dtype=np.int64)])
    last = np.arange(there.size)
    first = np.maximum(last - length + 1, series.start[series.of_point])
    count: Ints = running[last + 1] - running[first]
    return count


def _flag_steps(
    step: NDArray[np.int8], rule: Rule, series: FlatSeries, all_members: bool
) -> RuleFlags:
    """Flag trends and alternating points, which are patterns of the steps between points."""
    if rule.pattern == "alternating":
        turn = np.zeros(step.size, dtype=np.int8)
        turn[1:] = step[1:] * step[:-1] < 0
        turn[series.start] = 0
        flagged = _in_run(turn, rule.length - 2, series, all_members=all_members)
        flagged = _spread_back(flagged, 3, series) if all_members else flagged
        return RuleFlags(flagged, np.zeros(step.size, dtype=np.int8))
    flagged = _in_run(step, rule.length - 1, series, all_members=all_members)
    if all_members:  # the first point of a trend has no step of its own
        # Where one trend ends and the next begins, the point belongs to the later one.
        goes_on = np.append(flagged[1:], False)
        step = np.where(goes_on, np.append(step[1:], 0), step).astype(np.int8)
        flagged = _spread_back(flagged, 2, series)
    return RuleFlags(flagged, np.where(flagged, step, 0).astype(np.int8))


def _flag_zone(
    side: NDArray[np.int8], rule: Rule, series: FlatSeries, all_members: bool
) -> RuleFlags:
    seen = np.arange(side.size) - series.start[series.of_point] + 1
    flagged_side = np.zeros(side.size, dtype=np.int8)
    for sign in (1, -1):
        there = side == sign
        ends = _window_sum(there, rule.length, series) >= rule.count
        if rule.full_window:
            ends &= seen >= rule.length
        if rule.flagged_point_in_zone:
            ends &= there
        if all_members:
            ends = _spread_back(ends, rule.length, series) & there
        flagged_side[ends] = sign
    return RuleFlags(flagged_side != 0, flagged_side)


def _spread_back(ends: Bools, length: int, series: FlatSeries) -> Bools:
    """Flag the ``length`` points up to each flagged one, within its series."""
    spread = ends.copy()
    for back in range(1, length):
        same = series.of_point[:-back] == series.of_point[back:]
        spread[:-back] |= ends[back:] & same
    return spread
