"""The plants at work: machine states, counts and orders, one span of days at a time.

Time comes first and quantities follow from it: a shift's productive seconds times its speed are
standard seconds, and orders are cut from the running sum of standard seconds of a machine. So
counts, orders and states can never disagree except where a fault is planted on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.calendar import shift_calendar
from orchestration.demo.company import Company, Floats, Ints
from orchestration.demo.size import random

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRODUCING, SETUP, IDLE, DOWN, PLANNED_STOP, NO_DATA = range(6)
STATES = ("RUN", "CHANGEOVER", "WAIT", "FAULT", "PLANNED_STOP", "UNAVAILABLE")

# Reason, number after the site's letter, loss class, enterprise code.
REASONS = (
    ("Mechanical breakdown", 10, "breakdown", "BREAKDOWN_MECHANICAL"),
    ("Electrical fault", 11, "breakdown", "BREAKDOWN_ELECTRICAL"),
    ("Tool broken", 12, "breakdown", "BREAKDOWN_TOOL"),
    ("Waiting for material", 20, "minor_stop", "WAIT_MATERIAL"),
    ("Waiting for operator", 21, "minor_stop", "WAIT_OPERATOR"),
    ("Jam cleared", 22, "minor_stop", "JAM"),
    ("No orders", 23, "minor_stop", "NO_ORDERS"),
    ("Changeover", 30, "setup", "CHANGEOVER"),
    ("Break", 40, "planned", "BREAK"),
    ("Planned maintenance", 41, "planned", "MAINTENANCE"),
    ("No shift", 42, "planned", "NO_SHIFT"),
    ("Reduced speed", 50, "speed", "REDUCED_SPEED"),
    ("Start-up loss", 60, "startup", "STARTUP"),
    ("Dimension out of tolerance", 70, "reject", "DIMENSION"),
    ("Surface defect", 71, "reject", "SURFACE"),
    ("Wrong assembly", 72, "reject", "ASSEMBLY"),
)
_MATERIAL, _NO_ORDERS, _CHANGEOVER, _BREAK, _MAINTENANCE, _NO_SHIFT = 3, 6, 7, 8, 9, 10
_PAUSE_STATES = np.array([PLANNED_STOP, PLANNED_STOP, NO_DATA])
_PAUSE_REASONS = np.array([_BREAK, _MAINTENANCE, -1])
FIRST_REJECT_REASON, REJECT_REASONS = 13, 3

# Spread of the lost share of one machine and shift (Beta concentration) and of a line's day.
LOSS_CONCENTRATION = 18.0
LINE_DAY_AVAILABILITY_SD = 0.03
LINE_DAY_SCRAP_SD = 0.35
SPEED_SD = 0.04
AVAILABILITY_RANGE, SPEED_RANGE = (0.05, 0.96), (0.4, 1.05)
# Shares of shifts with planned maintenance, and with a collector that is silent for a while.
SERVICE_SHARE, SILENT_SHARE = 0.01, 0.008
# Shares of the stops beside setups: breakdowns by the machine's class (its number modulo three),
# and in a shock what it is blamed for.
BREAKDOWN_SHARES, SHOCK_BLAME_SHARE = (0.30, 0.45, 0.60), 0.5
# Faults that real collectors have: a state sent again, an end after the next start.
REPEATED_STATE_SHARE, REPEATED_STATE_LEAST_S = 0.01, 600
OVERLAP_SHARE, OVERLAP_S = 0.005, 45
RETIMED_SHARE = 0.05

# Planning rounds up to whole shifts and so may count on a little less than the site's level needs;
# some orders wait for something. Together four in five orders end by their due date.
PLAN_BUFFER = 0.84
LATE_START_SHARE = 0.08

PRODUCTS_PER_LINE = 6
PACKED_SHARE = 0.65  # of products: they have a second, manual operation
_BIG = 1 << 40  # standard seconds between the order books of two machines


# Employee number for each machine and shift, from line, machine, day and shift.
Roster = Callable[[Ints, Ints, Ints, Ints], Ints]


@dataclass
class Book:
    """Orders of all machines, in the order in which each machine works them off."""

    machine: Ints
    product: Ints
    work_s: Ints
    start_s: Ints  # of the machine's running sum of standard seconds
    quantity: Ints
    began_at: Ints
    began_day: Ints
    began_row: Ints  # row of the working calendar
    good: Ints
    scrap: Ints
    rework: Ints

    def ended(self) -> tuple[Ints, Ints]:
        """Return instant and day of the end: the next order of the machine has begun; else -1."""
        follows = np.r_[self.machine[1:] == self.machine[:-1], False]
        at = np.where(follows, np.r_[self.began_at[1:], -1], -1)
        day = np.where(follows, np.r_[self.began_day[1:], -1], -1)
        return at, day


@dataclass(frozen=True)
class Products:
    """Products of lines; product p belongs to line p // PRODUCTS_PER_LINE."""

    run_time_ms: Ints
    setup_min: Ints
    scrap_factor: Floats
    packed: NDArray[np.bool_]
    cost_cents: Ints
    retimed: NDArray[np.bool_]  # has a second routing version


