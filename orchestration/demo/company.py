"""What exists in the demo company and what is true of it: sites, lines, machines, posts, effects.

The facts are drawn once from the seed; the feeds are consequences, and `truth.json` is these facts.
Nothing here knows how a file looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from orchestration.demo.posts import OrgUnit, Reign, fill_posts, org_units
from orchestration.demo.size import SITES, DemoSize, Site, day_number, day_of, random

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A pilot in two waves, after which machines run faster; seeds/companies/demo/registry/trials.
PILOT = (
    (date(2025, 10, 1), ("DE01-L04", "DE01-L05", "US01-L02", "US01-L03", "IN01-L01", "IN01-L02")),
    (date(2026, 1, 1), ("GB01-L01", "GB01-L02", "JP01-L01", "JP01-L02", "IN01-L05", "US01-L06")),
)
PILOT_FACTOR = 1.03
PILOT_DAYS_BEFORE = 365  # a company without a year before the pilot has none

# A site leader's effect reaches a line only through the line's own leader.
SITE_LEADER_WEIGHT = 0.4


class Zone:
    """Offsets of one IANA zone over the simulated time, for whole arrays."""

    def __init__(self, name: str, first_day: int, last_day: int) -> None:
        zone = ZoneInfo(name)

        def offset(second: int) -> int:
            shift = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
            return int(shift.total_seconds()) if shift else 0

        starts, offsets = [first_day * 86_400], [offset(first_day * 86_400)]
        for day in range(first_day, last_day):
            if offset((day + 1) * 86_400) != offsets[-1]:
                # Clock changes of the zones used here fall on whole UTC hours.
                hour = next(
                    h for h in range(1, 25) if offset(day * 86_400 + h * 3_600) != offsets[-1]
                )
                starts.append(day * 86_400 + hour * 3_600)
                offsets.append(offset(starts[-1]))
        self._starts = np.array(starts, np.int64)
        self._offsets = np.array(offsets, np.int64)

    def offset(self, utc: Ints) -> Ints:
        """Return seconds to add to UTC for the wall clock."""
        return self._offsets[np.maximum(np.searchsorted(self._starts, utc, "right") - 1, 0)]

    def utc(self, local: Ints) -> Ints:
        """Return the instant of a wall clock reading that exists once."""
        return local - self.offset(local - self.offset(local))

    def once(self, utc: Ints) -> Ints:
        """Return the instants, those whose wall clock is read twice moved to after that.

        A system that writes its clock without an offset cannot say which of the two it was.
        """
        regime = np.maximum(np.searchsorted(self._starts, utc + 3_600, "right") - 1, 0)
        before = np.maximum(regime - 1, 0)
        repeated = self._offsets[regime] < self._offsets[before]
        until = self._starts[regime] + 3_600
        return np.where(repeated & (utc < until), until, utc)


@dataclass(frozen=True)
class Shift:
    """A planted change of one process, from a day on."""

    line: int
    measure: str  # availability, scrap or performance
    factor: float
    day: int


@dataclass(frozen=True)
class Shock:
    """Something from outside that no leader could influence."""

    kind: str  # supply or demand
    sites: tuple[int, ...]
    first: int
    last: int
    availability_factor: float
    receipt_delay_days: int = 0
    order_size_factor: float = 1.0


@dataclass(frozen=True)
class TeamPlants:
    """What is planted in the work of teams, and how strongly; 0 is the null switch of each.

    Attributes
    ----------
    blocked_days : float
        Mean days by which the blocking team hands its tasks on later than others do.
    free_riding : float
        Points by which the peers' scores of a free rider lie below those of the others.
    free_riders : float
        Share of crews that have one.
    """

    blocked_days: float = 4.0
    free_riding: float = 1.6
    free_riders: float = 0.125


TEAM_PLANTS = TeamPlants()


@dataclass
class Company:
    """The facts. Index arrays: site of line, line of machine, leader of unit and day."""

    seed: int
    size: DemoSize
    sites: tuple[Site, ...]
    zones: list[Zone]
    line_site: Ints
    line_ids: list[str]
    line_factor: Floats
    machine_line: Ints
    machine_ids: list[str]
    machine_factor: Floats
    units: list[OrgUnit]
    unit_of_line: Ints
    unit_of_site: Ints
    reigns: list[Reign]
    leader_exit: dict[int, int]
    leader_site: Ints
    leader_availability: Floats
    leader_scrap: Floats
    leader_adherence: Floats
    shifts: list[Shift]
    pilot: list[Shift]
    shocks: list[Shock]
    leader_of: Ints = field(repr=False)  # [unit, day - first_day]
    team_plants: TeamPlants = TEAM_PLANTS

    def months(self) -> list[tuple[int, int]]:
        """Return first and last day of each month of production, the daily ones included."""
        spans = []
        start = self.size.first_day
        while start <= self.size.last_day:
            day = day_of(start)
            following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            spans.append((start, min(day_number(following) - 1, self.size.last_day)))
            start = day_number(following)
        return spans

    def line_effects(self, measure: str, first: int, last: int) -> Floats:
        """Return the product of all planted factors on a measure, shape (lines, days).

        `measure` is availability, scrap or performance; baselines are not in it.
        """
        days = np.arange(first, last + 1)
        factor = np.ones((len(self.line_ids), len(days)))
        if measure in {"availability", "scrap"}:
            effect = self.leader_availability if measure == "availability" else self.leader_scrap
            known = np.minimum(days - self.size.first_day, self.leader_of.shape[1] - 1)
            factor *= effect[self.leader_of[self.unit_of_line][:, known]]
            of_site = self.leader_of[self.unit_of_site[self.line_site]][:, known]
            factor *= effect[of_site] ** SITE_LEADER_WEIGHT
        for shift in (*self.shifts, *self.pilot):
            if shift.measure == measure:
                factor[shift.line, days >= shift.day] *= shift.factor
        if measure == "availability":
            factor *= self.line_factor[:, None]
            for shock in self.shocks:
                hit = (days >= shock.first) & (days <= shock.last)
                here = np.isin(self.line_site, shock.sites)
                factor[np.ix_(here, hit)] *= shock.availability_factor
        return factor


def found(
    seed: int,
    size: DemoSize,
    *,
    pilot_factor: float = PILOT_FACTOR,
    team_plants: TeamPlants = TEAM_PLANTS,
) -> Company:
    """Draw the facts of a company; with a pilot factor of 1 the pilot did nothing."""
    sites = SITES[: size.plants]
    rng = random(seed, "facts")
    line_site = np.arange(size.lines) * size.plants // size.lines
    machine_line = np.arange(size.machines) * size.lines // size.machines
    line_no = np.arange(size.lines) - np.searchsorted(line_site, line_site)
    line_ids = [f"{sites[s].code}-L{n + 1:02d}" for s, n in zip(line_site, line_no, strict=True)]
    machine_no = np.arange(size.machines) - np.searchsorted(machine_line, machine_line)
    machine_ids = [
        f"{line_ids[line]}-M{n + 1}" for line, n in zip(machine_line, machine_no, strict=True)
    ]
    units, unit_of_site, unit_of_line = org_units(sites, line_site, line_ids)
    reigns, leader_exit, leader_site = fill_posts(seed, size, units)
    z_availability, z_scrap, z_habit = rng.standard_normal((3, size.leaders))
    span = size.last_day - size.first_day + 1
    leader_of = np.full((len(units), span), -1)
    for reign in reigns:
        first = max(reign.first - size.first_day, 0)
        leader_of[reign.unit, first : reign.last - size.first_day + 1] = reign.leader
    return Company(
        seed=seed,
        size=size,
        sites=sites,
        zones=[Zone(s.zone, size.first_day - 5, size.last_day + 120) for s in sites],
        line_site=line_site,
        line_ids=line_ids,
        line_factor=np.exp(rng.normal(0, 0.025, size.lines)),
        machine_line=machine_line,
        machine_ids=machine_ids,
        machine_factor=np.exp(rng.normal(0, 0.015, size.machines)),
        units=units,
        unit_of_line=unit_of_line,
        unit_of_site=unit_of_site,
        reigns=reigns,
        leader_exit=leader_exit,
        leader_site=leader_site,
        leader_availability=np.exp(0.035 * z_availability),
        leader_scrap=np.exp(0.15 * z_scrap),
        # Habit goes with the effect at a correlation of 0.4: adherence is a sign, not a cause.
        leader_adherence=1 / (1 + np.exp(-(1.6 + 0.8 * (0.4 * z_availability + 0.917 * z_habit)))),
        shifts=_shifts(size),
        pilot=_pilot(size, line_ids, pilot_factor),
        shocks=_shocks(size),
        leader_of=leader_of,
        team_plants=team_plants,
    )


def _share_of(size: DemoSize, share: float) -> int:
    return size.first_day + round(share * (size.cut - size.first_day))


def _shifts(size: DemoSize) -> list[Shift]:
    planted = [
        (2, "availability", 0.93, 0.60),
        (7, "scrap", 1.60, 0.70),
        (11, "performance", 0.95, 0.80),
        (17, "scrap", 0.70, 0.55),
        (23, "availability", 1.05, 0.85),
    ]
    shifts = [
        Shift(line % size.lines, measure, factor, _share_of(size, share))
        for line, measure, factor, share in planted
    ]
    if size.daily_deliveries > 1:
        recent = size.cut + max(2, size.daily_deliveries // 2)
        shifts.append(Shift(1, "availability", 0.80, recent))
    return shifts


def _pilot(size: DemoSize, line_ids: list[str], factor: float) -> list[Shift]:
    has_past = size.first_day <= day_number(PILOT[0][0]) - PILOT_DAYS_BEFORE
    if not has_past or not {line for _, lines in PILOT for line in lines} <= set(line_ids):
        return []
    return [
        Shift(line_ids.index(line), "performance", factor, day_number(starts))
        for starts, lines in PILOT
        for line in lines
    ]


def _shocks(size: DemoSize) -> list[Shock]:
    hit = tuple(n for n in (0, 2) if n < size.plants)
    slump = (min(1, size.plants - 1),)
    return [
        Shock("supply", hit, _share_of(size, 0.45), _share_of(size, 0.49), 0.88, 6),
        Shock("demand", slump, _share_of(size, 0.28), _share_of(size, 0.33), 0.90, 0, 0.6),
    ]
