"""The rows of each feed as the source systems write them: names, codes, pads, marks.

One method per feed; each takes the rows to write and gives the bytes of one file. When a file is
delivered does not belong here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from orchestration.demo import text
from orchestration.demo.leadership import (
    EVENT_KINDS,
    NOTES,
    PLAN_KINDS,
    Events,
    Plans,
    Target,
)
from orchestration.demo.people import NOTICE_DAYS, People
from orchestration.demo.plant import (
    FIRST_REJECT_REASON,
    PRODUCTS_PER_LINE,
    REASONS,
    REJECT_REASONS,
    STATES,
    Counts,
    Plants,
    States,
)
from orchestration.demo.posts import AREAS
from orchestration.demo.safety import (
    BODY_PARTS,
    CLASSES,
    RISKS,
    SEVERITIES,
    WORDS,
    Hours,
    Incidents,
)
from orchestration.demo.size import day_of
from orchestration.demo.supply import MATERIALS, Purchases, Receipts
from orchestration.demo.text import OPEN, Strings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.demo.calendar import Calendar
    from orchestration.demo.company import Company, Ints

MACHINE_WORDS = ["Execute", "Setup", "Suspended", "Aborted", "Stopped", "UNAVAILABLE"]
SINCE = 18_262  # 2020-01-01, from which master data are valid
FIRST_ORDER = 1_000_001
FIRST_CANCELLED_ORDER = 9_000_001
FIRST_PRODUCT, FIRST_MATERIAL, FIRST_SUPPLIER = 100_001, 500_001, 100_001
FAMILIES = ["Housings", "Shafts", "Valves", "Pumps", "Gears", "Frames"]
PLANNED, RELEASED, CLOSED, CANCELLED = range(4)
ORDER_STATUS = ["CRTD", "REL", "TECO", "DLFL"]
MANUAL_OPERATION = 20
# Of a thousand confirmations three are taken back and entered again.
UNDONE_PER_MILLE = 3
REVERSAL = 1  # the first entry is 0, the one after the reversal 2
PACKING_S = 8


@dataclass(frozen=True)
class OrderRows:
    """Rows of the order feed; a cancelled order has a number of its own and the plan of `order`."""

    order: Ints
    number: Ints
    status: Ints
    good: Ints
    scrap: Ints

    def only(self, rows: NDArray[np.bool_]) -> OrderRows:
        """Return some of the rows."""
        return OrderRows(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class Exports:
    """Writes feeds of one company."""

    def __init__(self, company: Company, plants: Plants, people: People) -> None:
        self.company, self.plants, self.people = company, plants, people
        sites = company.sites
        self._site = [s.code for s in sites]
        self._plant = [s.plant for s in sites]
        self._machine = pa.array(company.machine_ids)
        self._reason = pa.array([f"{s.reason_letter}{r[1]}" for s in sites for r in REASONS])
        self._shift = pa.array(
            [(*(shift[0] for shift in s.shifts), "")[n] for s in sites for n in range(3)]
        )
        self._site_of = company.line_site[company.machine_line]
        self._person = pa.array([people.employee_id(n) for n in range(people.count)])
        self._operator = text.join("OP", text.whole(np.arange(people.count) + 20_000, width=5))
        heads = [n for n, u in enumerate(company.units) if u.kind in {"enterprise", "site"}]
        self.heads = sorted({r.leader for r in company.reigns if r.unit in heads})

    # ------------------------------------------------------------------------------------- MES

    def _offset(self, site: Ints, utc: Ints) -> Ints:
        offset = np.zeros(len(utc), np.int64)
        for number, zone in enumerate(self.company.zones):
            here = site == number
            offset[here] = zone.offset(utc[here])
        return offset

    def _reasons(self, site: Ints, reason: Ints) -> Strings:
        return text.pick(self._reason, np.where(reason < 0, -1, site * len(REASONS) + reason))

    def _orders(self, order: Ints) -> Strings:
        return text.blank(text.whole(np.maximum(order, 0) + FIRST_ORDER, width=12), order < 0)

    def _operators(self, person: Ints) -> Strings:
        return text.pick(self._operator, person)

    def machine_states(self, rows: States, *, open_rows: NDArray[np.bool_]) -> bytes:
        """Write states; `open_rows` still last when the file is written."""
        site = self._site_of[rows.machine]
        offset = self._offset(site, rows.start)
        return text.delimited(
            {
                "site": text.pick(self._site, site),
                "machine_id": text.pick(self._machine, rows.machine),
                "sequence": text.whole(rows.sequence),
                "start_ts": text.instants(rows.start, offset),
                "end_ts": text.instants(
                    rows.until, self._offset(site, rows.until), missing=open_rows
                ),
                "state_raw": text.pick(MACHINE_WORDS, rows.state),
                "state": text.pick(list(STATES), rows.state),
                "reason_code": self._reasons(site, rows.reason),
                "operator_id": self._operators(rows.operator),
                "order_id": self._orders(rows.order),
            }
        )

    def production_counts(self, rows: Counts) -> bytes:
        """Write counts."""
        site = self._site_of[rows.machine]
        machine = text.pick(self._machine, rows.machine)
        shift = text.pick(self._shift, site * 3 + rows.shift)
        day = text.days(rows.day, pattern="{0}{1}{2}")
        count = len(site)
        return text.delimited(
            {
                "event_id": text.join(
                    machine, "-", day, "-", shift, "-", text.whole(rows.segment + 1)
                ),
                "site": text.pick(self._site, site),
                "machine_id": machine,
                "order_id": self._orders(rows.order),
                "operation": text.same("0010", count),
                "event_ts": text.instants(rows.at, self._offset(site, rows.at)),
                "shift_id": shift,
                "good_qty": text.whole(rows.good),
                "scrap_qty": text.whole(rows.scrap),
                "rework_qty": text.whole(rows.rework),
                "uom": text.same("pc", count),
                "count_kind": text.same("D", count),
                "operator_id": self._operators(rows.operator),
                "reason_code": self._reasons(site, rows.reason),
            }
        )

    def operation_confirmations(
        self, order: Ints, planned_start: Ints, planned_end: Ints, totals: tuple[Ints, Ints]
    ) -> bytes:
        """Write the confirmations of ended orders, packing and reversals included.

        `planned_start` and `planned_end` are calendar rows, `totals` good (with rework) and scrap.
        """
        book, products = self.plants.book, self.plants.products
        product = book.product[order]
        # Stable spread without a draw: files of a day must not depend on other days.
        spread = (order * 7_919) % 1_000
        lines = np.arange(len(order))
        packed = lines[products.packed[product]]
        undone = lines[spread < UNDONE_PER_MILLE]
        # One row per operation; of what was taken back, the reversal and the new entry as well.
        of = np.concatenate([lines, undone, undone, packed])
        entry = np.repeat([0, 1, 2, 0], [len(lines), len(undone), len(undone), len(packed)])
        manual = np.repeat([False, True], [len(of) - len(packed), len(packed)])
        sign = np.where(entry == REVERSAL, -1, 1)

        order, product, spread = order[of], product[of], spread[of]
        machine = book.machine[order]
        line, site = self.company.machine_line[machine], self._site_of[machine]
        plan = self.plants.calendar
        plan_from = np.where(manual, plan.start[planned_end[of]], plan.start[planned_start[of]])
        plan_to = plan.end[planned_end[of]]
        ended = book.ended()[0][order]
        lag = np.where(manual, 900 + spread * 6, 0)
        start = np.where(manual, ended + lag // 4, book.began_at[order])
        end = ended + lag
        good = totals[0][order]
        scrap = np.where(manual, 0, totals[1][order])
        used = book.work_s[order] * 115 // 100
        labour = np.where(manual, good * PACKING_S, used * 6 // 10)
        cost = np.where(manual, good * 20, products.cost_cents[product] * (good + scrap) // 5)
        operation = np.where(manual, MANUAL_OPERATION, 10)
        confirmation = order * 10 + operation // 10 + 3 * entry
        places = [*self.company.machine_ids, *(f"{name}-PACK" for name in self.company.line_ids)]
        place = np.where(manual, len(self.company.machine_ids) + line, machine)
        numbers = {
            "labour_hours": text.decimal(sign * labour * 10_000 // 3_600, 4),
            "machine_hours": text.blank(text.decimal(sign * used * 10_000 // 3_600, 4), manual),
            "good_qty": text.whole(sign * good),
            "scrap_qty": text.whole(sign * scrap),
            "planned_cost": text.decimal(sign * cost, 2),
            "actual_cost": text.decimal(sign * cost * (900 + spread // 5) // 1_000, 2),
        }
        return text.json_lines(
            {
                "production_order_id": self._orders(order),
                "product_id": text.whole(product + FIRST_PRODUCT, width=18),
                "operation_no": text.whole(operation, width=4),
                "confirmation_no": text.whole(confirmation, width=10),
                "work_centre": text.pick(places, place),
                "planned_start": text.instants(plan_from, self._offset(site, plan_from)),
                "planned_end": text.instants(plan_to, self._offset(site, plan_to)),
                "actual_start": text.instants(start, self._offset(site, start)),
                "actual_end": text.instants(end, self._offset(site, end)),
                **numbers,
                "reversal_of": text.blank(
                    text.whole(confirmation - 3, width=10), entry != REVERSAL
                ),
            },
            bare=tuple(numbers),
        )

    def shift_calendar(self, rows: Calendar) -> bytes:
        """Write the plan of shifts."""
        site = self.company.line_site[rows.line]
        clock = [
            (f"{opens // 60:02d}:{opens % 60:02d}", f"{closes // 60:02d}:{closes % 60:02d}")
            for s in self.company.sites
            for _, opens, closes in (*s.shifts, *[("", 0, 0)] * (3 - len(s.shifts)))
        ]
        kind = site * 3 + rows.shift
        pause = np.where(rows.working, rows.break_s // 60, 0)
        planned = np.where(rows.working, (rows.end - rows.start) // 60 - pause, 0)
        return text.delimited(
            {
                "site": text.pick(self._site, site),
                "line_or_machine": text.pick(self.company.line_ids, rows.line),
                "shift_date": text.days(rows.day),
                "shift_id": text.pick(self._shift, kind),
                "start_local": text.pick([pair[0] for pair in clock], kind),
                "end_local": text.pick([pair[1] for pair in clock], kind),
                "time_zone": text.pick([s.zone for s in self.company.sites], site),
                "planned_minutes": text.whole(planned),
                "break_minutes": text.whole(pause),
                "working": text.pick(["false", "true"], rows.working.astype(np.int8)),
            }
        )

    def equipment(self) -> bytes:
        """Write the equipment tree."""
        company = self.company
        rows: list[tuple[str | None, ...]] = []
        for number, site in enumerate(company.sites):
            unit = company.units[company.unit_of_site[number]].unit_id
            rows.append((site.code, site.code, None, "site", site.name, unit, None, site.zone))
            rows.append(
                (
                    site.code,
                    f"{site.code}-PROD",
                    site.code,
                    "area",
                    f"{site.name} production",
                    f"A-{site.code}-PROD",
                    None,
                    site.zone,
                )
            )
        for number, line_id in enumerate(company.line_ids):
            site = company.sites[company.line_site[number]]
            unit = company.units[company.unit_of_line[number]].unit_id
            rows.append(
                (
                    site.code,
                    line_id,
                    f"{site.code}-PROD",
                    "line",
                    f"Line {line_id[-2:]}",
                    unit,
                    None,
                    site.zone,
                )
            )
        fastest = self.plants.products.run_time_ms.reshape(-1, PRODUCTS_PER_LINE).min(axis=1)
        for number, machine_id in enumerate(company.machine_ids):
            line = company.machine_line[number]
            site = company.sites[company.line_site[line]]
            rate = f"{3_600_000 / fastest[line]:.3f}"
            rows.append(
                (
                    site.code,
                    machine_id,
                    company.line_ids[line],
                    "work_unit",
                    f"Machine {machine_id[-2:]}",
                    None,
                    rate,
                    site.zone,
                )
            )
        names = (
            "site",
            "machine_id",
            "parent_id",
            "level",
            "name",
            "org_unit_id",
            "ideal_rate_per_h",
            "time_zone",
        )
        columns = dict(zip(names, _strings(rows), strict=True))
        since = np.full(len(rows), SINCE)
        return text.delimited(
            columns | {"valid_from": text.days(since), "valid_to": text.days(since * 0 + OPEN)}
        )

    def reason_codes(self) -> bytes:
        """Write each site's reasons."""
        rows: list[tuple[str | None, ...]] = [
            (site.code, f"{site.reason_letter}{number}", words, loss, code, "2020-01-01", None)
            for site in self.company.sites
            for words, number, loss, code in REASONS
        ]
        names = (
            "site",
            "reason_code",
            "reason_text",
            "loss_class",
            "enterprise_code",
            "valid_from",
            "valid_to",
        )
        return text.delimited(dict(zip(names, _strings(rows), strict=True)))

    # ------------------------------------------------------------------------------------- ERP

    def products(self) -> bytes:
        """Write products and purchased materials."""
        made = np.arange(len(self.plants.products.run_time_ms))
        bought = np.arange(MATERIALS)
        number = np.r_[made + FIRST_PRODUCT, bought + FIRST_MATERIAL]
        family = np.r_[made % PRODUCTS_PER_LINE, bought % PRODUCTS_PER_LINE]
        is_made = np.r_[np.ones(len(made), np.int64), np.zeros(len(bought), np.int64)]
        cost = np.r_[self.plants.products.cost_cents, 150 + bought * 37]
        name = text.join(text.pick(FAMILIES, family), " ", text.whole(number))
        blocked = np.where(number % 61 == 0, 1, np.where(number % 97 == 0, 2, 0))
        return text.delimited(
            {
                "MATNR": text.whole(number, width=18),
                "MAKTX": name,
                "MTART": text.pick(["ROH", "FERT"], is_made),
                "MATKL": text.pick([f.upper()[:4] for f in FAMILIES], family),
                "MEINS": text.same("ST", len(number)),
                "STPRS": text.decimal(cost, 2, mark=","),
                "MSTAE": text.pick(["A0", "B1", "Z9"], blocked),
            },
            mark=";",
        )

    def routings(self) -> bytes:
        """Write planned run times: alternatives of operation 10, packing, second versions."""
        company, products = self.company, self.plants.products
        retimed_from = self.retimed_from()
        rows: list[tuple[str | None, ...]] = []
        for product, run_ms in enumerate(products.run_time_ms.tolist()):
            line = product // PRODUCTS_PER_LINE
            number = f"{product + FIRST_PRODUCT:018d}"
            first, last = "20200101", "99991231"
            versions = [(run_ms, first, last)]
            if products.retimed[product]:
                versions = [
                    (run_ms, first, day_of(retimed_from - 1).strftime("%Y%m%d")),
                    (run_ms * 24 // 25, day_of(retimed_from).strftime("%Y%m%d"), last),
                ]
            for milli, valid_from, valid_to in versions:
                run = f"{milli // 1000},{milli % 1000:03d}0"
                rows += [
                    (
                        number,
                        "0010",
                        company.machine_ids[machine],
                        run,
                        f"{products.setup_min[product]},00",
                        "0,02500",
                        valid_from,
                        valid_to,
                    )
                    for machine in np.flatnonzero(company.machine_line == line).tolist()
                ]
            if products.packed[product]:
                rows.append(
                    (
                        number,
                        "0020",
                        f"{company.line_ids[line]}-PACK",
                        f"{PACKING_S},0000",
                        "5,00",
                        "0,00000",
                        first,
                        last,
                    )
                )
        names = ("MATNR", "VORNR", "ARBPL", "VGW02", "VGW01", "AUSFK", "DATUV", "DATUB")
        return text.delimited(dict(zip(names, _strings(rows), strict=True)), mark=";")

    def retimed_from(self) -> int:
        """Return the day on which some standards were tightened by 4 %."""
        size = self.company.size
        return size.first_day + (size.cut - size.first_day) // 2

    def production_orders(self, rows: OrderRows, planned_start: Ints, planned_end: Ints) -> bytes:
        """Write orders as they stand; the plan arrays are calendar rows by order."""
        book, calendar = self.plants.book, self.plants.calendar
        order = rows.order
        began = np.where(
            (rows.status == RELEASED) | (rows.status == CLOSED), book.began_day[order], OPEN
        )
        ended = np.where(rows.status == CLOSED, book.ended()[1][order], OPEN)
        start = calendar.day[planned_start[order]]
        end = np.maximum(calendar.day[planned_end[order]], start)
        site = self._site_of[book.machine[order]]
        reasons = self._reasons(
            site, np.where(rows.scrap > 0, FIRST_REJECT_REASON + order % REJECT_REASONS, -1)
        )
        return text.delimited(
            {
                "AUFNR": text.whole(rows.number, width=12),
                "WERKS": text.pick(self._plant, site),
                "MATNR": text.whole(book.product[order] + FIRST_PRODUCT, width=18),
                "GAMNG": text.decimal(book.quantity[order] * 1000, 3, mark=","),
                "GWEMG": text.decimal(rows.good * 1000, 3, mark=","),
                "IASMG": text.decimal(rows.scrap * 1000, 3, mark=","),
                "GMEIN": text.same("ST", len(order)),
                "AGRND": reasons,
                "GSTRP": text.sap_days(start),
                "GLTRP": text.sap_days(end),
                "LFDAT": text.sap_days(end + order % 2),
                "GSTRI": text.sap_days(began),
                "GLTRI": text.sap_days(ended),
                "STTXT": text.pick(ORDER_STATUS, rows.status),
            },
            mark=";",
        )

    def purchase_order_lines(self, bought: Purchases, rows: Ints, day: int) -> bytes:
        """Write purchase lines as they stand on a day."""
        # Ordered, in part received, received, cancelled: each moment that has come adds one.
        status = (bought.first_receipt[rows] <= day).astype(np.int64)
        status += bought.last_receipt[rows] <= day
        status = np.where(bought.cancelled[rows] <= day, CANCELLED, status)
        site = bought.site[rows]
        return text.delimited(
            {
                "EBELN": text.whole(bought.order[rows] + 4_500_000_001, width=10),
                "EBELP": text.whole(bought.line[rows] * 10, width=5),
                "LIFNR": text.whole(bought.supplier[rows] + FIRST_SUPPLIER, width=10),
                "WERKS": text.pick(self._plant, site),
                "MATNR": text.whole(bought.material[rows] + FIRST_MATERIAL, width=18),
                "MENGE": text.decimal(bought.quantity[rows] * 1000, 3, mark=","),
                "MEINS": text.same("ST", len(rows)),
                "NETPR": text.decimal(bought.price_cents[rows], 2, mark=","),
                "WAERS": text.pick([s.currency for s in self.company.sites], site),
                "BEDAT": text.sap_days(bought.ordered[rows]),
                "EINDT": text.sap_days(bought.due[rows]),
                "STATU": text.pick(["A", "T", "E", "L"], status),
                "LOEKZ": text.pick(["", "X"], (status == CANCELLED).astype(np.int8)),
                "PERNR": text.whole(bought.buyer[rows] + 10_001, width=8),
            },
            mark=";",
        )

    def goods_receipts(self, posted: Receipts, bought: Purchases, rows: Ints) -> bytes:
        """Write postings; what is taken back has its minus behind the number."""
        purchase, quantity = posted.purchase[rows], posted.quantity[rows]
        back = posted.reverses[rows]
        documents = text.whole(np.maximum(back, 0) + 5_000_000_001, width=10)
        return text.delimited(
            {
                "MBLNR": text.whole(rows + 5_000_000_001, width=10),
                "ZEILE": text.same("0001", len(rows)),
                "EBELN": text.whole(bought.order[purchase] + 4_500_000_001, width=10),
                "EBELP": text.whole(bought.line[purchase] * 10, width=5),
                "BUDAT": text.sap_days(posted.posted[rows]),
                "MENGE": text.decimal(quantity * 1000, 3, mark=",", minus="behind"),
                "WESBS": text.decimal(posted.rejected[rows] * 1000, 3, mark=",", minus="behind"),
                "SHKZG": text.pick(["S", "H"], (quantity < 0).astype(np.int8)),
                "BWART": text.pick(["101", "102"], (quantity < 0).astype(np.int8)),
                "SMBLN": text.blank(documents, back < 0),
            },
            mark=";",
        )

    # -------------------------------------------------------------------------------------- HR

    def employees(self, today: int) -> bytes:
        """Write employments as HR knows them on a day."""
        known = [e for e in self.people.employments if e.hired <= today + NOTICE_DAYS]
        last = np.array([e.last for e in known])
        left = last < today + NOTICE_DAYS
        why = [
            ("resignation" if e.voluntary else "end_of_contract" if e.contingent else "dismissal")
            if gone
            else None
            for e, gone in zip(known, left.tolist(), strict=True)
        ]
        voluntary = [
            ("true" if e.voluntary else "false") if gone else None
            for e, gone in zip(known, left.tolist(), strict=True)
        ]
        sites = self.company.sites
        kinds = {"full_time": "Full_time", "part_time": "Part_time", "temporary": "Fixed_term"}
        return text.delimited(
            {
                "Employee_ID": text.pick(self._person, [e.person for e in known]),
                "National_ID_Hash": text.pick(self._hashes, [e.person for e in known]),
                "Hire_Date": text.days([e.hired for e in known]),
                "Termination_Date": text.days(np.where(left, last, OPEN)),
                "Termination_Reason": pa.array(why, pa.string()),
                "Voluntary_Termination": pa.array(voluntary, pa.string()),
                "Time_Type": pa.array([kinds[e.kind] for e in known]),
                "FTE": text.decimal([e.fte_milli for e in known], 3),
                "Country": text.pick([s.country for s in sites], [e.site for e in known]),
                "Location": text.pick([s.location for s in sites], [e.site for e in known]),
                "Worker_Type": pa.array(
                    ["Contingent_Worker" if e.contingent else "Employee" for e in known]
                ),
            }
        )

    @cached_property
    def _hashes(self) -> Strings:
        return pa.array(
            [
                hashlib.sha256(f"{self.company.seed}/{n}".encode()).hexdigest()[:24]
                for n in range(self.people.count)
            ]
        )

    def assignments(self, today: int) -> bytes:
        """Write the whole history of assignments as HR knows it on a day."""
        known = [a for a in self.people.assignments if a.first <= today + NOTICE_DAYS]
        last = np.array([a.last for a in known])
        units = self.company.units
        last = np.where(last < today + NOTICE_DAYS, last, OPEN)
        unit = [a.unit for a in known]
        count = len(known)
        return text.delimited(
            {
                "Employee_ID": text.pick(self._person, [a.person for a in known]),
                "Position_Sequence": text.whole([a.number for a in known]),
                "Effective_Date": text.days([a.first for a in known]),
                "End_Date": text.days(last, open_end="9999-12-31"),
                "Supervisory_Organization": text.pick([u.unit_id for u in units], unit),
                "Position_ID": text.join("P-", text.whole([a.person for a in known], width=5)),
                "Business_Title": pa.array([a.title for a in known]),
                "Management_Level": pa.array([a.level for a in known]),
                "Manager_ID": text.pick(self._person, [a.manager for a in known]),
                "Cost_Center": text.join("CC", text.whole(np.array(unit) + 1_000)),
                "Work_Shift": text.pick(["1", "2", "3"], [a.shift for a in known]),
                "FTE": text.decimal([a.fte_milli for a in known], 3),
                "Is_Primary": text.same("true", count),
            }
        )

    def org_units(self, today: int) -> bytes:
        """Write units and their leaders as HR knows them on a day."""
        known = [r for r in self.company.reigns if r.first <= today + NOTICE_DAYS]
        units = self.company.units
        of = [units[r.unit] for r in known]
        last = np.array([r.last for r in known])
        last = np.where(last < today + NOTICE_DAYS, last, OPEN)
        return text.json_report(
            {
                "org_unit_id": pa.array([u.unit_id for u in of]),
                "name": pa.array([u.name for u in of]),
                "parent_id": text.pick([u.unit_id for u in units], [u.parent for u in of]),
                "kind": pa.array([u.kind for u in of]),
                "leader_id": text.pick(self._person, [r.leader for r in known]),
                "site": text.pick(self._site, [u.site for u in of]),
                "valid_from": text.days([r.first for r in known]),
                "valid_to": text.days(last),
            }
        )

    def person_crosswalk(self, today: int) -> bytes:
        """Write which id of another system is which employee."""
        seen: dict[int, int] = {}
        gone: dict[int, int] = {}
        for job in self.people.employments:
            if job.hired <= today + NOTICE_DAYS:
                seen.setdefault(job.person, job.hired)
                gone[job.person] = job.last if job.last < today + NOTICE_DAYS else OPEN
        leaders = self.company.size.leaders
        rows = [("mes", f"OP{20_000 + p:05d}", p) for p in seen if p >= leaders]
        rows += [("sap", f"{10_001 + p:08d}", p) for p in seen if p < leaders]
        rows += [("planning", f"M{100_001 + p}", p) for p in self.heads if p in seen]
        return text.json_report(
            {
                "source_system": pa.array([row[0] for row in rows]),
                "source_id": pa.array([row[1] for row in rows]),
                "employee_id": text.pick(self._person, [row[2] for row in rows]),
                "valid_from": text.days([seen[row[2]] for row in rows]),
                "valid_to": text.days([gone[row[2]] for row in rows]),
            }
        )

    # --------------------------------------------------------------- safety, leadership, targets

    def incidents(self, reports: Incidents, rows: Ints) -> bytes:
        """Write reports with the site's wall clock and no offset."""
        site = reports.site[rows]
        clock = {
            name: text.wall_clock(instant[rows], self._offset(site, instant[rows]))
            for name, instant in (
                ("occurred_ts", reports.occurred),
                ("reported_ts", reports.reported),
            )
        }
        return text.delimited(
            {
                "incident_id": text.join("I-", text.whole(reports.number[rows] + 1, width=6)),
                "version": text.whole(reports.version[rows]),
                "site": text.pick(self._site, site),
                "area": text.pick(list(AREAS), reports.area[rows]),
                **clock,
                "person_kind": text.pick(["employee", "contractor"], reports.contractor[rows]),
                "case_class": text.pick(list(CLASSES), reports.case[rows]),
                "actual_severity": text.pick(list(SEVERITIES), reports.actual[rows]),
                "potential_severity": text.pick(list(SEVERITIES), reports.potential[rows]),
                "lost_days": text.whole(reports.lost_days[rows]),
                "restricted_days": text.whole(reports.restricted_days[rows]),
                "body_part": text.pick(list(BODY_PARTS), reports.body_part[rows]),
                "critical_risk": text.pick(list(RISKS), reports.risk[rows]),
                "description": text.pick(list(WORDS), reports.words[rows]),
                "status": text.pick(["open", "closed"], reports.closed[rows]),
            },
            quoted=("description",),
        )

    def hours_worked(self, hours: Hours, rows: Ints, *, estimated: NDArray[np.bool_]) -> bytes:
        """Write the sheet that safety officers fill in: titles, a blank row, then the table."""
        sheet: list[list[object]] = [
            ["Hours worked, all plants"],
            ["Fill in by the 5th working day; estimates in the last column"],
            [],
            ["Plant", "Month", "Who", "Hours worked", "Average headcount", "Source"],
        ]
        for row, guess in zip(rows.tolist(), estimated.tolist(), strict=True):
            # An estimate counts heads instead of hours.
            tenths = hours.tenths[row]
            if guess:
                tenths = round(float(hours.heads_tenths[row]) * 158)
            sheet.append(
                [
                    self._site[hours.site[row]],
                    day_of(hours.month[row]),
                    "Contractors" if hours.kind[row] else "Own staff",
                    int(tenths) / 10,
                    int(hours.heads_tenths[row]) / 10,
                    "Estimate" if guess else "Payroll",
                ]
            )
        return text.workbook("Hours", sheet)

    def behaviour_events(self, log: Events, rows: Ints) -> bytes:
        """Write what leaders logged."""
        site = log.site[rows]
        return text.json_lines(
            {
                "event_id": text.join("LB", text.whole(rows + 1, width=8)),
                "leader_id": text.pick(self._person, log.leader[rows]),
                "kind": text.pick(list(EVENT_KINDS), log.kind[rows]),
                "event_ts": text.instants(log.at[rows], self._offset(site, log.at[rows])),
                "minutes": text.whole(log.minutes[rows]),
                "participants": text.whole(log.participants[rows]),
                "site": text.pick(self._site, site),
                "planned": text.pick(["false", "true"], log.planned[rows]),
                "notes": text.pick(list(NOTES), log.notes[rows]),
            },
            bare=("minutes", "participants", "planned"),
        )

    def plans(self, plans: Plans, rows: Ints) -> bytes:
        """Write what leaders plan."""
        return text.delimited(
            {
                "leader_id": text.pick(self._person, plans.leader[rows]),
                "kind": text.pick(list(PLAN_KINDS), plans.kind[rows]),
                "period": text.days(plans.month[rows]),
                "planned": text.whole(plans.planned[rows]),
                "approved_absence_days": text.whole(plans.absence[rows]),
            }
        )

    def targets(self, rows: list[Target]) -> bytes:
        """Write targets; planning knows plant managers by another id than the HRIS."""
        person = [
            f"M{100_001 + n}" if n in self.heads else self.people.employee_id(n)
            for n in range(self.company.size.leaders)
        ]
        size, units = self.company.size, self.company.units
        return text.delimited(
            {
                "kpi_id": pa.array([t.kpi for t in rows]),
                "org_unit_id": pa.array([units[t.unit].unit_id for t in rows]),
                "owner_id": text.pick(person, [t.owner for t in rows]),
                "period": pa.array([str(t.period) for t in rows]),
                "version": text.whole([t.version for t in rows]),
                "threshold": text.decimal([t.threshold for t in rows], 6),
                "target": text.decimal([t.target for t in rows], 6),
                "stretch": text.decimal([t.stretch for t in rows], 6),
                "direction": pa.array([t.direction for t in rows]),
                "unit": pa.array([t.unit_name for t in rows]),
                "valid_from": text.days([t.valid_from for t in rows]),
                "approved_by": text.pick(person, [t.approver for t in rows]),
                "change_reason": pa.array([t.reason for t in rows]),
                "baseline_from": text.days([size.first_day] * len(rows)),
                "baseline_to": text.days([min(size.first_day + 364, size.cut)] * len(rows)),
            }
        )


def _strings(rows: list[tuple[str | None, ...]]) -> list[Strings]:
    return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
