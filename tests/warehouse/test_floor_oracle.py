"""KPIs of stops, maintenance, working time and observations against the delivered files.

The oracle reads the files of the tiny company with Python alone: no contract, no SQL of the
product, and the production day from the calendar's wall clock.
"""

from __future__ import annotations

import bisect
import csv
import datetime as dt
import json
from collections import defaultdict
from zoneinfo import ZoneInfo

import pytest

ZONES = {"DE01": ZoneInfo("Europe/Berlin"), "US01": ZoneInfo("America/Chicago")}
BREAKDOWNS = ("10", "11", "12")
NO_ORDERS = "23"
DAY = dt.timedelta(days=1)


class Files:
    """What was delivered, by feed, in the order of delivery."""

    def __init__(self, house) -> None:
        self.house = house

    def rows(self, feed, *, mark=",", last=False):
        paths = self.house.delivered(feed)
        for path in paths[-1:] if last else paths:
            if path.suffix == ".json":
                yield from json.loads(path.read_text())["Report_Entry"]
            else:
                with path.open(newline="") as file:
                    yield from csv.DictReader(file, delimiter=mark)


class Calendar:
    """Which production day an instant of a place belongs to."""

    def __init__(self, files: Files) -> None:
        begins = defaultdict(dict)
        for row in files.rows("mes_shift_calendar"):
            if row["working"] == "true":
                wall = dt.datetime.fromisoformat(f"{row['shift_date']}T{row['start_local']}")
                at = wall.replace(tzinfo=ZoneInfo(row["time_zone"]))
                day = dt.date.fromisoformat(row["shift_date"])
                for place in (row["line_or_machine"], row["site"]):
                    begins[place][day] = min(begins[place].get(day, at), at)
        self.begins = {place: sorted(days.items()) for place, days in begins.items()}
        self.starts = {place: [at for _, at in days] for place, days in self.begins.items()}

    def day(self, place: str, at: dt.datetime) -> dt.date:
        number = bisect.bisect_right(self.starts[place], at) - 1
        day, begin = self.begins[place][number]
        later = (at.astimezone(dt.UTC) - begin.astimezone(dt.UTC)) // DAY
        if number + 1 < len(self.begins[place]):
            later = min(later, (self.begins[place][number + 1][0] - day).days - 1)
        return day + later * DAY

    def next_begin(self, place: str, at: dt.datetime) -> dt.datetime:
        number = bisect.bisect_right(self.starts[place], at)
        return self.starts[place][number]


@pytest.fixture(scope="module")
def files(day_by_day) -> Files:
    return Files(day_by_day)


@pytest.fixture(scope="module")
def calendar(files) -> Calendar:
    return Calendar(files)


@pytest.fixture(scope="module")
def states(files, calendar):
    """Seconds by machine, month and state, each minute once: a state ends with the next one."""
    rows = defaultdict(list)
    for row in files.rows("mes_machine_states"):
        start = dt.datetime.fromisoformat(row["start_ts"])
        rows[row["machine_id"]].append((start, int(row["sequence"]), row))
    seconds = defaultdict(float)
    for machine, events in rows.items():
        events.sort(key=lambda event: event[:2])
        for (start, _, row), following in zip(events, [*events[1:], None], strict=True):
            ends = [following[0]] if following else []
            if row["end_ts"]:
                ends.append(dt.datetime.fromisoformat(row["end_ts"]))
            if row["state"] not in ("RUN", "CHANGEOVER", "WAIT", "FAULT"):
                continue
            # The last state of all is open; it lasts to its shift's end, where the next begins.
            ends.append(calendar.next_begin(machine[:8], start))
            kind = "NO_ORDERS" if row["reason_code"].endswith(NO_ORDERS) else row["state"]
            month = calendar.day(machine[:8], start).replace(day=1)
            seconds[machine, month, kind] += (min(ends) - start).total_seconds()
    return seconds


def summed(parts, *, machine, month):
    """Sum by what a machine and a month belong to."""
    found = defaultdict(float)
    for (of, when, *kind), value in parts.items():
        found[(machine(of), month(when), *kind)] += value
    return found


def site_of(machine):
    return machine[:4]


def same(month):
    return month


