"""The plants at work: shift calendar, machine states, counts and orders, one span of days at a time.

Time comes first and quantities follow from it: a shift's productive seconds times its speed are
standard seconds, and orders are cut from the running sum of standard seconds of a machine. So
counts, orders and states can never disagree except where a fault is planted on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.demo.company import (
    LOOKAHEAD_DAYS,
    Company,
    Floats,
    Ints,
    day_of,
    random,
)

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
FIRST_REJECT_REASON, REJECT_REASONS = 13, 3

# Spread of the lost share of one machine and shift (Beta concentration) and of a line's day.
LOSS_CONCENTRATION = 18.0
LINE_DAY_AVAILABILITY_SD = 0.03
LINE_DAY_SCRAP_SD = 0.35
SPEED_SD = 0.04
REPEATED_STATE_SHARE = 0.01
OVERLAP_SHARE = 0.005

PRODUCTS_PER_LINE = 6
PACKED_SHARE = 0.65  # of products: they have a second, manual operation
_BIG = 1 << 40  # standard seconds between the order books of two machines


# Employee number for each machine and shift, from line, machine, day and shift.
Roster = Callable[[Ints, Ints, Ints, Ints], Ints]


@dataclass(frozen=True)
class Calendar:
    """Shifts of lines, ordered by line and start; row numbers are positions."""

    line: Ints
    day: Ints
    shift: Ints
    start: Ints
    end: Ints
    break_s: Ints
    working: NDArray[np.bool_]
    announced: Ints  # delivery day from which a plan shows the row

    def only(self, rows: NDArray[np.bool_]) -> Calendar:
        """Return some of the rows."""
        return Calendar(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def shift_calendar(company: Company) -> Calendar:
    """Plan the shifts of every line, wall clock turned into instants by the site's zone."""
    size = company.size
    days = np.arange(size.first_day, size.last_day + LOOKAHEAD_DAYS + 60)
    weekday = (days + 3) % 7
    month_day = [day_of(day).strftime("%m-%d") for day in days.tolist()]
    pieces = []
    for line, site_no in enumerate(company.line_site.tolist()):
        site, zone = company.sites[site_no], company.zones[site_no]
        holiday = np.isin(month_day, site.holidays)
        announced = np.zeros(len(days), np.int64)
        runs = np.isin(weekday, site.weekdays)
        if line == 0 and size.daily_deliveries > 17:
            # An extra Saturday that the plan shows from the Monday of that week on.
            extra = size.cut + 17
            runs |= days == extra
            announced[days == extra] = extra - 5
        # Every fifth line of a plant with three shifts has no night shift.
        ordinal = line - int(np.searchsorted(company.line_site, site_no))
        shifts = site.shifts[:2] if len(site.shifts) == 3 and ordinal % 5 == 4 else site.shifts
        for number, (_, opens, closes) in enumerate(shifts):
            day = days[runs]
            last = day + (closes <= opens)
            start = zone.utc(day * 86_400 + opens * 60)
            end = zone.utc(last * 86_400 + closes * 60)
            full = np.full(len(day), site.break_minutes * 60)
            whole = np.full(len(day), line), day, np.full(len(day), number)
            pieces.append((*whole, start, end, full, ~holiday[runs], announced[runs]))
    columns = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
    order = np.lexsort((columns[3], columns[0]))
    return Calendar(*(column[order] for column in columns))


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
        # One stop makes two rows (itself and what follows); shifts and breaks make the rest.
        working = len(self.calendar.day) / (len(company.line_ids) * len(np.unique(self.plan.day)))
        rows_of_stops = company.size.events_per_machine_day / 3 - 1
        self._stops = max(0.2, rows_of_stops / 2 * min(1.0, 2.4 / working))

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
            machine, product, work_s, start, work_s * 1000 // self.products.run_time_ms[product],
            none, none.copy(), none.copy(), zeros, zeros.copy(), zeros.copy(),
        )  # fmt: skip

    def work(self, first: int, last: int, roster: Roster) -> tuple[States, Counts]:
        """Simulate all shifts that start on the days `first` to `last`."""
        company, calendar, book = self.company, self.calendar, self.book
        rng = random(company.seed, "plants", first)
        lines = len(company.line_ids)
        noise = rng.standard_normal((2, lines, last - first + 1))

        # One row per machine and shift, ordered by machine and start.
        spans = [
            np.arange(self._line_row[n], self._line_row[n + 1])[
                np.searchsorted(
                    calendar.day[self._line_row[n] : self._line_row[n + 1]], first, "left"
                ) : np.searchsorted(
                    calendar.day[self._line_row[n] : self._line_row[n + 1]], last, "right"
                )
            ]
            for n in range(lines)
        ]
        row = np.concatenate([spans[n] for n in company.machine_line.tolist()])
        machine = np.repeat(
            np.arange(len(company.machine_ids)),
            [len(spans[n]) for n in company.machine_line.tolist()],
        )
        line, site = company.machine_line[machine], company.line_site[company.machine_line[machine]]
        day, start, end = calendar.day[row], calendar.start[row], calendar.end[row]
        count = len(row)
        column = day - first

        # How long each shift produces, and how fast.
        rest = calendar.break_s[row]
        service = np.where(rng.random(count) < 0.01, rng.integers(3_600, 7_200, count), 0)
        silent = np.where(rng.random(count) < 0.008, rng.integers(600, 2_400, count), 0)
        busy = end - start - rest - service - silent
        sites = company.sites
        base = np.array([s.availability for s in sites])[site]
        share = base * company.line_effects("availability", first, last)[line, column]
        share *= np.exp(LINE_DAY_AVAILABILITY_SD * noise[0])[line, column]
        share = np.clip(share, 0.05, 0.96)
        lost_share = rng.beta((1 - share) * LOSS_CONCENTRATION, share * LOSS_CONCENTRATION)
        lost = np.rint(lost_share * busy).astype(np.int64)
        producing = busy - lost
        speed = np.array([s.performance for s in sites])[site] * company.machine_factor[machine]
        speed = speed * company.line_effects("performance", first, last)[line, column]
        speed = np.clip(speed * (1 + SPEED_SD * rng.standard_normal(count)), 0.4, 1.05)
        standard = np.rint(producing * speed).astype(np.int64)

        # Which orders that makes.
        machine_start = np.searchsorted(machine, np.arange(len(company.machine_ids) + 1))
        running = np.r_[0, np.cumsum(standard)]
        done_to = (
            running[1:] - running[machine_start[machine]] + self._done[machine]
        )
        done_from = done_to - standard
        self._done += running[machine_start[1:]] - running[machine_start[:-1]]
        first_order = np.searchsorted(self._keys, machine * _BIG + done_from, "left")
        next_order = np.searchsorted(self._keys, machine * _BIG + done_to, "left")
        setups = next_order - first_order

        # Stops: setups where orders begin, breakdowns and waits anywhere, pauses.
        others = rng.poisson(self._stops, count)
        others = np.where((others + setups == 0) & (lost > 0), 1, others)
        setup_of = np.repeat(np.arange(count), setups)
        setup_order = np.repeat(first_order, setups) + _within(setups)
        setup_at = np.rint((book.start_s[setup_order] - done_from[setup_of]) / speed[setup_of])
        setup_at = np.minimum(setup_at.astype(np.int64), producing[setup_of])
        other_of = np.repeat(np.arange(count), others)
        other_at = 1 + (rng.random(len(other_of)) * np.maximum(producing[other_of] - 2, 0)).astype(
            np.int64
        )
        broken = rng.random(len(other_of)) < 0.45
        other_state = np.where(broken, DOWN, IDLE)
        other_reason = np.where(
            broken, rng.integers(0, 3, len(other_of)), rng.integers(3, 6, len(other_of))
        )
        for shock in company.shocks:
            hit = np.isin(site, shock.sites) & (day >= shock.first) & (day <= shock.last)
            blamed = hit[other_of] & (rng.random(len(other_of)) < 0.5)
            other_state = np.where(blamed, IDLE, other_state)
            reason = _MATERIAL if shock.kind == "supply" else _NO_ORDERS
            other_reason = np.where(blamed, reason, other_reason)
        loss_of = np.concatenate([setup_of, other_of])
        weight = np.concatenate(
            [1.2 * rng.gamma(2, size=len(setup_of)), rng.gamma(1, size=len(other_of)) + 0.02]
        )
        loss_s = _split(lost, loss_of, weight)
        pause_of = np.concatenate([np.flatnonzero(s > 0) for s in (rest, service, silent)])
        pause_s = np.concatenate([s[s > 0] for s in (rest, service, silent)])
        pause_kinds = np.repeat(np.arange(3), [(s > 0).sum() for s in (rest, service, silent)])
        pause_at = 1 + np.rint(
            producing[pause_of]
            * np.where(pause_kinds == 0, 0.5, rng.random(len(pause_of)))
            * 0.98
        ).astype(np.int64)

        stop_of = np.concatenate([loss_of, pause_of])
        stop_at = np.concatenate([setup_at, other_at, pause_at])
        stop_at = np.minimum(stop_at, producing[stop_of])
        stop_s = np.concatenate([loss_s, pause_s])
        stop_state = np.concatenate(
            [
                np.full(len(setup_of), SETUP),
                other_state,
                np.array([PLANNED_STOP, PLANNED_STOP, NO_DATA])[pause_kinds],
            ]
        )
        stop_reason = np.concatenate(
            [
                np.full(len(setup_of), _CHANGEOVER),
                other_reason,
                np.array([_BREAK, _MAINTENANCE, -1])[pause_kinds],
            ]
        )
        order = np.lexsort((stop_at, stop_of))
        stop_of, stop_at, stop_s = stop_of[order], stop_at[order], stop_s[order]

        # Interleave: producing, stop, producing, ..., stop, producing.
        stops = np.bincount(stop_of, minlength=count)
        rows = 2 * stops + 1
        offset = np.r_[0, np.cumsum(rows)]
        of = np.repeat(np.arange(count), rows)
        length = np.zeros(len(of), np.int64)
        state = np.full(len(of), PRODUCING)
        reason_of = np.full(len(of), -1)
        place = offset[stop_of] + 2 * _within(stops) + 1
        length[place] = stop_s
        state[place] = stop_state[order]
        reason_of[place] = stop_reason[order]
        is_first = np.r_[True, stop_of[1:] != stop_of[:-1]] if len(stop_of) else np.zeros(0, bool)
        gap = stop_at - np.where(is_first, 0, np.r_[0, stop_at[:-1]])
        length[place - 1] = gap
        tail = producing.copy()
        is_last = np.r_[stop_of[1:] != stop_of[:-1], True] if len(stop_of) else np.zeros(0, bool)
        tail[stop_of[is_last]] -= stop_at[is_last]
        length[offset[1:] - 1] = tail
        elapsed = np.r_[0, np.cumsum(length)]
        begins = start[of] + elapsed[:-1] - elapsed[offset[:-1]][of]
        begun = np.cumsum(state == SETUP)
        begun = begun - np.r_[0, begun][offset[:-1]][of]
        order_of = first_order[of] - 1 + begun

        # What the setups say about orders.
        is_setup = state == SETUP
        opened = order_of[is_setup]
        book.began_at[opened] = begins[is_setup]
        book.began_day[opened] = day[of[is_setup]]
        book.began_row[opened] = row[of[is_setup]]

        operator = roster(line, machine, day, calendar.shift[row])
        states = self._state_rows(
            rng, of, begins, length, state, reason_of, order_of, machine, row, operator
        )
        counts = self._count_rows(
            rng, noise[1], machine, row, first, done_from, done_to, first_order, setups,
            begins[is_setup], of[is_setup], operator,
        )  # fmt: skip
        return states, counts

    def _state_rows(
        self,
        rng: np.random.Generator,
        of: Ints,
        begins: Ints,
        length: Ints,
        state: Ints,
        reason: Ints,
        order: Ints,
        machine: Ints,
        row: Ints,
        operator: Ints,
    ) -> States:
        calendar = self.calendar
        kept = length > 0
        of, begins, length, state = of[kept], begins[kept], length[kept], state[kept]
        reason, order = reason[kept], order[kept]
        order = np.where(np.isin(state, (PLANNED_STOP, NO_DATA)), -1, order)
        who = np.where(state == NO_DATA, -1, operator[of])
        # After a shift the machine stands until the next one of its line.
        follows = np.minimum(row + 1, len(calendar.line) - 1)
        known = calendar.line[follows] == calendar.line[row]
        stands = np.flatnonzero(known & (calendar.start[follows] > calendar.end[row]))
        # Machines send a state again, and some end later than the next one starts.
        again = (state == PRODUCING) & (length > 600) & (rng.random(len(state)) < REPEATED_STATE_SHARE)
        half = length // 2
        over = rng.random(len(state)) < OVERLAP_SHARE
        until = begins + np.where(again, half, length) + np.where(over, 45, 0)
        until = np.minimum(until, np.where(over, calendar.end[row][of], until))
        pieces = [
            (of, begins, until, state, reason, order, who),
            (of[again], (begins + half)[again], (begins + length)[again], state[again],
             reason[again], order[again], who[again]),
            (stands, calendar.end[row[stands]], calendar.start[follows[stands]],
             np.full(len(stands), PLANNED_STOP), np.full(len(stands), _NO_SHIFT),
             np.full(len(stands), -1), np.full(len(stands), -1)),
        ]  # fmt: skip
        of, begins, until, state, reason, order, who = (
            np.concatenate(parts) for parts in zip(*pieces, strict=True)
        )
        which, day = machine[of], calendar.day[row][of]
        sort = np.lexsort((begins, which))
        which, day = which[sort], day[sort]
        fresh = np.r_[True, (which[1:] != which[:-1]) | (day[1:] != day[:-1])]
        position = np.arange(len(which))
        sequence = position - np.maximum.accumulate(np.where(fresh, position, 0)) + 1
        return States(
            which, day, begins[sort], until[sort], state[sort], reason[sort], order[sort],
            who[sort], sequence,
        )  # fmt: skip

    def _count_rows(
        self,
        rng: np.random.Generator,
        noise: Floats,
        machine: Ints,
        row: Ints,
        first: int,
        done_from: Ints,
        done_to: Ints,
        first_order: Ints,
        setups: Ints,
        setup_begins: Ints,
        setup_of: Ints,
        operator: Ints,
    ) -> Counts:
        company, calendar, book = self.company, self.calendar, self.book
        of = np.repeat(np.arange(len(machine)), setups + 1)
        segment = _within(setups + 1)
        order = first_order[of] - 1 + segment
        closes = calendar.end[row][of] - rng.integers(1, 60, len(of))
        ended_by_setup = segment < setups[of]
        # Setups of a shift are in time order, as its segments are.
        setup_rank = np.r_[0, np.cumsum(setups)][:-1][of] + segment
        ends = np.where(
            ended_by_setup,
            setup_begins[np.minimum(setup_rank, max(len(setup_begins) - 1, 0))] - 1
            if len(setup_begins)
            else closes,
            closes,
        )
        valid = (order >= 0) & (book.machine[np.maximum(order, 0)] == machine[of])
        of, segment, order, ends = of[valid], segment[valid], order[valid], ends[valid]
        origin = book.start_s[order]
        low = np.maximum(done_from[of], origin) - origin
        high = np.minimum(done_to[of] - origin, book.work_s[order])
        run = self.products.run_time_ms[book.product[order]]
        made = high * 1000 // run - low * 1000 // run
        some = made > 0
        of, segment, order, ends, made = of[some], segment[some], order[some], ends[some], made[some]

        line = company.machine_line[machine[of]]
        site = company.line_site[line]
        column = calendar.day[row][of] - first
        last = first + noise.shape[1] - 1
        sites = company.sites
        day_factor = np.exp(LINE_DAY_SCRAP_SD * noise - LINE_DAY_SCRAP_SD**2 / 2)
        bad = np.array([s.scrap for s in sites])[site]
        bad = bad * company.line_effects("scrap", first, last)[line, column]
        bad = bad * day_factor[line, column] * self.products.scrap_factor[book.product[order]]
        scrap = rng.binomial(made, np.minimum(bad, 0.5))
        rework = rng.binomial(made - scrap, np.array([s.rework for s in sites])[site])
        good = made - scrap - rework
        for total, part in ((book.good, good), (book.scrap, scrap), (book.rework, rework)):
            np.add.at(total, order, part)
        reason = np.where(
            scrap > 0, FIRST_REJECT_REASON + rng.integers(0, REJECT_REASONS, len(of)), -1
        )
        return Counts(
            machine[of], calendar.day[row][of], calendar.shift[row][of], segment, order,
            np.maximum(ends, calendar.start[row][of]), good, scrap, rework, operator[of], reason,
        )  # fmt: skip


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
        retimed=rng.random(count) < 0.05,
    )


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
    last = np.r_[group[1:] != group[:-1], True] if len(group) else np.zeros(0, bool)
    edge[last] = total[group[last]]
    first = np.r_[True, group[1:] != group[:-1]] if len(group) else np.zeros(0, bool)
    part = edge - np.where(first, 0, np.r_[0, edge[:-1]])
    result = np.empty(len(of), np.int64)
    result[order] = np.maximum(part, 0)
    return result


def extra_saturday(company: Company) -> int | None:
    """Return the day of the extra shifts of the first line, announced in the week itself."""
    size = company.size
    return size.cut + 17 if size.daily_deliveries > 17 else None
