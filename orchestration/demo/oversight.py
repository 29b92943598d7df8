"""What is found and set right: audits, corrective actions, replaced figures, remarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.safety import OTHER, incidents, work_hours
from orchestration.demo.size import day_of, random, table
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Ints
    from orchestration.demo.people import People

DAY_S = 86_400
SEVERITIES = ("Observation", "Minor", "Major", "Critical")
SEVERITY_MIX = (0.35, 0.40, 0.20, 0.05)
RESPONSE_DAYS = (30, 21, 10, 3)
STANDARDS = ("ISO 9001 8.5.1", "ISO 9001 7.1.5", "ISO 45001 8.1.2", "ISO 14001 9.1.1")
AUDIT_EVERY, FINDINGS_PER_AUDIT = 45, 3.0
IN_TIME_RANGE = (0.65, 0.92)  # share of responses that a site gives in time
PUT_OFF_RANGE = (0.10, 0.45)  # share of actions that a site puts off

ORIGINS = ("Incident", "Audit", "Complaint", "Review", "KPI")
INCIDENT, AUDIT, _, REVIEW, KPI_BREACH = range(5)
METHODS = ("5 Whys", "A3", "Fishbone", "Fault tree")
PENDING, EFFECTIVE, NOT_EFFECTIVE = 2, 0, 1
REVIEWS_PER_SITE_YEAR, BREACHES_PER_SITE_YEAR = 6, 4
MISSED_SHARE = 0.15  # of actions that are done after their last due date
EFFECTIVE_SHARE = 0.8
CHECKED_AFTER = 30

OVERRIDE_KPIS = ("KPI006", "KPI016", "KPI037")
OVERRIDES_PER_YEAR = 8
# Daily deliveries in which a replaced figure is asked for and agreed to by one person, and in
# which the unjust one comes; in a shorter company the latter lies in the history.
SELF_APPROVED_DELIVERY, UNJUST_DELIVERY, UNJUST_IN_HISTORY = 2, 9, 20
REASONS = (
    "Scanner at the packing station counted twice",
    "Orders booked on the wrong line",
    "Half of the shift ran trial parts",
)
UNJUST_REASON = "One-off effects, not representative of the team"
REMARKS = ("anomaly", "external_event", "process_change", "data_issue")
ANOMALY, EXTERNAL, PROCESS, DATA = range(4)


@dataclass(frozen=True)
class Findings:
    """One row per version of a finding; OPEN where nothing has happened yet."""

    number: Ints
    version: Ints
    audit: Ints
    site: Ints
    owner: Ints
    severity: Ints
    raised: Ints
    due: Ints
    responded: Ints
    closed: Ints
    standard: Ints
    day: Ints


@dataclass(frozen=True)
class Actions:
    """One row per version of an action; `origin` numbers the incident, finding or case."""

    number: Ints
    version: Ints
    kind: Ints
    origin: Ints
    owner: Ints
    method: Ints
    created: Ints
    due: Ints
    first_due: Ints
    completed: Ints
    check: Ints
    day: Ints


@dataclass(frozen=True)
class Override:
    """One figure that somebody had replaced; values in millionths."""

    kpi: str
    unit: int
    month: int
    old: int
    new: int
    reason: str
    requester: int
    approver: int
    at: int
    kind: str  # just, self_approved or unjust


@dataclass(frozen=True)
class Remark:
    """One remark on a figure."""

    kpi: str
    unit: int
    month: int
    author: int
    at: int
    kind: int
    text: str


class Oversight:
    """All models of this subject, drawn once."""

    def __init__(self, company: Company, people: People) -> None:
        self.company, self.people = company, people
        rng = random(company.seed, "oversight sites")
        plants = company.size.plants
        self.in_time = np.round(rng.uniform(*IN_TIME_RANGE, plants), 4)
        self.put_off = np.round(rng.uniform(*PUT_OFF_RANGE, plants), 4)
        self.findings = self._audit()
        self.actions = self._act()
        self.overrides = sorted(self._replace(), key=lambda one: one.at)
        self.remarks = sorted(self._remark(), key=lambda one: one.at)

    def _leader(self, unit: int, day: int) -> int:
        size = self.company.size
        column = min(max(day, size.first_day), size.last_day) - size.first_day
        return int(self.company.leader_of[unit, column])

    def _owner(self, rng: np.random.Generator, site: int, day: int) -> int:
        areas = [n for n, u in enumerate(self.company.units) if u.kind == "area" and u.site == site]
        return self._leader(areas[int(rng.integers(len(areas)))], day)

    def _audit(self) -> Findings:
        size, rng = self.company.size, random(self.company.seed, "audits")
        rows: list[tuple[int, ...]] = []
        audit = number = 0
        for site in range(size.plants):
            for held in range(size.first_day + 9 + 5 * site, size.last_day, AUDIT_EVERY):
                audit += 1
                for _ in range(int(rng.poisson(FINDINGS_PER_AUDIT))):
                    number += 1
                    severity = int(rng.choice(4, p=SEVERITY_MIX))
                    raised = held + int(rng.integers(0, 4))
                    term = RESPONSE_DAYS[severity]
                    wait = int(rng.integers(1, term + 1))
                    if rng.random() >= self.in_time[site]:
                        wait = term + 1 + int(rng.exponential(12))
                    answered = raised + wait
                    closed = answered + int(rng.integers(5, 60))
                    fixed = (audit, site, self._owner(rng, site, raised), severity)
                    dates = (raised, raised + term)
                    standard = int(rng.integers(len(STANDARDS)))
                    for version, (seen, *ends) in enumerate(
                        (
                            (raised, OPEN, OPEN),
                            (answered, answered, OPEN),
                            (closed, answered, closed),
                        ),
                        start=1,
                    ):
                        rows.append((number, version, *fixed, *dates, *ends, standard, seen))
        return table(Findings, _seen(rows, size.last_day))

    def _act(self) -> Actions:
        company, size = self.company, self.company.size
        rng = random(company.seed, "actions")
        causes: list[tuple[int, int, int, int]] = []  # day, site, kind, origin
        found = self.findings
        first = found.version == 1
        for number, site, severity, day in zip(
            found.number[first], found.site[first], found.severity[first], found.day[first],
            strict=True,
        ):  # fmt: skip
            if severity > 0:
                causes.append((int(day), int(site), AUDIT, int(number)))
        _, hours = work_hours(company, self.people.employments)
        reports = incidents(company, hours)
        recorded = (reports.version == 1) & (reports.case <= OTHER)
        causes += [
            (int(day), int(site), INCIDENT, int(number) + 1)
            for day, site, number in zip(
                reports.day[recorded], reports.site[recorded], reports.number[recorded], strict=True
            )
        ]
        years = (size.last_day - size.first_day) / 365
        for site in range(size.plants):
            for kind, often in (
                (REVIEW, REVIEWS_PER_SITE_YEAR),
                (KPI_BREACH, BREACHES_PER_SITE_YEAR),
            ):
                days = rng.integers(size.first_day, size.last_day, rng.poisson(often * years))
                causes += [(int(day), site, kind, n + 1) for n, day in enumerate(np.sort(days))]
        rows: list[tuple[int, ...]] = []
        for number, (day, site, kind, origin) in enumerate(sorted(causes), start=1):
            method = int(rng.integers(-1, len(METHODS)))
            fixed = (kind, origin, self._owner(rng, site, day), method, day)
            first_due = due = day + int(rng.integers(20, 75))
            versions = [(day, due, OPEN, -1)]
            while rng.random() < self.put_off[site]:
                asked = due - int(rng.integers(1, 7))
                due += int(rng.integers(14, 45))
                versions.append((asked, due, OPEN, -1))
            early, late = rng.integers(0, 7), rng.integers(1, 40)
            done = due + int(late if rng.random() < MISSED_SHARE else -early)
            good = EFFECTIVE if rng.random() < EFFECTIVE_SHARE else NOT_EFFECTIVE
            versions.append((done, due, done, PENDING))
            versions.append((done + CHECKED_AFTER, due, done, good))
            for version, (seen, until, completed, check) in enumerate(versions, start=1):
                rows.append((number, version, *fixed, until, first_due, completed, check, seen))
        return table(Actions, _seen(rows, size.last_day))

    def _replace(self) -> list[Override]:
        company, size = self.company, self.company.size
        rng = random(company.seed, "overrides")
        number = max(2, round(OVERRIDES_PER_YEAR * (size.cut - size.first_day) / 365))
        earliest = size.first_day + min(40, (size.cut - size.first_day) // 2)
        days = np.sort(rng.integers(earliest, size.cut, number)).tolist()
        rows = [self._one_override(rng, day, "just") for day in days]
        if size.daily_deliveries > SELF_APPROVED_DELIVERY:
            day = size.cut + SELF_APPROVED_DELIVERY
            rows.append(self._one_override(rng, day, "self_approved"))
        late = size.daily_deliveries > UNJUST_DELIVERY
        day = size.cut + UNJUST_DELIVERY if late else size.cut - UNJUST_IN_HISTORY
        rows.append(self._one_override(rng, day, "unjust"))
        return rows

    def _one_override(self, rng: np.random.Generator, day: int, kind: str) -> Override:
        """Draw one replaced figure; the unjust one betters a record in which nothing is wrong."""
        company = self.company
        line = int(rng.integers(len(company.line_ids)))
        unit = int(company.unit_of_line[line])
        kpi = "KPI016" if kind == "unjust" else OVERRIDE_KPIS[int(rng.integers(3))]
        site = company.sites[int(company.line_site[line])]
        level = {
            "KPI006": site.availability * site.performance * (1 - site.scrap - site.rework),
            "KPI016": site.scrap,
            "KPI037": 0.82,
        }[kpi]
        old = round(1_000_000 * level * (1 + rng.normal(0, 0.05)))
        new = round(old * (1 + rng.normal(0, 0.03)))
        requester = self._leader(unit, day)
        approver = self._leader(company.units[unit].parent, day)
        if kind == "unjust":
            # Below the target of the site, agreed to by a line leader of the same plant.
            new = round(0.6 * old)
            here = np.flatnonzero(company.line_site == company.line_site[line])
            other = here[(np.searchsorted(here, line) + 1) % len(here)]
            requester, approver = approver, self._leader(int(company.unit_of_line[other]), day)
        if kind == "self_approved":
            approver = requester
        reason = UNJUST_REASON if kind == "unjust" else REASONS[int(rng.integers(len(REASONS)))]
        at = day * DAY_S + int(rng.integers(8 * 60, 16 * 60)) * 60
        return Override(
            kpi, unit, _month(day - 20), old, new, reason, requester, approver, at, kind
        )

    def _remark(self) -> list[Remark]:
        company, size = self.company, self.company.size
        rng = random(company.seed, "remarks")
        rows = []

        def say(kpi: str, unit: int, day: int, kind: int, text: str) -> None:
            seen = min(day + int(rng.integers(1, 12)), size.last_day)
            at = seen * DAY_S + int(rng.integers(8 * 60, 16 * 60)) * 60
            rows.append(Remark(kpi, unit, _month(day), self._leader(unit, seen), at, kind, text))

        for shock in company.shocks:
            what = (
                "Supplier could not deliver" if shock.kind == "supply" else "Customers order less"
            )
            for site in shock.sites:
                say("KPI006", int(company.unit_of_site[site]), shock.first, EXTERNAL, what)
        for shift in company.shifts:
            kpi = {"availability": "KPI008", "scrap": "KPI016", "performance": "KPI009"}
            text = f"Changed how we run the line, {shift.measure} moves"
            unit = int(company.unit_of_line[shift.line])
            say(kpi[shift.measure], unit, shift.day, PROCESS, text)
        for day in rng.integers(size.first_day + 5, size.last_day, 2 * size.plants).tolist():
            unit = int(company.unit_of_line[int(rng.integers(len(company.line_ids)))])
            data = rng.random() < 0.3  # noqa: PLR2004
            text = "Count of one shift looks too high" if data else "Cannot explain the jump yet"
            say("KPI003", unit, day, DATA if data else ANOMALY, text)
        return rows


def _month(day: int) -> int:
    """Return the first day of a month, as a day number."""
    return day - day_of(day).day + 1


def _seen(rows: list[tuple[int, ...]], last_day: int) -> list[tuple[int, ...]]:
    """Return the rows seen until the last day, in the order in which they are seen."""
    return sorted((row for row in rows if row[-1] <= last_day), key=lambda row: (row[-1], row[:2]))
