"""How the reporting tool is taken up, and what people ask of its service desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import WORKDAYS, random, table, weekday

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Floats, Ints
    from orchestration.demo.people import People

MINUTE_S, DAY_S = 60, 86_400
ACTIONS = ("login", "view", "export", "subscribe", "comment")
LOGIN, VIEW, EXPORT, SUBSCRIBE, COMMENT = range(5)
OBJECTS = ("leader_scorecard", "site_scorecard", "oee", "safety", "people", "supply")
CLIENTS = ("web", "mobile", "teams")
# The tool goes live at one site after the other; half of a site's users have begun after four
# weeks, and one in eight stops again.
LIVE_BEFORE_CUT, LIVE_SHARE_OF_HISTORY, SITE_LAG = 130, 0.6, 10
STAFF_USERS = 0.08
BEGINS_AFTER, STOPS_SHARE = 28.0, 0.12
SESSIONS_PER_WORKDAY = 0.45

STATES = ("New", "Active", "Awaiting User Info", "Resolved", "Closed")
NEW, ACTIVE, PENDING, RESOLVED, CLOSED = range(5)
CATEGORIES = ("Access", "Data quality", "Definition", "How to", "Performance")
PRIORITIES = ("1 - Critical", "2 - High", "3 - Moderate", "4 - Low")
PRIORITY_MIX = (0.05, 0.15, 0.5, 0.3)
SLA_HOURS = (8, 24, 72, 120)
ASSIGNEES = 6
TICKETS_PER_DAY, TICKETS_PER_DAY_TINY = 2.4, 0.6
# One agent closes early to keep the deadline; the users come back.
GAMER = 2
REOPENED_SHARE, REOPENED_SHARE_OF_GAMER = 0.04, 0.45
SAME_MINUTE_SHARE = 0.2  # of resolutions that the tool closes in the same minute


@dataclass(frozen=True)
class Usage:
    """One row per event, in time order."""

    user: Ints
    at: Ints
    action: Ints
    thing: Ints
    session: Ints
    seconds: Ints
    client: Ints


@dataclass(frozen=True)
class Tickets:
    """One row per update of a ticket, in time order; instants -1 where not reached."""

    number: Ints
    update: Ints
    state: Ints
    opened: Ints
    updated: Ints
    resolved: Ints
    closed: Ints
    reopened: Ints
    reassigned: Ints
    category: Ints
    priority: Ints
    assignee: Ints
    in_time: Ints


class Adoption:
    """Both models of this subject, drawn once."""

    def __init__(self, company: Company, people: People) -> None:
        self.company, self.people = company, people
        size = company.size
        span = min(LIVE_BEFORE_CUT, round(LIVE_SHARE_OF_HISTORY * (size.cut - size.first_day)))
        self.live = size.cut - span + SITE_LAG * np.arange(size.plants)
        self.users, self.begins, self.stops = self._users()
        self.usage = self._use()
        # Agents of the service desk are staff of the first plant.
        staff = [
            job.person
            for job in people.employments
            if job.site == 0 and job.person >= size.leaders and job.last > size.last_day
        ]
        self.assignees = np.array(staff[:ASSIGNEES])
        self.tickets = self._tickets()

    def _users(self) -> tuple[list[tuple[int, int, int, int]], Ints, Ints]:
        """Return person, site, first and last day of the users, when each begins and stops."""
        size, rng = self.company.size, random(self.company.seed, "users")
        users = []
        for job in self.people.employments:
            chosen = rng.random() < STAFF_USERS
            if (job.person < size.leaders or chosen) and job.last > self.live[job.site]:
                users.append((job.person, job.site, job.hired, min(job.last, size.last_day)))
        wait = rng.exponential(BEGINS_AFTER / np.log(2), len(users)).astype(np.int64)
        site = np.array([user[1] for user in users])
        begins = self.live[site] + wait
        lasts = np.where(
            rng.random(len(users)) < STOPS_SHARE, rng.integers(14, 60, len(users)), 10_000
        )
        return users, begins, begins + lasts

    def _use(self) -> Usage:
        size, rng = self.company.size, random(self.company.seed, "usage")
        rows: list[tuple[int, ...]] = []
        session = 0
        for number, (person, site, first, last) in enumerate(self.users):
            days = np.arange(
                max(first, self.begins[number]), min(last, self.stops[number], size.last_day) + 1
            )
            days = days[weekday(days) < WORKDAYS]
            days = days[rng.random(len(days)) < SESSIONS_PER_WORKDAY]
            for day in days.tolist():
                session += 1
                local = day * DAY_S + int(rng.integers(7 * 60, 17 * 60)) * 60
                at = int(self.company.zones[site].utc(np.array([local]))[0])
                client = int(rng.choice(3, p=[0.7, 0.2, 0.1]))
                rows.append((person, at, LOGIN, -1, session, -1, client))
                for _ in range(int(rng.integers(1, 4))):
                    at += int(rng.integers(5, 200))
                    action = int(rng.choice(5, p=[0, 0.84, 0.08, 0.03, 0.05]))
                    thing = int(rng.choice(len(OBJECTS), p=[0.35, 0.2, 0.2, 0.1, 0.1, 0.05]))
                    seconds = int(rng.gamma(1.5, 60)) if action == VIEW else -1
                    rows.append((person, at, action, thing, session, seconds, client))
        rows.sort(key=lambda row: (row[1], row[4]))
        return table(Usage, rows)

    def _tickets(self) -> Tickets:
        size, rng = self.company.size, random(self.company.seed, "tickets")
        first = int(self.live[0])
        rate = TICKETS_PER_DAY * min(1.0, size.employees / 1_500) + TICKETS_PER_DAY_TINY
        opened = rng.integers(
            first * 1_440, (size.last_day + 1) * 1_440, rng.poisson(rate * (size.last_day - first))
        )
        rows: list[tuple[int, ...]] = []
        for number, minute in enumerate(np.sort(opened).tolist(), start=1):
            rows += self._one_ticket(rng, number, minute * MINUTE_S)
        end = (size.last_day + 1) * DAY_S
        rows = sorted((row for row in rows if row[4] < end), key=lambda row: (row[4], row[:2]))
        return table(Tickets, rows)

    def _one_ticket(
        self, rng: np.random.Generator, number: int, opened: int
    ) -> list[tuple[int, ...]]:
        """Return the updates of one ticket, from new to closed, again where it is reopened."""
        category, assignee = int(rng.integers(5)), int(rng.integers(len(self.assignees)))
        priority = int(rng.choice(4, p=PRIORITY_MIX))
        sla = SLA_HOURS[priority] * 3_600
        games = assignee == GAMER % len(self.assignees)
        rows: list[tuple[int, ...]] = []
        resolved = closed = in_time = -1
        reopened = 0
        moved = int(rng.random() < 0.15)  # noqa: PLR2004

        def note(state: int, at: int) -> None:
            rows.append(
                (
                    *(number, len(rows), state, opened, at, resolved, closed, reopened, moved),
                    *(category, priority, assignee if state != NEW else -1, in_time),
                )
            )

        at = opened
        note(NEW, at)
        at += int(rng.exponential(0.15 * sla)) // 60 * 60
        note(ACTIVE, at)
        while True:
            if rng.random() < 0.25:  # noqa: PLR2004
                at += int(rng.exponential(0.1 * sla)) // 60 * 60
                note(PENDING, at)
            work = rng.uniform(0.2, 0.5) if games else rng.gamma(4, 0.18)
            at += int(work * sla) // 60 * 60
            resolved, in_time = at, int(at - opened <= sla * (1 + reopened))
            note(RESOLVED, at)
            if rng.random() >= SAME_MINUTE_SHARE:
                at += int(rng.integers(60, 5 * 1_440)) * 60
            closed = at
            note(CLOSED, at)
            if rng.random() >= (REOPENED_SHARE_OF_GAMER if games else REOPENED_SHARE):
                return rows
            at += int(rng.integers(30, 3 * 1_440)) * 60
            reopened, resolved, closed, in_time = reopened + 1, -1, -1, -1
            note(ACTIVE, at)

    def reopened_shares(self) -> Floats:
        """Return the planted probability of a reopening, by agent."""
        shares = np.full(len(self.assignees), REOPENED_SHARE)
        shares[GAMER % len(self.assignees)] = REOPENED_SHARE_OF_GAMER
        return shares