def quarter_of(month):
    return month.replace(month=(month.month - 1) // 3 * 3 + 1)


def readings(house, kpi, kind, period):
    """Numerator, denominator and value by entity and period."""
    return {
        (entity, start): (float(numerator), float(denominator), value)
        for entity, start, numerator, denominator, value in house.query(
            "select entity_id, period_start_date, numerator, denominator, reading_value "
            "from kpi.fct_kpi_readings where kpi_id = ? and entity_kind = ? and period_kind = ? "
            "and denominator is not null",
            [kpi, kind, period],
        )
    }


def close(value, tolerance=1e-6):
    return pytest.approx(value, rel=tolerance, abs=tolerance)


# ------------------------------------------------------------------------------- stops and states


@pytest.fixture(scope="module")
def failures(files, calendar):
    """Breakdowns after corrections: machine, day of begin, day of end, hours."""
    entries = {row["downtime_id"]: row for row in files.rows("mes_downtime_events")}
    replaced = {row["supersedes"] for row in entries.values() if row["supersedes"]}
    found = []
    for number, row in entries.items():
        if number in replaced or row["reason_code"][1:] not in BREAKDOWNS:
            continue
        line = row["machine_id"][:8]
        start = dt.datetime.fromisoformat(row["start_ts"])
        end = dt.datetime.fromisoformat(row["end_ts"]) if row["end_ts"] else None
        hours = (end - start).total_seconds() / 3600 if end else None
        # A stop ends where the next begins at the latest, so its last second names its day.
        until = calendar.day(line, end) if end else None
        found.append((row["machine_id"], calendar.day(line, start), until, hours))
    assert replaced
    return found


def test_time_between_failures_is_operating_time_over_failures_and_one(
    day_by_day, states, failures
):
    operating = defaultdict(float)
    for (machine, month, kind), seconds in states.items():
        if kind in ("RUN", "CHANGEOVER"):
            operating[machine, month] += seconds / 3600
    counts = defaultdict(int)
    for machine, day, _, _ in failures:
        counts[machine, day.replace(day=1)] += 1
    for kind, period, place, time in (
        ("work_unit", "quarter", same, quarter_of),
        ("site", "month", site_of, same),
    ):
        hours = summed(operating, machine=place, month=time)
        events = summed(counts, machine=place, month=time)
        found = readings(day_by_day, "KPI031", kind, period)
        assert found.keys() == hours.keys()
        for key, (numerator, denominator, value) in found.items():
            # Hours are stored by machine and day with six decimals.
            assert numerator == close(hours[key], 1e-5)
            assert denominator == events[key] + 1
            assert value == close(hours[key] / (events[key] + 1), 1e-5)


def test_time_to_restoration_is_the_hours_of_breakdowns_that_ended(day_by_day, failures):
    hours, counts = defaultdict(float), defaultdict(int)
    for machine, _, until, lasted in failures:
        if until is not None:
            key = site_of(machine), until.replace(day=1)
            hours[key] += lasted
            counts[key] += 1

    found = readings(day_by_day, "KPI033", "site", "month")

    assert found.keys() == hours.keys()
    for key, (numerator, denominator, value) in found.items():
        assert (numerator, denominator) == (close(hours[key], 1e-5), counts[key] + 1)
        assert value == close(hours[key] / (counts[key] + 1), 1e-5)


def test_breakdowns_that_people_entered_are_those_that_machines_reported(states, failures):
    """The two sources meet: what differs is short, mistyped or not yet corrected."""
    reported = sum(seconds for (*_, kind), seconds in states.items() if kind == "FAULT") / 3600
    entered = sum(hours for *_, hours in failures if hours)

    # Stops below five minutes are not entered; three in a thousand are called a jam for ever.
    assert 0.98 < entered / reported < 1.001


def test_technical_and_allocation_efficiency_are_what_the_states_say(day_by_day, states):
    by_site = summed(states, machine=site_of, month=same)
    busy = readings(day_by_day, "KPI008", "site", "month")
    technical = readings(day_by_day, "KPI012", "site", "month")
    allocation = readings(day_by_day, "KPI004", "site", "month")

    assert technical.keys() == allocation.keys() == busy.keys()
    for key in technical:
        run, setup, wait, fault = (
            by_site.get((*key, kind), 0) / 60 for kind in ("RUN", "CHANGEOVER", "WAIT", "FAULT")
        )
        assert technical[key][2] == close(run / (run + wait + fault), 1e-5)
        assert allocation[key][0] == close(run + setup + wait + fault, 1e-5)
        assert allocation[key][1] == busy[key][1]
    shock = [kind for *_, kind in by_site if kind == "NO_ORDERS"]
    assert shock


def test_nee_is_processing_time_times_effectiveness_times_quality(day_by_day):
    for kind in ("site", "line", "leader"):
        nee, busy, speed, quality = (
            readings(day_by_day, kpi, kind, "month")
            for kpi in ("KPI007", "KPI008", "KPI009", "KPI010")
        )
        hours = readings(day_by_day, "KPI031", kind, "month")
        assert len(nee) > 5
        for key, (_, _, value) in nee.items():
            processing = 60 * hours[key][0] / busy[key][1]
            assert value == close(processing * speed[key][2] * quality[key][2], 1e-6)


# ------------------------------------------------------------------------------------ maintenance


def test_corrective_maintenance_is_the_share_of_hours_of_finished_orders(
    day_by_day, files, calendar
):
    orders = {row["WO_NO"]: row for row in files.rows("cmms_work_orders", mark=";")}
    stops = {row["downtime_id"] for row in files.rows("mes_downtime_events")}
    hours = defaultdict(float)
    for row in orders.values():
        assert row["STOP_NO"] == "" or row["STOP_NO"] in stops
        if row["STATUS"] == "DONE":
            begin, end = (
                dt.datetime.fromisoformat(
                    "{2}-{1}-{0}T{3}".format(*row[name].replace(" ", ".").split("."))
                ).replace(tzinfo=ZONES[row["PLANT"]])
                for name in ("STARTED", "FINISHED")
            )
            month = calendar.day(row["EQUIPMENT"][:8], end).replace(day=1)
            hours[row["PLANT"], month, row["WO_TYPE"]] += (end - begin).total_seconds() / 3600

    found = readings(day_by_day, "KPI034", "site", "month")

    assert found.keys() == {key[:2] for key in hours}
    for key, (numerator, denominator, _) in found.items():
        assert numerator == close(hours[*key, "CM"], 1e-5)
        assert denominator == close(hours[*key, "CM"] + hours[*key, "PM"], 1e-5)


# ----------------------------------------------------------------------------------- working time


@pytest.fixture(scope="module")
def staff(files):
    """Return unit, shift and kind of a person on a day, from the last snapshots."""
    kinds = {
        row["Employee_ID"]: row["Worker_Type"] for row in files.rows("hr_employees", last=True)
    }
    versions = defaultdict(list)
    for row in files.rows("hr_assignments", last=True):
        versions[row["Employee_ID"]].append(row)

    def of(person, day):
        (row,) = [
            row for row in versions[person] if row["Effective_Date"] <= day <= row["End_Date"]
        ]
        return row["Supervisory_Organization"], row["Work_Shift"], kinds[person]

    return of


@pytest.fixture(scope="module")
def entries(files):
    rows = {row["Time_Block"]: row for row in files.rows("hr_time_entries")}
    replaced = {row["Replaces"] for row in rows.values()}
    return [row for number, row in rows.items() if number not in replaced]


def test_absenteeism_is_the_rostered_time_missed_on_days_of_sickness(
    day_by_day, files, entries, staff
):
    away = set()
    for row in {row["Absence_ID"]: row for row in files.rows("hr_absences")}.values():
        if row["Absence_Type"] in ("Sick_Leave", "No_Show"):
            day = dt.date.fromisoformat(row["First_Day"])
            until = min(dt.date.fromisoformat(row["Last_Day"]), dt.date(2026, 10, 3))
            while day <= until:
                away.add((row["Employee_ID"], str(day)))
                day += DAY
    missed, rostered = defaultdict(float), defaultdict(float)
    for row in entries:
        person, day = row["Employee_ID"], row["Reported_Date"]
        unit, _, kind = staff(person, day)
        if kind != "Employee":
            continue
        key = unit, dt.date.fromisoformat(day).replace(day=1)
        scheduled, attended = float(row["Scheduled_Hours"]), float(row["Reported_Hours"])
        rostered[key] += scheduled
        if (person, day) in away:
            missed[key] += max(scheduled - attended, 0)

    found = readings(day_by_day, "KPI054", "org_unit", "month")

    lines = {key: value for key, value in found.items() if key[0].startswith("L-")}
    assert len(lines) > 20
    for key, (numerator, denominator, value) in lines.items():
        assert (numerator, denominator) == (close(missed[key]), close(rostered[key]))
        # Too few hours would show who was away.
        assert (value is None) == (denominator < 180)


def test_worker_efficiency_is_what_shift_workers_booked_of_what_they_attended(
    day_by_day, files, entries, staff, calendar
):
    other_id = {
        row["source_id"]: row["employee_id"] for row in files.rows("hr_person_crosswalk", last=True)
    }
    attended, booked = defaultdict(float), defaultdict(float)
    for row in entries:
        unit, shift, _ = staff(row["Employee_ID"], row["Reported_Date"])
        if shift:
            month = dt.date.fromisoformat(row["Reported_Date"]).replace(day=1)
            attended[unit, month] += float(row["Reported_Hours"])
    for row in {row["booking_id"]: row for row in files.rows("mes_labour_bookings")}.values():
        if row["kind"] == "direct":
            start = dt.datetime.fromisoformat(row["start_ts"])
            place = row["work_centre"]
            day = calendar.day(place[:4] if place.endswith("PACK") else place[:8], start)
            unit, _, _ = staff(other_id[row["employee_id"]], str(day))
            booked[unit, day.replace(day=1)] += float(row["hours"])

    found = readings(day_by_day, "KPI001", "org_unit", "month")

    lines = {key: value for key, value in found.items() if key[0].startswith("L-")}
    assert len(lines) > 20
    for key, (numerator, denominator, _) in lines.items():
        assert (numerator, denominator) == (close(booked[key]), close(attended[key]))


# ------------------------------------------------------------------------------------ observations


def test_observations_beyond_the_plan_do_not_count(day_by_day, files):
    plans = {}
    for row in files.rows("leader_plans"):
        if row["kind"] == "safety_observation":
            plans[row["leader_id"], dt.date.fromisoformat(row["period"])] = int(row["planned"])
    seen = defaultdict(int)
    for row in files.rows("ehs_observations"):
        day = dt.date.fromisoformat(row["observed_ts"][:10])
        seen[row["observer_id"], day.replace(day=1)] += 1

    found = readings(day_by_day, "KPI043", "leader", "month")

    assert len(found) > 30
    for key, (numerator, denominator, _) in found.items():
        assert (numerator, denominator) == (min(seen[key], plans[key]), plans[key])
