"""What people at the machines enter, and when it is delivered: one book of the deliveries.

The history passes month by month and is written by quarter or year, because a file costs the
reader as much as ten thousand rows; only what may still change is kept longer. A file holds what
happened in its time, as it stands at the end of the history.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from orchestration.demo.faults import File
from orchestration.demo.floor_exports import FloorExports
from orchestration.demo.gauges import MEASURED_MONTHS, Gauges
from orchestration.demo.maintenance import Downtime, Maintenance, WorkOrders
from orchestration.demo.plant import Counts, States
from orchestration.demo.safety import observations
from orchestration.demo.size import day_number, day_of
from orchestration.demo.workforce import (
    BOOKING_MONTHS,
    TIME_MONTHS,
    Absences,
    Bookings,
    TimeEntries,
    Workforce,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from orchestration.demo.company import Company
    from orchestration.demo.leadership import Events
    from orchestration.demo.people import People
    from orchestration.demo.plant import Plants

MONTHS_OF_QUARTER = 3

Rows = TypeVar("Rows", Downtime, WorkOrders, TimeEntries, Absences, States, Counts)


class Floor:
    """The book of stops, maintenance, time, absences, measurements and observations."""

    def __init__(self, company: Company, plants: Plants, people: People, work: Workforce) -> None:
        self.company, self.workforce = company, work
        self.exports = FloorExports(company, plants, people)
        self.maintenance, self.gauges = Maintenance(company), Gauges(company)
        self._absences = work.absences()
        starts = [start for start, _ in company.months() if start <= company.size.cut]
        self._timed_from = starts[-min(TIME_MONTHS, len(starts))]
        self._booked_from = starts[-min(BOOKING_MONTHS, len(starts))]
        self._measured_from = starts[-min(MEASURED_MONTHS, len(starts))]
        self._quarter: dict[str, list[Any]] = {}
        # What the daily deliveries still bring: of the history and of the days after it.
        self._downtime: list[Downtime] = []
        self._orders: list[WorkOrders] = []
        self._entries: list[TimeEntries] = []
        self._counts: list[Counts] = []
        self._booked: dict[int, Bookings] = {}

    def month(
        self, first: int, last: int, states: States, counts: Counts, *, goes_on: bool
    ) -> Iterator[File]:
        """Take in days of one month of the history; yield a quarter's files with its last month.

        `goes_on` says that more days of the month follow.
        """
        cut = self.company.size.cut
        downtime, orders = self.maintenance.work(first, last, states)
        known = downtime.written <= cut
        self._keep("mes_downtime_events", _only(downtime, known))
        self._keep("cmms_work_orders", orders)
        self._downtime.append(_only(downtime, ~known))
        self._orders.append(_only(orders, orders.closed_day > cut))
        if first >= self._measured_from:
            self._keep("mes_quality_measurements", self.gauges.measure(first, counts))
        if first >= self._timed_from:
            entries = self.workforce.entries(first, last)
            known = entries.written <= cut
            self._keep("hr_time_entries", _only(entries, known))
            self._entries.append(_only(entries, ~known))
        if first >= self._booked_from:
            self._keep("mes_labour_bookings", self.workforce.bookings(entries, states))
        month = day_of(first).month
        if not goes_on and (month % MONTHS_OF_QUARTER == 0 or last == cut):
            label = f"{day_of(first).year}q{(month - 1) // MONTHS_OF_QUARTER + 1}"
            for feed, parts in self._quarter.items():
                yield File(feed, cut + 1, label, self._content(feed, _joined(parts), cut))
            self._quarter = {}

    def _keep(self, feed: str, rows: object) -> None:
        self._quarter.setdefault(feed, []).append(rows)

    def _content(self, feed: str, rows: Any, day: int) -> bytes:
        """Return a file of a feed as its rows stand on a day."""
        exports = self.exports
        if feed == "cmms_work_orders":
            return exports.work_orders(rows, day)
        writers = {
            "mes_downtime_events": exports.downtime_events,
            "mes_quality_measurements": exports.quality_measurements,
            "hr_time_entries": exports.time_entries,
            "mes_labour_bookings": exports.labour_bookings,
        }
        return writers[feed](rows)

    def after(self, first: int, last: int, states: States, counts: Counts) -> None:
        """Take in days that the daily deliveries bring; their states are not kept."""
        self._counts.append(counts)
        downtime, orders = self.maintenance.work(first, last, states)
        self._downtime.append(downtime)
        self._orders.append(orders)
        entries = self.workforce.entries(first, last)
        self._entries.append(entries)
        for day in range(first, last + 1):
            self._booked[day] = self.workforce.bookings(
                _only(entries, entries.day == day), _only(states, states.day == day)
            )

    def log(self, log: Events) -> None:
        """Take in what leaders logged, of which safety walks bring observations."""
        self._seen = observations(self.company, log)

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield absences and observations of the history by year; the rest came by quarter."""
        cut, exports, absences = self.company.size.cut, self.exports, self._absences
        years = sorted({day_of(start).year for start, _ in months})
        for year, first_year in ((year, year == years[0]) for year in years):
            file = partial(File, delivered=cut + 1, label=str(year))
            low = 0 if first_year else day_number(date(year, 1, 1))
            high = min(day_number(date(year, 12, 31)), cut)
            here = _only(absences, (absences.first >= low) & (absences.first <= high))
            yield file("hr_absences", content=exports.absences(here, self.workforce, cut))
            seen = np.flatnonzero((self._seen.day >= low) & (self._seen.day <= high))
            yield file("ehs_observations", content=exports.observations(self._seen, seen))

    def daily(self, day: int) -> Iterator[File]:
        """Yield the delivery that carries one production day."""
        exports = self.exports
        file = partial(File, delivered=day + 1, label=f"{day_of(day):%Y%m%d}")
        rows = {
            "mes_downtime_events": _joined(
                [_only(part, part.written == day) for part in self._downtime]
            ),
            "cmms_work_orders": _joined(
                [
                    _only(part, (part.first_day == day) | _closed_later(part, day))
                    for part in self._orders
                ]
            ),
            "mes_quality_measurements": self.gauges.measure(
                day, _joined([_only(part, part.day == day) for part in self._counts])
            ),
            "hr_time_entries": _joined(
                [_only(part, part.written == day) for part in self._entries]
            ),
            "mes_labour_bookings": self._booked[day],
        }
        for feed, of_day in rows.items():
            yield file(feed, content=self._content(feed, of_day, day))
        absences = self._absences
        changed = (absences.first == day) | (absences.last == day - 1)
        here = _only(absences, changed & (absences.first <= day))
        yield file("hr_absences", content=exports.absences(here, self.workforce, day))
        seen = np.flatnonzero(self._seen.day == day)
        yield file("ehs_observations", content=exports.observations(self._seen, seen))

    def truth(self) -> dict[str, object]:
        """Return what the models behind this book planted."""
        return self.maintenance.truth() | self.workforce.truth() | self.gauges.truth()


def _closed_later(orders: WorkOrders, day: int) -> NDArray[np.bool_]:
    """Say which orders are closed on a day after the one that brought them."""
    return (orders.closed_day == day) & (orders.first_day < day)


def _only(rows: Rows, where: NDArray[np.bool_]) -> Rows:
    return type(rows)(*(getattr(rows, name)[where] for name in rows.__dataclass_fields__))


def _joined(parts: list[Rows]) -> Rows:
    """Return the rows of several parts as one."""
    names = type(parts[0]).__dataclass_fields__
    return type(parts[0])(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))
