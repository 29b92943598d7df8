from __future__ import annotations

from collections import defaultdict
from datetime import date

import pytest

from orchestration.demo.calendar import shift_calendar
from orchestration.demo.company import found
from orchestration.demo.size import DemoSize, day_of


@pytest.fixture(scope="module")
def hours_of_day():
    """Hours of all shifts by site and production day; the first line of each site."""
    size = DemoSize(lines=6, machines=6, employees=30, leaders=20, history_months=13)
    company = found(1, size)
    plan = shift_calendar(company)
    hours: dict[tuple[str, date], float] = defaultdict(float)
    for line, day, start, end in zip(plan.line, plan.day, plan.start, plan.end, strict=True):
        site = company.sites[company.line_site[line]].code
        hours[site, day_of(day)] += (end - start) / 3600
    return hours


@pytest.mark.parametrize(
    ("site", "day", "hours"),
    [
        # The night shift of the Saturday holds the Sunday's clock change.
        ("DE02", date(2026, 3, 28), 23),
        ("DE02", date(2026, 10, 24), 25),
        ("US01", date(2026, 3, 7), 23),
        ("US01", date(2025, 11, 1), 25),
        ("GB01", date(2026, 3, 28), 23),
        ("GB01", date(2026, 10, 24), 25),
        # No daylight saving time, one of the zones half an hour off.
        ("IN01", date(2026, 3, 28), 24),
        ("JP01", date(2026, 10, 23), 17),
        ("DE02", date(2026, 5, 2), 24),
    ],
)
def test_shifts_of_a_day_have_the_hours_its_clock_has(hours_of_day, site, day, hours):
    assert hours_of_day[site, day] == hours


def test_a_plant_that_rests_at_weekends_has_no_shifts_then(hours_of_day):
    assert ("JP01", date(2026, 10, 24)) not in hours_of_day
    assert ("DE01", date(2026, 9, 26)) not in hours_of_day


def test_shifts_of_a_line_never_overlap():
    company = found(1, DemoSize(lines=6, machines=6, employees=30, leaders=20, history_months=13))
    plan = shift_calendar(company)
    same_line = plan.line[1:] == plan.line[:-1]

    assert (plan.start[1:] >= plan.end[:-1])[same_line].all()


def test_planned_minutes_follow_the_clock_change(tiny):
    rows = tiny.rows(
        "mes_shift_calendar",
        """select site, planned_minutes, break_minutes, working, max(shift_id), max(shift_date)
           from t group by 1, 2, 3, 4 order by 1, planned_minutes::int""",
    )

    assert rows == [
        ("DE01", "450", "30", "true", "N", "2026-10-30"),
        ("US01", "0", "0", "false", "3", "2026-07-04"),
        ("US01", "480", "0", "true", "3", "2026-10-31"),
        # Chicago leaves summer time in the night shift of the last of October.
        ("US01", "540", "0", "true", "3", "2026-10-31"),
    ]


def test_an_extra_saturday_is_shown_only_from_its_week_on(month):
    shown = month.rows(
        "mes_shift_calendar",
        "select distinct regexp_extract(filename, '[0-9]{4}-[0-9]{2}-[0-9]{2}') from t "
        "where shift_date = '2026-10-17' and line_or_machine = 'DE01-L01' order by 1",
    )

    assert shown == [("2026-10-12",)]
