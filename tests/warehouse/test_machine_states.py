"""Machine states fill working time exactly once, whatever a machine sends.

The oracle knows nothing of SQL: for every minute of every window it asks which event was the last
to begin, and whether that one had ended.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Bare, line, machine, shift, utc

if TYPE_CHECKING:
    import duckdb

AS_OF = "2026-10-27"
MINUTE = dt.timedelta(minutes=1)
THREE = (("E", "06:00", "14:00"), ("L", "14:00", "22:00"), ("N", "22:00", "06:00"))
TWO = (("A", "06:30", "14:30"), ("B", "14:30", "22:30"))
NIGHT = (("2", "15:00", "23:00"), ("3", "23:00", "07:00"))
# Line: site, days, shifts, and where the events of its machine begin (UTC).
LINES = {
    # Clocks go back in the night of 25 October: 25 hours; and forward on 29 March: 23.
    "AUTUMN": ("DE01", ("2026-10-23", "2026-10-24", "2026-10-25"), THREE, "2026-10-22 20:00"),
    "SPRING": ("DE01", ("2026-03-27", "2026-03-28", "2026-03-29"), THREE, "2026-03-26 20:00"),
    # Half an hour off, and no night shift: gaps between windows.
    "HALF": ("IN01", ("2026-10-24", "2026-10-25", "2026-10-26"), TWO, "2026-10-23 20:00"),
    # The last production day ends at noon UTC of the as-of.
    "WEST": ("US01", ("2026-10-24", "2026-10-25", "2026-10-26"), NIGHT, "2026-10-24 18:00"),
}
RESTING = ("AUTUMN", "2026-10-23", "L")


class Event(NamedTuple):
    start: int
    minutes: int | None
    sequence: int
    state: str
    reason: str | None


class Window(NamedTuple):
    machine: str
    day: dt.date
    shift: str
    opens: dt.datetime
    closes: dt.datetime


def windows() -> list[Window]:
    found = []
    for name, (site, days, shifts, _) in LINES.items():
        for day in days:
            for shift_id, start, end in shifts:
                row = shift(name, day, start, end, site=site)
                if (name, day, shift_id) != RESTING:
                    date = dt.date.fromisoformat(day)
                    found.append(
                        Window(f"{name}-M", date, shift_id, row["start_utc"], row["end_utc"])
                    )
    return found


WINDOWS = windows()


class Timeline:
    """The model's SELECT, run over whatever events and touched ranges stand in the warehouse."""

    def __init__(self, con: duckdb.DuckDBPyConnection, select: str) -> None:
        self.con, self.select = con, select

    def pieces(self, events, ranges):
        con = self.con
        con.execute("delete from raw.mes_machine_states")
        rows = [
            (
                name,
                base + one.start * MINUTE,
                None if one.minutes is None else base + (one.start + one.minutes) * MINUTE,
                one.sequence,
                one.state,
                one.reason,
                dt.date(2026, 10, 1),
            )
            for name, (base, found) in events.items()
            for one in found
        ]
        if rows:
            con.executemany(
                "insert into raw.mes_machine_states (machine_id, start_ts_utc, end_ts_utc, "
                "sequence, state, reason_code, _delivery_date) values (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        con.execute("delete from intermediate.int_touched__machine_quarters")
        con.executemany(
            "insert into intermediate.int_touched__machine_quarters values (?, ?, ?)",
            [(number, *one) for number, one in enumerate(ranges)],
        )
        return con.execute(
            "select machine_id, production_date, shift_id, state_code, reason_code, "
            f"started_at_utc, ended_at_utc, duration_seconds, is_continuation from ({self.select}) "
            "order by machine_id, started_at_utc"
        ).fetchall()


@pytest.fixture(scope="module")
def timeline(tmp_path_factory, parsed):
    house = Bare(tmp_path_factory.mktemp("states"), parsed, dt.date.fromisoformat(AS_OF))
    house.begin(dt.date.fromisoformat(AS_OF))
    for name, (site, days, shifts, _) in LINES.items():
        house.write("mes_equipment", line(name, site=site), machine(f"{name}-M", name, site=site))
        house.write(
            "mes_shift_calendar",
            *(
                shift(
                    name, day, start, end, site=site, shift_id=shift_id,
                    working=(name, day, shift_id) != RESTING,
                )
                for day in days
                for shift_id, start, end in shifts
            ),
        )  # fmt: skip
    house.build_with_parents("fct_machine_states")
    compiled = parsed / "compiled/steelyard/models/marts/core/fct_machine_states.sql"
    with house.warehouse.connect() as con:
        yield Timeline(con, compiled.read_text(encoding="utf-8"))


EVENTS = st.lists(
    st.builds(
        Event,
        # A coarse grid, so that starts meet, events nest and ends touch starts.
        start=st.integers(0, 60).map(lambda n: n * 60),
        minutes=st.none() | st.integers(0, 40).map(lambda n: n * 30),
        sequence=st.integers(1, 3),
        state=st.sampled_from(["producing", "down", "no_data"]),
        reason=st.sampled_from([None, "R1"]),
    ),
    max_size=8,
    unique_by=lambda one: (one.start, one.sequence),
)
EVERYTHING = [(dt.date(2026, 3, 1), dt.date(2026, 10, 26))]
# Two ranges with a hole between them, in which nothing is replaced, and ranges that meet.
TORN = st.sampled_from(
    [
        EVERYTHING,
        [
            (dt.date(2026, 3, 1), dt.date(2026, 3, 28)),
            (dt.date(2026, 3, 29), dt.date(2026, 10, 24)),
            (dt.date(2026, 10, 25), dt.date(2026, 10, 26)),
        ],
        [(dt.date(2026, 3, 28), dt.date(2026, 3, 28)), (dt.date(2026, 10, 26),) * 2],
        [(dt.date(2026, 10, 23),) * 2, (dt.date(2026, 10, 25), dt.date(2026, 10, 26))],
        [(dt.date(2026, 3, 29), dt.date(2026, 10, 23)), (dt.date(2026, 10, 25),) * 2],
    ]
)


def reported(events, at):
    """State and reason of a minute; None before the first event."""
    base, found = events
    begun = [one for one in found if base + one.start * MINUTE <= at]
    if not begun:
        return None
    last = max(begun, key=lambda one: (one.start, one.sequence))
    has_ended = last.minutes is not None and base + (last.start + last.minutes) * MINUTE <= at
    return ("no_data", None) if has_ended else (last.state, last.reason)


def expected(events, window):
    """State and reason of each minute of a window that some event reaches, minute by minute."""
    minutes = {}
    at = window.opens
    while at < window.closes:
        state = reported(events, at)
        if state is not None:
            minutes[at] = state
        at += MINUTE
    return minutes


def begins_with_others(events, at):
    """Whether more than one event begins at an instant."""
    base, found = events
    return sum(base + one.start * MINUTE == at for one in found) > 1


@settings(max_examples=40)
@given(drawn=st.fixed_dictionaries(dict.fromkeys(LINES, EVENTS)), ranges=TORN)
def test_states_fill_each_window_once_with_what_was_last_reported(timeline, drawn, ranges):
    events = {
        f"{name}-M": (dt.datetime.fromisoformat(LINES[name][3]), found)
        for name, found in drawn.items()
    }

    pieces = timeline.pieces(events, ranges)

    for window in WINDOWS:
        inside = [
            piece for piece in pieces if piece[:3] == (window.machine, window.day, window.shift)
        ]
        if not any(first <= window.day <= last for first, last in ranges):
            assert inside == []
            continue
        got = {}
        for *_, state, reason, start, end, seconds, _ in inside:
            assert window.opens <= start < end <= window.closes
            assert seconds == (end - start).total_seconds()
            at = start
            while at < end:
                assert at not in got, "two pieces share a minute"
                got[at] = (state, reason)
                at += MINUTE
        assert got == expected(events[window.machine], window)
    # A row continues what was there the minute before or says that something changed. Silence is no
    # state, and one that gave way to another at the same instant parts what is around it.
    for machine_id, _, _, state, reason, start, _, _, continues in pieces:
        there = events[machine_id]
        if state != "no_data" and not begins_with_others(there, start):
            assert continues == (reported(there, start - MINUTE) == (state, reason))


def test_a_night_in_which_the_clocks_change_has_its_real_length():
    hours = {
        (window.machine, window.day.isoformat()): (window.closes - window.opens).total_seconds()
        / 3600
        for window in WINDOWS
        if window.shift == "N"
    }

    assert hours["AUTUMN-M", "2026-10-24"] == 9
    assert hours["SPRING-M", "2026-03-28"] == 7
    assert hours["AUTUMN-M", "2026-10-25"] == hours["SPRING-M", "2026-03-27"] == 8


def test_an_open_state_lasts_to_the_end_of_the_last_production_day(timeline):
    base = utc("UTC", "2026-10-24 18:00")
    pieces = timeline.pieces({"WEST-M": (base, [Event(0, None, 1, "producing", None)])}, EVERYTHING)

    # Six shifts of eight hours from 15:00 to 07:00 in Chicago on three days; the machine is first
    # heard of two hours before they begin.
    assert sum(piece[7] for piece in pieces) == 6 * 8 * 3600
    assert max(piece[6] for piece in pieces) == utc("UTC", "2026-10-27 12:00")


def test_a_state_that_began_months_ago_still_holds_beside_a_machine_that_reports(timeline):
    base, day = utc("Europe/Berlin", "2026-10-24 06:00"), dt.date(2026, 10, 24)
    long_ago = [
        Event(-200 * 24 * 60, None, 1, "down", "R1"),
        Event(-100 * 24 * 60, None, 1, "producing", None),
        Event(-100 * 24 * 60, None, 2, "setup", None),
    ]
    events = {
        "AUTUMN-M": (base, long_ago),
        "WEST-M": (base, [Event(-60, None, 1, "idle", None)]),
    }

    pieces = timeline.pieces(events, [(day, day)])

    # 25 hours on the day of the change of clocks, and 16 in Chicago.
    assert {(piece[0], piece[3], piece[4], piece[8]) for piece in pieces} == {
        ("AUTUMN-M", "setup", None, True),
        ("WEST-M", "idle", None, True),
    }
    hours = {name: sum(p[7] for p in pieces if p[0] == name) / 3600 for name in events}
    assert hours == {"AUTUMN-M": 25, "WEST-M": 16}


def test_minutes_are_those_of_all_states_also_of_a_table_built_the_moment_before(bare):
    # More states in a quarter than a row group has rows (122,880): then the engine once took the
    # table for empty until the file was closed, and every minute of a machine was missing.
    house, days = bare("2026-08-10"), [dt.date(2026, 7, 1) + n * dt.timedelta(1) for n in range(40)]
    house.write("mes_equipment", line("L"), machine("M", "L"))
    house.write(
        "mes_shift_calendar",
        *(
            shift("L", day.isoformat(), start, end, shift_id=shift_id)
            for day in days
            for shift_id, start, end in THREE
        ),
    )
    first, last = (utc("Europe/Berlin", f"{day} 06:00") for day in ("2026-07-01", "2026-08-10"))
    house.execute(
        "insert into raw.mes_machine_states (machine_id, start_ts_utc, sequence, state, "
        "_delivery_date) select 'M', moment, 1, "
        "case when date_part('minute', moment) % 4 = 0 then 'producing' else 'down' end, "
        f"date '2026-08-10' from range(timestamp '{first}', timestamp '{last}', "
        "interval 20 second) as events(moment)"
    )

    house.build_with_parents("int_measures__machine_days")

    rows = house.query(
        "select producing_minutes, down_minutes from intermediate.int_measures__machine_days"
    )
    assert rows == [(6 * 60, 18 * 60)] * len(days)
