"""What people at the machines enter, and when it is delivered: one book of the deliveries.

The history passes month by month and only what may still change is kept; a month's file holds
what happened in it, as it stands at the end of the history.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from orchestration.demo.faults import File
from orchestration.demo.floor_exports import FloorExports
from orchestration.demo.gauges import MEASURED_MONTHS, Gauges
from orchestration.demo.maintenance import Downtime, Maintenance, WorkOrders
from orchestration.demo.plant import Counts, States
from orchestration.demo.safety import observations
from orchestration.demo.size import day_of
from orchestration.demo.workforce import (
    BOOKING_MONTHS,
    TIME_MONTHS,
    Absences,
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
        # What the daily deliveries still bring: of the history and of the days after it.
        self._downtime: list[Downtime] = []
        self._orders: list[WorkOrders] = []
        self._entries: list[TimeEntries] = []

    def month(self, first: int, last: int, states: States, counts: Counts) -> Iterator[File]:
        """Yield the files of one month of the history."""
        exports, cut = self.exports, self.company.size.cut
        file = partial(File, delivered=cut + 1, label=f"{day_of(first):%Y%m}")
        downtime, orders = self.maintenance.work(first, last, states)
        known = downtime.written <= cut
        yield file("mes_downtime_events", content=exports.downtime_events(downtime.only(known)))
        yield file("cmms_work_orders", content=exports.work_orders(orders, cut))
        self._downtime.append(downtime.only(~known))
        self._orders.append(orders.only(orders.closed_day > cut))
        if first >= self._measured_from:
            measured = self.gauges.measure(first, counts)
            yield file("mes_quality_measurements", content=exports.quality_measurements(measured))
        if first >= self._timed_from:
            entries = self.workforce.entries(first, last)
            known = entries.written <= cut
            yield file("hr_time_entries", content=exports.time_entries(_only(entries, known)))
            self._entries.append(_only(entries, ~known))
        if first >= self._booked_from:
            booked = self.workforce.bookings(entries, states)
            yield file("mes_labour_bookings", content=exports.labour_bookings(booked))

    def after(self, first: int, last: int, states: States, counts: Counts) -> None:
        """Take in the days that the daily deliveries bring, which are few."""
        self._states, self._counts = states, counts
        downtime, orders = self.maintenance.work(first, last, states)
        self._downtime.append(downtime)
        self._orders.append(orders)
        self._days = self.workforce.entries(first, last)
        self._entries.append(self._days)

    def log(self, log: Events) -> None:
        """Take in what leaders logged, of which safety walks bring observations."""
        self._seen = observations(self.company, log)

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield absences and observations of the history; the rest came month by month."""
        cut, exports = self.company.size.cut, self.exports
        for number, (start, end) in enumerate(months):
            file = partial(File, delivered=cut + 1, label=f"{day_of(start):%Y%m}")
            rows = self._absences
            low = 0 if number == 0 else start
            here = _only(rows, (rows.first >= low) & (rows.first <= end))
            yield file("hr_absences", content=exports.absences(here, self.workforce, cut))
            seen = np.flatnonzero((self._seen.day >= low) & (self._seen.day <= end))
            yield file("ehs_observations", content=exports.observations(self._seen, seen))

    def daily(self, day: int) -> Iterator[File]:
        """Yield the delivery that carries one production day."""
        exports = self.exports
        file = partial(File, delivered=day + 1, label=f"{day_of(day):%Y%m%d}")
        entered = [_only(rows, rows.written == day) for rows in self._downtime]
        yield file("mes_downtime_events", content=exports.downtime_events(_joined(entered)))
        orders = [
            _only(
                rows, (rows.first_day == day) | ((rows.closed_day == day) & (rows.first_day < day))
            )
            for rows in self._orders
        ]
        yield file("cmms_work_orders", content=exports.work_orders(_joined(orders), day))
        measured = self.gauges.measure(day, _only(self._counts, self._counts.day == day))
        yield file("mes_quality_measurements", content=exports.quality_measurements(measured))
        entries = [_only(rows, rows.written == day) for rows in self._entries]
        yield file("hr_time_entries", content=exports.time_entries(_joined(entries)))
        today = _only(self._days, self._days.day == day)
        booked = self.workforce.bookings(today, _only(self._states, self._states.day == day))
        yield file("mes_labour_bookings", content=exports.labour_bookings(booked))
        rows = self._absences
        changed = (rows.first == day) | (rows.last == day - 1)
        here = _only(rows, changed & (rows.first <= day))
        yield file("hr_absences", content=exports.absences(here, self.workforce, day))
        seen = np.flatnonzero(self._seen.day == day)
        yield file("ehs_observations", content=exports.observations(self._seen, seen))

    def truth(self) -> dict[str, object]:
        """Return what the models behind this book planted."""
        return self.maintenance.truth() | self.workforce.truth() | self.gauges.truth()


def _only(rows: Rows, where: NDArray[np.bool_]) -> Rows:
    return type(rows)(*(getattr(rows, name)[where] for name in rows.__dataclass_fields__))


def _joined(parts: list[Rows]) -> Rows:
    """Return the rows of several parts as one."""
    names = type(parts[0]).__dataclass_fields__
    return type(parts[0])(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))