@dataclass(frozen=True)
class States:
    """State rows ordered by machine and start; `until` -1 where the state lasts."""

    machine: Ints
    day: Ints
    start: Ints
    until: Ints
    state: Ints
    reason: Ints
    order: Ints
    operator: Ints
    sequence: Ints


@dataclass(frozen=True)
class Counts:
    """Count rows ordered by machine and time."""

    machine: Ints
    day: Ints
    shift: Ints
    segment: Ints
    order: Ints
    at: Ints
    good: Ints
    scrap: Ints
    rework: Ints
    operator: Ints
    reason: Ints


@dataclass(frozen=True)
class _Runs:
    """One row per machine and shift, ordered by machine and start; times in seconds."""

    first: int  # day
    machine: Ints
    line: Ints
    site: Ints
    row: Ints  # of the working calendar
    day: Ints
    starts: Ints
    producing: Ints
    speed: Floats
    lost: Ints
    pauses: tuple[Ints, Ints, Ints]  # breaks, planned maintenance, no data
    done_from: Ints  # running sum of standard seconds of the machine
    done_to: Ints
    first_order: Ints  # first one that begins in or after this shift
    setups: Ints  # orders that begin in it


@dataclass(frozen=True)
class _Stops:
    """Stops ordered by run and by `at`, producing seconds since the shift began."""

    run: Ints
    at: Ints
    length: Ints
    state: Ints
    reason: Ints


@dataclass(frozen=True)
class _Timeline:
    """Everything a machine does in its shifts, without a gap; some rows last no second."""

    run: Ints
    begins: Ints
    length: Ints
    state: Ints
    reason: Ints
    order: Ints


