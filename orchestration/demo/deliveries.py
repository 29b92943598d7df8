"""Which file arrives on which day: the history at once, then a delivery a day.

What a row means is in the models, how it is spelt in the exports, what goes wrong in the faults.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from orchestration.demo.exports import (
    CANCELLED,
    CLOSED,
    FIRST_CANCELLED_ORDER,
    FIRST_ORDER,
    FIRST_PRODUCT,
    FIRST_SUPPLIER,
    PLANNED,
    Exports,
    OrderRows,
)
from orchestration.demo.faults import (
    FAULTY_STATES,
    PAYROLL,
    File,
    Truth,
    plant_faults,
    times_thousand,
)
from orchestration.demo.floor import Floor
from orchestration.demo.leadership import lead, next_month, targets
from orchestration.demo.people import People
from orchestration.demo.people_books import people_books
from orchestration.demo.plant import Counts, Plants, States
from orchestration.demo.safety import incidents, work_hours
from orchestration.demo.size import LOOKAHEAD_DAYS, day_of, random
from orchestration.demo.supply import buy
from orchestration.demo.text import OPEN
from orchestration.demo.trade import trade_books
from orchestration.demo.workforce import Workforce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from orchestration.demo.company import Company, Ints

Rows = TypeVar("Rows", States, Counts)

CANCELLED_SHARE = 0.01
# Daily deliveries that bring more than usual; payroll's is in the faults, because it restates.
HOURS_ESTIMATED, PLANS_REVISED, PLANS_OF_NEXT_MONTH = (16, 30), 15, 27
# The month before the end of the history whose counts hold a wrong unit, and the row.
WRONG_UNIT_MONTHS_AGO, WRONG_UNIT_ROW = 6, 40
# State rows that are simulated together; a month of the default company has 54,000.
STATES_AT_ONCE = 250_000
_MONDAY = 4  # 1970-01-05 was one: day number modulo 7


@dataclass
class Landing:
    """Writes files and keeps count."""

    folder: Path
    files: int = 0
    bytes: int = 0
    rows: Counter[str] = field(default_factory=Counter)

    def write(self, file: File, *, goes_on: bool = False) -> None:
        """Store a file under its path; a system that has nothing to say sends nothing.

        Parameters
        ----------
        file : File
        goes_on : bool
            The file is there already: its records go behind those that it has.
        """
        if not file.rows:
            return
        path = self.folder / file.path
        goes_on = goes_on and path.is_file()
        start = file.content.index(b"\n") + 1 if goes_on else 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if goes_on else "wb") as target:
            target.write(memoryview(file.content)[start:])
        self.files += not goes_on
        self.bytes += len(file.content) - start
        self.rows[file.feed] += file.rows


def deliver(
    company: Company, landing: Landing, progress: Callable[[str, int, int], None]
) -> dict[str, object]:
    """Simulate the company and write all deliveries; return what was planted on the way."""
    size = company.size
    plants, people = Plants(company), People(company)
    exports = Exports(company, plants, people)
    workforce = Workforce(company, people, plants.plan)
    floor = Floor(company, plants, people, workforce)
    months = [span for span in company.months() if span[1] <= size.cut]
    steps = len(months) + 1 + size.daily_deliveries
    truth: Truth = []

    for number, (start, end) in enumerate(months):
        progress(f"production of {day_of(start):%Y-%m}", number, steps)
        file = partial(File, delivered=size.cut + 1, label=f"{day_of(start):%Y%m}")
        parts = []
        for first, last in _spans(company, start, end):
            states, part = plants.work(first, last, workforce.operators)
            still_open = last == size.cut
            landing.write(
                _states(exports, states, file, still_open=still_open), goes_on=first > start
            )
            parts.append(part)
            for feed_file in floor.month(first, last, states, part, goes_on=last < end):
                landing.write(feed_file)
        counts = exports.production_counts(_together(parts))
        counted = file("mes_production_counts", content=counts)
        if number == max(1, len(months) - WRONG_UNIT_MONTHS_AGO):
            counted, fault = times_thousand(counted, WRONG_UNIT_ROW)
            truth.append(fault)
        landing.write(counted)

    progress("orders, people, supply, safety", len(months), steps)
    at_cut = plants.totals()
    counted_daily, daily = _work_daily(exports, workforce, floor, landing)
    final = plants.totals()
    # Orders that begin after the last day are already planned.
    for first, last in _spans(company, size.last_day + 1, size.last_day + LOOKAHEAD_DAYS):
        plants.work(first, last, workforce.operators)
    writer = _Writer(company, exports, at_cut, final)
    floor.log(writer.log)
    writer.books.append(floor)
    for feed_file in writer.history(months):
        landing.write(feed_file)

    for number, day in enumerate(range(size.cut + 1, size.last_day + 1), len(months) + 1):
        progress(f"delivery of {day_of(day + 1)}", number, steps)
        daily += writer.daily(day, _of_day(counted_daily, day))
    daily, planted = plant_faults(company, daily)
    for feed_file in daily:
        landing.write(feed_file)
    progress("done", steps, steps)
    return {"deliveries": truth + planted, **writer.truth()}


def _work_daily(
    exports: Exports, workforce: Workforce, floor: Floor, landing: Landing
) -> tuple[Counts, list[File]]:
    """Simulate the days after the history and write their states, but for those to be spoilt.

    Returns
    -------
    tuple
        All counts, and the files of states that a fault will change.
    """
    company, size = exports.company, exports.company.size
    kept: list[File] = []
    parts = []
    for first, last in _spans(company, size.cut + 1, size.last_day):
        states, part = exports.plants.work(first, last, workforce.operators)
        parts.append(part)
        floor.after(first, last, states, part)
        for day in range(first, last + 1):
            file = partial(File, delivered=day + 1, label=f"{day_of(day):%Y%m%d}")
            of_day = _states(exports, _of_day(states, day), file, still_open=True)
            if day - size.cut in FAULTY_STATES:
                kept.append(of_day)
            else:
                landing.write(of_day)
    return _together(parts), kept


class Book(Protocol):
    """A part of the company that keeps its own feeds: what it sends when, and its truth."""

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield the files of the first delivery; months are first and last production days."""

    def daily(self, day: int) -> Iterator[File]:
        """Yield the files of the delivery that carries one production day."""

    def truth(self) -> dict[str, object]:
        """Return what was drawn, by name."""


