"""Who is at work: rosters, absences, hours attended, and what the hours went into.

Everybody but the leaders clocks in. The roster comes first, absences take days from it, and the
machines name their operators from those who are left: so a named operator has attended that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import (
    DAYS_PER_WEEK,
    LOOKAHEAD_DAYS,
    WORKDAYS,
    day_of,
    random,
    weekday,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.demo.calendar import Calendar
    from orchestration.demo.company import Company, Floats, Ints
    from orchestration.demo.people import People
    from orchestration.demo.plant import States

# Time records are kept for thirteen months; labour is booked in the MES for half a year.
TIME_MONTHS, BOOKING_MONTHS = 13, 6
PRESENT, SICK, VACATION, LEAVE, UNEXCUSED = range(5)
KINDS = ("present", "sick", "vacation", "leave", "unexcused")
UNPLANNED = (SICK, UNEXCUSED)

# Share of rostered hours that a site loses to sickness over the year, in the order of the sites;
# a cosine with its peak in the middle of January stands on it.
SICK_SHARE = (0.052, 0.034, 0.041, 0.029, 0.018, 0.060)
SEASON_AMPLITUDE, SEASON_PEAK_DAY, YEAR_DAYS = 0.35, 15, 365.25
MEAN_SICK_DAYS = 5.0
UNEXCUSED_SHARE = 0.0015
LEAVE_SHARE, LEAVE_DAYS = 0.012, 60
VACATION_BLOCKS, VACATION_DAYS = 3, (5, 15)
HALF_DAY_SHARE = 0.15  # of spells of sickness: the first day was worked until noon

MINUTES_PER_DAY = 444  # 7.4 hours
OVERTIME_SHARE, OVERTIME_MINUTES = 0.08, (60, 90, 120)
# Nobody clocked out; a second entry takes the place of the first one to four days later.
FORGOTTEN_SHARE = 0.003
# Share of attended hours that goes into orders, in the order of the sites, with its spread.
DIRECT_SHARE = (0.87, 0.82, 0.84, 0.79, 0.91, 0.86)
DIRECT_SD = 0.04
# One line falls behind from a day on, this many days before the end of the history.
SLOW_LINE, SLOW_FACTOR, SLOW_DAYS = 3, 0.93, 60
INDIRECT_SHARE = 0.15  # of the days of a shift worker: the rest of the day is booked as indirect
DIRECT, INDIRECT, TRAINING, MEETING = range(4)
BOOKING_KINDS = ("direct", "indirect", "training", "meeting")
_NOBODY = -1


@dataclass(frozen=True)
class Absences:
    """One row per spell, ordered by first day and person; days are inclusive."""

    person: Ints
    kind: Ints
    first: Ints
    last: Ints


@dataclass(frozen=True)
class TimeEntries:
    """One row per person and rostered day; `written` is the day that the system has it."""

    person: Ints
    day: Ints
    scheduled: Ints  # minutes
    attended: Ints
    corrects: NDArray[np.bool_]  # takes the place of the person's first entry of the day
    written: Ints


@dataclass(frozen=True)
class Bookings:
    """One row per person, day and piece of work; `machine` or else `line`, whose packing it is."""

    person: Ints
    day: Ints
    piece: Ints  # number within the person's day
    kind: Ints
    line: Ints
    machine: Ints  # -1 at the packing place
    order: Ints
    start: Ints
    minutes: Ints


class Workforce:
    """Roster and absences of the whole time, hours and bookings of any part of it."""

    def __init__(self, company: Company, people: People, calendar: Calendar) -> None:
        self.company, self.people, size = company, people, company.size
        self.first = size.first_day
        self.days = np.arange(self.first, size.last_day + LOOKAHEAD_DAYS + 1)
        self._shift_start = _shift_starts(company, calendar, self.days)
        shape = (people.count, len(self.days))
        self.unit = np.full(shape, _NOBODY, np.int16)
        self._minutes = np.zeros(shape, np.int16)
        jobs: dict[int, list[int]] = {}
        for job in people.employments:
            jobs.setdefault(job.person, []).append(job.fte_milli)
        for person, unit, first, last, number in people.spells:
            if person >= size.leaders:
                here = slice(max(first - self.first, 0), max(last - self.first + 1, 0))
                self.unit[person, here] = unit
                self._minutes[person, here] = MINUTES_PER_DAY * jobs[person][number - 1] // 1000
        self.rostered = self._roster()
        self.state = self._states()
        self._line_staff = [
            np.flatnonzero((self.unit == unit).any(axis=1)) for unit in company.unit_of_line
        ]

    def _roster(self) -> NDArray[np.bool_]:
        """Say who is to come on which day: five days a week, on lines those the line works."""
        company = self.company
        of_day = weekday(self.days)
        month_day = np.array([day_of(day).strftime("%m-%d") for day in self.days.tolist()])
        person = np.arange(len(self.unit))[:, None]
        line_of = {int(unit): line for line, unit in enumerate(company.unit_of_line)}
        roster = np.zeros(self.unit.shape, bool)
        for number, unit in enumerate(company.units):
            site = company.sites[max(unit.site, 0)]
            comes = (of_day < WORKDAYS) & ~np.isin(month_day, site.holidays)
            turns = np.broadcast_to(comes, self.unit.shape)
            if number in line_of:
                # Two days off in a row, in six-day plants Sunday and another, from person to
                # person on other days.
                works = self._shift_start[line_of[number]].max(axis=1) > 0
                turns = np.broadcast_to(works, self.unit.shape)
                if len(site.weekdays) == DAYS_PER_WEEK:
                    turns = turns & ((of_day - 3 * person) % DAYS_PER_WEEK < WORKDAYS)
                elif len(site.weekdays) > WORKDAYS:
                    turns = turns & (of_day != person % len(site.weekdays))
                else:
                    turns = turns & (of_day < WORKDAYS)
            roster |= (self.unit == number) & turns
        return roster

    def _states(self) -> NDArray[np.int8]:
        """Draw whether each person is there, sick, on vacation or on leave on each day."""
        company, size = self.company, self.company.size
        rng = random(company.seed, "absences")
        count, span = self.unit.shape
        state = np.zeros((count, span), np.int8)
        site_of = np.array([max(unit.site, 0) for unit in company.units])
        share = np.array(SICK_SHARE[: size.plants])[site_of[np.maximum(self.unit, 0)]]
        share = share * season(self.days)
        # A chain of two states: its share of sick days is the site's, its spells last five days.
        falls = share / (1 - share) / MEAN_SICK_DAYS
        luck = rng.random((span, count), np.float32)
        sick = luck[0] < share[:, 0]
        for day in range(span):
            if day:
                sick = np.where(sick, luck[day] >= 1 / MEAN_SICK_DAYS, luck[day] < falls[:, day])
            state[:, day] = np.where(sick, SICK, PRESENT)
        unexcused = rng.random((count, span), np.float32) < UNEXCUSED_SHARE
        state[(state == PRESENT) & unexcused & self.rostered] = UNEXCUSED
        # What was agreed long before takes precedence over what happens on the day.
        years = range(day_of(self.first).year, day_of(self.days[-1]).year + 1)
        for year in years:
            start = int(np.datetime64(f"{year}-01-01", "D").astype(np.int64)) - self.first
            # More of it in the middle of the year.
            begins = start + (365 * rng.beta(2, 2, (count, VACATION_BLOCKS))).astype(np.int64)
            lengths = rng.integers(*VACATION_DAYS, (count, VACATION_BLOCKS))
            for block in range(VACATION_BLOCKS):
                _fill(state, begins[:, block], lengths[:, block], VACATION)
        leave = rng.random(count) < LEAVE_SHARE * span / LEAVE_DAYS
        begins = np.where(leave, rng.integers(0, span, count), span)
        _fill(state, begins, np.full(count, LEAVE_DAYS), LEAVE)
        state[self.unit < 0] = PRESENT
        return state

    def operators(self, line: Ints, machine: Ints, day: Ints, shift: Ints) -> Ints:
        """Return who runs each machine in each shift: somebody of the line who is at work.

        Those whose shift it is come first, a week each; -1 where nobody of the line is there.
        """
        who = np.full(len(line), _NOBODY)
        for number, staff in enumerate(self._line_staff):
            mine = np.flatnonzero(line == number)
            if not len(mine):
                continue
            low = int(day[mine].min()) - self.first
            span = slice(low, int(day[mine].max()) - self.first + 1)
            there = self._at_work(staff, span) & (
                self.unit[staff, span] == self.company.unit_of_line[number]
            )
            shifts = len(self.company.sites[self.company.line_site[number]].shifts)
            for turn in np.unique(shift[mine]).tolist():
                here = mine[shift[mine] == turn]
                rank = np.where(there, np.where(staff[:, None] % shifts == turn, 0, 1), 2)
                first = np.argsort(rank, axis=0, kind="stable")
                own, any_shift = (rank == 0).sum(axis=0), (rank <= 1).sum(axis=0)
                pool = np.where(own > 0, own, any_shift)[day[here] - self.first - low]
                chosen = (machine[here] * 5 + day[here] // 7) % np.maximum(pool, 1)
                person = staff[first[chosen, day[here] - self.first - low]]
                who[here] = np.where(pool > 0, person, _NOBODY)
        return who

    def _at_work(self, person: Ints, span: slice) -> NDArray[np.bool_]:
        return self.rostered[person, span] & (self.state[person, span] == PRESENT)

    # ------------------------------------------------------------------------------- absences

    def absences(self) -> Absences:
        """Return the spells that cost at least one rostered day."""
        absent = self.state > PRESENT
        before = np.zeros_like(self.state)
        before[:, 1:] = self.state[:, :-1]
        after = np.zeros_like(self.state)
        after[:, :-1] = self.state[:, 1:]
        person, first = np.nonzero(absent & (self.state != before))
        # Both lists run by person and day, so the n-th beginning has the n-th end.
        _, last = np.nonzero(absent & (self.state != after))
        kind = self.state[person, first].astype(np.int64)
        missed = np.cumsum(np.pad(self.rostered, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
        costs = missed[person, last + 1] > missed[person, first]
        order = np.lexsort((person[costs], first[costs]))
        return Absences(
            person[costs][order],
            kind[costs][order],
            first[costs][order] + self.first,
            last[costs][order] + self.first,
        )

    def missed_minutes(self, rows: Absences, until: int) -> Ints:
        """Return the rostered minutes of each spell up to and including a day."""
        minutes = np.where(self.rostered, self._minutes, 0)
        total = np.cumsum(np.pad(minutes, ((0, 0), (1, 0))), axis=1, dtype=np.int64)
        last = np.minimum(rows.last, until) - self.first
        return total[rows.person, last + 1] - total[rows.person, rows.first - self.first]

    # ------------------------------------------------------------------------- hours and work

    def entries(self, first: int, last: int) -> TimeEntries:
        """Return the entries of the days `first` to `last`, later corrections of them included.

        A day of vacation or leave is not rostered any more, so it has no entry.
        """
        rng = random(self.company.seed, "time entries", first)
        span = slice(first - self.first, last - self.first + 1)
        state = self.state[:, span]
        rostered = self.rostered[:, span] & ~np.isin(state, (VACATION, LEAVE))
        column, person = np.nonzero(rostered.T)
        day, kind = column + first, state[person, column]
        scheduled = self._minutes[person, column + span.start].astype(np.int64)
        extra = rng.choice(OVERTIME_MINUTES, len(day)) * (rng.random(len(day)) < OVERTIME_SHARE)
        before = self.state[person, np.maximum(column + span.start - 1, 0)]
        went_home = (kind == SICK) & (before != SICK) & (rng.random(len(day)) < HALF_DAY_SHARE)
        attended = np.where(kind == PRESENT, scheduled + extra, 0)
        attended = np.where(went_home, scheduled // 2, attended)
        forgotten = (kind == PRESENT) & (rng.random(len(day)) < FORGOTTEN_SHARE)
        corrected_on = day + rng.integers(1, 5, len(day))
        again = np.flatnonzero(forgotten)
        corrects = np.repeat([False, True], [len(day), len(again)])
        whole = np.where(forgotten, 0, attended)
        return TimeEntries(
            person=np.r_[person, person[again]],
            day=np.r_[day, day[again]],
            scheduled=np.r_[scheduled, scheduled[again]],
            attended=np.r_[whole, attended[again]],
            corrects=corrects,
            written=np.r_[day, corrected_on[again]],
        )

    def bookings(self, entries: TimeEntries, states: States) -> Bookings:
        """Return what the shift workers among the entries booked.

        Whoever a machine named as its operator books on its order, the others at the packing place
        of their line.
        """
        company = self.company
        unit_line = np.full(len(company.units), _NOBODY)
        unit_line[company.unit_of_line] = np.arange(len(company.line_ids))
        # The entry that counts is the later one; it alone has the hours.
        rows = np.flatnonzero(entries.attended > 0)
        line = unit_line[self.unit[entries.person[rows], entries.day[rows] - self.first]]
        rows, line = rows[line >= 0], line[line >= 0]
        sort = np.lexsort((entries.person[rows], entries.day[rows]))
        rows, line = rows[sort], line[sort]
        person, day = entries.person[rows], entries.day[rows]
        rng = random(company.seed, "bookings", int(day.min()) if len(day) else 0)
        share = rng.normal(self.direct_share(line, day), DIRECT_SD)
        direct = np.rint(entries.attended[rows] * np.clip(share, 0.3, 1.0)).astype(np.int64)
        left = entries.attended[rows] - direct
        says_rest = (rng.random(len(rows)) < INDIRECT_SHARE) & (left > 0)
        rest_kind = rng.choice([INDIRECT, TRAINING, MEETING], len(rows), p=[0.8, 0.1, 0.1])

        named = _named(states)
        spot = _key(person, day)
        low = np.searchsorted(named.key, spot, "left")
        machines = np.searchsorted(named.key, spot, "right") - low
        pieces = np.maximum(machines, 1)
        of = np.repeat(np.arange(len(rows)), pieces)
        piece = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        at = np.minimum(low[of] + piece, max(len(named.key) - 1, 0))
        runs = machines[of] > 0
        machine = np.where(runs, named.machine[at], _NOBODY) if len(named.key) else runs * 0 - 1
        order = np.where(runs, named.order[at], _NOBODY) if len(named.key) else runs * 0 - 1
        minutes = direct[of] // pieces[of] + (piece < direct[of] % pieces[of])
        opens = self._own_shift(person, line, day)
        done = np.cumsum(minutes) - minutes
        before = done - done[np.cumsum(pieces) - pieces][of]
        rest = np.flatnonzero(says_rest)
        columns = {
            "person": np.r_[person[of], person[rest]],
            "day": np.r_[day[of], day[rest]],
            "piece": np.r_[piece, pieces[rest]],
            "kind": np.r_[np.full(len(of), DIRECT), rest_kind[rest]],
            "line": np.r_[line[of], line[rest]],
            "machine": np.r_[machine, np.full(len(rest), _NOBODY)],
            "order": np.r_[order, np.full(len(rest), _NOBODY)],
            "start": np.r_[opens[of] + 60 * before, opens[rest] + 60 * direct[rest]],
            "minutes": np.r_[minutes, left[rest]],
        }
        sort = np.lexsort((columns["piece"], columns["person"], columns["day"]))
        kept = sort[columns["minutes"][sort] > 0]
        return Bookings(**{name: values[kept] for name, values in columns.items()})

    def direct_share(self, line: Ints, day: Ints) -> Floats:
        """Return the expected share of attended hours that goes into orders."""
        size = self.company.size
        share = np.array(DIRECT_SHARE[: size.plants])[self.company.line_site[line]]
        slow = (line == SLOW_LINE % size.lines) & (day > size.cut - SLOW_DAYS)
        return np.where(slow, share * SLOW_FACTOR, share)

    def _own_shift(self, person: Ints, line: Ints, day: Ints) -> Ints:
        """Return when the shift of each person begins; the line's first one if theirs rests."""
        starts = self._shift_start[line, day - self.first]
        number = np.array([len(s.shifts) for s in self.company.sites])
        own = starts[np.arange(len(line)), person % number[self.company.line_site[line]]]
        first = np.where(starts > 0, starts, np.iinfo(np.int64).max).min(axis=1)
        return np.where(own > 0, own, first)

    def truth(self) -> dict[str, object]:
        """Return what was planted here."""
        company = self.company
        site = [s.code for s in company.sites]
        return {
            "sickness_share": dict(zip(site, SICK_SHARE, strict=False)),
            "sickness_season": {"amplitude": SEASON_AMPLITUDE, "peak_day": SEASON_PEAK_DAY},
            "worker_efficiency": dict(zip(site, DIRECT_SHARE, strict=False)),
            "worker_efficiency_shift": {
                "line": company.line_ids[SLOW_LINE % company.size.lines],
                "factor": SLOW_FACTOR,
                "from": str(day_of(company.size.cut - SLOW_DAYS + 1)),
            },
        }


