"""How big the demo company is, where its plants are, and the days and draws all models share."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Rows = TypeVar("Rows")
EPOCH = date(1970, 1, 1)
# How far the plants are simulated beyond the last delivered day: planned orders need a future.
LOOKAHEAD_DAYS = 30
DAYS_PER_WEEK, WORKDAYS = 7, 5
MOST_EVENTS_PER_MACHINE_DAY = 5_000


def day_number(day: date) -> int:
    """Return days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """Return the date of a day number."""
    return EPOCH + timedelta(days=int(number))


def weekday(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 for Monday to 6 for Sunday; 1970-01-01 was a Thursday."""
    return (days + 3) % 7


def to_workday(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the days, those of a weekend moved to the Monday after."""
    ahead = DAYS_PER_WEEK - weekday(days)
    return days + np.where(weekday(days) < WORKDAYS, 0, ahead)


def random(seed: int, purpose: str, part: int = 0) -> np.random.Generator:
    """Return a stream for each purpose, so that no model's draws move another's."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), part])


def table(kind: type[Rows], rows: Sequence[Sequence[int]]) -> Rows:
    """Return rows of whole numbers as arrays, one for each field of a dataclass."""
    return kind(*np.array(rows, np.int64).reshape(-1, len(fields(kind))).T)  # type: ignore[arg-type]


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
         (("D", 360, 1080), ("N", 1080, 360)), _MON_SAT, 0,
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
    events_per_machine_day: float = 5.0
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
        if self.events_per_machine_day > MOST_EVENTS_PER_MACHINE_DAY:
            raise ValueError(
                f"a machine must have at most {MOST_EVENTS_PER_MACHINE_DAY:,} events a day, "
                "because states last whole seconds; take more machines or months"
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


DEFAULT = DemoSize()
TINY = DemoSize(
    plants=2, lines=6, machines=14, employees=60, leaders=10, history_months=4, daily_deliveries=3
)
