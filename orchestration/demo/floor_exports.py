"""How systems write what people enter at the machines: stops, orders, time, measurements."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from orchestration.demo import text
from orchestration.demo.exports import FIRST_PRODUCT, Exports
from orchestration.demo.gauges import HALF_TOLERANCE
from orchestration.demo.maintenance import COMMENTS, NO_TIME
from orchestration.demo.plant import REASONS
from orchestration.demo.safety import CATEGORIES, SEEN, SEEN_WORDS
from orchestration.demo.text import OPEN
from orchestration.demo.workforce import BOOKING_KINDS, VACATION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.demo.company import Ints
    from orchestration.demo.gauges import Measurements
    from orchestration.demo.maintenance import Downtime, WorkOrders
    from orchestration.demo.safety import Observations
    from orchestration.demo.text import Strings
    from orchestration.demo.workforce import Absences, Bookings, TimeEntries, Workforce

ABSENCE_WORDS = ["", "Sick_Leave", "Annual_Leave", "Parental_Leave", "No_Show"]
CREATED, STARTED, DONE = range(3)
ORDER_STATUS = ["CREATED", "STARTED", "DONE"]
ORDER_KINDS = ["CM", "PM"]


class FloorExports(Exports):
    """Writes the feeds that people at the machines fill, in the forms of their systems."""

    @cached_property
    def _minutes(self) -> Strings:
        return pa.array([f"{h:02d}:{m:02d}" for h in range(24) for m in range(60)])

    def _at(self, site: Ints, utc: Ints, missing: NDArray[np.bool_] | None = None) -> Strings:
        return text.instants(utc, self._offset(site, utc), missing=missing)

    def _german_clock(self, site: Ints, utc: Ints, missing: NDArray[np.bool_]) -> Strings:
        """Return the plant's wall clock as ``31.12.2026 23:59``, empty where it is missing."""
        clear = utc.copy()
        for number, zone in enumerate(self.company.zones):
            here = site == number
            clear[here] = zone.once(utc[here])
        local = np.where(missing, 0, clear + self._offset(site, clear))
        day = text.days(np.where(missing, OPEN, local // 86_400), pattern="{2}.{1}.{0}")
        return text.join(day, " ", text.pick(self._minutes, local % 86_400 // 60))

    def downtime_events(self, rows: Downtime) -> bytes:
        """Write the entries of the MES terminal."""
        site = self._site_of[rows.machine]
        planned = np.array([reason[2] == "planned" for reason in REASONS])[rows.reason]
        return text.delimited(
            {
                "downtime_id": _number("DT", rows.number),
                "machine_id": text.pick(self._machine, rows.machine),
                "start_ts": self._at(site, rows.start),
                "end_ts": self._at(site, rows.until, rows.until == NO_TIME),
                "planned": text.pick(["false", "true"], planned.astype(np.int8)),
                "reason_code": self._reasons(site, rows.reason),
                "comment": text.pick(list(COMMENTS), rows.comment),
                "entered_by": self._operators(rows.person),
                "supersedes": _number("DT", rows.replaces),
            }
        )

    def work_orders(self, rows: WorkOrders, day: int) -> bytes:
        """Write orders as they stand on a day: semicolons, wall clock, days first."""
        site = self._site_of[rows.machine]
        begun, done = rows.first_day <= day, rows.closed_day <= day
        return text.delimited(
            {
                "WO_NO": _number("WO", rows.number),
                "PLANT": text.pick(self._site, site),
                "EQUIPMENT": text.pick(self._machine, rows.machine),
                "WO_TYPE": text.pick(ORDER_KINDS, rows.kind),
                "REPORTED": self._german_clock(site, rows.opened, np.zeros(len(site), bool)),
                "STARTED": self._german_clock(site, rows.started, ~begun),
                "FINISHED": self._german_clock(site, rows.finished, ~done),
                "DUE": text.days(rows.due, pattern="{2}.{1}.{0}"),
                "MAN_HOURS": _only(
                    text.decimal(rows.labour_minutes * 100 // 60, 2, mark=","), done
                ),
                "STOP_NO": _number("DT", rows.failure),
                "STATUS": text.pick(
                    ORDER_STATUS, np.where(done, DONE, np.where(begun, STARTED, 0))
                ),
            },
            mark=";",
        )

    def labour_bookings(self, rows: Bookings) -> bytes:
        """Write what shift workers booked, under the operator ids of the MES."""
        site = self.company.line_site[rows.line]
        places = pa.array(
            [*self.company.machine_ids, *(f"{n}-PACK" for n in self.company.line_ids)]
        )
        place = np.where(rows.machine >= 0, rows.machine, len(self.company.machine_ids) + rows.line)
        day = text.days(rows.day, pattern="{0}{1}{2}")
        person = self._operators(rows.person)
        ordered = rows.order >= 0
        return text.delimited(
            {
                "booking_id": text.join("B", day, "-", person, "-", text.whole(rows.piece + 1)),
                "employee_id": person,
                "order_id": self._orders(rows.order),
                "operation_no": text.pick(["0010"], ordered.astype(np.int64) - 1),
                "work_centre": text.pick(places, place),
                "start_ts": self._at(site, rows.start),
                "end_ts": self._at(site, rows.start + 60 * rows.minutes),
                "hours": _hours(rows.minutes),
                "kind": text.pick(list(BOOKING_KINDS), rows.kind),
            }
        )

    def quality_measurements(self, rows: Measurements) -> bytes:
        """Write measured parts with the limits of their characteristic."""
        site = self.company.line_site[rows.line]
        machine = text.pick(self._machine, rows.machine)
        line = text.pick(self.company.line_ids, rows.line)
        group = text.join(machine, "-", text.days(rows.day, pattern="{0}{1}{2}"))
        sample = text.whole(rows.sample)
        count = len(site)
        good = np.abs(rows.value - rows.target) <= HALF_TOLERANCE
        return text.delimited(
            {
                "measurement_id": text.join(group, "-", sample),
                "site": text.pick(self._site, site),
                "machine_id": machine,
                "order_id": self._orders(rows.order),
                "product_id": text.whole(
                    self.plants.book.product[rows.order] + FIRST_PRODUCT, width=18
                ),
                "characteristic_id": text.join(line, "-D1"),
                "subgroup_id": group,
                "sample_no": sample,
                "measured_ts": self._at(site, rows.at),
                "value": text.decimal(rows.value, 3),
                "unit": text.same("mm", count),
                "lsl": text.decimal(rows.target - HALF_TOLERANCE, 3),
                "usl": text.decimal(rows.target + HALF_TOLERANCE, 3),
                "target": text.decimal(rows.target, 3),
                "gauge_id": text.join("G-", line),
                "inspector_id": self._operators(rows.person),
                "result": text.pick(["nok", "ok"], good.astype(np.int8)),
            }
        )

    def time_entries(self, rows: TimeEntries) -> bytes:
        """Write a Workday report of time blocks, one a day."""
        entry = text.join(
            "T-",
            text.days(rows.day, pattern="{0}{1}{2}"),
            "-",
            text.whole(rows.person, width=5),
        )
        corrected = text.join(entry, "-C")
        number = text.pick(
            pa.chunked_array([entry, corrected]).combine_chunks(), _either(rows.corrects)
        )
        return text.delimited(
            {
                "Time_Block": number,
                "Employee_ID": text.pick(self._person, rows.person),
                "Reported_Date": text.days(rows.day),
                "Reported_Hours": _hours(rows.attended),
                "Scheduled_Hours": _hours(rows.scheduled),
                "Overtime_Hours": _hours(np.maximum(rows.attended - rows.scheduled, 0)),
                "Replaces": _only(entry, rows.corrects),
            }
        )

    def absences(self, rows: Absences, workforce: Workforce, day: int) -> bytes:
        """Write a Workday report of absences as they stand on a day; those that last have no end.

        Agreed absences have one from the start.
        """
        agreed = (rows.kind >= VACATION) & (rows.kind <= VACATION + 1)
        lasts = (rows.last >= day) & ~agreed
        until = np.where(lasts, day, rows.last)
        return text.json_report(
            {
                "Absence_ID": text.join(
                    "A-",
                    text.days(rows.first, pattern="{0}{1}{2}"),
                    "-",
                    text.whole(rows.person, width=5),
                ),
                "Employee_ID": text.pick(self._person, rows.person),
                "Absence_Type": text.pick(ABSENCE_WORDS, rows.kind),
                "First_Day": text.days(rows.first),
                "Last_Day": text.days(np.where(lasts, OPEN, rows.last), open_end="9999-12-31"),
                "Hours": text.decimal(workforce.missed_minutes(rows, until) * 100 // 60, 2),
                "Approved": text.pick(["false", "true"], agreed.astype(np.int8)),
            },
            bare=("Hours", "Approved"),
        )

    def observations(self, rows: Observations, these: Ints) -> bytes:
        """Write observations with the plant's wall clock and no offset."""
        site, at = rows.site[these], rows.at[these]
        return text.delimited(
            {
                "observation_id": _number("OB", these),
                "site": text.pick(self._site, site),
                "observed_ts": text.wall_clock(at, self._offset(site, at)),
                "observer_id": text.pick(self._person, rows.leader[these]),
                "kind": text.pick(list(SEEN), rows.kind[these]),
                "category": text.pick(list(CATEGORIES), rows.category[these]),
                "coached": text.pick(["false", "true"], rows.coached[these]),
                "description": text.pick(list(SEEN_WORDS), rows.words[these]),
            },
            quoted=("description",),
        )


def _number(prefix: str, numbers: Ints) -> Strings:
    """Return ids of eight digits; a negative number gives null."""
    return _only(text.join(prefix, text.whole(np.maximum(numbers, 0) + 1, width=8)), numbers >= 0)


def _only(column: Strings, where: NDArray[np.bool_]) -> Strings:
    """Return the column with nulls everywhere else."""
    return column.take(pa.array(np.arange(len(column)), mask=~where))


def _either(second: NDArray[np.bool_]) -> Ints:
    """Return positions in two columns of equal length, one after the other."""
    rows = np.arange(len(second))
    return np.where(second, rows + len(second), rows)


def _hours(minutes: Ints) -> Strings:
    """Return minutes as hours with three decimals."""
    return text.decimal(np.rint(minutes * 1_000 / 60).astype(np.int64), 3)