@dataclass(frozen=True)
class _Named:
    """Who ran which machine, by key of person and day."""

    key: Ints
    machine: Ints
    order: Ints


def season(days: Ints) -> Floats:
    """Return the factor of the time of the year on sickness; its mean over a year is 1."""
    year = days.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]")
    of_year = days - year.astype(np.int64) + 1
    turn = 2 * np.pi * (of_year - SEASON_PEAK_DAY) / YEAR_DAYS
    return 1 + SEASON_AMPLITUDE * np.cos(turn)


def _key(person: Ints, day: Ints) -> Ints:
    return person * 100_000 + day


def _named(states: States) -> _Named:
    """Return for each operator, day and machine the order that was on it first."""
    rows = np.flatnonzero((states.operator >= 0) & (states.order >= 0))
    key = _key(states.operator[rows], states.day[rows])
    sort = np.lexsort((states.start[rows], states.machine[rows], key))
    rows, key = rows[sort], key[sort]
    machine = states.machine[rows]
    fresh = np.r_[True, (key[1:] != key[:-1]) | (machine[1:] != machine[:-1])][: len(key)]
    return _Named(key[fresh], machine[fresh], states.order[rows][fresh])


def _fill(state: NDArray[np.int8], begins: Ints, lengths: Ints, kind: int) -> None:
    """Write one block of days into the row of each person."""
    column = np.arange(state.shape[1])
    state[(column >= begins[:, None]) & (column < (begins + lengths)[:, None])] = kind


def _shift_starts(company: Company, calendar: Calendar, days: Ints) -> Ints:
    """Return the start of each line's working shifts by day, 0 where there is none."""
    starts = np.zeros((len(company.line_ids), len(days), 3), np.int64)
    # What a plan shows only later is nobody's roster.
    inside = (calendar.day >= days[0]) & (calendar.day <= days[-1]) & (calendar.announced == 0)
    rows = np.flatnonzero(inside)
    starts[calendar.line[rows], calendar.day[rows] - days[0], calendar.shift[rows]] = (
        calendar.start[rows]
    )
    return starts
