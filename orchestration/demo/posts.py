"""Org units, and who leads which of them when."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from orchestration.demo.size import DemoSize, Site, random, weekday
from orchestration.demo.text import OPEN

Ints = NDArray[np.int64]

AREAS = ("PROD", "QUAL", "LOG", "MNT", "HR")
AREA_NAMES = ("Production", "Quality", "Logistics", "Maintenance", "Human resources")

# Days before the first production day from which the first leaders hold their posts.
IN_POST_BEFORE = 700
CHANGES_PER_LINE_YEAR = 0.35
LINE_SWAP_SHARE, SITE_SWAP_SHARE = 0.6, 0.1  # of the changes; the rest are successions
NEAR_SHARE = 0.65  # of the swaps of lines within a plant
LEAVER_SHARE = 0.5  # of the succeeded leave the company
SHORTEST_REIGN = 150
# Sites whose line leaders change places with each other; a site that stands alone keeps to itself.
CIRCLES = ((0, 1, 2), (3, 4), (5,))
# Shares of the history at which a circle's sites exchange two leaders, one pair after the other.
EXCHANGES_FROM, EXCHANGES_APART = 0.35, 0.08
# The last line of a site that has more than this many never changes its leader.
FEWEST_LINES_WITH_A_KEPT_LEADER = 2
# The number of the daily delivery whose production day has a succession on the first line.
SUCCESSION_DELIVERY = 12


@dataclass(frozen=True)
class OrgUnit:
    """A post: whoever leads it is a leader."""

    unit_id: str
    name: str
    parent: int  # -1 for the enterprise
    kind: str
    site: int  # -1 for the enterprise


@dataclass(frozen=True)
class Reign:
    """One leader on one post, first and last day inclusive."""

    unit: int
    leader: int
    first: int
    last: int


def org_units(
    sites: tuple[Site, ...], line_site: Ints, line_ids: list[str]
) -> tuple[list[OrgUnit], Ints, Ints]:
    """Return the units, those of the sites and those of the lines."""
    units = [OrgUnit("ENT", "Balance Works", -1, "enterprise", -1)]
    of_site, of_line = [], []
    for number, site in enumerate(sites):
        of_site.append(len(units))
        units.append(OrgUnit(f"S-{site.code}", f"{site.name} plant", 0, "site", number))
        production = len(units)
        units += [
            OrgUnit(f"A-{site.code}-{code}", f"{site.name} {name}", of_site[-1], "area", number)
            for code, name in zip(AREAS, AREA_NAMES, strict=True)
        ]
        for line in np.flatnonzero(line_site == number):
            of_line.append(len(units))
            name = f"{site.name} line {line_ids[line][-2:]}"
            units.append(OrgUnit(f"L-{line_ids[line]}", name, production, "line", number))
    return units, np.array(of_site), np.array(of_line)


def fill_posts(
    seed: int, size: DemoSize, units: list[OrgUnit]
) -> tuple[list[Reign], dict[int, int], Ints]:
    """Fill the posts, then let leaders swap, succeed and leave.

    Returns
    -------
    tuple
        Reigns by unit and time, last day of those who left, home site of every leader.
    """
    rng = random(seed, "posts")
    posts = _Posts(rng, size, units)
    span = size.cut - size.first_day
    rest = min(SHORTEST_REIGN, span // 3)
    lines = [number for number, unit in enumerate(units) if unit.kind == "line"]
    changes = max(1, round(CHANGES_PER_LINE_YEAR * len(lines) * span / 365))
    earliest = size.first_day + min(60, span // 3)
    days = np.sort(rng.integers(earliest, size.cut - min(30, span // 3), changes))
    planned = [(day, ()) for day in (days - weekday(days)).tolist()]  # Mondays
    planned += _exchanges(size, units, lines)
    for day, pair in sorted(planned):
        if pair:
            posts.swap(*pair, day)
        else:
            posts.change(day, rest)
    # One succession falls into the daily deliveries, so that an ordinary run meets one.
    if size.daily_deliveries > 1:
        posts.succeed(lines[:1], size.cut + min(SUCCESSION_DELIVERY, size.daily_deliveries - 1))
    return posts.reigns(), posts.exits, posts.home


def connected_sets(reigns: list[Reign], first: int, last: int) -> list[tuple[set[int], set[int]]]:
    """Return leaders and units that moves connect, largest set first.

    Leader and unit are joined if the one led the other on some day from `first` to `last`. Inside
    a set leaders can be compared; a set of one leader and one unit never separates the two.
    """
    sets: list[tuple[set[int], set[int]]] = []
    for reign in reigns:
        if reign.first > last or reign.last < first:
            continue
        joined = [one for one in sets if reign.leader in one[0] or reign.unit in one[1]]
        leaders = {reign.leader}.union(*(one[0] for one in joined))
        units = {reign.unit}.union(*(one[1] for one in joined))
        sets = [one for one in sets if one not in joined] + [(leaders, units)]
    return sorted(sets, key=lambda one: (-len(one[1]), -len(one[0]), min(one[1])))


def _exchanges(
    size: DemoSize, units: list[OrgUnit], lines: list[int]
) -> list[tuple[int, tuple[int, int]]]:
    """Return the moves that make a circle comparable: day and the two lines that swap leaders."""
    span, moves = size.cut - size.first_day, []
    for circle in CIRCLES:
        of_site = [[line for line in lines if units[line].site == site] for site in circle]
        of_site = [here for here in of_site if here]
        # One line a site, so that the moves hang together; the first site's is not its first line,
        # which is succeeded to in the daily deliveries.
        pairs = list(
            pairwise([here[-2:][0] if n == 0 else here[0] for n, here in enumerate(of_site)])
        )
        if len(of_site) == 1 and len(of_site[0]) > FEWEST_LINES_WITH_A_KEPT_LEADER:
            pairs = [(of_site[0][0], of_site[0][1])]
        for number, pair in enumerate(pairs):
            day = size.first_day + round(span * (EXCHANGES_FROM + number * EXCHANGES_APART))
            moves.append((day - (day + 3) % 7, pair))
    return moves


class _Posts:
    """Who holds which post now, and who held it before."""

    def __init__(self, rng: np.random.Generator, size: DemoSize, units: list[OrgUnit]) -> None:
        self.rng, self.units = rng, units
        self.exits: dict[int, int] = {}
        self.home = np.zeros(size.leaders, np.int64)
        self._past: list[Reign] = []
        self._holder: dict[int, int] = {}
        # With too few leaders, a site leader leads the areas of the site as well.
        self._doubled = size.leaders < len(units)
        free = 0
        for number, unit in enumerate(units):
            if self._doubled and unit.kind == "area":
                self._holder[number] = self._holder[unit.parent]
                continue
            self._holder[number] = free
            self.home[free] = max(unit.site, 0)
            free += 1
        self._spare = list(range(free, size.leaders))
        self.home[free:] = np.arange(free, size.leaders) % size.plants
        self._since = dict.fromkeys(self._holder, size.first_day - IN_POST_BEFORE)
        of_site: dict[int, list[int]] = {}
        for number, unit in enumerate(units):
            if unit.kind == "line":
                of_site.setdefault(unit.site, []).append(number)
        self._kept = {
            here[-1] for here in of_site.values() if len(here) > FEWEST_LINES_WITH_A_KEPT_LEADER
        }
        self._waits_at = {leader: int(self.home[leader]) for leader in self._spare}
        self._circle = {site: n for n, circle in enumerate(CIRCLES) for site in circle}

    def reigns(self) -> list[Reign]:
        """Return all reigns so far, by unit and time; those of today are open."""
        today = [Reign(unit, who, self._since[unit], OPEN) for unit, who in self._holder.items()]
        return sorted(self._past + today, key=lambda reign: (reign.unit, reign.first))

    def change(self, day: int, rest: int) -> None:
        """Let two line leaders or two site leaders swap, or somebody succeed."""
        lines = self._ripe("line", day - rest)
        kind = self.rng.random()
        if kind < LINE_SWAP_SHARE and len(lines) > 1:
            here = lines[self.rng.integers(len(lines))]
            far = [unit for unit in lines if unit != here and self._meet(unit, here)]
            near = [unit for unit in far if self.units[unit].site == self.units[here].site]
            pool = near if near and self.rng.random() < NEAR_SHARE else far
            if pool:
                self.swap(here, pool[self.rng.integers(len(pool))], day)
        elif kind < LINE_SWAP_SHARE + SITE_SWAP_SHARE:
            sites = [] if self._doubled else self._ripe("site", day - 2 * rest)
            if len(sites) > 1:
                self.swap(*self.rng.choice(sites, 2, replace=False).tolist(), day)
        else:
            areas = [] if self._doubled else self._ripe("area", day - rest)
            self.succeed(lines + areas, day)

    def succeed(self, candidates: list[int], day: int) -> None:
        """Give the post of one of the candidates to a spare leader of its circle, if any."""
        if not (candidates and self._spare):
            return
        unit = candidates[self.rng.integers(len(candidates))]
        circle = self._circle[self.units[unit].site]
        near = [one for one in self._spare if self._circle[self._waits_at[one]] == circle]
        if not near:
            return
        leaving = self._holder[unit]
        self._spare.remove(near[0])
        self._waits_at[leaving] = self.units[unit].site
        self._hand_over(unit, near[0], day)
        if self.rng.random() < LEAVER_SHARE:
            self.exits[leaving] = day - 1
        else:
            self._spare.append(leaving)

    def _ripe(self, kind: str, before: int) -> list[int]:
        return [
            unit
            for unit, since in self._since.items()
            if self.units[unit].kind == kind and since < before and unit not in self._kept
        ]

    def _meet(self, one: int, other: int) -> bool:
        sites = (self.units[one].site, self.units[other].site)
        return self._circle[sites[0]] == self._circle[sites[1]]

    def swap(self, here: int, there: int, day: int) -> None:
        """Let the leaders of two units change places."""
        first, second = self._holder[here], self._holder[there]
        self._hand_over(here, second, day)
        self._hand_over(there, first, day)

    def _hand_over(self, unit: int, leader: int, day: int) -> None:
        self._past.append(Reign(unit, self._holder[unit], self._since[unit], day - 1))
        self._holder[unit], self._since[unit] = leader, day
