"""Which point completes a pattern, in series laid end to end. Booleans throughout, for speed.

What the patterns are called, and with which lengths tools ask for them, is in `rules`.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from orchestration.statistics.spc.constants import LIMIT_SIGMAS, ON_LINE_SIGMAS
from orchestration.statistics.spc.flat import Bools, Floats, Ints

Counts = NDArray[np.int32]
Pattern = Literal[
    "beyond",
    "one_side",
    "trend",
    "alternating",
    "zone",
    "zone_within",
    "within",
    "within_both_sides",
    "outside",
    "outside_both_sides",
]
Ties = Literal["end", "skip", "carry"]
WITHOUT_SIDE: Final = frozenset(
    {"alternating", "within", "within_both_sides", "outside", "outside_both_sides"}
)


@dataclass(frozen=True)
class Rule:
    """A pattern of points that chance alone seldom makes, with its conventions.

    Attributes
    ----------
    pattern : str
        ``beyond``: farther than ``sigmas`` from the centre. ``one_side``: ``length`` points on one
        side of it. ``trend``: ``length`` points, each above (or each below) the one before.
        ``alternating``: ``length`` points, up and down in turn. ``zone``: ``count`` of ``length``
        points farther than ``sigmas`` on one side. ``zone_within``: the same of points that are not
        farther than three sigma, all ``length`` on that side (NHS). ``within``: ``length`` points,
        none farther than ``sigmas``. ``outside``: ``length`` points, all farther than ``sigmas``.
        The last two with ``_both_sides``: on both sides of the centre.
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
    ties : str
        ``one_side``: a point on the centre; ``trend``, ``alternating``: a point equal to the one
        before. ``end``: it ends the pattern. ``skip``: as if it were not there. ``carry``: it
        counts, as the point before it.
    """

    pattern: Pattern
    length: int = 1
    count: int = 0
    sigmas: float = 3.0
    flagged_point_in_zone: bool = True
    full_window: bool = True
    ties: Ties = "end"


@dataclass(frozen=True)
class Points:
    """Points with their distances from the centre, shape (n,) each.

    Attributes
    ----------
    value, offset, scale : ndarray
        Reading, reading less centre, sigma; NaN where there is no reading.
    near : ndarray
        How far from a line a point is still on it.
    seen : ndarray of int32
        Points of its series up to and including this one.
    told : dict
        What was asked already: rules share their zones.
    """

    value: Floats
    offset: Floats
    scale: Floats
    near: Floats
    seen: Counts
    told: dict[float | str, tuple[Bools, Bools]] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Floats, centre: Floats, sigma: Floats, series_start: Ints) -> Self:
        """Measure points against lines that are scalar or of shape (n,)."""
        lengths = np.diff(series_start, append=value.size)
        first = np.repeat(series_start.astype(np.int32), lengths)
        seen = np.arange(1, value.size + 1, dtype=np.int32) - first
        scale = np.broadcast_to(sigma, value.shape)
        return cls(value, value - centre, scale, ON_LINE_SIGMAS * scale, seen)

    def take(self, kept: Bools) -> Self:
        """Return the kept points, counted anew within their series."""
        before = np.cumsum(kept, dtype=np.int32) - kept
        first = np.maximum.accumulate(np.where(self.seen == 1, before, 0))
        return type(self)(
            self.value[kept],
            self.offset[kept],
            self.scale[kept],
            self.near[kept],
            (before - first + 1)[kept],
        )

    def beyond(self, sigmas: float) -> tuple[Bools, Bools]:
        """Tell the points strictly farther than so many sigma, above and below."""
        if sigmas not in self.told:
            distance = sigmas * self.scale + self.near if sigmas else self.near
            self.told[sigmas] = self.offset > distance, self.offset < -distance
        return self.told[sigmas]

    def steps(self) -> tuple[Bools, Bools]:
        """Tell the points strictly above, and below, the one before in their series."""
        if "steps" in self.told:
            return self.told["steps"]
        rising, falling = (np.zeros(self.value.size, dtype=np.bool_) for _ in range(2))
        step = self.value[1:] - self.value[:-1]
        follows = self.seen[1:] > 1
        rising[1:] = (step > self.near[1:]) & follows
        falling[1:] = (step < -self.near[1:]) & follows
        self.told["steps"] = rising, falling
        return rising, falling


def ends_of(points: Points, rule: Rule) -> tuple[Bools, Bools]:
    """Tell the points that complete a pattern upwards and downwards.

    A pattern that has no side is told in both alike.

    Raises
    ------
    ValueError
        If the rule's pattern or its handling of ties is unknown.
    """
    if rule.ties not in {"end", "skip", "carry"}:
        raise ValueError(f"unknown handling of ties {rule.ties}; known: end, skip, carry")
    if rule.ties == "skip" and rule.pattern in {"one_side", "trend", "alternating"}:
        kept = ~_tied(points, rule)
        up, down = (np.zeros(kept.size, dtype=np.bool_) for _ in range(2))
        up[kept], down[kept] = _ends(points.take(kept), rule)
        return up, down
    return _ends(points, rule)


def members_of(points: Points, rule: Rule, up: Bools, down: Bools) -> tuple[Bools, Bools]:
    """Tell all points of the patterns whose completing points `ends_of` told.

    Of a zone: those in the zone. A point at which one trend ends and the next begins belongs to
    the later one.
    """
    if rule.ties == "skip" and rule.pattern in {"one_side", "trend", "alternating"}:
        kept = ~_tied(points, rule)
        all_up, all_down = (np.zeros(kept.size, dtype=np.bool_) for _ in range(2))
        fewer = points.take(kept)
        all_up[kept], all_down[kept] = (
            _spread_back(ends[kept], rule.length, fewer.seen) for ends in (up, down)
        )
        return all_up, all_down
    all_up, all_down = (_spread_back(ends, rule.length, points.seen) for ends in (up, down))
    if rule.pattern in {"zone", "zone_within"}:
        above, below = points.beyond(rule.sigmas)
        return all_up & above, all_down & below
    if rule.pattern == "trend":
        both = all_up & all_down
        return all_up & ~(both & up), all_down & ~(both & down)
    return all_up, all_down


def _ends(points: Points, rule: Rule) -> tuple[Bools, Bools]:
    length, seen = rule.length, points.seen
    if rule.pattern == "beyond":
        return points.beyond(rule.sigmas)
    if rule.pattern in {"trend", "alternating"}:
        return _ends_of_steps(points, rule)
    above, below = points.beyond(0.0 if rule.pattern == "one_side" else rule.sigmas)
    if rule.pattern == "one_side":
        if rule.ties == "carry":
            above, below = _carried(points, _tied(points, rule), above, below)
        return _all_of_last(above, length, seen), _all_of_last(below, length, seen)
    if rule.pattern == "zone":
        return _enough(above, rule, seen), _enough(below, rule, seen)
    if rule.pattern == "zone_within":
        far, side = points.beyond(LIMIT_SIGMAS), points.beyond(0.0)
        up, down = (
            _enough(zone & ~beyond, rule, seen) & _all_of_last(on_it, length, seen)
            for zone, beyond, on_it in zip((above, below), far, side, strict=True)
        )
        return up, down
    if rule.pattern in {"within", "within_both_sides"}:
        there = ~(above | below | np.isnan(points.offset))
        above, below = points.beyond(0.0)
    elif rule.pattern in {"outside", "outside_both_sides"}:
        there = above | below
    else:
        raise ValueError(f"unknown pattern {rule.pattern}")
    found = _all_of_last(there, length, seen)
    if rule.pattern.endswith("both_sides"):
        found &= ~_all_of_last(~above, length, seen) & ~_all_of_last(~below, length, seen)
    return found, found


def _ends_of_steps(points: Points, rule: Rule) -> tuple[Bools, Bools]:
    rising, falling = points.steps()
    seen = points.seen
    if rule.ties == "carry":
        rising, falling = _carried(points, _tied(points, rule), rising, falling)
    if rule.pattern == "trend":
        steps = rule.length - 1
        return _all_of_last(rising, steps, seen), _all_of_last(falling, steps, seen)
    turn = np.zeros(seen.size, dtype=np.bool_)
    turn[1:] = (rising[1:] & falling[:-1]) | (falling[1:] & rising[:-1])
    turning = _all_of_last(turn, rule.length - 2, seen)
    return turning, turning


def _tied(points: Points, rule: Rule) -> Bools:
    """Tell the points on the centre, or equal to the one before in their series."""
    if rule.pattern == "one_side":
        return np.asarray(np.abs(points.offset) <= points.near)
    tied = np.zeros(points.value.size, dtype=np.bool_)
    step = np.abs(points.value[1:] - points.value[:-1])
    tied[1:] = (step <= points.near[1:]) & (points.seen[1:] > 1)
    return tied


def _carried(points: Points, tied: Bools, up: Bools, down: Bools) -> tuple[Bools, Bools]:
    """Let tied points be what the last point before them in their series was."""
    own = ~tied | (points.seen == 1)
    source = np.maximum.accumulate(np.where(own, np.arange(own.size), 0))
    return up[source], down[source]


def _all_of_last(there: Bools, length: int, seen: Counts) -> Bools:
    """Tell where a condition held at the last ``length`` points of the series, by doubling."""
    held = there.copy()
    span = 1
    while span < length:
        step = min(span, length - span)
        held[step:] &= held[:-step]
        span += step
    if length > 1:
        held &= seen >= length
    return held


def _enough(there: Bools, rule: Rule, seen: Counts) -> Bools:
    """Tell where a condition held at ``count`` of the last ``length`` points."""
    count = there.astype(np.uint8)
    for back in range(1, rule.length):
        earlier = there[:-back]
        count[back:] += earlier if rule.full_window else earlier & (seen[back:] > back)
    found = count >= rule.count
    if rule.full_window:
        found &= seen >= rule.length
    if rule.flagged_point_in_zone:
        found &= there
    return np.asarray(found)


def _spread_back(ends: Bools, length: int, seen: Counts) -> Bools:
    """Tell the ``length`` points up to each of some points, within its series."""
    spread = ends.copy()
    for back in range(1, length):
        spread[:-back] |= ends[back:] & (seen[back:] > back)
    return spread
