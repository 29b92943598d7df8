"""The people: employments, assignments under changing leaders, org unit versions, ids elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.demo.size import random
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from orchestration.demo.company import Company

LEVELS = {"enterprise": "L6", "site": "L5", "area": "L4", "line": "L3"}
TITLES = {
    "enterprise": "Chief operating officer",
    "site": "Plant manager",
    "area": "Area manager",
    "line": "Line leader",
}
STAFF_TITLES = {"line": "Machine operator", "area": "Specialist", "site": "Assistant"}
# Days that HR knows a hire, an exit or a transfer ahead.
NOTICE_DAYS = 7
LINE_SHARE = 0.66
TRANSFERS_PER_YEAR = 0.03
REHIRE_SHARE = 0.02
VOLUNTARY_SHARE = 0.7
_OLDEST_HIRE = 10_960  # 2000-01-04


@dataclass(frozen=True)
class Employment:
    """One person at work, first and last day inclusive; a re-hire is a second one."""

    person: int
    hired: int
    last: int
    voluntary: bool
    unit: int  # at the start
    site: int
    kind: str  # full_time, part_time, temporary
    fte_milli: int
    contingent: bool


@dataclass(frozen=True)
class Assignment:
    """One version of where a person works and for whom."""

    person: int
    number: int
    first: int
    last: int
    unit: int
    manager: int
    title: str
    level: str
    shift: int
    fte_milli: int


class People:
    """Everybody who works or worked in the simulated time; leaders have the first numbers."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.employments = _employments(company)
        self.spells = _spells(company, self.employments)
        self.assignments = _assignments(company, self.employments, self.spells)
        self.count = 1 + max(e.person for e in self.employments)

    def employee_id(self, person: int) -> str:
        """Return the id of the HRIS."""
        return f"E{100_001 + person}"


def _employments(company: Company) -> list[Employment]:
    size, rng = company.size, random(company.seed, "employments")
    end = size.last_day + 60
    rows = [
        Employment(
            leader,
            size.first_day - 900 - 37 * (leader % 40),
            company.leader_exit.get(leader, OPEN),
            True,
            next((r.unit for r in company.reigns if r.leader == leader), -1),
            int(company.leader_site[leader]),
            "full_time",
            1000,
            False,
        )
        for leader in range(size.leaders)
    ]
    units = [n for n, unit in enumerate(company.units) if unit.kind == "line"]
    other = [n for n, unit in enumerate(company.units) if unit.kind in {"area", "site"}]
    queue = []
    for number in range(size.employees - size.leaders):
        pool = units if number % 100 < LINE_SHARE * 100 else other
        hired = max(size.first_day - int(rng.exponential(1500)) - 30, _OLDEST_HIRE)
        queue.append((hired, pool[number % len(pool)], number % 12 == 0))
    person = size.leaders
    while queue:
        hired, unit, contingent = queue.pop(0)
        site = company.units[unit].site
        stays = rng.exponential(30.4 / company.sites[site].leavers)
        # Who is there on the first day has stayed until then; the exponential has no memory.
        last = max(hired, size.first_day) + int(stays)
        kind = rng.choice(["full_time", "part_time", "temporary"], p=[0.86, 0.08, 0.06])
        fte = 1000 if kind == "full_time" or contingent else int(rng.choice([500, 600, 750, 800]))
        leaves = last < end
        rows.append(
            Employment(
                person=person,
                hired=hired,
                last=last if leaves else OPEN,
                voluntary=bool(rng.random() < VOLUNTARY_SHARE),
                unit=unit,
                site=site,
                kind="temporary" if contingent else str(kind),
                fte_milli=fte,
                contingent=contingent,
            )
        )
        if leaves:
            queue.append((last + int(rng.integers(10, 45)), unit, contingent))
            if rng.random() < REHIRE_SHARE and last + 200 < size.last_day:
                rows.append(
                    Employment(
                        person, last + 200, OPEN, True, unit, site, "full_time", 1000, contingent
                    )
                )
        person += 1
        queue = [entry for entry in queue if entry[0] < end]
    return rows


