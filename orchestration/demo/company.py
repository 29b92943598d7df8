"""What exists in the demo company and what is true of it: sites, lines, machines, posts, effects.

The facts are drawn once from the seed; the feeds are consequences, and `truth.json` is these facts.
Nothing here knows how a file looks.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from orchestration.demo.text import OPEN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EPOCH = date(1970, 1, 1)
AREAS = ("PROD", "QUAL", "LOG", "MNT", "HR")
AREA_NAMES = ("Production", "Quality", "Logistics", "Maintenance", "Human resources")

# How far the plants are simulated beyond the last delivered day: planned orders need a future.
LOOKAHEAD_DAYS = 30
# A site leader's effect reaches a line only through the line's own leader.
SITE_LEADER_WEIGHT = 0.4


def day_number(day: date) -> int:
    """Return days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """Return the date of a day number."""
    return EPOCH + timedelta(days=int(number))


def random(seed: int, purpose: str, part: int = 0) -> np.random.Generator:
    """Return a stream of its own for each purpose, so that one model's draws never move another's."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), part])


@dataclass(frozen=True)
class DemoSize:
    """How big the company is and how long its history.

    Attributes
    ----------
    plants : int
        1 to 6, in the order of `SITES`.
    lines, machines, employees, leaders : int
        Totals of the company. With fewer leaders than posts, site leaders lead the areas too.
    history_months : int
        Months up to and including `history_end`, delivered on the first day.
    daily_deliveries : int
        Deliveries after the first one, each with the production day before it.
    events_per_machine_day : float
        Expected state rows of a machine on a day with three shifts, changeovers and breaks apart.
    orders_per_machine_day : float
        Expected production orders of a machine on a day with three shifts.
    history_end : date
        Last production day of the history; a month end.
    """

    plants: int = 6
    lines: int = 40
    machines: int = 200
    employees: int = 1_500
    leaders: int = 90
    history_months: int = 36
    daily_deliveries: int = 30
    events_per_machine_day: float = 6.0
    orders_per_machine_day: float = 0.53
    history_end: date = date(2026, 9, 30)

    def __post_init__(self) -> None:
        if not 1 <= self.plants <= len(SITES):
            raise ValueError(f"plants must be 1 to {len(SITES)}, not {self.plants}")
        if self.lines < self.plants or self.machines < self.lines:
            raise ValueError("every plant needs a line and every line a machine")
        if self.leaders < 2 + self.plants + self.lines:
            raise ValueError(
                "leaders must cover the enterprise, plants and lines, and one to spare"
            )
        if (self.history_end + timedelta(days=1)).day != 1:
            raise ValueError("history_end must be the last day of a month")

    @property
    def first_day(self) -> int:
        """First production day."""
        months = self.history_end.year * 12 + self.history_end.month - self.history_months
        return day_number(date(months // 12, months % 12 + 1, 1))

    @property
    def cut(self) -> int:
        """Last production day of the first delivery."""
        return day_number(self.history_end)

    @property
    def last_day(self) -> int:
        """Last production day delivered."""
        return self.cut + self.daily_deliveries


@dataclass(frozen=True)
class Site:
    """A plant and its level before leaders, lines and luck."""

    code: str
    name: str
    zone: str
    country: str
    plant: str  # the ERP's name for it
    location: str  # the HRIS's name for it
    currency: str
    shifts: tuple[tuple[str, int, int], ...]  # id, start and end in minutes of the local day
    weekdays: tuple[int, ...]  # Monday is 0
    break_minutes: int
    holidays: tuple[str, ...]
    availability: float
    performance: float
    scrap: float
    rework: float
    recordables: float  # per 200,000 hours
    leavers: float  # per head and month
    reason_letter: str


_MON_FRI, _MON_SAT, _ALL = tuple(range(5)), tuple(range(6)), tuple(range(7))
SITES = (
    Site("DE01", "Augsburg", "Europe/Berlin", "DE", "1010", "AUG", "EUR",
         (("E", 360, 840), ("L", 840, 1320), ("N", 1320, 360)), _MON_FRI, 30,
         ("01-01", "05-01", "10-03", "12-25", "12-26"),
         0.77, 0.89, 0.021, 0.012, 2.1, 0.007, "S"),
    Site("US01", "Joliet", "America/Chicago", "US", "2010", "JOT", "USD",
         (("1", 420, 900), ("2", 900, 1380), ("3", 1380, 420)), _ALL, 0,
         ("01-01", "07-04", "12-25"),
         0.72, 0.87, 0.032, 0.018, 3.0, 0.014, "R"),
    Site("GB01", "Coventry", "Europe/London", "GB", "1110", "COV", "GBP",
         (("D", 360, 1080), ("N", 1080, 360)), _MON_SAT, 45,
         ("01-01", "12-25", "12-26"),
         0.73, 0.86, 0.028, 0.016, 2.4, 0.010, "C"),
    Site("IN01", "Pune", "Asia/Kolkata", "IN", "3010", "PNQ", "INR",
         (("A", 390, 870), ("B", 870, 1350), ("C", 1350, 390)), _MON_SAT, 0,
         ("01-26", "08-15", "10-02"),
         0.69, 0.88, 0.035, 0.022, 2.8, 0.011, "P"),
    Site("JP01", "Nagoya", "Asia/Tokyo", "JP", "3110", "NGO", "JPY",
         (("1", 480, 990), ("2", 990, 60)), _MON_FRI, 45,
         ("01-01", "01-02", "01-03"),
         0.81, 0.92, 0.013, 0.008, 1.8, 0.005, "J"),
    Site("DE02", "Leipzig", "Europe/Berlin", "DE", "1020", "LEJ", "EUR",
         (("E", 330, 810), ("L", 810, 1290), ("N", 1290, 330)), _ALL, 0,
         ("01-01", "05-01", "10-03", "12-25", "12-26"),
         0.75, 0.90, 0.024, 0.014, 2.3, 0.008, "L"),
)  # fmt: skip

DEFAULT = DemoSize()
TINY = DemoSize(
    plants=2, lines=6, machines=14, employees=60, leaders=10, history_months=4, daily_deliveries=3
)


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
    shocks: list[Shock]
    leader_of: Ints = field(repr=False)  # [unit, day - first_day]

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
        for shift in self.shifts:
            if shift.measure == measure:
                factor[shift.line, days >= shift.day] *= shift.factor
        if measure == "availability":
            factor *= self.line_factor[:, None]
            for shock in self.shocks:
                hit = (days >= shock.first) & (days <= shock.last)
                here = np.isin(self.line_site, shock.sites)
                factor[np.ix_(here, hit)] *= shock.availability_factor
        return factor


def found(seed: int, size: DemoSize) -> Company:
    """Draw the facts of a company."""
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
    units, unit_of_site, unit_of_line = _units(sites, line_site, line_ids)
    reigns, leader_exit, leader_site = _reigns(seed, size, units)
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
        shocks=_shocks(size),
        leader_of=leader_of,
    )


def _units(
    sites: tuple[Site, ...], line_site: Ints, line_ids: list[str]
) -> tuple[list[OrgUnit], Ints, Ints]:
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


def _reigns(
    seed: int, size: DemoSize, units: list[OrgUnit]
) -> tuple[list[Reign], dict[int, int], Ints]:
    """Fill the posts, then let leaders swap, succeed and leave."""
    rng = random(seed, "posts")
    doubled = size.leaders < len(units)
    before = size.first_day - 700
    holder: dict[int, int] = {}
    home = np.zeros(size.leaders, np.int64)
    free = 0
    for number, unit in enumerate(units):
        if doubled and unit.kind == "area":
            holder[number] = holder[unit.parent]
            continue
        holder[number] = free
        home[free] = max(unit.site, 0)
        free += 1
    spare = list(range(free, size.leaders))
    for leader in spare:
        home[leader] = leader % size.plants
    since = dict.fromkeys(holder, before)
    reigns: list[Reign] = []
    exits: dict[int, int] = {}

    def hand_over(unit: int, leader: int, day: int) -> None:
        reigns.append(Reign(unit, holder[unit], since[unit], day - 1))
        holder[unit], since[unit] = leader, day

    def succeed(unit: int, day: int) -> None:
        leaving = holder[unit]
        hand_over(unit, spare.pop(0), day)
        if rng.random() < 0.5:
            exits[leaving] = day - 1
        else:
            spare.append(leaving)

    lines = [n for n, unit in enumerate(units) if unit.kind == "line"]
    sites = [n for n, unit in enumerate(units) if unit.kind == "site"]
    areas = [] if doubled else [n for n, unit in enumerate(units) if unit.kind == "area"]
    span = size.cut - size.first_day
    changes = max(1, round(0.35 * len(lines) * span / 365))
    earliest = size.first_day + min(60, span // 3)
    days = np.sort(rng.integers(earliest, size.cut - min(30, span // 3), changes))
    rest = min(150, span // 3)
    for day in (days - (days + 3) % 7).tolist():  # Mondays
        ripe = [n for n in lines if day - since[n] > rest]
        kind = rng.random()
        if kind < 0.6 and len(ripe) > 1:
            here = ripe[rng.integers(len(ripe))]
            near = [n for n in ripe if n != here and units[n].site == units[here].site]
            far = [n for n in ripe if n != here]
            pool = near if near and rng.random() < 0.65 else far
            there = pool[rng.integers(len(pool))]
            first, second = holder[here], holder[there]
            hand_over(here, second, day)
            hand_over(there, first, day)
        elif kind < 0.7 and not doubled and len(sites) > 1:
            older = [n for n in sites if day - since[n] > 2 * rest]
            if len(older) > 1:
                here, there = rng.choice(older, 2, replace=False).tolist()
                first, second = holder[here], holder[there]
                hand_over(here, second, day)
                hand_over(there, first, day)
        elif spare:
            candidates = ripe + [n for n in areas if day - since[n] > rest]
            if candidates:
                succeed(candidates[rng.integers(len(candidates))], day)
    # One succession falls into the daily deliveries, so that an ordinary run meets one.
    succession = size.cut + min(12, size.daily_deliveries - 1)
    if spare and size.daily_deliveries > 1:
        succeed(lines[0], succession)
    reigns += [Reign(unit, leader, since[unit], OPEN) for unit, leader in holder.items()]
    return sorted(reigns, key=lambda r: (r.unit, r.first)), exits, home


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


def _shocks(size: DemoSize) -> list[Shock]:
    hit = tuple(n for n in (0, 2) if n < size.plants)
    slump = (min(1, size.plants - 1),)
    return [
        Shock("supply", hit, _share_of(size, 0.45), _share_of(size, 0.49), 0.88, 6),
        Shock("demand", slump, _share_of(size, 0.28), _share_of(size, 0.33), 0.90, 0, 0.6),
    ]