class _Writer:
    """All feeds, for the history and for one day; states and counts of the history apart."""

    def __init__(
        self,
        company: Company,
        exports: Exports,
        at_cut: tuple[Ints, Ints],
        final: tuple[Ints, Ints],
    ) -> None:
        self.company, self.plants, self.exports = company, exports.plants, exports
        self.totals, self.final = at_cut, final
        book = self.plants.book
        self.created, self.plan_start, self.plan_end = self.plants.plan_orders()
        self.known = book.began_row >= 0
        ended = book.ended()[1]
        self.began = np.where(self.known, book.began_day, OPEN)
        self.ended = np.where(ended >= 0, ended, OPEN)
        rng = random(company.seed, "cancelled orders")
        planned = np.flatnonzero(self.known)
        self.dropped = planned[rng.random(len(planned)) < CANCELLED_SHARE]
        self.purchases, self.receipts, self.late_share = buy(company)
        self.hours, daily_hours = work_hours(company, exports.people.employments)
        self.reports = incidents(company, daily_hours)
        self.plans, self.log = lead(company)
        self.targets = targets(company, self.plants.products)
        self.books: list[Book] = [
            *trade_books(company, self.plants),
            *people_books(company, exports.people),
        ]

    def truth(self) -> dict[str, object]:
        """Return what these models drew and no feed says."""
        retimed = np.flatnonzero(self.plants.products.retimed)
        return {
            "supplier_late_share": {
                f"{n + FIRST_SUPPLIER:010d}": round(float(share), 4)
                for n, share in enumerate(self.late_share)
            },
            "product_scrap_factor": {
                f"{n + FIRST_PRODUCT:018d}": round(float(factor), 5)
                for n, factor in enumerate(self.plants.products.scrap_factor)
            },
            "retimed_products": [f"{n + FIRST_PRODUCT:018d}" for n in retimed],
            "retimed_from": str(day_of(self.exports.retimed_from())),
            **{name: fact for book in self.books for name, fact in book.truth().items()},
        }

    # -------------------------------------------------------------------------------- history

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield the first delivery: a file a month of what happens, one of what is."""
        exports, cut = self.exports, self.company.size.cut
        orders = self._orders(np.arange(len(self.created)), self.dropped, cut)
        changed = np.select(
            [orders.status == CLOSED, orders.status == CANCELLED],
            [self.ended[orders.order], self._cancelled(orders.order)],
            cut,
        )
        bought = self.purchases
        lines = np.flatnonzero(bought.ordered <= cut)
        moved = np.max([np.where(m <= cut, m, 0) for m in bought.moments()], axis=0)[lines]
        for number, (start, end) in enumerate(months):
            # What changed before the first month is in its file too.
            low = 0 if number == 0 else start
            file = partial(File, delivered=cut + 1, label=f"{day_of(start):%Y%m}")
            yield self._file_of_orders(orders.only(_between(changed, low, end)), file)
            month = lines[_between(moved, low, end)]
            yield file(
                "erp_purchase_order_lines",
                content=exports.purchase_order_lines(bought, month, cut),
            )
            yield from self._events(low, end, file)
        yield from self._calendar_months(cut + 1)
        file = partial(File, delivered=cut + 1, label=f"{day_of(cut + 1):%Y%m%d}")
        month = self.hours.month
        worked = np.flatnonzero(month <= cut)
        yield file(
            "ehs_hours_worked",
            content=exports.hours_worked(
                self.hours, worked, estimated=month[worked] == month[worked].max()
            ),
        )
        rows = np.flatnonzero(self.plans.month <= cut + 1)
        yield file("leader_plans", content=exports.plans(self.plans, rows))
        goals = [target for target in self.targets if target.valid_from <= cut]
        yield file("kpi_targets", content=exports.targets(goals))
        yield from self._snapshots(cut + 1, weekly=True)
        for book in self.books:
            yield from book.history(months)

    def _calendar_months(self, first: int) -> Iterator[File]:
        plan = self.plants.plan
        month = plan.day.astype("datetime64[D]").astype("datetime64[M]")
        # The plan reaches to the end of the month of the last delivery.
        for start, _ in self.company.months():
            this = np.datetime64(f"{day_of(start):%Y-%m}")
            rows = plan.only((plan.announced <= first) & (month == this))
            yield File(
                "mes_shift_calendar",
                first,
                f"{day_of(start):%Y%m}",
                self.exports.shift_calendar(rows),
            )

    # ---------------------------------------------------------------------------------- daily

    def daily(self, day: int, counts: Counts) -> Iterator[File]:
        """Yield the delivery that carries one production day, states apart."""
        exports, bought = self.exports, self.purchases
        file = partial(File, delivered=day + 1, label=f"{day_of(day):%Y%m%d}")
        yield file("mes_production_counts", content=exports.production_counts(counts))
        good, scrap = self.totals
        np.add.at(good, counts.order, counts.good + counts.rework)
        np.add.at(scrap, counts.order, counts.scrap)
        changed = (self.created == day) | (self.began == day) | (self.ended == day)
        changed[counts.order] = True
        dropped = self.dropped[
            (self.created[self.dropped] == day) | (self._cancelled(self.dropped) == day)
        ]
        yield self._file_of_orders(self._orders(np.flatnonzero(changed), dropped, day), file)
        rows = np.flatnonzero(np.any([moment == day for moment in bought.moments()], axis=0))
        yield file(
            "erp_purchase_order_lines", content=exports.purchase_order_lines(bought, rows, day)
        )
        yield from self._events(day, day, file)
        yield from self._slices(day, file)
        yield from self._snapshots(day + 1, weekly=(day + 1) % 7 == _MONDAY)
        for book in self.books:
            yield from book.daily(day)

    def _events(self, low: int, high: int, file: partial[File]) -> Iterator[File]:
        """Yield what happened on the days `low` to `high`."""
        exports = self.exports
        order = np.flatnonzero(_between(self.ended, low, high))
        confirmed = exports.operation_confirmations(
            order, self.plan_start[order], self.plan_end[order], self.final
        )
        yield file("mes_operation_confirmations", content=confirmed)
        rows = np.flatnonzero(_between(self.receipts.posted, low, high))
        posted = exports.goods_receipts(self.receipts, self.purchases, rows)
        yield file("erp_goods_receipts", content=posted)
        rows = np.flatnonzero(_between(self.reports.day, low, high))
        yield file("ehs_incidents", content=exports.incidents(self.reports, rows))
        rows = np.flatnonzero(_between(self.log.day, low, high))
        yield file("leader_behaviour_events", content=exports.behaviour_events(self.log, rows))

    def _slices(self, day: int, file: partial[File]) -> Iterator[File]:
        """Yield what comes now and then: weeks of the calendar, months of hours and plans."""
        company, exports, today = self.company, self.exports, day + 1
        number = day - company.size.cut
        if today % 7 == _MONDAY:
            plan = self.plants.plan
            fortnight = _between(plan.day, today, today + 13) & (plan.announced <= today)
            yield file("mes_shift_calendar", content=exports.shift_calendar(plan.only(fortnight)))
        if number == PAYROLL or number in HOURS_ESTIMATED:
            month = self.hours.month
            closed = number == PAYROLL
            which = month[month <= company.size.cut].max() if closed else month.max()
            rows = np.flatnonzero(month == which)
            estimated = np.full(len(rows), not closed)
            yield file(
                "ehs_hours_worked",
                content=exports.hours_worked(self.hours, rows, estimated=estimated),
            )
        if number == PLANS_REVISED:
            plans = self.plans
            # One leader in fifteen has had leave approved since the month was planned.
            absent = plans.leader % 15 == 3  # noqa: PLR2004
            revised = replace(
                plans,
                planned=np.where(absent, np.maximum(plans.planned * 3 // 5, 1), plans.planned),
                absence=np.where(absent, 10, plans.absence),
            )
            rows = np.flatnonzero(plans.month == plans.month.max())
            yield file("leader_plans", content=exports.plans(revised, rows))
        if number == PLANS_OF_NEXT_MONTH:
            plans = next_month(company, self.plans)
            rows = np.arange(len(plans.leader))
            yield file("leader_plans", content=exports.plans(plans, rows))
        goals = [target for target in self.targets if target.valid_from == day]
        if goals:
            yield file("kpi_targets", content=exports.targets(goals))

    def _snapshots(self, today: int, *, weekly: bool) -> Iterator[File]:
        exports = self.exports
        file = partial(File, delivered=today, label=f"{day_of(today):%Y%m%d}")
        yield file("mes_equipment", content=exports.equipment())
        yield file("erp_products", content=exports.products())
        yield file("hr_employees", content=exports.employees(today))
        yield file("hr_assignments", content=exports.assignments(today))
        yield file("hr_org_units", content=exports.org_units(today))
        yield file("hr_person_crosswalk", content=exports.person_crosswalk(today))
        if weekly:
            yield file("mes_reason_codes", content=exports.reason_codes())
            yield file("erp_routings", content=exports.routings())

    # --------------------------------------------------------------------------------- orders

    def _cancelled(self, order: Ints) -> Ints:
        return self.plants.calendar.day[self.plan_start[order]]

    def _orders(self, order: Ints, dropped: Ints, day: int) -> OrderRows:
        """Return those of the given orders that exist on a day, as they stand."""
        order = order[(self.created[order] <= day) & self.known[order]]
        dropped = dropped[self.created[dropped] <= day]
        status = PLANNED + (self.began[order] <= day) + (self.ended[order] <= day)
        nothing = np.zeros(len(dropped), np.int64)
        good, scrap = self.totals
        return OrderRows(
            order=np.r_[order, dropped],
            number=np.r_[order + FIRST_ORDER, dropped + FIRST_CANCELLED_ORDER],
            status=np.r_[status, np.where(self._cancelled(dropped) <= day, CANCELLED, PLANNED)],
            good=np.r_[good[order], nothing],
            scrap=np.r_[scrap[order], nothing],
        )

    def _file_of_orders(self, rows: OrderRows, file: partial[File]) -> File:
        content = self.exports.production_orders(rows, self.plan_start, self.plan_end)
        return file("erp_production_orders", content=content)


def _spans(company: Company, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut days into spans of few enough states that memory does not grow with the company."""
    size = company.size
    days = max(1, int(STATES_AT_ONCE / (size.machines * size.events_per_machine_day)))
    for start in range(first, max(first, last) + 1, days):
        yield start, min(start + days - 1, last)


def _together(parts: list[Counts]) -> Counts:
    """Return the counts of spans as those of one, ordered by machine and time."""
    if len(parts) == 1:
        return parts[0]
    names = Counts.__dataclass_fields__
    whole = Counts(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    order = np.argsort(whole.machine, kind="stable")
    return Counts(*(getattr(whole, name)[order] for name in names))


def _states(exports: Exports, rows: States, file: partial[File], *, still_open: bool) -> File:
    """Return a file of states; the last state of each machine may last beyond it."""
    lasts = np.zeros(len(rows.machine), bool)
    if still_open and len(lasts):
        lasts = np.r_[rows.machine[1:] != rows.machine[:-1], True]
    return file("mes_machine_states", content=exports.machine_states(rows, open_rows=lasts))


def _between(days: Ints, low: int, high: int) -> NDArray[np.bool_]:
    return (days >= low) & (days <= high)


def _of_day(rows: Rows, day: int) -> Rows:
    here = rows.day == day
    return type(rows)(*(getattr(rows, name)[here] for name in rows.__dataclass_fields__))