class Plants:
    """The simulation; call `work` with consecutive spans of days."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.plan = shift_calendar(company)
        self.calendar = self.plan.only(self.plan.working)
        self.products = _products(company)
        self._line_row = np.searchsorted(self.calendar.line, np.arange(len(company.line_ids) + 1))
        machines = len(company.machine_ids)
        self._done = np.zeros(machines, np.int64)
        self.book = self._order_book()
        self._keys = self.book.machine * _BIG + self.book.start_s
        # A shift is one row, and every stop makes two more: itself and what follows.
        self._stops_per_shift = max(0.2, (company.size.events_per_machine_day / 3 - 1) / 2)

    def _expected_shift_s(self, line: Ints) -> Floats:
        """Return standard seconds that planning expects of a shift."""
        sites = self.company.sites
        site = self.company.line_site[line]
        length = np.array([s.shifts[0][2] - s.shifts[0][1] - s.break_minutes for s in sites]) * 60
        level = np.array([s.availability * s.performance for s in sites])
        return (length * level)[site]

    def _order_book(self) -> Book:
        company, size = self.company, self.company.size
        rng = random(company.seed, "orders")
        line = company.machine_line
        expected = self._expected_shift_s(np.arange(len(company.line_ids)))[line]
        shifts = np.diff(self._line_row)[line]
        mean_shifts = 3 / size.orders_per_machine_day
        number = (shifts * 1.6 / mean_shifts).astype(np.int64) + 12
        machine = np.repeat(np.arange(len(line)), number)
        within = rng.integers(0, PRODUCTS_PER_LINE, len(machine))
        product = line[machine] * PRODUCTS_PER_LINE + within
        work = expected[machine] * np.clip(
            mean_shifts * rng.lognormal(-0.125, 0.5, len(machine)), 1.2, 4 * mean_shifts
        )
        # A demand shock makes small orders, by the day on which an order would roughly begin.
        ends = np.cumsum(number)
        before = np.cumsum(work) - work
        before -= np.repeat(before[ends - number], number)
        per_day = expected * shifts / len(np.unique(self.plan.day))
        day = size.first_day + before / per_day[machine]
        for shock in company.shocks:
            here = np.isin(company.line_site[line[machine]], shock.sites)
            hit = here & (day >= shock.first) & (day <= shock.last)
            work = np.where(hit, work * shock.order_size_factor, work)
        work_s = work.astype(np.int64)
        start = np.cumsum(work_s) - work_s
        start -= np.repeat(start[ends - number], number)
        none = np.full(len(machine), -1)
        zeros = np.zeros(len(machine), np.int64)
        return Book(
            machine,
            product,
            work_s,
            start,
            work_s * 1000 // self.products.run_time_ms[product],
            none,
            none.copy(),
            none.copy(),
            zeros,
            zeros.copy(),
            zeros.copy(),
        )

    def totals(self) -> tuple[Ints, Ints]:
        """Return what each order has yielded so far: good with reworked units, and scrap."""
        return self.book.good + self.book.rework, self.book.scrap.copy()

    def plan_orders(self) -> tuple[Ints, Ints, Ints]:
        """Return for every order the day it was created, planned start and end as calendar rows.

        Planning knows the level of the site, not the leader, the line or the day's luck: what
        makes a line better than its site makes its orders early. An order that has not begun within
        the simulated time has no plan yet; its values mean nothing.
        """
        company, calendar, book = self.company, self.calendar, self.book
        rng = random(company.seed, "planning")
        line = company.machine_line[book.machine]
        row = np.maximum(book.began_row, 0)
        waits = np.full(len(row), LATE_START_SHARE)
        for shock in company.shocks:
            if shock.kind == "supply":
                hit = np.isin(company.line_site[line], shock.sites)
                hit &= (book.began_day >= shock.first) & (book.began_day <= shock.last)
                waits = np.where(hit, 5 * LATE_START_SHARE, waits)
        wait = np.where(rng.random(len(row)) < waits, rng.integers(1, 5, len(row)), 0)
        start = np.maximum(row - wait, self._line_row[line])
        shifts = np.ceil(book.work_s / self._expected_shift_s(line) * PLAN_BUFFER).astype(np.int64)
        end = np.minimum(start + shifts, self._line_row[line + 1] - 1)
        created = calendar.day[start] - rng.integers(5, 13, len(row))
        return created, start, end

    def work(self, first: int, last: int, roster: Roster) -> tuple[States, Counts]:
        """Simulate all shifts that start on the days `first` to `last`."""
        company, calendar, book = self.company, self.calendar, self.book
        rng = random(company.seed, "plants", first)
        noise = rng.standard_normal((2, len(company.line_ids), last - first + 1))
        runs = self._runs(rng, noise[0], first, last)
        stops = self._stops(rng, runs)
        timeline = _timeline(runs, stops)

        setup = timeline.state == SETUP
        opened, of = timeline.order[setup], timeline.run[setup]
        book.began_at[opened] = timeline.begins[setup]
        book.began_day[opened] = runs.day[of]
        book.began_row[opened] = runs.row[of]

        operator = roster(runs.line, runs.machine, runs.day, calendar.shift[runs.row])
        states = self._state_rows(rng, runs, timeline, operator)
        counts = self._count_rows(rng, noise[1], runs, timeline.begins[setup], operator)
        return states, counts

    def _runs(self, rng: np.random.Generator, noise: Floats, first: int, last: int) -> _Runs:
        """Draw how long each machine produces in each shift, how fast, and which orders that is."""
        company, calendar, sites = self.company, self.calendar, self.company.sites
        inside = (calendar.day >= first) & (calendar.day <= last)
        spans = [
            low + np.flatnonzero(inside[low:high])
            for low, high in zip(self._line_row[:-1], self._line_row[1:], strict=True)
        ]
        of_machine = [spans[line] for line in company.machine_line.tolist()]
        row = np.concatenate(of_machine)
        machine = np.repeat(np.arange(len(of_machine)), [len(rows) for rows in of_machine])
        line = company.machine_line[machine]
        site = company.line_site[line]
        day = calendar.day[row]
        count, column = len(row), day - first

        rest = calendar.break_s[row]
        serviced = rng.random(count) < SERVICE_SHARE
        service = np.where(serviced, rng.integers(3_600, 7_200, count), 0)
        silent = np.where(rng.random(count) < SILENT_SHARE, rng.integers(600, 2_400, count), 0)
        busy = calendar.end[row] - calendar.start[row] - rest - service - silent
        share = np.array([s.availability for s in sites])[site]
        share = share * company.line_effects("availability", first, last)[line, column]
        share *= np.exp(LINE_DAY_AVAILABILITY_SD * noise)[line, column]
        share = np.clip(share, *AVAILABILITY_RANGE)
        lost_share = rng.beta((1 - share) * LOSS_CONCENTRATION, share * LOSS_CONCENTRATION)
        lost = np.rint(lost_share * busy).astype(np.int64)
        speed = np.array([s.performance for s in sites])[site] * company.machine_factor[machine]
        speed = speed * company.line_effects("performance", first, last)[line, column]
        speed = np.clip(speed * (1 + SPEED_SD * rng.standard_normal(count)), *SPEED_RANGE)
        standard = np.rint((busy - lost) * speed).astype(np.int64)

        starts = np.searchsorted(machine, np.arange(len(of_machine) + 1))
        running = np.r_[0, np.cumsum(standard)]
        done_to = running[1:] - running[starts[machine]] + self._done[machine]
        done_from = done_to - standard
        self._done += running[starts[1:]] - running[starts[:-1]]
        first_order = np.searchsorted(self._keys, machine * _BIG + done_from, "left")
        setups = np.searchsorted(self._keys, machine * _BIG + done_to, "left") - first_order
        return _Runs(
            first=first,
            machine=machine,
            line=line,
            site=site,
            row=row,
            day=day,
            starts=calendar.start[row],
            producing=busy - lost,
            speed=speed,
            lost=lost,
            pauses=(rest, service, silent),
            done_from=done_from,
            done_to=done_to,
            first_order=first_order,
            setups=setups,
        )

    def _stops(self, rng: np.random.Generator, runs: _Runs) -> _Stops:
        """Draw setups where orders begin, breakdowns and waits anywhere, and the pauses."""
        count = len(runs.row)
        others = rng.poisson(self._stops_per_shift, count)
        others = np.where((others + runs.setups == 0) & (runs.lost > 0), 1, others)
        setup_of = np.repeat(np.arange(count), runs.setups)
        opened = np.repeat(runs.first_order, runs.setups) + _within(runs.setups)
        due = (self.book.start_s[opened] - runs.done_from[setup_of]) / runs.speed[setup_of]
        setup_at = np.rint(due).astype(np.int64)
        of = np.repeat(np.arange(count), others)
        room = np.maximum(runs.producing[of] - 2, 0)
        other_at = 1 + (rng.random(len(of)) * room).astype(np.int64)
        classes = runs.machine[of] % len(BREAKDOWN_SHARES)
        broken = rng.random(len(of)) < np.array(BREAKDOWN_SHARES)[classes]
        state = np.where(broken, DOWN, IDLE)
        reason = np.where(broken, rng.integers(0, 3, len(of)), rng.integers(3, 6, len(of)))
        for shock in self.company.shocks:
            hit = np.isin(runs.site, shock.sites)
            hit &= (runs.day >= shock.first) & (runs.day <= shock.last)
            blamed = hit[of] & (rng.random(len(of)) < SHOCK_BLAME_SHARE)
            state = np.where(blamed, IDLE, state)
            reason = np.where(blamed, _MATERIAL if shock.kind == "supply" else _NO_ORDERS, reason)
        loss_of = np.concatenate([setup_of, of])
        weight = np.concatenate(
            [1.2 * rng.gamma(2, size=len(setup_of)), rng.gamma(1, size=len(of)) + 0.02]
        )

        pause_of = np.concatenate([np.flatnonzero(seconds > 0) for seconds in runs.pauses])
        pause_s = np.concatenate([seconds[seconds > 0] for seconds in runs.pauses])
        kind = np.repeat(np.arange(3), [int((seconds > 0).sum()) for seconds in runs.pauses])
        where = np.where(kind == 0, 0.5, rng.random(len(pause_of)))
        pause_at = 1 + np.rint(runs.producing[pause_of] * where * 0.98).astype(np.int64)

        run = np.concatenate([loss_of, pause_of])
        at = np.minimum(np.concatenate([setup_at, other_at, pause_at]), runs.producing[run])
        order = np.lexsort((at, run))
        return _Stops(
            run=run[order],
            at=at[order],
            length=np.concatenate([_split(runs.lost, loss_of, weight), pause_s])[order],
            state=np.concatenate([np.full(len(setup_of), SETUP), state, _PAUSE_STATES[kind]])[
                order
            ],
            reason=np.concatenate(
                [np.full(len(setup_of), _CHANGEOVER), reason, _PAUSE_REASONS[kind]]
            )[order],
        )

    def _state_rows(
        self, rng: np.random.Generator, runs: _Runs, timeline: _Timeline, operator: Ints
    ) -> States:
        """Return what the machines send: repeats, overlaps and the time between shifts included."""
        calendar, row = self.calendar, runs.row
        kept = timeline.length > 0
        of, begins, length = timeline.run[kept], timeline.begins[kept], timeline.length[kept]
        state, reason, order = timeline.state[kept], timeline.reason[kept], timeline.order[kept]
        order = np.where(np.isin(state, (PLANNED_STOP, NO_DATA)), -1, order)
        who = np.where(state == NO_DATA, -1, operator[of])
        # After a shift the machine stands until the next one of its line.
        follows = np.minimum(row + 1, len(calendar.line) - 1)
        known = calendar.line[follows] == calendar.line[row]
        stands = np.flatnonzero(known & (calendar.start[follows] > calendar.end[row]))
        # Machines send a state again, and some end later than the next one starts.
        again = (state == PRODUCING) & (length > REPEATED_STATE_LEAST_S)
        again &= rng.random(len(state)) < REPEATED_STATE_SHARE
        half = length // 2
        over = rng.random(len(state)) < OVERLAP_SHARE
        until = begins + np.where(again, half, length) + np.where(over, OVERLAP_S, 0)
        until = np.minimum(until, np.where(over, calendar.end[row][of], until))
        between = np.full(len(stands), PLANNED_STOP)
        nobody = np.full(len(stands), -1)
        reported = (of, begins, until, state, reason, order, who)
        repeated = tuple(
            column[again] for column in (of, begins + half, begins + length, *reported[3:])
        )
        idle = (
            stands,
            calendar.end[row[stands]],
            calendar.start[follows[stands]],
            between,
            np.full(len(stands), _NO_SHIFT),
            nobody,
            nobody,
        )
        of, begins, until, state, reason, order, who = (
            np.concatenate(parts) for parts in zip(reported, repeated, idle, strict=True)
        )
        machine, day = runs.machine[of], runs.day[of]
        sort = np.lexsort((begins, machine))
        machine, day = machine[sort], day[sort]
        fresh = np.r_[True, (machine[1:] != machine[:-1]) | (day[1:] != day[:-1])]
        position = np.arange(len(machine))
        return States(
            machine=machine,
            day=day,
            start=begins[sort],
            until=until[sort],
            state=state[sort],
            reason=reason[sort],
            order=order[sort],
            operator=who[sort],
            sequence=position - np.maximum.accumulate(np.where(fresh, position, 0)) + 1,
        )

    def _count_rows(
        self,
        rng: np.random.Generator,
        noise: Floats,
        runs: _Runs,
        setup_begins: Ints,
        operator: Ints,
    ) -> Counts:
        """Return one count per machine, shift and order, and book it on the order."""
        company, calendar, book = self.company, self.calendar, self.book
        sites = company.sites
        of = np.repeat(np.arange(len(runs.row)), runs.setups + 1)
        segment = _within(runs.setups + 1)
        order = runs.first_order[of] - 1 + segment
        ends = calendar.end[runs.row][of] - rng.integers(1, 60, len(of))
        # A segment that is not the shift's last ends where the next setup begins; setups of a
        # shift are in time order, as its segments are.
        inner = np.flatnonzero(segment < runs.setups[of])
        rank = (np.cumsum(runs.setups) - runs.setups)[of] + segment
        ends[inner] = setup_begins[rank[inner]] - 1

        # Before its first order a machine has none.
        some = (order >= 0) & (book.machine[np.maximum(order, 0)] == runs.machine[of])
        origin = book.start_s[order]
        low = np.maximum(runs.done_from[of], origin) - origin
        high = np.minimum(runs.done_to[of] - origin, book.work_s[order])
        pace = self.products.run_time_ms[book.product[order]]
        made = high * 1000 // pace - low * 1000 // pace
        some &= made > 0
        of, segment, order, ends, made = (c[some] for c in (of, segment, order, ends, made))

        line, site, column = runs.line[of], runs.site[of], runs.day[of] - runs.first
        last = runs.first + noise.shape[1] - 1
        bad = np.array([s.scrap for s in sites])[site]
        bad = bad * company.line_effects("scrap", runs.first, last)[line, column]
        luck = np.exp(LINE_DAY_SCRAP_SD * noise - LINE_DAY_SCRAP_SD**2 / 2)
        bad = bad * luck[line, column] * self.products.scrap_factor[book.product[order]]
        scrap = rng.binomial(made, np.minimum(bad, 0.5))
        rework = rng.binomial(made - scrap, np.array([s.rework for s in sites])[site])
        good = made - scrap - rework
        for total, part in ((book.good, good), (book.scrap, scrap), (book.rework, rework)):
            np.add.at(total, order, part)
        blamed = FIRST_REJECT_REASON + rng.integers(0, REJECT_REASONS, len(of))
        return Counts(
            machine=runs.machine[of],
            day=runs.day[of],
            shift=calendar.shift[runs.row][of],
            segment=segment,
            order=order,
            at=np.maximum(ends, runs.starts[of]),
            good=good,
            scrap=scrap,
            rework=rework,
            operator=operator[of],
            reason=np.where(scrap > 0, blamed, -1),
        )


def _timeline(runs: _Runs, stops: _Stops) -> _Timeline:
    """Interleave each shift: producing, stop, producing, .., stop, producing."""
    number = np.bincount(stops.run, minlength=len(runs.row))
    rows = 2 * number + 1
    offset = np.r_[0, np.cumsum(rows)]
    run = np.repeat(np.arange(len(rows)), rows)
    length = np.zeros(len(run), np.int64)
    state = np.full(len(run), PRODUCING)
    reason = np.full(len(run), -1)
    place = offset[stops.run] + 2 * _within(number) + 1
    length[place] = stops.length
    state[place] = stops.state
    reason[place] = stops.reason
    before = np.r_[0, stops.at[:-1]]
    length[place - 1] = stops.at - np.where(_first_of(stops.run), 0, before)
    final = _first_of(stops.run[::-1])[::-1]
    tail = runs.producing.copy()
    tail[stops.run[final]] -= stops.at[final]
    length[offset[1:] - 1] = tail
    elapsed = np.r_[0, np.cumsum(length)]
    opened = np.r_[0, np.cumsum(state == SETUP)]
    at_start = offset[:-1][run]
    return _Timeline(
        run=run,
        begins=runs.starts[run] + elapsed[:-1] - elapsed[at_start],
        length=length,
        state=state,
        reason=reason,
        # The last order of the shift before, until a setup opens the next one.
        order=runs.first_order[run] - 1 + opened[1:] - opened[at_start],
    )


def _products(company: Company) -> Products:
    rng = random(company.seed, "products")
    count = len(company.line_ids) * PRODUCTS_PER_LINE
    line_pace = np.repeat(rng.integers(22, 75, len(company.line_ids)), PRODUCTS_PER_LINE)
    run_time = (line_pace * 1000 * rng.uniform(0.75, 1.35, count) / 100).astype(np.int64) * 100
    return Products(
        run_time_ms=run_time,
        setup_min=rng.integers(15, 75, count),
        scrap_factor=np.exp(rng.normal(0, 0.15, count)),
        packed=rng.random(count) < PACKED_SHARE,
        cost_cents=rng.integers(400, 9_000, count),
        retimed=rng.random(count) < RETIMED_SHARE,
    )


def _first_of(group: Ints) -> NDArray[np.bool_]:
    """Say which members are the first of their group; groups are adjacent."""
    return np.r_[True, group[1:] != group[:-1]] if len(group) else np.zeros(0, bool)


def _within(sizes: Ints) -> Ints:
    """Return 0, 1, .. within each group of the given sizes."""
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - sizes, sizes)


def _split(total: Ints, of: Ints, weight: Floats) -> Ints:
    """Split each total into whole parts in proportion to the weights of its members."""
    order = np.argsort(of, kind="stable")
    group, share = of[order], np.cumsum(weight[order])
    sizes = np.bincount(group, minlength=len(total))
    ends = np.cumsum(sizes)
    before = np.r_[0.0, share][ends - sizes][group]
    whole = np.bincount(group, weights=weight[order], minlength=len(total))[group]
    edge = np.floor(total[group] * np.minimum((share - before) / whole, 1.0)).astype(np.int64)
    last = _first_of(group[::-1])[::-1]
    edge[last] = total[group[last]]
    part = edge - np.where(_first_of(group), 0, np.r_[0, edge[:-1]])
    result = np.empty(len(of), np.int64)
    result[order] = np.maximum(part, 0)
    return result
