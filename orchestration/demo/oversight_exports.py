"""Audits and actions as sheets of the audit tool, overrides and remarks of the planning tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from orchestration.demo import text
from orchestration.demo.books import Changes, FeedBook
from orchestration.demo.oversight import (
    AUDIT,
    DAY_S,
    INCIDENT,
    METHODS,
    ORIGINS,
    REMARKS,
    SEVERITIES,
    STANDARDS,
    Oversight,
)
from orchestration.demo.size import day_of
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    import datetime as dt

    from orchestration.demo.company import Ints

CHECKS = ("Yes", "No", "Pending")


def oversight_book(drawn: Oversight) -> FeedBook:
    """Return the feeds of what is found, set right, replaced and remarked."""
    exports = _Exports(drawn)
    asked = np.array([one.at // DAY_S for one in drawn.overrides])
    said = np.array([one.at // DAY_S for one in drawn.remarks])
    feeds = [
        Changes("audit_findings", (drawn.findings.day,), exports.findings),
        Changes("corrective_actions", (drawn.actions.day,), exports.actions),
        Changes("kpi_overrides", (asked,), exports.overrides),
        Changes("kpi_annotations", (said,), exports.remarks),
    ]
    sites = [site.code for site in drawn.company.sites]
    planted = {
        "audit_response_in_time_share": dict(zip(sites, drawn.in_time.tolist(), strict=True)),
        "action_put_off_share": dict(zip(sites, drawn.put_off.tolist(), strict=True)),
        "overrides": [
            {"override_id": override_id(row), "kind": one.kind}
            for row, one in enumerate(drawn.overrides)
        ],
    }
    return FeedBook(drawn.company, list(feeds), {"oversight": planted})


def override_id(row: int) -> str:
    """Return the id of a replaced figure."""
    return f"OV-{row + 1:04d}"


def _date(day: int) -> dt.date | None:
    return day_of(day) if day < OPEN else None


class _Exports:
    def __init__(self, drawn: Oversight) -> None:
        self.drawn, self.company = drawn, drawn.company
        people = drawn.people
        self._person = [people.employee_id(n) for n in range(people.count)]
        self._unit = [unit.unit_id for unit in drawn.company.units]

    def findings(self, rows: Ints, _day: int) -> bytes:
        """Write versions of findings under two title lines and a blank one."""
        drawn = self.drawn.findings
        sheet: list[list[object]] = [
            ["Audit findings"],
            ["Changes since the last export"],
            [],
            ["Finding", "Version", "Audit", "Plant", "Owner", "Severity", "Raised", "Response due",
             "Responded", "Closed", "Standard"],
        ]  # fmt: skip
        sheet += [
            [
                f"AF-{drawn.number[row]:05d}",
                int(drawn.version[row]),
                f"AU-{drawn.audit[row]:04d}",
                self.company.sites[drawn.site[row]].code,
                self._person[drawn.owner[row]],
                SEVERITIES[drawn.severity[row]],
                _date(drawn.raised[row]),
                _date(drawn.due[row]),
                _date(drawn.responded[row]),
                _date(drawn.closed[row]),
                STANDARDS[drawn.standard[row]],
            ]
            for row in rows.tolist()
        ]
        return text.workbook("Findings", sheet)

    def actions(self, rows: Ints, _day: int) -> bytes:
        """Write versions of actions under two title lines and a blank one."""
        drawn = self.drawn.actions
        sheet: list[list[object]] = [
            ["Corrective actions"],
            ["Changes since the last export"],
            [],
            ["Action", "Version", "Because of", "Reference", "Owner", "Root cause by", "Created",
             "Due", "First due", "Completed", "Effective"],
        ]  # fmt: skip
        for row in rows.tolist():
            kind, origin = int(drawn.kind[row]), int(drawn.origin[row])
            reference = {INCIDENT: f"I-{origin:06d}", AUDIT: f"AF-{origin:05d}"}
            method, check = int(drawn.method[row]), int(drawn.check[row])
            sheet.append(
                [
                    f"CA-{drawn.number[row]:05d}",
                    int(drawn.version[row]),
                    ORIGINS[kind],
                    reference.get(kind, f"{ORIGINS[kind][:2].upper()}-{origin:04d}"),
                    self._person[drawn.owner[row]],
                    METHODS[method] if method >= 0 else None,
                    _date(drawn.created[row]),
                    _date(drawn.due[row]),
                    _date(drawn.first_due[row]),
                    _date(drawn.completed[row]),
                    CHECKS[check] if check >= 0 else None,
                ]
            )
        return text.workbook("Actions", sheet)

    def overrides(self, rows: Ints, _day: int) -> bytes:
        """Write replaced figures."""
        some = [self.drawn.overrides[row] for row in rows.tolist()]
        return text.delimited(
            {
                "override_id": pa.array([override_id(row) for row in rows.tolist()]),
                "kpi_id": pa.array([one.kpi for one in some]),
                "org_unit_id": text.pick(self._unit, [one.unit for one in some]),
                "period": pa.array([f"{day_of(one.month):%Y-%m}" for one in some]),
                "old_value": text.decimal([one.old for one in some], 6),
                "new_value": text.decimal([one.new for one in some], 6),
                "reason": pa.array([one.reason for one in some]),
                "requested_by": text.pick(self._person, [one.requester for one in some]),
                "approved_by": text.pick(self._person, [one.approver for one in some]),
                "created_ts": _instants([one.at for one in some]),
                "expires": text.days([OPEN] * len(some)),
            },
            quoted=("reason",),
        )

    def remarks(self, rows: Ints, _day: int) -> bytes:
        """Write remarks."""
        some = [self.drawn.remarks[row] for row in rows.tolist()]
        return text.delimited(
            {
                "annotation_id": text.join("AN-", text.whole(rows + 1, width=4)),
                "kpi_id": pa.array([one.kpi for one in some]),
                "org_unit_id": text.pick(self._unit, [one.unit for one in some]),
                "period": pa.array([f"{day_of(one.month):%Y-%m}" for one in some]),
                "author_id": text.pick(self._person, [one.author for one in some]),
                "created_ts": _instants([one.at for one in some]),
                "kind": pa.array([REMARKS[one.kind] for one in some]),
                "text": pa.array([one.text for one in some]),
            },
            quoted=("text",),
        )


def _instants(seconds: list[int]) -> pa.Array:
    return text.instants(np.array(seconds, np.int64), np.zeros(len(seconds), np.int64))