def _spells(
    company: Company, employments: list[Employment]
) -> list[tuple[int, int, int, int, int]]:
    """Return person, unit, first, last and number of the employment."""
    size, rng = company.size, random(company.seed, "transfers")
    sisters: dict[int, list[int]] = {}
    for number, unit in enumerate(company.units):
        if unit.kind == "line":
            sisters.setdefault(unit.site, []).append(number)
    production = {u.site: n for n, u in enumerate(company.units) if u.unit_id.endswith("-PROD")}
    employment_no: dict[int, int] = {}
    spells = []
    for job in employments:
        number = employment_no[job.person] = employment_no.get(job.person, 0) + 1
        if job.person < size.leaders:
            spells += _leader_spells(company, job, production)
            continue
        first, unit = job.hired, job.unit
        lines = sisters[job.site]
        if company.units[unit].kind == "line" and len(lines) > 1:
            move = max(job.hired, size.first_day) + int(rng.exponential(365 / TRANSFERS_PER_YEAR))
            if move + 30 < min(job.last, size.last_day):
                spells.append((job.person, unit, first, move - 1, number))
                first = move
                unit = lines[(lines.index(unit) + 1) % len(lines)]
        spells.append((job.person, unit, first, job.last, number))
    return spells


def _leader_spells(
    company: Company, job: Employment, production: dict[int, int]
) -> list[tuple[int, int, int, int, int]]:
    reigns = sorted((r for r in company.reigns if r.leader == job.person), key=lambda r: r.first)
    # Who leads a site and its areas is assigned to the site.
    depth = {"enterprise": 0, "site": 1, "area": 2, "line": 3}
    posts: list[tuple[int, int, int]] = []
    for reign in sorted(reigns, key=lambda r: (r.first, depth[company.units[r.unit].kind])):
        if posts and reign.first <= posts[-1][1]:
            continue
        posts.append((reign.first, reign.last, reign.unit))
    between = production[job.site]
    spells, day = [], job.hired
    for first, last, unit in posts:
        if first > day:
            spells.append((job.person, between, day, first - 1, 1))
        spells.append((job.person, unit, max(first, day), min(last, job.last), 1))
        day = last + 1
    if day <= job.last and day < OPEN:
        spells.append((job.person, between, day, job.last, 1))
    return spells


def _assignments(
    company: Company,
    employments: list[Employment],
    spells: list[tuple[int, int, int, int, int]],
) -> list[Assignment]:
    """Cut the spells where the manager changes."""
    reigns: dict[int, list[tuple[int, int, int]]] = {}
    for reign in company.reigns:
        reigns.setdefault(reign.unit, []).append((reign.first, reign.last, reign.leader))
    earliest = {unit: rows[0][0] for unit, rows in reigns.items()}
    job_of = {(e.person, e.hired): e for e in employments}
    jobs: dict[int, list[Employment]] = {}
    for (person, _), job in job_of.items():
        jobs.setdefault(person, []).append(job)
    result = []
    for person, unit, first, last, number in spells:
        job = jobs[person][number - 1]
        leads = any(f <= first <= t and w == person for f, t, w in reigns[unit])
        above = company.units[unit].parent if leads else unit
        kind = company.units[unit].kind
        title = TITLES[kind] if leads else STAFF_TITLES.get(kind, "Assistant")
        level = LEVELS[kind] if leads else ("L2" if person < company.size.leaders else "L1")
        if not leads and person < company.size.leaders:
            title = "Deputy leader"
        pieces = [(first, last, -1)]
        if above >= 0:
            pieces = [
                (max(f if f > earliest[above] else first, first), min(t, last), who)
                for f, t, who in reigns[above]
                if f <= last and t >= first
            ]
        for begin, until, who in pieces:
            result.append(
                Assignment(
                    person,
                    number,
                    begin,
                    until,
                    unit,
                    who,
                    title,
                    level,
                    (person % 3) if kind == "line" and not leads else -1,
                    job.fte_milli,
                )
            )
    return result
