"""Which file arrives on which day: the history at once, then a delivery a day, some of them wrong.

What is wrong on purpose is planted here and written to the truth; what rows mean is in the models.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from orchestration.demo.company import Company, Ints, day_of, random
from orchestration.demo.exports import (
    FIRST_CANCELLED_ORDER,
    FIRST_ORDER,
    Exports,
    OrderRows,
)
from orchestration.demo.leadership import lead, next_month, targets
from orchestration.demo.people import People
from orchestration.demo.plant import Counts, Plants, States
from orchestration.demo.safety import incidents, work_hours
from orchestration.demo.supply import buy
from orchestration.demo.text import OPEN

Progress = Callable[[str, int, int], None]
Rows = TypeVar("Rows", States, Counts)
Truth = list[dict[str, object]]

SYSTEM_OF = {
    "mes": ("mes_equipment", "mes_machine_states", "mes_production_counts",
            "mes_operation_confirmations", "mes_shift_calendar", "mes_reason_codes"),
    "sap": ("erp_products", "erp_routings", "erp_production_orders", "erp_purchase_order_lines",
            "erp_goods_receipts"),
    "workday": ("hr_employees", "hr_assignments", "hr_org_units", "hr_person_crosswalk"),
    "ehs": ("ehs_incidents", "ehs_hours_worked"),
    "leaderlog": ("leader_behaviour_events", "leader_plans"),
    "planning": ("kpi_targets",),
}  # fmt: skip
_SYSTEM = {feed: system for system, feeds in SYSTEM_OF.items() for feed in feeds}
_SUFFIX = {
    "mes_operation_confirmations": "jsonl",
    "leader_behaviour_events": "jsonl",
    "hr_org_units": "json",
    "hr_person_crosswalk": "json",
    "ehs_hours_worked": "xlsx",
}
_MONDAY = 4  # 1970-01-05 was one: day number modulo 7


@dataclass(frozen=True)
class File:
    """One delivered file; `label` is the production day or month in its name."""

    feed: str
    delivered: int
    label: str
    content: bytes
    rows: int

    @property
    def path(self) -> str:
        """Path below the landing folder."""
        suffix = _SUFFIX.get(self.feed, "csv")
        name = f"{self.feed}_{self.label}.{suffix}"
        return f"{_SYSTEM[self.feed]}/{self.feed}/{day_of(self.delivered)}/{name}"


@dataclass
class Landing:
    """Writes files and keeps count."""

    folder: Path
    files: int = 0
    bytes: int = 0
    rows: Counter[str] = field(default_factory=Counter)

    def write(self, file: File) -> None:
        """Store a file under its path; a file of no lines at all is never sent."""
        if not file.content:
            return
        path = self.folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        self.files += 1
        self.bytes += len(file.content)
        self.rows[file.feed] += file.rows


def deliver(company: Company, landing: Landing, progress: Progress) -> dict[str, object]:
    """Simulate the company and write all deliveries; return what was planted on the way."""
    size = company.size
    plants, people = Plants(company), People(company)
    exports = Exports(company, plants, people)
    months = [span for span in company.months() if span[1] <= size.cut]
    steps = len(months) + 2 + size.daily_deliveries
    first = size.cut + 1
    truth: Truth = []

    for number, (start, end) in enumerate(months):
        progress(f"production of {day_of(start):%Y-%m}", number, steps)
        states, counts = plants.work(start, end, people.operators)
        still_open = (
            _last_of_machine(states) if end == size.cut else np.zeros(len(states.day), bool)
        )
        label = f"{day_of(start):%Y%m}"
        landing.write(
            File("mes_machine_states", first, label,
                 exports.machine_states(states, open_rows=still_open), len(states.day))
        )  # fmt: skip
        file = File(
            "mes_production_counts", first, label, exports.production_counts(counts),
            len(counts.day),
        )  # fmt: skip
        if number == max(1, len(months) - 6):
            file, fault = times_thousand(file, end, 40)
            truth.append(fault)
        landing.write(file)

    progress("orders, people, supply, safety", len(months), steps)
    at_cut = (plants.book.good + plants.book.rework, plants.book.scrap.copy())
    states, counts = plants.work(first, size.last_day, people.operators)
    final = (plants.book.good + plants.book.rework, plants.book.scrap.copy())
    # Orders that begin after the last day are already planned.
    plants.work(size.last_day + 1, size.last_day + 30, people.operators)
    writer = _Writer(company, plants, people, exports, at_cut, final)
    for file in writer.history(months):
        landing.write(file)

    daily: list[File] = []
    for day in range(first, size.last_day + 1):
        progress(f"delivery of {day_of(day + 1)}", len(months) + 2 + day - first, steps)
        daily += writer.daily(day, _of_day(states, day), _of_day(counts, day))
    daily, planted = plant_faults(company, daily)
    for file in daily:
        landing.write(file)
    truth += planted
    progress("done", steps, steps)
    return {"deliveries": truth, **writer.truth()}


class _Writer:
    """The feeds beside states and counts, for the history and for one day."""

    def __init__(
        self,
        company: Company,
        plants: Plants,
        people: People,
        exports: Exports,
        at_cut: tuple[Ints, Ints],
        final: tuple[Ints, Ints],
    ) -> None:
        self.company, self.plants, self.exports = company, plants, exports
        self.totals = tuple(total.copy() for total in at_cut)
        self.final = final
        self.created, self.plan_start, self.plan_end, self.planned = plants.plan_orders()
        ended = plants.book.ended()[1]
        self.began = np.where(plants.book.began_row >= 0, plants.book.began_day, OPEN)
        self.ended = np.where(ended >= 0, ended, OPEN)
        rng = random(company.seed, "cancelled orders")
        self.dropped = self.planned[rng.random(len(self.planned)) < 0.01]
        self.purchases, self.receipts, self.late_share = buy(company)
        self.hours, daily_hours = work_hours(company, people.employments)
        self.reports = incidents(company, daily_hours)
        self.plans, self.log = lead(company)
        self.targets = targets(company, plants.products)

    def truth(self) -> dict[str, object]:
        """Return what these models drew and no feed says."""
        return {
            "supplier_late_share": {
                f"{n + 100_001:010d}": round(float(share), 4)
                for n, share in enumerate(self.late_share)
            },
            "retimed_products": [
                f"{n + 100_001:018d}" for n in np.flatnonzero(self.plants.products.retimed)
            ],
            "retimed_from": str(day_of(self.exports.retimed_from())),
        }

    # -------------------------------------------------------------------------------- history

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield the first delivery, states and counts apart."""
        company, exports, cut = self.company, self.exports, self.company.size.cut
        first = cut + 1
        orders = self._orders(np.arange(len(self.created)), self.dropped, cut)
        changed = np.where(
            orders.status == 2, self.ended[orders.order],
            np.where(orders.status == 3, self._cancelled(orders.order), cut),
        )  # fmt: skip
        bought, posted, reports, log = self.purchases, self.receipts, self.reports, self.log
        known = np.flatnonzero(bought.ordered <= cut)
        latest = np.zeros(len(known), np.int64)
        for moment in (bought.ordered, bought.first_receipt, bought.last_receipt, bought.cancelled):
            latest = np.where(moment[known] <= cut, np.maximum(latest, moment[known]), latest)
        for number, (start, end) in enumerate(months):
            # What changed before the first month is in its file too.
            begin = 0 if number == 0 else start
            label = f"{day_of(start):%Y%m}"

            def month(values: Ints, low: int = begin, high: int = end) -> Ints:
                return np.flatnonzero((values >= low) & (values <= high))

            rows = month(changed)
            yield self._file_of_orders(_some(orders, rows), first, label)
            done = month(self.ended)
            content, count = self._confirmations(done)
            yield File("mes_operation_confirmations", first, label, content, count)
            lines = known[month(latest)]
            yield File(
                "erp_purchase_order_lines", first, label,
                exports.purchase_order_lines(bought, lines, cut), len(lines),
            )  # fmt: skip
            rows = month(posted.posted)
            yield File(
                "erp_goods_receipts", first, label, exports.goods_receipts(posted, bought, rows),
                len(rows),
            )  # fmt: skip
            rows = month(reports.day)
            if len(rows):
                yield File(
                    "ehs_incidents", first, label, exports.incidents(reports, rows), len(rows)
                )
            rows = month(log.day)
            yield File(
                "leader_behaviour_events", first, label, exports.behaviour_events(log, rows),
                len(rows),
            )  # fmt: skip
        yield from self._calendar_months(first)
        rows = np.flatnonzero(self.hours.month <= cut)
        newest = self.hours.month[rows].max()
        yield File(
            "ehs_hours_worked", first, "until_" + f"{day_of(cut):%Y%m}",
            exports.hours_worked(self.hours, rows, estimated=self.hours.month[rows] == newest),
            len(rows),
        )  # fmt: skip
        rows = np.flatnonzero(self.plans.month <= first)
        yield File("leader_plans", first, f"{day_of(first):%Y%m%d}",
                   exports.plans(self.plans, rows), len(rows))  # fmt: skip
        goals = [t for t in self.targets if t.valid_from <= cut]
        yield File("kpi_targets", first, f"{day_of(first):%Y%m%d}", exports.targets(goals),
                   len(goals))  # fmt: skip
        yield from self._snapshots(first, weekly=True)

    def _calendar_months(self, first: int) -> Iterator[File]:
        plan = self.plants.plan
        shown = plan.announced <= first
        # The plan reaches to the end of the month of the last delivery.
        for start, _ in self.company.months():
            day = day_of(start)
            rows = plan.only(
                shown & (np.array(plan.day).astype("datetime64[D]").astype("datetime64[M]")
                         == np.datetime64(f"{day:%Y-%m}"))
            )  # fmt: skip
            yield File("mes_shift_calendar", first, f"{day:%Y%m}",
                       self.exports.shift_calendar(rows), len(rows.day))  # fmt: skip

    # ---------------------------------------------------------------------------------- daily

    def daily(self, day: int, states: States, counts: Counts) -> Iterator[File]:
        """Yield the delivery that carries one production day."""
        exports, today = self.exports, day + 1
        label = f"{day_of(day):%Y%m%d}"
        still_open = _last_of_machine(states)
        yield File("mes_machine_states", today, label,
                   exports.machine_states(states, open_rows=still_open), len(states.day))  # fmt: skip
        yield File("mes_production_counts", today, label, exports.production_counts(counts),
                   len(counts.day))  # fmt: skip
        good, scrap = self.totals
        np.add.at(good, counts.order, counts.good + counts.rework)
        np.add.at(scrap, counts.order, counts.scrap)
        changed = (self.created == day) | (self.began == day) | (self.ended == day)
        changed[np.unique(counts.order)] = True
        dropped = self.dropped[
            (self.created[self.dropped] == day) | (self._cancelled(self.dropped) == day)
        ]
        orders = self._orders(np.flatnonzero(changed), dropped, day)
        yield self._file_of_orders(orders, today, label)
        content, count = self._confirmations(np.flatnonzero(self.ended == day))
        yield File("mes_operation_confirmations", today, label, content, count)
        bought = self.purchases
        rows = np.flatnonzero(
            (bought.ordered == day) | (bought.first_receipt == day) | (bought.last_receipt == day)
            | (bought.cancelled == day)
        )  # fmt: skip
        yield File("erp_purchase_order_lines", today, label,
                   exports.purchase_order_lines(bought, rows, day), len(rows))  # fmt: skip
        rows = np.flatnonzero(self.receipts.posted == day)
        yield File("erp_goods_receipts", today, label,
                   exports.goods_receipts(self.receipts, bought, rows), len(rows))  # fmt: skip
        rows = np.flatnonzero(self.reports.day == day)
        yield File("ehs_incidents", today, label, exports.incidents(self.reports, rows), len(rows))
        rows = np.flatnonzero(self.log.day == day)
        yield File("leader_behaviour_events", today, label,
                   exports.behaviour_events(self.log, rows), len(rows))  # fmt: skip
        yield from self._slices(today, label)
        yield from self._snapshots(today, weekly=today % 7 == _MONDAY)

    def _slices(self, today: int, label: str) -> Iterator[File]:
        """Yield what comes now and then: calendar weeks, months of hours and plans, new targets."""
        company, exports = self.company, self.exports
        number = today - 1 - company.size.cut
        if today % 7 == _MONDAY:
            plan = self.plants.plan
            fortnight = (plan.day >= today) & (plan.day < today + 14) & (plan.announced <= today)
            rows = plan.only(fortnight)
            yield File("mes_shift_calendar", today, label, exports.shift_calendar(rows),
                       len(rows.day))  # fmt: skip
        months = np.unique(self.hours.month)
        if number in {8, 16, 30}:
            # On the 8th day payroll has closed the last month; later the running month is estimated.
            month = months[months <= company.size.cut].max() if number == 8 else months.max()
            which = np.flatnonzero(self.hours.month == month)
            yield File(
                "ehs_hours_worked", today, label,
                exports.hours_worked(
                    self.hours, which, estimated=np.full(len(which), number != 8)
                ),
                len(which),
            )  # fmt: skip
        if number == 15:
            plans = self.plans
            which = np.flatnonzero(plans.month == plans.month.max())
            # One leader in fifteen has had leave approved since the month was planned.
            absent = plans.leader % 15 == 3
            revised = replace(
                plans,
                planned=np.where(absent, np.maximum(plans.planned * 3 // 5, 1), plans.planned),
                absence=np.where(absent, 10, plans.absence),
            )
            yield File("leader_plans", today, label, exports.plans(revised, which), len(which))
        if number == 27:
            plans = next_month(company, self.plans)
            which = np.arange(len(plans.leader))
            yield File("leader_plans", today, label, exports.plans(plans, which), len(which))
        goals = [t for t in self.targets if t.valid_from == today - 1]
        if goals:
            yield File("kpi_targets", today, label, exports.targets(goals), len(goals))

    def _snapshots(self, today: int, *, weekly: bool) -> Iterator[File]:
        exports, label = self.exports, f"{day_of(today):%Y%m%d}"
        makers: list[tuple[str, Callable[[], bytes]]] = [
            ("mes_equipment", exports.equipment),
            ("erp_products", exports.products),
            ("hr_employees", lambda: exports.employees(today)),
            ("hr_assignments", lambda: exports.assignments(today)),
            ("hr_org_units", lambda: exports.org_units(today)),
            ("hr_person_crosswalk", lambda: exports.person_crosswalk(today)),
        ]
        if weekly:
            makers += [
                ("mes_reason_codes", exports.reason_codes),
                ("erp_routings", exports.routings),
            ]
        for feed, make in makers:
            content = make()
            edges = 2 if content.startswith(b"{") else 1
            yield File(feed, today, label, content, content.count(b"\n") - edges)

    # --------------------------------------------------------------------------------- orders

    def _cancelled(self, order: Ints) -> Ints:
        return self.plants.calendar.day[self.plan_start[order]]

    def _orders(self, order: Ints, dropped: Ints, day: int) -> OrderRows:
        """Return those of the given orders that exist on a day, as they stand."""
        exists = (self.created <= day) & (self.plants.book.began_row >= 0)
        order = order[exists[order]]
        dropped = dropped[self.created[dropped] <= day]
        status = (self.began[order] <= day).astype(np.int64) + (self.ended[order] <= day)
        nothing = np.zeros(len(dropped), np.int64)
        good, scrap = self.totals
        return OrderRows(
            np.r_[order, dropped],
            np.r_[order + FIRST_ORDER, dropped + FIRST_CANCELLED_ORDER],
            np.r_[status, np.where(self._cancelled(dropped) <= day, 3, 0)],
            np.r_[good[order], nothing],
            np.r_[scrap[order], nothing],
        )

    def _file_of_orders(self, rows: OrderRows, delivered: int, label: str) -> File:
        content = self.exports.production_orders(rows, self.plan_start, self.plan_end)
        return File("erp_production_orders", delivered, label, content, len(rows.order))

    def _confirmations(self, order: Ints) -> tuple[bytes, int]:
        return self.exports.operation_confirmations(
            order, self.plan_start[order], self.plan_end[order], self.final
        )


def _some(rows: OrderRows, index: Ints) -> OrderRows:
    return OrderRows(*(getattr(rows, name)[index] for name in rows.__dataclass_fields__))


def _of_day(rows: Rows, day: int) -> Rows:
    here = rows.day == day
    return type(rows)(*(getattr(rows, name)[here] for name in rows.__dataclass_fields__))


def _last_of_machine(rows: States) -> np.ndarray:
    if not len(rows.machine):
        return np.zeros(0, bool)
    return np.r_[rows.machine[1:] != rows.machine[:-1], True]


# ------------------------------------------------------------------------------------------ faults


def plant_faults(company: Company, files: list[File]) -> tuple[list[File], Truth]:
    """Damage, delay, repeat and restate some of the daily files; return them and what was done.

    The days are numbers of the daily deliveries; a fault whose days lie beyond the last delivery
    is left out, so a small company has the first ones only.
    """
    first, last = company.size.cut + 1, company.size.last_day + 1
    by_day = {(file.feed, file.delivered): file for file in files if file.rows}
    truth: Truth = []

    def at(feed: str, number: int, until: int | None = None) -> File | None:
        if first + (until or number) > last:
            return None
        return by_day.get((feed, first + number))

    def swap(old: File, *new: File) -> None:
        files.remove(old)
        files.extend(new)

    def note(kind: str, file: File, production: int, expected: str, **more: object) -> None:
        truth.append(
            {"kind": kind, "feed": file.feed, "production_day": str(day_of(production)),
             "delivered": str(day_of(file.delivered)), "file": file.path, "expected": expected}
            | more
        )  # fmt: skip

    for feed, number, until in (
        ("mes_operation_confirmations", 8, 10),
        ("mes_production_counts", 12, 16),
        ("mes_machine_states", 25, 27),
    ):
        if file := at(feed, number, until):
            late = replace(file, delivered=first + until, label=f"{file.label}_late")
            swap(file, late)
            note("late", late, file.delivered - 1, "accepted on arrival, touches its own day only",
                 missing_on=str(day_of(file.delivered)))  # fmt: skip

    if file := at("mes_production_counts", 2, 3):
        cut = file.content[: int(len(file.content) * 0.6)]
        # In the middle of a record: three fields of the last line are left.
        start = cut.rindex(b"\n") + 1
        cut = cut[:start] + b",".join(file.content[start:].split(b"\n", 1)[0].split(b",")[:3])
        mended = replace(file, delivered=first + 3, label=f"{file.label}_repaired")
        damaged = replace(file, content=cut, rows=cut.count(b"\n"))
        swap(file, damaged, mended)
        note("damaged_truncated", damaged, file.delivered - 1, "file rejected: TRUNCATED",
             repaired_by=mended.path)  # fmt: skip
    if file := at("mes_machine_states", 5, 6):
        mended = replace(file, delivered=first + 6, label=f"{file.label}_repaired")
        damaged = replace(file, content=file.content.replace(b",state_raw,", b",status_word,", 1))
        swap(file, damaged, mended)
        note("damaged_header_renamed", damaged, file.delivered - 1,
             "file rejected: REQUIRED_COLUMN_MISSING", repaired_by=mended.path)  # fmt: skip
    if file := at("mes_production_counts", 14, 15):
        head, *lines = _lines(file)
        broken = [3, 17, 29, 41, 58, 77]
        words = ["n/a", "12,5 kg", "--", "#VALUE!", "one hundred", "0x1F"]
        wrong = [
            _with(head, lines[n], good_qty=word) for n, word in zip(broken, words, strict=True)
        ]
        mended = replace(
            file, delivered=first + 15, label=f"{file.label}_repaired",
            content=_content(head, [lines[n] for n in broken]), rows=len(broken),
        )  # fmt: skip
        replaced = dict(zip(broken, wrong, strict=True))
        damaged = replace(
            file, content=_content(head, [replaced.get(n, line) for n, line in enumerate(lines)])
        )
        swap(file, damaged, mended)
        note("damaged_unparsable_rows", damaged, file.delivered - 1, "rows quarantined",
             rows=[n + 1 for n in broken], column="good_qty", repaired_by=mended.path)  # fmt: skip

    if file := at("mes_production_counts", 1, 3):
        head, *lines = _lines(file)
        line_id = company.line_ids[2 % len(company.line_ids)]
        rows = [row for row in lines if f",{line_id}-" in row]
        changed = [_with(head, row, **_more_scrap(head, row)) for row in rows]
        restated = File(
            file.feed, first + 3, f"{file.label}_restated", _content(head, changed), len(changed)
        )
        files.append(restated)
        note("restated", restated, file.delivered - 1, "new version of the rows it holds",
             line=line_id, rows=len(changed), change="five good units of each row became scrap")  # fmt: skip
    if file := at("ehs_hours_worked", 8):
        note("restated", file, file.delivered - 1, "estimate of the month replaced by payroll",
             rows=file.rows)  # fmt: skip
    if file := at("erp_goods_receipts", 2, 3):
        again = replace(file, delivered=first + 3)
        files.append(again)
        note("redelivered", again, file.delivered - 1, "file skipped: same bytes as before",
             first_file=file.path)  # fmt: skip

    if file := at("mes_production_counts", 11):
        wrong_unit, fault = times_thousand(file, file.delivered - 1, 25)
        swap(file, wrong_unit)
        truth.append(fault)
    if file := at("mes_production_counts", 22):
        head, *lines = _lines(file)
        machine = company.machine_ids[len(company.machine_ids) // 2]
        hit = [n for n, row in enumerate(lines) if f",{machine}," in row]
        if hit:
            columns = head.split(",")
            good, scrap = columns.index("good_qty"), columns.index("scrap_qty")
            for n in hit:
                cells = lines[n].split(",")
                cells[good], cells[scrap] = cells[scrap], cells[good]
                lines[n] = ",".join(cells)
            mixed = replace(file, content=_content(head, lines))
            swap(file, mixed)
            note("swapped_columns", mixed, file.delivered - 1,
                 "rows kept with a warning, never corrected", machine=machine,
                 columns=["good_qty", "scrap_qty"], rows=[n + 1 for n in hit])  # fmt: skip
    if file := at("mes_production_counts", 26):
        head, *lines = _lines(file)
        line_id = company.line_ids[5 % len(company.line_ids)]
        twice = [row for row in lines if f",{line_id}-" in row]
        shift = twice[0].split(",")[head.split(",").index("shift_id")] if twice else ""
        twice = [row for row in twice if row.split(",")[head.split(",").index("shift_id")] == shift]
        if twice:
            copies = [row.split(",", 1)[0] + "-B," + row.split(",", 1)[1] for row in twice]
            double = File(
                file.feed, file.delivered, f"{file.label}_manual", _content(head, copies),
                len(copies),
            )  # fmt: skip
            files.append(double)
            note("duplicated_shift_file", double, file.delivered - 1,
                 "accepted: other event ids, so the shift counts twice", line=line_id,
                 shift=shift, rows=len(copies))  # fmt: skip
    if file := at("hr_employees", 20, 21):
        files.remove(file)
        note("stale_feed", file, file.delivered - 1, "no file that day; the next snapshot mends it")
    return files, truth


def times_thousand(file: File, production: int, row: int) -> tuple[File, dict[str, object]]:
    """Multiply one count by 1,000, as a plant that reports pieces for once in grams."""
    head, *lines = _lines(file)
    row = min(row, len(lines)) - 1
    columns = head.split(",")
    cells = lines[row].split(",")
    before = cells[columns.index("good_qty")]
    after = str(int(before) * 1000)
    event = cells[columns.index("event_id")]
    lines[row] = _with(head, lines[row], good_qty=after)
    wrong = replace(file, content=_content(head, lines))
    return wrong, {
        "kind": "unit_times_1000", "feed": file.feed, "production_day": None,
        "month_or_day_ends": str(day_of(production)), "delivered": str(day_of(file.delivered)),
        "file": wrong.path, "expected": "row quarantined by good_qty_is_plausible_for_one_shift",
        "rows": [row + 1], "event_id": event, "true_value": int(before), "delivered_value": int(after),
    }  # fmt: skip


def _more_scrap(head: str, row: str) -> dict[str, str]:
    cells = dict(zip(head.split(","), row.split(","), strict=True))
    moved = min(5, int(cells["good_qty"]))
    return {
        "good_qty": str(int(cells["good_qty"]) - moved),
        "scrap_qty": str(int(cells["scrap_qty"]) + moved),
    }


def _with(head: str, row: str, **values: str) -> str:
    cells = dict(zip(head.split(","), row.split(","), strict=True)) | values
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in cells.values())


def _lines(file: File) -> list[str]:
    return file.content.decode().splitlines()


def _content(head: str, lines: list[str]) -> bytes:
    return "\n".join([head, *lines, ""]).encode()


def sha256_of(folder: Path) -> str:
    """Return one hash over all paths and bytes below a folder."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
