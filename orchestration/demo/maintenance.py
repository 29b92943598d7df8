"""What people write down of stops, and the work orders of maintenance.

Stops are those that the machines report. Whoever was at the machine enters what was the matter,
in whole minutes and sometimes wrongly; a later entry then takes the place of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.plant import BREAKDOWN_SHARES, DOWN, PLANNED_STOP, REASONS
from orchestration.demo.size import random

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.demo.company import Company, Ints
    from orchestration.demo.plant import States

# Nobody writes down a breakdown shorter than this.
LEAST_S = 300
_BREAKDOWNS = tuple(n for n, reason in enumerate(REASONS) if reason[2] == "breakdown")
_MAINTENANCE = next(n for n, reason in enumerate(REASONS) if reason[3] == "MAINTENANCE")
_JAM = next(n for n, reason in enumerate(REASONS) if reason[3] == "JAM")
# What is wrong with an entry, and with how many of a thousand: another kind of breakdown, no end,
# an end an hour late (all three corrected one to ten days later), or called a jam for ever.
OTHER_KIND, NO_END, LATE_END, CALLED_A_JAM, RIGHT = range(5)
WRONG_OF_THOUSAND = (20, 5, 5, 3)
COMMENTS = ("", "Spindle noise before the stop", "Reset by shift lead", "Sensor replaced", "Oil")

# Share of the entered breakdowns for which maintenance is called, and until when it comes, in
# minutes by site.
CALLED_SHARE, LEAST_CALLED_S = 0.35, 1_200
RESPONSE_MINUTES = (12.0, 25.0, 18.0, 30.0, 9.0, 15.0)
# Share of corrective orders that are closed in the system some days after the work.
CLOSED_LATER_SHARE = 0.25
INSPECTIONS_PER_DAY = 0.055  # per machine, beside the planned stops
INSPECTION_MINUTES = (60, 200)
LATE_SHARE = 0.18  # of preventive orders, finished after their due date
CORRECTIVE, PREVENTIVE = range(2)
ORDER_KINDS = ("corrective", "preventive")
NO_TIME = -1


@dataclass(frozen=True)
class Downtime:
    """One row per entry; `replaces` is the number of an earlier one or -1, `until` -1 missing."""

    number: Ints
    machine: Ints
    start: Ints
    until: Ints
    reason: Ints
    comment: Ints
    person: Ints
    replaces: Ints
    written: Ints  # production day with which it is delivered

    def only(self, rows: NDArray[np.bool_]) -> Downtime:
        """Return some of the rows."""
        return Downtime(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class WorkOrders:
    """One row per order; `failure` is the number of an entry or -1."""

    number: Ints
    machine: Ints
    kind: Ints
    opened: Ints
    started: Ints
    finished: Ints
    due: Ints  # day
    labour_minutes: Ints
    failure: Ints
    first_day: Ints  # from which it is delivered
    closed_day: Ints  # from which it is delivered as done

    def only(self, rows: NDArray[np.bool_]) -> WorkOrders:
        """Return some of the rows."""
        return WorkOrders(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class Maintenance:
    """Enters the stops of consecutive spans of days and opens orders for them."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self._entries = self._orders = 0
        sites = range(company.size.plants)
        # What the machines did, whatever people wrote: by site the breakdowns of the history that
        # were worth writing down, and those called a jam.
        self._breakdowns = dict.fromkeys(sites, 0)
        self._seconds = dict.fromkeys(sites, 0)
        self._miscalled = dict.fromkeys(sites, 0)

    def work(self, first: int, last: int, states: States) -> tuple[Downtime, WorkOrders]:
        """Return the entries and orders of the stops that began on the days `first` to `last`."""
        rng = random(self.company.seed, "maintenance", first)
        maintained = (states.state == PLANNED_STOP) & (states.reason == _MAINTENANCE)
        broken = (states.state == DOWN) & (states.until - states.start >= LEAST_S)
        rows = np.flatnonzero(broken | maintained)
        stops = _Stops(
            states.machine[rows],
            states.day[rows],
            states.start[rows] // 60 * 60,
            np.maximum((states.until[rows] - states.start[rows] + 30) // 60, 1) * 60,
            states.reason[rows],
            states.operator[rows],
            broken[rows],
        )
        entries, jams = self._write_down(rng, stops)
        orders = self._open_orders(rng, stops, (first, last))
        self._remember(stops, jams)
        self._entries += len(entries.number)
        self._orders += len(orders.number)
        return entries, orders

    def _write_down(
        self, rng: np.random.Generator, stops: _Stops
    ) -> tuple[Downtime, NDArray[np.bool_]]:
        """Return the entries with their corrections, and which stops are called a jam for ever."""
        count = len(stops.machine)
        slip = np.where(stops.broken, rng.integers(0, 1000, count), 1000)
        wrong = np.searchsorted(np.cumsum(WRONG_OF_THOUSAND), slip, "right")
        other = (stops.reason + rng.integers(1, len(_BREAKDOWNS), count)) % len(_BREAKDOWNS)
        reason = np.select(
            [wrong == OTHER_KIND, wrong == CALLED_A_JAM], [other, _JAM], stops.reason
        )
        end = stops.start + stops.length
        until = np.select([wrong == NO_END, wrong == LATE_END], [NO_TIME, end + 3_600], end)
        corrected = np.flatnonzero(wrong < CALLED_A_JAM)
        later = stops.day + rng.integers(1, 11, count)
        # Corrections have the numbers after the entries of the span.
        number = self._entries + np.arange(count + len(corrected))
        columns = {
            "number": number,
            "machine": np.r_[stops.machine, stops.machine[corrected]],
            "start": np.r_[stops.start, stops.start[corrected]],
            "until": np.r_[until, end[corrected]],
            "reason": np.r_[reason, stops.reason[corrected]],
            "comment": rng.integers(0, len(COMMENTS), len(number)),
            "person": np.r_[stops.person, stops.person[corrected]],
            "replaces": np.r_[np.full(count, -1), number[corrected]],
            "written": np.r_[stops.day, later[corrected]],
        }
        return Downtime(**columns), wrong == CALLED_A_JAM

    def _open_orders(
        self, rng: np.random.Generator, stops: _Stops, span: tuple[int, int]
    ) -> WorkOrders:
        company = self.company
        site = company.line_site[company.machine_line[stops.machine]]
        end = stops.start + stops.length
        called = stops.broken & (stops.length >= LEAST_CALLED_S)
        called &= rng.random(len(site)) < CALLED_SHARE
        planned = ~stops.broken
        opened = stops.start + 60 * rng.integers(1, 6, len(site))
        wait = rng.exponential(60 * np.array(RESPONSE_MINUTES[: company.size.plants])[site])
        wait = np.minimum(wait.astype(np.int64) // 60 * 60, (end - opened) // 120 * 60)
        ahead = rng.integers(5, 22, len(site))
        # Whatever is opened within the daily deliveries is not known before them.
        earliest = np.where(stops.day > company.size.cut, company.size.cut + 1, 0) * 86_400
        before = np.maximum(stops.start - ahead * 86_400, earliest + 43_200)
        closed = stops.day + np.where(
            rng.random(len(site)) < CLOSED_LATER_SHARE, rng.integers(1, 4, len(site)), 0
        )
        rows = np.flatnonzero(called | planned)
        done = {
            "machine": stops.machine[rows],
            "kind": np.where(planned, PREVENTIVE, CORRECTIVE)[rows],
            "opened": np.where(planned, np.minimum(before, stops.start), opened)[rows],
            "started": np.where(planned, stops.start, opened + wait)[rows],
            "finished": end[rows],
            "failure": np.where(planned, -1, self._entries + np.arange(len(site)))[rows],
            "first_day": stops.day[rows],
            "closed_day": closed[rows],
        }
        inspected = self._inspections(rng, *span)
        columns = {name: np.r_[done[name], inspected[name]] for name in done}
        count = len(columns["machine"])
        crew = rng.integers(1, 3, count)
        late = rng.random(count) < LATE_SHARE
        slack = np.where(late, -rng.integers(1, 8, count), rng.integers(0, 8, count))
        return WorkOrders(
            number=self._orders + np.arange(count),
            due=columns["first_day"] + slack,
            labour_minutes=crew * (columns["finished"] - columns["started"]) // 60,
            **columns,
        )

    def _inspections(self, rng: np.random.Generator, first: int, last: int) -> dict[str, Ints]:
        """Draw preventive work at running machines, in the morning of a weekday."""
        company = self.company
        machines, days = len(company.machine_ids), last - first + 1
        grid = rng.random((days, machines)) < INSPECTIONS_PER_DAY
        day, machine = np.nonzero(grid)
        day += first
        # Nights are avoided: the clock of the system repeats an hour once a year.
        local = day * 86_400 + rng.integers(8 * 60, 14 * 60, len(day)) * 60
        site = company.line_site[company.machine_line[machine]]
        started = np.empty(len(day), np.int64)
        for number, zone in enumerate(company.zones):
            here = site == number
            started[here] = zone.utc(local[here])
        ahead = np.minimum(rng.integers(5, 22, len(day)), np.maximum(day - company.size.cut - 1, 0))
        known = np.where(day > company.size.cut, ahead, rng.integers(5, 22, len(day)))
        return {
            "machine": machine,
            "kind": np.full(len(day), PREVENTIVE),
            "opened": started - known * 86_400 - 3_600,
            "started": started,
            "finished": started + 60 * rng.integers(*INSPECTION_MINUTES, len(day)),
            "failure": np.full(len(day), -1),
            "first_day": day,
            "closed_day": day,
        }

    def _remember(self, stops: _Stops, jams: NDArray[np.bool_]) -> None:
        company = self.company
        broken = stops.broken & (stops.day <= company.size.cut)
        site = company.line_site[company.machine_line[stops.machine]]
        for number in self._breakdowns:
            here = broken & (site == number)
            self._breakdowns[number] += int(here.sum())
            self._seconds[number] += int(stops.length[here].sum())
            self._miscalled[number] += int((here & jams).sum())

    def truth(self) -> dict[str, object]:
        """Return what was planted here, and what came of it in the history."""
        company = self.company
        names = [s.code for s in company.sites]
        return {
            "breakdown_share_of_stops": {
                name: BREAKDOWN_SHARES[number % len(BREAKDOWN_SHARES)]
                for number, name in enumerate(company.machine_ids)
            },
            "maintenance_response_minutes": dict(zip(names, RESPONSE_MINUTES, strict=False)),
            "breakdowns_of_history": {
                names[number]: {
                    "count": self._breakdowns[number],
                    "hours": round(self._seconds[number] / 3_600, 4),
                    "called_a_jam": self._miscalled[number],
                }
                for number in self._breakdowns
            },
        }


@dataclass(frozen=True)
class _Stops:
    """What the machines reported, in the whole minutes that people write."""

    machine: Ints
    day: Ints
    start: Ints
    length: Ints
    reason: Ints
    person: Ints
    broken: NDArray[np.bool_]
