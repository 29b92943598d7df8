"""Which line works when: shifts on the plant's wall clock, turned into instants by its zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import LOOKAHEAD_DAYS, day_of, weekday

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.demo.company import Company, Ints

# With the 17th daily delivery comes a Saturday on which the first line works extra shifts.
EXTRA_SHIFT_DELIVERY = 17
# Of a plant with three shifts every fifth line has no night shift.
NIGHTLESS_EVERY, NIGHTLESS_SHIFTS = 5, 2


@dataclass(frozen=True)
class Calendar:
    """Shifts of lines, ordered by line and start; row numbers are positions."""

    line: Ints
    day: Ints
    shift: Ints
    start: Ints
    end: Ints
    break_s: Ints
    working: NDArray[np.bool_]
    announced: Ints  # delivery day from which a plan shows the row

    def only(self, rows: NDArray[np.bool_]) -> Calendar:
        """Return some of the rows."""
        return Calendar(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def shift_calendar(company: Company) -> Calendar:
    """Plan the shifts of every line, wall clock turned into instants by the site's zone."""
    size = company.size
    days = np.arange(size.first_day, size.last_day + LOOKAHEAD_DAYS + 60)
    month_day = [day_of(day).strftime("%m-%d") for day in days.tolist()]
    pieces = []
    for line, site_no in enumerate(company.line_site.tolist()):
        site, zone = company.sites[site_no], company.zones[site_no]
        holiday = np.isin(month_day, site.holidays)
        announced = np.zeros(len(days), np.int64)
        runs = np.isin(weekday(days), site.weekdays)
        if line == 0 and size.daily_deliveries >= EXTRA_SHIFT_DELIVERY:
            # An extra Saturday that the plan shows from the Monday of that week on.
            extra = size.cut + EXTRA_SHIFT_DELIVERY
            runs |= days == extra
            announced[days == extra] = extra - 5
        ordinal = line - int(np.searchsorted(company.line_site, site_no))
        nightless = len(site.shifts) > NIGHTLESS_SHIFTS and (ordinal + 1) % NIGHTLESS_EVERY == 0
        shifts = site.shifts[:NIGHTLESS_SHIFTS] if nightless else site.shifts
        for number, (_, opens, closes) in enumerate(shifts):
            day = days[runs]
            last = day + (closes <= opens)
            start = zone.utc(day * 86_400 + opens * 60)
            end = zone.utc(last * 86_400 + closes * 60)
            full = np.full(len(day), site.break_minutes * 60)
            whole = np.full(len(day), line), day, np.full(len(day), number)
            pieces.append((*whole, start, end, full, ~holiday[runs], announced[runs]))
    columns = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
    order = np.lexsort((columns[3], columns[0]))
    return Calendar(*(column[order] for column in columns))
