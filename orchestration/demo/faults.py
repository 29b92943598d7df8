"""What goes wrong with the deliveries on purpose, and the record of it for the truth.

Days are numbers of the daily deliveries. A fault whose days lie beyond the last delivery is left
out, so that a small company has the first ones only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestration.demo.size import day_of

if TYPE_CHECKING:
    from orchestration.demo.company import Company

Truth = list[dict[str, object]]

COUNTS, STATES = "mes_production_counts", "mes_machine_states"
SYSTEMS = {
    "mes": (
        "mes_equipment",
        STATES,
        COUNTS,
        "mes_operation_confirmations",
        "mes_shift_calendar",
        "mes_reason_codes",
        "mes_downtime_events",
        "mes_labour_bookings",
        "mes_quality_measurements",
    ),
    "cmms": ("cmms_work_orders",),
    "sap": (
        "erp_products",
        "erp_routings",
        "erp_production_orders",
        "erp_purchase_order_lines",
        "erp_goods_receipts",
        "erp_sales_order_lines",
        "erp_deliveries",
        "erp_inventory_snapshots",
    ),
    "workday": (
        "hr_employees",
        "hr_assignments",
        "hr_org_units",
        "hr_person_crosswalk",
        "hr_development_plans",
        "hr_ratings",
        "hr_consent",
        "hr_demographics",
        "hr_time_entries",
        "hr_absences",
    ),
    "lms": ("hr_training_completions",),
    "survey": ("hr_engagement_survey",),
    "feedback": ("hr_feedback_360",),
    "audit": ("audit_findings", "corrective_actions"),
    "bi": ("bi_usage_log",),
    "servicenow": ("support_tickets",),
    "crm": ("erp_complaints_returns",),
    "finance": ("erp_gl_balances", "fx_rates"),
    "external": ("external_factors",),
    "ehs": ("ehs_incidents", "ehs_hours_worked", "ehs_observations"),
    "leaderlog": ("leader_behaviour_events", "leader_plans"),
    "worktool": ("work_handoffs", "work_outcomes"),
    "peertool": ("peer_assessments",),
    "planning": ("kpi_targets", "kpi_overrides", "kpi_annotations"),
}
_SYSTEM = {feed: system for system, feeds in SYSTEMS.items() for feed in feeds}
_SUFFIX = {
    "mes_operation_confirmations": "jsonl",
    "leader_behaviour_events": "jsonl",
    "hr_org_units": "json",
    "hr_person_crosswalk": "json",
    "hr_development_plans": "json",
    "hr_ratings": "json",
    "hr_consent": "json",
    "hr_demographics": "json",
    "bi_usage_log": "jsonl",
    "audit_findings": "xlsx",
    "corrective_actions": "xlsx",
    "hr_absences": "json",
    "ehs_hours_worked": "xlsx",
    "erp_complaints_returns": "jsonl",
    "erp_gl_balances": "txt",
    "fx_rates": "txt",
}

# Feed, delivery that misses it, delivery that brings it.
LATE = (
    ("mes_operation_confirmations", 8, 10),
    (COUNTS, 12, 16),
    ("support_tickets", 19, 21),
    (STATES, 25, 27),
)
RESTATED, RESTATED_IN = 1, 3
TRUNCATED, RENAMED, UNPARSABLE = 2, 5, 14  # each mended by the next delivery
REDELIVERED, REDELIVERED_IN = 2, 3
PAYROLL = 8
TIMES_THOUSAND, SWAPPED, DOUBLED, MISSING = 11, 22, 26, 20
# Deliveries whose states are changed after they were written; all others need not be kept.
FAULTY_STATES = frozenset({RENAMED, *(number for feed, number, _ in LATE if feed == STATES)})
# A counter that sends the quantities of the day before, and a snapshot that stands still.
STUCK_AT, STUCK, FROZEN_AT, FROZEN = 17, (18, 19, 20), 22, (23, 24, 25)
# The first file of these feeds on or after this delivery is the one.
TRAINING_WORDS, TRAINING_RESTATED, TICKETS_RENAMED = 4, 10, 9
SELF_APPROVED = 2
UNPARSABLE_WORDS = {
    3: "n/a",
    17: "12,5 kg",
    29: "--",
    41: "#VALUE!",
    58: "one hundred",
    77: "0x1F",
}
MOVED_TO_SCRAP = 5
XLSX_ROWS_ABOVE = 3


@dataclass(frozen=True)
class File:
    """One delivered file; `label` is the production day or month in its name."""

    feed: str
    delivered: int
    label: str
    content: bytes

    @property
    def rows(self) -> int:
        """Data records; no text of the demo holds a line end."""
        if self.path.endswith(".xlsx"):
            # Members are stored as they are: the sheet's rows less two titles and the header.
            return self.content.count(b"<row ") - XLSX_ROWS_ABOVE
        lines = self.content.count(b"\n")
        around = {"csv": 1, "jsonl": 0, "json": 2, "txt": 0}[self.path.rsplit(".", 1)[1]]
        return lines - around

    @property
    def path(self) -> str:
        """Path below the landing folder."""
        name = f"{self.feed}_{self.label}.{_SUFFIX.get(self.feed, 'csv')}"
        return f"{_SYSTEM[self.feed]}/{self.feed}/{day_of(self.delivered)}/{name}"


def plant_faults(company: Company, files: list[File]) -> tuple[list[File], Truth]:
    """Return the daily files with some of them wrong, and what was done to them."""
    faults = _Faults(company, files)
    faults.delay()
    faults.truncate()
    faults.rename_a_column()
    faults.write_words_for_numbers()
    faults.restate()
    faults.deliver_again()
    faults.mistake_the_unit()
    faults.swap_columns()
    faults.double_a_shift()
    faults.stick_a_counter()
    faults.freeze_a_snapshot()
    faults.leave_out()
    faults.spoil_training()
    faults.restate_training()
    faults.rename_a_ticket_column()
    faults.approve_ones_own()
    return faults.files, faults.truth


def times_thousand(file: File, row: int) -> tuple[File, dict[str, object]]:
    """Multiply one count by 1,000, as a plant does that for once reports grams for pieces."""
    table = _Table(file)
    row = min(row, len(table.rows))
    cells = table.rows[row - 1]
    before = int(cells["good_qty"])
    cells["good_qty"] = str(before * 1000)
    wrong = replace(file, content=table.content(table.rows))
    fault = _record("unit_times_1000", wrong, "row quarantined by its upper limit") | {
        "rows": [row],
        "event_id": cells["event_id"],
        "true_value": before,
        "delivered_value": before * 1000,
    }
    return wrong, fault


class _Table:
    """A delimited file as rows of named cells."""

    def __init__(self, file: File) -> None:
        head, *lines = file.content.decode().splitlines()
        self.columns = head.split(",")
        self.rows = [dict(zip(self.columns, line.split(","), strict=True)) for line in lines]

    def content(self, rows: list[dict[str, str]]) -> bytes:
        lines = [self.columns, *([row[name] for name in self.columns] for row in rows)]
        quoted = ([f'"{cell}"' if "," in cell else cell for cell in line] for line in lines)
        return "".join(",".join(line) + "\n" for line in quoted).encode()


def _record(kind: str, file: File, expected: str) -> dict[str, object]:
    return {
        "kind": kind,
        "feed": file.feed,
        "delivered": str(day_of(file.delivered)),
        "file": file.path,
        "expected": expected,
    }


class _Faults:
    """Each method plants one kind of fault, if the company has the deliveries for it."""

    def __init__(self, company: Company, files: list[File]) -> None:
        self.company = company
        self.files = list(files)
        self.truth: Truth = []
        self._first = company.size.cut + 1
        self._original = {(file.feed, file.delivered): file for file in files if file.rows}

    def _file(self, feed: str, number: int, until: int = 0) -> File | None:
        if max(number, until) > self.company.size.daily_deliveries:
            return None
        return self._original.get((feed, self._first + number))

    def _first_file(self, feed: str, number: int, *, ahead: int, holds: bytes = b"") -> File | None:
        """Return the first file from a delivery on that leaves `ahead` deliveries behind it."""
        last = self.company.size.daily_deliveries - ahead
        found = (self._file(feed, day) for day in range(number, last + 1))
        return next((file for file in found if file and holds in file.content), None)

    def _put(self, kind: str, file: File, expected: str, **more: object) -> None:
        self.files.append(file)
        self.truth.append(_record(kind, file, expected) | more)

    def delay(self) -> None:
        for feed, number, until in LATE:
            if file := self._file(feed, number, until):
                self.files.remove(file)
                late = replace(file, delivered=self._first + until, label=f"{file.label}_late")
                self._put(
                    "late",
                    late,
                    "accepted on arrival; changes the days it touches and no other",
                    production_day=str(day_of(file.delivered - 1)),
                    missing_on=str(day_of(file.delivered)),
                )

    def _damage(self, kind: str, file: File, wrong: File, mended: File, **more: object) -> None:
        self.files.remove(file)
        self.files.append(mended)
        self._put(
            kind,
            wrong,
            production_day=str(day_of(file.delivered - 1)),
            repaired_by=mended.path,
            **more,
        )

    def _mended(self, file: File) -> File:
        return replace(file, delivered=file.delivered + 1, label=f"{file.label}_repaired")

    def truncate(self) -> None:
        if file := self._file(COUNTS, TRUNCATED, TRUNCATED + 1):
            # The transfer broke in the middle of a record: three fields of it arrived.
            start = file.content.rindex(b"\n", 0, len(file.content) * 6 // 10) + 1
            rest = b",".join(file.content[start:].split(b",", 3)[:3])
            whole = file.content[:start]
            wrong = replace(file, content=whole + rest)
            self._damage(
                "damaged_truncated",
                file,
                wrong,
                self._mended(file),
                expected="file rejected: TRUNCATED",
            )

    def rename_a_column(self) -> None:
        if file := self._file(STATES, RENAMED, RENAMED + 1):
            content = file.content.replace(b",state_raw,", b",status_word,", 1)
            self._damage(
                "damaged_header_renamed",
                file,
                replace(file, content=content),
                self._mended(file),
                expected="file rejected: REQUIRED_COLUMN_MISSING",
            )

    def write_words_for_numbers(self) -> None:
        if file := self._file(COUNTS, UNPARSABLE, UNPARSABLE + 1):
            table = _Table(file)
            right = [dict(table.rows[n - 1]) for n in UNPARSABLE_WORDS]
            for number, word in UNPARSABLE_WORDS.items():
                table.rows[number - 1]["good_qty"] = word
            mended = replace(self._mended(file), content=table.content(right))
            self._damage(
                "damaged_unparsable_rows",
                file,
                replace(file, content=table.content(table.rows)),
                mended,
                expected="rows quarantined, the others accepted",
                rows=list(UNPARSABLE_WORDS),
                column="good_qty",
            )

    def restate(self) -> None:
        if file := self._file(COUNTS, RESTATED, RESTATED_IN):
            line = self.company.line_ids[2 % len(self.company.line_ids)]
            table = _Table(file)
            rows = [row for row in table.rows if row["machine_id"].startswith(f"{line}-")]
            for row in rows:
                moved = min(MOVED_TO_SCRAP, int(row["good_qty"]))
                row["good_qty"] = str(int(row["good_qty"]) - moved)
                row["scrap_qty"] = str(int(row["scrap_qty"]) + moved)
            restated = File(
                COUNTS, self._first + RESTATED_IN, f"{file.label}_restated", table.content(rows)
            )
            self._put(
                "restated",
                restated,
                "a new version of the rows it holds",
                production_day=str(day_of(file.delivered - 1)),
                line=line,
                rows=len(rows),
                change=f"{MOVED_TO_SCRAP} good units of each row are scrap",
            )
        if file := self._file("ehs_hours_worked", PAYROLL):
            self.truth.append(
                _record("restated", file, "payroll replaces the estimate of the month before")
                | {"rows": file.rows}
            )

    def deliver_again(self) -> None:
        if file := self._file("erp_goods_receipts", REDELIVERED, REDELIVERED_IN):
            again = replace(file, delivered=self._first + REDELIVERED_IN)
            self._put("redelivered", again, "file skipped: the same bytes", first_file=file.path)

    def mistake_the_unit(self) -> None:
        if file := self._file(COUNTS, TIMES_THOUSAND):
            wrong, fault = times_thousand(file, 25)
            self.files.remove(file)
            self.files.append(wrong)
            self.truth.append(fault)

    def swap_columns(self) -> None:
        file = self._file(COUNTS, SWAPPED)
        machine = self.company.machine_ids[len(self.company.machine_ids) // 2]
        table = _Table(file) if file else None
        rows = [
            number
            for number, row in enumerate(table.rows if table else [], start=1)
            if row["machine_id"] == machine
        ]
        if file and table and rows:
            for number in rows:
                row = table.rows[number - 1]
                row["good_qty"], row["scrap_qty"] = row["scrap_qty"], row["good_qty"]
            self.files.remove(file)
            self._put(
                "swapped_columns",
                replace(file, content=table.content(table.rows)),
                "rows kept with the warning more_good_than_scrap; never corrected",
                machine_id=machine,
                columns=["good_qty", "scrap_qty"],
                rows=rows,
            )

    def double_a_shift(self) -> None:
        if file := self._file(COUNTS, DOUBLED):
            line = self.company.line_ids[5 % len(self.company.line_ids)]
            table = _Table(file)
            rows = [row for row in table.rows if row["machine_id"].startswith(f"{line}-")]
            rows = [row for row in rows if row["shift_id"] == rows[0]["shift_id"]]
            copies = [row | {"event_id": row["event_id"] + "-B"} for row in rows]
            if copies:
                double = replace(file, label=f"{file.label}_manual", content=table.content(copies))
                self._put(
                    "duplicated_shift_file",
                    double,
                    "accepted, because the event ids differ: the shift counts twice",
                    line=line,
                    shift=rows[0]["shift_id"],
                    rows=len(copies),
                )

    def stick_a_counter(self) -> None:
        machine = self.company.machine_ids[-1]
        quantities = ("good_qty", "scrap_qty", "rework_qty")
        source = self._file(COUNTS, STUCK_AT, STUCK[-1])
        before = _rows_of(_Table(source), machine) if source else []
        for number in STUCK if before else ():
            if file := self._file(COUNTS, number):
                table = _Table(file)
                rows = _rows_of(table, machine)
                for position, row in enumerate(rows):
                    row |= {name: before[position % len(before)][name] for name in quantities}
                self.files.remove(file)
                self._put(
                    "stale_counter",
                    replace(file, content=table.content(table.rows)),
                    "accepted: the same quantities, row by row, day after day",
                    machine_id=machine,
                    columns=list(quantities),
                    repeats=source.path if source else "",
                    rows=[
                        n
                        for n, row in enumerate(table.rows, start=1)
                        if row["machine_id"] == machine
                    ],
                )

    def freeze_a_snapshot(self) -> None:
        held = self._file("hr_employees", FROZEN_AT, FROZEN[-1] + 1)
        for number in FROZEN if held else ():
            if held and (file := self._file("hr_employees", number)):
                known = set(held.content.splitlines())
                self.files.remove(file)
                self._put(
                    "stale_feed",
                    replace(file, content=held.content),
                    "accepted: the bytes of an earlier day; the next snapshot mends it",
                    repeats=held.path,
                    rows_untold=sum(line not in known for line in file.content.splitlines()),
                )

    def leave_out(self) -> None:
        if file := self._file("hr_employees", MISSING, MISSING + 1):
            self.files.remove(file)
            self.truth.append(
                _record("missing_file", file, "no file that day; the next snapshot mends it")
            )

    def spoil_training(self) -> None:
        if file := self._first_file("hr_training_completions", TRAINING_WORDS, ahead=1):
            table = _Table(file)
            right = [dict(table.rows[0])]
            table.rows[0]["Score"] = "passed"
            self._damage(
                "damaged_unparsable_rows",
                file,
                replace(file, content=table.content(table.rows)),
                replace(self._mended(file), content=table.content(right)),
                expected="rows quarantined, the others accepted",
                rows=[1],
                column="Score",
            )

    def restate_training(self) -> None:
        file = self._first_file(
            "hr_training_completions", TRAINING_RESTATED, ahead=2, holds=b",Completed,"
        )
        if file:
            table = _Table(file)
            # What was not completed then may be by now, and an old state would undo it.
            rows = [row for row in table.rows if row["Completed"]]
            for row in rows:
                row["Score"] = "100.00"
            restated = replace(
                file,
                delivered=file.delivered + 2,
                label=f"{file.label}_restated",
                content=table.content(rows),
            )
            self._put(
                "restated",
                restated,
                "a new version of the rows it holds",
                production_day=str(day_of(file.delivered - 1)),
                rows=len(rows),
                change="every score is 100",
            )

    def rename_a_ticket_column(self) -> None:
        if file := self._first_file("support_tickets", TICKETS_RENAMED, ahead=1):
            content = file.content.replace(b",sys_updated_at,", b",updated_on,", 1)
            self._damage(
                "damaged_header_renamed",
                file,
                replace(file, content=content),
                self._mended(file),
                expected="file rejected: REQUIRED_COLUMN_MISSING",
            )

    def approve_ones_own(self) -> None:
        """Record what the model drew: the file holds an override of one pair of eyes."""
        if file := self._file("kpi_overrides", SELF_APPROVED):
            self.truth.append(
                _record("self_approved_override", file, "row quarantined by its rule")
                | {"rows": [1]}
            )


def _rows_of(table: _Table, machine: str) -> list[dict[str, str]]:
    return [row for row in table.rows if row["machine_id"] == machine]
